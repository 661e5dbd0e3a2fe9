//! Limits per key: many keys, and what they take in memory.

use core::hint::black_box;
use core::num::NonZeroU32;
use core::time::Duration;
use std::time::Instant;

use governor::DefaultKeyedRateLimiter;
use mtaio_core::limit::{KeyedRateLimiter, Quota};
use mtaio_core::runtime::{Clock, Timer};
use mtaio_smol::SmolRuntime;
use mtaio_tokio::TokioRuntime;

use super::rate::on_two_threads;
use crate::heap;
use crate::limiters::{self, PLENTY};
use crate::peers::keep;
use crate::row::Role::{Beside, Floor, Ours, Peer};
use crate::row::{Against, Bound, Contender, Row, Scale, Unit};

const SUBJECT: &str = "keyed";
/// So many that no loop over many keys exhausts them, ...
const BURST: u32 = 1_000_000;
/// ... of which so many are gone from the beginning: no bucket is full again while it is measured.
const SPENT: NonZeroU32 = NonZeroU32::new(10_000).expect("it is not zero");
const MILLION: u64 = 1_000_000;

type Ours64<R = TokioRuntime> = KeyedRateLimiter<u64, R>;
type Governor64 = DefaultKeyedRateLimiter<u64>;

/// A quota of ours, and the same of governor's.
fn quotas() -> (Quota, governor::Quota) {
    let burst = NonZeroU32::new(BURST).expect("it is not zero");
    (Quota::per_second(1).burst(BURST), limiters::per_second(1).allow_burst(burst))
}

pub(super) fn rows() -> Vec<Row> {
    let speed = |work, keys: u64, most| {
        let row = Row::new(SUBJECT, work, move |scale: Scale| checks(scale.pick(keys.min(1000), keys)));
        row.goal(Against::Peer, Bound::AtMost(most))
    };
    let heap = |work, keys: u64| {
        let row = Row::new(SUBJECT, work, move |scale: Scale| heap_of(scale.pick(keys / 50, keys), scale));
        row.unit(Unit::Bytes).fixed(1, 1).goal(Against::Peer, Bound::AtMost(0.8))
    };
    let flood = |work, what: fn(&Flood) -> f64| {
        Row::new(SUBJECT, work, move |scale: Scale| {
            vec![Contender::counted(Ours, "mtaio", move || what(&Flood::of(scale)))]
        })
    };
    vec![
        speed("check of 1,000 hot keys", 1000, 0.7),
        speed("check of 1,000,000 keys, uniform", MILLION, 0.6),
        Row::new(SUBJECT, "check of a leased cell", leased).goal(Against::Peer, Bound::AtMost(0.25)),
        Row::new(SUBJECT, "two threads, each with 500 keys of its own", |_| on_threads(500)),
        Row::new(SUBJECT, "two threads on one key", |_| on_threads(0)),
        heap("heap of a key, at 0.5 million", MILLION / 2),
        heap("heap of a key, at 1 million", MILLION),
        heap("heap of a key, at 1.5 million", MILLION * 3 / 2),
        heap("heap of a key, at 2 million", 2 * MILLION),
        flood("10,000,000 new keys, room for 100,000: each", |flood| flood.mean).fixed(1, 3),
        flood("10,000,000 new keys, room for 100,000: 99.99 % below", |flood| flood.most).fixed(1, 3),
        flood("10,000,000 new keys, room for 100,000: the slowest", |flood| flood.worst).fixed(1, 3),
        flood("10,000,000 new keys, room for 100,000: heap of a key", |flood| flood.bytes)
            .unit(Unit::Bytes)
            .fixed(1, 1),
    ]
}

/// With the keys below `keys`.
fn ours<R: Timer + Default>(quota: Quota, keys: u64) -> &'static Ours64<R> {
    let limiter = keep(Ours64::new(quota));
    for key in 0..keys {
        assert!(limiter.try_acquire_many(&key, SPENT.get()).is_ok());
    }
    limiter
}

fn governor(quota: governor::Quota, keys: u64) -> &'static Governor64 {
    let limiter = keep(Governor64::dashmap(quota));
    for key in 0..keys {
        assert!(matches!(limiter.check_key_n(&key, SPENT), Ok(Ok(()))));
    }
    limiter
}

