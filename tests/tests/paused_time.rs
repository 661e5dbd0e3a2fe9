//! Tokio's paused and advanced time is followed by everything, with nothing to set up.

extern crate alloc;

use alloc::sync::Arc;
use core::time::Duration;
use std::sync::{LazyLock, Mutex};

use mtaio_tokio::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimitErrorKind};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, pause, resume, sleep};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn try_acquire_follows_time_that_is_advanced() {
    let limiter = RateLimiter::new(Quota::per_second(10).burst(1));
    assert!(limiter.try_acquire().is_ok());
    assert_eq!(limiter.try_acquire().unwrap_err().retry_after(), Some(ms(100)));
    advance(ms(99)).await;
    assert_eq!(limiter.try_acquire().unwrap_err().retry_after(), Some(ms(1)));
    advance(ms(1)).await;
    assert!(limiter.try_acquire().is_ok());
}

#[tokio::test(start_paused = true)]
async fn acquire_lets_paused_time_go_on_by_itself() {
    let limiter = RateLimiter::new(Quota::per_hour(60).burst(1));
    let start = Instant::now();
    for _ in 0..=60 {
        limiter.acquire().await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::from_secs(3600));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_woken_by_time_that_is_advanced() {
    let limiter = RateLimiter::new(Quota::per_second(10).burst(1));
    limiter.try_acquire().unwrap();
    let waiter = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.acquire().await }
    });
    tokio::task::yield_now().await;
    assert_eq!(limiter.waiters(), 1);
    advance(ms(100)).await;
    assert_eq!(waiter.await.unwrap(), Ok(()));
    assert_eq!(limiter.try_acquire().unwrap_err().retry_after(), Some(ms(100)));
}

#[tokio::test(start_paused = true)]
async fn acquire_within_knows_at_once_that_it_would_be_late() {
    let limiter = RateLimiter::new(Quota::per_second(10).burst(1));
    limiter.acquire().await.unwrap();
    let start = Instant::now();
    let refused = limiter.acquire_within(ms(99)).await.unwrap_err();
    assert_eq!(refused.kind(), ResourceLimitErrorKind::Deadline);
    assert_eq!((refused.needed(), refused.left()), (Some(ms(100)), Some(ms(99))));
    assert_eq!(start.elapsed(), Duration::ZERO);
    limiter.acquire_within(ms(100)).await.unwrap();
    assert_eq!(start.elapsed(), ms(100));
}

#[tokio::test(start_paused = true)]
async fn acquire_within_waits_for_a_slot_as_long_as_it_may() {
    let slots = ConcurrencyLimiter::new(1);
    let permit = slots.acquire().await.unwrap();
    let start = Instant::now();
    let refused = slots.acquire_within(ms(250)).await.unwrap_err();
    assert_eq!((refused.kind(), start.elapsed()), (ResourceLimitErrorKind::Deadline, ms(250)));
    drop(permit);
    assert!(slots.acquire_within(Duration::ZERO).await.is_ok());
}

#[tokio::test]
async fn time_can_be_paused_and_resumed_under_a_limiter() {
    let limiter = RateLimiter::new(Quota::per_hour(1));
    limiter.try_acquire().unwrap();
    pause();
    limiter.acquire().await.unwrap();
    advance(Duration::from_secs(3600)).await;
    assert!(limiter.try_acquire().is_ok());
    resume();
    assert!(limiter.try_acquire().is_err());
}

#[test]
fn a_limiter_goes_from_one_paused_runtime_to_the_next() {
    static LIMITER: LazyLock<RateLimiter> = LazyLock::new(|| RateLimiter::new(Quota::per_second(10).burst(1)));
    for hours in [1, 0, 5, 0] {
        paused().block_on(async {
            let start = Instant::now();
            LIMITER.acquire().await.unwrap();
            // The clocks disagree: a step back costs at most one refill.
            assert!(start.elapsed() <= ms(100), "{:?}", start.elapsed());
            let start = Instant::now();
            LIMITER.acquire().await.unwrap();
            assert_eq!(start.elapsed(), ms(100));
            advance(Duration::from_secs(3600 * hours)).await;
        });
    }
}

#[test]
fn two_paused_runtimes_one_after_the_other_see_the_same() {
    let trace = || {
        paused().block_on(async {
            let limiter = RateLimiter::new(Quota::per_minute(20).burst(2));
            let start = Instant::now();
            let mut times = Vec::new();
            for _ in 0..6 {
                limiter.acquire().await.unwrap();
                times.push(start.elapsed());
            }
            times
        })
    };
    let first = trace();
    assert_eq!(first, [0, 0, 3000, 6000, 9000, 12_000].map(ms));
    assert_eq!(trace(), first);
}

