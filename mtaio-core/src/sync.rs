//! What waits: the intrusive list, the wait queue on it, and the [`Semaphore`].

pub(crate) mod answer;
#[cfg(feature = "alloc")]
mod closed;
pub(crate) mod codel;
pub(crate) mod counts;
pub(crate) mod line;
#[allow(unsafe_code, reason = "the raw pointers of the workspace")]
pub(crate) mod list;
pub(crate) mod observe;
mod semaphore;
pub(crate) mod stamp;
pub(crate) mod supply;
mod wait;
pub(crate) mod wait_queue;
mod wake_batch;
#[cfg(feature = "alloc")]
mod waker_cell;

#[cfg(feature = "alloc")]
pub use closed::Closed;
pub use semaphore::{Acquire, AcquireError, AcquireErrorKind, HeldPermit, Permit, Semaphore};
#[cfg(feature = "alloc")]
pub use semaphore::{AcquireOwned, Idle, OwnedPermit};

#[cfg(feature = "alloc")]
pub(crate) use closed::Closing;
#[cfg(feature = "alloc")]
pub(crate) use semaphore::BoxClock;
#[cfg(feature = "alloc")]
pub(crate) use wait_queue::Plan;

#[cfg(test)]
pub(crate) use answer::Answer;
pub(crate) use answer::Carried;
pub(crate) use list::Handle;
pub(crate) use semaphore::Refusal;
pub(crate) use supply::{Supply, Verdict};
pub(crate) use wait::Wait;
pub(crate) use wait_queue::{WaitQueue, waits};
#[cfg(feature = "alloc")]
pub(crate) use wake_batch::WakeBatch;
#[cfg(feature = "alloc")]
pub(crate) use waker_cell::WakerCell;

#[cfg(all(test, feature = "std"))]
mod tests;
