//! What exit stacks promise.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_resource {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness resource {
            vector_5_a_stack_closes_last_first_and_reports_the_one_that_failed
            a_stack_of_nothing_closes
            a_finalizer_is_a_closure_that_returns_nothing_or_a_result
            a_finalizer_that_hangs_is_given_up_and_the_next_one_runs
            the_time_limit_of_a_stack_is_for_those_without_their_own
            a_finalizer_that_is_done_within_its_time_is_no_error
            all_that_goes_wrong_is_reported_in_the_order_in_which_it_happened
            errors_say_what_to_look_at
            pop_all_moves_everything_to_a_new_stack
            a_scope_closes_when_its_body_is_done
            the_error_of_the_body_comes_before_those_of_the_cleanup
            either_part_of_a_scope_can_fail_alone
            a_scope_whose_body_panics_is_closed_and_the_panic_goes_on
            a_scope_runs_as_a_task
            a_scope_that_is_dropped_drops_what_it_holds_last_first
            a_stack_dropped_while_it_closes_drops_the_rest_last_first
            a_resource_that_panics_when_it_is_dropped_stops_nobody
            a_stack_detached_on_drop_is_closed_by_the_runtime
            a_scope_that_is_dropped_leaves_its_stack_to_the_runtime_if_it_is_told_to
            what_was_interrupted_goes_on_first_when_it_is_detached
            a_stack_is_a_resource_of_another_stack
            a_limiter_is_closed_when_close_is_called
            a_scope_of_time_waits_for_finalizers_that_have_a_limit_and_for_no_others
            a_scope_of_time_does_not_wait_for_a_finalizer_that_was_left
        } }
    };
}

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::any::type_name;
use core::convert::Infallible;
use core::error::Error;
use core::future::{pending, ready};
use core::time::Duration;

use super::Harness;
use super::gate::{Gate, Log};
use super::hand::{at_once, panic_of, yield_once};
use super::probe::Step::{Begun, Closed, Dropped};
use super::probe::{Probe, Refused, Way, add, begun, kinds, panic_in, silence};
use super::rig::{Rig, SLOW};
// Without the trait: with it, `limiter.close()` would be the trait's.
use crate::resource::{self, CloseErrorKind, CloseErrors, ScopeError};
use crate::runtime::{Clock, Timer};
use crate::timeout::TimeoutManager;

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);

type BoxError = Box<dyn Error + Send + Sync>;

pub async fn vector_5_a_stack_closes_last_first_and_reports_the_one_that_failed<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::Well, Way::Badly, Way::Well]);
    assert_eq!(stack.len(), 3);
    let errors = stack.close().await.expect_err("one has failed");
    assert_eq!(log.entries(), [Begun(3), Closed(3), Begun(2), Begun(1), Closed(1)]);
    assert_eq!(kinds(&errors), [CloseErrorKind::Failed]);
    assert_eq!(errors.first().source().and_then(|error| error.downcast_ref()), Some(&Refused(2)));
}

pub async fn a_stack_of_nothing_closes<H: Harness>(rig: Rig<H>) {
    let stack = rig.stack();
    assert!(stack.is_empty());
    assert!(at_once(stack.close()).is_ok());
}

pub async fn a_finalizer_is_a_closure_that_returns_nothing_or_a_result<H: Harness>(rig: Rig<H>) {
    let (log, stack) = (Log::new(), rig.stack());
    let [a, b, c, d] = [(); 4].map(|()| log.clone());
    stack.defer(move || async move { a.push(1) });
    stack.defer(async move || b.push(2));
    stack.defer(async move || -> Result<(), Infallible> {
        yield_once().await;
        c.push(3);
        Ok(())
    });
    stack.defer(move || {
        d.push(4);
        ready(Err::<(), _>("four"))
    });
    stack.defer(async || Err::<(), BoxError>("five".into()));
    assert_eq!(log.len(), 0, "a finalizer was called before the end");
    let errors = stack.close().await.expect_err("two have failed");
    assert_eq!(log.entries(), [4, 3, 2, 1]);
    let texts: Vec<_> = errors.into_iter().filter_map(|error| Some(error.into_source()?.to_string())).collect();
    assert_eq!(texts, ["five", "four"]);
}

