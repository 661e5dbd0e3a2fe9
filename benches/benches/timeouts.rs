//! Timeouts beside tokio's: around what is ready, around what yields once, and many that are pending at once.
//!
//! `cargo bench -p mtaio-benches --bench timeouts`; a word behind it runs the benches whose names contain it.

#![allow(missing_docs, reason = "criterion's macros declare functions without documentation")]

use core::future::{Future, pending, ready};
use core::hint::black_box;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use mtaio_tokio::TimeoutManager;
use pin_project_lite::pin_project;

const LIMIT: Duration = Duration::from_secs(30);
const MANY: usize = 100_000;

/// Is ready at its second poll.
struct YieldOnce(bool);

impl Future for YieldOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if core::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn once<F: Future>(future: F) {
    assert!(poll(pin!(future)).is_ready());
}

fn twice<F: Future>(future: F) {
    let mut future = pin!(future);
    assert!(poll(future.as_mut()).is_pending());
    assert!(poll(future).is_ready());
}

/// A runtime whose own threads keep its timers, entered on this one.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
}

fn around_one_future(c: &mut Criterion) {
    let runtime = runtime();
    let _entered = runtime.enter();
    let tm = TimeoutManager::new(LIMIT);
    let mut group = c.benchmark_group("timeout, ready");
    group.bench_function("mtaio", |b| b.iter(|| once(tm.run(ready(black_box(1))))));
    group.bench_function("tokio", |b| b.iter(|| once(tokio::time::timeout(LIMIT, ready(black_box(1))))));
    group.finish();
    let mut group = c.benchmark_group("timeout, one yield");
    group.bench_function("mtaio", |b| b.iter(|| twice(tm.run(YieldOnce(false)))));
    group.bench_function("mtaio, another duration", |b| b.iter(|| twice(tm.run_within(LIMIT / 2, YieldOnce(false)))));
    group.bench_function("tokio", |b| b.iter(|| twice(tokio::time::timeout(LIMIT, YieldOnce(false)))));
    group.finish();
}

pin_project! {
    /// A place for a future, so that making one allocates nothing.
    struct Slot<F> {
        #[pin]
        future: Option<F>,
    }
}

/// How long it takes to make many futures pending, and to drop them in an order that looks random.
fn create_and_drop<F: Future>(rounds: u64, make: impl Fn(usize) -> F) -> (Duration, Duration) {
    let mut slots: Vec<_> = (0..MANY).map(|_| Box::pin(Slot { future: None })).collect();
    let (mut create, mut cancel) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        let start = Instant::now();
        for (number, slot) in slots.iter_mut().enumerate() {
            let mut future = slot.as_mut().project().future;
            future.set(Some(make(number)));
            assert!(future.as_pin_mut().is_some_and(|future| poll(future).is_pending()));
        }
        create += start.elapsed();
        let start = Instant::now();
        for number in 0..MANY {
            // A prime that does not divide their number visits each of them.
            slots[number * 7919 % MANY].as_mut().project().future.set(None);
        }
        cancel += start.elapsed();
    }
    (create, cancel)
}

fn many_pending(c: &mut Criterion) {
    let runtime = runtime();
    let _entered = runtime.enter();
    let tm = TimeoutManager::new(LIMIT);
    let mixed = |number: usize| Duration::from_millis(1_000 + (number as u64 * 7_919) % 60_000);
    let ours = |_| tm.run(pending::<()>());
    let peer = |_| tokio::time::timeout(LIMIT, pending::<()>());
    let ours_mixed = |number| tm.run_within(mixed(number), pending::<()>());
    let peer_mixed = |number| tokio::time::timeout(mixed(number), pending::<()>());
    let mut group = c.benchmark_group("100,000 timeouts pending");
    group.sample_size(10);
    group.bench_function("equal, create, mtaio", |b| b.iter_custom(|n| create_and_drop(n, ours).0));
    group.bench_function("equal, create, tokio", |b| b.iter_custom(|n| create_and_drop(n, peer).0));
    group.bench_function("equal, drop, mtaio", |b| b.iter_custom(|n| create_and_drop(n, ours).1));
    group.bench_function("equal, drop, tokio", |b| b.iter_custom(|n| create_and_drop(n, peer).1));
    group.bench_function("mixed, create, mtaio", |b| b.iter_custom(|n| create_and_drop(n, ours_mixed).0));
    group.bench_function("mixed, create, tokio", |b| b.iter_custom(|n| create_and_drop(n, peer_mixed).0));
    group.bench_function("mixed, drop, mtaio", |b| b.iter_custom(|n| create_and_drop(n, ours_mixed).1));
    group.bench_function("mixed, drop, tokio", |b| b.iter_custom(|n| create_and_drop(n, peer_mixed).1));
    group.finish();
}

criterion_group!(benches, around_one_future, many_pending);
criterion_main!(benches);
