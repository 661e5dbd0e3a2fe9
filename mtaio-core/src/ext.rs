//! Limits and timeouts on any future, and limits on any stream.

mod stream;

use core::future::Future;

pub use stream::{LimitConcurrency, NotAdmitted, StreamExt, Throttle};

use crate::limit::{Limiter, Run};
use crate::runtime::Timer;
use crate::timeout::{RunOwned, TimeoutManager};

/// Ways to limit a future and the time that it takes, for all futures.
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

    /// Runs this future for at most the timeout of `manager`: [`TimeoutManager::run_owned`].
    ///
    /// Before [`limited_by`](Self::limited_by) it bounds the work alone; after it, the wait for the limit too.
    ///
    /// # Cancel safety
    ///
    /// As this future: dropping one drops the other.
    ///
    /// # Errors
    ///
    /// [`Elapsed`](crate::timeout::Elapsed) when the time is over; this future was dropped before.
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::{future::pending, time::Duration};
    /// use mtaio_core::FutureExt;
    /// use mtaio_core::runtime::VirtualRuntime;
    /// use mtaio_core::timeout::TimeoutManager;
    ///
    /// let runtime = VirtualRuntime::new();
    /// let tm = TimeoutManager::with_runtime(Duration::from_secs(5), runtime.clone());
    /// assert_eq!(runtime.block_on(async { 7 }.within(&tm)), Ok(7));
    /// assert!(runtime.block_on(pending::<()>().within(&tm)).is_err());
    /// ```
    fn within<R: Timer>(self, manager: &TimeoutManager<R>) -> RunOwned<R, Self> {
        manager.run_owned(self)
    }
}

impl<F: Future> FutureExt for F {}
