//! Rate limiters, concurrency limiters and the queues under them, for any async runtime, with or without std.
//!
//! Applications depend on the adapter of their runtime (`mtaio-tokio`, `mtaio-smol`, `mtaio-std-compat`), which names the
//! types of this crate with the runtime filled in. This crate is for those who embed the limiters in a library, write an
//! adapter, test with a clock of their own, or have no operating system.
//!
//! # What is where
//!
//! | module | what it holds |
//! |---|---|
//! | [`limit`] | `RateLimiter`, `ConcurrencyLimiter`, both together in `ResourceLimiter`, and the pure [`Quota`](limit::Quota), [`Gcra`](limit::Gcra) and [`TokenBucket`](limit::TokenBucket) |
//! | [`resource`] | cleanup that waits: `ExitStack` and `ResourceGroup` |
//! | [`sync`] | the fair [`Semaphore`](sync::Semaphore) |
//! | [`runtime`] | what a runtime supplies, and the virtual one for tests |
//! | [`ext`] | `FutureExt` and `StreamExt`: limits on any future and any stream |
//! | `io` | limits on bytes: what readers and writers with limits are made of |
//! | [`time`] | [`Instant`] and [`Deadline`] |
//! | [`timeout`] | `TimeoutManager`, `timeout`, `cascade`, `shield` |
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `std` (default) | the lock and the panics of an operating system; implies `alloc` |
//! | `alloc` | what needs a heap: the limiters as shared handles, alarms, tasks |
//! | `critical-section` | the lock of firmware; the application supplies its implementation |
//! | `serde` | `Serialize` and `Deserialize` for `Quota`, as text such as `10/s burst 20`; `Serialize` for snapshots |
//! | `test-util` | `ManualClock` and `VirtualRuntime` |
//! | `tsc` | `SystemClock` reads the time stamp counter where the kernel itself trusts it |
//! | `keyed` | `KeyedRateLimiter` and `KeyedConcurrencyLimiter`: limits per key |
//! | `io` | limits on bytes for readers and writers of futures-io |
//! | `adaptive` | `AdaptiveRateLimiter` and `AdaptiveConcurrencyLimiter`: limits that follow a load, or find themselves |
//! | `sim` | what a limit would have done with some traffic: a simulator, in virtual time |
//! | `tower` | limiters and timeouts as layers of tower services |
//! | `metrics` | `record` on snapshots: gauges and counters of the crate `metrics` |
//! | `tracing` | events of the crate `tracing` where somebody waits, is refused or gives up, and where a limiter changes |
//! | `conformance` | the suite that a runtime can be held against |
//!
//! One of `std` and `critical-section` is needed. Without `alloc` there are still `Quota`, `Gcra`, `TokenBucket`,
//! `Semaphore` with borrowed permits, `Instant` and `Deadline`.
//!
//! # What it is not
//!
//! It limits one process. A limit that several machines share needs a server that counts for all of them.

#![no_std]
#![deny(unsafe_code)]
// The queue serves the limiters too, which need a heap.
#![cfg_attr(not(feature = "alloc"), allow(dead_code, unused_imports))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[allow(unsafe_code, reason = "the uninitialised places of `Stage` and `Tray`")]
mod primitive;

#[cfg(feature = "alloc")]
pub mod alarm;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(all(test, feature = "std", target_has_atomic = "64", not(any(loom, shuttle))))]
mod costs;
#[cfg(feature = "alloc")]
pub mod ext;
#[cfg(feature = "std")]
pub mod io;
pub mod limit;
#[cfg(feature = "alloc")]
mod names;
#[cfg(feature = "alloc")]
pub mod resource;
pub mod runtime;
#[cfg(all(test, shuttle))]
mod schedules;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sync;
pub mod time;
#[cfg(feature = "alloc")]
pub mod timeout;
#[cfg(feature = "tower")]
pub mod tower;

#[cfg(feature = "alloc")]
pub use ext::{FutureExt, StreamExt};
pub use time::{Deadline, Instant};
