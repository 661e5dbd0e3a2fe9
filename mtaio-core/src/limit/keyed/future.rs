//! The futures of keyed limiters.

use alloc::borrow::ToOwned;
use core::borrow::Borrow;
use core::fmt;
use core::future::Future;
use core::hash::Hash;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::concurrency::{KeyedConcurrencyLimiter, Slots};
use super::lines::Rates;
use super::rate::KeyedRateLimiter;
use super::store::Kind;
use crate::limit::concurrency::AcquireSlotsOwned;
use crate::limit::error::ResourceLimitError;
use crate::limit::rate::{HeldCells, is_not_ready};
use crate::runtime::Timer;
use crate::sync::{OwnedPermit, observe};
use crate::time::Instant;

/// Tells of one who would wait and is refused before it comes into a line.
#[inline]
fn told<T: Kind, V>(n: u32, decided: Result<V, ResourceLimitError>) -> Result<V, ResourceLimitError> {
    decided.inspect_err(|error| observe::refused(T::NAME, n, &error.kind()))
}

pin_project! {
    /// What waits for cells of one key: at first in the table, and in the key's own line if it has to.
    pub(super) struct KeyedCells<R>
    where
        R: Timer,
    {
        n: u32,
        max_wait: Option<Duration>,
        #[pin]
        wait: Option<HeldCells<R>>,
    }
}

impl<R: Timer> KeyedCells<R> {
    pub(super) fn new(n: u32, max_wait: Option<Duration>) -> Self {
        Self { n, max_wait, wait: None }
    }

    #[inline]
    pub(super) fn poll<K, Q>(
        self: Pin<&mut Self>,
        limiter: &KeyedRateLimiter<K, R>,
        key: &Q,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), ResourceLimitError>>
    where
        K: Borrow<Q> + Hash + Eq,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut this = self.project();
        if this.wait.is_none() {
            match limiter.decide::<true, Q>(key, *this.n) {
                Err(refused) if is_not_ready(&refused) => {}
                decided => return Poll::Ready(told::<Rates<R>, _>(*this.n, decided)),
            }
            let line = told::<Rates<R>, _>(*this.n, limiter.line_for(key, *this.n))?;
            let deadline = this.max_wait.map_or(Instant::FAR, |max_wait| limiter.runtime().now() + max_wait);
            this.wait.set(Some(HeldCells::new(line, *this.n, deadline, false)));
        }
        this.wait.as_pin_mut().expect("it was set").poll(context)
    }
}

pin_project! {
    /// Waits for cells of a key: the future of [`KeyedRateLimiter::acquire`], [`acquire_many`](KeyedRateLimiter::acquire_many) and
    /// [`acquire_within`](KeyedRateLimiter::acquire_within).
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireKeyedCells<'a, K, Q: ?Sized, R>
    where
        R: Timer,
    {
        limiter: &'a KeyedRateLimiter<K, R>,
        key: &'a Q,
        #[pin]
        cells: KeyedCells<R>,
    }
}

impl<'a, K, Q: ?Sized, R: Timer> AcquireKeyedCells<'a, K, Q, R> {
    #[inline]
    pub(super) fn new(limiter: &'a KeyedRateLimiter<K, R>, key: &'a Q, n: u32, max_wait: Option<Duration>) -> Self {
        Self { limiter, key, cells: KeyedCells::new(n, max_wait) }
    }
}

impl<K, Q, R> Future for AcquireKeyedCells<'_, K, Q, R>
where
    K: Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    R: Timer,
{
    type Output = Result<(), ResourceLimitError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.cells.poll(this.limiter, *this.key, context)
    }
}

pin_project! {
    /// What waits for slots of one key.
    pub(super) struct KeyedSlots<R>
    where
        R: Timer,
    {
        n: u32,
        max_wait: Option<Duration>,
        #[pin]
        wait: Option<AcquireSlotsOwned<R>>,
    }
}

impl<R: Timer> KeyedSlots<R> {
    pub(super) fn new(n: u32, max_wait: Option<Duration>) -> Self {
        Self { n, max_wait, wait: None }
    }

