//! The ways to apply a limiter: to any future, to a stream, behind a type that does not tell which it is.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_ways {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness ways {
            any_future_is_limited_by_any_limiter
            a_limited_future_is_not_polled_before_its_turn
            a_boxed_limiter_is_the_limiter
            so_many_of_each_part_are_let_through
            throttle_gives_each_item_for_a_cell
            throttle_loses_no_item_when_a_next_is_given_up_or_refused
            limit_concurrency_runs_as_many_as_there_are_slots
            limit_concurrency_gives_outputs_as_they_complete
            limit_concurrency_loses_no_future_that_is_refused
            a_limited_stream_that_is_dropped_returns_its_slots
        } }
    };
}

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll};

use futures_core::Stream;

use super::Harness;
use super::gate::Gate;
use super::hand::{ByHand, assert_refused, at_once, refused, yield_once};
use super::rig::{FAST, Rig, SLOW};
use crate::limit::{BoxLimiter, Limiter, ResourceLimitErrorKind as Kind, ResourceLimiter};
use crate::{FutureExt, StreamExt};

/// A stream of what a list holds, that counts how often it was asked.
struct Items<T>(alloc::vec::IntoIter<T>, Arc<AtomicUsize>);

impl<T> Unpin for Items<T> {}

impl<T> Items<T> {
    fn new(items: impl IntoIterator<Item = T>) -> (Self, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        (Self(items.into_iter().collect::<Vec<_>>().into_iter(), Arc::clone(&taken)), taken)
    }
}

impl<T> Stream for Items<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        let item = self.0.next();
        // ORDERING: SeqCst, here and below: checks are not in a hurry.
        self.1.fetch_add(usize::from(item.is_some()), Ordering::SeqCst);
        Poll::Ready(item)
    }
}

/// The next item.
fn next<S: Stream>(mut stream: Pin<&mut S>) -> impl Future<Output = Option<S::Item>> {
    poll_fn(move |context| stream.as_mut().poll_next(context))
}

pub async fn any_future_is_limited_by_any_limiter<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.rate(SLOW.burst(9)), rig.slots(2));
    let both = ResourceLimiter::new(&rate, &slots);
    assert_eq!(async { slots.in_flight() }.limited_by(&slots).await, Ok(1));
    assert_eq!(async { rate.available() }.limited_by(&rate).await, Ok(8));
    assert_eq!(async { (rate.available(), slots.in_flight()) }.limited_by(&both).await, Ok((7, 1)));
    assert_eq!(async { 5 }.limited_by(&Arc::new(slots.clone())).await, Ok(5));
    slots.close();
    assert_refused(async { 5 }.limited_by(&slots).await, Kind::Closed);
}

pub async fn a_limited_future_is_not_polled_before_its_turn<H: Harness>(rig: Rig<H>) {
    let rate = rig.drained(SLOW);
    let polled = AtomicUsize::new(0);
    let mut limited = ByHand::waiting(async { polled.fetch_add(1, Ordering::SeqCst) }.limited_by(&rate));
    assert_eq!(polled.load(Ordering::SeqCst), 0);
    rate.refund(1);
    assert!(limited.output_after_wake().is_ok());
}

pub async fn a_boxed_limiter_is_the_limiter<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.rate(SLOW.burst(9)), rig.slots(2));
    let all: [BoxLimiter; 3] =
        [rate.clone().boxed(), slots.clone().boxed(), ResourceLimiter::new(&rate, &slots).boxed()];
    let permits: Vec<_> = all.iter().map(|limiter| limiter.try_admit(1).expect("all have one")).collect();
    assert_eq!((rate.available(), slots.in_flight()), (7, 2));
    assert_refused(all[1].try_admit(1), Kind::NotReady);
    let mut waiting = ByHand::waiting(all[2].clone().admit(1));
    drop(permits);
    drop(waiting.output_after_wake().expect("a slot is free"));
    assert_eq!((rate.available(), slots.in_flight()), (6, 0));
    assert_eq!(at_once(async { 1 }.limited_by(&all[1])), Ok(1));
}

pub async fn so_many_of_each_part_are_let_through<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.rate(SLOW.burst(9)), rig.slots(5));
    let both = ResourceLimiter::new(&rate, &slots);
    let permit = at_once(both.admit(3)).expect("all have three");
    assert_eq!((rate.available(), slots.in_flight()), (6, 3));
    assert_refused(both.try_admit(6), Kind::TooLarge);
    drop(permit);
    drop(both.try_admit(5).expect("all have five"));
    assert_eq!((rate.available(), slots.in_flight()), (1, 0));
}

