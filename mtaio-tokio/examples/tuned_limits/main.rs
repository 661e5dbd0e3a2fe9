//! A second of load on limits that are tuned: a rate for each user, one for each route and one for everybody, bursts well below the
//! rates, and slots by the number of cores. What was let through is counted and held against every one of these limits.
//!
//! ```text
//! cargo run -p mtaio-tokio --example tuned_limits
//! ```

extern crate alloc;

#[path = "../support/check.rs"]
mod check;
mod load;
mod service;

use core::time::Duration;
use std::process::ExitCode;
use std::time::Instant;

use check::{Failure, check};
use load::{Passages, under_load};
use mtaio_tokio::{ConcurrencyLimiter, Quota, RateLimiter};
use service::{Route, User, combine};

/// How far a limiter lets a late timer of tokio catch up.
const TIMER_CAP: Duration = Duration::from_millis(4);

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