    pub(super) fn poll<K, Q>(
        self: Pin<&mut Self>,
        limiter: &KeyedConcurrencyLimiter<K, R>,
        key: &Q,
        context: &mut Context<'_>,
    ) -> Poll<Result<OwnedPermit, ResourceLimitError>>
    where
        K: Borrow<Q> + Hash + Eq,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut this = self.project();
        if this.wait.is_none() {
            let semaphore = told::<Slots, _>(*this.n, limiter.semaphore(key, Some(*this.n)))?;
            let acquire = semaphore.acquire_many_owned(*this.n);
            let acquire = AcquireSlotsOwned::within(acquire, limiter.runtime().clone(), *this.max_wait);
            this.wait.set(Some(acquire));
        }
        this.wait.as_pin_mut().expect("it was set").poll(context)
    }
}

pin_project! {
    /// Waits for permits of a key: the future of [`KeyedConcurrencyLimiter::acquire`],
    /// [`acquire_many`](KeyedConcurrencyLimiter::acquire_many) and [`acquire_within`](KeyedConcurrencyLimiter::acquire_within).
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireKeyedSlots<'a, K, Q: ?Sized, R>
    where
        R: Timer,
    {
        limiter: &'a KeyedConcurrencyLimiter<K, R>,
        key: &'a Q,
        #[pin]
        slots: KeyedSlots<R>,
    }
}

impl<'a, K, Q: ?Sized, R: Timer> AcquireKeyedSlots<'a, K, Q, R> {
    pub(super) fn new(
        limiter: &'a KeyedConcurrencyLimiter<K, R>,
        key: &'a Q,
        n: u32,
        max_wait: Option<Duration>,
    ) -> Self {
        Self { limiter, key, slots: KeyedSlots::new(n, max_wait) }
    }
}

impl<K, Q, R> Future for AcquireKeyedSlots<'_, K, Q, R>
where
    K: Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    R: Timer,
{
    type Output = Result<OwnedPermit, ResourceLimitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.slots.poll(this.limiter, *this.key, context)
    }
}

/// Declares the owned future of a keyed limiter, for code that takes any.
macro_rules! admit {
    ($(#[$doc:meta])* $name:ident, $limiter:ident, $engine:ident, $output:ty) => {
        pin_project! {
            $(#[$doc])*
            #[must_use = "futures do nothing unless they are awaited"]
            pub struct $name<K, R>
            where
                R: Timer,
            {
                limiter: $limiter<K, R>,
                key: K,
                #[pin]
                wait: $engine<R>,
            }
        }

        impl<K, R: Timer> $name<K, R> {
            pub(super) fn new(limiter: $limiter<K, R>, key: K, n: u32) -> Self {
                Self { limiter, key, wait: $engine::new(n, None) }
            }
        }

        impl<K: Hash + Eq + Clone, R: Timer> Future for $name<K, R> {
            type Output = Result<$output, ResourceLimitError>;

            fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
                let this = self.project();
                this.wait.poll(this.limiter, &*this.key, context)
            }
        }

        impl<K, R: Timer> fmt::Debug for $name<K, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("limiter", &self.limiter).finish_non_exhaustive()
            }
        }
    };
}

admit!(
    /// As [`AcquireKeyedCells`], and has its key and the limiter for itself: what a [`KeyedLimiter`](super::KeyedLimiter) waits with.
    AdmitKeyedCells, KeyedRateLimiter, KeyedCells, ()
);

admit!(
    /// As [`AcquireKeyedSlots`], and has its key and the limiter for itself: what a [`KeyedLimiter`](super::KeyedLimiter) waits with.
    AdmitKeyedSlots, KeyedConcurrencyLimiter, KeyedSlots, OwnedPermit
);

impl<K, Q: ?Sized, R: Timer> fmt::Debug for AcquireKeyedCells<'_, K, Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireKeyedCells").field("limiter", &self.limiter).finish_non_exhaustive()
    }
}

impl<K, Q: ?Sized, R: Timer> fmt::Debug for AcquireKeyedSlots<'_, K, Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireKeyedSlots").field("limiter", &self.limiter).finish_non_exhaustive()
    }
}
