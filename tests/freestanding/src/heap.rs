//! A heap that only grows: enough for a program that ends at once.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::null_mut,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

const SIZE: usize = 64 * 1024;

#[repr(align(64))]
struct Arena(UnsafeCell<[u8; SIZE]>);

// SAFETY: only the allocator below reaches into the arena, and it hands out every byte at most once.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; SIZE]));

struct Bump {
    used: AtomicUsize,
}

#[global_allocator]
static HEAP: Bump = Bump { used: AtomicUsize::new(0) };

// SAFETY: blocks are disjoint because `used` only grows, aligned because the address is rounded up, and inside
// the arena because the end is compared with its size.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = ARENA.0.get().cast::<u8>();
        // The program has one thread, so a plain load and store cannot lose an update.
        let used = self.used.load(Relaxed);
        let start = (base as usize + used).next_multiple_of(layout.align()) - base as usize;
        match start.checked_add(layout.size()) {
            Some(end) if end <= SIZE => {
                self.used.store(end, Relaxed);
                base.wrapping_add(start)
            }
            _ => null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
