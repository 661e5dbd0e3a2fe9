//! How much is granted in any window of time, and how much of the rate is kept.
//!
//! The bound that is checked, for every window from just before one grant to just after another: the cells granted in it,
//! less those given back in it, are at most `burst + rate * cap` of the quota in force where it begins, plus what the quotas
//! in force during it bring in, each for its part. `cap` is twice the timer's granularity. With one quota that is
//! `burst + rate * (w + cap)`.

extern crate alloc;

use alloc::sync::Arc;
use alloc::task::Wake;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Mutex;

use mtaio_core::Instant;
use mtaio_core::limit::{AcquireCells, Quota, RateLimiter};
use mtaio_core::runtime::{Clock, Spawn, Timer, VirtualRuntime};
use proptest::prelude::*;

/// What was granted (or, below zero, given back), and when. `brought` is what the quotas have brought in until then.
#[derive(Clone, Copy, Debug)]
struct Entry {
    cells: i64,
    brought: f64,
    /// What a window that begins here may have more.
    head_start: f64,
}

/// Writes down what the limiter does, at the instant at which it does it.
struct Ledger {
    runtime: VirtualRuntime,
    state: Mutex<LedgerState>,
}

struct LedgerState {
    quota: Quota,
    since: u64,
    brought: f64,
    entries: Vec<Entry>,
}

impl Ledger {
    fn new(runtime: &VirtualRuntime, quota: Quota) -> Arc<Self> {
        let state = LedgerState { quota, since: runtime.now().as_nanos(), brought: 0.0, entries: Vec::new() };
        Arc::new(Self { runtime: runtime.clone(), state: Mutex::new(state) })
    }

    fn write(&self, cells: i64) {
        let cap = 2.0 * self.runtime.granularity().as_secs_f64();
        self.with(|state| {
            let head_start = f64::from(state.quota.burst_size()) + state.quota.rate() * cap;
            state.entries.push(Entry { cells, brought: state.brought, head_start });
        });
    }

    fn change_quota(&self, quota: Quota) {
        self.with(|state| state.quota = quota);
    }

    fn with(&self, f: impl FnOnce(&mut LedgerState)) {
        let mut state = self.state.lock().unwrap();
        let now = self.runtime.now().as_nanos();
        state.brought += state.quota.rate() * (now - state.since) as f64 / 1e9;
        state.since = now;
        f(&mut state);
    }

    fn check_all_windows(&self) -> Result<(), TestCaseError> {
        let entries = &self.state.lock().unwrap().entries;
        for (start, first) in entries.iter().enumerate().filter(|(_, entry)| entry.cells > 0) {
            let mut granted = 0;
            for (end, last) in entries.iter().enumerate().skip(start) {
                granted += last.cells;
                let bound = first.head_start + last.brought - first.brought;
                prop_assert!(
                    granted as f64 <= bound + 1e-6,
                    "{granted} cells were granted where {bound} are allowed, from entry {start} to {end} of {entries:?}"
                );
            }
        }
        Ok(())
    }
}

/// A waiter that is polled by hand. Its waker writes down the grant.
struct Waiter<'a> {
    future: Pin<Box<AcquireCells<'a, VirtualRuntime>>>,
    slip: Arc<Slip>,
}

struct Slip {
    n: u32,
    granted: AtomicBool,
    ledger: Arc<Ledger>,
}

impl Wake for Slip {
    fn wake(self: Arc<Self>) {
        assert!(!self.granted.swap(true, Ordering::SeqCst), "nobody is woken twice");
        self.ledger.write(self.n.into());
    }
}

/// A limiter under test, with those who wait for it.
struct Scene<'a> {
    runtime: &'a VirtualRuntime,
    limiter: &'a RateLimiter<VirtualRuntime>,
    ledger: Arc<Ledger>,
    waiters: Vec<Waiter<'a>>,
    /// The smallest burst there will be: nobody asks for more.
    largest: u32,
    /// Cells that somebody got, and cells that somebody was granted and gave up.
    got: u64,
    handed_back: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Arrive(u32),
    Try(u32),
    Cancel(usize),
    Run(Duration),
    Idle(Duration),
    Stall(Duration),
    Refund(u32),
    Quota(usize),
}

