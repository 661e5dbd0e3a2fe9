//! The word that the fast path works on, and the parameters beside it.
//!
//! The word packs whether somebody waits and whether a timer was late (its highest bits), the TAT of the bucket, and how often the
//! parameters have changed (its lowest bits, the *generation*). What it keeps:
//!
//! 1. [`QUEUED`] is set and cleared under the queue's lock only. While it is set, the word and the parameters are changed under
//!    the lock only: every CAS of the fast path fails or finds it.
//! 2. Parameters change only while `QUEUED` is set, and then the generation does too, before it is cleared. They are stored
//!    with Release and loaded with Acquire: whoever has seen a new one finds `QUEUED`, or a new generation, in the word.
//! 3. So a CAS that succeeds, and a refusal whose second look finds the same generation, were decided by parameters that
//!    belong together and to that word. A word would have to come back after 256 changes to the same TAT to deceive a CAS; the
//!    base of the units is another one each time, so that it does not.
//! 4. With parameters that belong together, times on the line stay below both flags. So one comparison says that a request
//!    conforms and that no flag is set.

use core::num::NonZeroU64;

use crate::limit::bucket::TokenBucket;
use crate::limit::error::ResourceLimitError;
use crate::limit::gcra::{MAX_TIME, MAX_UNITS, Mark, Scale, Shortage, Wait};
use crate::primitive::{AtomicU64, Ordering};
use crate::time::Instant;

pub(super) const QUEUED: u64 = 1 << 63;
const LATE: u64 = 1 << 62;
const GENERATION: u64 = 0xff;
/// Where the debt stands above the shift.
const DEBT: u32 = 32;
/// A unit, where it stands in the word.
const UNIT: u64 = GENERATION + 1;

/// One cache line: whoever changes the word has brought the parameters along.
#[repr(align(64))]
pub(super) struct Word {
    word: AtomicU64,
    /// In nanoseconds of the clock; wraps around.
    base: AtomicU64,
    /// The longest time since the base that the short way can say in units, in nanoseconds.
    horizon: AtomicU64,
    /// Units in 2^shift nanoseconds, as they stand in the word if there is no shift.
    factor: AtomicU64,
    /// Units in a cell, as they stand in the word.
    cost: AtomicU64,
    /// Units in the rest of the burst, as they stand in the word, with any generation.
    slack: AtomicU64,
    /// The shift, and above it the debt that is allowed, in cells.
    shift: AtomicU64,
    /// How many units of lateness are made up for.
    cap: AtomicU64,
}

/// What the short way has to say.
pub(super) enum Short {
    Taken,
    /// Nobody waits, and it does not conform until then.
    NotReady(Wait),
    /// It has to go the long way.
    Unclear,
}

/// What the long way has to say.
pub(super) enum Long {
    Taken,
    /// Nobody waits, and it does not conform.
    Refused(ResourceLimitError),
    /// The lock has to decide.
    Locked,
}

fn mark_of(word: u64) -> Mark {
    Mark { tat: (word & !(QUEUED | LATE)) / UNIT, late: word & LATE != 0 }
}

fn word_of(mark: Mark, flags: u64) -> u64 {
    mark.tat.wrapping_mul(UNIT) | if mark.late { LATE } else { 0 } | flags
}

impl Word {
    pub(super) fn new(bucket: &TokenBucket, cap: u64) -> Self {
        let new = |value| AtomicU64::new(value);
        let word = Self {
            word: new(0),
            base: new(0),
            horizon: new(0),
            factor: new(0),
            cost: new(0),
            slack: new(0),
            shift: new(0),
            cap: new(0),
        };
        word.store_parameters(bucket, cap);
        word.publish(bucket, false);
        word
    }

