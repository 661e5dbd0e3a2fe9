//! What time it is: the operating system's, or tokio's where tests can move that.
//!
//! With tokio's feature `test-util`, and only then, `tokio::runtime::Builder` has an inherent method `start_paused`. It wins over a
//! trait's method of the same name. So a call by that name tells at compile time whether the feature is on, whoever turned it
//! on, and the compiler removes the clock that is not used.

use std::sync::OnceLock;

use mtaio_core::Instant;
use mtaio_core::runtime::{Clock, SystemClock};
use mtaio_core::time::ClockId;
use tokio::runtime::Builder;

#[allow(dead_code, reason = "used where `test-util` is off")]
/// What the call finds where tokio's time cannot be moved.
struct NotPausable;

#[allow(dead_code, reason = "used where `test-util` is off")]
trait StartPaused {
    fn start_paused(&mut self, _: bool) -> NotPausable {
        NotPausable
    }
}

impl StartPaused for Builder {}

/// Tells the two apart by their type.
trait Found {
    const PAUSABLE: bool;
}

impl Found for NotPausable {
    const PAUSABLE: bool = false;
}

impl Found for &mut Builder {
    const PAUSABLE: bool = true;
}

/// Whether tokio's feature `test-util` is on. `probe` is never called: only its type counts.
const fn is_pausable<F: Found>(_: fn(&'static mut Builder) -> F) -> bool {
    F::PAUSABLE
}

const PAUSABLE: bool = is_pausable(|builder| builder.start_paused(true));

#[inline]
pub(crate) fn now() -> Instant {
    if PAUSABLE { test_now() } else { SystemClock.now() }
}

/// Whose time it is: tokio's own where tests can move that, else the one that all adapters share.
pub(crate) fn id() -> ClockId {
    static TOKIO: OnceLock<ClockId> = OnceLock::new();
    if PAUSABLE { *TOKIO.get_or_init(ClockId::unique) } else { ClockId::SYSTEM }
}

/// Tokio's time, which tests can pause and advance.
fn test_now() -> Instant {
    static ORIGIN: OnceLock<tokio::time::Instant> = OnceLock::new();
    // A paused clock starts anew in each runtime, perhaps before another one's; a second's head start makes room for that.
    let now = tokio::time::Instant::now();
    let origin = *ORIGIN.get_or_init(|| now.checked_sub(core::time::Duration::from_secs(1)).unwrap_or(now));
    Instant::ORIGIN + now.saturating_duration_since(origin)
}

/// The same instant on tokio's clock. The two can drift apart, so a sleep looks at ours again when it ends.
pub(crate) fn to_tokio(at: Instant) -> tokio::time::Instant {
    /// Tokio's timers reach no further than some decades; whoever sleeps that long looks again.
    const FAR: core::time::Duration = core::time::Duration::from_secs(86_400 * 365 * 30);
    tokio::time::Instant::now() + at.since(now()).min(FAR)
}
