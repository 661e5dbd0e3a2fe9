//! More limiters under load: for each key, by class, with leases, and one that finds its limit by itself.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use mtaio_tokio::{
    AdaptiveConcurrencyLimiter, ConcurrencyLimiter, KeyedConcurrencyLimiter, KeyedRateLimiter, Outcome, QueuePolicy,
    Quota, ResourceLimitErrorKind as Kind,
};
use tokio::time::{sleep, timeout};

use crate::limits::{Crowd, Granted, Pool, Rate};
use crate::load::Dice;

/// How many keys have a rate, and how many have slots.
const KEYS: u64 = 50;
/// How many slots each of them has.
const SLOTS: usize = 3;
/// How many strangers are known at a time.
const STRANGERS: usize = 500;
/// The least and the most that the adaptive limiter may find.
const ADAPTIVE: (usize, usize) = (2, 24);

#[derive(Clone)]
pub(crate) struct More {
    /// Each key, as it is known from outside: its rate, and how much it was given.
    users: Arc<[Granted]>,
    pub(crate) per_user: KeyedRateLimiter<u64>,
    hosts: Arc<[Crowd]>,
    pub(crate) per_host: KeyedConcurrencyLimiter<u64>,
    /// New keys all the time, which make others go. It counts, and so do we.
    strangers: KeyedRateLimiter<u64>,
    asked: Arc<AtomicU64>,
    /// Its cells go through leases only.
    pub(crate) leased: Rate,
    pub(crate) classes: Pool,
    pub(crate) stack: Pool,
    adaptive: AdaptiveConcurrencyLimiter,
    tuned: Crowd,
}

impl More {
    pub(crate) fn new() -> Self {
        let quota = Quota::per_second(30).burst(2);
        let (per_user, per_host) = (KeyedRateLimiter::new(quota), KeyedConcurrencyLimiter::new(SLOTS));
        let user = |_| Granted::new("a user", quota);
        let host = |_| Crowd::new("a host", SLOTS);
        let strangers = KeyedRateLimiter::builder(Quota::per_minute(1)).max_keys(STRANGERS).counting().build();
        let classes = ConcurrencyLimiter::builder(4).queue(QueuePolicy::priority(3));
        let classes = classes.codel(Duration::from_millis(5), Duration::from_millis(50)).build();
        let stack = ConcurrencyLimiter::builder(2).queue(QueuePolicy::LifoEvict).max_waiters(8).build();
        let adaptive = AdaptiveConcurrencyLimiter::builder(8).between(ADAPTIVE.0, ADAPTIVE.1).build();
        Self {
            users: (0..KEYS).map(user).collect(),
            per_user,
            hosts: (0..KEYS).map(host).collect(),
            per_host,
            strangers,
            asked: Arc::default(),
            leased: Rate::new("leased rate", Quota::per_second(50_000).burst(200)),
            classes: Pool::around("pool with classes", classes.expect("it is not zero")),
            stack: Pool::around("pool that evicts", stack.expect("it is not zero")),
            adaptive: adaptive.expect("it is within its bounds"),
            tuned: Crowd::new("adaptive pool", ADAPTIVE.1),
        }
    }

    pub(crate) async fn one_thing(&self, dice: &mut Dice) -> Result<(), String> {
        let patience = Duration::from_micros(dice.below(3_000));
        match dice.below(8) {
            0 => self.user(dice).await,
            1 => timeout(patience, self.user(dice)).await.unwrap_or(Ok(())),
            2 => self.host(dice, patience / 10).await,
            3 => timeout(patience, self.host(dice, patience / 2)).await.unwrap_or(Ok(())),
            4 => self.stranger(dice),
            5 => self.lease(dice, patience).await,
            6 => self.in_line(dice, patience).await,
            _ => self.adapt(dice, patience).await,
        }
    }

    async fn user(&self, dice: &mut Dice) -> Result<(), String> {
        let key = dice.below(KEYS);
        // Whoever holds a handle keeps the key, and waits in the same line.
        let outcome = match dice.below(3) {
            0 => self.per_user.limiter(&key).map_err(|error| error.to_string())?.acquire().await,
            1 => self.per_user.acquire_within(&key, Duration::from_millis(1)).await,
            _ => self.per_user.try_acquire(&key),
        };
        match outcome {
            Ok(()) => self.users[key as usize].count(1),
            Err(error) if matches!(error.kind(), Kind::NotReady | Kind::Deadline) => {}
            Err(error) => return Err(format!("user {key}: {error}")),
        }
        self.users[key as usize].check()
    }

    async fn host(&self, dice: &mut Dice, stay: Duration) -> Result<(), String> {
        let key = dice.below(KEYS) / 5;
        let _permit = self.per_host.acquire(&key).await.map_err(|error| format!("host {key}: {error}"))?;
        let _inside = self.hosts[key as usize].enter(1)?;
        sleep(stay).await;
        Ok(())
    }