    /// Takes `n` cells, or only sees whether they conform, for whole units and without a flag: all numbers stand where the word
    /// has its TAT, above its generation.
    // Always inlined: almost everybody takes one cell, and the compiler makes use of that.
    #[inline(always)]
    pub(super) fn decide<const TAKE: bool>(&self, now: impl Fn() -> Instant, n: u32) -> Short {
        let mut word = self.see();
        loop {
            let (cost, slack, factor) = (load(&self.cost), load(&self.slack), load(&self.factor));
            let more = n.checked_sub(1).and_then(|more| u64::from(more).checked_mul(cost));
            let Some((more, slack)) = more.and_then(|more| Some((more, slack.checked_sub(more)?))) else { break };
            let cost = cost.wrapping_add(more);
            let since = now().as_nanos().wrapping_sub(load(&self.base));
            // A clock that stepped back before the base is beyond the horizon too.
            if since > load(&self.horizon) {
                break;
            }
            let units = since.wrapping_mul(factor);
            let last = units.wrapping_add(slack);
            let seen = if word <= last {
                // Parameters that do not belong together can make it anything; then the CAS fails.
                let start = word.max(units | (word & GENERATION));
                match self.settle::<TAKE>(word, start.wrapping_add(cost)) {
                    Ok(()) => return Short::Taken,
                    Err(seen) => seen,
                }
            } else {
                // Less by a part of a unit, which makes no difference to whole nanoseconds, rounded up.
                let missing = word - last;
                // A flag; or a TAT beyond the burst, where only a debt puts it.
                if missing > cost {
                    break;
                }
                let seen = self.see();
                match NonZeroU64::new(factor) {
                    Some(per_nano) if seen == word => return Short::NotReady(Wait::units(missing, per_nano)),
                    _ => seen,
                }
            };
            word = seen;
        }
        Short::Unclear
    }

    /// As [`decide`](Self::decide), for whatever can be decided without the lock.
    #[inline(never)]
    pub(super) fn decide_at_length<const TAKE: bool>(&self, now: impl Fn() -> Instant, n: u32) -> Long {
        let mut word = self.see();
        loop {
            if word & QUEUED != 0 {
                return Long::Locked;
            }
            if n == 0 {
                return Long::Taken;
            }
            let (scale, base, cap) = self.parameters();
            let since = now().as_nanos().wrapping_sub(base);
            let (mark, units) = (mark_of(word), scale.units(since));
            if since > MAX_TIME || units > MAX_UNITS {
                return Long::Locked;
            }
            let seen = match scale.take(mark, units, cap, n) {
                Ok(mark) => match self.settle::<TAKE>(word, word_of(mark, word & GENERATION)) {
                    Ok(()) => return Long::Taken,
                    Err(seen) => seen,
                },
                Err(shortage) => {
                    let seen = self.see();
                    if seen == word {
                        return refusal(&scale, mark, shortage, (since, units), n);
                    }
                    seen
                }
            };
            word = seen;
        }
    }

    #[inline(always)]
    fn see(&self) -> u64 {
        // ORDERING: Acquire, pairs with the Release in `publish`: the parameters are at least those of this generation. A second
        // look comes after the loads of the parameters, which are Acquire too.
        self.word.load(Ordering::Acquire)
    }

    /// Makes `new` of `word`, or only makes sure that what was decided by it belongs to it. Otherwise, what is there instead.
    #[inline(always)]
    fn settle<const TAKE: bool>(&self, word: u64, new: u64) -> Result<(), u64> {
        if TAKE {
            // ORDERING: AcqRel: what was done before cells were taken is ordered by who takes the next ones; a failure loads
            // as `see`.
            self.word.compare_exchange_weak(word, new, Ordering::AcqRel, Ordering::Acquire).map(drop)
        } else {
            let seen = self.see();
            if seen == word { Ok(()) } else { Err(seen) }
        }
    }

    fn parameters(&self) -> (Scale, u64, u64) {
        let (factor, packed) = (load(&self.factor), load(&self.shift));
        let (cost, slack) = (load(&self.cost), load(&self.slack));
        let (shift, debt) = (packed as u32, packed >> DEBT);
        let (units, burst) = (cost / UNIT, cost.wrapping_add(slack) / UNIT);
        let scale = Scale {
            factor: if shift == 0 { factor / UNIT } else { factor },
            shift,
            cost: units,
            burst,
            // Parameters that do not belong together can make it anything.
            limit: burst.wrapping_add(debt.wrapping_mul(units)),
        };
        (scale, load(&self.base), load(&self.cap))
    }

    /// Under the lock, where the fast path may go on: the mark as it was a moment ago.
    #[cfg(feature = "keyed")]
    pub(super) fn look(&self) -> Mark {
        mark_of(self.see())
    }

