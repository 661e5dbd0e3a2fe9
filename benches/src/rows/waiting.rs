//! Rate limiters that tasks wait for: whether the rate is reached, and what that costs.

use alloc::sync::Arc;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Instant;

use crate::cpu;
use crate::host::{Host, Kind};
use crate::peers::{FedSemaphore, Rate};
use crate::row::Role::{self, Beside, Floor, Ours, Peer};
use crate::row::{Against, Bound, Contender, Row, Scale, Unit};

type Governor = Arc<governor::DefaultDirectRateLimiter>;
type LeakyBucket = Arc<leaky_bucket::RateLimiter>;

const SUBJECT: &str = "waiting";
const TASKS: u64 = 64;
/// By how much a window may seem to be exceeded: what a limiter may make up for, and what the two ends are seen too late.
const SLACK: Duration = Duration::from_millis(8);

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for kind in [Kind::CurrentThread, Kind::MultiThread, Kind::Smol] {
        rows.extend([100, 1_000, 10_000, 100_000, 1_000_000].map(|rate| share(kind, rate)));
    }
    rows.extend([processor(10_000, 1.1), processor(1_000_000, 1.3), queued()]);
    rows
}

fn thousands(number: u32) -> String {
    match (number / 1_000_000, number / 1_000) {
        (0, 0) => number.to_string(),
        (0, thousands) => format!("{thousands},000"),
        (millions, _) => format!("{millions},000,000"),
    }
}

/// Whether tasks that loop get all that the rate allows.
fn share(kind: Kind, rate: u32) -> Row {
    let work = format!("{TASKS} tasks at {}/s, burst 1 ({})", thousands(rate), kind.name());
    let least = if rate < 1_000_000 { 0.99 } else { 0.97 };
    let row = Row::new(SUBJECT, work, move |_| match kind {
        Kind::Smol => vec![
            Loops { kind, rate, burst: 1 }.timed::<mtaio_smol::RateLimiter>(Ours, "mtaio"),
            Loops { kind, rate, burst: 1 }.timed::<Governor>(Peer, "governor"),
        ],
        Kind::CurrentThread | Kind::MultiThread => vec![
            Loops { kind, rate, burst: 1 }.timed::<mtaio_tokio::RateLimiter>(Ours, "mtaio"),
            Loops { kind, rate, burst: 1 }.timed::<Governor>(Peer, "governor"),
            Loops { kind, rate, burst: 1 }.timed::<LeakyBucket>(Peer, "leaky-bucket"),
        ],
    });
    let count = (u64::from(rate) * 3 / 10).max(50);
    row.unit(Unit::Share(f64::from(rate))).fixed(count, 5).goal(Against::Itself, Bound::AtLeast(least))
}

/// What a cell costs that tasks wait for.
fn processor(rate: u32, most: f64) -> Row {
    let loops = Loops { kind: Kind::CurrentThread, rate, burst: rate / 200 };
    let work = format!("{TASKS} tasks at {}/s, burst of 5 ms, processor time", thousands(rate));
    let row = Row::new(SUBJECT, work, move |_| {
        vec![
            loops.busy::<mtaio_tokio::RateLimiter>(Ours, "mtaio"),
            loops.busy::<LeakyBucket>(Peer, "leaky-bucket"),
            loops.busy::<Governor>(Beside, "governor"),
            loops.busy::<FedSemaphore>(Floor, "a timer that feeds a semaphore"),
        ]
    });
    let row = row.unit(Unit::CpuNanos).fixed(u64::from(rate) * 3 / 10, 7);
    row.goal(Against::Floor, Bound::AtMost(most)).goal(Against::Peer, Bound::AtMost(0.8))
}

/// Tasks that wait for a cell, again and again.
#[derive(Clone, Copy)]
struct Loops {
    kind: Kind,
    rate: u32,
    burst: u32,
}

impl Loops {
    fn timed<P: Rate>(self, role: Role, name: &'static str) -> Contender {
        let host = Host::new(self.kind);
        Contender::timed(role, name, move |count| {
            let start = Instant::now();
            let granted = self.run::<P>(&host, count);
            let took = start.elapsed();
            let needed = Duration::from_secs_f64(granted / f64::from(self.rate));
            assert!(role != Ours || took + SLACK >= needed, "{granted} cells in {took:?} are too many");
            took.mul_f64(count as f64 / granted)
        })
    }

