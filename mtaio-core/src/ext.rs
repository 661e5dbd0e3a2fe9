//! Limits on any future and on any stream.

mod stream;

use core::future::Future;

pub use stream::{LimitConcurrency, NotAdmitted, StreamExt, Throttle};

use crate::limit::{Limiter, Run};

/// Ways to limit a future, for all futures.
pub trait FutureExt: Future + Sized {
    /// Waits until `limiter` lets one through, then runs this future; what the limiter gave is held until it is done.
    ///
    /// # Cancel safety
    ///
    /// Before this future is polled first, dropping takes nothing from the limiter; after that, as this future.
    ///
    /// # Errors
    ///
    /// Those of the limiter; this future is dropped then, unpolled.
    ///
    /// # Examples
    ///
    /// ```
    /// use mtaio_core::FutureExt;
    /// use mtaio_core::limit::{ConcurrencyLimiter, ResourceLimitError};
    /// # use mtaio_core::runtime::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new();
    /// let slots = ConcurrencyLimiter::with_runtime(2, runtime.clone());
    /// runtime.block_on(async {
    ///     let in_flight = async { slots.in_flight() }.limited_by(&slots).await?;
    ///     assert_eq!((in_flight, slots.in_flight()), (1, 0));
    ///     Ok::<_, ResourceLimitError>(())
    /// }).unwrap();
    /// ```
    fn limited_by<L: Limiter>(self, limiter: &L) -> Run<L::Admit, Self> {
        Run::new(limiter.admit(1), self)
    }
}

impl<F: Future> FutureExt for F {}