    /// Somebody new, or one of many who come again.
    fn stranger(&self, dice: &mut Dice) -> Result<(), String> {
        let _ = self.strangers.try_acquire(&dice.below(1_000_000));
        // ORDERING: SeqCst: a count, as plain as can be.
        self.asked.fetch_add(1, Ordering::SeqCst);
        let known = self.strangers.len();
        // Those that are on their way in are counted already.
        if known <= STRANGERS + 64 { Ok(()) } else { Err(format!("{known} strangers are known")) }
    }

    async fn lease(&self, dice: &mut Dice, patience: Duration) -> Result<(), String> {
        let mut lease = self.leased.limiter.lease(1 + dice.below(60) as u32);
        for _ in 0..dice.below(100) {
            let cells = 1 + dice.below(2) as u32;
            if timeout(patience, lease.acquire_many(cells)).await.is_ok_and(|outcome| outcome.is_ok()) {
                self.leased.count(cells);
            }
        }
        Ok(())
    }

    /// In a line with another order than that of arrival.
    async fn in_line(&self, dice: &mut Dice, patience: Duration) -> Result<(), String> {
        let (pool, class) = if dice.below(2) == 0 { (&self.classes, dice.below(3) as u8) } else { (&self.stack, 0) };
        let _permit = match pool.limiter.acquire().priority(class).await {
            Ok(permit) => permit,
            Err(error) if matches!(error.kind(), Kind::Overloaded | Kind::QueueFull) => return Ok(()),
            Err(error) => return Err(format!("{}: {error}", pool.name)),
        };
        let _inside = pool.enter(1)?;
        sleep(patience / 20).await;
        Ok(())
    }

    async fn adapt(&self, dice: &mut Dice, patience: Duration) -> Result<(), String> {
        let Ok(permit) = timeout(patience * 4, self.adaptive.acquire()).await else { return Ok(()) };
        let permit = permit.map_err(|error| error.to_string())?;
        let inside = self.tuned.enter(1)?;
        sleep(patience / 10).await;
        drop(inside);
        permit.finish([Outcome::Success, Outcome::Success, Outcome::Dropped, Outcome::Ignored][dice.below(4) as usize]);
        let limit = self.adaptive.limit();
        if (ADAPTIVE.0..=ADAPTIVE.1).contains(&limit) { Ok(()) } else { Err(format!("an adaptive limit of {limit}")) }
    }

    /// What can be said at any moment.
    pub(crate) fn check(&self) -> Result<(), String> {
        let in_flight = self.adaptive.in_flight();
        if in_flight > ADAPTIVE.1 {
            return Err(format!("{in_flight} of {} are in flight", ADAPTIVE.1));
        }
        self.leased.check()?;
        self.classes.check()?;
        self.stack.check()
    }

    /// What can be said when nobody does anything any more.
    pub(crate) fn check_at_rest(&self) -> Result<(), String> {
        let (line, asked) = (self.strangers.snapshot().line, self.asked.load(Ordering::SeqCst));
        let counted = line.granted + line.refused;
        if counted != asked {
            return Err(format!("{asked} times a stranger asked, and {counted} were counted"));
        }
        self.per_user.retain(|_| false);
        self.per_host.retain(|_| false);
        let known = self.per_user.len() + self.per_host.len();
        if known == 0 { Ok(()) } else { Err(format!("{known} keys cannot be forgotten")) }
    }

    /// How many wait, and how many permits are held.
    pub(crate) fn left(&self) -> (usize, usize) {
        let (users, hosts) = (self.per_user.snapshot(), self.per_host.snapshot());
        let pools = [&self.classes.limiter, &self.stack.limiter];
        let waiters = pools.iter().map(|pool| pool.waiters()).sum::<usize>() + self.leased.limiter.waiters();
        let held = pools.iter().map(|pool| pool.in_flight()).sum::<usize>();
        (
            waiters + users.line.waiting + hosts.line.waiting + self.adaptive.waiters(),
            held + hosts.in_flight + self.adaptive.in_flight(),
        )
    }

    /// How much was done, for the report.
    pub(crate) fn told(&self) -> [String; 3] {
        let (users, strangers) = (self.per_user.snapshot(), self.strangers.snapshot());
        let granted: u64 = self.users.iter().map(Granted::cells).sum();
        [
            format!("{granted} cells of {} users were granted, to none more than it has", users.keys.known),
            format!("{} strangers came, {} of them made another go", strangers.line.granted, strangers.keys.evicted),
            format!("an adaptive limit of {} in the end", self.adaptive.limit()),
        ]
    }
}
