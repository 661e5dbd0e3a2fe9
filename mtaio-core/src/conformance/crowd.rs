//! A thousand waiters of mixed sizes, some of whom give up, and what is conserved.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_crowd {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness crowd {
            a_thousand_waiters_for_slots_are_served_in_order_while_others_give_up
            a_thousand_waiters_for_cells_are_served_in_order_while_others_give_up
            a_thousand_waiters_for_a_rate_are_served_in_order_while_others_give_up
        } }
    };
}

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::task::Poll;
use core::time::Duration;

use super::Harness;
use super::hand::ByHand;
use super::rig::Rig;
use crate::limit::{Quota, ResourceLimitError};
use crate::runtime::{Dice, Timer};
use crate::sync::Permit;

const WAITERS: usize = 1000;
const SIZE: u32 = 8;

/// One in line, who asked for so many.
struct Waiter<'a, T> {
    number: usize,
    n: u32,
    future: ByHand<'a, Result<T, ResourceLimitError>>,
}

type Line<'a, T> = VecDeque<Waiter<'a, T>>;

/// Draws lots, the same ones in each run.
struct Lots(Dice);

impl Lots {
    fn new() -> Self {
        Self(Dice::new(0x006d_7461_696f))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.roll() as usize % end
    }

    fn size(&mut self) -> u32 {
        1 + self.below(SIZE as usize) as u32
    }

    /// Lets some of the line give up, whether they were granted something or not.
    fn cancel_some<T>(&mut self, line: &mut Line<'_, T>) {
        for _ in 0..self.below(4) {
            if !line.is_empty() {
                let place = self.below(line.len());
                // One in four of them is at the front, where a grant is on its way.
                let place = if self.below(4) == 0 { 0 } else { place };
                line.remove(place);
            }
        }
    }
}

/// Polls the whole line, from its end, so that the order of polls is not the order of grants, and takes out who was served.
fn served<T>(line: &mut Line<'_, T>) -> Vec<(usize, u32, T)> {
    let mut served = Vec::new();
    let mut waiting = VecDeque::new();
    while let Some(mut waiter) = line.pop_back() {
        match waiter.future.poll() {
            Poll::Ready(outcome) => served.push((waiter.number, waiter.n, outcome.expect("it is open"))),
            Poll::Pending => waiting.push_front(waiter),
        }
    }
    served.reverse();
    if let (Some((last, ..)), Some(front)) = (served.last(), waiting.front()) {
        assert!(*last < front.number, "{last} was served before {}", front.number);
    }
    *line = waiting;
    served
}

/// Remembers who was served, and that nobody came out of order.
#[derive(Default)]
struct Order {
    last: Option<usize>,
    count: usize,
}

impl Order {
    fn note(&mut self, number: usize) {
        assert!(self.last.is_none_or(|last| last < number), "{number} was served after {:?}", self.last);
        self.last = Some(number);
        self.count += 1;
    }
}

pub async fn a_thousand_waiters_for_slots_are_served_in_order_while_others_give_up<H: Harness>(rig: Rig<H>) {
    let (slots, mut lots, mut order) = (rig.slots(SIZE as usize), Lots::new(), Order::default());
    let mut held: Vec<Permit<'_>> = Vec::from([slots.try_acquire_many(SIZE).expect("they are free")]);
    let mut line: Line<'_, Permit<'_>> = (0..WAITERS)
        .map(|number| {
            let n = lots.size();
            Waiter { number, n, future: ByHand::waiting(slots.acquire_many(n)) }
        })
        .collect();
    assert_eq!(slots.waiters(), WAITERS);
    while !line.is_empty() || !held.is_empty() {
        if !held.is_empty() {
            drop(held.swap_remove(lots.below(held.len())));
        }
        lots.cancel_some(&mut line);
        for (number, n, permit) in served(&mut line) {
            assert_eq!(permit.count(), n);
            order.note(number);
            held.push(permit);
        }
        let in_use: u32 = held.iter().map(Permit::count).sum();
        assert_eq!((slots.in_flight(), slots.available()), (in_use as usize, (SIZE - in_use) as usize));
        assert_eq!(slots.waiters(), line.len());
    }
    assert!(order.count > WAITERS / 10, "only {} were served", order.count);
    assert_eq!((slots.available(), slots.in_flight(), slots.waiters()), (SIZE as usize, 0, 0));
}

pub async fn a_thousand_waiters_for_cells_are_served_in_order_while_others_give_up<H: Harness>(rig: Rig<H>) {
    let quota = Quota::per_hour(1).burst(SIZE);
    let (limiter, mut lots, mut order) = (rig.drained(quota), Lots::new(), Order::default());
    let mut line: Line<'_, ()> = (0..WAITERS)
        .map(|number| {
            let n = lots.size();
            Waiter { number, n, future: ByHand::waiting(limiter.acquire_many(n)) }
        })
        .collect();
    let (mut given, mut taken) = (0, 0);
    while !line.is_empty() {
        // Little enough that the bucket never overflows: then every cell is somewhere.
        let cell = u32::from(given - taken < SIZE);
        limiter.refund(cell);
        given += cell;
        lots.cancel_some(&mut line);
        for (number, n, ()) in served(&mut line) {
            order.note(number);
            taken += n;
        }
        assert_eq!(limiter.waiters(), line.len());
    }
    assert!(order.count > WAITERS / 100, "only {} were served", order.count);
    assert_eq!(limiter.available(), given - taken);
}

pub async fn a_thousand_waiters_for_a_rate_are_served_in_order_while_others_give_up<H: Harness>(rig: Rig<H>) {
    let (slow, fast) = (Quota::per_hour(1).burst(SIZE), Quota::per_second(100_000).burst(SIZE));
    let (limiter, mut lots, mut order) = (rig.drained(slow), Lots::new(), Order::default());
    let mut line: Line<'_, ()> = (0..WAITERS)
        .map(|number| Waiter { number, n: SIZE, future: ByHand::waiting(limiter.acquire_many(SIZE)) })
        .collect();
    let start = rig.now();
    limiter.set_quota(fast);
    let mut taken = 0_u64;
    while !line.is_empty() {
        for (number, n, ()) in served(&mut line) {
            order.note(number);
            taken += u64::from(n);
        }
        lots.cancel_some(&mut line);
        rig.sleep(Duration::from_micros(100)).await;
    }
    // By the limiter's own clock: the burst, and the rate for as long as it took, a late timer included.
    let time = rig.now() - start + 2 * rig.runtime.granularity();
    let most = u128::from(SIZE) + time.as_nanos() / 10_000 + 1;
    assert!(u128::from(taken) <= most, "{taken} cells in {time:?}");
    assert_eq!(limiter.waiters(), 0);
}
