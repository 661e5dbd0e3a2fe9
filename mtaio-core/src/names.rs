//! What every adapter calls by the same name.

/// Declares the names of an adapter: the types of this crate with a runtime filled in, and what goes with them.
///
/// The adapters of this project are made with it, so that their names are the same and only an import changes from one to the other.
/// So can yours: call it in the module that users import from, with a runtime that is `Default`.
///
/// ```
/// mod manual {
///     mtaio_core::names!(mtaio_core::runtime::ManualClock);
/// }
///
/// let limiter = manual::RateLimiter::new(manual::Quota::per_second(1));
/// assert!(limiter.try_acquire().is_ok());
/// assert_eq!(manual::now(), manual::Instant::ORIGIN);
/// ```
#[macro_export]
macro_rules! names {
    ($runtime:ty) => {
        pub use $crate::ext::{FutureExt, NotAdmitted, StreamExt};
        pub use $crate::limit::{
            self, BoxLimiter, InvalidLimiter, InvalidQuota, Limiter, QueuePolicy, Quota, ResourceError,
            ResourceLimitError, ResourceLimitErrorKind, TokenBucket,
        };
        pub use $crate::resource::{
            self, AddError, AsyncClose, CloseError, CloseErrorKind, CloseErrors, Member, RemoveError, RemoveErrorKind,
            ScopeError,
        };
        pub use $crate::sync::{self, OwnedPermit, Permit, Semaphore};
        pub use $crate::time::{self, Deadline, Instant};
        pub use $crate::timeout::{self, Attempt, Elapsed, ElapsedKind, ScopeHandle, shield};

        /// Lets through so many cells in a time: see [`limit::RateLimiter`].
        pub type RateLimiter = limit::RateLimiter<$runtime>;

        /// Cells of a rate limiter that one holder has at hand: see [`limit::Lease`].
        pub type Lease = limit::Lease<$runtime>;

        /// Limits how much runs at once: see [`limit::ConcurrencyLimiter`].
        pub type ConcurrencyLimiter = limit::ConcurrencyLimiter<$runtime>;

        /// Any number of limits together, all or nothing: see [`limit::ResourceLimiter`].
        pub type ResourceLimiter = limit::ResourceLimiter<$runtime>;

        /// Limits how long things take: see [`timeout::TimeoutManager`].
        pub type TimeoutManager = timeout::TimeoutManager<$runtime>;

        /// Closes what was pushed, last first: see [`resource::ExitStack`].
        pub type ExitStack = resource::ExitStack<$runtime>;

        /// Closes its members together: see [`resource::ResourceGroup`].
        pub type ResourceGroup = resource::ResourceGroup<$runtime>;

        $crate::keyed_names!($runtime);
        $crate::adaptive_names!($runtime);

        /// What the clock of the runtime shows, to make deadlines of: `now() + Duration::from_secs(5)`.
        pub fn now() -> Instant {
            $crate::runtime::Clock::now(&<$runtime as ::core::default::Default>::default())
        }

        /// Runs `future` for at most `limit`: see [`timeout::timeout`](fn@timeout::timeout).
        ///
        /// # Cancel safety
        ///
        /// As `future`.
        ///
        /// # Errors
        ///
        /// [`Elapsed`] when the time is over; `future` was dropped before.
        ///
        /// # Panics
        ///
        /// If it has to wait and no runtime polls it, where the runtime's timers need one.
        pub fn timeout<F: ::core::future::Future>(
            limit: ::core::time::Duration,
            future: F,
        ) -> timeout::Timeout<$runtime, F> {
            timeout::timeout(<$runtime as ::core::default::Default>::default(), limit, future)
        }

        /// Runs `future` until `deadline` at the latest: see [`timeout::timeout_at`].
        ///
        /// # Cancel safety
        ///
        /// As `future`.
        ///
        /// # Errors
        ///
        /// [`Elapsed`] when the time is over; `future` was dropped before.
        ///
        /// # Panics
        ///
        /// If it has to wait and no runtime polls it, where the runtime's timers need one.
        pub fn timeout_at<F: ::core::future::Future>(
            deadline: impl ::core::convert::Into<Deadline>,
            future: F,
        ) -> timeout::Timeout<$runtime, F> {
            timeout::timeout_at(<$runtime as ::core::default::Default>::default(), deadline, future)
        }

        /// Tries something with one timeout after the other, and a fresh future each time: see [`timeout::cascade`].
        ///
        /// # Cancel safety
        ///
        /// As the attempts' futures.
        ///
        /// # Errors
        ///
        /// Those of the attempts, and [`Elapsed`], turned into their error type.
        ///
        /// # Panics
        ///
        /// If it has to wait and no runtime polls it, where the runtime's timers need one.
        pub fn cascade<I, M, F, T, E>(timeouts: I, attempt: M) -> timeout::Cascade<$runtime, I::IntoIter, M, F>
        where
            I: ::core::iter::IntoIterator<Item = ::core::time::Duration>,
            M: ::core::ops::FnMut(Attempt) -> F,
            F: ::core::future::Future<Output = ::core::result::Result<T, E>>,
            E: ::core::convert::From<Elapsed>,
        {
            timeout::cascade(<$runtime as ::core::default::Default>::default(), timeouts, attempt)
        }
    };
}

/// The part of [`names!`] that the feature `keyed` adds.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "keyed")]
macro_rules! keyed_names {
    ($runtime:ty) => {
        pub use $crate::limit::{
            KeyUsage, KeyedConcurrencySnapshot, KeyedLimiter, KeyedRateSnapshot, KeysSnapshot, WhenFull,
        };

        /// Lets through so many cells in a time for each key: see [`limit::KeyedRateLimiter`].
        pub type KeyedRateLimiter<K> = limit::KeyedRateLimiter<K, $runtime>;

        /// Limits how much runs at once for each key: see [`limit::KeyedConcurrencyLimiter`].
        pub type KeyedConcurrencyLimiter<K> = limit::KeyedConcurrencyLimiter<K, $runtime>;
    };
}

/// The part of [`names!`] that the feature `keyed` adds.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "keyed"))]
macro_rules! keyed_names {
    ($runtime:ty) => {};
}

/// The part of [`names!`] that the feature `adaptive` adds.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "adaptive")]
macro_rules! adaptive_names {
    ($runtime:ty) => {
        pub use $crate::limit::{AdaptiveSnapshot, InvalidAdaptation, LimitAlgorithm, LimitBounds, Outcome, Sample};
        pub use $crate::limit::{Aimd, Elastic, Gradient2, Vegas};

        /// Lets through so many cells in a time for each key, by the load that is reported: see [`limit::AdaptiveRateLimiter`].
        pub type AdaptiveRateLimiter<K> = limit::AdaptiveRateLimiter<K, $runtime>;

        /// Limits how much runs at once, and finds the limit by itself: see [`limit::AdaptiveConcurrencyLimiter`].
        pub type AdaptiveConcurrencyLimiter = limit::AdaptiveConcurrencyLimiter<$runtime>;

        /// A permit that is told what came of it: see [`limit::AdaptivePermit`].
        pub type AdaptivePermit = limit::AdaptivePermit<$runtime>;
    };
}

/// The part of [`names!`] that the feature `adaptive` adds.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "adaptive"))]
macro_rules! adaptive_names {
    ($runtime:ty) => {};
}
