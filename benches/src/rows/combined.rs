//! Several limits together, and limits as layers of services.

use core::convert::Infallible;
use core::future::ready;
use core::hint::black_box;
use core::time::Duration;

use mtaio_tokio::tower::{ConcurrencyLimitLayer, RateLimitLayer};
use mtaio_tokio::{ConcurrencyLimiter, ResourceLimiter, TokioRuntime};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::by_hand::once;
use crate::host::{Host, Kind};
use crate::limiters::{PLENTY, full};
use crate::row::Role::{Beside, Floor, Ours, Peer};
use crate::row::{Contender, Row, Scale, time};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("combined", "a rate and slots, try and drop", rate_and_slots),
        Row::new("combined", "two rates, try", two_rates),
        Row::new("tower", "a request through 8 slots", slots_of_a_service),
        Row::new("tower", "a request through a rate", rate_of_a_service),
    ]
}

fn rate_and_slots(_: Scale) -> Vec<Contender> {
    let (rate, slots) = (full::<TokioRuntime>(), ConcurrencyLimiter::new(8));
    let both = ResourceLimiter::new(&rate, &slots);
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(black_box(&both).try_acquire().is_ok())),
        Contender::steps(Beside, "one after the other", move || {
            let permit = black_box(&slots).try_acquire().expect("a permit");
            assert!(black_box(&rate).try_acquire().is_ok());
            drop(permit);
        }),
    ]
}

fn two_rates(_: Scale) -> Vec<Contender> {
    let (first, second) = (full::<TokioRuntime>(), full::<TokioRuntime>());
    let both = ResourceLimiter::builder().rate(&first).rate(&second).build().expect("two rates");
    vec![
        Contender::steps(Ours, "mtaio", move || assert!(black_box(&both).try_acquire().is_ok())),
        Contender::steps(Beside, "one after the other", move || {
            assert!(black_box(&first).try_acquire().is_ok());
            assert!(black_box(&second).try_acquire().is_ok());
        }),
    ]
}

/// One request to a service that is ready at once.
fn request<S: Service<u32, Response = u32>>(service: &mut S) -> u32 {
    let answer = once(async { black_box(service).ready().await.ok()?.call(black_box(20)).await.ok() });
    answer.expect("an answer")
}

fn plain() -> impl Service<u32, Response = u32, Error = Infallible> + Clone {
    service_fn(|x: u32| ready(Ok(x + 1)))
}

fn slots_of_a_service(_: Scale) -> Vec<Contender> {
    let mut ours = ConcurrencyLimitLayer::new(ConcurrencyLimiter::new(8)).layer(plain());
    let mut tower = tower::limit::ConcurrencyLimitLayer::new(8).layer(plain());
    let mut floor = plain();
    vec![
        Contender::steps(Ours, "mtaio", move || assert_eq!(request(&mut ours), 21)),
        Contender::steps(Peer, "tower", move || assert_eq!(request(&mut tower), 21)),
        Contender::steps(Floor, "no limit", move || assert_eq!(request(&mut floor), 21)),
    ]
}

fn rate_of_a_service(_: Scale) -> Vec<Contender> {
    let mut ours = RateLimitLayer::new(full::<TokioRuntime>()).layer(plain());
    // It belongs to one service, and shares nothing.
    let layer = tower::limit::RateLimitLayer::new(u64::from(PLENTY), Duration::from_secs(1));
    let host = Host::new(Kind::CurrentThread);
    let mut tower = host.block_on(async { layer.layer(plain()) });
    let mut floor = plain();
    vec![
        Contender::steps(Ours, "mtaio", move || assert_eq!(request(&mut ours), 21)),
        Contender::timed(Peer, "tower, unshared", move |count| {
            host.block_on(async { time(|| (0..count).for_each(|_| assert_eq!(request(&mut tower), 21))) })
        }),
        Contender::steps(Floor, "no limit", move || assert_eq!(request(&mut floor), 21)),
    ]
}
