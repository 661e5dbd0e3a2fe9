//! The load: tasks that come, wait, give up, and change the limits meanwhile.

use core::future::{Future, pending, poll_fn};
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Poll;
use core::time::Duration;

use mtaio_core::runtime::Clock;
use mtaio_tokio::{RateLimiter, ResourceLimitError};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use crate::limits::{Limits, MOST, Pool, QUOTAS, Rate};

/// Numbers that look random: SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What a task has done, in all.
pub(crate) static DONE: AtomicU64 = AtomicU64::new(0);

/// Does one thing after the other, until it is dropped.
pub(crate) async fn work(limits: Limits, mut dice: Dice) {
    loop {
        let outcome = one_thing(&limits, &mut dice).await;
        limits.note(outcome);
        // ORDERING: Relaxed: a statistic, orders nothing.
        DONE.fetch_add(1, Ordering::Relaxed);
        // Also where nothing had to be waited for.
        yield_now().await;
    }
}

async fn one_thing(limits: &Limits, dice: &mut Dice) -> Result<(), String> {
    let patience = Duration::from_micros(dice.below(5_000));
    let rate = if dice.below(2) == 0 { &limits.steady } else { &limits.changing };
    let pool = if dice.below(2) == 0 { &limits.pool } else { &limits.elastic };
    match dice.below(16) {
        0 => take(rate, 1 + dice.below(3) as u32).await,
        // It gives up wherever it is then.
        1 => timeout(patience, take(rate, 1)).await.unwrap_or(Ok(())),
        2 => enter(pool, 1 + dice.below(2) as u32, patience / 10).await,
        3 => timeout(patience, enter(pool, 1, patience / 2)).await.unwrap_or(Ok(())),
        4 => both(limits).await,
        5 => timeout(patience, both(limits)).await.unwrap_or(Ok(())),
        6 => give_time(limits, patience).await,
        7 => within_a_scope(limits, rate, pool, patience).await,
        _ => limits.more.one_thing(dice).await,
    }
}

/// A request that does not fit any more after a change is refused; that is no fault.
async fn take(rate: &Rate, cells: u32) -> Result<(), String> {
    if rate.limiter.acquire_many(cells).await.is_ok() {
        rate.count(cells);
    }
    Ok(())
}

async fn enter(pool: &Pool, slots: u32, stay: Duration) -> Result<(), String> {
    let Ok(_permit) = pool.limiter.acquire_many(slots).await else { return Ok(()) };
    let _inside = pool.enter(slots as usize)?;
    sleep(stay).await;
    Ok(())
}

async fn both(limits: &Limits) -> Result<(), String> {
    let _permit = limits.both.acquire().await.map_err(|error| error.to_string())?;
    limits.steady.count(1);
    let _inside = limits.pool.enter(1)?;
    yield_now().await;
    Ok(())
}

async fn give_time(limits: &Limits, time: Duration) -> Result<(), String> {
    let clock = limits.timeouts.runtime();
    let begun = clock.now();
    let outcome = limits.timeouts.run_within(time, pending::<()>()).await;
    let took = clock.now() - begun;
    if outcome.is_err() && took >= time { Ok(()) } else { Err(format!("{time:?} were over after {took:?}")) }
}

async fn within_a_scope(limits: &Limits, rate: &Rate, pool: &Pool, patience: Duration) -> Result<(), String> {
    let scope = limits.timeouts.scope(async {
        take(rate, 1).await?;
        enter(pool, 1, patience).await
    });
    scope.await.unwrap_or(Ok(()))
}

/// Changes quotas and limits, also to none at all for a while; and closes limiters for which others wait.
pub(crate) async fn reconfigure(limits: Limits, mut dice: Dice) {
    loop {
        limits.changing.limiter.set_quota(QUOTAS[dice.below(QUOTAS.len() as u64) as usize]);
        limits.elastic.limiter.set_limit(dice.below(MOST as u64 + 1) as usize);
        limits.note(close_one().await);
        sleep(Duration::from_millis(1 + dice.below(5))).await;
        limits.elastic.limiter.set_limit(MOST);
    }
}

async fn close_one() -> Result<(), String> {
    let limiter = RateLimiter::new(QUOTAS[2]);
    // A set, because this may be dropped before it closes the limiter: who waits for that goes with it.
    let mut waits = JoinSet::new();
    waits.spawn({
        let limiter = limiter.clone();
        async move { while limiter.acquire().await.is_ok() {} }
    });
    yield_now().await;
    limiter.close();
    waits.join_next().await.unwrap_or(Ok(())).map_err(|error| error.to_string())
}

/// Several waits of one task, polled in order for the first time: whoever of them is served, those before it were.
pub(crate) async fn sample_order(limits: Limits) {
    const WAITS: usize = 8;
    loop {
        let rate = &limits.steady.limiter;
        in_order(&limits, (0..WAITS).map(|_| Box::pin(rate.acquire()) as Wait<'_>).collect()).await;
        limits.steady.count(WAITS as u32);
        let pool = &limits.elastic.limiter;
        let slots = (0..WAITS).map(|_| Box::pin(async { pool.acquire().await.map(drop) }) as Wait<'_>);
        in_order(&limits, slots.collect()).await;
        sleep(Duration::from_millis(1)).await;
    }
}

type Wait<'a> = Pin<Box<dyn Future<Output = Result<(), ResourceLimitError>> + Send + 'a>>;

async fn in_order(limits: &Limits, waits: Vec<Wait<'_>>) {
    let mut waits: Vec<_> = waits.into_iter().map(Some).collect();
    let mut first = true;
    poll_fn(|context| {
        let mut poll = |wait: &mut Option<Wait<'_>>| {
            let done = wait.as_mut().is_none_or(|wait| wait.as_mut().poll(context).is_ready());
            if done {
                *wait = None;
            }
            done
        };
        // From the last to the first: what was served before a later one is found served after it.
        let arriving = core::mem::take(&mut first);
        let done: Vec<bool> = if arriving {
            waits.iter_mut().map(&mut poll).collect()
        } else {
            let mut done: Vec<_> = waits.iter_mut().rev().map(&mut poll).collect();
            done.reverse();
            done
        };
        // While they arrive, one that was polled may be served before a later one is polled, and is served, too.
        let overtaken = !arriving && done.windows(2).any(|pair| pair == [false, true]);
        limits.note(if overtaken { Err("somebody was overtaken".into()) } else { Ok(()) });
        if done.iter().all(|done| *done) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
