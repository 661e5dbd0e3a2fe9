//! Semaphores that tasks wait for.

use alloc::sync::Arc;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::time::Instant;

use crate::by_hand::{Bell, Yield, once};
use crate::host::{Host, Kind};
use crate::peers::{Slots, keep};
use crate::row::Role::{self, Beside, Floor, Ours, Peer};
use crate::row::{Against, Bound, Contender, Row, Scale, time};

const SUBJECT: &str = "tasks";
const TASKS: u64 = 64;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new(SUBJECT, "hand over a permit, one thread", hand_over)
            .goal(Against::One("futures-intrusive"), Bound::AtMost(1.0)),
    ];
    for permits in [1, 4, 16] {
        let plural = if permits == 1 { "" } else { "s" };
        let work = format!("{TASKS} tasks on {permits} permit{plural}, one thread");
        let row = Row::new(SUBJECT, work, move |_| crowds(permits)).filled(1);
        rows.push(row.goal(Against::Peer, Bound::AtMost(1.0)));
    }
    rows
}

fn crowds(permits: usize) -> Vec<Contender> {
    vec![
        crowd::<mtaio_tokio::Semaphore>(Ours, "mtaio", permits),
        crowd::<tokio::sync::Semaphore>(Peer, "tokio", permits),
        crowd::<futures_intrusive::sync::Semaphore>(Peer, "futures-intrusive", permits),
        crowd::<maitake_sync::Semaphore>(Peer, "maitake-sync", permits),
        // Not first come, first served.
        crowd::<async_lock::Semaphore>(Beside, "async-lock", permits),
        yields(),
    ]
}

/// Runs the same in many tasks, each of which does its part of `count`.
fn in_tasks<F>(host: &Host, count: u64, make: impl Fn(u64) -> F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let each = count.div_ceil(TASKS);
    let took = time(|| host.block_on(host.join((0..TASKS).map(|_| make(each)))));
    took.mul_f64(count as f64 / (each * TASKS) as f64)
}

/// Each task holds a permit while the others go first.
fn crowd<S: Slots>(role: Role, name: &'static str, permits: usize) -> Contender {
    let (slots, host) = (keep(S::with(permits)), Host::new(Kind::CurrentThread));
    let turns = keep(AtomicU64::new(0));
    Contender::timed(role, name, move |count| {
        // ORDERING: Relaxed, here and below: everything happens on one thread.
        turns.store(0, Ordering::Relaxed);
        let took = in_tasks(&host, count, |each| async move {
            for _ in 0..each {
                let got = slots.acquire().await;
                Yield::default().await;
                turns.fetch_add(1, Ordering::Relaxed);
                drop(got);
            }
        });
        assert_eq!(turns.load(Ordering::Relaxed), count.div_ceil(TASKS) * TASKS);
        assert!(slots.can_take(), "a permit is missing");
        took
    })
}

/// Whoever waits is polled twice for each permit: when it has it, and when it goes on.
fn yields() -> Contender {
    let host = Host::new(Kind::CurrentThread);
    Contender::timed(Floor, "two bare yields", move |count| {
        in_tasks(&host, count, |each| async move {
            for _ in 0..2 * each {
                Yield::default().await;
            }
        })
    })
}

fn hand_over(_: Scale) -> Vec<Contender> {
    vec![
        relay::<mtaio_tokio::Semaphore>(Ours, "mtaio"),
        relay::<futures_intrusive::sync::Semaphore>(Peer, "futures-intrusive"),
        relay::<tokio::sync::Semaphore>(Peer, "tokio"),
        relay::<maitake_sync::Semaphore>(Peer, "maitake-sync"),
        relay::<async_lock::Semaphore>(Peer, "async-lock"),
        wakes(),
    ]
}

/// One holds the permit, the next queues, the first returns it, and the next has it.
fn relay<S: Slots>(role: Role, name: &'static str) -> Contender {
    let slots = keep(S::with(1));
    Contender::timed(role, name, move |count| {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let mut context = Context::from_waker(&waker);
        let mut held = once(slots.acquire());
        let start = Instant::now();
        for _ in 0..count {
            let mut next = pin!(slots.acquire());
            assert!(next.as_mut().poll(&mut context).is_pending());
            drop(held);
            held = match next.poll(&mut context) {
                Poll::Ready(got) => got,
                Poll::Pending => panic!("the permit was not handed over"),
            };
        }
        let took = start.elapsed();
        assert_eq!(bell.rung(), count);
        took
    })
}

fn wakes() -> Contender {
    Contender::timed(Floor, "clone a waker and wake", |count| {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let took = time(|| {
            for _ in 0..count {
                let waker = core::hint::black_box(&waker).clone();
                waker.wake();
            }
        });
        assert_eq!(bell.rung(), count);
        took
    })
}
