//! Who comes, and where to: the limits of both.

use alloc::sync::Arc;
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use mtaio_tokio::{ConcurrencyLimiter, InvalidLimiter, Quota, RateLimiter, ResourceLimiter};
use tokio::time::sleep;

const WORK: Duration = Duration::from_millis(2);

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) rate: RateLimiter,
}

/// A route has slots of its own: who waits for a rate has its slot already, and shall not keep it from other routes.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) name: &'static str,
    pub(crate) rate: RateLimiter,
    pub(crate) slots: ConcurrencyLimiter,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Inside {
    pub(crate) now: usize,
    pub(crate) peak: usize,
}

impl User {
    pub(crate) fn new(name: &'static str, quota: Quota) -> Self {
        Self { name, rate: RateLimiter::new(quota) }
    }
}

impl Route {
    pub(crate) fn new(name: &'static str, quota: Quota, slots: ConcurrencyLimiter) -> Self {
        Self { name, rate: RateLimiter::new(quota), slots, inside: Arc::default() }
    }

    pub(crate) async fn work(&self) {
        self.count(|inside| {
            inside.now += 1;
            inside.peak = inside.peak.max(inside.now);
        });
        sleep(WORK).await;
        self.count(|inside| inside.now -= 1);
    }

    pub(crate) fn count<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        change(&mut self.inside.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// All limits that a user has on a route, together.
pub(crate) fn combine(everybody: &RateLimiter, user: &User, route: &Route) -> Result<ResourceLimiter, InvalidLimiter> {
    ResourceLimiter::builder()
        .rate_named("everybody", everybody)
        .rate_named(user.name, &user.rate)
        .rate_named(route.name, &route.rate)
        .concurrency(&route.slots)
        .build()
}
