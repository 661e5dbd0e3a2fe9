//! Deadlines that are moved while others wait.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_moved {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness moved {
            a_deadline_is_moved_while_its_scope_waits
            a_deadline_moves_back_and_forth
            a_deadline_is_moved_from_inside
            a_deadline_is_moved_from_another_task
            what_waits_in_a_scope_goes_by_a_deadline_that_was_moved
            a_scope_around_a_movable_one_is_not_moved
            many_scopes_are_moved_by_many_tasks
        } }
    };
}

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::pending;
use core::time::Duration;

use super::Harness;
use super::gate::Log;
use super::hand::{ByHand, yield_once};
use super::rig::Rig;
use super::scope::{SECOND, by_hand, wait};
use super::timeout::{HOUR, SHORT, assert_over};
use crate::runtime::{Clock, ManualClock, Timer};
use crate::time::{Deadline, Instant};
use crate::timeout::{Elapsed, ElapsedKind as Kind, ScopeHandle, TimeoutManager};

/// A scope that waits for nothing, and its handle.
fn movable<'a>(tm: &'a TimeoutManager<ManualClock>) -> (ByHand<'a, Result<(), Elapsed>>, ScopeHandle<ManualClock>) {
    let given = Log::new();
    let handle = given.clone();
    let scope = ByHand::waiting(tm.scope_with(move |scope| {
        given.push(scope);
        pending::<()>()
    }));
    (scope, handle.entries().pop().expect("the body was called"))
}

pub async fn a_deadline_is_moved_while_its_scope_waits<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(2 * SECOND);
    let mut others: Vec<_> = (0..10).map(|_| ByHand::waiting(tm.run(pending::<()>()))).collect();
    let (mut later, handle) = movable(&tm);
    handle.extend(SECOND);
    later.assert_waits();
    let (mut sooner, handle) = movable(&tm);
    handle.set_deadline(clock.now() + SECOND);
    assert!(sooner.is_woken());
    sooner.assert_waits();
    let (mut now, handle) = movable(&tm);
    handle.expire();
    assert_over(now.output_after_wake(), Kind::Own, Duration::ZERO);
    let (mut never, handle) = movable(&tm);
    handle.set_deadline(Deadline::NEVER);
    never.assert_waits();
    assert_eq!(handle.deadline().instant(), None);

    clock.advance(SECOND);
    assert_over(sooner.output(), Kind::Own, SECOND);
    assert!(others.iter().all(|run| !run.is_woken()), "nobody else's deadline moved");
    clock.advance(SECOND);
    later.assert_waits();
    assert!(others.iter_mut().all(|run| run.output_after_wake().is_err()));
    clock.advance(SECOND);
    assert_over(later.output(), Kind::Own, 3 * SECOND);
    clock.advance(1000 * HOUR);
    never.assert_waits();
    assert_eq!(tm.pending(), 1);
}

pub async fn a_deadline_moves_back_and_forth<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let (mut scope, handle) = movable(&tm);
    let _others: Vec<_> = (1..100).map(|n| ByHand::waiting(tm.run_within(n * SECOND, pending::<()>()))).collect();
    for seconds in [50, 3, 20, 2, 1000, 1, 70, 5] {
        handle.set_deadline(Instant::ORIGIN + seconds * SECOND);
        scope.assert_waits();
        assert_eq!(tm.pending(), 100);
    }
    clock.advance(5 * SECOND - Duration::from_nanos(1));
    scope.assert_waits();
    clock.advance(Duration::from_nanos(1));
    assert_over(scope.output(), Kind::Own, 5 * SECOND);
    // Moving it now moves nothing.
    handle.extend(HOUR);
    handle.expire();
    assert_eq!(tm.pending(), 94);
}

pub async fn a_deadline_is_moved_from_inside<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(SHORT);
    let start = rig.now();
    let block = tm.scope_with(|scope| {
        let (rig, tm) = (&rig, &tm);
        async move {
            assert_eq!(scope.deadline(), tm.deadline());
            scope.extend(2 * SHORT);
            assert_eq!(scope.deadline(), tm.deadline());
            rig.sleep(2 * SHORT).await;
            scope.set_deadline(rig.now() + HOUR);
            assert!(tm.remaining().is_some_and(|left| left > HOUR / 2));
            yield_once().await;
            scope.expire();
            // What needs no waiting still comes to its end.
            assert_eq!(tm.run(async { 7 }).await, Ok(7));
            assert_eq!(wait(tm, HOUR).await.0, Kind::Inherited);
            pending::<()>().await;
        }
    });
    let elapsed = block.await.expect_err("it never ends");
    assert_eq!(elapsed.kind(), Kind::Own);
    assert!(elapsed.limit() >= 2 * SHORT, "{elapsed}");
    rig.assert_elapsed(start, 2 * SHORT);
}

