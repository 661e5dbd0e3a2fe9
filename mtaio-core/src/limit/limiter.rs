//! What all limiters have in common, for code that works with any of them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::combined::{AcquireResources, ResourceLimiter, ResourcePermit};
use super::concurrency::{AcquireSlotsOwned, ConcurrencyLimiter};
use super::error::ResourceLimitError;
use super::rate::{AcquireCellsOwned, RateLimiter};
use crate::runtime::Timer;
use crate::sync::OwnedPermit;

/// Anything that can be asked to let something through.
///
/// All limiters of this crate are one, and so is what an application makes of its own. The methods of the limiters themselves do
/// more, and cost less; this is for code that takes any.
///
/// ```
/// use core::future::{Ready, ready};
/// use mtaio_core::FutureExt;
/// use mtaio_core::limit::{Limiter, ResourceLimitError};
/// # use mtaio_core::runtime::VirtualRuntime;
///
/// /// Limits nothing.
/// struct Unlimited;
///
/// impl Limiter for Unlimited {
///     type Permit = ();
///     type Admit = Ready<Result<(), ResourceLimitError>>;
///
///     fn admit(&self, _: u32) -> Self::Admit {
///         ready(Ok(()))
///     }
///
///     fn try_admit(&self, _: u32) -> Result<(), ResourceLimitError> {
///         Ok(())
///     }
/// }
///
/// assert_eq!(VirtualRuntime::new().block_on(async { 7 }.limited_by(&Unlimited)), Ok(7));
/// ```
pub trait Limiter {
    /// What is held while the work runs, and dropped after it. For a rate there is nothing to hold.
    type Permit: Send + 'static;

    /// The future of [`admit`](Self::admit). It keeps the limiter alive.
    type Admit: Future<Output = Result<Self::Permit, ResourceLimitError>> + Send + 'static;

    /// Waits until `n` are let through: cells, slots, or so many of each part.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in line, and takes nothing.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`] if they never will be.
    fn admit(&self, n: u32) -> Self::Admit;

    /// Lets `n` through now, or says why not.
    ///
    /// # Errors
    ///
    /// [`ResourceLimitError`], with `retry_after` where the limiter knows it.
    fn try_admit(&self, n: u32) -> Result<Self::Permit, ResourceLimitError>;

    /// The limiter behind a type that does not tell which it is.
    fn boxed(self) -> BoxLimiter
    where
        Self: Sized + Send + Sync + 'static,
    {
        BoxLimiter(Arc::new(self))
    }
}

impl<R: Timer> Limiter for RateLimiter<R> {
    type Permit = ();
    type Admit = AcquireCellsOwned<R>;

    fn admit(&self, n: u32) -> AcquireCellsOwned<R> {
        self.acquire_owned_cells(n)
    }

    fn try_admit(&self, n: u32) -> Result<(), ResourceLimitError> {
        self.try_acquire_many(n)
    }
}

impl<R: Timer> Limiter for ConcurrencyLimiter<R> {
    type Permit = OwnedPermit;
    type Admit = AcquireSlotsOwned<R>;

    fn admit(&self, n: u32) -> AcquireSlotsOwned<R> {
        self.acquire_many_owned(n)
    }

    fn try_admit(&self, n: u32) -> Result<OwnedPermit, ResourceLimitError> {
        self.try_acquire_many_owned(n)
    }
}

impl<R: Timer> Limiter for ResourceLimiter<R> {
    type Permit = ResourcePermit<'static, R>;
    type Admit = AcquireResources<'static, R>;

    fn admit(&self, n: u32) -> AcquireResources<'static, R> {
        self.acquire_each_owned(n)
    }

    fn try_admit(&self, n: u32) -> Result<ResourcePermit<'static, R>, ResourceLimitError> {
        self.try_acquire_each_owned(n)
    }
}

/// Implements [`Limiter`] for a pointer to one.
macro_rules! through {
    ($pointer:ty) => {
        impl<L: Limiter + ?Sized> Limiter for $pointer {
            type Permit = L::Permit;
            type Admit = L::Admit;

            fn admit(&self, n: u32) -> L::Admit {
                (**self).admit(n)
            }

            fn try_admit(&self, n: u32) -> Result<L::Permit, ResourceLimitError> {
                (**self).try_admit(n)
            }
        }
    };
}

through!(&L);
through!(Arc<L>);

/// A [`Limiter`] of any type, where types must not differ: what [`Limiter::boxed`] makes.
///
/// It is a handle: clones are the same limiter. Waiting through it allocates once, and so does what it gives, if that is anything.
#[derive(Clone)]
pub struct BoxLimiter(Arc<dyn Erased + Send + Sync>);

/// What a [`BoxLimiter`] gives: whatever its limiter does. Dropping it is dropping that.
pub struct BoxPermit(#[expect(dead_code, reason = "it is held to be dropped")] Box<dyn Any + Send>);

/// Waits for whatever limiter there is: the future of a [`BoxLimiter`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct BoxAdmit(Pin<Box<dyn Future<Output = Result<BoxPermit, ResourceLimitError>> + Send>>);

/// A [`Limiter`] without its types.
trait Erased {
    fn admit(&self, n: u32) -> BoxAdmit;
    fn try_admit(&self, n: u32) -> Result<BoxPermit, ResourceLimitError>;
}

impl<L: Limiter> Erased for L {
    fn admit(&self, n: u32) -> BoxAdmit {
        let admit = Limiter::admit(self, n);
        BoxAdmit(Box::pin(async move { admit.await.map(BoxPermit::new) }))
    }

    fn try_admit(&self, n: u32) -> Result<BoxPermit, ResourceLimitError> {
        Limiter::try_admit(self, n).map(BoxPermit::new)
    }
}

impl BoxPermit {
    fn new(permit: impl Send + 'static) -> Self {
        Self(Box::new(permit))
    }
}

impl Limiter for BoxLimiter {
    type Permit = BoxPermit;
    type Admit = BoxAdmit;

    fn admit(&self, n: u32) -> BoxAdmit {
        self.0.admit(n)
    }

    fn try_admit(&self, n: u32) -> Result<BoxPermit, ResourceLimitError> {
        self.0.try_admit(n)
    }
}

impl Future for BoxAdmit {
    type Output = Result<BoxPermit, ResourceLimitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for BoxLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxLimiter").finish_non_exhaustive()
    }
}

impl fmt::Debug for BoxPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxPermit").finish_non_exhaustive()
    }
}

impl fmt::Debug for BoxAdmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxAdmit").finish_non_exhaustive()
    }
}
