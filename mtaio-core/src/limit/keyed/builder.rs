//! How keyed limiters are made.

use alloc::sync::Arc;
use core::fmt;
use core::hash::Hash;
use core::time::Duration;

use super::concurrency::KeyedConcurrencyLimiter;
use super::homes::Of;
use super::rate::KeyedRateLimiter;
use super::store::{Options, WhenFull};
use crate::limit::concurrency::{ConcurrencyLimiter, ConcurrencyLimiterBuilder};
use crate::limit::policy::QueuePolicy;
use crate::limit::quota::{InvalidQuota, Quota};
use crate::limit::rate::{RateLimiter, RateLimiterBuilder};
use crate::runtime::Timer;

/// Makes a [`KeyedRateLimiter`]: see [`KeyedRateLimiter::builder`].
#[must_use = "a builder does nothing until it builds"]
pub struct KeyedRateLimiterBuilder<K, R> {
    pub(super) template: RateLimiterBuilder<R>,
    pub(super) quota: Quota,
    pub(super) quota_of: Option<Of<K, Quota>>,
    pub(super) options: Options,
}

/// What both builders say about keys.
macro_rules! key_options {
    ($counting:literal) => {
        /// Lets there be at most `keys` keys at a time, at least one. Without it there may be as many as memory has room for, and those
        /// that are idle are forgotten in passing.
        ///
        /// What becomes of the next one says [`when_full`](Self::when_full).
        pub fn max_keys(mut self, keys: usize) -> Self {
            self.options.max_keys = keys.max(1);
            self
        }

        /// What becomes of a new key where there are as many as may be. Without it the idlest is evicted.
        pub fn when_full(mut self, when_full: WhenFull) -> Self {
            self.options.when_full = when_full;
            self
        }

        /// Deals the keys out among so many tables: models need to have one.
        #[cfg(test)]
        pub(in crate::limit) fn tables(mut self, tables: usize) -> Self {
            self.options.tables = tables;
            self
        }

        /// Lets at most so many wait for each key; whoever comes then is refused at once.
        pub fn max_waiters(self, waiters: usize) -> Self {
            Self { template: self.template.max_waiters(waiters), ..self }
        }

        /// Serves those who wait for a key in that order. First come, first served, if it is not said. Keys do not wait for each other.
        pub fn queue(self, policy: QueuePolicy) -> Self {
            Self { template: self.template.queue(policy), ..self }
        }

        /// Refuses those who have waited for a key longer than `target`, while the key's line is overloaded: as for a limiter of one key.
        pub fn codel(self, target: Duration, interval: Duration) -> Self {
            Self { template: self.template.codel(target, interval), ..self }
        }

        /// Counts every request in the limiter's snapshot, and not only those that stand in line for a key.
        ///
        #[doc = $counting]
        pub fn counting(self) -> Self {
            Self { template: self.template.counting(), ..self }
        }
    };
}

impl<K: Hash + Eq, R: Timer> KeyedRateLimiterBuilder<K, R> {
    pub(super) fn new(quota: Quota) -> Self {
        Self { template: RateLimiter::builder(quota), quota, quota_of: None, options: Options::new() }
    }

    /// Gives each key the quota that `quota_of` says, instead of the same one.
    ///
    /// It is asked when a key comes that is not known, without a lock; the key keeps that quota until it is forgotten, also if
    /// `quota_of` would say another one by now.
    ///
    /// Up to fifteen different quotas cost nothing; each key with yet another one takes some hundred bytes.
    pub fn quota_of(self, quota_of: impl Fn(&K) -> Quota + Send + Sync + 'static) -> Self {
        Self { quota_of: Some(Arc::new(quota_of)), ..self }
    }

    key_options!(
        "It costs nothing where it is not said. Where it is, each request goes the longer way: it hashes its key and reads the clock \
         twice, and where the key has a line, it takes the lock of that too; a key takes no more memory."
    );

    /// Makes the limiter on the default runtime of its type.
    pub fn build(self) -> KeyedRateLimiter<K, R>
    where
        R: Default,
    {
        self.build_on(R::default())
    }

    /// Makes the limiter on `runtime`.
    pub fn build_on(self, runtime: R) -> KeyedRateLimiter<K, R> {
        KeyedRateLimiter::from_builder(self, runtime)
    }
}

/// Makes a [`KeyedConcurrencyLimiter`]: see [`KeyedConcurrencyLimiter::builder`].
#[must_use = "a builder does nothing until it builds"]
pub struct KeyedConcurrencyLimiterBuilder<K, R> {
    pub(super) template: ConcurrencyLimiterBuilder<R>,
    pub(super) limit: usize,
    pub(super) limit_of: Option<Of<K, usize>>,
    pub(super) options: Options,
}

impl<K: Hash + Eq, R: Timer> KeyedConcurrencyLimiterBuilder<K, R> {
    pub(super) fn new(limit: usize) -> Self {
        Self { template: ConcurrencyLimiter::builder(limit), limit, limit_of: None, options: Options::new() }
    }

    /// Gives each key the limit that `limit_of` says, instead of the same one. A limit of zero is a pause.
    ///
    /// It is asked when a key comes that is not known, without a lock; the key keeps that limit until it is forgotten, also if
    /// `limit_of` would say another one by now.
    pub fn limit_of(self, limit_of: impl Fn(&K) -> usize + Send + Sync + 'static) -> Self {
        Self { limit_of: Some(Arc::new(limit_of)), ..self }
    }

    key_options!(
        "It costs nothing where it is not said. Where it is, each request and each permit that comes back takes the lock of its key's \
         slots; a key takes no more memory."
    );

    /// Makes the limiter on the default runtime of its type.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if the limit is zero.
    pub fn build(self) -> Result<KeyedConcurrencyLimiter<K, R>, InvalidQuota>
    where
        R: Default,
    {
        self.build_on(R::default())
    }

    /// Makes the limiter on `runtime`.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if the limit is zero.
    pub fn build_on(self, runtime: R) -> Result<KeyedConcurrencyLimiter<K, R>, InvalidQuota> {
        KeyedConcurrencyLimiter::from_builder(self, runtime)
    }
}

impl<K, R> fmt::Debug for KeyedRateLimiterBuilder<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimiterBuilder")
            .field("quota", &self.quota)
            .field("max_keys", &self.options.max_keys)
            .field("when_full", &self.options.when_full)
            .finish_non_exhaustive()
    }
}

impl<K, R> fmt::Debug for KeyedConcurrencyLimiterBuilder<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedConcurrencyLimiterBuilder")
            .field("limit", &self.limit)
            .field("max_keys", &self.options.max_keys)
            .field("when_full", &self.options.when_full)
            .finish_non_exhaustive()
    }
}
