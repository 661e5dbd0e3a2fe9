//! A group of resources that are closed together.

mod error;
mod member;

use alloc::sync::Arc;
use core::any::type_name;
use core::fmt;
use core::time::Duration;

pub use error::{AddError, RemoveError, RemoveErrorKind};
pub use member::Member;

use super::close::AsyncClose;
use super::error::CloseErrors;
use super::pile::Pile;
use super::scope::{ScopeError, scope};
use crate::runtime::{Spawn, Timer};
use crate::sync::Closed;

/// Closes its members together, last first.
///
/// It is a handle: clones share the group. A member is a handle too, shared by the group and whoever added it, as limiters,
/// pools and clients are; a resource that is not goes on an [`ExitStack`](super::ExitStack). Whatever a member does when it is
/// closed, the next one is closed; one that fails, takes too long or panics is reported in the end, with all others.
///
/// When the last handle is dropped before the group was closed, what the group holds is dropped, last first, and not closed; or it
/// is closed by a task of the runtime, with [`detach_on_drop`](Self::detach_on_drop). A member that has a handle of its own group
/// keeps it alive until it is closed.
///
/// Applications use the alias of their runtime's adapter, which has no parameter.
///
/// # Examples
///
/// ```
/// use mtaio_core::limit::{ConcurrencyLimiter, Quota, RateLimiter};
/// use mtaio_core::resource::ResourceGroup;
/// use mtaio_core::runtime::VirtualRuntime;
///
/// let runtime = VirtualRuntime::new();
/// let group = ResourceGroup::with_runtime(runtime.clone());
/// let rate = group.add(RateLimiter::with_runtime(Quota::per_second(10), runtime.clone()))?;
/// let slots = group.add(ConcurrencyLimiter::with_runtime(4, runtime.clone()))?;
/// rate.try_acquire()?; // a member is used as what it is
///
/// let slots = group.remove(slots)?; // not closed
/// runtime.block_on(group.close())?;
/// assert!(rate.is_closed() && !slots.is_closed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ResourceGroup<R: Timer> {
    pile: Arc<Pile<R>>,
}

impl<R: Timer + Default> ResourceGroup<R> {
    /// Makes a group without members.
    pub fn new() -> Self {
        Self::with_runtime(R::default())
    }
}

impl<R: Timer> ResourceGroup<R> {
    /// Makes a group without members, whose time limits count on `runtime`.
    pub fn with_runtime(runtime: R) -> Self {
        Self { pile: Arc::new(Pile::new(runtime)) }
    }

    /// Limits the time to close each member that is added from now on, through any handle, without a limit of its own. One that takes
    /// longer is given up, and the next one is closed.
    #[must_use = "it returns the group"]
    pub fn time_limit(self, limit: Duration) -> Self {
        self.pile.set_limit(limit);
        self
    }

    /// When the last handle is dropped, leaves the members that are not closed to a task of the runtime; one whose closing was
    /// interrupted goes on first. Nobody learns of their errors.
    ///
    /// Where nothing can be spawned, as outside of a runtime that needs to be entered, they are dropped, last first.
    #[must_use = "it returns the group"]
    pub fn detach_on_drop(self) -> Self
    where
        R: Spawn,
    {
        self.pile.detach_on_drop();
        self
    }

    /// Makes `resource` a member. Dropping the handle that this returns leaves it one.
    ///
    /// # Errors
    ///
    /// [`AddError`], with the resource, once somebody has begun to close the group.
    pub fn add<T>(&self, resource: T) -> Result<Member<T>, AddError<T>>
    where
        T: AsyncClose + Clone + Send + 'static,
    {
        self.insert(None, resource)
    }

    /// As [`add`](Self::add); to close it may take no more than `limit`.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_within<T>(&self, limit: Duration, resource: T) -> Result<Member<T>, AddError<T>>
    where
        T: AsyncClose + Clone + Send + 'static,
    {
        self.insert(Some(limit), resource)
    }

