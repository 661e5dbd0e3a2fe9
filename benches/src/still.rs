//! A runtime whose time is set by hand and whose alarms do nothing by themselves: what is counted on it is the limiter's own.

use alloc::sync::{Arc, Weak};
use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use mtaio_core::Instant;
use mtaio_core::runtime::{Alarm, Clock, Sleep, Tick, Timer};
use mtaio_core::time::ClockId;

use crate::host;

thread_local! {
    static NOW: Cell<Instant> = const { Cell::new(Instant::from_nanos(1 << 40)) };
    static BELL: RefCell<Option<Weak<dyn Tick>>> = const { RefCell::new(None) };
}

/// The runtime. Each thread has a time of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Still;

/// Sleeps that do not end, and alarms that do not ring.
#[derive(Clone, Copy, Debug)]
pub struct Never;

/// Runs `work` in a runtime of tokio whose timers stand still, as no thread drives them: another thread would be counted too.
pub fn in_tokio<T>(work: impl FnOnce() -> T) -> T {
    let runtime = host::tokio(0);
    let _entered = runtime.enter();
    work()
}

/// Lets time pass. Nobody hears of it.
#[inline]
pub fn advance(duration: Duration) {
    NOW.set(NOW.get() + duration);
}

/// What the alarm that was made last on this thread ticks.
///
/// # Panics
///
/// If there is none, or its limiter is gone.
pub fn bell() -> Arc<dyn Tick> {
    BELL.with_borrow(|bell| bell.as_ref().and_then(Weak::upgrade)).expect("a limiter that somebody waits for")
}

impl Clock for Still {
    #[inline]
    fn now(&self) -> Instant {
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
        BELL.set(Some(target));
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
