//! The waker of one who looks again.

use core::fmt;
use core::task::Waker;

use crate::primitive::Lock;

/// Keeps the waker of one task, for others to wake it.
///
/// Who waits registers first and looks then; who changes something changes it first and wakes then. So nothing is missed.
pub(crate) struct WakerCell(Lock<Option<Waker>>);

impl WakerCell {
    pub(crate) fn new() -> Self {
        Self(Lock::new(None))
    }

    /// Wakes who is registered. It is taken, because cloning it would run foreign code under the lock: whoever is woken registers
    /// again when it goes on waiting.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.0.with(Option::take) {
            waker.wake();
        }
    }

    /// Forgets who is registered.
    pub(crate) fn clear(&self) {
        drop(self.0.with(Option::take));
    }

    /// Makes `waker` the one that is called.
    pub(crate) fn register(&self, waker: &Waker) {
        let known = self.0.with(|cell| cell.as_ref().is_some_and(|known| known.will_wake(waker)));
        if !known {
            let fresh = Some(waker.clone());
            drop(self.0.with(|cell| core::mem::replace(cell, fresh)));
        }
    }
}

impl fmt::Debug for WakerCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakerCell").finish_non_exhaustive()
    }
}
