//! What the models of both alarms stand on.

use alloc::sync::{Arc, Weak};
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Mutex;

use super::SleepAlarm;
use crate::runtime::{Clock, Sleep, Tick, Timer};
use crate::time::{ClockId, Instant};

/// A timer with room for one sleep, which wakes its waker once from inside its own poll.
#[derive(Clone, Default)]
pub(super) struct Knocking(Arc<Inner>);

#[derive(Default)]
struct Inner {
    now: AtomicU64,
    armed: Mutex<Option<(Instant, Waker)>>,
    is_quiet: bool,
}

pub(super) struct KnockingSleep {
    timer: Knocking,
    at: Instant,
    has_knocked: bool,
}

impl Clock for Knocking {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.now.load(SeqCst))
    }

    fn clock_id(&self) -> ClockId {
        ClockId::new(0)
    }
}

impl Timer for Knocking {
    type Sleep = KnockingSleep;
    type Alarm = SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> KnockingSleep {
        KnockingSleep { timer: self.clone(), at, has_knocked: self.0.is_quiet }
    }

    fn granularity(&self) -> Duration {
        Duration::ZERO
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        SleepAlarm::new(self.clone(), target)
    }
}

impl Future for KnockingSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.timer.now() >= self.at {
            return Poll::Ready(());
        }
        *self.timer.0.armed.lock().unwrap() = Some((self.at, context.waker().clone()));
        if !core::mem::replace(&mut self.has_knocked, true) {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Sleep for KnockingSleep {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.at = at;
    }
}

impl Knocking {
    /// One that wakes nobody before it is time.
    pub(super) fn quiet() -> Self {
        Self(Arc::new(Inner { is_quiet: true, ..Inner::default() }))
    }

    /// Lets time pass, and wakes the sleep if it is due.
    pub(super) fn pass(&self, now: u64) {
        self.0.now.store(now, SeqCst);
        let due = self.0.armed.lock().unwrap().take_if(|(at, _)| at.as_nanos() <= now);
        if let Some((_, waker)) = due {
            waker.wake();
        }
    }
}

/// Notes when it was ticked last, and whether its alarm was lost.
#[derive(Default)]
pub(super) struct Ticked {
    timer: Knocking,
    at: AtomicU64,
    lost: AtomicBool,
}

impl Ticked {
    pub(super) fn new(timer: &Knocking) -> Arc<Self> {
        Arc::new(Self { timer: timer.clone(), ..Self::default() })
    }

    pub(super) fn at(&self) -> u64 {
        self.at.load(SeqCst)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(SeqCst)
    }
}

impl Tick for Ticked {
    fn tick(&self) {
        self.at.store(self.timer.now().as_nanos(), SeqCst);
    }

    fn lost(&self) {
        self.lost.store(true, SeqCst);
    }
}
