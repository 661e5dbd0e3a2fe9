//! Atomics that count what each thread does with them, for tests of what an operation costs.

use core::cell::Cell;
use core::sync::atomic::{self, Ordering};

/// What one thread has done with atomics and locks of this crate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) loads: u64,
    pub(crate) stores: u64,
    /// Operations that read and write at once: a line of the cache has to be owned for each, also for one that fails.
    pub(crate) swaps: u64,
    /// How often a lock was taken; what the lock itself does is not in the other numbers.
    pub(crate) locks: u64,
}

std::thread_local!(static COUNTS: Cell<Counts> = const { Cell::new(Counts { loads: 0, stores: 0, swaps: 0, locks: 0 }) });

pub(super) fn note(change: impl FnOnce(&mut Counts)) {
    // A thread that ends may have lost its counter already.
    let _ = COUNTS.try_with(|cell| {
        let mut counts = cell.get();
        change(&mut counts);
        cell.set(counts);
    });
}

/// What `job` does on this thread.
pub(crate) fn counts_of<T>(job: impl FnOnce() -> T) -> (T, Counts) {
    let outside = COUNTS.replace(Counts::default());
    let result = job();
    (result, COUNTS.replace(outside))
}

/// Declares an atomic, with the names of its operations that read and write at once.
macro_rules! counted {
    ($name:ident: $value:ty, $($swap:ident)*) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name(atomic::$name);

        // ORDERING: everywhere the caller's.
        #[allow(dead_code, reason = "each has what any of its kind has")]
        impl $name {
            pub(crate) const fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                note(|counts| counts.loads += 1);
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                note(|counts| counts.stores += 1);
                self.0.store(value, order);
            }

            $(pub(crate) fn $swap(&self, value: $value, order: Ordering) -> $value {
                note(|counts| counts.swaps += 1);
                self.0.$swap(value, order)
            })*

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                note(|counts| counts.swaps += 1);
                self.0.compare_exchange(current, new, success, failure)
            }

            /// Never fails for nothing, so that the counts are the same everywhere.
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }
        }
    };
}

counted!(AtomicBool: bool, swap fetch_or fetch_and);
counted!(AtomicU64: u64, swap fetch_or fetch_and fetch_add fetch_sub fetch_min fetch_max);
counted!(AtomicUsize: usize, swap fetch_or fetch_and fetch_add fetch_sub fetch_min fetch_max);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_operation_is_counted_on_its_own_thread() {
        let word = AtomicUsize::new(1);
        let ((), counts) = counts_of(|| {
            word.store(word.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
            word.fetch_add(1, Ordering::SeqCst);
            assert_eq!(word.compare_exchange_weak(0, 9, Ordering::SeqCst, Ordering::SeqCst), Err(3));
            super::super::Lock::new(()).with(|()| ());
            std::thread::scope(|scope| scope.spawn(|| word.swap(7, Ordering::SeqCst)).join().map(drop).unwrap());
        });
        assert_eq!(counts, Counts { loads: 1, stores: 1, swaps: 2, locks: 1 });
    }
}
