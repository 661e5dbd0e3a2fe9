//! Semaphores that have permits to give.

use alloc::sync::Arc;
use core::hint::black_box;

use futures_intrusive::sync::SharedSemaphore;

use crate::by_hand::once;
use crate::floor::TwoRmws;
use crate::peers::keep;
use crate::row::Role::{Floor, Ours, Peer};
use crate::row::{Against, Bound, Contender, Row, Scale};

const SUBJECT: &str = "semaphore";
const PERMITS: usize = 8;

pub(super) fn rows() -> Vec<Row> {
    let row = |work, contenders: fn(Scale) -> Vec<Contender>, most| {
        let row = Row::new(SUBJECT, work, contenders);
        row.goal(Against::Peer, Bound::AtMost(most)).goal(Against::Floor, Bound::AtMost(1.35))
    };
    vec![
        row("try and drop", attempts, 0.6),
        row("acquire and drop", waits, 0.6),
        row("owned acquire and drop", owned, 0.8),
        row("acquire 8 and drop", many, 0.6),
    ]
}

fn mtaio() -> &'static mtaio_tokio::Semaphore {
    keep(mtaio_tokio::Semaphore::new(PERMITS))
}

fn tokio() -> &'static tokio::sync::Semaphore {
    keep(tokio::sync::Semaphore::new(PERMITS))
}

fn async_lock() -> &'static async_lock::Semaphore {
    keep(async_lock::Semaphore::new(PERMITS))
}

fn futures_intrusive() -> &'static futures_intrusive::sync::Semaphore {
    keep(futures_intrusive::sync::Semaphore::new(true, PERMITS))
}

fn maitake_sync() -> &'static maitake_sync::Semaphore {
    keep(maitake_sync::Semaphore::new(PERMITS))
}

fn floor() -> Contender {
    let floor = TwoRmws::default();
    Contender::steps(Floor, "two RMWs", move || floor.step())
}

fn attempts(_: Scale) -> Vec<Contender> {
    let (ours, tokio, async_lock, intrusive, maitake) =
        (mtaio(), tokio(), async_lock(), futures_intrusive(), maitake_sync());
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(black_box(ours).try_acquire().is_ok())),
        Contender::steps(Peer, "tokio", move || assert!(black_box(tokio).try_acquire().is_ok())),
        Contender::steps(Peer, "async-lock", move || assert!(black_box(async_lock).try_acquire().is_some())),
        Contender::steps(Peer, "futures-intrusive", move || assert!(black_box(intrusive).try_acquire(1).is_some())),
        Contender::steps(Peer, "maitake-sync", move || assert!(black_box(maitake).try_acquire(1).is_ok())),
        floor(),
    ]
}

fn waits(_: Scale) -> Vec<Contender> {
    let (ours, tokio, async_lock, intrusive, maitake) =
        (mtaio(), tokio(), async_lock(), futures_intrusive(), maitake_sync());
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(once(black_box(ours).acquire()).is_ok())),
        Contender::steps(Peer, "tokio", move || assert!(once(black_box(tokio).acquire()).is_ok())),
        Contender::steps(Peer, "async-lock", move || drop(once(black_box(async_lock).acquire()))),
        Contender::steps(Peer, "futures-intrusive", move || drop(once(black_box(intrusive).acquire(1)))),
        Contender::steps(Peer, "maitake-sync", move || assert!(once(black_box(maitake).acquire(1)).is_ok())),
        floor(),
    ]
}

fn owned(_: Scale) -> Vec<Contender> {
    let ours = Arc::new(mtaio_tokio::Semaphore::new(PERMITS));
    let tokio = Arc::new(tokio::sync::Semaphore::new(PERMITS));
    let async_lock = Arc::new(async_lock::Semaphore::new(PERMITS));
    let intrusive = SharedSemaphore::new(true, PERMITS);
    let maitake = Arc::new(maitake_sync::Semaphore::new(PERMITS));
    let floor = Arc::new(TwoRmws::default());
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(once(black_box(&ours).acquire_owned()).is_ok())),
        Contender::steps(Peer, "tokio", move || assert!(once(Arc::clone(black_box(&tokio)).acquire_owned()).is_ok())),
        Contender::steps(Peer, "async-lock", move || drop(once(black_box(&async_lock).acquire_arc()))),
        Contender::steps(Peer, "futures-intrusive", move || drop(once(black_box(&intrusive).acquire(1)))),
        Contender::steps(Peer, "maitake-sync", move || assert!(once(black_box(&maitake).acquire_owned(1)).is_ok())),
        Contender::steps(Floor, "two RMWs and an Arc", move || Arc::clone(black_box(&floor)).step()),
    ]
}

fn many(_: Scale) -> Vec<Contender> {
    let (ours, tokio, intrusive, maitake) = (mtaio(), tokio(), futures_intrusive(), maitake_sync());
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(once(black_box(ours).acquire_many(8)).is_ok())),
        Contender::steps(Peer, "tokio", move || assert!(once(black_box(tokio).acquire_many(8)).is_ok())),
        Contender::steps(Peer, "futures-intrusive", move || drop(once(black_box(intrusive).acquire(8)))),
        Contender::steps(Peer, "maitake-sync", move || assert!(once(black_box(maitake).acquire(8)).is_ok())),
        floor(),
    ]
}
