//! What can be closed, and what a finalizer may return.

use alloc::boxed::Box;
use core::convert::Infallible;
use core::error::Error;
use core::future::{Future, ready};

use crate::limit::{ConcurrencyLimiter, RateLimiter};
use crate::runtime::Timer;
use crate::timeout::TimeoutManager;

/// The error of a resource, of any type.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A resource whose end takes time: a connection that says goodbye, a file that is flushed, a pool that drains.
///
/// Limiters, timeout managers and groups have a `close` of their own, which borrows them; with this trait imported, `limiter.close()` means the one
/// here, which takes the handle. So an implementation had better name the trait by its path.
///
/// # Examples
///
/// ```
/// use std::io;
/// use mtaio_core::resource::{self, ExitStack};
/// use mtaio_core::runtime::VirtualRuntime;
///
/// struct Connection;
///
/// impl resource::AsyncClose for Connection {
///     type Error = io::Error;
///
///     async fn close(self) -> Result<(), io::Error> {
///         // says goodbye, and waits for the answer
///         Ok(())
///     }
/// }
///
/// let runtime = VirtualRuntime::new();
/// let stack = ExitStack::with_runtime(runtime.clone());
/// stack.push(Connection);
/// runtime.block_on(stack.close())?;
/// # Ok::<(), mtaio_core::resource::CloseErrors>(())
/// ```
#[doc(alias = "AsyncCloseable")]
#[doc(alias = "aclose")]
pub trait AsyncClose {
    /// Why it could not be closed. `Infallible` where that cannot be.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Closes it. Implementations write `async fn close(self)`.
    ///
    /// # Cancel safety
    ///
    /// Whoever limits its time drops the future half-way, and the resource with it.
    ///
    /// # Errors
    ///
    /// What the resource says.
    fn close(self) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Closes it already when it is called, so that nothing depends on whose `close` it was.
impl<R: Timer> AsyncClose for RateLimiter<R> {
    type Error = Infallible;

    fn close(self) -> impl Future<Output = Result<(), Infallible>> + Send {
        Self::close(&self);
        ready(Ok(()))
    }
}

/// Closes it already when it is called, as for [`RateLimiter`].
impl<R: Timer> AsyncClose for ConcurrencyLimiter<R> {
    type Error = Infallible;

    fn close(self) -> impl Future<Output = Result<(), Infallible>> + Send {
        Self::close(&self);
        ready(Ok(()))
    }
}

/// Closes it already when it is called, as for [`RateLimiter`].
impl<R: Timer> AsyncClose for TimeoutManager<R> {
    type Error = Infallible;

    fn close(self) -> impl Future<Output = Result<(), Infallible>> + Send {
        Self::close(&self);
        ready(Ok(()))
    }
}

/// What a finalizer may return: `()`, or `Result<(), E>`.
#[diagnostic::on_unimplemented(
    message = "a finalizer returns `()` or `Result<(), E>`, and not `{Self}`",
    note = "`E` is any type that converts into `Box<dyn Error + Send + Sync>`"
)]
pub trait Outcome {
    /// The error, if it is one.
    ///
    /// # Errors
    ///
    /// Those of the finalizer.
    fn into_result(self) -> Result<(), Box<dyn Error + Send + Sync>>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}