    /// Under the lock: stops the fast path, and returns the mark that it left.
    pub(super) fn stop(&self) -> Mark {
        // ORDERING: Relaxed: who has the lock sees `QUEUED` if it is set; and then nobody else changes the word (1).
        let word = self.word.load(Ordering::Relaxed);
        if word & QUEUED != 0 {
            return mark_of(word);
        }
        // ORDERING: AcqRel, pairs with the CAS of the fast path: what it took is seen; `QUEUED` comes before any change.
        mark_of(self.word.fetch_or(QUEUED, Ordering::AcqRel))
    }

    /// Under the lock, with the fast path stopped: stores what the units mean now.
    pub(super) fn store_parameters(&self, bucket: &TokenBucket, cap: u64) {
        let scale = bucket.gcra().scale();
        // Parts of units are for the long way.
        let (horizon, factor) = match scale.shift {
            0 => (bucket.gcra().horizon(), scale.factor * UNIT),
            _ => (0, scale.factor),
        };
        // ORDERING: Release, each pairs with its Acquire in `load`: see invariant 2.
        let store = |place: &AtomicU64, value| place.store(value, Ordering::Release);
        store(&self.base, bucket.base());
        store(&self.horizon, horizon);
        store(&self.factor, factor);
        store(&self.cost, scale.cost * UNIT);
        store(&self.slack, ((scale.burst - scale.cost) * UNIT) | GENERATION);
        store(&self.shift, u64::from(bucket.gcra().debt()) << DEBT | u64::from(scale.shift));
        store(&self.cap, scale.units(cap));
    }

    /// Under the lock, at its end: the word as the bucket says, open to the fast path unless it must stay `queued`.
    pub(super) fn publish(&self, bucket: &TokenBucket, queued: bool) {
        let generation = bucket.moves() & GENERATION;
        let flags = generation | if queued { QUEUED } else { 0 };
        debug_assert!(bucket.mark().tat < LATE / UNIT, "the base moves before the TAT outgrows its bits");
        // ORDERING: Release, pairs with the Acquire loads of the fast path.
        self.word.store(word_of(bucket.mark(), flags), Ordering::Release);
    }
}

/// One of the parameters.
#[inline(always)]
fn load(parameter: &AtomicU64) -> u64 {
    // ORDERING: Acquire, pairs with its Release in `store_parameters`: see invariant 2.
    parameter.load(Ordering::Acquire)
}