pub async fn a_finalizer_that_hangs_is_given_up_and_the_next_one_runs<H: Harness>(rig: Rig<H>) {
    let (log, stack) = (Log::new(), rig.stack());
    stack.push(Probe::new(1, Way::Well, &log));
    stack.push_within(SHORT, Probe::new(2, Way::Never, &log));
    stack.defer_within(SHORT, pending::<()>);
    let start = rig.now();
    let errors = stack.close().await.expect_err("two took too long");
    assert_eq!(log.entries(), [Begun(2), Dropped(2), Begun(1), Closed(1)]);
    assert_eq!(kinds(&errors), [CloseErrorKind::TimedOut; 2]);
    assert!(errors.iter().all(|error| error.time_limit() == Some(SHORT) && error.source().is_none()));
    assert!(rig.now() - start >= SHORT * 2);
}

pub async fn the_time_limit_of_a_stack_is_for_those_without_their_own<H: Harness>(rig: Rig<H>) {
    let (log, gate) = (Log::new(), Gate::new());
    let stack = rig.stack().time_limit(SHORT);
    stack.push_within(LONG, Probe::new(1, Way::Through(gate.clone()), &log));
    stack.push(Probe::new(2, Way::Never, &log));
    let moved = stack.pop_all();
    moved.defer(pending::<()>);
    let closing = rig.start(moved.close());
    rig.until(|| log.entries().contains(&Begun(1))).await;
    rig.sleep(SHORT * 2).await;
    gate.open();
    let errors = closing.await.expect("a task").expect_err("two took too long");
    assert_eq!(log.entries(), [Begun(2), Dropped(2), Begun(1), Closed(1)]);
    assert_eq!(kinds(&errors), [CloseErrorKind::TimedOut; 2]);
}

pub async fn a_finalizer_that_is_done_within_its_time_is_no_error<H: Harness>(rig: Rig<H>) {
    let (log, stack) = (Log::new(), rig.stack().time_limit(LONG));
    stack.push(Probe::new(1, Way::Well, &log));
    stack.push_within(LONG, Probe::new(2, Way::Badly, &log));
    let errors = stack.close().await.expect_err("one has failed");
    assert_eq!(kinds(&errors), [CloseErrorKind::Failed]);
    assert_eq!(log.entries(), [Begun(2), Begun(1), Closed(1)]);
}

pub async fn all_that_goes_wrong_is_reported_in_the_order_in_which_it_happened<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::WithPanic, Way::Badly, Way::Well, Way::Badly]);
    stack.push_within(SHORT, Probe::new(5, Way::Never, &log));
    let errors = stack.close().await.expect_err("four have failed");
    use CloseErrorKind::{Failed, Panicked, TimedOut};
    assert_eq!(kinds(&errors), [TimedOut, Failed, Failed, Panicked]);
    let refused: Vec<_> = errors.iter().filter_map(|error| error.source()?.downcast_ref::<Refused>()).collect();
    assert_eq!(refused, [&Refused(4), &Refused(2)]);
    assert_eq!(
        errors.into_iter().last().and_then(|error| error.panic_message().map(String::from)).as_deref(),
        Some("resource 1 panics")
    );
}

pub async fn errors_say_what_to_look_at<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::WithPanic]);
    stack.push_within(SHORT, Probe::new(2, Way::Never, &log));
    stack.push(Probe::new(3, Way::Badly, &log));
    let error: BoxError = stack.close().await.expect_err("all have failed").into();
    let name = type_name::<Probe>();
    let expected = format!(
        "3 resources did not close well: closing {name} failed: resource 3 refuses; closing {name} was given up \
         after 2ms; closing {name} panicked: resource 1 panics"
    );
    assert_eq!(error.to_string(), expected);
    let first = error.source().expect("the first error");
    assert_eq!(first.to_string(), format!("closing {name} failed: resource 3 refuses"));
    assert_eq!(first.source().map(|own| own.to_string()).as_deref(), Some("resource 3 refuses"));
}

pub async fn pop_all_moves_everything_to_a_new_stack<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::Well, Way::Well]);
    let moved = stack.pop_all();
    assert_eq!((stack.len(), moved.len()), (0, 2));
    stack.push(Probe::new(3, Way::Well, &log));
    moved.push(Probe::new(4, Way::Well, &log));
    assert!(stack.close().await.is_ok());
    assert!(moved.close().await.is_ok());
    let closed: Vec<_> = log.entries().into_iter().filter(|step| matches!(step, Closed(_))).collect();
    assert_eq!(closed, [Closed(3), Closed(4), Closed(2), Closed(1)]);
}

