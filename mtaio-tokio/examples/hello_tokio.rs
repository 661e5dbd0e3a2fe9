//! Ten requests, two at a time and at most twenty a second: `cargo run -p mtaio-tokio --example hello_tokio`.

use std::time::Instant;

use mtaio_tokio::{ConcurrencyLimiter, Quota, RateLimiter, ResourceError};

#[tokio::main]
async fn main() -> Result<(), ResourceError> {
    let rate = RateLimiter::new(Quota::per_second(20).burst(5));
    let slots = ConcurrencyLimiter::new(2);
    let start = Instant::now();

    let requests: Vec<_> = (1..=10)
        .map(|i| {
            // Clones share the limit.
            let (rate, slots) = (rate.clone(), slots.clone());
            tokio::spawn(async move {
                let _permit = slots.acquire().await?; // one of two, until it is dropped
                rate.acquire().await?; // waits its turn
                println!("{:>4} ms: request {i}, {} at once", start.elapsed().as_millis(), slots.in_flight());
                Ok::<_, ResourceError>(i)
            })
        })
        .collect();
    let mut served = Vec::new();
    for request in requests {
        served.push(request.await.expect("no request panics")?);
    }

    // `try_acquire` does not wait: it says when to come back.
    match rate.try_acquire_many(5) {
        Ok(()) => println!("five more at once: fine"),
        Err(refused) => println!("five more at once? {refused}"),
    }
    assert_eq!(served, Vec::from_iter(1..=10));
    assert_eq!((slots.in_flight(), rate.waiters()), (0, 0));
    Ok(())
}