/// What a shortage means where nobody waits.
fn refusal(scale: &Scale, mark: Mark, shortage: Shortage, (since, units): (u64, u64), n: u32) -> Long {
    match shortage {
        Shortage::TooLarge => Long::Refused(ResourceLimitError::too_large(n, (scale.limit / scale.cost) as usize)),
        // Nothing that is taken puts the TAT beyond the burst and the debt: the clock has stepped back, or this thread has slept since
        // it read it. The lock reads it again.
        Shortage::Until(_) if mark.tat > units + scale.limit => Long::Locked,
        Shortage::Until(target) => Long::Refused(ResourceLimitError::not_ready(Some(scale.wait(since, units, target)))),
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use alloc::sync::Arc;
    use core::time::Duration;

    #[cfg(not(loom))]
    use proptest::prelude::*;

    use super::*;
    use crate::limit::error::ResourceLimitErrorKind;
    use crate::limit::quota::Quota;
    use crate::primitive::model::{explore, thread};

    const NOW: Instant = Instant::from_nanos(1 << 40);

    fn bucket(quota: Quota, cells: u32) -> TokenBucket {
        TokenBucket::with_cells(quota, NOW, cells)
    }

    /// What can be done without the lock, one way or the other.
    fn take(word: &Word, n: u32) -> Long {
        take_at(word, NOW, n)
    }

    fn take_at(word: &Word, now: Instant, n: u32) -> Long {
        match word.decide::<true>(|| now, n) {
            Short::Taken => Long::Taken,
            Short::NotReady(wait) => Long::Refused(ResourceLimitError::not_ready(Some(wait))),
            Short::Unclear => word.decide_at_length::<true>(|| now, n),
        }
    }

    /// What the lock does around a change.
    fn change(word: &Word, bucket: &mut TokenBucket, change: impl FnOnce(&mut TokenBucket)) {
        change_at(word, bucket, (NOW, 0), change);
    }

    /// As [`change`], at a time and with a cap.
    fn change_at(
        word: &Word,
        bucket: &mut TokenBucket,
        (now, cap): (Instant, u64),
        change: impl FnOnce(&mut TokenBucket),
    ) {
        bucket.set_mark(word.stop());
        change(bucket);
        bucket.sync(now, bucket.gcra().scale().units(cap));
        word.store_parameters(bucket, cap);
        word.publish(bucket, false);
    }

    /// Half of all numbers of up to so many bits have fewer than half of them.
    #[cfg(not(loom))]
    fn magnitude(bits: u32) -> impl Strategy<Value = u64> {
        (0..bits, any::<u64>()).prop_map(|(bits, number)| number & ((1 << bits) - 1))
    }

    #[cfg(not(loom))]
    proptest! {
        #[test]
        fn the_short_way_says_what_the_long_one_and_the_bucket_say(
            (cells, period, burst) in (prop_oneof![Just(0), magnitude(30)], magnitude(48), 1..1u32 << 20),
            (filled, late, cap) in (0..1u32 << 20, any::<bool>(), magnitude(30)),
            (debt, owed) in (prop_oneof![Just(0), magnitude(20)], 0..4_u64),
            (later, n) in (magnitude(52), prop_oneof![Just(1), magnitude(20).prop_map(|n| n as u32)]),
        ) {
            let quota = Quota::new(cells as u32 + 1, Duration::from_nanos(period + 1)).unwrap().burst(burst);
            let mut bucket = TokenBucket::with_debt(quota, debt as u32).holding(NOW, filled.min(burst) % n.max(1));
            // Some of what may be owed is: at times all of it, and as often nothing.
            let owed = (owed * debt / 3) * bucket.gcra().scale().cost;
            bucket.set_mark(Mark { late, tat: bucket.mark().tat + owed });
            let (short, long) = (Word::new(&bucket, cap), Word::new(&bucket, cap));
            // Half of those who wait come when they conform for the first time, or a nanosecond before or after that.
            let ready = bucket.ready_at(NOW, n).unwrap_or(NOW).as_nanos();
            let now = match later % 6 {
                edge @ 0..3 => Instant::from_nanos(ready.saturating_add(edge) - 1),
                _ => NOW + Duration::from_nanos(later),
            };
            let said = match short.decide::<true>(|| now, n) {
                Short::Taken => Ok(()),
                Short::NotReady(wait) => Err(ResourceLimitError::not_ready(Some(wait))),
                Short::Unclear => return Ok(()),
            };
            prop_assert_eq!(said, bucket.try_take(now, n));
            let at_length = match long.decide_at_length::<true>(|| now, n) {
                Long::Taken => Ok(()),
                Long::Refused(error) => Err(error),
                Long::Locked => unreachable!("nobody waits, and the short way knew what to say"),
            };
            prop_assert_eq!(said, at_length);
            prop_assert_eq!(short.see(), long.see());
        }
    }

    #[test]
    #[cfg(not(loom))]
    fn the_usual_quotas_go_the_short_way() {
        for (quota, n) in [(Quota::per_second(10), 1), (Quota::per_second(1_000_000), 7), (Quota::per_hour(1), 1)] {
            let word = Word::new(&bucket(quota, quota.burst_size()), 0);
            for later in [0, 1, 1_000_000_000, 3_600_000_000_000] {
                let now = || NOW + Duration::from_nanos(later);
                assert!(!matches!(word.decide::<true>(now, n), Short::Unclear), "{quota} after {later} ns");
            }
        }
    }

    #[test]
    fn loom_a_new_quota_does_not_tear_under_the_fast_path() {
        explore(|| {
            let mut bucket = bucket(Quota::per_second(1).burst(4), 4);
            let word = Arc::new(Word::new(&bucket, 0));
            let other = Arc::clone(&word);
            let taker = thread::spawn(move || take(&other, 3));
            change(&word, &mut bucket, |bucket| bucket.set_quota(NOW, Quota::per_hour(7).burst(2)));
            let fast = taker.join().unwrap();
            bucket.set_mark(word.stop());
            match (fast, bucket.available(NOW)) {
                // Before the change, when there were four; or after it, when two are all.
                (Long::Taken, 1) | (Long::Locked, 2) => {}
                (Long::Refused(error), 2) if error.kind() == ResourceLimitErrorKind::TooLarge => {}
                (_, left) => panic!("{left} cells are left"),
            }
        });
    }

    #[test]
    fn loom_a_refusal_speaks_of_one_quota() {
        fn wait(answer: Long) -> Option<Duration> {
            match answer {
                Long::Refused(error) => error.retry_after(),
                _ => None,
            }
        }

        explore(|| {
            let mut bucket = bucket(Quota::per_second(1).burst(1), 0);
            let word = Arc::new(Word::new(&bucket, 0));
            let other = Arc::clone(&word);
            let taker = thread::spawn(move || wait(take(&other, 1)));
            // By chance the TAT looks the same: only the generation tells the words apart.
            let mark = bucket.mark();
            change(&word, &mut bucket, |bucket| {
                bucket.set_quota(NOW, Quota::per_second(3).burst(1));
                bucket.set_mark(mark);
            });
            let (first, second) = (taker.join().unwrap(), wait(take(&word, 1)));
            assert!([None, Some(Duration::from_secs(1)), second].contains(&first), "{first:?}");
            assert!(second < Some(Duration::from_secs(1)), "{second:?}");
        });
    }

    /// Takes one cell after the other until there is none, and counts them.
    fn drain(word: &Word, now: Instant) -> usize {
        core::iter::from_fn(|| matches!(take_at(word, now, 1), Long::Taken).then_some(())).count()
    }

    #[test]
    fn loom_a_base_that_moves_keeps_the_cells() {
        explore(|| {
            let mut bucket = bucket(Quota::per_second(1).burst(2), 1);
            let word = Arc::new(Word::new(&bucket, 0));
            let other = Arc::clone(&word);
            let taker = thread::spawn(move || usize::from(matches!(take(&other, 1), Long::Taken)));
            let moves = bucket.moves();
            change(&word, &mut bucket, |bucket| bucket.set_quota(NOW, bucket.quota()));
            assert!(bucket.moves() > moves, "the base did not move");
            assert_eq!(taker.join().unwrap() + drain(&word, NOW), 1);
        });
    }

    #[test]
    fn loom_a_base_that_moves_after_a_long_time_makes_no_cells() {
        const LATER: Instant = Instant::from_nanos(1 << 62);
        explore(|| {
            let mut bucket = bucket(Quota::per_second(1_000_000_000).burst(2), 0);
            let word = Arc::new(Word::new(&bucket, 0));
            let other = Arc::clone(&word);
            let taker = thread::spawn(move || {
                let early = take(&other, 1);
                assert!(!matches!(early, Long::Taken), "one who read the clock long ago was let in");
                usize::from(matches!(take_at(&other, LATER, 1), Long::Taken))
            });
            let moves = bucket.moves();
            change_at(&word, &mut bucket, (LATER, 0), |_| ());
            assert!(bucket.moves() > moves, "the base did not move");
            let here = drain(&word, LATER);
            assert_eq!(here + taker.join().unwrap() + drain(&word, LATER), 2);
        });
    }

    #[test]
    fn loom_what_a_late_timer_left_is_taken_once() {
        const CAP: u64 = 10_000_000;
        explore(|| {
            let mut bucket = bucket(Quota::per_second(1000).burst(1), 1);
            let cost = bucket.gcra().scale().cost;
            let tat = bucket.sync(NOW, CAP) - 2 * cost;
            bucket.set_mark(Mark { tat, late: true });
            let word = Arc::new(Word::new(&bucket, CAP));
            let other = Arc::clone(&word);
            let taker = thread::spawn(move || drain(&other, NOW));
            change_at(&word, &mut bucket, (NOW, CAP), |_| ());
            let here = drain(&word, NOW);
            // The burst, and the two cells that the timer owed.
            assert_eq!(here + taker.join().unwrap() + drain(&word, NOW), 3);
            bucket.set_mark(word.stop());
            assert!(!bucket.mark().late, "it lags no more");
        });
    }

    #[test]
    fn loom_two_takers_and_a_refund_neither_lose_nor_make_cells() {
        explore(|| {
            let mut bucket = bucket(Quota::per_hour(1).burst(3), 1);
            let word = Arc::new(Word::new(&bucket, 0));
            let other = Arc::clone(&word);
            let taker = thread::spawn(move || u32::from(matches!(take(&other, 1), Long::Taken)));
            change(&word, &mut bucket, |bucket| bucket.refund(NOW, 1));
            let here = u32::from(matches!(take(&word, 1), Long::Taken));
            let taken = here + taker.join().unwrap();
            bucket.set_mark(word.stop());
            assert_eq!(bucket.available(NOW) + taken, 2);
        });
    }
}