    fn insert<T>(&self, limit: Option<Duration>, resource: T) -> Result<Member<T>, AddError<T>>
    where
        T: AsyncClose + Clone + Send + 'static,
    {
        let shared = resource.clone();
        let work = async move { shared.close().await.map_err(Into::into) };
        match self.pile.insert(self.pile.finalizer(type_name::<T>(), limit, work)) {
            Ok(key) => Ok(Member::new(&self.pile, key, resource)),
            Err(_) => Err(AddError::new(resource)),
        }
    }

    /// Gives a member back, not closed, and no longer one.
    ///
    /// # Errors
    ///
    /// [`RemoveError`], with the member: it is of another group, or somebody has begun to close this one.
    pub fn remove<T>(&self, member: Member<T>) -> Result<T, RemoveError<T>> {
        if !member.is_of(&self.pile) {
            return Err(RemoveError::new(RemoveErrorKind::Foreign, member));
        }
        match self.pile.remove(member.key()) {
            Some(finalizer) => {
                drop(finalizer);
                Ok(member.into_resource())
            }
            None => Err(RemoveError::new(RemoveErrorKind::Closed, member)),
        }
    }

    /// How many members it holds. The one that is just being closed does not count.
    pub fn len(&self) -> usize {
        self.pile.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes the members, last first, each to its end or its time limit. From its first poll on nothing is added or removed.
    ///
    /// Closing twice is closing: while or after somebody else closes, it is done at once, also in a member that is just being closed.
    /// [`closed`](Self::closed) waits for the end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops half-way. Whoever closes next goes on with the member that was being closed, and reports what
    /// had gone wrong before.
    ///
    /// # Errors
    ///
    /// [`CloseErrors`] with everything that failed, took too long or panicked.
    pub async fn close(&self) -> Result<(), CloseErrors> {
        self.pile.close().await
    }

    /// Whether it was closed to the end.
    pub fn is_closed(&self) -> bool {
        self.pile.is_closed()
    }

    /// Waits until it is closed to the end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn closed(&self) -> Closed<'_> {
        self.pile.closed()
    }

    /// Runs `body` with this group, and then closes it: when `body` returns, when it returns an error, and when it panics.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops `body`, and then this handle of the group.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] with the error of `body`, and those of closing.
    ///
    /// # Panics
    ///
    /// If `body` does, after the members were closed; their errors are lost then. Without std, panics are not caught.
    ///
    /// # Examples
    ///
    /// ```
    /// use mtaio_core::limit::ConcurrencyLimiter;
    /// use mtaio_core::resource::ResourceGroup;
    /// use mtaio_core::runtime::VirtualRuntime;
    ///
    /// let runtime = VirtualRuntime::new();
    /// let slots = ConcurrencyLimiter::with_runtime(4, runtime.clone());
    /// let scope = ResourceGroup::with_runtime(runtime.clone()).scope(async |group| {
    ///     let slots = group.add(slots.clone())?;
    ///     let _permit = slots.acquire().await?;
    ///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(slots.in_flight())
    /// });
    /// assert_eq!(runtime.block_on(scope).unwrap(), 1);
    /// assert!(slots.is_closed());
    /// ```
    #[doc(alias = "resource_scope")]
    pub async fn scope<T, E>(self, body: impl AsyncFnOnce(&Self) -> Result<T, E>) -> Result<T, ScopeError<E>> {
        scope(async { body(&self).await }, self.pile.close()).await
    }
}

/// Closes as a resource of a stack, or as a member of another group.
impl<R: Timer> AsyncClose for ResourceGroup<R> {
    type Error = CloseErrors;

    async fn close(self) -> Result<(), CloseErrors> {
        self.pile.close().await
    }
}

impl<R: Timer> Clone for ResourceGroup<R> {
    fn clone(&self) -> Self {
        Self { pile: Arc::clone(&self.pile) }
    }
}

impl<R: Timer + Default> Default for ResourceGroup<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Timer> fmt::Debug for ResourceGroup<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceGroup")
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
