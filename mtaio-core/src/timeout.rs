//! Limits on how long something may take.
//!
//! | what | limits | keeps its deadlines |
//! |---|---|---|
//! | [`TimeoutManager::run`] | one future | with those of all its clones: one timer, however many are pending |
//! | [`TimeoutManager::scope`] | a block, and everything in it that waits | the same |
//! | [`timeout`], [`timeout_at`] | one future | in a timer of its own |
//! | [`cascade`] | attempts in turn, each with a future of its own | in a timer of its own |
//! | [`shield`] | nothing: what is in it outlives the scopes around it | |

mod cascade;
mod deadlines;
mod error;
mod manager;
mod run;
mod scope;
mod shield;
mod single;
mod span;
#[cfg(all(test, feature = "std"))]
#[cfg_attr(not(feature = "test-util"), allow(dead_code, reason = "some of it is for tests with a clock of their own"))]
mod tests;
mod wheel;

pub use cascade::{Attempt, Cascade, CascadeOrElse, cascade};
pub use error::{Elapsed, ElapsedKind};
pub use manager::TimeoutManager;
pub use run::{Run, RunOwned};
pub use scope::{Scope, ScopeHandle, ScopeWith};
pub use shield::{Shield, shield};
pub use single::{Timeout, timeout, timeout_at};
