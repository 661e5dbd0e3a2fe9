//! Plain threads, no async runtime: `cargo run -p mtaio-std-compat --example threads`.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use mtaio_std_compat::thread::{AcquireBlocking, ConcurrencyLimiter, Quota, RateLimiter, ResourceError};

fn main() -> Result<(), ResourceError> {
    let rate = RateLimiter::new(Quota::per_second(20).burst(5));
    let slots = ConcurrencyLimiter::new(2);
    let start = Instant::now();

    let work = |i: u32| {
        let _permit = slots.acquire_blocking()?; // one of two, until it is dropped
        rate.acquire_blocking()?; // blocks until its turn
        println!("{:>4} ms: thread {i}, {} at once", start.elapsed().as_millis(), slots.in_flight());
        Ok::<_, ResourceError>(i)
    };
    let served: u32 = thread::scope(|scope| {
        let threads: Vec<_> = (1..=10).map(|i| scope.spawn(move || work(i))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum::<Result<_, ResourceError>>()
    })?;

    // Who may not wait that long is told so at once.
    match rate.acquire_within_blocking(Duration::ZERO) {
        Ok(()) => println!("one more, without waiting: fine"),
        Err(refused) => println!("one more, without waiting? {refused}"),
    }
    assert_eq!(served, (1..=10).sum());
    assert_eq!((slots.in_flight(), rate.waiters()), (0, 0));
    Ok(())
}
