//! What is told of the transitions that are not fast: events of the crate `tracing`, or nothing.
//!
//! Whoever listens is foreign code: nothing here is called under a lock. The names are listed in `docs/observing.md`.

use core::fmt;

/// The target of all events.
#[cfg(feature = "tracing")]
const TARGET: &str = "mtaio";

/// Declares a function that emits an event, or does nothing.
macro_rules! event {
    ($(#[$doc:meta])* $level:ident $name:ident($limiter:ident, $($field:ident: $type:ty),*) = $message:literal) => {
        $(#[$doc])*
        #[inline]
        pub(crate) fn $name($limiter: &'static str, $($field: $type),*) {
            #[cfg(feature = "tracing")]
            tracing::$level!(target: TARGET, $limiter, $($field = ?$field,)* $message);
            #[cfg(not(feature = "tracing"))]
            let _ = ($limiter, $($field),*);
        }
    };
}

event! {
    /// One has to wait, and is in line.
    debug waits(limiter, n: u32) = "waits"
}

event! {
    /// One who waited has what it asked for.
    debug granted(limiter, n: u32) = "granted"
}

event! {
    /// One who waited, or would have had to, is refused.
    debug refused(limiter, n: u32, reason: &dyn fmt::Debug) = "refused"
}

event! {
    /// One gives up.
    debug cancelled(limiter, n: u32) = "cancelled"
}

event! {
    /// A key that could be told from a new one makes room for another.
    #[cfg(feature = "keyed")]
    debug evicted(limiter,) = "evicted"
}

event! {
    /// A limiter is closed.
    info closed(limiter,) = "closed"
}

event! {
    /// A limiter has other limits than before.
    info reconfigured(limiter, limit: &dyn fmt::Debug) = "reconfigured"
}
