//! The word that the fast path works on, and the parameters beside it.
//!
//! The word packs the [`Mark`] of the bucket, how often the parameters have changed (its lowest bits, the *generation*), and
//! whether somebody waits. What it keeps:
//!
//! 1. [`QUEUED`] is set and cleared under the queue's lock only. While it is set, the word and the parameters are changed under
//!    the lock only: every CAS of the fast path fails or finds it.
//! 2. Parameters change only while `QUEUED` is set, and then the generation does too, before it is cleared. They are stored
//!    with Release and loaded with Acquire: whoever has seen a new one finds `QUEUED`, or a new generation, in the word.
//! 3. So a CAS that succeeds, and a refusal whose second look finds the same generation, were decided by parameters that
//!    belong together and to that word. A word would have to come back after 256 changes to the same TAT to deceive a CAS; the
//!    base of the units is another one each time, so that it does not.

use crate::limit::bucket::TokenBucket;
use crate::limit::error::ResourceLimitError;
use crate::limit::gcra::{Mark, Scale, Shortage};
use crate::primitive::{AtomicU64, Ordering};
use crate::time::Instant;

pub(super) const QUEUED: u64 = 1;
const LATE: u64 = 2;
const GENERATION: u64 = 0xff << 2;
const TAT_SHIFT: u32 = 10;

/// One cache line: whoever changes the word has brought the parameters along.
#[repr(align(64))]
pub(super) struct Word {
    word: AtomicU64,
    /// In nanoseconds of the clock; wraps around.
    base: AtomicU64,
    horizon: AtomicU64,
    factor: AtomicU64,
    shift: AtomicU64,
    cost: AtomicU64,
    burst: AtomicU64,
    /// How many units of lateness are made up for.
    cap: AtomicU64,
}

/// What the fast path has to say.
pub(super) enum Fast {
    Taken,
    /// Nobody waits, and it does not conform.
    Refused(ResourceLimitError),
    /// The lock has to decide.
    Slow,
}

fn mark_of(word: u64) -> Mark {
    Mark { tat: word >> TAT_SHIFT, late: word & LATE != 0 }
}

fn word_of(mark: Mark, flags: u64) -> u64 {
    mark.tat << TAT_SHIFT | if mark.late { LATE } else { 0 } | flags
}

impl Word {
    pub(super) fn new(bucket: &TokenBucket, cap: u64) -> Self {
        let new = |value| AtomicU64::new(value);
        let word = Self {
            word: new(0),
            base: new(0),
            horizon: new(0),
            factor: new(0),
            shift: new(0),
            cost: new(0),
            burst: new(0),
            cap: new(0),
        };
        word.store_parameters(bucket, cap);
        word.publish(bucket, false);
        word
    }

    /// Takes `n` cells, or says that they do not conform, if that needs no lock.
    // Always inlined: almost everybody takes one cell, and the compiler makes use of that.
    #[inline(always)]
    pub(super) fn try_take(&self, now: impl Fn() -> Instant, n: u32) -> Fast {
        self.decide::<true>(now, n)
    }

    /// As [`try_take`](Self::try_take), and takes nothing.
    #[inline]
    pub(super) fn look(&self, now: impl Fn() -> Instant, n: u32) -> Fast {
        self.decide::<false>(now, n)
    }

    #[inline(always)]
    fn decide<const TAKE: bool>(&self, now: impl Fn() -> Instant, n: u32) -> Fast {
        // ORDERING: Acquire, pairs with the Release in `publish`: the parameters are at least those of this generation.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if word & QUEUED != 0 {
                return Fast::Slow;
            }
            if n == 0 {
                return Fast::Taken;
            }
            let (scale, base, horizon, cap) = self.load_parameters();
            let since = now().as_nanos().wrapping_sub(base);
            // A clock that stepped back before the base is beyond the horizon too.
            if since > horizon {
                return Fast::Slow;
            }
            let (mark, units) = (mark_of(word), scale.units_within(since));
            let seen = match scale.take(mark, units, cap, n) {
                Ok(_) if !TAKE => {
                    // ORDERING: Acquire, as for a refusal.
                    let again = self.word.load(Ordering::Acquire);
                    if (again ^ word) & (GENERATION | QUEUED) == 0 {
                        return Fast::Taken;
                    }
                    again
                }
                Ok(mark) => {
                    // Parameters that do not belong together can make it anything; then the CAS fails.
                    let new = word_of(mark, word & GENERATION);
                    // ORDERING: AcqRel: what was done before cells were taken is ordered by who takes the next ones; a failure
                    // loads as above.
                    match self.word.compare_exchange_weak(word, new, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => return Fast::Taken,
                        Err(seen) => seen,
                    }
                }
                Err(shortage) => {
                    // ORDERING: Acquire, as above. It comes after the loads of the parameters, which are Acquire too.
                    let again = self.word.load(Ordering::Acquire);
                    if (again ^ word) & (GENERATION | QUEUED) == 0 {
                        return refusal(&scale, mark, shortage, (since, units), n);
                    }
                    again
                }
            };
            word = seen;
        }
    }

    #[inline(always)]
    fn load_parameters(&self) -> (Scale, u64, u64, u64) {
        // ORDERING: Acquire, each pairs with its Release in `store_parameters`: see invariant 2.
        let load = |value: &AtomicU64| value.load(Ordering::Acquire);
        let scale = Scale {
            factor: load(&self.factor),
            shift: load(&self.shift) as u32,
            cost: load(&self.cost),
            burst: load(&self.burst),
        };
        (scale, load(&self.base), load(&self.horizon), load(&self.cap))
    }

    /// Under the lock: stops the fast path, and returns the mark that it left.
    pub(super) fn stop(&self) -> Mark {
        // ORDERING: AcqRel, pairs with the CAS of the fast path: what it took is seen; `QUEUED` comes before any change.
        mark_of(self.word.fetch_or(QUEUED, Ordering::AcqRel))
    }

    /// Under the lock, with the fast path stopped: stores what the units mean now.
    pub(super) fn store_parameters(&self, bucket: &TokenBucket, cap: u64) {
        let scale = bucket.gcra().scale();
        // ORDERING: Release, each pairs with its Acquire in `load_parameters`: see invariant 2.
        let store = |place: &AtomicU64, value| place.store(value, Ordering::Release);
        store(&self.base, bucket.base());
        store(&self.horizon, bucket.gcra().horizon());
        store(&self.factor, scale.factor);
        store(&self.shift, scale.shift.into());
        store(&self.cost, scale.cost);
        store(&self.burst, scale.burst);
        store(&self.cap, scale.units(cap));
    }

    /// Under the lock, at its end: the word as the bucket says, open to the fast path unless it must stay `queued`.
    pub(super) fn publish(&self, bucket: &TokenBucket, queued: bool) {
        let generation = (bucket.moves() << GENERATION.trailing_zeros()) & GENERATION;
        let flags = generation | if queued { QUEUED } else { 0 };
        debug_assert!(
            bucket.mark().tat < 1 << (u64::BITS - TAT_SHIFT),
            "the base moves before the TAT outgrows its bits"
        );
        // ORDERING: Release, pairs with the Acquire loads of the fast path.
        self.word.store(word_of(bucket.mark(), flags), Ordering::Release);
    }
}

