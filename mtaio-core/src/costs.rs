//! What each hot path does: loads, stores, operations that read and write at once, locks, and readings of the clock.
//!
//! `docs/performance.md` promises these numbers, and a test here reads them there. Arithmetic and what futures keep for themselves are
//! not counted, nor are the counters of an `Arc`, nor what a lock, a waker or an alarm does inside.

mod still;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::{Future, pending, ready};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::limit::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimiter};
use crate::primitive::counted::{Counts, counts_of};
use crate::sync::Semaphore;
use crate::timeout::TimeoutManager;
use still::{Still, advance, readings_of, ring};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
const SECOND: Duration = Duration::from_secs(1);

/// What an operation does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Costs {
    counts: Counts,
    readings: u64,
}

impl Costs {
    /// Words that others have to fetch again, locks included.
    fn writes(self) -> u64 {
        self.counts.stores + self.counts.swaps + self.counts.locks
    }
}

fn costs_of<T>(job: impl FnOnce() -> T) -> Costs {
    let ((result, counts), readings) = readings_of(|| counts_of(job));
    drop(result);
    Costs { counts, readings }
}

fn poll<F: Future>(future: core::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn once<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it has to wait"),
    }
}

/// Is ready at its second poll.
fn one_yield() -> impl Future<Output = ()> {
    let mut yielded = false;
    core::future::poll_fn(move |_| if core::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending })
}

/// One that has cells, and one that has none for a second, and no alarm yet.
fn rates() -> [RateLimiter<Still>; 2] {
    let full = RateLimiter::with_runtime(Quota::per_second(1).burst(100), Still);
    [full, RateLimiter::builder(Quota::per_second(1).burst(100)).initial(0).build_on(Still)]
}

fn rate() -> Vec<(&'static str, Costs)> {
    let [full, empty] = rates();
    // The first one who waits sets the alarm.
    let mut front = pin!(empty.acquire());
    let refused = costs_of(|| empty.try_acquire().unwrap_err());
    assert!(poll(front.as_mut()).is_pending());
    let (mut second, mut third) = (pin!(empty.acquire()), pin!(Some(empty.acquire())));
    let joins = costs_of(|| assert!(poll(second.as_mut()).is_pending()));
    assert!(poll(third.as_mut().as_pin_mut().unwrap()).is_pending());
    let queued = costs_of(|| empty.try_acquire().unwrap_err());
    let leaves = costs_of(|| third.set(None));
    advance(SECOND);
    let grants = costs_of(ring);
    let collects = costs_of(|| assert!(poll(front).is_ready()));
    alloc::vec![
        ("rate: `try_acquire`, allowed", costs_of(|| full.try_acquire().unwrap())),
        ("rate: `try_acquire`, refused", refused),
        ("rate: `try_acquire`, refused because others wait", queued),
        ("rate: `acquire`, ready", costs_of(|| once(full.acquire()).unwrap())),
        ("rate: `acquire_many(8)`, ready", costs_of(|| once(full.acquire_many(8)).unwrap())),
        ("rate: to join the line", joins),
        ("rate: a tick that serves one", grants),
        ("rate: to take what was granted", collects),
        ("rate: to leave the line", leaves),
    ]
}

fn lease() -> Vec<(&'static str, Costs)> {
    let [full, empty] = rates();
    let (mut lease, mut none) = (full.lease(8), empty.lease(8));
    // Its first batches are one cell, and two.
    lease.try_acquire_many(2).unwrap();
    let fetches = costs_of(|| lease.try_acquire().unwrap());
    assert!(lease.held() > 1);
    let (taken, acquired) = (costs_of(|| lease.try_acquire().unwrap()), costs_of(|| once(lease.acquire()).unwrap()));
    alloc::vec![
        ("lease: `try_acquire`, at hand", taken),
        ("lease: `acquire`, at hand", acquired),
        ("lease: `try_acquire` that fetches a batch", fetches),
        ("lease: `try_acquire`, refused", costs_of(|| none.try_acquire().unwrap_err())),
        ("lease: drop, with cells", costs_of(|| drop(lease))),
    ]
}

