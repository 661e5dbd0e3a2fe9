//! Ten calls of a limited function on async-std: `cargo run -p mtaio-std-compat --example hello_async_std`.

use std::time::Instant;

use async_std::task;
use mtaio_std_compat::{ConcurrencyLimiter, Quota, RateLimiter, ResourceError};

fn main() -> Result<(), ResourceError> {
    let rate = RateLimiter::new(Quota::per_second(20).burst(5));
    let slots = ConcurrencyLimiter::new(2);
    let start = Instant::now();

    // A function with both limits built in. Clones of it share them.
    let fetch = {
        let slots = slots.clone();
        slots.wrap(rate.wrap(move |page: u32| async move {
            println!("{:>4} ms: page {page}", start.elapsed().as_millis());
            page
        }))
    };
    let pages: Vec<_> = (1..=10).map(|page| task::spawn(fetch(page))).collect();
    let sum = task::block_on(async {
        let mut sum = 0;
        for page in pages {
            // The outer result is that of the slots, the inner one that of the rate.
            sum += page.await??;
        }
        Ok::<_, ResourceError>(sum)
    })?;

    println!("all pages together: {sum}");
    assert_eq!(sum, 55);
    assert_eq!((slots.in_flight(), rate.waiters()), (0, 0));
    Ok(())
}
