//! Who is next when somebody has to wait, and who is refused when too many do.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::error::ResourceLimitError;
use super::quota::InvalidQuota;
use crate::sync::codel::Codel;
use crate::sync::line::Order;
use crate::time::nanos;

/// The order in which those who wait for a limiter are served.
///
/// What holds for all of them: one who does not wait is served before nobody, so `try_acquire` fails while anybody waits, and
/// `acquire` takes what is free only where nobody waits who comes before it. A [combined](super::ResourceLimiter) wait that holds its
/// turn is not passed, nor refused, by anybody who comes meanwhile.
///
/// # Fairness
///
/// Under [`Fifo`](Self::Fifo) nobody is overtaken, so everybody's turn comes. Under all others it may not: those who come later can keep
/// one waiting for ever, as long as they come faster than they are served. Bound such waits, by `acquire_within`, a scope, `max_waiters`
/// or a queue delay (`codel`).
///
/// # Examples
///
/// ```
/// use core::future::Future;
/// use core::pin::pin;
/// use core::task::{Context, Waker};
/// use mtaio_core::limit::{ConcurrencyLimiter, QueuePolicy};
/// use mtaio_core::runtime::ManualClock;
///
/// # fn main() -> Result<(), Box<dyn core::error::Error>> {
/// let slots = ConcurrencyLimiter::builder(1).queue(QueuePolicy::priority(2)).build_on(ManualClock::new())?;
/// let mut context = Context::from_waker(Waker::noop());
///
/// let permit = slots.try_acquire()?;
/// let mut batch_job = pin!(slots.acquire());
/// let mut user = pin!(slots.acquire().priority(1));
/// assert!(batch_job.as_mut().poll(&mut context).is_pending());
/// assert!(user.as_mut().poll(&mut context).is_pending());
/// drop(permit);
/// assert!(batch_job.poll(&mut context).is_pending());
/// assert!(user.poll(&mut context).is_ready());
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueuePolicy {
    /// First come, first served, by first poll.
    #[default]
    Fifo,
    /// The highest class first, and in each class first come, first served. A class is never overtaken by a lower one.
    ///
    /// A wait says its class with `acquire().priority(class)`. One that says nothing is of class 0, the lowest.
    Priority(Classes),
    /// Last come, first served.
    Lifo,
    /// Last come, first served; and where as many wait as may, the one that came first is refused instead of the one that comes.
    LifoEvict,
}

impl QueuePolicy {
    /// So many classes: `QueuePolicy::Priority(Classes::new(classes))`.
    ///
    /// # Panics
    ///
    /// If that is not at least 1 and at most [`Classes::MAX`]; in a constant that is a compile error.
    pub const fn priority(classes: u8) -> Self {
        Self::Priority(Classes::new(classes))
    }

    pub(super) const fn order(self) -> Order {
        match self {
            Self::Fifo => Order::Fifo,
            Self::Priority(Classes(count)) => Order::Classes(count),
            Self::Lifo => Order::Lifo,
            Self::LifoEvict => Order::LifoEvict,
        }
    }
}

/// How many classes of waiters there are: numbered from 0, the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Classes(u8);

impl Classes {
    /// The most classes that a limiter can have.
    pub const MAX: u8 = 8;

    /// So many classes.
    ///
    /// # Panics
    ///
    /// If that is not at least 1 and at most [`MAX`](Self::MAX); in a constant that is a compile error.
    /// [`try_new`](Self::try_new) returns an error instead.
    pub const fn new(count: u8) -> Self {
        assert!(count > 0, "0 classes cannot be told apart; there are at least 1 and at most 8");
        assert!(count <= Self::MAX, "there are at most 8 classes");
        Self(count)
    }

    /// So many classes.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if that is not at least 1 and at most [`MAX`](Self::MAX).
    pub const fn try_new(count: u8) -> Result<Self, InvalidQuota> {
        if count == 0 || count > Self::MAX { Err(InvalidQuota::classes(count)) } else { Ok(Self(count)) }
    }

    /// How many there are.
    pub const fn count(self) -> u8 {
        self.0
    }
}

/// How long a line may be, in time: a target, and how long the delay has to be above it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delay {
    target: u64,
    interval: u64,
}

impl Delay {
    pub(super) const fn new(target: Duration, interval: Duration) -> Self {
        Self { target: nanos(target), interval: nanos(interval) }
    }

    pub(super) const fn control(self) -> Codel {
        Codel::new(self.target, self.interval)
    }
}

/// A wait that has a class.
pub(super) trait InClass: Future<Output = Result<Self::Admission, ResourceLimitError>> {
    type Admission;

    /// The class that it asks in, and how many there are, if there is no such class.
    fn missing_class(&self) -> Option<(u8, u8)>;
}

/// What says the class of a wait, on the futures of limiters.
macro_rules! priority {
    ([$($generics:tt)*] $future:ty, $output:ty, $field:ident) => {
        impl<$($generics)*> $future {
            /// Waits in that class, where the limiter was built with [`QueuePolicy::Priority`](crate::limit::QueuePolicy::Priority).
            /// Of classes the highest is served first; a wait that says nothing is of class 0.
            ///
            /// # Errors
            ///
            /// Besides those of the wait: of kind no such class, when it is polled, if the limiter has none of that number. Without
            /// classes there is class 0 only.
            pub fn priority(self, class: u8) -> crate::limit::policy::Prioritized<Self> {
                crate::limit::policy::Prioritized::new(self.in_class(class))
            }
        }

        impl<$($generics)*> crate::limit::policy::InClass for $future {
            type Admission = $output;

            fn missing_class(&self) -> Option<(u8, u8)> {
                self.$field.missing_class()
            }
        }
    };
}
pub(super) use priority;

pin_project! {
    /// Waits in a class: what `priority` makes of the future of an `acquire`.
    ///
    /// # Cancel safety
    ///
    /// As the future that it was made of.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Prioritized<A> {
        #[pin]
        acquire: A,
    }
}

impl<A> Prioritized<A> {
    pub(super) const fn new(acquire: A) -> Self {
        Self { acquire }
    }
}

impl<A: InClass> Future for Prioritized<A> {
    type Output = A::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let acquire = self.project().acquire;
        match acquire.missing_class() {
            Some(missing) => Poll::Ready(Err(ResourceLimitError::no_such_class(missing))),
            None => acquire.poll(context),
        }
    }
}
