//! The limiters under load, and what must hold of them all the time.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Mutex;
use std::time::Instant;

use mtaio_tokio::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimiter, TimeoutManager};

use crate::more::More;

/// How far a limiter lets a late timer of tokio catch up.
const TIMER_CAP: Duration = Duration::from_millis(4);
/// The most slots that the pool that changes ever has.
pub(crate) const MOST: usize = 16;
/// The quotas that the rate that changes goes through; none is faster than the first.
pub(crate) const QUOTAS: [Quota; 3] =
    [Quota::per_second(20_000).burst(64), Quota::per_second(5_000).burst(16), Quota::per_second(12_000).burst(1)];

/// How many cells something has given, whose quota is never faster than that.
#[derive(Clone)]
pub(crate) struct Granted {
    name: &'static str,
    fastest: Quota,
    cells: Arc<AtomicU64>,
    begun: Instant,
}

impl Granted {
    pub(crate) fn new(name: &'static str, fastest: Quota) -> Self {
        Self { name, fastest, cells: Arc::default(), begun: Instant::now() }
    }

    pub(crate) fn count(&self, cells: u32) {
        // ORDERING: SeqCst: a count, as plain as can be.
        self.cells.fetch_add(cells.into(), Ordering::SeqCst);
    }

    pub(crate) fn cells(&self) -> u64 {
        self.cells.load(Ordering::SeqCst)
    }

    /// What was counted was granted before now, so that the time that has passed is enough for it.
    pub(crate) fn check(&self) -> Result<(), String> {
        let granted = self.cells();
        let time = self.begun.elapsed() + TIMER_CAP;
        let allowed = f64::from(self.fastest.burst_size()) + self.fastest.rate() * time.as_secs_f64();
        let what = || format!("{}: {granted} cells in {time:?}, and {allowed:.0} are allowed", self.name);
        if granted as f64 <= allowed { Ok(()) } else { Err(what()) }
    }
}

/// A rate limiter, and how many cells it has given.
#[derive(Clone)]
pub(crate) struct Rate {
    pub(crate) name: &'static str,
    pub(crate) limiter: RateLimiter,
    granted: Granted,
}

impl Rate {
    pub(crate) fn new(name: &'static str, fastest: Quota) -> Self {
        Self { name, limiter: RateLimiter::new(fastest), granted: Granted::new(name, fastest) }
    }

    pub(crate) fn count(&self, cells: u32) {
        self.granted.count(cells);
    }

    pub(crate) fn granted(&self) -> u64 {
        self.granted.cells()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        self.granted.check()
    }
}

/// How many tasks are inside, and how many may be.
#[derive(Clone)]
pub(crate) struct Crowd {
    name: &'static str,
    most: usize,
    inside: Arc<AtomicUsize>,
}

/// One task that is inside. It leaves before its slots return.
pub(crate) struct Inside<'a>(&'a Crowd, usize);

impl Crowd {
    pub(crate) fn new(name: &'static str, most: usize) -> Self {
        Self { name, most, inside: Arc::default() }
    }

    /// Counts one who has been let in, if that keeps the limit.
    pub(crate) fn enter(&self, slots: usize) -> Result<Inside<'_>, String> {
        // ORDERING: SeqCst: a count, as plain as can be.
        let inside = self.inside.fetch_add(slots, Ordering::SeqCst) + slots;
        let entered = Inside(self, slots);
        let what = || format!("{}: {inside} are inside, and {} may be", self.name, self.most);
        if inside <= self.most { Ok(entered) } else { Err(what()) }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // ORDERING: SeqCst: a count, as plain as can be.
        self.0.inside.fetch_sub(self.1, Ordering::SeqCst);
    }
}

/// A pool of slots, and how many tasks are inside.
#[derive(Clone)]
pub(crate) struct Pool {
    pub(crate) name: &'static str,
    pub(crate) limiter: ConcurrencyLimiter,
    crowd: Crowd,
}

impl Pool {
    fn new(name: &'static str, limit: usize) -> Self {
        Self::around(name, ConcurrencyLimiter::new(limit))
    }

    /// Of a limiter that has its largest limit now.
    pub(crate) fn around(name: &'static str, limiter: ConcurrencyLimiter) -> Self {
        Self { name, crowd: Crowd::new(name, limiter.limit()), limiter }
    }

    pub(crate) fn enter(&self, slots: usize) -> Result<Inside<'_>, String> {
        self.crowd.enter(slots)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let (in_flight, limit) = (self.limiter.in_flight(), self.crowd.most);
        if in_flight <= limit { Ok(()) } else { Err(format!("{}: {in_flight} of {limit} are in flight", self.name)) }
    }
}

/// Everything that is under load. A clone is the same.
#[derive(Clone)]
pub(crate) struct Limits {
    /// Its quota stays.
    pub(crate) steady: Rate,
    /// Its quota changes.
    pub(crate) changing: Rate,
    pub(crate) pool: Pool,
    /// Its limit changes.
    pub(crate) elastic: Pool,
    /// The steady ones together.
    pub(crate) both: ResourceLimiter,
    pub(crate) timeouts: TimeoutManager,
    /// What there is beside these.
    pub(crate) more: More,
    /// What went wrong first.
    fault: Arc<Mutex<Option<String>>>,
}

impl Limits {
    pub(crate) fn new() -> Self {
        let (steady, pool) = (Rate::new("steady rate", Quota::per_second(10_000).burst(32)), Pool::new("pool", 8));
        let both = ResourceLimiter::new(&steady.limiter, &pool.limiter);
        Self {
            steady,
            changing: Rate::new("changing rate", QUOTAS[0]),
            pool,
            elastic: Pool::new("elastic pool", MOST),
            both,
            timeouts: TimeoutManager::new(Duration::from_millis(20)),
            more: More::new(),
            fault: Arc::default(),
        }
    }

    /// Keeps what went wrong, if it did and nothing had before.
    pub(crate) fn note(&self, outcome: Result<(), String>) {
        if let Err(fault) = outcome {
            self.fault.lock().unwrap().get_or_insert(fault);
        }
    }

    /// What has gone wrong until now.
    pub(crate) fn fault(&self) -> Option<String> {
        [&self.steady, &self.changing].map(Rate::check).into_iter().for_each(|outcome| self.note(outcome));
        [&self.pool, &self.elastic].map(Pool::check).into_iter().for_each(|outcome| self.note(outcome));
        self.note(self.more.check());
        self.fault.lock().unwrap().clone()
    }

    /// How many wait or hold something: waiters, permits, deadlines.
    pub(crate) fn left(&self) -> [(&'static str, usize); 3] {
        let (rates, pools) = ([&self.steady, &self.changing], [&self.pool, &self.elastic]);
        let waiters = rates.iter().map(|rate| rate.limiter.waiters()).sum::<usize>();
        let waiters = waiters + pools.iter().map(|pool| pool.limiter.waiters()).sum::<usize>();
        let held = pools.iter().map(|pool| pool.limiter.in_flight()).sum::<usize>();
        let (more_waiters, more_held) = self.more.left();
        [("waiters", waiters + more_waiters), ("permits", held + more_held), ("deadlines", self.timeouts.pending())]
    }
}