/// What a shortage means where nobody waits.
#[inline(always)]
fn refusal(scale: &Scale, mark: Mark, shortage: Shortage, (since, units): (u64, u64), n: u32) -> Fast {
    match shortage {
        Shortage::TooLarge => Fast::Refused(ResourceLimitError::too_large(n, (scale.burst / scale.cost) as usize)),
        // Nothing that is taken puts the TAT beyond the burst: the clock has stepped back, or this thread has slept since
        // it read it. The lock reads it again.
        Shortage::Until(_) if mark.tat > units + scale.burst => Fast::Slow,
        Shortage::Until(target) => Fast::Refused(ResourceLimitError::not_ready(Some(scale.wait(since, units, target)))),
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use alloc::sync::Arc;
    use core::time::Duration;

    use super::*;
    use crate::limit::error::ResourceLimitErrorKind;
    use crate::limit::quota::Quota;
    use crate::primitive::model::{explore, thread};

    const NOW: Instant = Instant::from_nanos(1 << 40);

    fn bucket(quota: Quota, cells: u32) -> TokenBucket {
        TokenBucket::with_cells(quota, NOW, cells)
    }

    /// What the lock does around a change.
    fn change(word: &Word, bucket: &mut TokenBucket, change: impl FnOnce(&mut TokenBucket)) {
        bucket.set_mark(word.stop());
        change(bucket);
        bucket.sync(NOW, 0);
        word.store_parameters(bucket, 0);
        word.publish(bucket, false);
    }

    #[test]
    fn loom_a_new_quota_does_not_tear_under_the_fast_path() {
        explore(|| {
            let mut bucket = bucket(Quota::per_second(1).burst(4), 4);
            let word = Arc::new(Word::new(&bucket, 0));
            let other = Arc::clone(&word);
            let taker = thread::spawn(move || other.try_take(|| NOW, 3));
            change(&word, &mut bucket, |bucket| bucket.set_quota(NOW, Quota::per_hour(7).burst(2)));
            let fast = taker.join().unwrap();
            bucket.set_mark(word.stop());
            match (fast, bucket.available(NOW)) {
                // Before the change, when there were four; or after it, when two are all.
                (Fast::Taken, 1) | (Fast::Slow, 2) => {}
                (Fast::Refused(error), 2) if error.kind() == ResourceLimitErrorKind::TooLarge => {}
                (_, left) => panic!("{left} cells are left"),
            }
        });
    }

    #[test]
    fn loom_a_refusal_speaks_of_one_quota() {
        explore(|| {
            let (slow, fast) = (Quota::per_hour(1).burst(1), Quota::per_second(1).burst(1));
            let mut bucket = bucket(slow, 0);
            let word = Arc::new(Word::new(&bucket, 0));
            let other = Arc::clone(&word);
            let taker = thread::spawn(move || other.try_take(|| NOW, 1));
            change(&word, &mut bucket, |bucket| bucket.set_quota(NOW, fast));
            if let Fast::Refused(error) = taker.join().unwrap() {
                let wait = error.retry_after().unwrap();
                assert!([Duration::from_secs(3600), Duration::from_secs(1)].contains(&wait), "{wait:?}");
            }
        });
    }

    #[test]
    fn loom_two_takers_and_a_refund_neither_lose_nor_make_cells() {
        explore(|| {
            let mut bucket = bucket(Quota::per_hour(1).burst(3), 1);
            let word = Arc::new(Word::new(&bucket, 0));
            let other = Arc::clone(&word);
            let taker = thread::spawn(move || u32::from(matches!(other.try_take(|| NOW, 1), Fast::Taken)));
            change(&word, &mut bucket, |bucket| bucket.refund(NOW, 1));
            let here = u32::from(matches!(word.try_take(|| NOW, 1), Fast::Taken));
            let taken = here + taker.join().unwrap();
            bucket.set_mark(word.stop());
            assert_eq!(bucket.available(NOW) + taken, 2);
        });
    }
}
