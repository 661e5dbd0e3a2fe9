//! Time as numbers: an [`Instant`] of some clock, which one (a [`ClockId`]), and a [`Deadline`].

#[cfg(feature = "alloc")]
pub(crate) mod ambient;
#[cfg(feature = "std")]
mod attach;
mod clock_id;
mod deadline;
mod instant;

#[cfg(feature = "std")]
pub use attach::Attached;
pub use clock_id::ClockId;
pub use deadline::Deadline;
pub use instant::Instant;
pub(crate) use instant::nanos;
