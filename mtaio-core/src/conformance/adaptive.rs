//! What limits promise that adapt.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_adaptive {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness adaptive {
            vector_3_weights_follow_the_load
            an_overload_halves_what_is_admitted
            a_small_weight_still_lets_in
            a_load_that_is_none_is_clamped_or_ignored
            a_new_rate_reaches_who_waits
            the_load_of_all_counts_for_all_if_it_is_said_so
            what_was_reported_is_bounded
            a_snapshot_tells_of_all_keys_of_an_adaptive_rate
            rules_that_make_no_sense_say_so
            the_limit_follows_what_becomes_of_permits
            a_permit_dropped_without_a_word_is_ignored
            a_limit_that_rises_lets_in_who_waits
            a_limit_that_sinks_takes_nothing_back
            a_round_trip_is_what_it_took
            an_adaptive_limiter_waits_at_most_so_long
            a_cancelled_wait_for_an_adaptive_limiter_leaves_no_trace
            what_is_run_is_judged
            closing_ends_the_waits_of_an_adaptive_limiter
            many_tasks_that_end_in_every_way_leave_nothing_in_flight
        } }
    };
}

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::Harness;
use super::hand::{ByHand, assert_refused, at_once, refused};
use super::rig::{Rig, SLOW};
use crate::limit::{
    AdaptiveConcurrencyLimiter, AdaptiveRateLimiter, Elastic, KeyedLimiter, LimitAlgorithm, Outcome, Quota,
    ResourceLimitError, ResourceLimitErrorKind as Kind, Sample,
};
use crate::runtime::Spawn;

type Rates<H> = AdaptiveRateLimiter<String, <H as Harness>::Runtime>;
type Slots<H> = AdaptiveConcurrencyLimiter<<H as Harness>::Runtime>;

const TEN: Quota = Quota::per_second(10).burst(1);

fn rates<H: Harness>(rig: &Rig<H>, quota: Quota) -> Rates<H> {
    AdaptiveRateLimiter::with_runtime(quota, rig.runtime.clone())
}

fn slots<H: Harness>(rig: &Rig<H>, limit: usize) -> Slots<H> {
    AdaptiveConcurrencyLimiter::with_algorithm(Counts(limit), rig.runtime.clone())
}

/// One less for each request that is dropped, one more for each other.
#[derive(Debug)]
struct Counts(usize);

impl LimitAlgorithm for Counts {
    fn limit(&self) -> usize {
        self.0
    }

    fn record(&mut self, sample: &Sample) -> usize {
        self.0 = if sample.dropped { self.0 - 1 } else { self.0 + 1 };
        self.0
    }
}

pub async fn vector_3_weights_follow_the_load<H: Harness>(rig: Rig<H>) {
    let limiter = rates(&rig, TEN);
    let halves = |key: &str, weight: f64| {
        let (cells, period) = limiter.quota(key).fraction();
        let rate = f64::from(cells) / period.as_secs_f64();
        ((rate - 10.0 * weight * 0.5).abs() < 1e-9, (rate - 10.0 * weight).abs() < 1e-9)
    };
    assert_eq!(limiter.weight("never"), 1.0);
    for (load, weight, shed) in
        [(0.95, 0.8, true), (0.90, 1.0, true), (0.85, 1.0, true), (0.80, 1.0, false), (0.50, 1.0, false)]
    {
        let key = load.to_string();
        assert_eq!(limiter.adjust_rate(&key, load), weight, "{load}");
        assert_eq!(limiter.weight(&key), weight, "{load}");
        assert_eq!(halves(&key, weight), (shed, !shed), "{load}");
    }
    assert_eq!(limiter.adjust_rate("idle", 0.49), 1.2);
    assert_eq!(limiter.quota("idle"), Quota::per_second(12).burst(1));
    assert_eq!(limiter.quota("0.95"), Quota::per_second(4).burst(1));
    // It is a keyed limiter as others are.
    let key = String::from("0.95");
    assert_eq!(KeyedLimiter::try_admit(&limiter, &key, 1), Ok(()));
    ByHand::waiting(KeyedLimiter::admit(&limiter, key, 1)).assert_waits();
}

