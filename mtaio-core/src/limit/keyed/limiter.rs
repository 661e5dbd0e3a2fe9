//! What both keyed limiters have in common, for code that works with either.

use alloc::sync::Arc;
use core::future::Future;
use core::hash::Hash;

use super::concurrency::KeyedConcurrencyLimiter;
use super::future::{AdmitKeyedCells, AdmitKeyedSlots};
use super::rate::KeyedRateLimiter;
use crate::limit::error::ResourceLimitError;
use crate::runtime::Timer;
use crate::sync::OwnedPermit;

/// Anything that can be asked to let something through for a key: [`Limiter`](crate::limit::Limiter) with keys.
pub trait KeyedLimiter<K> {
    /// What is held while the work runs, and dropped after it. For a rate there is nothing to hold.
    type Permit: Send + 'static;

    /// The future of [`admit`](Self::admit). It keeps the limiter alive.
    type Admit: Future<Output = Result<Self::Permit, ResourceLimitError>>;

    /// Waits until `n` are let through for `key`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in line, and takes nothing.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`] if they never will be.
    fn admit(&self, key: K, n: u32) -> Self::Admit;

    /// Lets `n` through for `key` now, or says why not.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`], with `retry_after` where the limiter knows it.
    fn try_admit(&self, key: &K, n: u32) -> Result<Self::Permit, ResourceLimitError>;
}

impl<K: Hash + Eq + Clone, R: Timer> KeyedLimiter<K> for KeyedRateLimiter<K, R> {
    type Permit = ();
    type Admit = AdmitKeyedCells<K, R>;

    fn admit(&self, key: K, n: u32) -> Self::Admit {
        AdmitKeyedCells::new(self.clone(), key, n)
    }

    fn try_admit(&self, key: &K, n: u32) -> Result<(), ResourceLimitError> {
        self.try_acquire_many(key, n)
    }
}

impl<K: Hash + Eq + Clone, R: Timer> KeyedLimiter<K> for KeyedConcurrencyLimiter<K, R> {
    type Permit = OwnedPermit;
    type Admit = AdmitKeyedSlots<K, R>;

    fn admit(&self, key: K, n: u32) -> Self::Admit {
        AdmitKeyedSlots::new(self.clone(), key, n)
    }

    fn try_admit(&self, key: &K, n: u32) -> Result<OwnedPermit, ResourceLimitError> {
        self.try_acquire_many(key, n)
    }
}

impl<K, L: KeyedLimiter<K> + ?Sized> KeyedLimiter<K> for Arc<L> {
    type Permit = L::Permit;
    type Admit = L::Admit;

    fn admit(&self, key: K, n: u32) -> L::Admit {
        (**self).admit(key, n)
    }

    fn try_admit(&self, key: &K, n: u32) -> Result<L::Permit, ResourceLimitError> {
        (**self).try_admit(key, n)
    }
}
