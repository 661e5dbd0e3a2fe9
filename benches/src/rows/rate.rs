//! Rate limiters that have cells to give, or refuse at once.

use core::hint::black_box;
use core::time::Duration;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use mtaio_core::limit::RateLimiter;
use mtaio_core::runtime::Timer;
use mtaio_smol::SmolRuntime;
use mtaio_tokio::TokioRuntime;

use crate::by_hand::once;
use crate::floor::ClockAndCas;
use crate::limiters::{self, HOUR, PLENTY};
use crate::peers::keep;
use crate::row::Role::{Floor, Ours, Peer};
use crate::row::{Against, Bound, Contender, Row, Scale};

const SUBJECT: &str = "rate";

pub(super) fn rows() -> Vec<Row> {
    let as_governor = |row: Row, most| row.goal(Against::Peer, Bound::AtMost(most));
    vec![
        as_governor(Row::new(SUBJECT, "try, allowed (tokio)", allowed::<TokioRuntime>), 1.03),
        as_governor(Row::new(SUBJECT, "try, allowed (smol)", allowed::<SmolRuntime>), 1.03),
        as_governor(Row::new(SUBJECT, "try, refused (tokio)", refused::<TokioRuntime>), 1.03),
        as_governor(Row::new(SUBJECT, "try, refused (smol)", refused::<SmolRuntime>), 1.03),
        as_governor(Row::new(SUBJECT, "acquire, ready at once (tokio)", ready::<TokioRuntime>), 1.0),
        as_governor(Row::new(SUBJECT, "acquire, ready at once (smol)", ready::<SmolRuntime>), 1.0),
        Row::new(SUBJECT, "try, allowed, two threads on one limiter", two_threads),
    ]
}

fn ours<R: Timer + Default>() -> &'static RateLimiter<R> {
    keep(limiters::full())
}

fn governor() -> &'static governor::DefaultDirectRateLimiter {
    keep(limiters::full_governor())
}

fn leaky_bucket() -> &'static leaky_bucket::RateLimiter {
    let plenty = isize::MAX as usize;
    keep(leaky_bucket::RateLimiter::builder().max(plenty).initial(plenty).build())
}

fn ratelimit() -> &'static ratelimit::Ratelimiter {
    let plenty = u64::from(PLENTY);
    let builder = ratelimit::Ratelimiter::builder(plenty).max_tokens(plenty).initial_available(plenty);
    keep(builder.build().expect("a valid limiter"))
}

fn allowed<R: Timer + Default>(_: Scale) -> Vec<Contender> {
    let (ours, governor, leaky, ratelimit, floor) =
        (ours::<R>(), governor(), leaky_bucket(), ratelimit(), ClockAndCas::new());
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(black_box(ours).try_acquire().is_ok())),
        Contender::steps(Peer, "governor", move || assert!(black_box(governor).check().is_ok())),
        Contender::steps(Peer, "leaky-bucket", move || assert!(black_box(leaky).try_acquire(1))),
        Contender::steps(Peer, "ratelimit", move || assert!(black_box(ratelimit).try_wait().is_ok())),
        Contender::steps(Floor, "clock and CAS", move || floor.step()),
    ]
}

fn refused<R: Timer + Default>(_: Scale) -> Vec<Contender> {
    let ours = limiters::empty::<R>();
    let (governor, leaky) = (limiters::empty_governor(), limiters::empty_leaky_bucket());
    let ratelimit = ratelimit::Ratelimiter::builder(1).period(HOUR).build().expect("a valid limiter");
    let floor = ClockAndCas::new();
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(black_box(&ours).try_acquire().is_err())),
        Contender::steps(Peer, "governor", move || assert!(black_box(&governor).check().is_err())),
        Contender::steps(Peer, "leaky-bucket", move || assert!(!black_box(&leaky).try_acquire(1))),
        Contender::steps(Peer, "ratelimit", move || assert!(black_box(&ratelimit).try_wait().is_err())),
        Contender::steps(Floor, "clock", move || assert!(floor.look())),
    ]
}

fn ready<R: Timer + Default>(_: Scale) -> Vec<Contender> {
    let (ours, governor, leaky, floor) = (ours::<R>(), governor(), leaky_bucket(), ClockAndCas::new());
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(once(black_box(ours).acquire()).is_ok())),
        Contender::steps(Peer, "governor", move || once(black_box(governor).until_ready())),
        Contender::steps(Peer, "leaky-bucket", move || once(black_box(leaky).acquire_one())),
        Contender::steps(Floor, "clock and CAS", move || floor.step()),
    ]
}

/// How long two threads take that do the same at once, so many times each; a step is told which thread it is in, and how many came before.
pub(super) fn on_two_threads(count: u64, step: impl Fn(u64, u64) + Sync) -> Duration {
    let barrier = Barrier::new(2);
    let run = |side| {
        barrier.wait();
        let start = Instant::now();
        (0..count).for_each(|number| step(side, number));
        start.elapsed()
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        run(0).max(other.join().expect("a thread that does not panic"))
    })
}

fn two_threads(_: Scale) -> Vec<Contender> {
    let (ours, governor, leaky, ratelimit, floor) =
        (ours::<TokioRuntime>(), governor(), leaky_bucket(), ratelimit(), ClockAndCas::new());
    vec![
        Contender::timed(Ours, "mtaio", move |n| on_two_threads(n, |_, _| assert!(ours.try_acquire().is_ok()))),
        Contender::timed(Peer, "governor", move |n| on_two_threads(n, |_, _| assert!(governor.check().is_ok()))),
        Contender::timed(Peer, "leaky-bucket", move |n| on_two_threads(n, |_, _| assert!(leaky.try_acquire(1)))),
        Contender::timed(Peer, "ratelimit", move |n| on_two_threads(n, |_, _| assert!(ratelimit.try_wait().is_ok()))),
        Contender::timed(Floor, "clock and CAS", move |n| on_two_threads(n, |_, _| floor.step())),
    ]
}
