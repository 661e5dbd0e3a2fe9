//! The wait machinery, against simple models and in every interleaving.
//!
//! Tests whose names begin with `loom_` are models; `RUSTFLAGS="--cfg loom" cargo test -p mtaio-core --lib --release loom_`
//! explores them.

mod interleavings;
mod list;
#[cfg(all(feature = "tracing", feature = "test-util", not(any(loom, shuttle))))]
mod observe;
mod panics;
mod parked;
mod semaphore;
mod wake_batch;
mod wakers;