pub async fn an_overload_halves_what_is_admitted<H: Harness>(rig: Rig<H>) {
    let limiter = rates(&rig, Quota::per_hour(10).burst(1));
    limiter.adjust_rate("a", 0.85);
    assert_eq!(limiter.try_acquire("a"), Ok(()));
    let wait = refused(limiter.try_acquire("a")).retry_after().expect("it says when");
    // Twelve minutes instead of six.
    assert!(wait <= Duration::from_secs(720) && wait > Duration::from_secs(600), "{wait:?}");
    limiter.adjust_rate("a", 0.6);
    let wait = refused(limiter.try_acquire("a")).retry_after().expect("it says when");
    assert!(wait <= Duration::from_secs(360), "{wait:?}");
}

pub async fn a_small_weight_still_lets_in<H: Harness>(rig: Rig<H>) {
    let limiter = rates(&rig, Quota::per_second(1).burst(3));
    for _ in 0..1000 {
        limiter.adjust_rate("a", 1.0);
    }
    assert_eq!(limiter.weight("a"), 0.01);
    // The rate is small, and not the burst.
    assert_eq!(limiter.try_acquire_many("a", 3), Ok(()));
    for _ in 0..1000 {
        limiter.adjust_rate("a", 0.0);
    }
    assert_eq!(limiter.weight("a"), 10.0);
    assert_eq!(limiter.quota("a"), Quota::per_second(10).burst(3));
}

pub async fn a_load_that_is_none_is_clamped_or_ignored<H: Harness>(rig: Rig<H>) {
    let limiter = rates(&rig, TEN);
    for (load, weight) in [(f64::NAN, 1.0), (17.0, 0.8), (f64::INFINITY, 0.64), (f64::NAN, 0.64)] {
        assert!((limiter.adjust_rate("a", load) - weight).abs() < 1e-12, "{load}");
    }
    // What is not a number does not end the overload either.
    assert_eq!(limiter.quota("a"), Quota::from_rate(3.2).expect("a rate").burst(1));
    assert!((limiter.adjust_rate("b", f64::NEG_INFINITY) - 1.2).abs() < 1e-12);
    assert!((limiter.adjust_rate("b", -1.0) - 1.44).abs() < 1e-12);
}

pub async fn a_new_rate_reaches_who_waits<H: Harness>(rig: Rig<H>) {
    let limiter = rates(&rig, SLOW);
    limiter.adjust_rate("a", 1.0);
    assert_eq!(limiter.try_acquire("a"), Ok(()));
    let mut waiting = ByHand::waiting(limiter.acquire("a"));
    let before = refused(limiter.try_acquire("a")).retry_after().expect("it says when");
    limiter.adjust_rate("a", 0.7);
    let after = refused(limiter.try_acquire("a")).retry_after().expect("it says when");
    assert!(after < before, "{after:?} after {before:?}");
    assert_eq!(limiter.waiters("a"), 1);
    limiter.close();
    assert_refused(waiting.output_after_wake(), Kind::Closed);
}

pub async fn the_load_of_all_counts_for_all_if_it_is_said_so<H: Harness>(rig: Rig<H>) {
    let limiter: Rates<H> =
        AdaptiveRateLimiter::builder(TEN).global_load().build_on(rig.runtime.clone()).expect("it makes sense");
    assert_eq!((limiter.try_acquire("known"), limiter.quota("new")), (Ok(()), TEN));
    limiter.adjust_rate("a", 0.85);
    for key in ["known", "new", "a"] {
        assert_eq!(limiter.quota(key), Quota::per_second(5).burst(1), "{key}");
    }
    limiter.adjust_rate("b", 0.7);
    for key in ["known", "new", "a"] {
        assert_eq!(limiter.quota(key), TEN, "{key}");
    }
}

pub async fn what_was_reported_is_bounded<H: Harness>(rig: Rig<H>) {
    let limiter: Rates<H> =
        AdaptiveRateLimiter::builder(SLOW).max_keys(100).build_on(rig.runtime.clone()).expect("it makes sense");
    for number in 0..2000 {
        limiter.adjust_rate(&number.to_string(), 0.2);
        assert!(limiter.adjusted() <= 101);
    }
    // One that is as others are needs no room.
    let others: Rates<H> = rates(&rig, SLOW);
    others.adjust_rate("a", 0.85);
    assert_eq!(others.adjusted(), 1);
    others.adjust_rate("a", 0.7);
    assert_eq!(others.adjusted(), 0);
    others.adjust_rate("b", 1.0);
    assert!(others.remove("b") && !others.remove("b"));
    assert_eq!((others.adjusted(), others.weight("b")), (0, 1.0));
}

