//! How an adaptive rate limiter is made, where `new` does not say enough.

use alloc::sync::Arc;
use core::fmt;
use core::hash::Hash;
use core::time::Duration;

use super::AdaptiveRateLimiter;
use super::scale::scaled;
use super::weights::{Rules, Weights};
use crate::limit::adaptive::error::InvalidAdaptation;
use crate::limit::keyed::{KeyedRateLimiter, KeyedRateLimiterBuilder, WhenFull};
use crate::limit::quota::Quota;
use crate::runtime::Timer;

type QuotaOf<K> = Arc<dyn Fn(&K) -> Quota + Send + Sync>;

/// Makes an [`AdaptiveRateLimiter`]: see [`AdaptiveRateLimiter::builder`].
#[must_use = "a builder does nothing until it builds"]
pub struct AdaptiveRateLimiterBuilder<K, R> {
    keyed: KeyedRateLimiterBuilder<K, R>,
    quota: Quota,
    quota_of: Option<QuotaOf<K>>,
    rules: Rules,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static, R: Timer> AdaptiveRateLimiterBuilder<K, R> {
    pub(super) fn new(quota: Quota) -> Self {
        Self { keyed: KeyedRateLimiter::builder(quota), quota, quota_of: None, rules: Rules::default() }
    }

    /// Multiplies the weight by `factor` for each report of a load above `load`; by 0.8 above 0.9 if nothing is said.
    pub fn lower_above(mut self, load: f64, factor: f64) -> Self {
        (self.rules.lower_above, self.rules.lower) = (load, factor);
        self
    }

    /// Multiplies the weight by `factor` for each report of a load below `load`; by 1.2 below 0.5 if nothing is said.
    pub fn raise_below(mut self, load: f64, factor: f64) -> Self {
        (self.rules.raise_below, self.rules.raise) = (load, factor);
        self
    }

    /// Admits only `factor` of the rate as long as the load last reported is above `load`; a half above 0.8 if nothing is said.
    pub fn shed_above(mut self, load: f64, factor: f64) -> Self {
        (self.rules.shed_above, self.rules.shed) = (load, factor);
        self
    }

    /// Keeps weights between `floor` and `ceiling`; between 0.01 and 10 if nothing is said.
    pub fn weights_between(mut self, floor: f64, ceiling: f64) -> Self {
        (self.rules.floor, self.rules.ceiling) = (floor, ceiling);
        self
    }

    /// Takes the load of the last report for that of all keys, whichever it was of: all admit less while it is too high. Weights still
    /// are those of the keys that are reported. A report that passes the threshold looks at all keys.
    pub fn global_load(mut self) -> Self {
        self.rules.global = true;
        self
    }

    /// Forgets what was reported of a key after so long without another report; after an hour if nothing is said.
    pub fn forget_after(mut self, time: Duration) -> Self {
        self.rules.forget_after = time;
        self
    }

    /// Gives each key the quota that `quota_of` says, instead of the same one: see
    /// [`KeyedRateLimiterBuilder::quota_of`].
    pub fn quota_of(self, quota_of: impl Fn(&K) -> Quota + Send + Sync + 'static) -> Self {
        Self { quota_of: Some(Arc::new(quota_of)), ..self }
    }

    /// Lets there be at most `keys` keys at a time, and as many that are adjusted: see [`KeyedRateLimiterBuilder::max_keys`].
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.rules.max_keys = keys.max(1);
        Self { keyed: self.keyed.max_keys(keys), ..self }
    }

    /// What becomes of a new key where there are as many as may be: see [`KeyedRateLimiterBuilder::when_full`].
    pub fn when_full(self, when_full: WhenFull) -> Self {
        Self { keyed: self.keyed.when_full(when_full), ..self }
    }

    /// Lets at most so many wait for each key; whoever comes then is refused at once.
    pub fn max_waiters(self, waiters: usize) -> Self {
        Self { keyed: self.keyed.max_waiters(waiters), ..self }
    }

    /// Counts every request: see [`KeyedRateLimiterBuilder::counting`].
    pub fn counting(self) -> Self {
        Self { keyed: self.keyed.counting(), ..self }
    }

    /// Deals the keys out among so many tables: models need to have one.
    #[cfg(test)]
    pub(super) fn tables(self, tables: usize) -> Self {
        Self { keyed: self.keyed.tables(tables), ..self }
    }

    /// Makes the limiter on the default runtime of its type.
    ///
    /// # Errors
    ///
    /// [`InvalidAdaptation`] if a threshold is not from 0 to 1, or a factor or a bound makes no sense; it says which, and its value.
    pub fn build(self) -> Result<AdaptiveRateLimiter<K, R>, InvalidAdaptation>
    where
        R: Default,
    {
        self.build_on(R::default())
    }

    /// Makes the limiter on `runtime`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_on(self, runtime: R) -> Result<AdaptiveRateLimiter<K, R>, InvalidAdaptation> {
        let weights = Arc::new(Weights::new(self.rules.checked()?));
        let (shared, quota, quota_of) = (Arc::clone(&weights), self.quota, self.quota_of);
        let keyed = self.keyed.quota_of(move |key| {
            let quota = quota_of.as_ref().map_or(quota, |of| of(key));
            scaled(quota, shared.factor(key))
        });
        Ok(AdaptiveRateLimiter { keyed: keyed.build_on(runtime), weights })
    }
}

impl<K, R> fmt::Debug for AdaptiveRateLimiterBuilder<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveRateLimiterBuilder")
            .field("keyed", &self.keyed)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
