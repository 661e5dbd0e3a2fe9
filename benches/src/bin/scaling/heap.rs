//! How many bytes are allocated now.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::System;

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which counts.
pub(crate) struct Counting;

// SAFETY: everything is passed on to the system's allocator; the counter needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // ORDERING: Relaxed: a statistic, orders nothing.
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // ORDERING: Relaxed: a statistic, orders nothing.
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Bytes that are asked for and not given back, on all threads. What the allocator takes for itself is not in it.
pub(crate) fn live() -> usize {
    // ORDERING: Relaxed: a statistic, orders nothing.
    LIVE.load(Ordering::Relaxed)
}