impl<'a> Scene<'a> {
    fn new(runtime: &'a VirtualRuntime, limiter: &'a RateLimiter<VirtualRuntime>, quotas: &[Quota]) -> Self {
        let largest = quotas.iter().map(Quota::burst_size).min().unwrap();
        let ledger = Ledger::new(runtime, quotas[0]);
        Self { runtime, limiter, ledger, waiters: Vec::new(), largest, got: 0, handed_back: 0 }
    }

    fn size(&self, n: u32) -> u32 {
        1 + n % self.largest.min(8)
    }

    fn arrive(&mut self, n: u32) {
        let slip = Arc::new(Slip { n, granted: AtomicBool::new(false), ledger: Arc::clone(&self.ledger) });
        let mut future = Box::pin(self.limiter.acquire_many(n));
        match future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&slip)))) {
            Poll::Ready(outcome) => {
                outcome.unwrap();
                self.take_now(n);
            }
            Poll::Pending => self.waiters.push(Waiter { future, slip }),
        }
    }

    fn take_now(&mut self, n: u32) {
        self.ledger.write(n.into());
        self.got += u64::from(n);
    }

    fn cancel(&mut self, index: usize) {
        if let Some(index) = index.checked_rem(self.waiters.len()) {
            let Waiter { future, slip } = self.waiters.remove(index);
            // Written first: what comes back can be granted to the next while it comes back.
            if slip.granted.load(Ordering::SeqCst) {
                self.ledger.write(-i64::from(slip.n));
                self.handed_back += u64::from(slip.n);
            }
            drop(future);
        }
    }

    /// Those who were granted take it.
    fn collect(&mut self) {
        let (served, waiting) =
            self.waiters.drain(..).partition::<Vec<_>, _>(|waiter| waiter.slip.granted.load(Ordering::SeqCst));
        self.waiters = waiting;
        for mut waiter in served {
            let poll = waiter.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(poll, Poll::Ready(Ok(())), "whoever is woken has its cells");
            self.got += u64::from(waiter.slip.n);
        }
    }

    fn play(&mut self, step: &Step, quotas: &[Quota]) {
        match *step {
            Step::Arrive(n) => self.arrive(self.size(n)),
            Step::Try(n) => {
                let n = self.size(n);
                if self.limiter.try_acquire_many(n).is_ok() {
                    self.take_now(n);
                }
            }
            Step::Cancel(index) => self.cancel(index),
            Step::Run(time) => {
                self.runtime.run_for(time);
                self.collect();
            }
            Step::Idle(time) => self.runtime.run_for(time),
            Step::Stall(time) => self.runtime.stall(time),
            Step::Refund(n) => {
                self.ledger.write(-i64::from(n));
                self.limiter.refund(n);
            }
            Step::Quota(index) => {
                let quota = quotas[index % quotas.len()];
                self.ledger.change_quota(quota);
                self.limiter.set_quota(quota);
            }
        }
    }

    /// Everybody who still waits is served.
    fn drain(&mut self) {
        while self.limiter.waiters() > 0 {
            self.runtime.run_for(Duration::from_secs(1));
        }
        self.collect();
        assert!(self.waiters.is_empty(), "nobody is left without cells");
    }

    fn granted(&self) -> i64 {
        self.ledger.state.lock().unwrap().entries.iter().map(|entry| entry.cells.max(0)).sum()
    }
}

fn some_time() -> impl Strategy<Value = Duration> {
    (0..10_u32, 0..10_000_u64).prop_map(|(size, time)| Duration::from_nanos(time * 10_u64.pow(size.min(5))))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u32>().prop_map(Step::Arrive),
        3 => any::<u32>().prop_map(Step::Try),
        2 => any::<usize>().prop_map(Step::Cancel),
        4 => some_time().prop_map(Step::Run),
        1 => some_time().prop_map(Step::Idle),
        2 => some_time().prop_map(Step::Stall),
        1 => (0..4_u32).prop_map(Step::Refund),
        1 => any::<usize>().prop_map(Step::Quota),
    ]
}

fn quota() -> impl Strategy<Value = Quota> {
    (1..=10_000_u32, 1..=1_000_u64, prop_oneof![Just(1), 1..10_u32, 1..1000_u32])
        .prop_map(|(cells, millis, burst)| Quota::new(cells, Duration::from_millis(millis)).unwrap().burst(burst))
}

fn granularity() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::from_nanos(1)), (1..=3_000_u64).prop_map(Duration::from_micros)]
}