pub async fn a_scope_closes_when_its_body_is_done<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let inner = log.clone();
    let scope = rig.stack_of(&log, [Way::Well]).scope(async move |stack| {
        stack.push(Probe::new(2, Way::Well, &inner));
        yield_once().await;
        assert_eq!(inner.len(), 0, "a finalizer ran before the end");
        Ok::<_, Infallible>(stack.len())
    });
    assert_eq!(scope.await.ok(), Some(2));
    assert_eq!(log.entries(), [Begun(2), Closed(2), Begun(1), Closed(1)]);
}

pub async fn the_error_of_the_body_comes_before_those_of_the_cleanup<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let scope = rig.stack_of(&log, [Way::Badly]).scope(async |_| Err::<(), _>(Refused(0)));
    let error: ScopeError<Refused> = scope.await.expect_err("both have failed");
    assert_eq!(error.body(), Some(&Refused(0)));
    assert_eq!(error.cleanup().map(kinds), Some(Vec::from([CloseErrorKind::Failed])));
    assert_eq!(error.source().and_then(|body| body.downcast_ref()), Some(&Refused(0)));
    assert!(error.to_string().starts_with("resource 0 refuses; and then, closing "), "{error}");
    assert_eq!(error.into_parts().0, Some(Refused(0)));
}

pub async fn either_part_of_a_scope_can_fail_alone<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let body = rig.stack_of(&log, [Way::Well]).scope(async |_| Err::<(), _>(Refused(0))).await;
    let body = body.expect_err("the body has failed");
    assert_eq!((body.body(), body.cleanup().is_none()), (Some(&Refused(0)), true));
    assert_eq!(body.to_string(), "resource 0 refuses");

    let cleanup = rig.stack_of(&log, [Way::Badly]).scope(async |_| Ok::<_, BoxError>(())).await;
    let cleanup = cleanup.expect_err("the cleanup has failed");
    assert!(cleanup.body().is_none() && cleanup.cleanup().is_some());
    assert!(cleanup.boxed().downcast_ref::<CloseErrors>().is_some());
}

pub async fn a_scope_whose_body_panics_is_closed_and_the_panic_goes_on<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let scope = rig.stack_of(&log, [Way::Well, Way::Badly]).scope(async |_| -> Result<(), Infallible> {
        yield_once().await;
        panic!("the body panics")
    });
    assert_eq!(panic_in(scope).await, "the body panics");
    assert_eq!(log.entries(), [Begun(2), Begun(1), Closed(1)]);
}

pub async fn a_scope_runs_as_a_task<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let scope = rig.stack_of(&log, [Way::Well]).scope(async |stack| {
        yield_once().await;
        Ok::<_, BoxError>(stack.len())
    });
    let group = rig.group_of(&log, [Way::Well]).scope(async |group| {
        yield_once().await;
        Ok::<_, BoxError>(group.len())
    });
    let (scope, group) = (rig.start(scope), rig.start(group));
    assert_eq!(scope.await.expect("a task").ok(), Some(1));
    assert_eq!(group.await.expect("a task").ok(), Some(1));
}

pub async fn a_scope_that_is_dropped_drops_what_it_holds_last_first<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let inner = log.clone();
    let scope = rig.stack_of(&log, [Way::Well, Way::Well]).scope(async move |stack| {
        stack.push(Probe::new(3, Way::Well, &inner));
        let _body = Probe::new(4, Way::Well, &inner);
        pending::<Result<(), Infallible>>().await
    });
    drop(begun(scope));
    assert_eq!(log.entries(), [Dropped(4), Dropped(3), Dropped(2), Dropped(1)]);
}

pub async fn a_stack_dropped_while_it_closes_drops_the_rest_last_first<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    drop(begun(rig.stack_of(&log, [Way::Well, Way::Well, Way::Never]).close()));
    assert_eq!(log.entries(), [Begun(3), Dropped(3), Dropped(2), Dropped(1)]);
}

pub async fn a_resource_that_panics_when_it_is_dropped_stops_nobody<H: Harness>(rig: Rig<H>) {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a drop that panics");
        }
    }
    let log = Log::new();
    for is_begun in [false, true] {
        let stack = rig.stack_of(&log, [Way::Well]);
        let bomb = Bomb;
        stack.defer(async move || {
            let _bomb = bomb;
            pending::<()>().await;
        });
        if is_begun {
            drop(begun(stack.close()))
        } else {
            drop(stack)
        }
        assert_eq!(log.entries().last(), Some(&Dropped(1)));
    }
    // While this thread unwinds, too.
    let stack = rig.stack_of(&log, [Way::Well]);
    let bomb = Bomb;
    stack.defer(async move || drop(bomb));
    let panic = panic_of(move || {
        let _stack = stack;
        panic!("the first panic")
    });
    assert_eq!((panic.as_str(), log.len()), ("the first panic", 3));
}

