//! How a check follows and steers tasks: what they report, and when they may go on.

use alloc::sync::Arc;
use alloc::vec::Vec;

use event_listener::Event;

use crate::primitive::{AtomicBool, Lock, Ordering};

/// What the tasks of a check have reported, in order. Clones share it.
pub(super) struct Log<E>(Arc<Lock<Vec<E>>>);

impl<E: Clone> Log<E> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Lock::new(Vec::new())))
    }

    pub(super) fn push(&self, entry: E) {
        self.0.with(|entries| entries.push(entry));
    }

    pub(super) fn len(&self) -> usize {
        self.0.with(|entries| entries.len())
    }

    pub(super) fn entries(&self) -> Vec<E> {
        self.0.with(|entries| entries.clone())
    }
}

impl<E> Clone for Log<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Keeps tasks until the check lets them through, for good. Clones share it.
#[derive(Clone)]
pub(super) struct Gate(Arc<Leaf>);

struct Leaf {
    is_open: AtomicBool,
    opened: Event,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self(Arc::new(Leaf { is_open: AtomicBool::new(false), opened: Event::new() }))
    }

    pub(super) fn open(&self) {
        // ORDERING: SeqCst, here and below: checks are not in a hurry.
        self.0.is_open.store(true, Ordering::SeqCst);
        self.0.opened.notify(usize::MAX);
    }

    pub(super) async fn pass(&self) {
        while !self.0.is_open.load(Ordering::SeqCst) {
            let opened = self.0.opened.listen();
            if !self.0.is_open.load(Ordering::SeqCst) {
                opened.await;
            }
        }
    }
}
