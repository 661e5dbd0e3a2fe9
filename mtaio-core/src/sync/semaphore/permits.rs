//! The permits of a semaphore: one word, and what the lock decides about it.
//!
//! The word holds the free permits, and two bits. What it keeps:
//!
//! 1. Without [`QUEUED`], whoever finds enough permits takes them with one CAS, and returning is one addition.
//! 2. [`QUEUED`] is set and cleared under the queue's lock only. While it is set permits are taken under the lock only, and
//!    whoever returns some does so under it, or takes it after the addition. So a return either comes before `QUEUED` was set, and the
//!    pump that follows sees it, or it sees `QUEUED` and pumps itself.
//!    It may stay set when the last waiter has gone, while no permit is free: then a return goes the longer way once.
//! 3. What is granted and added under the lock is a *balance*, which the word gets when the lock is released, in one step with
//!    [`QUEUED`]. So who wants to know what is free while `QUEUED` is set takes the lock.
//! 4. `free + held = total + debt`, where `debt` are held permits that will vanish when they come back. The queue's lock is
//!    taken to change `total` or `debt`, and free permits pay the debt before anybody gets one.

use crate::primitive::{AtomicUsize, Ordering, const_fn};
use crate::sync::semaphore::error::Refusal;
use crate::sync::{Supply, Verdict};
use crate::time::Instant;

#[cfg(feature = "alloc")]
use crate::sync::closed::Closing;
#[cfg(feature = "alloc")]
use event_listener::Event;

/// What a semaphore goes by that has to know how long one waits.
#[cfg(feature = "alloc")]
pub(crate) type BoxClock = alloc::boxed::Box<dyn Fn() -> Instant + Send + Sync>;

const CLOSED: usize = 1;
const QUEUED: usize = 2;
const ONE: usize = 4;

/// The most permits there can be.
pub(super) const MAX: usize = usize::MAX >> 3;

pub(crate) struct Permits {
    word: AtomicUsize,
    #[cfg(feature = "alloc")]
    pub(super) closing: Closing,
    #[cfg(feature = "alloc")]
    pub(super) idle: Event,
    /// Whether [`QUEUED`] stays set, so that everything goes through the lock, where it is counted.
    pub(super) counting: bool,
}

/// What the queue's lock guards.
pub(crate) struct Tally {
    /// How many permits there are, free or held, not counting the debt.
    pub(super) total: usize,
    /// How many held permits vanish when they come back.
    pub(super) debt: usize,
    /// How many permits were added under the lock, less those that were granted. The word does not know yet.
    pub(super) balance: isize,
    /// Whether somebody left the line since the word was published. Where permits are passed on, the next one comes soon.
    pub(super) left: bool,
    /// Whether a request beyond the total is refused. Where permits are added by and by, it waits.
    pub(super) bounded: bool,
    pub(super) max_waiters: usize,
    /// How many look for the moment in which all permits are back.
    pub(super) watchers: usize,
    #[cfg(feature = "alloc")]
    pub(super) clock: Option<BoxClock>,
    /// When the lock was taken, if there is a clock.
    pub(super) now: Instant,
}

impl Tally {
    pub(super) const fn new(total: usize) -> Self {
        Self {
            total,
            debt: 0,
            balance: 0,
            left: false,
            bounded: false,
            max_waiters: usize::MAX,
            watchers: 0,
            #[cfg(feature = "alloc")]
            clock: None,
            now: Instant::ORIGIN,
        }
    }

    #[inline]
    fn look_at_the_clock(&mut self) {
        #[cfg(feature = "alloc")]
        if let Some(clock) = &self.clock {
            self.now = clock();
        }
    }

    /// Returns or adds `n` permits: at most [`MAX`], like all that there are.
    #[inline]
    pub(super) fn give(&mut self, n: usize) {
        self.balance += n as isize;
    }
}

impl Permits {
    const_fn! {
        pub(super) const fn new(free: usize) -> Self {
            Self {
                word: AtomicUsize::new(free * ONE),
                #[cfg(feature = "alloc")]
                closing: Closing::new(),
                #[cfg(feature = "alloc")]
                idle: Event::new(),
                counting: false,
            }
        }
    }

    /// As `new`, with everything under the lock.
    #[cfg(feature = "alloc")]
    pub(super) fn counting(free: usize) -> Self {
        Self { word: AtomicUsize::new((free * ONE) | QUEUED), counting: true, ..Self::new(0) }
    }

