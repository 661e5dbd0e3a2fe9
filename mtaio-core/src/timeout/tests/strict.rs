//! A timer that calls wakers under its own lock: then those who wait see to each other.

use core::future::{pending, poll_fn};
use core::sync::atomic::AtomicBool;

use super::*;
use crate::runtime::tests::strict::Strict;
use crate::timeout::{TimeoutManager, shield};

fn manager(timer: &Strict) -> TimeoutManager<Strict> {
    TimeoutManager::with_runtime(SECOND, timer.clone())
}

type Run<T> = Held<Result<T, crate::timeout::Elapsed>>;

fn run_within<T: Send + 'static>(
    tm: &TimeoutManager<Strict>,
    timeout: Duration,
    future: impl Future<Output = T> + Send + 'static,
) -> Run<T> {
    let tm = tm.clone();
    Held::waiting(async move { tm.run_within(timeout, future).await })
}

/// Two who wait, of whom the first is woken to see to both.
fn two(runtime: &Strict) -> (TimeoutManager<Strict>, Run<()>, Run<()>) {
    let tm = manager(runtime);
    let first = run_within(&tm, SECOND, pending::<()>());
    let second = run_within(&tm, SECOND, pending::<()>());
    runtime.advance(SECOND);
    assert_eq!((first.woken(), second.woken()), (1, 0));
    (tm, first, second)
}

#[test]
fn who_is_woken_sees_to_the_others() {
    let runtime = Strict::default();
    let (_tm, mut first, mut second) = two(&runtime);
    assert!(first.poll().is_ready());
    assert_eq!(second.woken(), 1);
    assert!(second.poll().is_ready());
}

#[test]
fn who_is_dropped_when_it_was_woken_hands_that_on() {
    let runtime = Strict::default();
    let (_tm, first, mut second) = two(&runtime);
    drop(first);
    assert_eq!(second.woken(), 1);
    assert!(second.poll().is_ready());
}

#[test]
fn who_is_ready_when_it_was_woken_hands_that_on() {
    let runtime = Strict::default();
    let tm = manager(&runtime);
    let done = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&done);
    let when_done = poll_fn(move |_| if flag.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending });
    let mut first = run_within(&tm, SECOND, when_done);
    let mut second = run_within(&tm, SECOND, pending::<()>());
    runtime.advance(SECOND);
    done.store(true, Ordering::SeqCst);
    assert_eq!(first.poll(), Poll::Ready(Ok(())));
    assert_eq!(second.woken(), 1);
    assert!(second.poll().is_ready());
}

#[test]
fn a_scope_that_waits_for_a_shield_when_it_was_woken_hands_that_on() {
    let runtime = Strict::default();
    let tm = manager(&runtime);
    let inner = tm.clone();
    let mut polls = 0;
    // It waits for its deadline first, and for the shield from its second poll on.
    let mut shielded = Box::pin(shield(pending::<()>()));
    let body = poll_fn(move |context| {
        polls += 1;
        if polls > 1 { shielded.as_mut().poll(context) } else { Poll::Pending }
    });
    let mut scope = Held::waiting(async move { inner.scope(body).await });
    let mut second = run_within(&tm, SECOND, pending::<()>());
    runtime.advance(SECOND);
    assert_eq!(scope.woken(), 1);
    assert!(scope.poll().is_pending());
    assert_eq!(second.woken(), 1);
    assert!(second.poll().is_ready());
}

#[test]
fn an_alarm_for_one_who_left_is_set_again_for_the_others() {
    for timeout in [SECOND, 2 * SECOND] {
        let runtime = Strict::default();
        let tm = manager(&runtime);
        let gone = run_within(&tm, timeout / 2, pending::<()>());
        let mut run = run_within(&tm, timeout, pending::<()>());
        drop(gone);
        runtime.advance(timeout / 2);
        // Woken for nothing, but to set the alarm.
        assert_eq!(run.woken(), 1);
        assert!(run.poll().is_pending());
        runtime.advance(timeout / 2);
        assert_eq!(run.woken(), 1);
        assert!(run.poll().is_ready());
        assert_eq!(tm.pending(), 0);
    }
}
