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
            if let Err(panic) = catch(|| waker.wake()) {
                self.panic.get_or_insert(panic);
            }
        }
    }

    /// Drops a waker that is not needed. No lock is held.
    pub(crate) fn discard(&mut self, waker: Option<Waker>) {
        if let Err(panic) = catch(|| drop(waker)) {
            self.panic.get_or_insert(panic);
        }
    }

    /// Whether a panic will go on when the batch is dropped: not on a thread that unwinds already.
    pub(crate) fn will_unwind(&self) -> bool {
        self.panic.is_some() && !unwinding()
    }
}

impl Drop for WakeBatch {
    #[inline]
    fn drop(&mut self) {
        self.wake();
        if let Some(panic) = self.panic.take() {
            resume(panic);
        }
    }
}