fn seconds_to_fill(quota: Quota) -> Duration {
    Duration::from_secs_f64(f64::from(quota.burst_size()) / quota.rate() + 1.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_window_sees_more_than_the_burst_and_the_rate(
        quotas in prop::collection::vec(quota(), 1..4),
        granularity in granularity(),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let runtime = VirtualRuntime::coarse(seed, granularity);
        let limiter = RateLimiter::with_runtime(quotas[0], runtime.clone());
        let mut scene = Scene::new(&runtime, &limiter, &quotas);
        steps.iter().for_each(|step| scene.play(step, &quotas));
        scene.drain();
        scene.ledger.check_all_windows()?;
        prop_assert_eq!(scene.granted() as u64, scene.got + scene.handed_back);
    }

    #[test]
    fn an_idle_limiter_grants_its_burst_and_not_one_more(
        quotas in prop::collection::vec(quota(), 1..4),
        granularity in granularity(),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let runtime = VirtualRuntime::coarse(seed, granularity);
        let limiter = RateLimiter::with_runtime(quotas[0], runtime.clone());
        let mut scene = Scene::new(&runtime, &limiter, &quotas);
        steps.iter().for_each(|step| scene.play(step, &quotas));
        scene.drain();
        runtime.run_for(seconds_to_fill(limiter.quota()));
        let burst = limiter.quota().burst_size();
        prop_assert_eq!(limiter.available(), burst);
        let granted = (0..=burst).filter(|_| limiter.try_acquire().is_ok()).count();
        prop_assert_eq!(granted, burst as usize);
    }

    #[test]
    fn a_queue_gets_every_cell_whoever_gives_up(
        cells in 1..=1_000_u32,
        granularity in granularity(),
        seed in any::<u64>(),
        cancels in prop::collection::vec(any::<(usize, bool)>(), 1..100),
    ) {
        let runtime = VirtualRuntime::coarse(seed, granularity);
        let quota = Quota::per_second(cells).burst(8);
        let limiter = RateLimiter::builder(quota).initial(0).build_on(runtime.clone());
        let mut scene = Scene::new(&runtime, &limiter, &[quota]);
        for (index, collects) in cancels {
            (0..4).for_each(|n| scene.arrive(1 + n % 2));
            scene.cancel(index);
            runtime.run_for(Duration::from_secs(1) / cells);
            if collects {
                scene.collect();
            }
        }
        prop_assume!(limiter.waiters() > 0);
        // The last tick may still be to come, and the front may need two.
        let time = runtime.now() - Instant::ORIGIN;
        let ticked = runtime.granularity() * 2;
        let at_least = quota.rate() * time.saturating_sub(ticked).as_secs_f64() - 2.0;
        let kept = scene.granted() - scene.handed_back as i64;
        prop_assert!(kept as f64 >= at_least, "{kept} cells of at least {at_least}");
        prop_assert!(kept as f64 <= quota.rate() * time.as_secs_f64() + 1e-6);
        scene.ledger.check_all_windows()?;
    }
}

/// How many cells 64 tasks that acquire in a loop get in `time`.
fn granted_to_looping_tasks(quota: Quota, granularity: Duration, time: Duration) -> f64 {
    let runtime = VirtualRuntime::coarse(1, granularity);
    let limiter = RateLimiter::with_runtime(quota, runtime.clone());
    let granted = Arc::new(AtomicUsize::new(0));
    for _ in 0..64 {
        let (limiter, granted) = (limiter.clone(), Arc::clone(&granted));
        runtime.spawn_detached(async move {
            while limiter.acquire().await.is_ok() {
                granted.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    runtime.run_for(time);
    granted.load(Ordering::Relaxed) as f64
}

#[test]
fn looping_tasks_keep_the_rate_on_coarse_timers() {
    for rate in [100, 1_000, 10_000, 100_000, 1_000_000] {
        for granularity in [0, 100, 1_000, 3_000].map(Duration::from_micros) {
            let time = Duration::from_secs_f64((2_000.0 / f64::from(rate)).max(0.6));
            let granted = granted_to_looping_tasks(Quota::per_second(rate).burst(1), granularity, time);
            let asked = f64::from(rate) * time.as_secs_f64();
            assert!(granted >= 0.99 * asked, "{granted} of {asked} at {rate}/s and {granularity:?}");
            let cap = f64::from(rate) * 2.0 * granularity.as_secs_f64();
            assert!(granted <= 1.0 + asked + cap + 1e-6, "{granted} for {asked} at {rate}/s and {granularity:?}");
        }
    }
}
