//! mtaio on embassy.

use alloc::sync::Weak;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use embassy_time_driver::{TICK_HZ, now, schedule_wake};
use mtaio_core::Instant;
use mtaio_core::alarm::SleepAlarm;
use mtaio_core::runtime::{Clock, Sleep, Tick, Timer};
use mtaio_core::time::ClockId;

const NANOS: u64 = 1_000_000_000;

/// Embassy's time driver. There is one in a program, so all values are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Embassy;

impl Clock for Embassy {
    fn now(&self) -> Instant {
        let ticks = now();
        Instant::from_nanos(ticks / TICK_HZ * NANOS + ticks % TICK_HZ * NANOS / TICK_HZ)
    }

    fn clock_id(&self) -> ClockId {
        ClockId::new(0)
    }
}

impl Timer for Embassy {
    type Sleep = EmbassySleep;
    type Alarm = SleepAlarm<Self>;

    // Time drivers call wakers from inside their queue.
    const WAKES_UNLOCKED: bool = false;

    fn sleep_until(&self, at: Instant) -> EmbassySleep {
        EmbassySleep(at)
    }

    fn granularity(&self) -> Duration {
        Duration::from_nanos(NANOS.div_ceil(TICK_HZ))
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        SleepAlarm::new(*self, target)
    }
}

pub struct EmbassySleep(Instant);

impl Future for EmbassySleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Embassy.now() >= self.0 && self.0 != Instant::FAR {
            return Poll::Ready(());
        }
        // Rounded up: at that tick, and not before it, the clock has come to the instant.
        let (seconds, rest) = (self.0.as_nanos() / NANOS, self.0.as_nanos() % NANOS);
        schedule_wake(seconds * TICK_HZ + (rest * TICK_HZ).div_ceil(NANOS), context.waker());
        Poll::Pending
    }
}

impl Sleep for EmbassySleep {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.0 = at;
    }
}
