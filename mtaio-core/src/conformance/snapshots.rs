//! What limiters tell of themselves.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_snapshots {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness snapshots {
            a_snapshot_tells_what_is_there
            one_that_counts_counts_every_request
            one_that_does_not_count_tells_of_those_who_stood_in_line
            waits_that_are_given_up_are_cancelled_also_after_their_grant
            the_oldest_wait_and_the_longest_grant_that_nobody_claims_are_told
            a_combination_tells_of_each_part_in_the_order_of_building
        } }
    };
}

use alloc::vec::Vec;
use core::time::Duration;

use super::Harness;
use super::hand::{ByHand, assert_refused, at_once};
use super::rig::{Rig, SLOW};
use crate::limit::{
    ConcurrencyLimiter, LineSnapshot, PartKind, PartSnapshot, Quota, RateLimiter, ResourceLimitErrorKind as Kind,
    ResourceLimiter,
};

const SHORT: Duration = Duration::from_millis(2);
/// What two stamps can be off together.
const TICKS: Duration = Duration::from_micros(2);

type Slots<H> = ConcurrencyLimiter<<H as Harness>::Runtime>;
type Rate<H> = RateLimiter<<H as Harness>::Runtime>;

fn counting_slots<H: Harness>(rig: &Rig<H>, limit: usize) -> Slots<H> {
    Slots::<H>::builder(limit).counting().build_on(rig.runtime.clone()).expect("the limit is valid")
}

fn counting_rate<H: Harness>(rig: &Rig<H>, initial: u32) -> Rate<H> {
    let quota = Quota::per_hour(1).burst(5);
    Rate::<H>::builder(quota).initial(initial).counting().build_on(rig.runtime.clone())
}

/// How many were granted, refused and given up.
fn counts(line: &LineSnapshot) -> (u64, u64, u64) {
    (line.granted, line.refused, line.cancelled)
}

pub async fn a_snapshot_tells_what_is_there<H: Harness>(rig: Rig<H>) {
    let (slots, rate) = (rig.slots(3), rig.rate(SLOW));
    let permits = slots.try_acquire_many(3).expect("they are free");
    let _waiting = [ByHand::waiting(slots.acquire()), ByHand::waiting(slots.acquire())];
    slots.set_limit(2);
    let snapshot = slots.snapshot();
    assert_eq!((snapshot.limit, snapshot.in_flight, snapshot.closed, snapshot.line.waiting), (2, 3, false, 2));
    drop(permits);

    assert_eq!((rate.snapshot().quota, rate.snapshot().available), (SLOW, 1));
    rate.try_acquire().expect("it is full");
    let _waiting = ByHand::waiting(rate.acquire());
    let snapshot = rate.snapshot();
    assert_eq!((snapshot.available, snapshot.closed, snapshot.line.waiting), (0, false, 1));
    rate.close();
    assert!(rate.snapshot().closed);
}

pub async fn one_that_counts_counts_every_request<H: Harness>(rig: Rig<H>) {
    let slots = counting_slots(&rig, 2);
    let two = at_once(slots.acquire_many(2)).expect("they are free");
    assert_refused(slots.try_acquire(), Kind::NotReady);
    assert_refused(at_once(slots.acquire_many(3)), Kind::TooLarge);
    drop(at_once(slots.acquire_many(0)).expect("it is nothing"));
    let mut waiting = ByHand::waiting(slots.acquire());
    drop(two);
    drop(waiting.output_after_wake().expect("it is open"));
    drop(slots.try_acquire_owned().expect("a slot is free"));
    assert_eq!((counts(&slots.snapshot().line), slots.available()), ((3, 2, 0), 2));
    slots.close();
    assert_refused(slots.try_acquire(), Kind::Closed);
    assert_eq!(counts(&slots.snapshot().line), (3, 3, 0));

    let rate = counting_rate(&rig, 2);
    assert_eq!(at_once(rate.acquire()), Ok(()));
    assert_eq!(rate.try_acquire(), Ok(()));
    assert_refused(rate.try_acquire(), Kind::NotReady);
    assert_refused(rate.try_acquire_many(6), Kind::TooLarge);
    assert_refused(at_once(rate.acquire_within(SHORT)), Kind::Deadline);
    let mut waiting = ByHand::waiting(rate.acquire());
    rate.refund(1);
    assert_eq!(waiting.output_after_wake(), Ok(()));
    assert_eq!(counts(&rate.snapshot().line), (3, 3, 0));
}

