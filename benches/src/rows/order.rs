//! Whether those who came first are served first.

use alloc::sync::Arc;
use std::sync::Mutex;

use super::waiting::serve;
use crate::by_hand::Yield;
use crate::host::{Host, Kind};
use crate::peers::{Rate, Slots, keep};
use crate::row::Role::{self, Ours, Peer};
use crate::row::{Against, Bound, Contender, Row, Scale, Unit};

const SUBJECT: &str = "order";

pub(super) fn rows() -> Vec<Row> {
    let row = |work, contenders: fn(Scale) -> Vec<Contender>| {
        let row = Row::new(SUBJECT, work, contenders).unit(Unit::Steps).fixed(1, 3);
        row.goal(Against::Itself, Bound::AtMost(0.0))
    };
    vec![
        row("2,000 waiters for a rate of 10,000/s, steps out of order", rates),
        row("2,000 waiters for one permit, steps out of order", semaphores),
    ]
}

fn waiters(scale: Scale) -> u64 {
    scale.pick(200, 2_000)
}

/// How often somebody is served who did not come next.
fn steps(order: &[u64]) -> f64 {
    let steps = order.windows(2).filter(|pair| pair[0] + 1 != pair[1]);
    steps.count() as f64
}

fn rates(scale: Scale) -> Vec<Contender> {
    let count = waiters(scale);
    vec![
        rate::<mtaio_tokio::RateLimiter>(Ours, "mtaio", count),
        rate::<Arc<leaky_bucket::RateLimiter>>(Peer, "leaky-bucket", count),
        rate::<Arc<governor::DefaultDirectRateLimiter>>(Peer, "governor", count),
    ]
}

fn rate<P: Rate>(role: Role, name: &'static str, count: u64) -> Contender {
    Contender::counted(role, name, move || steps(&serve::<P>(10_000, count).0))
}

fn semaphores(scale: Scale) -> Vec<Contender> {
    let count = waiters(scale);
    vec![
        semaphore::<mtaio_tokio::Semaphore>(Ours, "mtaio", count),
        semaphore::<tokio::sync::Semaphore>(Peer, "tokio", count),
        semaphore::<futures_intrusive::sync::Semaphore>(Peer, "futures-intrusive", count),
        semaphore::<maitake_sync::Semaphore>(Peer, "maitake-sync", count),
        semaphore::<async_lock::Semaphore>(Peer, "async-lock", count),
    ]
}

fn semaphore<S: Slots>(role: Role, name: &'static str, count: u64) -> Contender {
    Contender::counted(role, name, move || {
        let (slots, host) = (keep(S::with(1)), Host::new(Kind::CurrentThread));
        let order = Arc::new(Mutex::new(Vec::new()));
        let task = |number| {
            let order = Arc::clone(&order);
            async move {
                let got = slots.acquire().await;
                order.lock().expect("nobody panics").push(number);
                Yield::default().await;
                drop(got);
            }
        };
        host.block_on(host.join((0..count).map(task)));
        let order = order.lock().expect("nobody panics");
        assert_eq!(order.len() as u64, count);
        steps(&order)
    })
}
