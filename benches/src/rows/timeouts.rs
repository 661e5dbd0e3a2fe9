//! Timeouts around what is ready, around what yields once, and many that are pending at once.

use alloc::sync::Arc;
use core::future::{Future, pending, ready};
use core::hint::black_box;
use core::time::Duration;

use mtaio_tokio::TimeoutManager;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::queue::many;
use crate::by_hand::{Yield, once, twice};
use crate::crowd::Crowd;
use crate::host;
use crate::peers::keep;
use crate::row::Role::{self, Floor, Ours, Peer};
use crate::row::{Against, Bound, Contender, Row, Scale, time};

const SUBJECT: &str = "timeout";
const LIMIT: Duration = Duration::from_secs(30);

/// What is measured of those that are pending.
#[derive(Clone, Copy)]
enum Phase {
    Create,
    Drop,
}

pub(super) fn rows() -> Vec<Row> {
    let tokio = |row: Row, most| row.goal(Against::One("tokio"), Bound::AtMost(most));
    let pending = |work, mixed, phase| {
        let row = Row::new(SUBJECT, work, move |scale| pending_at_once(many(scale), mixed, phase));
        row.fixed(1, 21).each(many(Scale::Full) as u64)
    };
    vec![
        tokio(Row::new(SUBJECT, "around a future that is ready", around_ready), 0.1),
        tokio(Row::new(SUBJECT, "around a future that yields once", around_yield), 0.6),
        tokio(pending("100,000 pending, create", false, Phase::Create), 0.5),
        tokio(pending("100,000 pending, drop", false, Phase::Drop), 0.8),
        pending("100,000 of many lengths, create", true, Phase::Create),
        pending("100,000 of many lengths, drop", true, Phase::Drop),
    ]
}

/// A runtime whose own thread keeps its timers, entered by those who poll by hand.
fn runtime() -> Arc<Runtime> {
    Arc::new(host::tokio(1))
}

/// The future, or its end after that time; the timer is made where it has to wait.
fn with_async_io<F: Future>(future: F) -> impl Future<Output = Option<F::Output>> {
    let end = async {
        async_io::Timer::after(LIMIT).await;
        None
    };
    smol::future::or(async { Some(future.await) }, end)
}

/// Does `step` in the context of the runtime.
fn entered(role: Role, name: &'static str, runtime: &Arc<Runtime>, step: impl Fn() + 'static) -> Contender {
    let runtime = Arc::clone(runtime);
    Contender::timed(role, name, move |count| {
        let _entered = runtime.enter();
        time(|| (0..count).for_each(|_| step()))
    })
}

fn around_ready(_: Scale) -> Vec<Contender> {
    let (runtime, tm) = (runtime(), TimeoutManager::new(LIMIT));
    vec![
        entered(Ours, "mtaio", &runtime, move || assert!(once(tm.run(ready(black_box(1)))).is_ok())),
        entered(Peer, "tokio", &runtime, || assert!(once(timeout(LIMIT, ready(black_box(1)))).is_ok())),
        entered(Peer, "async-io", &runtime, || assert!(once(with_async_io(ready(black_box(1)))).is_some())),
        entered(Floor, "no timeout", &runtime, || assert!(once(ready(black_box(1))) == 1)),
    ]
}

fn around_yield(_: Scale) -> Vec<Contender> {
    let (runtime, tm) = (runtime(), TimeoutManager::new(LIMIT));
    vec![
        entered(Ours, "mtaio", &runtime, move || assert!(twice(tm.run(Yield::default())).is_ok())),
        entered(Peer, "tokio", &runtime, || assert!(twice(timeout(LIMIT, Yield::default())).is_ok())),
        entered(Peer, "async-io", &runtime, || assert!(twice(with_async_io(Yield::default())).is_some())),
        entered(Floor, "bare yield", &runtime, || twice(black_box(Yield::default()))),
    ]
}

/// A length that looks random.
fn mixed_length(number: usize) -> Duration {
    Duration::from_millis(1_000 + (number as u64 * 7_919) % 60_000)
}

fn pending_at_once(many: usize, mixed: bool, phase: Phase) -> Vec<Contender> {
    let (runtime, tm) = (runtime(), keep(TimeoutManager::new(LIMIT)));
    let length = move |number| if mixed { mixed_length(number) } else { LIMIT };
    let ours = move |number| match mixed {
        true => tm.run_within(mixed_length(number), pending::<()>()),
        false => tm.run(pending()),
    };
    let made = [
        crowd(Ours, "mtaio", &runtime, many, phase, ours),
        crowd(Peer, "tokio", &runtime, many, phase, move |n| timeout(length(n), pending::<()>())),
        crowd(Floor, "no timeout", &runtime, many, phase, |_| pending::<()>()),
    ];
    made.into_iter().collect()
}

fn crowd<F: Future + 'static>(
    role: Role,
    name: &'static str,
    runtime: &Arc<Runtime>,
    many: usize,
    phase: Phase,
    make: impl Fn(usize) -> F + 'static,
) -> Contender {
    let (runtime, mut crowd) = (Arc::clone(runtime), Crowd::new(many));
    Contender::timed(role, name, move |count| {
        let _entered = runtime.enter();
        let mut took = Duration::ZERO;
        for _ in 0..count {
            let create = time(|| crowd.come(&make));
            let cancel = time(|| crowd.leave());
            took += match phase {
                Phase::Create => create,
                Phase::Drop => cancel,
            };
        }
        took
    })
}
