//! What shields promise.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_shield {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness shield {
            a_shield_runs_to_its_end_and_then_the_scope_ends
            shields_nest
            a_shield_in_one_branch_keeps_the_scope_open_for_itself
            a_value_that_comes_with_the_end_of_a_shield_wins
            a_shield_goes_with_what_is_dropped_around_it
            a_shield_outside_of_all_scopes_is_nothing
            a_wait_in_a_shield_is_bounded_by_no_scope
        } }
    };
}

use core::future::{Future, pending, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;

use super::Harness;
use super::gate::{Gate, Log};
use super::hand::{ByHand, at_once, yield_once};
use super::rig::{Rig, SLOW};
use super::scope::{SECOND, by_hand, select, wait};
use super::timeout::{HOUR, SHORT, assert_over};
use crate::time::Deadline;
use crate::timeout::{ElapsedKind as Kind, shield};

/// Polls two futures until both are done.
async fn join<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut left, mut right) = (None, None);
    poll_fn(|context| {
        if let (None, Poll::Ready(output)) = (&left, poll_unless(left.is_some(), first.as_mut(), context)) {
            left = Some(output);
        }
        if let (None, Poll::Ready(output)) = (&right, poll_unless(right.is_some(), second.as_mut(), context)) {
            right = Some(output);
        }
        match (left.is_some(), right.is_some()) {
            (true, true) => Poll::Ready(left.take().zip(right.take()).expect("both are done")),
            _ => Poll::Pending,
        }
    })
    .await
}

fn poll_unless<F: Future>(done: bool, future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    if done { Poll::Pending } else { future.poll(context) }
}

pub async fn a_shield_runs_to_its_end_and_then_the_scope_ends<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let (start, log) = (rig.now(), Log::new());
    let block = tm.scope(async {
        shield(async {
            assert_eq!((tm.remaining(), Deadline::current()), (None, Deadline::NEVER));
            // Nothing in it is bounded by the scope, but what it says itself is.
            log.push(wait(&tm, 3 * SHORT).await);
        })
        .await;
        assert!(tm.remaining().is_some());
        pending::<()>().await;
    });
    assert_over(block.await, Kind::Own, SHORT);
    rig.assert_elapsed(start, 3 * SHORT);
    assert_eq!(log.entries(), [(Kind::Own, 3 * SHORT)]);
}

pub async fn shields_nest<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let gates = [(); 2].map(|()| Gate::new());
    let [first, second] = gates.clone();
    let log = Log::new();
    let mut block = ByHand::waiting(tm.scope(async {
        shield(async {
            // A scope in a shield is bounded by nothing around the shield, and has a shield of its own.
            let inner = tm.scope(async {
                shield(first.pass()).await;
                log.push("the inner shield");
                pending::<()>().await;
            });
            assert_over(inner.await, Kind::Own, SECOND);
            log.push("the inner scope");
            second.pass().await;
            log.push("the outer shield");
        })
        .await;
        pending::<()>().await;
    }));
    clock.advance(HOUR);
    block.assert_waits();
    assert_eq!(log.len(), 0);
    gates[0].open();
    block.assert_waits();
    assert_eq!(log.entries(), ["the inner shield", "the inner scope"]);
    gates[1].open();
    assert_over(block.output(), Kind::Own, SECOND);
    assert_eq!((log.len(), tm.pending()), (3, 0));
}

pub async fn a_shield_in_one_branch_keeps_the_scope_open_for_itself<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let (gate, log) = (Gate::new(), Log::new());
    let mut block = ByHand::waiting(tm.scope(join(
        async {
            shield(gate.pass()).await;
            log.push((Kind::Own, Duration::ZERO));
            pending::<()>().await;
        },
        // What waits beside the shield ends with the scope's time.
        async { log.push(wait(&tm, HOUR).await) },
    )));
    clock.advance(2 * SECOND);
    block.assert_waits();
    assert_eq!(log.entries(), [(Kind::Inherited, SECOND)]);
    gate.open();
    assert_over(block.output(), Kind::Own, SECOND);
    assert_eq!(log.len(), 2);
}

pub async fn a_value_that_comes_with_the_end_of_a_shield_wins<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let gate = Gate::new();
    let mut block = ByHand::waiting(tm.scope(shield(gate.pass())));
    clock.advance(HOUR);
    block.assert_waits();
    gate.open();
    assert_eq!(block.output(), Ok(()));
}

pub async fn a_shield_goes_with_what_is_dropped_around_it<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let gate = Gate::new();
    // A scope that is dropped.
    drop(ByHand::waiting(tm.scope(shield(gate.pass()))));
    assert_eq!((tm.pending(), Deadline::current()), (0, Deadline::NEVER));
    // A run is no scope.
    assert_over(tm.run(shield(gate.pass())).await, Kind::Own, SHORT);
    // A branch that loses.
    let block = tm.scope(async {
        select(shield(gate.pass()), yield_once()).await;
        pending::<()>().await;
    });
    assert_over(block.await, Kind::Own, SHORT);
}

pub async fn a_shield_outside_of_all_scopes_is_nothing<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    assert_eq!(at_once(shield(async { 7 })), 7);
    assert_eq!(shield(tm.scope(yield_once())).await, Ok(()));
    assert_over(shield(tm.scope(pending::<()>())).await, Kind::Own, SHORT);
}

pub async fn a_wait_in_a_shield_is_bounded_by_no_scope<H: Harness>(rig: Rig<H>) {
    let (tm, limiter) = (rig.timeouts(HOUR / 2), rig.drained(SLOW));
    ByHand::waiting(tm.scope(shield(limiter.acquire())));
    assert_eq!((limiter.waiters(), tm.pending()), (0, 0));
}
