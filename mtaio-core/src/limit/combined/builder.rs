//! How a combined limiter is made.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use super::ResourceLimiter;
use super::error::{InvalidLimiter, Reason};
use super::parts::{Entry, Member, Parts};
use crate::limit::concurrency::ConcurrencyLimiter;
use crate::limit::error::{Part, PartKind};
use crate::limit::rate::{self, RateLimiter};
use crate::runtime::Timer;
use crate::sync::{Closing, Semaphore};

/// Makes a [`ResourceLimiter`]: see [`ResourceLimiter::builder`].
#[must_use = "a builder does nothing until it builds"]
pub struct ResourceLimiterBuilder<R: Timer> {
    slots: Vec<Member<Semaphore>>,
    rates: Vec<Member<rate::Shared<R>>>,
    entries: Vec<Entry>,
    runtime: Option<R>,
    /// A part that goes by another clock than the first one.
    stranger: Option<Part>,
}

impl<R: Timer> ResourceLimiterBuilder<R> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), rates: Vec::new(), entries: Vec::new(), runtime: None, stranger: None }
    }

    /// Adds a rate limit, which others may share.
    pub fn rate(self, limiter: &RateLimiter<R>) -> Self {
        self.add_rate(limiter, None)
    }

    /// Adds a rate limit under a name, which [`ResourceLimiter::name`] tells when it refuses.
    pub fn rate_named(self, name: impl Into<Cow<'static, str>>, limiter: &RateLimiter<R>) -> Self {
        self.add_rate(limiter, Some(name.into()))
    }

    /// Adds a limit on how much runs at once, which others may share.
    pub fn concurrency(self, limiter: &ConcurrencyLimiter<R>) -> Self {
        self.add_slots(limiter, None)
    }

    /// Adds a limit on how much runs at once under a name, which [`ResourceLimiter::name`] tells when it refuses.
    pub fn concurrency_named(self, name: impl Into<Cow<'static, str>>, limiter: &ConcurrencyLimiter<R>) -> Self {
        self.add_slots(limiter, Some(name.into()))
    }

    fn add_rate(mut self, limiter: &RateLimiter<R>, name: Option<Cow<'static, str>>) -> Self {
        let part = self.enter(PartKind::Rate, name, limiter.runtime());
        self.rates.push(Member { limit: Arc::clone(limiter.shared()), part });
        self
    }

    fn add_slots(mut self, limiter: &ConcurrencyLimiter<R>, name: Option<Cow<'static, str>>) -> Self {
        let part = self.enter(PartKind::Concurrency, name, limiter.runtime());
        self.slots.push(Member { limit: Arc::clone(limiter.semaphore()), part });
        self
    }

    fn enter(&mut self, kind: PartKind, name: Option<Cow<'static, str>>, runtime: &R) -> Part {
        // Whoever adds more than that is told so when it builds.
        let part = Part::new(kind, u16::try_from(self.entries.len()).unwrap_or(u16::MAX));
        self.entries.push(Entry { part, name });
        if self.runtime.get_or_insert_with(|| runtime.clone()).clock_id() != runtime.clock_id() {
            self.stranger.get_or_insert(part);
        }
        part
    }

    /// Makes the limiter.
    ///
    /// # Errors
    ///
    /// [`InvalidLimiter`] if there are no parts, or if two of them are the same limiter, or go by different clocks.
    pub fn build(self) -> Result<ResourceLimiter<R>, InvalidLimiter> {
        let Self { mut slots, mut rates, entries, runtime, stranger } = self;
        let Some(runtime) = runtime else { return Err(InvalidLimiter::new(Reason::Empty)) };
        if entries.len() > u16::MAX.into() {
            return Err(InvalidLimiter::new(Reason::TooMany));
        }
        if let Some(stranger) = stranger {
            return Err(InvalidLimiter::new(Reason::Clocks(entries[0].part, stranger)));
        }
        slots.sort_by_key(|slots| Arc::as_ptr(&slots.limit));
        rates.sort_by_key(|rate| (Reverse(rate.limit.interval()), Arc::as_ptr(&rate.limit)));
        distinct(&slots).and(distinct(&rates)).map_err(InvalidLimiter::new)?;
        let (slots, rates, entries) = (slots.into(), rates.into(), entries.into());
        Ok(ResourceLimiter::from_parts(Parts { slots, rates, entries, closing: Closing::new(), runtime }))
    }
}

/// Whether all limiters of a sorted list differ.
fn distinct<T>(members: &[Member<T>]) -> Result<(), Reason> {
    match members.windows(2).find(|pair| Arc::ptr_eq(&pair[0].limit, &pair[1].limit)) {
        Some(pair) => Err(Reason::Twice(pair[0].part, pair[1].part)),
        None => Ok(()),
    }
}

impl<R: Timer> fmt::Debug for ResourceLimiterBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceLimiterBuilder").field("parts", &self.entries.len()).finish_non_exhaustive()
    }
}
