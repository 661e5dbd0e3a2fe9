//! Limits and timeouts as layers of tower services.
//!
//! | layer | limits |
//! |---|---|
//! | [`RateLimitLayer`] | how many requests pass in a time |
//! | [`ConcurrencyLimitLayer`] | how many run at once |
//! | [`ResourceLimitLayer`] | any number of these together |
//! | [`LimitLayer`] of a [`BoxLimiter`](crate::limit::BoxLimiter), or of your own [`Limiter`](crate::limit::Limiter) | what it says |
//! | `KeyedLimitLayer` (feature `keyed`) | each key of a request by itself: clients, users, hosts |
//! | `AdaptiveLimitLayer` (feature `adaptive`) | how many run at once, by what comes of them |
//! | [`TimeoutLayer`] | how long each may take |
//!
//! There is one limit for all clones of a service, for all services that the layer makes, and for everybody else who has the
//! limiter. It is taken in `call`, not in `poll_ready`: a service that is ready and has nothing to do keeps nothing from others.
//!
//! ```
//! use core::time::Duration;
//! use mtaio_core::limit::{Quota, RateLimiter};
//! use mtaio_core::runtime::VirtualRuntime;
//! use mtaio_core::tower::{LimitError, RateLimitLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let runtime = VirtualRuntime::new();
//! let rate = RateLimiter::with_runtime(Quota::per_second(10).burst(1), runtime.clone());
//! let double = service_fn(|x: u32| async move { Ok::<_, &str>(2 * x) });
//! let service = RateLimitLayer::new(rate).refuse().layer(double);
//! runtime.block_on(async {
//!     assert_eq!(service.clone().oneshot(21).await.unwrap(), 42);
//!     let refused = service.clone().oneshot(21).await.unwrap_err();
//!     assert_eq!(refused.retry_after(), Some(Duration::from_millis(100)));
//! });
//! ```

#[cfg(feature = "adaptive")]
mod adaptive;
mod error;
#[cfg(feature = "keyed")]
mod keyed;
mod limit;
mod state;
mod timeout;

#[cfg(feature = "adaptive")]
pub use adaptive::{AdaptiveLimitFuture, AdaptiveLimitLayer, AdaptiveLimitService, Judge, OkOrDropped};
pub use error::LimitError;
#[cfg(feature = "keyed")]
pub use keyed::{KeyOf, KeyedLimitFuture, KeyedLimitLayer, KeyedLimitService, Optional};
pub use limit::{LimitFuture, LimitLayer, LimitService};
pub use timeout::{TimeoutError, TimeoutFuture, TimeoutLayer, TimeoutService};

use crate::limit::{ConcurrencyLimiter, RateLimiter, ResourceLimiter};

/// Limits how many requests pass in a time.
pub type RateLimitLayer<R> = LimitLayer<RateLimiter<R>>;

/// Limits how many requests run at once.
pub type ConcurrencyLimitLayer<R> = LimitLayer<ConcurrencyLimiter<R>>;

/// Limits requests by any number of limits together.
pub type ResourceLimitLayer<R> = LimitLayer<ResourceLimiter<R>>;
