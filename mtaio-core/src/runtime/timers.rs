//! The pending sleeps of a clock that tests move by hand.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::primitive::Lock;
use crate::time::{ClockId, Instant};

/// A small generator of numbers that look random: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// When a sleep fires; among equals the lot decides, then the order in which they were made.
type Key = (Instant, u64, u64);

/// The time, and who sleeps until when.
pub(super) struct Timers {
    id: ClockId,
    state: Lock<State>,
}

struct State {
    now: Instant,
    pending: BTreeMap<Key, Waker>,
    made: u64,
    /// Draws lots among equal instants; without it they fire in the order in which they were made.
    lots: Option<Dice>,
}

impl Timers {
    pub(super) fn new(lots: Option<Dice>) -> Self {
        let state = State { now: Instant::ORIGIN, pending: BTreeMap::new(), made: 0, lots };
        Self { id: ClockId::unique(), state: Lock::new(state) }
    }

    pub(super) fn id(&self) -> ClockId {
        self.id
    }

    pub(super) fn now(&self) -> Instant {
        self.state.with(|state| state.now)
    }

    /// Moves the time by `change`; nobody is woken yet.
    pub(super) fn change(&self, change: impl FnOnce(Instant) -> Instant) {
        self.state.with(|state| state.now = change(state.now));
    }

    /// Wakes the next sleep that is due, if there is one.
    pub(super) fn wake_due(&self) -> bool {
        self.wake_first(|first, now| first <= now)
    }

    /// Goes on to the next instant at which somebody wakes, if there is one until `end`, and wakes the first.
    pub(super) fn go_on_until(&self, end: Instant) -> bool {
        self.wake_first(|first, _| first <= end)
    }

    /// Goes on to the next instant at which somebody wakes, if there is one, and wakes the first.
    pub(super) fn go_on(&self) -> bool {
        self.wake_first(|_, _| true)
    }

    fn wake_first(&self, may: impl FnOnce(Instant, Instant) -> bool) -> bool {
        let waker = self.state.with(|state| {
            let first = state.pending.first_entry().filter(|first| may(first.key().0, state.now))?;
            state.now = state.now.max(first.key().0);
            Some(first.remove())
        });
        waker.map(Waker::wake).is_some()
    }

    pub(super) fn pending(&self) -> usize {
        self.state.with(|state| state.pending.len())
    }

    /// Drops all sleeps' wakers; they will not be called.
    pub(super) fn clear(&self) {
        drop(self.state.with(|state| core::mem::take(&mut state.pending)));
    }
}

/// What has timers.
pub(super) trait HasTimers: Send + Sync + 'static {
    fn timers(&self) -> &Timers;

    /// When a sleep until `at` really ends.
    fn round(&self, at: Instant) -> Instant {
        at
    }
}

/// A sleep among [`Timers`].
pub(super) struct TimersSleep<C: HasTimers> {
    clock: Arc<C>,
    at: Instant,
    key: Option<Key>,
}

impl<C: HasTimers> TimersSleep<C> {
    pub(super) fn new(clock: Arc<C>, at: Instant) -> Self {
        let at = clock.round(at);
        Self { clock, at, key: None }
    }

    fn cancel(&mut self) {
        if let Some(key) = self.key.take() {
            let waker = self.clock.timers().state.with(|state| state.pending.remove(&key));
            drop(waker);
        }
    }

    pub(super) fn reset(&mut self, at: Instant) {
        self.cancel();
        self.at = self.clock.round(at);
    }
}

impl<C: HasTimers> Future for TimersSleep<C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let waker = context.waker().clone();
        let old = this.clock.timers().state.with(|state| {
            if state.now >= this.at && this.at != Instant::FAR {
                return Err(this.key.take().and_then(|key| state.pending.remove(&key)));
            }
            let key = *this.key.get_or_insert_with(|| {
                state.made += 1;
                (this.at, state.lots.as_mut().map_or(0, Dice::roll), state.made)
            });
            // The end of time does not come: nobody waits for it to.
            Ok(if this.at == Instant::FAR { Some(waker) } else { state.pending.insert(key, waker) })
        });
        match old {
            Ok(_) => Poll::Pending,
            Err(_) => Poll::Ready(()),
        }
    }
}

impl<C: HasTimers> Drop for TimersSleep<C> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<C: HasTimers> fmt::Debug for TimersSleep<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sleep").field(&self.at).finish()
    }
}

/// Declares the public sleep of a clock as a thin name for [`TimersSleep`].
macro_rules! timers_sleep {
    ($(#[$meta:meta])* $name:ident, $clock:ty) => {
        $(#[$meta])*
        #[derive(Debug)]
        #[must_use = "futures do nothing unless they are awaited"]
        pub struct $name(TimersSleep<$clock>);

        impl core::future::Future for $name {
            type Output = ();

            fn poll(
                mut self: core::pin::Pin<&mut Self>,
                context: &mut core::task::Context<'_>,
            ) -> core::task::Poll<()> {
                core::pin::Pin::new(&mut self.0).poll(context)
            }
        }

        impl crate::runtime::Sleep for $name {
            fn reset(mut self: core::pin::Pin<&mut Self>, at: Instant) {
                self.0.reset(at);
            }
        }
    };
}
pub(super) use timers_sleep;