pub async fn a_deadline_is_moved_from_another_task<H: Harness>(rig: Rig<H>) {
    let tm = rig.timeouts(HOUR);
    let (start, given) = (rig.now(), Log::new());
    let (runtime, handles) = (rig.runtime.clone(), given.clone());
    let mover = rig.start(async move {
        let mut scope: ScopeHandle<H::Runtime> = loop {
            runtime.sleep_until(runtime.now() + SHORT / 10).await;
            if let Some(scope) = handles.entries().pop() {
                break scope;
            }
        };
        scope.extend(HOUR);
        scope = scope.clone();
        scope.set_deadline(runtime.now() + SHORT);
    });
    let block = tm.scope_with(|scope| {
        given.push(scope);
        wait(&tm, 2 * HOUR)
    });
    match block.await {
        Ok((kind, _)) => assert_eq!(kind, Kind::Inherited),
        Err(elapsed) => assert_eq!(elapsed.kind(), Kind::Own),
    }
    mover.await.expect("the task ends");
    assert!(rig.now() - start >= SHORT);
    assert_eq!(tm.pending(), 0);
}

pub async fn what_waits_in_a_scope_goes_by_a_deadline_that_was_moved<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let (given, log) = (Log::new(), Log::new());
    let mut block = ByHand::waiting(tm.scope_with(|scope| {
        given.push(scope);
        let tm = &tm;
        let log = log.clone();
        async move { log.push(wait(tm, HOUR).await) }
    }));
    let handle = given.entries().pop().expect("the body was called");
    handle.extend(SECOND);
    clock.advance(SECOND);
    block.assert_waits();
    assert_eq!(log.len(), 0);
    clock.advance(SECOND);
    assert_eq!(block.output_after_wake(), Ok(()));
    assert_eq!(log.entries(), [(Kind::Inherited, 2 * SECOND)]);
}

pub async fn a_scope_around_a_movable_one_is_not_moved<H: Harness>(_: Rig<H>) {
    let (clock, tm) = by_hand(SECOND);
    let mut block = ByHand::waiting(tm.scope(tm.scope_with(|scope| {
        scope.extend(HOUR);
        let tm = &tm;
        async move {
            assert_eq!(tm.remaining(), Some(SECOND));
            pending::<()>().await;
        }
    })));
    clock.advance(SECOND);
    match block.output_after_wake() {
        Ok(inner) => assert_over(inner, Kind::Inherited, SECOND),
        outcome => assert_over(outcome.map(|_| ()), Kind::Own, SECOND),
    }
}

pub async fn many_scopes_are_moved_by_many_tasks<H: Harness>(rig: Rig<H>) {
    let (tm, given) = (rig.timeouts(HOUR), Log::new());
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (tm, given) = (tm.clone(), given.clone());
            rig.start(async move {
                let body = |scope| {
                    given.push(scope);
                    pending::<()>()
                };
                tm.scope_with(body).await
            })
        })
        .collect();
    rig.until(|| given.len() == 20).await;
    let handles: Arc<[ScopeHandle<H::Runtime>]> = given.entries().into();
    let movers = [(); 4].map(|()| {
        let (runtime, handles) = (rig.runtime.clone(), Arc::clone(&handles));
        rig.start(async move {
            for step in 0..200_u32 {
                let scope = &handles[step as usize % 20];
                scope.set_deadline(runtime.now() + HOUR);
                scope.extend(HOUR);
                yield_once().await;
            }
            handles.iter().for_each(ScopeHandle::expire);
        })
    });
    for mover in movers {
        mover.await.expect("the task ends");
    }
    // One that was still moving may have moved it away again.
    handles.iter().for_each(ScopeHandle::expire);
    for task in tasks {
        assert_eq!(task.await.map(|outcome| outcome.is_err()), Ok(true));
    }
    assert_eq!(tm.pending(), 0);
}