pub async fn throttle_gives_each_item_for_a_cell<H: Harness>(rig: Rig<H>) {
    let rate = rig.drained(SLOW.burst(9));
    let (items, taken) = Items::new([1, 2, 3]);
    let mut stream = pin!(items.throttle(&rate));
    rate.refund(2);
    assert_eq!(at_once(next(stream.as_mut())), Some(Ok(1)));
    assert_eq!(at_once(next(stream.as_mut())), Some(Ok(2)));
    let mut third = ByHand::waiting(next(stream.as_mut()));
    assert_eq!((taken.load(Ordering::SeqCst), rate.waiters()), (3, 1));
    rate.refund(2);
    assert_eq!(third.output_after_wake(), Some(Ok(3)));
    drop(third);
    assert_eq!(at_once(next(stream.as_mut())), None);
    assert_eq!(rate.available(), 1, "the end of a stream takes no cell");
}

pub async fn throttle_loses_no_item_when_a_next_is_given_up_or_refused<H: Harness>(rig: Rig<H>) {
    let rate = rig.drained(SLOW);
    let (items, _) = Items::new([1, 2]);
    let mut stream = pin!(items.throttle(&rate));
    drop(ByHand::waiting(next(stream.as_mut())));
    assert_eq!(stream.size_hint(), (1, None));
    rate.close();
    for item in [1, 2] {
        let refused = at_once(next(stream.as_mut())).expect("there are two").expect_err("it is closed");
        assert_eq!((refused.error().kind(), refused.to_string()), (Kind::Closed, refused.error().to_string()));
        assert_eq!(refused.into_inner(), item);
    }
    assert!(at_once(next(stream.as_mut())).is_none());
}

pub async fn limit_concurrency_runs_as_many_as_there_are_slots<H: Harness>(rig: Rig<H>) {
    let (slots, gate) = (rig.slots(3), Gate::new());
    let (items, taken) = Items::new((0..10).map(|number| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            number
        }
    }));
    let mut stream = Box::pin(items.limit_concurrency(&slots));
    let waiting = ByHand::waiting(next(stream.as_mut()));
    assert_eq!((slots.in_flight(), slots.waiters(), taken.load(Ordering::SeqCst)), (3, 1, 4));
    drop(waiting);
    gate.open();
    let mut outputs = Vec::new();
    while let Some(output) = next(stream.as_mut()).await {
        outputs.push(output.ok().expect("the limit is open"));
        assert!(slots.in_flight() <= 3);
    }
    outputs.sort_unstable();
    assert_eq!(outputs, (0..10).collect::<Vec<_>>());
    assert_eq!((slots.in_flight(), slots.waiters()), (0, 0));
}

pub async fn limit_concurrency_gives_outputs_as_they_complete<H: Harness>(rig: Rig<H>) {
    let (slots, gate) = (rig.slots(2), Gate::new());
    let (items, _) = Items::new([true, false].map(|waits| {
        let gate = gate.clone();
        async move {
            if waits {
                gate.pass().await;
            }
            yield_once().await;
            waits
        }
    }));
    let mut stream = Box::pin(items.limit_concurrency(&slots));
    let first = next(stream.as_mut()).await.and_then(Result::ok);
    gate.open();
    let second = next(stream.as_mut()).await.and_then(Result::ok);
    assert_eq!((first, second), (Some(false), Some(true)));
    assert!(next(stream.as_mut()).await.is_none());
}

pub async fn limit_concurrency_loses_no_future_that_is_refused<H: Harness>(rig: Rig<H>) {
    let slots = rig.slots(1);
    let (items, _) = Items::new((0..2).map(|number| async move { number }));
    let mut stream = Box::pin(items.limit_concurrency(&slots));
    slots.close();
    for number in 0..2 {
        let outcome = at_once(next(stream.as_mut())).expect("there are two");
        let Err(refused) = outcome else { panic!("it is let through") };
        assert_eq!(refused.error().kind(), Kind::Closed);
        assert_eq!(refused.into_inner().await, number);
    }
    assert!(at_once(next(stream.as_mut())).is_none());
}

pub async fn a_limited_stream_that_is_dropped_returns_its_slots<H: Harness>(rig: Rig<H>) {
    let (slots, rate) = (rig.slots(2), rig.drained(FAST));
    let (items, _) = Items::new((0..5).map(|_| core::future::pending::<()>()));
    let mut stream = Box::pin(items.limit_concurrency(&slots));
    drop(ByHand::waiting(next(stream.as_mut())));
    assert_eq!((slots.in_flight(), slots.waiters()), (2, 1));
    drop(stream);
    assert_eq!((slots.in_flight(), slots.waiters()), (0, 0));
    let mut stream = Box::pin(Items::new([1]).0.throttle(&rate));
    let first = next(stream.as_mut()).await;
    assert_eq!(first.map(|item| item.map_err(|refused| refused.error())), Some(Ok(1)));
    assert!(refused(slots.try_acquire_many(3)).part().is_none());
}
