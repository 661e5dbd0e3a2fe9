//! Time as numbers: an [`Instant`] of some clock, and a [`Deadline`].

mod deadline;
mod instant;

pub use deadline::Deadline;
pub use instant::Instant;
pub(crate) use instant::nanos;
