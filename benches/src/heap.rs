//! What is allocated.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::alloc::System;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicI64 = AtomicI64::new(0);
static BLOCKS: AtomicI64 = AtomicI64::new(0);

/// The system's allocator, which counts while [`count`] runs. A program that measures memory makes it its global one.
#[derive(Debug)]
pub struct Counting;

fn note(bytes: i64, blocks: i64) {
    // ORDERING: Relaxed: statistics, order nothing.
    if IS_COUNTING.load(Ordering::Relaxed) {
        BYTES.fetch_add(bytes, Ordering::Relaxed);
        BLOCKS.fetch_add(blocks, Ordering::Relaxed);
    }
}

// SAFETY: everything is passed on to the system's allocator; the counters need no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as i64, 1);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(-(layout.size() as i64), -1);
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size as i64 - layout.size() as i64, 0);
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// What is held after something that was not held before.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Bytes that are asked for and not given back. What the allocator takes for itself is not in it.
    pub bytes: i64,
    /// In so many pieces.
    pub blocks: i64,
}

/// Counts what `work` allocates and leaves allocated, in all threads; what it returns is not dropped before.
///
/// # Panics
///
/// If [`Counting`] is not the global allocator.
pub fn count<T>(work: impl FnOnce() -> T) -> (T, Growth) {
    let now = || {
        // ORDERING: Relaxed: statistics, order nothing.
        Growth { bytes: BYTES.load(Ordering::Relaxed), blocks: BLOCKS.load(Ordering::Relaxed) }
    };
    // ORDERING: Relaxed: a statistic, orders nothing.
    IS_COUNTING.store(true, Ordering::Relaxed);
    let empty = now();
    let probe = core::hint::black_box(Box::new([0_u8; 64]));
    // Other threads are counted too, so it may be more or less.
    assert_ne!(now().bytes, empty.bytes, "nobody counts: `heap::Counting` is not the global allocator");
    drop(probe);
    let before = now();
    let made = work();
    let after = now();
    // ORDERING: Relaxed: a statistic, orders nothing.
    IS_COUNTING.store(false, Ordering::Relaxed);
    (made, Growth { bytes: after.bytes - before.bytes, blocks: after.blocks - before.blocks })
}