pub async fn a_snapshot_tells_of_all_keys_of_an_adaptive_rate<H: Harness>(rig: Rig<H>) {
    let limiter = Rates::<H>::builder(SLOW).counting().build_on(rig.runtime.clone()).unwrap();
    limiter.adjust_rate("ann", 0.95);
    limiter.try_acquire("ann").unwrap();
    limiter.try_acquire("bob").unwrap();
    assert!(limiter.try_acquire("bob").is_err());
    let snapshot = limiter.snapshot();
    assert_eq!((snapshot.keys.known, snapshot.line.granted, snapshot.line.refused), (2, 2, 1));
    assert!(snapshot.line.counting && !snapshot.closed);
}

pub async fn rules_that_make_no_sense_say_so<H: Harness>(rig: Rig<H>) {
    let builder = || AdaptiveRateLimiter::<String, H::Runtime>::builder(TEN);
    for (builder, message) in [
        (builder().lower_above(1.5, 0.8), "the load above which weights sink is 1.5, but has to be a load from 0 to 1"),
        (
            builder().lower_above(0.9, 0.0),
            "the factor by which weights sink is 0, but has to be above 0, and 1 at most",
        ),
        (builder().raise_below(0.5, 0.9), "the factor by which weights rise is 0.9, but has to be from 1 to a million"),
        (
            builder().raise_below(0.95, 1.2),
            "the load below which weights rise is 0.95, but has to be no more than that above which they sink",
        ),
        (
            builder().shed_above(f64::NAN, 0.5),
            "the load above which less is admitted is NaN, but has to be a load from 0 to 1",
        ),
        (builder().weights_between(0.0, 2.0), "the least weight is 0, but has to be from 0.0001 to 1"),
        (builder().weights_between(0.5, 0.9), "the largest weight is 0.9, but has to be from 1 to a million"),
    ] {
        let error = builder.build_on(rig.runtime.clone()).expect_err("it makes no sense");
        assert_eq!(error.to_string(), message);
    }
}

pub async fn the_limit_follows_what_becomes_of_permits<H: Harness>(rig: Rig<H>) {
    let limiter = slots(&rig, 3);
    let permits: Vec<_> = (0..3).map(|_| limiter.try_acquire().expect("it is free")).collect();
    assert_refused(limiter.try_acquire(), Kind::NotReady);
    let mut limits = Vec::new();
    for (permit, outcome) in permits.into_iter().zip([Outcome::Dropped, Outcome::Ignored, Outcome::Success]) {
        permit.finish(outcome);
        limits.push(limiter.limit());
    }
    assert_eq!(limits, [2, 2, 3]);
    assert_eq!((limiter.in_flight(), limiter.available(), limiter.waiters()), (0, 3, 0));
}

pub async fn a_permit_dropped_without_a_word_is_ignored<H: Harness>(rig: Rig<H>) {
    let limiter = slots(&rig, 2);
    drop(limiter.try_acquire().expect("it is free"));
    assert_eq!((limiter.limit(), limiter.in_flight(), limiter.snapshot().last_rtt), (2, 0, None));
}

pub async fn a_limit_that_rises_lets_in_who_waits<H: Harness>(rig: Rig<H>) {
    let limiter = slots(&rig, 1);
    let permit = limiter.try_acquire().expect("it is free");
    let mut first = ByHand::waiting(limiter.acquire());
    let mut second = ByHand::waiting(limiter.acquire());
    assert_eq!(limiter.waiters(), 2);
    // Its place, and one more.
    permit.success();
    let permits = [first.output_after_wake(), second.output_after_wake()];
    assert!(permits.iter().all(Result::is_ok));
    assert_eq!((limiter.limit(), limiter.in_flight()), (2, 2));
}

pub async fn a_limit_that_sinks_takes_nothing_back<H: Harness>(rig: Rig<H>) {
    let limiter = slots(&rig, 2);
    let (first, second) = (limiter.try_acquire(), limiter.try_acquire());
    first.expect("it is free").dropped();
    assert_eq!((limiter.limit(), limiter.in_flight()), (1, 1));
    assert_refused(limiter.try_acquire(), Kind::NotReady);
    second.expect("it is free").ignore();
    assert!(limiter.try_acquire().is_ok());
}

