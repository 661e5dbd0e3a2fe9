//! The limiters under load, and what must hold of them all the time.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Mutex;
use std::time::Instant;

use mtaio_tokio::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimiter, TimeoutManager};

/// How far a limiter lets a late timer of tokio catch up.
const TIMER_CAP: Duration = Duration::from_millis(4);
/// The most slots that the pool that changes ever has.
pub(crate) const MOST: usize = 16;
/// The quotas that the rate that changes goes through; none is faster than the first.
pub(crate) const QUOTAS: [Quota; 3] =
    [Quota::per_second(20_000).burst(64), Quota::per_second(5_000).burst(16), Quota::per_second(12_000).burst(1)];

/// A rate limiter, and how many cells it has given.
#[derive(Clone)]
pub(crate) struct Rate {
    pub(crate) name: &'static str,
    pub(crate) limiter: RateLimiter,
    fastest: Quota,
    granted: Arc<AtomicU64>,
    begun: Instant,
}

impl Rate {
    fn new(name: &'static str, fastest: Quota) -> Self {
        let begun = Instant::now();
        Self { name, limiter: RateLimiter::new(fastest), fastest, granted: Arc::default(), begun }
    }

    pub(crate) fn count(&self, cells: u32) {
        // ORDERING: SeqCst: a count, as plain as can be.
        self.granted.fetch_add(cells.into(), Ordering::SeqCst);
    }

    pub(crate) fn granted(&self) -> u64 {
        self.granted.load(Ordering::SeqCst)
    }

    /// What was counted was granted before now, so that the time that has passed is enough for it.
    fn check(&self) -> Result<(), String> {
        let granted = self.granted();
        let time = self.begun.elapsed() + TIMER_CAP;
        let allowed = f64::from(self.fastest.burst_size()) + self.fastest.rate() * time.as_secs_f64();
        let what = || format!("{}: {granted} cells in {time:?}, and {allowed:.0} are allowed", self.name);
        if granted as f64 <= allowed { Ok(()) } else { Err(what()) }
    }
}

/// A pool of slots, and how many tasks are inside.
#[derive(Clone)]
pub(crate) struct Pool {
    pub(crate) name: &'static str,
    pub(crate) limiter: ConcurrencyLimiter,
    most: usize,
    inside: Arc<AtomicUsize>,
}

/// One task that is inside. It leaves before its slots return.
pub(crate) struct Inside<'a>(&'a Pool, usize);

impl Pool {
    fn new(name: &'static str, limit: usize, most: usize) -> Self {
        Self { name, limiter: ConcurrencyLimiter::new(limit), most, inside: Arc::default() }
    }

    /// Counts one who has been let in, if that keeps the limit.
    pub(crate) fn enter(&self, slots: usize) -> Result<Inside<'_>, String> {
        // ORDERING: SeqCst: a count, as plain as can be.
        let inside = self.inside.fetch_add(slots, Ordering::SeqCst) + slots;
        let entered = Inside(self, slots);
        let what = || format!("{}: {inside} are inside, and {} may be", self.name, self.most);
        if inside <= self.most { Ok(entered) } else { Err(what()) }
    }

    fn check(&self) -> Result<(), String> {
        let (in_flight, limit) = (self.limiter.in_flight(), self.most);
        if in_flight <= limit { Ok(()) } else { Err(format!("{}: {in_flight} of {limit} are in flight", self.name)) }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // ORDERING: SeqCst: a count, as plain as can be.
        self.0.inside.fetch_sub(self.1, Ordering::SeqCst);
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
    /// What went wrong first.
    fault: Arc<Mutex<Option<String>>>,
}

impl Limits {
    pub(crate) fn new() -> Self {
        let (steady, pool) = (Rate::new("steady rate", Quota::per_second(10_000).burst(32)), Pool::new("pool", 8, 8));
        let both = ResourceLimiter::new(&steady.limiter, &pool.limiter);
        Self {
            steady,
            changing: Rate::new("changing rate", QUOTAS[0]),
            pool,
            elastic: Pool::new("elastic pool", MOST, MOST),
            both,
            timeouts: TimeoutManager::new(Duration::from_millis(20)),
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
        self.fault.lock().unwrap().clone()
    }

    /// How many wait or hold something: waiters, permits, deadlines.
    pub(crate) fn left(&self) -> [(&'static str, usize); 3] {
        let (rates, pools) = ([&self.steady, &self.changing], [&self.pool, &self.elastic]);
        let waiters = rates.iter().map(|rate| rate.limiter.waiters()).sum::<usize>();
        let waiters = waiters + pools.iter().map(|pool| pool.limiter.waiters()).sum::<usize>();
        let held = pools.iter().map(|pool| pool.limiter.in_flight()).sum();
        [("waiters", waiters), ("permits", held), ("deadlines", self.timeouts.pending())]
    }
}
