//! Cleanup that waits: what is acquired in order is closed in reverse order, whatever happens in between.
//!
//! | type | closes | when |
//! |---|---|---|
//! | [`ExitStack`] | what was pushed, last first | when it is closed, or at the end of its [scope](ExitStack::scope) |
//! | [`ResourceGroup`] | its members, last first | when anybody closes it, or at the end of its [scope](ResourceGroup::scope) |
//!
//! A stack belongs to one piece of work; what is pushed stays there. A group is shared, and members leave it again. Both
//! go on after a finalizer that fails, hangs or panics, and report all of that in [`CloseErrors`].
//!
//! A finalizer that has a time limit has all of it, also inside of a [timeout scope](crate::timeout::TimeoutManager::scope) whose time is
//! over: the scope waits for it. One that has no limit is cut off by the scope, as everything else in there.
//!
//! Rust has no destructor that waits. Where nobody can await [`close`](ExitStack::close), since the future that would have done
//! so was dropped, resources are dropped, last first, unless `detach_on_drop` says that the runtime is to close them. For a
//! resource whose drop is all the cleanup it needs, a plain variable is enough.

mod close;
mod error;
mod exit_stack;
mod finalizer;
mod group;
mod pile;
mod scope;

pub use close::{AsyncClose, Outcome};
pub use error::{CloseError, CloseErrorKind, CloseErrors};
pub use exit_stack::ExitStack;
pub use group::{AddError, Member, RemoveError, RemoveErrorKind, ResourceGroup};
pub use scope::ScopeError;

#[cfg(all(test, feature = "test-util"))]
mod tests;