pub async fn a_round_trip_is_what_it_took<H: Harness>(rig: Rig<H>) {
    let limiter = slots(&rig, 1);
    let permit = limiter.acquire().await.expect("it is free");
    let start = rig.now();
    rig.sleep(Duration::from_millis(2)).await;
    permit.success();
    let took = limiter.snapshot().last_rtt.expect("there was one");
    assert!(took >= Duration::from_millis(2));
    rig.assert_elapsed(start, Duration::from_millis(2));
}

pub async fn an_adaptive_limiter_waits_at_most_so_long<H: Harness>(rig: Rig<H>) {
    let limiter = slots(&rig, 1);
    let permit = limiter.try_acquire().expect("it is free");
    let start = rig.now();
    let late = refused(limiter.acquire_within(Duration::from_millis(3)).await);
    assert_eq!((late.kind(), limiter.waiters()), (Kind::Deadline, 0));
    rig.assert_elapsed(start, Duration::from_millis(3));
    drop(permit);
    assert!(at_once(limiter.acquire_within(Duration::ZERO)).is_ok());
}

pub async fn a_cancelled_wait_for_an_adaptive_limiter_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let limiter = slots(&rig, 1);
    let permit = limiter.try_acquire().expect("it is free");
    let first = ByHand::waiting(limiter.acquire());
    let mut second = ByHand::waiting(limiter.acquire());
    permit.ignore();
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert!(second.output_after_wake().is_ok());
    assert_eq!((limiter.in_flight(), limiter.waiters(), limiter.limit()), (0, 0, 1));
}

pub async fn what_is_run_is_judged<H: Harness>(rig: Rig<H>) {
    let limiter = slots(&rig, 5);
    assert_eq!(limiter.run(async { 7 }).await, Ok(7));
    assert_eq!(limiter.limit(), 6);
    let judge = |status: &u16| if *status == 503 { Outcome::Dropped } else { Outcome::Ignored };
    assert_eq!(limiter.run_judged(async { 503 }, judge).await, Ok(503));
    assert_eq!(limiter.limit(), 5);
    assert_eq!(limiter.run_judged(async { 404 }, judge).await, Ok(404));
    assert_eq!(limiter.limit(), 5);
    let closed = slots(&rig, 1);
    closed.close();
    let error = refused(closed.try_acquire());
    assert_eq!((limiter.try_run(async { Err::<(), _>(error) }).await, limiter.limit()), (Err(error), 4));
    assert_eq!((limiter.try_run(async { Ok::<_, ResourceLimitError>(7) }).await, limiter.limit()), (Ok(7), 5));
    // What is given up half-way says nothing.
    drop(ByHand::waiting(limiter.run(core::future::pending::<()>())));
    assert_eq!((limiter.limit(), limiter.in_flight()), (5, 0));
}

pub async fn closing_ends_the_waits_of_an_adaptive_limiter<H: Harness>(rig: Rig<H>) {
    let limiter = slots(&rig, 1);
    let permit = limiter.try_acquire().expect("it is free");
    let mut waiting = ByHand::waiting(limiter.acquire());
    let mut closed = ByHand::waiting(limiter.closed());
    limiter.clone().close();
    assert_refused(waiting.output_after_wake(), Kind::Closed);
    closed.output_after_wake();
    assert_refused(at_once(limiter.run(async {})), Kind::Closed);
    // What is held stays valid, and still says what became of it.
    permit.success();
    assert!(limiter.is_closed() && limiter.limit() == 2);
    limiter.idle().await;
}

pub async fn many_tasks_that_end_in_every_way_leave_nothing_in_flight<H: Harness>(rig: Rig<H>) {
    let limiter: Slots<H> = AdaptiveConcurrencyLimiter::with_algorithm(Elastic::new(4), rig.runtime.clone());
    let tasks: Vec<_> = (0..300_u32)
        .map(|number| {
            let limiter = limiter.clone();
            rig.runtime.spawn(async move {
                let permit = limiter.acquire().await?;
                super::hand::yield_once().await;
                permit.finish([Outcome::Success, Outcome::Dropped, Outcome::Ignored][number as usize % 3]);
                Ok::<_, ResourceLimitError>(())
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("it ends"), Ok(()));
    }
    assert_eq!((limiter.in_flight(), limiter.waiters()), (0, 0));
    assert!(limiter.limit() >= 1 && limiter.available() == limiter.limit());
}
