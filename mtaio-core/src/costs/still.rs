//! A runtime whose clock is set by hand and counts who reads it, and whose alarms do nothing by themselves.

use alloc::sync::Weak;
use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use crate::runtime::{Alarm, Clock, Sleep, Tick, Timer};
use crate::time::{ClockId, Instant};

std::thread_local! {
    static NOW: Cell<Instant> = const { Cell::new(Instant::from_nanos(1 << 40)) };
    static READINGS: Cell<u64> = const { Cell::new(0) };
    /// What the alarm that was made last ticks.
    static TARGET: RefCell<Option<Weak<dyn Tick>>> = const { RefCell::new(None) };
}

#[derive(Clone)]
pub(super) struct Still;

pub(super) struct Never;

pub(super) fn advance(duration: Duration) {
    NOW.set(NOW.get() + duration);
}

/// Ticks what the alarm that was made last is for.
pub(super) fn ring() {
    let target = TARGET.with_borrow(|target| target.as_ref().and_then(Weak::upgrade));
    target.expect("an alarm").tick();
}

/// How often `job` reads the clock.
pub(super) fn readings_of<T>(job: impl FnOnce() -> T) -> (T, u64) {
    let before = READINGS.get();
    let result = job();
    (result, READINGS.get() - before)
}

impl Clock for Still {
    fn now(&self) -> Instant {
        READINGS.set(READINGS.get() + 1);
        NOW.get()
    }

    fn clock_id(&self) -> ClockId {
        ClockId::new(1)
    }
}

impl Timer for Still {
    type Sleep = Never;
    type Alarm = Never;

    fn sleep_until(&self, _: Instant) -> Never {
        Never
    }

    fn granularity(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> Never {
        TARGET.set(Some(target));
        Never
    }
}

impl Alarm for Never {
    fn set(&self, _: Instant) {}
}

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Never {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}
