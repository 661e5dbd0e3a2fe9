//! Many who wait for a semaphore at once.

use core::task::Waker;
use core::time::Duration;

use crate::by_hand::once;
use crate::crowd::{Crowd, scattered};
use crate::peers::{Slots, keep};
use crate::row::Role::{self, Floor, Ours, Peer};
use crate::row::{Against, Bound, Contender, Row, Scale, time};

const SUBJECT: &str = "queue";

/// What is measured of those who wait.
#[derive(Clone, Copy)]
enum Phase {
    Enqueue,
    Grant,
    Cancel,
}

pub(super) fn rows() -> Vec<Row> {
    let row = |work, phase| {
        let row = Row::new(SUBJECT, work, move |scale| contenders(scale, phase));
        row.fixed(1, 21).each(many(Scale::Full) as u64).goal(Against::One("futures-intrusive"), Bound::AtMost(1.0))
    };
    vec![
        row("100,000 waiters, enqueue", Phase::Enqueue),
        row("100,000 waiters, grant", Phase::Grant),
        row("100,000 waiters, cancel", Phase::Cancel),
    ]
}

pub(super) fn many(scale: Scale) -> usize {
    scale.pick(1_000, 100_000)
}

fn contenders(scale: Scale, phase: Phase) -> Vec<Contender> {
    let many = many(scale);
    vec![
        queue::<mtaio_tokio::Semaphore>(Ours, "mtaio", many, phase),
        queue::<futures_intrusive::sync::Semaphore>(Peer, "futures-intrusive", many, phase),
        queue::<tokio::sync::Semaphore>(Peer, "tokio", many, phase),
        queue::<maitake_sync::Semaphore>(Peer, "maitake-sync", many, phase),
        queue::<async_lock::Semaphore>(Peer, "async-lock", many, phase),
        wakers(many, phase),
    ]
}

fn queue<S: Slots>(role: Role, name: &'static str, many: usize, phase: Phase) -> Contender {
    let slots = keep(S::with(0));
    let (mut crowd, mut got) = (Crowd::new(many), Vec::with_capacity(many));
    Contender::timed(role, name, move |count| {
        let mut took = Duration::ZERO;
        for _ in 0..count {
            let enqueue = time(|| crowd.come(|_| slots.acquire()));
            let rest = match phase {
                Phase::Enqueue | Phase::Cancel => time(|| crowd.leave()),
                Phase::Grant => time(|| {
                    slots.add(many);
                    crowd.collect(|permit| got.push(permit));
                }),
            };
            took += if let Phase::Enqueue = phase { enqueue } else { rest };
            assert_eq!(got.len(), if let Phase::Grant = phase { many } else { 0 });
            got.drain(..).for_each(S::forget);
            // Nobody is left in line, and no permit.
            assert!(!slots.can_take());
            slots.add(1);
            S::forget(once(slots.acquire()));
        }
        took
    })
}

/// Stores a waker for each, wakes all in order, or drops them in the order in which waiters leave.
fn wakers(many: usize, phase: Phase) -> Contender {
    let mut places: Vec<Box<Option<Waker>>> = (0..many).map(|_| Box::new(None)).collect();
    Contender::timed(Floor, "a waker each", move |count| {
        let mut took = Duration::ZERO;
        for _ in 0..count {
            let enqueue = time(|| places.iter_mut().for_each(|place| **place = Some(Waker::noop().clone())));
            let rest = match phase {
                Phase::Grant => time(|| places.iter_mut().for_each(|place| place.take().expect("a waker").wake())),
                Phase::Enqueue | Phase::Cancel => time(|| (0..many).for_each(|n| *places[scattered(n, many)] = None)),
            };
            took += if let Phase::Enqueue = phase { enqueue } else { rest };
            assert!(places.iter().all(|place| place.is_none()));
        }
        took
    })
}
