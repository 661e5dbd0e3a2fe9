//! What timeouts in turn promise.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cascade {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness cascade {
            a_cascade_goes_on_until_an_attempt_ends_in_time
            a_cascade_that_fails_tells_of_its_last_attempt
            a_cascade_makes_a_fresh_future_each_time
            an_error_of_an_attempts_own_ends_a_cascade_at_once
            an_attempts_own_timeout_is_its_own_error
            a_cascade_without_timeouts_is_an_error
            a_cascade_ends_at_the_instant_that_bounds_all_of_it
            a_scope_around_a_cascade_ends_it
            a_cascade_falls_back_on_something_that_it_does_not_bound
            a_cascade_that_succeeds_does_not_fall_back
        } }
    };
}

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::{Future, pending, ready};
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use super::Harness;
use super::gate::Log;
use super::hand::at_once;
use super::rig::Rig;
use super::timeout::{HOUR, Noted, SHORT, assert_over};
use crate::timeout::{Attempt, Elapsed, ElapsedKind as Kind, cascade};

/// Attempts that are over in time from the one with the number `good` on.
fn attempts(
    good: usize,
    log: &Log<Attempt>,
) -> impl FnMut(Attempt) -> Pin<Box<dyn Future<Output = Result<usize, Elapsed>>>> {
    let log = log.clone();
    move |attempt| {
        log.push(attempt);
        Box::pin(async move {
            if attempt.index < good {
                pending::<()>().await;
            }
            Ok(attempt.index)
        })
    }
}

pub async fn a_cascade_goes_on_until_an_attempt_ends_in_time<H: Harness>(rig: Rig<H>) {
    let (log, start) = (Log::new(), rig.now());
    let timeouts = [SHORT, 2 * SHORT, HOUR];
    let outcome = cascade(rig.runtime.clone(), timeouts, attempts(2, &log)).await;
    rig.assert_elapsed(start, 3 * SHORT);
    assert_eq!(outcome, Ok(2));
    let expected = [0, 1, 2].map(|index| Attempt { index, timeout: timeouts[index], is_last: index == 2 });
    assert_eq!(log.entries(), expected);
}

pub async fn a_cascade_that_fails_tells_of_its_last_attempt<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let outcome = cascade(rig.runtime.clone(), [SHORT, 2 * SHORT], attempts(9, &log)).await;
    assert_over(outcome, Kind::Own, 2 * SHORT);
    assert_eq!(log.len(), 2);
}

pub async fn a_cascade_makes_a_fresh_future_each_time<H: Harness>(rig: Rig<H>) {
    let (made, drops) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let outcome = cascade(rig.runtime.clone(), [SHORT; 3], |attempt| {
        // The one before is gone.
        assert_eq!((made.fetch_add(1, Ordering::SeqCst), drops.load(Ordering::SeqCst)), (attempt.index, attempt.index));
        let noted = Noted(Arc::clone(&drops));
        async move {
            let _noted = noted;
            pending::<Result<(), Elapsed>>().await
        }
    });
    assert!(outcome.await.is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 3);
}

/// An error of an attempt's own.
#[derive(Debug, PartialEq)]
enum Failure {
    Own,
    Late(Elapsed),
}

impl From<Elapsed> for Failure {
    fn from(elapsed: Elapsed) -> Self {
        Self::Late(elapsed)
    }
}

pub async fn an_error_of_an_attempts_own_ends_a_cascade_at_once<H: Harness>(rig: Rig<H>) {
    let tried = AtomicUsize::new(0);
    let outcome = cascade(rig.runtime.clone(), [SHORT, HOUR, HOUR], |attempt| {
        tried.fetch_add(1, Ordering::SeqCst);
        async move { if attempt.index == 0 { pending().await } else { Err::<(), _>(Failure::Own) } }
    });
    assert_eq!((outcome.await, tried.load(Ordering::SeqCst)), (Err(Failure::Own), 2));
}

pub async fn an_attempts_own_timeout_is_its_own_error<H: Harness>(rig: Rig<H>) {
    let (tm, tried) = (rig.timeouts(SHORT), AtomicUsize::new(0));
    let outcome = cascade(rig.runtime.clone(), [HOUR, HOUR], |_| {
        tried.fetch_add(1, Ordering::SeqCst);
        tm.run(pending::<()>())
    });
    assert_over(outcome.await, Kind::Own, SHORT);
    assert_eq!(tried.load(Ordering::SeqCst), 1);
}

pub async fn a_cascade_without_timeouts_is_an_error<H: Harness>(rig: Rig<H>) {
    let none = at_once(cascade(rig.runtime.clone(), [], |_| ready(Ok::<(), _>(()))));
    assert_over::<()>(none, Kind::NoAttempt, Duration::ZERO);
    let Err(Failure::Late(elapsed)) = at_once(cascade(rig.runtime, None, |_| ready(Ok::<(), _>(())))) else {
        panic!("nothing was tried");
    };
    assert_eq!(elapsed.kind(), Kind::NoAttempt);
}

pub async fn a_cascade_ends_at_the_instant_that_bounds_all_of_it<H: Harness>(rig: Rig<H>) {
    let (log, start) = (Log::new(), rig.now());
    let whole = cascade(rig.runtime.clone(), [SHORT, HOUR, HOUR], attempts(9, &log)).until(start + 3 * SHORT);
    let elapsed = whole.await.expect_err("no attempt ends");
    rig.assert_elapsed(start, 3 * SHORT);
    assert_eq!(elapsed.kind(), Kind::Inherited);
    // On a real clock the first one may have been so late that it was the last.
    assert!(!H::VIRTUAL || log.len() == 2);
    // What ends in time is not bounded by more.
    let in_time = cascade(rig.runtime.clone(), [HOUR], attempts(0, &log)).until(start);
    assert_eq!(at_once(in_time), Ok(0));
}

pub async fn a_scope_around_a_cascade_ends_it<H: Harness>(rig: Rig<H>) {
    let (tm, log) = (rig.timeouts(3 * SHORT), Log::new());
    let inner = cascade(rig.runtime.clone(), [SHORT, HOUR, HOUR], attempts(9, &log));
    let outcome = tm.scope(inner).await;
    match outcome {
        Ok(inner) => assert_over(inner, Kind::Inherited, 3 * SHORT),
        Err(elapsed) => assert_eq!((elapsed.kind(), elapsed.limit()), (Kind::Own, 3 * SHORT)),
    }
    assert!(!H::VIRTUAL || log.len() == 2);
}

pub async fn a_cascade_falls_back_on_something_that_it_does_not_bound<H: Harness>(rig: Rig<H>) {
    let (log, start) = (Log::new(), rig.now());
    let fallen = cascade(rig.runtime.clone(), [SHORT; 2], attempts(9, &log)).or_else(|elapsed| async move {
        assert_eq!((elapsed.kind(), elapsed.limit()), (Kind::Own, SHORT));
        rig.sleep(5 * SHORT).await;
        rig.assert_elapsed(start, 7 * SHORT);
        Ok(42)
    });
    assert_eq!((fallen.await, log.len()), (Ok(42), 2));
}

pub async fn a_cascade_that_succeeds_does_not_fall_back<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let outcome = cascade(rig.runtime, [HOUR], attempts(0, &log)).or_else(|_| async { unreachable!("it succeeded") });
    assert_eq!(outcome.await, Ok(0));
}
