//! Wakers on their way out: collected under the lock, called after it.

use core::task::Waker;

use crate::primitive::{BATCH, Panic, Stage, catch, resume, unwinding};

/// Collects wakers under a lock and calls them outside it, in order.
///
/// A waker is foreign code and may panic. The first panic is kept until the batch is dropped, so that every other waiter is
/// woken and whoever called us is done with its own work first.
pub(crate) struct WakeBatch {
    wakers: Stage<Waker, BATCH>,
    panic: Option<Panic>,
}

impl WakeBatch {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { wakers: Stage::new(), panic: None }
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.wakers.is_full()
    }

    /// Adds a waker. The caller looks at [`is_full`](Self::is_full) first.
    #[inline]
    pub(crate) fn push(&mut self, waker: Waker) {
        self.wakers.push(waker);
    }

    /// Wakes all, in the order in which they were added. No lock is held.
    #[inline]
    pub(crate) fn wake(&mut self) {
        while let Some(waker) = self.wakers.pop() {
            self.guard(|| waker.wake());
        }
    }

    /// Runs foreign code. If it panics, that is kept as the panic of a waker is.
    #[inline]
    pub(crate) fn guard(&mut self, foreign: impl FnOnce()) {
        if let Err(panic) = catch(foreign) {
            self.panic.get_or_insert(panic);
        }
    }

    #[cold]
    fn end(&mut self) {
        self.wake();
        if let Some(panic) = self.panic.take() {
            resume(panic);
        }
    }

    /// Whether dropping the batch will panic.
    #[inline]
    pub(crate) fn will_panic(&self) -> bool {
        self.panic.is_some() && !unwinding()
    }
}

impl Drop for WakeBatch {
    #[inline]
    fn drop(&mut self) {
        if !self.wakers.is_empty() || self.panic.is_some() {
            self.end();
        }
    }
}
