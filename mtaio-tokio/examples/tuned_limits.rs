//! A second of load on limits that are tuned: a rate for each user, one for each route and one for everybody, bursts well below the
//! rates, and slots by the number of cores. What was let through is counted and held against every one of these limits.
//!
//! ```text
//! cargo run -p mtaio-tokio --example tuned_limits
//! ```

extern crate alloc;

#[path = "support/check.rs"]
mod check;

use alloc::sync::Arc;
use core::time::Duration;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use check::{Failure, check};
use mtaio_tokio::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimitErrorKind, ResourceLimiter};
use tokio::task::JoinSet;
use tokio::time::sleep;

const LOAD: Duration = Duration::from_secs(1);
const WORK: Duration = Duration::from_millis(2);
/// Of each user on each route.
const TASKS: usize = 4;

/// How far a limiter lets a late timer of tokio catch up.
const TIMER_CAP: Duration = Duration::from_millis(4);

#[derive(Clone)]
struct User {
    name: &'static str,
    rate: RateLimiter,
}

/// A route has slots of its own: who waits for a rate has its slot already, and shall not keep it from other routes.
#[derive(Clone)]
struct Route {
    name: &'static str,
    rate: RateLimiter,
    slots: ConcurrencyLimiter,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Clone, Copy, Default)]
struct Inside {
    now: usize,
    peak: usize,
}

/// How often a task passed the limits, whose it was, and where to it came.
struct Passages {
    user: &'static str,
    route: &'static str,
    count: usize,
}

impl User {
    fn new(name: &'static str, quota: Quota) -> Self {
        Self { name, rate: RateLimiter::new(quota) }
    }
}

impl Route {
    fn new(name: &'static str, quota: Quota, slots: ConcurrencyLimiter) -> Self {
        Self { name, rate: RateLimiter::new(quota), slots, inside: Arc::default() }
    }

    async fn work(&self) {
        self.count(|inside| {
            inside.now += 1;
            inside.peak = inside.peak.max(inside.now);
        });
        sleep(WORK).await;
        self.count(|inside| inside.now -= 1);
    }

    fn count<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        change(&mut self.inside.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    check::exit(run().await)
}

async fn run() -> Result<(), Failure> {
    // A burst is what may come in one instant: a tenth of a second's worth is enough for those who come in good order.
    let everybody = RateLimiter::new(Quota::per_second(400).burst(40));
    let ann = User::new("ann", Quota::per_second(300).burst(30));
    let bob = User::new("bob", Quota::per_second(100).burst(10));
    // What keeps a core busy gets slots by the cores; what somebody else does, as many as that one can bear.
    let search = Route::new("search", Quota::per_second(350).burst(35), ConcurrencyLimiter::per_core(4));
    let export = Route::new("export", Quota::per_second(40).burst(4), ConcurrencyLimiter::new(2));

    let (users, routes) = ([ann, bob], [search, export]);
    let begun = Instant::now();
    let passages = under_load(&everybody, &users, &routes, begun).await?;
    let took = begun.elapsed();

    check_rate("everybody", &passages, |_| true, &everybody, took)?;
    for user in &users {
        check_rate(user.name, &passages, |passage| passage.user == user.name, &user.rate, took)?;
    }
    for route in &routes {
        check_rate(route.name, &passages, |passage| passage.route == route.name, &route.rate, took)?;
        let (peak, limit) = (route.count(|inside| inside.peak), route.slots.limit());
        check(format!("{}: {peak} at once at most, of {limit} that may", route.name), peak <= limit)?;
        let is_idle = route.slots.in_flight() == 0 && route.rate.waiters() == 0;
        check(format!("{}: all slots are back, and nobody waits", route.name), is_idle)?;
    }
    refusals()
}

/// Lets several tasks of each user come to each route as often as they may.
async fn under_load(
    everybody: &RateLimiter,
    users: &[User],
    routes: &[Route],
    begun: Instant,
) -> Result<Vec<Passages>, Failure> {
    let mut tasks = JoinSet::new();
    for user in users {
        for route in routes {
            let limiter = combine(everybody, user, route)?;
            for _ in 0..TASKS {
                tasks.spawn(load(limiter.clone(), user.name, route.clone(), begun));
            }
        }
    }
    let mut passages = Vec::new();
    while let Some(task) = tasks.join_next().await {
        passages.push(task??);
    }
    Ok(passages)
}

fn combine(everybody: &RateLimiter, user: &User, route: &Route) -> Result<ResourceLimiter, Failure> {
    let limiter = ResourceLimiter::builder()
        .rate_named("everybody", everybody)
        .rate_named(user.name, &user.rate)
        .rate_named(route.name, &route.rate)
        .concurrency(&route.slots);
    Ok(limiter.build()?)
}

/// One task of a user, until the time is over.
async fn load(limiter: ResourceLimiter, user: &'static str, route: Route, begun: Instant) -> Result<Passages, Failure> {
    let mut count = 0;
    while let Some(left) = LOAD.checked_sub(begun.elapsed()) {
        match limiter.acquire_within(left).await {
            Ok(_permit) => {
                count += 1;
                route.work().await;
            }
            Err(error) if error.kind() == ResourceLimitErrorKind::Deadline => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Passages { user, route: route.name, count })
}

/// Holds what a limiter let through against its quota.
fn check_rate(
    name: &str,
    passages: &[Passages],
    is_counted: impl Fn(&&Passages) -> bool,
    limiter: &RateLimiter,
    took: Duration,
) -> Result<(), Failure> {
    let passed: usize = passages.iter().filter(is_counted).map(|passage| passage.count).sum();
    let quota = limiter.quota();
    let most = f64::from(quota.burst_size()) + quota.rate() * (took + TIMER_CAP).as_secs_f64();
    check(format!("{name}: {passed} passed, of {most:.1} that may at {quota}"), passed as f64 <= most)
}

/// A refusal names the limit, says when to come back, and costs nothing at the other limits.
fn refusals() -> Result<(), Failure> {
    let everybody = RateLimiter::new(Quota::per_hour(100).burst(100));
    let guest = User::new("guest", Quota::per_hour(1));
    let search = Route::new("search", Quota::per_hour(50).burst(50), ConcurrencyLimiter::new(1));
    let limiter = combine(&everybody, &guest, &search)?;

    drop(limiter.try_acquire()?);
    let Err(refused) = limiter.try_acquire() else { return Err("a second one passed within an hour".into()) };
    println!("    {refused}");
    check("the refusal names the guest", refused.part().and_then(|part| limiter.name(part)) == Some("guest"))?;
    for _ in 0..10 {
        let _ = limiter.try_acquire();
    }
    let left = (everybody.available(), search.rate.available(), search.slots.available());
    // Time adds cells, and takes none.
    check("eleven refusals cost nothing elsewhere", left.0 >= 99 && left.1 >= 49 && left.2 == 1)
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn every_check_holds() {
        super::run().await.unwrap();
    }
}