pub async fn a_stack_detached_on_drop_is_closed_by_the_runtime<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::Well, Way::Badly, Way::WithPanic, Way::Well]).detach_on_drop();
    // The setting moves along.
    drop(stack.pop_all());
    rig.until(|| log.entries().contains(&Closed(1))).await;
    assert_eq!(log.entries(), [Begun(4), Closed(4), Begun(3), Begun(2), Begun(1), Closed(1)]);
}

pub async fn a_scope_that_is_dropped_leaves_its_stack_to_the_runtime_if_it_is_told_to<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let scope = rig
        .stack_of(&log, [Way::Well, Way::Well])
        .detach_on_drop()
        .scope(async |_| pending::<Result<(), Infallible>>().await);
    drop(begun(scope));
    rig.until(|| log.entries().contains(&Closed(1))).await;
    assert_eq!(log.entries(), [Begun(2), Closed(2), Begun(1), Closed(1)]);
}

pub async fn what_was_interrupted_goes_on_first_when_it_is_detached<H: Harness>(rig: Rig<H>) {
    let (log, gate) = (Log::new(), Gate::new());
    let stack = rig.stack_of(&log, [Way::Well]).detach_on_drop();
    stack.push_within(LONG, Probe::new(2, Way::Through(gate.clone()), &log));
    drop(begun(stack.close()));
    assert_eq!(log.entries(), [Begun(2)]);
    gate.open();
    rig.until(|| log.entries().contains(&Closed(1))).await;
    assert_eq!(log.entries(), [Begun(2), Closed(2), Begun(1), Closed(1)]);
}

pub async fn a_stack_is_a_resource_of_another_stack<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::Well]);
    stack.push(rig.stack_of(&log, [Way::Badly, Way::Well]));
    stack.push(rig.group_of(&log, [Way::Well]));
    let errors = stack.close().await.expect_err("one has failed");
    let inner = errors.first().source().and_then(|error| error.downcast_ref::<CloseErrors>());
    assert_eq!(inner.map(kinds), Some(Vec::from([CloseErrorKind::Failed])));
    assert_eq!(log.entries().last(), Some(&Closed(1)));
}

pub async fn a_limiter_is_closed_when_close_is_called<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.rate(SLOW), rig.slots(1));
    let tm = TimeoutManager::with_runtime(SHORT, rig.runtime.clone());
    // With the trait in scope this is the trait's function, whose future nobody would await.
    drop((resource::AsyncClose::close(rate.clone()), resource::AsyncClose::close(slots.clone())));
    drop(resource::AsyncClose::close(tm.clone()));
    assert!(rate.is_closed() && slots.is_closed() && tm.is_closed());
}

pub async fn a_scope_of_time_waits_for_finalizers_that_have_a_limit_and_for_no_others<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let tm = TimeoutManager::with_runtime(SHORT, rig.runtime.clone());
    let slow = |id| {
        let (runtime, log) = (rig.runtime.clone(), log.clone());
        async move || {
            log.push(Begun(id));
            runtime.sleep_until(runtime.now() + SHORT * 2).await;
            log.push(Closed(id));
        }
    };
    let stack = rig.stack();
    stack.push(Probe::new(1, Way::Well, &log));
    stack.defer(pending::<()>);
    stack.defer_within(LONG, slow(2));
    // The body fails at once; the time ends while the first finalizer is at work, however busy the machine is.
    let scope = stack.scope(async |_| tm.run_within(Duration::ZERO, pending::<()>()).await);
    assert!(tm.scope(scope).await.is_err(), "the time is over");
    assert_eq!(log.entries(), [Begun(2), Closed(2), Dropped(1)]);
}

pub async fn a_scope_of_time_does_not_wait_for_a_finalizer_that_was_left<H: Harness>(rig: Rig<H>) {
    let (log, group) = (Log::new(), rig.group().time_limit(LONG));
    let tm = TimeoutManager::with_runtime(SHORT, rig.runtime.clone());
    let handle = group.clone();
    silence(add(&group, Probe::new(1, Way::Never, &log)));
    let scope = tm.scope(async move {
        drop(begun(async move { handle.close().await }));
        pending::<()>().await
    });
    assert!(scope.await.is_err(), "the time is over");
    assert_eq!(log.entries(), [Begun(1)]);
}
