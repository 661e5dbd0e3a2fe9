//! What nobody can go below.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

/// Reads the time stamp counter, where there is one, and changes a word by compare-and-swap: a limit that many share cannot do with
/// less.
pub(crate) struct ClockAndCas {
    clock: quanta::Clock,
    word: AtomicU64,
}

impl ClockAndCas {
    pub(crate) fn new() -> Self {
        Self { clock: quanta::Clock::new(), word: AtomicU64::new(0) }
    }

    #[inline(always)]
    pub(crate) fn step(&self) {
        // ORDERING: Relaxed: nothing is published.
        let mut word = black_box(self).word.load(Ordering::Relaxed);
        loop {
            let now = self.clock.raw();
            match self.word.compare_exchange_weak(word, now, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => word = other,
            }
        }
    }

    /// For a refusal, which writes nothing.
    #[inline(always)]
    pub(crate) fn look(&self) -> bool {
        // ORDERING: Relaxed: nothing is published.
        black_box(self).word.load(Ordering::Relaxed) < self.clock.raw()
    }
}

/// Takes and gives back, each with one read-modify-write that needs what the other one left.
#[derive(Default)]
pub(crate) struct TwoRmws {
    word: AtomicU64,
}

impl TwoRmws {
    #[inline(always)]
    pub(crate) fn step(&self) {
        let word = &black_box(self).word;
        // ORDERING: Acquire and Release, as a lock.
        let taken = word.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed);
        assert!(taken.is_ok());
        word.fetch_sub(1, Ordering::Release);
    }
}
