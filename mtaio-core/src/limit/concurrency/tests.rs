//! What is not about every runtime.

mod policies;

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::ConcurrencyLimiter;
use crate::limit::error::ResourceLimitErrorKind;
use crate::runtime::ManualClock;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn who_has_given_up_does_not_stand_in_line_until_the_future_is_dropped() {
    let clock = ManualClock::new();
    let slots = ConcurrencyLimiter::with_runtime(1, clock.clone());
    let permit = slots.try_acquire().unwrap();
    let mut short = pin!(slots.acquire_within(Duration::from_secs(1)));
    let mut long = pin!(slots.acquire());
    assert!(poll(short.as_mut()).is_pending());
    assert!(poll(long.as_mut()).is_pending());
    clock.advance(Duration::from_secs(1));
    let outcome = poll(short.as_mut());
    assert!(matches!(outcome, Poll::Ready(Err(error)) if error.kind() == ResourceLimitErrorKind::Deadline));
    assert_eq!(slots.waiters(), 1);
    drop(permit);
    assert!(poll(long).is_ready());
}
