//! The limiters under test, each with what only it promises.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Mutex;

use mtaio_core::limit::{
    ConcurrencyLimiter, KeyedConcurrencyLimiter, KeyedRateLimiter, Quota, RateLimiter, ResourceLimitError,
};
use mtaio_core::runtime::VirtualRuntime;
use mtaio_core::sync::OwnedPermit;

use crate::book::Book;
use crate::ledger::Ledger;

/// A wait of either kind.
pub(crate) type Waiting<'a, T> = Pin<Box<dyn Future<Output = Result<T, ResourceLimitError>> + Send + 'a>>;

/// What a book needs to know of its limiter.
pub(crate) trait Limit: Send + Sync + Sized + 'static {
    fn runtime(&self) -> &VirtualRuntime;
    fn is_closed(&self) -> bool;
    fn may_be_full(&self) -> bool;
    /// The number of this moment; later ones have greater numbers.
    fn moment(&self) -> usize;
    fn was_too_large(&self, n: u32, from: usize) -> bool;
    /// Somebody waits.
    fn waited(&self);
    /// So many were granted, at that moment.
    fn granted(&self, n: u32, moment: usize);
    /// So many go back from one who did not know yet that it had them.
    fn returned(&self, n: u32);
    /// Just after a grant, before anything else happens.
    fn audit_grant(&self, book: &Book<Self>);
    /// While one who wants `n` is the first in line.
    fn audit_front(&self, book: &Book<Self>, n: u32);
    /// After everything.
    fn audit_end(&self, book: &Book<Self>);
}

#[derive(Debug)]
pub(crate) struct Cells {
    pub(crate) limiter: RateLimiter<VirtualRuntime>,
    /// Where it is that of a key: of which limiter, and which.
    pub(crate) keyed: Option<(KeyedRateLimiter<usize, VirtualRuntime>, usize)>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) bounded: bool,
}

impl Cells {
    pub(crate) fn set_quota(&self, quota: Quota) {
        self.ledger.lock().unwrap().change_quota(quota);
        match &self.keyed {
            Some((limiter, key)) => limiter.set_quota(key, quota),
            None => self.limiter.set_quota(quota),
        }
    }

    pub(crate) fn try_acquire_many(&self, n: u32) -> Result<(), ResourceLimitError> {
        match &self.keyed {
            Some((limiter, key)) => limiter.try_acquire_many(key, n),
            None => self.limiter.try_acquire_many(n),
        }
    }

    pub(crate) fn acquire_many(&self, n: u32) -> Waiting<'_, ()> {
        match &self.keyed {
            Some((limiter, key)) => Box::pin(limiter.acquire_many(key, n)),
            None => Box::pin(self.limiter.acquire_many(n)),
        }
    }

    /// That so many cells were granted, or may have been given back if there are fewer than none, since that moment.
    pub(crate) fn write_since(&self, cells: i64, from: usize) {
        let mut ledger = self.ledger.lock().unwrap();
        let now = ledger.moment();
        ledger.write(cells, from, now);
    }

    pub(crate) fn time_to_fill(&self) -> Duration {
        let quota = self.limiter.quota();
        Duration::from_secs_f64(f64::from(quota.burst_size()) / quota.rate()) + Duration::from_secs(1)
    }
}

impl Limit for Cells {
    fn runtime(&self) -> &VirtualRuntime {
        self.limiter.runtime()
    }

    fn is_closed(&self) -> bool {
        self.limiter.is_closed()
    }

    fn may_be_full(&self) -> bool {
        self.bounded
    }

    fn moment(&self) -> usize {
        self.ledger.lock().unwrap().moment()
    }

    fn was_too_large(&self, n: u32, from: usize) -> bool {
        self.ledger.lock().unwrap().was_too_large(n, from)
    }

    fn waited(&self) {
        self.ledger.lock().unwrap().note_wait();
    }

    fn granted(&self, n: u32, moment: usize) {
        self.ledger.lock().unwrap().write(n.into(), moment, moment);
    }

    fn returned(&self, n: u32) {
        let mut ledger = self.ledger.lock().unwrap();
        let now = ledger.moment();
        ledger.write(-i64::from(n), now, now);
    }

    fn audit_grant(&self, _: &Book<Self>) {}

    fn audit_front(&self, _: &Book<Self>, _: u32) {}