/// Keys below `keys`, in no order, as a linear congruential generator says (Knuth's MMIX).
fn all(keys: u64) -> impl FnMut() -> u64 {
    let mut state = 1_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 32) * keys) >> 32
    }
}

fn checks(keys: u64) -> Vec<Contender> {
    let (quota, peers) = quotas();
    let (tokio, smol, governor) =
        (ours::<TokioRuntime>(quota, keys), ours::<SmolRuntime>(quota, keys), governor(peers, keys));
    let (mut first, mut second, mut third, mut fourth) = (all(keys), all(keys), all(keys), all(keys));
    // An array that is looked up by the key has nothing to hash and nothing to lock.
    let mut levels = vec![0_u64; keys as usize];
    let clock = TokioRuntime;
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(black_box(tokio).try_acquire(&first()).is_ok())),
        Contender::steps(Beside, "mtaio on smol", move || assert!(black_box(smol).try_acquire(&second()).is_ok())),
        Contender::steps(Peer, "governor", move || assert!(black_box(governor).check_key(&third()).is_ok())),
        Contender::steps(Floor, "clock and array", move || {
            let now = clock.now().as_nanos();
            let level = &mut levels[fourth() as usize];
            *level = black_box(*level).max(now);
        }),
    ]
}

/// A lease, beside the direct limiter of the peer.
fn leased(_: Scale) -> Vec<Contender> {
    let mut lease = limiters::full::<TokioRuntime>().lease(1000);
    let governor = limiters::full_governor();
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(black_box(&mut lease).try_acquire().is_ok())),
        Contender::steps(Peer, "governor", move || assert!(black_box(&governor).check().is_ok())),
    ]
}

fn on_threads(keys: u64) -> Vec<Contender> {
    let all = 2 * keys.max(1);
    // No bucket is full again meanwhile: its key would be forgotten, and come anew.
    let burst = NonZeroU32::new(PLENTY).expect("it is not zero");
    let ours = ours::<TokioRuntime>(Quota::per_second(1000).burst(PLENTY), all);
    let governor = governor(limiters::per_second(1000).allow_burst(burst), all);
    let own = move |side: u64, step: u64| if keys == 0 { 0 } else { side * keys + step % keys };
    vec![
        Contender::timed(Ours, "mtaio", move |n| {
            on_two_threads(n, |side, step| assert!(ours.try_acquire(&own(side, step)).is_ok()))
        }),
        Contender::timed(Peer, "governor", move |n| {
            on_two_threads(n, |side, step| assert!(governor.check_key(&own(side, step)).is_ok()))
        }),
    ]
}

/// Bytes of each key; of the peer's at a million, whatever ours has.
fn heap_of(keys: u64, scale: Scale) -> Vec<Contender> {
    let million = scale.pick(MILLION / 50, MILLION);
    vec![
        Contender::counted(Ours, "mtaio", move || {
            let (_, growth) = heap::count(|| ours::<TokioRuntime>(quotas().0, keys));
            growth.bytes as f64 / keys as f64
        }),
        Contender::counted(Peer, "governor, at 1 million", move || {
            let (_, growth) = heap::count(|| governor(quotas().1, million));
            growth.bytes as f64 / million as f64
        }),
    ]
}

/// Many keys that come once, where there is room for a hundredth of them.
struct Flood {
    mean: f64,
    most: f64,
    worst: f64,
    bytes: f64,
}

impl Flood {
    fn of(scale: Scale) -> Self {
        let keys = scale.pick(100_000, 10 * MILLION);
        let room = keys as usize / 100;
        let mut took = Vec::with_capacity(keys as usize);
        let (limiter, growth) = heap::count(|| {
            let limiter = Ours64::<TokioRuntime>::builder(Quota::per_hour(1)).max_keys(room).build();
            for key in 0..keys {
                let start = Instant::now();
                assert!(limiter.try_acquire(&key).is_ok());
                took.push(start.elapsed());
            }
            limiter
        });
        assert_eq!(limiter.len(), room);
        let nanos = |time: Duration| time.as_nanos() as f64;
        let mean = nanos(took.iter().sum()) / keys as f64;
        took.sort_unstable();
        let most = nanos(took[(keys - keys / 10_000) as usize - 1]);
        let worst = took.last().copied().map_or(0.0, nanos);
        Self { mean, most, worst, bytes: growth.bytes as f64 / room as f64 }
    }
}