/// What happened, in order, and when.
#[derive(Clone)]
struct Log {
    start: Instant,
    lines: Arc<Mutex<Vec<(String, u128)>>>,
}

impl Log {
    fn new() -> Self {
        Self { start: Instant::now(), lines: Arc::default() }
    }

    fn write(&self, line: String) {
        self.lines.lock().unwrap().push((line, self.start.elapsed().as_millis()));
    }

    fn assert(&self, expected: &[(&str, u128)]) {
        let lines = self.lines.lock().unwrap();
        let lines: Vec<_> = lines.iter().map(|(line, at)| (line.as_str(), *at)).collect();
        assert_eq!(lines, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn golden_vector_1_the_twisted_trace() {
    const DURATIONS: [[u64; 4]; 2] = [[3011, 2010, 4010, 1007], [2010, 1006, 4017, 1007]];
    let (log, slots) = (Log::new(), ConcurrencyLimiter::new(3));
    let mut tasks = JoinSet::new();
    for n in 0..4 {
        let (log, slots) = (log.clone(), slots.clone());
        tasks.spawn(async move {
            for (f, durations) in DURATIONS.into_iter().enumerate() {
                let permit = slots.acquire().await.unwrap();
                log.write(format!("start f{}({n})", f + 1));
                sleep(ms(durations[n])).await;
                log.write(format!("end f{}({n})", f + 1));
                drop(permit);
            }
        });
    }
    tasks.join_all().await;
    log.assert(&[
        ("start f1(0)", 0),
        ("start f1(1)", 0),
        ("start f1(2)", 0),
        ("end f1(1)", 2010),
        ("start f1(3)", 2010),
        ("end f1(0)", 3011),
        ("start f2(1)", 3011),
        ("end f1(3)", 3017),
        ("start f2(0)", 3017),
        ("end f1(2)", 4010),
        ("start f2(3)", 4010),
        ("end f2(1)", 4017),
        ("start f2(2)", 4017),
        ("end f2(3)", 5017),
        ("end f2(0)", 5027),
        ("end f2(2)", 8034),
    ]);
}

#[tokio::test(start_paused = true)]
async fn golden_vector_2_the_rates() {
    let limiter = RateLimiter::new(Quota::per_second(10).burst(1));
    assert!(limiter.try_acquire().is_ok());
    assert_eq!(limiter.try_acquire().unwrap_err().retry_after(), Some(ms(100)));
    sleep(ms(100)).await;
    assert!(limiter.try_acquire().is_ok());

    let limiter = RateLimiter::new(Quota::per_second(10));
    assert_eq!((0..15).filter(|_| limiter.try_acquire().is_ok()).count(), 10);

    for (quota, wait) in [(Quota::per_second(2).burst(1), ms(500)), (Quota::from_rate(0.5).unwrap(), ms(2000))] {
        let limiter = RateLimiter::new(quota);
        assert_eq!(limiter.quota().burst_size(), 1);
        let start = Instant::now();
        limiter.acquire().await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        limiter.acquire().await.unwrap();
        assert_eq!(start.elapsed(), wait);
    }
}

#[tokio::test(start_paused = true)]
async fn golden_vector_4_so_many_at_once_per_host() {
    let hosts = [8000, 8001].map(|port| (port, ConcurrencyLimiter::new(2)));
    let log = Log::new();
    let mut tasks = JoinSet::new();
    for page in 1..=4 {
        for (port, slots) in hosts.clone() {
            let log = log.clone();
            tasks.spawn(async move {
                let _permit = slots.acquire().await.unwrap();
                log.write(format!("{port}/{page}"));
                sleep(ms(1000)).await;
            });
        }
    }
    tokio::task::yield_now().await;
    assert_eq!(hosts.iter().map(|(_, slots)| slots.in_flight()).sum::<usize>(), 4, "the peak");
    tasks.join_all().await;
    log.assert(&[
        ("8000/1", 0),
        ("8001/1", 0),
        ("8000/2", 0),
        ("8001/2", 0),
        ("8000/3", 1000),
        ("8001/3", 1000),
        ("8000/4", 1000),
        ("8001/4", 1000),
    ]);
}

#[tokio::test(start_paused = true)]
async fn golden_vector_6_twenty_calls_three_at_once() {
    let slots = ConcurrencyLimiter::new(3);
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let slots = slots.clone();
        tasks.spawn(async move { slots.run(async { sleep(ms(500)).await }).await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!(start.elapsed(), ms(3500));
}
