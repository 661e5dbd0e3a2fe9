//! What waits: the intrusive list, the wait queue on it, and the [`Semaphore`].

#[cfg(feature = "alloc")]
mod closed;
#[allow(unsafe_code, reason = "the raw pointers of the workspace")]
pub(crate) mod list;
mod semaphore;
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

pub(crate) use list::Handle;
pub(crate) use semaphore::Refusal;
pub(crate) use wait::Wait;
pub(crate) use wait_queue::{Supply, Verdict, WaitQueue, waits};
#[cfg(feature = "alloc")]
pub(crate) use wake_batch::WakeBatch;
#[cfg(feature = "alloc")]
pub(crate) use waker_cell::WakerCell;

#[cfg(all(test, feature = "std"))]
mod tests;