fn semaphore() -> Vec<(&'static str, Costs)> {
    let (free, taken) = (Arc::new(Semaphore::new(8)), Semaphore::new(0));
    let refused = costs_of(|| taken.try_acquire().unwrap_err());
    let (mut front, mut second) = (pin!(taken.acquire()), pin!(Some(taken.acquire())));
    assert!(poll(front.as_mut()).is_pending());
    let joins = costs_of(|| assert!(poll(second.as_mut().as_pin_mut().unwrap()).is_pending()));
    let queued = costs_of(|| taken.try_acquire().unwrap_err());
    let leaves = costs_of(|| second.set(None));
    let grants = costs_of(|| taken.release(1));
    let mut permit = None;
    let collects = costs_of(|| permit = Some(poll(front)));
    alloc::vec![
        ("semaphore: `try_acquire` and drop", costs_of(|| drop(free.try_acquire().unwrap()))),
        ("semaphore: `try_acquire`, refused", refused),
        ("semaphore: `try_acquire`, refused because others wait", queued),
        ("semaphore: `acquire` and drop", costs_of(|| drop(once(free.acquire()).unwrap()))),
        ("semaphore: `acquire_many(8)` and drop", costs_of(|| drop(once(free.acquire_many(8)).unwrap()))),
        ("semaphore: `acquire_owned` and drop", costs_of(|| drop(once(Arc::clone(&free).acquire_owned()).unwrap()))),
        ("semaphore: to join the queue", joins),
        ("semaphore: a permit that returns and serves one", grants),
        ("semaphore: to take what was granted", collects),
        ("semaphore: to leave the queue", leaves),
    ]
}

fn combined() -> Vec<(&'static str, Costs)> {
    let [full, empty] = rates();
    let slots = ConcurrencyLimiter::with_runtime(8, Still);
    let (both, none) = (ResourceLimiter::new(&full, &slots), ResourceLimiter::new(&empty, &slots));
    alloc::vec![
        ("rate and slots: `try_acquire` and drop", costs_of(|| drop(both.try_acquire().unwrap()))),
        ("rate and slots: `try_acquire`, refused by the rate", costs_of(|| none.try_acquire().unwrap_err())),
    ]
}

fn timeouts() -> Vec<(&'static str, Costs)> {
    let tm = TimeoutManager::with_runtime(SECOND, Still);
    // The first one that is pending sets the alarm, and the first one of another duration makes the wheel.
    let mut first = [pin!(tm.run(pending::<()>())), pin!(tm.run_within(2 * SECOND, pending()))];
    first.iter_mut().for_each(|first| assert!(poll(first.as_mut()).is_pending()));
    let (mut equal, mut other) = (pin!(tm.run(one_yield())), pin!(tm.run_within(3 * SECOND, one_yield())));
    alloc::vec![
        ("timeout: around what is ready", costs_of(|| once(tm.run(ready(()))).unwrap())),
        ("timeout: becomes pending", costs_of(|| assert!(poll(equal.as_mut()).is_pending()))),
        ("timeout: ends in time", costs_of(|| assert!(poll(equal).is_ready()))),
        ("timeout: becomes pending, another duration", costs_of(|| assert!(poll(other.as_mut()).is_pending()))),
        ("timeout: ends in time, another duration", costs_of(|| assert!(poll(other).is_ready()))),
        ("scope: around what is ready", costs_of(|| once(tm.scope(ready(()))).unwrap())),
    ]
}

fn row((name, Costs { counts, readings }): &(&str, Costs)) -> String {
    let Counts { loads, stores, swaps, locks } = counts;
    format!("| {name} | {loads} | {swaps} | {stores} | {locks} | {readings} |")
}

#[test]
fn each_path_does_what_the_page_says() {
    let paths = [rate(), lease(), semaphore(), combined(), timeouts()].concat();
    let page = std::fs::read_to_string(PAGE).expect("the page, in the repository");
    let rows: Vec<_> = paths.iter().map(row).collect();
    // Behind the numbers stands what others count.
    let table = page.split("\n## ").find(|section| section.starts_with("What each path does")).expect("the table");
    let on_page = table.lines().filter(|line| paths.iter().any(|(name, _)| line.starts_with(&format!("| {name} |"))));
    let on_page: Vec<_> = on_page.collect();
    assert!(
        on_page.len() == rows.len() && rows.iter().zip(&on_page).all(|(row, line)| line.starts_with(row)),
        "docs/performance.md has\n{}\nand it should be\n{}",
        on_page.join("\n"),
        rows.join("\n")
    );
}

#[test]
fn a_refusal_where_nobody_waits_writes_nothing() {
    let [_, empty] = rates();
    let both = ResourceLimiter::builder().rate(&empty).build().unwrap();
    let taken = Semaphore::new(0);
    for costs in [
        costs_of(|| empty.try_acquire().unwrap_err()),
        costs_of(|| empty.try_acquire_many(7).unwrap_err()),
        costs_of(|| empty.try_acquire_many(101).unwrap_err()),
        costs_of(|| both.try_acquire().unwrap_err()),
        costs_of(|| taken.try_acquire().map(drop).unwrap_err()),
    ] {
        assert_eq!(costs.writes(), 0, "{costs:?}");
    }
}

#[test]
fn who_gets_what_is_free_writes_one_word_once() {
    let [full, _] = rates();
    let semaphore = Semaphore::new(8);
    for costs in [
        costs_of(|| full.try_acquire().unwrap()),
        costs_of(|| once(full.acquire_many(3)).unwrap()),
        costs_of(|| semaphore.try_acquire().unwrap()),
    ] {
        assert_eq!((costs.writes(), costs.counts.swaps), (1, 1), "{costs:?}");
    }
}