    fn audit_end(&self, book: &Book<Self>) {
        let excess = self.ledger.lock().unwrap().excess();
        excess.into_iter().for_each(|excess| book.fault(&excess));
        book.expect(self.limiter.waiters() == 0, "its line is not empty");
        let burst = self.limiter.quota().burst_size();
        let full = if self.limiter.is_closed() { 0 } else { burst };
        book.expect(self.limiter.available() == full, "it does not fill up");
        let granted = (0..=burst).filter(|_| self.limiter.try_acquire().is_ok()).count();
        book.expect(granted == full as usize, "an idle limiter does not grant its burst");
    }
}

#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) limiter: ConcurrencyLimiter<VirtualRuntime>,
    /// Where they are those of a key: of which limiter, and which.
    keyed: Option<KeyedSlots>,
    /// What the limit has been, moment by moment.
    limits: Mutex<Vec<usize>>,
    /// How many are held, by those who know that they hold them.
    held: AtomicUsize,
    bounded: bool,
}

pub(crate) type KeyedSlots = (KeyedConcurrencyLimiter<usize, VirtualRuntime>, usize);

impl Slots {
    pub(crate) fn new(limiter: ConcurrencyLimiter<VirtualRuntime>, keyed: Option<KeyedSlots>, bounded: bool) -> Self {
        Self { limiter, keyed, limits: Mutex::default(), held: AtomicUsize::new(0), bounded }
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.moment();
        match &self.keyed {
            Some((limiter, key)) => limiter.set_limit(key, limit),
            None => self.limiter.set_limit(limit),
        }
        self.moment();
    }

    pub(crate) fn acquire_many(&self, n: u32) -> Waiting<'_, OwnedPermit> {
        match &self.keyed {
            Some((limiter, key)) => Box::pin(limiter.acquire_many(key, n)),
            None => Box::pin(self.limiter.acquire_many_owned(n)),
        }
    }

    /// Somebody has got so many since that moment.
    pub(crate) fn hold(&self, book: &Book<Self>, n: u32, since: usize) {
        let held = self.held.fetch_add(n as usize, Ordering::SeqCst) + n as usize;
        self.moment();
        let most = self.limits.lock().unwrap()[since..].iter().copied().max();
        book.expect(n == 0 || most.is_some_and(|most| held <= most), "more are held than the limit allowed");
        self.check_held(book);
    }

    /// Somebody is about to give so many back.
    pub(crate) fn release(&self, n: u32) {
        self.held.fetch_sub(n as usize, Ordering::SeqCst);
    }

    pub(crate) fn check_held(&self, book: &Book<Self>) {
        let held = self.held.load(Ordering::SeqCst);
        book.expect(held <= self.limiter.in_flight(), "more are held than are in flight");
    }
}

impl Limit for Slots {
    fn runtime(&self) -> &VirtualRuntime {
        self.limiter.runtime()
    }

    fn is_closed(&self) -> bool {
        self.limiter.is_closed()
    }

    fn may_be_full(&self) -> bool {
        self.bounded
    }

    fn moment(&self) -> usize {
        let mut limits = self.limits.lock().unwrap();
        limits.push(self.limiter.limit());
        limits.len() - 1
    }

    fn was_too_large(&self, n: u32, from: usize) -> bool {
        self.limits.lock().unwrap()[from..].iter().any(|limit| n as usize > *limit)
    }

    fn waited(&self) {}

    fn granted(&self, _: u32, _: usize) {}

    fn returned(&self, _: u32) {}

    fn audit_grant(&self, book: &Book<Self>) {
        book.expect(self.limiter.in_flight() <= self.limiter.limit(), "somebody was served above the limit");
    }

    fn audit_front(&self, book: &Book<Self>, n: u32) {
        let free = self.limiter.limit().saturating_sub(self.limiter.in_flight());
        book.expect(n as usize > free, "the first in line waits for what is free");
    }

    fn audit_end(&self, book: &Book<Self>) {
        let (in_flight, waiters) = (self.limiter.in_flight(), self.limiter.waiters());
        let held = self.held.load(Ordering::SeqCst);
        book.expect((in_flight, waiters, held) == (0, 0, 0), "something is held, or somebody waits, after everything");
        book.expect(self.limiter.available() == self.limiter.limit(), "not all slots have come back");
    }
}
