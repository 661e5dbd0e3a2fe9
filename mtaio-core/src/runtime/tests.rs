//! What tests of several modules stand on.

pub(crate) mod held;
pub(crate) mod places;
#[cfg(feature = "test-util")]
pub(crate) mod strict;