pub async fn one_that_does_not_count_tells_of_those_who_stood_in_line<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let one = slots.try_acquire().expect("a slot is free");
    assert_refused(slots.try_acquire(), Kind::NotReady);
    let mut waiting: Vec<_> = (0..3).map(|_| ByHand::waiting(slots.acquire())).collect();
    assert_refused(slots.try_acquire(), Kind::NotReady);
    drop(one);
    drop(waiting[0].output_after_wake().expect("it is open"));
    drop(waiting.pop());
    let line = slots.snapshot().line;
    assert_eq!((counts(&line), line.counting, line.longest_unclaimed), ((2, 0, 1), false, None));
    assert_eq!(line.oldest_wait, None, "it has no clock");
    slots.close();
    assert_eq!(counts(&slots.snapshot().line), (2, 0, 1));
}

pub async fn waits_that_are_given_up_are_cancelled_also_after_their_grant<H: Harness>(rig: Rig<H>) {
    let (slots, rate) = (counting_slots(&rig, 1), counting_rate(&rig, 0));
    let one = slots.try_acquire().expect("a slot is free");
    let first = (ByHand::waiting(slots.acquire()), ByHand::waiting(rate.acquire()));
    let second = (ByHand::waiting(slots.acquire()), ByHand::waiting(rate.acquire()));
    let third = (ByHand::waiting(slots.acquire()), ByHand::waiting(rate.acquire()));
    drop(second);
    drop(one);
    rate.refund(1);
    assert!(first.0.is_woken() && first.1.is_woken());
    drop(first);
    assert!(third.0.is_woken() && third.1.is_woken());
    assert_eq!((counts(&slots.snapshot().line), counts(&rate.snapshot().line)), ((3, 0, 2), (2, 0, 2)));
    drop(third);
    assert_eq!((counts(&slots.snapshot().line), counts(&rate.snapshot().line)), ((3, 0, 3), (2, 0, 3)));
    assert_eq!((slots.available(), rate.available()), (1, 1));
}

pub async fn the_oldest_wait_and_the_longest_grant_that_nobody_claims_are_told<H: Harness>(rig: Rig<H>) {
    let (slots, rate) = (counting_slots(&rig, 1), counting_rate(&rig, 0));
    let one = slots.try_acquire().expect("a slot is free");
    for line in [slots.snapshot().line, rate.snapshot().line] {
        assert_eq!(line.oldest_wait, Some(Duration::ZERO));
    }
    let mut first = (ByHand::waiting(slots.acquire()), ByHand::waiting(rate.acquire()));
    rig.sleep(SHORT).await;
    let _second = (ByHand::waiting(slots.acquire()), ByHand::waiting(rate.acquire()));
    for line in [slots.snapshot().line, rate.snapshot().line] {
        assert!(line.oldest_wait.expect("it has a clock") + TICKS >= SHORT, "{line:?}");
        assert_eq!(line.longest_unclaimed, Some(Duration::ZERO));
    }
    drop(one);
    rate.refund(1);
    rig.sleep(SHORT).await;
    drop(first.0.output_after_wake().expect("it is open"));
    first.1.output_after_wake().expect("it is open");
    for line in [slots.snapshot().line, rate.snapshot().line] {
        assert!(line.longest_unclaimed.expect("it counts") + TICKS >= SHORT, "{line:?}");
    }
}

pub async fn a_combination_tells_of_each_part_in_the_order_of_building<H: Harness>(rig: Rig<H>) {
    let (first, slots) = (counting_rate(&rig, 2), counting_slots(&rig, 2));
    let second = rig.drained(Quota::per_hour(2).burst(1));
    let builder = ResourceLimiter::builder().rate(&first).concurrency(&slots).rate(&second);
    let all = builder.build().expect("they go by one clock");
    let waiting = ByHand::waiting(all.acquire());
    let snapshot = all.snapshot();
    let kinds: Vec<_> = snapshot.iter().map(|(part, _)| (part.index(), part.kind())).collect();
    assert_eq!(kinds, [(0, PartKind::Rate), (1, PartKind::Concurrency), (2, PartKind::Rate)]);
    // It holds its turn at the slower rate, a slot, and waits at the other rate.
    let told: Vec<_> = snapshot.iter().map(|(_, part)| (part.line().waiting, part.line().granted)).collect();
    assert_eq!(told, [(1, 0), (0, 1), (1, 0)]);
    assert!(matches!(snapshot[1].1, PartSnapshot::Concurrency(slots) if slots.in_flight == 1));
    drop(waiting);
    let told: Vec<_> = all.snapshot().iter().map(|(_, part)| (part.line().waiting, part.line().cancelled)).collect();
    assert_eq!(told, [(0, 1), (0, 0), (0, 1)]);
    assert_eq!(slots.in_flight(), 0);
}
