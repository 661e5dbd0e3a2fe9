//! What waiting takes in memory.

use core::future::{Future, pending};

use crate::by_hand::Yield;
use crate::heap;
use crate::host::{Host, Kind};
use crate::limiters::{self, HOUR};
use crate::peers::{Slots, keep};
use crate::row::Role::{self, Beside, Floor, Ours, Peer};
use crate::row::{Against, Bound, Contender, Row, Scale, Unit};

const SUBJECT: &str = "size";

pub(super) fn rows() -> Vec<Row> {
    let row = |work, contenders: fn(Scale) -> Vec<Contender>, most| {
        let row = Row::new(SUBJECT, work, contenders).unit(Unit::Bytes).fixed(1, 1);
        row.goal(Against::Itself, Bound::AtMost(most))
    };
    vec![
        row("future of a semaphore's acquire", semaphore_futures, 64.0),
        row("future of a rate limiter's acquire", rate_futures, 72.0),
        row("heap of a task that waits for a rate (tokio)", waiting_for_rates, 266.0),
        row("heap of a task that waits for a permit (tokio)", waiting_for_permits, 266.0),
    ]
}

fn size<F>(role: Role, name: &'static str, make: impl Fn() -> F + 'static) -> Contender {
    Contender::counted(role, name, move || size_of_val(&make()) as f64)
}

fn semaphore<S: Slots>() -> &'static S {
    keep(S::with(0))
}

fn semaphore_futures(_: Scale) -> Vec<Contender> {
    vec![
        size(Ours, "mtaio", || semaphore::<mtaio_tokio::Semaphore>().acquire()),
        size(Peer, "futures-intrusive", || Slots::acquire(semaphore::<futures_intrusive::sync::Semaphore>())),
        size(Peer, "tokio", || semaphore::<tokio::sync::Semaphore>().acquire()),
        size(Peer, "maitake-sync", || Slots::acquire(semaphore::<maitake_sync::Semaphore>())),
        // It allocates when it has to wait.
        size(Beside, "async-lock", || semaphore::<async_lock::Semaphore>().acquire()),
    ]
}

fn mtaio() -> &'static mtaio_tokio::RateLimiter {
    keep(limiters::empty())
}

fn governor() -> &'static governor::DefaultDirectRateLimiter {
    keep(limiters::empty_governor())
}

fn leaky_bucket() -> &'static leaky_bucket::RateLimiter {
    keep(limiters::empty_leaky_bucket())
}

fn rate_futures(_: Scale) -> Vec<Contender> {
    vec![
        size(Ours, "mtaio", || mtaio().acquire()),
        size(Peer, "governor", || governor().until_ready()),
        size(Peer, "leaky-bucket", || leaky_bucket().acquire_one()),
    ]
}

fn tasks(scale: Scale) -> usize {
    scale.pick(500, 10_000)
}

/// How much memory a task takes that waits for ever, on average of many. One of ours allocates nothing but itself.
fn waiters<F>(role: Role, name: &'static str, many: usize, make: impl Fn() -> F + 'static) -> Contender
where
    F: Future<Output = ()> + Send + 'static,
{
    Contender::counted(role, name, move || {
        let host = Host::new(Kind::CurrentThread);
        // The runtime grows its queues first.
        host.block_on(host.join((0..many).map(|_| Yield::default())));
        let ((), growth) = heap::count(|| {
            host.block_on(async {
                (0..many).for_each(|_| drop(tokio::spawn(make())));
                // Spawned last, and so polled when all the others have been.
                tokio::spawn(Yield::default()).await.expect("a task that does not panic");
            });
        });
        // The limiter itself and its timer take a few.
        assert!(role != Ours || growth.blocks <= many as i64 + 16, "{} allocations for {many}", growth.blocks);
        growth.bytes as f64 / many as f64
    })
}

fn waiting_for_rates(scale: Scale) -> Vec<Contender> {
    let many = tasks(scale);
    let (ours, governor, leaky) = (mtaio(), governor(), leaky_bucket());
    vec![
        waiters(Ours, "mtaio", many, move || async { ours.acquire().await.expect("nobody closes it") }),
        waiters(Peer, "governor", many, move || async { governor.until_ready().await }),
        waiters(Peer, "leaky-bucket", many, move || async { leaky.acquire_one().await }),
        waiters(Beside, "a sleep of tokio", many, || async { tokio::time::sleep(HOUR).await }),
        waiters(Floor, "a task", many, pending),
    ]
}

fn waiting_for_permits(scale: Scale) -> Vec<Contender> {
    fn waiting<S: Slots>(role: Role, name: &'static str, many: usize) -> Contender {
        let slots = semaphore::<S>();
        waiters(role, name, many, move || async { drop(slots.acquire().await) })
    }
    let many = tasks(scale);
    vec![
        waiting::<mtaio_tokio::Semaphore>(Ours, "mtaio", many),
        waiting::<tokio::sync::Semaphore>(Peer, "tokio", many),
        waiting::<futures_intrusive::sync::Semaphore>(Peer, "futures-intrusive", many),
        waiting::<maitake_sync::Semaphore>(Peer, "maitake-sync", many),
        waiting::<async_lock::Semaphore>(Peer, "async-lock", many),
        waiters(Floor, "a task", many, pending),
    ]
}