    fn busy<P: Rate>(self, role: Role, name: &'static str) -> Contender {
        let host = Host::new(self.kind);
        Contender::timed(role, name, move |count| {
            let start = cpu::of_process();
            let granted = self.run::<P>(&host, count);
            (cpu::of_process() - start).mul_f64(count as f64 / granted)
        })
    }

    /// Waits for the burst and `count` cells more. Returns how many more there were: fewer if that takes much longer
    /// than it should.
    fn run<P: Rate>(self, host: &Host, count: u64) -> f64 {
        let burst = u64::from(self.burst);
        let (left, granted) = (Arc::new(AtomicU64::new(burst + count)), Arc::new(AtomicU64::new(0)));
        let patience = Duration::from_secs_f64(1.5 * count as f64 / f64::from(self.rate)) + SLACK;
        let in_time = until_over(patience, Arc::clone(&left), || {
            host.block_on(async {
                let limiter = P::with(self.rate, self.burst);
                host.join((0..TASKS).map(|_| take(limiter.clone(), Arc::clone(&left), Arc::clone(&granted)))).await;
            });
        });
        // ORDERING: Relaxed: the tasks are joined.
        let granted = granted.load(Ordering::Relaxed);
        assert!(granted == burst + count || in_time.is_break(), "{granted} of {} were granted", burst + count);
        granted.saturating_sub(burst).max(1) as f64
    }
}

/// Waits for a cell as long as some are left to be asked for.
async fn take<P: Rate>(limiter: P, left: Arc<AtomicU64>, granted: Arc<AtomicU64>) {
    let mut own = 0;
    // ORDERING: Relaxed: a counter, orders nothing.
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        limiter.acquire().await;
        own += 1;
    }
    granted.fetch_add(own, Ordering::Relaxed);
}

/// Runs `work`. Breaks it off, by leaving nothing to be asked for, if it takes longer than that.
fn until_over(patience: Duration, left: Arc<AtomicU64>, work: impl FnOnce()) -> ControlFlow<()> {
    let (end, ended) = channel::<()>();
    let watch = thread::spawn(move || {
        if ended.recv_timeout(patience) != Err(RecvTimeoutError::Timeout) {
            return ControlFlow::Continue(());
        }
        // ORDERING: Relaxed: a counter, orders nothing.
        left.store(0, Ordering::Relaxed);
        ControlFlow::Break(())
    });
    work();
    drop(end);
    watch.join().expect("a thread that does not panic")
}

/// Whether many who come at once are served in time, and in order.
fn queued() -> Row {
    const RATE: u32 = 10_000;
    let row = Row::new(SUBJECT, "10,000 waiters at once at 10,000/s, wall time", |_: Scale| {
        vec![
            line::<mtaio_tokio::RateLimiter>(Ours, "mtaio", RATE),
            line::<Governor>(Peer, "governor", RATE),
            line::<LeakyBucket>(Peer, "leaky-bucket", RATE),
        ]
    });
    let row = row.unit(Unit::Times(f64::from(RATE))).fixed(u64::from(RATE), 3);
    row.goal(Against::Itself, Bound::AtMost(1.02))
}

fn line<P: Rate>(role: Role, name: &'static str, rate: u32) -> Contender {
    Contender::timed(role, name, move |count| {
        let (order, took) = serve::<P>(rate, count);
        assert!(role != Ours || order.is_sorted(), "somebody was overtaken");
        took
    })
}

/// Lets so many and one, which is the burst, wait at once. Returns in which order they were served, and how long that took.
pub(super) fn serve<P: Rate>(rate: u32, count: u64) -> (Vec<u64>, Duration) {
    let order = Arc::new(Mutex::new(Vec::with_capacity(count as usize + 1)));
    let begun = Arc::new(OnceLock::new());
    let host = Host::new(Kind::CurrentThread);
    host.block_on(async {
        let limiter = P::with(rate, 1);
        let task = |number| {
            let (limiter, order, begun) = (limiter.clone(), Arc::clone(&order), Arc::clone(&begun));
            async move {
                begun.get_or_init(Instant::now);
                limiter.acquire().await;
                order.lock().expect("nobody panics").push(number);
            }
        };
        host.join((0..=count).map(task)).await;
    });
    let took = begun.get().expect("somebody came").elapsed();
    let order = core::mem::take(&mut *order.lock().expect("nobody panics"));
    assert_eq!(order.len() as u64, count + 1);
    (order, took)
}