    /// Takes `n` permits if that needs no lock. `None` says nothing about the permits.
    #[inline]
    pub(super) fn try_take(&self, n: u32) -> Option<()> {
        // Where pointers have 32 bits, a request can be for more than the word can say.
        let cost = (n as usize).checked_mul(ONE)?;
        // ORDERING: Relaxed: a guess, which the CAS confirms.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return None;
            }
            if n == 0 {
                return Some(());
            }
            if word & QUEUED != 0 || word < cost {
                return None;
            }
            // ORDERING: Acquire, pairs with the Release in `give`: what was done under these permits is seen.
            match self.word.compare_exchange_weak(word, word - cost, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(()),
                Err(seen) => word = seen,
            }
        }
    }

    /// Whether it is open, nobody waits, and no permit is free.
    pub(super) fn is_empty(&self) -> bool {
        // ORDERING: Relaxed: who gets nothing sees nothing.
        self.word.load(Ordering::Relaxed) == 0
    }

    /// Returns `n` permits. True when somebody must pump.
    #[inline]
    pub(super) fn give(&self, n: usize) -> bool {
        // ORDERING: Release, pairs with the Acquire in `try_take` and in `free_locked`.
        self.word.fetch_add(n * ONE, Ordering::Release) & QUEUED != 0
    }

    /// Whether permits are handed out under the lock only. If not, it may be so by now.
    #[inline]
    pub(super) fn is_queued(&self) -> bool {
        // ORDERING: Relaxed: a guess, which the lock or `give` confirms.
        self.word.load(Ordering::Relaxed) & QUEUED != 0
    }

    /// How many are free. `None` if only the lock knows.
    pub(super) fn free(&self) -> Option<usize> {
        // ORDERING: Acquire, pairs with the Release in `give`: who finds all permits back sees what was done under them.
        let word = self.word.load(Ordering::Acquire);
        (word & QUEUED == 0).then_some(word / ONE)
    }

    /// How many are free, under the lock.
    #[inline]
    pub(super) fn free_locked(&self, tally: &Tally) -> usize {
        // ORDERING: Acquire, pairs with the Release in `give`.
        (self.word.load(Ordering::Acquire) / ONE).wrapping_add_signed(tally.balance)
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `close`.
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Under the lock: nobody gets a permit any more.
    pub(super) fn close(&self) {
        // ORDERING: Release, pairs with the Acquire in `is_closed`.
        self.word.fetch_or(CLOSED, Ordering::Release);
    }

    /// Held permits, under the lock. Permits taken without it may be missed, as if they came later.
    pub(super) fn in_flight(&self, tally: &Tally) -> usize {
        (tally.total + tally.debt).saturating_sub(self.free_locked(tally))
    }
}

impl Supply for Permits {
    type State = Tally;
    type Ask = u32;
    type Refusal = Refusal;
    /// Whether all permits are back and somebody waits for that.
    type After = bool;

    const NAME: &'static str = "slots";

    fn amount(ask: &u32) -> u32 {
        *ask
    }

    #[inline]
    fn open(&self, tally: &mut Tally) {
        tally.look_at_the_clock();
        // ORDERING: Relaxed, both: what they order is the word's own history (2); data goes through the lock, or through `give`.
        // The lock has brought along whether `QUEUED` is set.
        if self.word.load(Ordering::Relaxed) & QUEUED == 0 {
            self.word.fetch_or(QUEUED, Ordering::Relaxed);
        }
    }

    #[inline]
    fn publish(&self, tally: &mut Tally, front: Option<&u32>, _: bool) {
        let nobody = front.is_none() && tally.debt == 0 && tally.watchers == 0 && !self.counting;
        // Without a free permit the fast path has nothing to give: who comes next may find `QUEUED` set, and need not set it.
        let open = nobody && (!core::mem::take(&mut tally.left) || self.free_locked(tally) > 0);
        let permits = (core::mem::take(&mut tally.balance) as usize).wrapping_mul(ONE);
        let change = permits.wrapping_sub(if open { QUEUED } else { 0 });
        if change != 0 {
            // ORDERING: Release, as in `give`: some of it may have come back.
            self.word.fetch_add(change, Ordering::Release);
        }
    }

    #[inline]
    fn leave(&self, tally: &mut Tally) -> bool {
        tally.watchers > 0 && self.in_flight(tally) == 0
    }

    #[inline]
    fn settle(&self, all_back: bool) {
        #[cfg(feature = "alloc")]
        if all_back {
            self.idle.notify(usize::MAX);
        }
        #[cfg(not(feature = "alloc"))]
        let _ = all_back;
    }

    #[inline]
    fn prepare(&self, tally: &mut Tally) {
        if tally.debt > 0 {
            let paid = tally.debt.min(self.free_locked(tally));
            tally.debt -= paid;
            tally.balance -= paid as isize;
        }
    }

    #[inline]
    fn offer(&self, tally: &mut Tally, ask: &u32) -> Verdict<Refusal> {
        let n = *ask as usize;
        if tally.debt > 0 || self.free_locked(tally) < n {
            return Verdict::Wait;
        }
        tally.balance -= n as isize;
        Verdict::Grant
    }

    fn restore(&self, tally: &mut Tally, ask: &u32) {
        tally.give(*ask as usize);
    }

    #[inline]
    fn vet(&self, tally: &Tally, ask: &u32) -> Result<(), Refusal> {
        if self.is_closed() {
            return Err(Refusal::Closed);
        }
        // A total of nothing is a pause: it ends.
        if tally.bounded && tally.total > 0 && *ask as usize > tally.total {
            return Err(Refusal::TooLarge { limit: tally.total });
        }
        Ok(())
    }

    #[inline]
    fn room(&self, tally: &Tally, waiters: usize) -> Result<(), Refusal> {
        if waiters < tally.max_waiters { Ok(()) } else { Err(Refusal::QueueFull { waiters: tally.max_waiters }) }
    }

    fn not_ready(&self, _: &Tally, _: &u32) -> Refusal {
        Refusal::NoPermits
    }

    fn overdue(&self, _: &Tally, waited: u64) -> Option<Refusal> {
        Some(Refusal::overdue(waited))
    }

    #[inline]
    fn now(&self, tally: &Tally) -> Instant {
        tally.now
    }

    fn is_request(&self, ask: &u32) -> bool {
        *ask > 0
    }

    #[cfg(feature = "alloc")]
    fn read_clock(&self, tally: &Tally) -> Option<Instant> {
        tally.clock.as_ref().map(|clock| clock())
    }

    fn left(&self, tally: &mut Tally, _: &u32, _: u16) {
        tally.left = true;
    }

    fn review(&self, tally: &mut Tally, ask: &u32) -> Option<Refusal> {
        self.vet(tally, ask).err()
    }
}
