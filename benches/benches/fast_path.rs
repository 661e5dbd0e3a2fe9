//! What is ready at once: a rate limiter beside governor, a semaphore beside tokio's.
//!
//! `cargo bench -p mtaio-benches`; a word behind it runs the benches whose names contain it.

#![allow(missing_docs, reason = "criterion's macros declare functions without documentation")]

use core::hint::black_box;
use core::num::NonZeroU32;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mtaio_core::Instant;
use mtaio_core::limit::TokenBucket;
use mtaio_core::runtime::{Clock, SystemClock};
use mtaio_tokio::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimiter, Semaphore};

/// So much that no loop exhausts it.
const PLENTY: u32 = 1_000_000_000;

fn governor_of(quota: governor::Quota) -> governor::DefaultDirectRateLimiter {
    governor::RateLimiter::direct(quota)
}

fn allowed(c: &mut Criterion) {
    let ours = RateLimiter::new(Quota::per_second(PLENTY));
    let peer = governor_of(governor::Quota::per_second(NonZeroU32::new(PLENTY).unwrap()));
    let mut group = c.benchmark_group("rate, allowed");
    group.bench_function("mtaio", |b| b.iter(|| assert!(black_box(&ours).try_acquire().is_ok())));
    group.bench_function("governor", |b| b.iter(|| assert!(black_box(&peer).check().is_ok())));
    group.finish();
}

fn refused(c: &mut Criterion) {
    let ours = RateLimiter::builder(Quota::per_hour(1)).initial(0).build();
    let peer = governor_of(governor::Quota::per_hour(NonZeroU32::MIN));
    assert!(peer.check().is_ok());
    let mut group = c.benchmark_group("rate, refused");
    group.bench_function("mtaio", |b| b.iter(|| assert!(black_box(&ours).try_acquire().is_err())));
    group.bench_function("governor", |b| b.iter(|| assert!(black_box(&peer).check().is_err())));
    group.finish();
}

fn permits(c: &mut Criterion) {
    let (ours, peer) = (Semaphore::new(8), tokio::sync::Semaphore::new(8));
    let mut group = c.benchmark_group("semaphore, try and drop");
    for n in [1, 8] {
        group.bench_with_input(BenchmarkId::new("mtaio", n), &n, |b, &n| {
            b.iter(|| drop(black_box(&ours).try_acquire_many(n).unwrap()));
        });
        group.bench_with_input(BenchmarkId::new("tokio", n), &n, |b, &n| {
            b.iter(|| drop(black_box(&peer).try_acquire_many(n).unwrap()));
        });
    }
    group.finish();
    assert_eq!((ours.available(), peer.available_permits()), (8, 8));
}

/// A rate and slots together, beside one after the other.
fn combined(c: &mut Criterion) {
    let (rate, slots) = (RateLimiter::new(Quota::per_second(PLENTY)), ConcurrencyLimiter::new(8));
    let other = RateLimiter::new(Quota::per_second(PLENTY));
    let pair = ResourceLimiter::new(&rate, &slots);
    let rates = ResourceLimiter::builder().rate(&rate).rate(&other).build().unwrap();
    let mut group = c.benchmark_group("combined, try and drop");
    group.bench_function("rate and slots", |b| b.iter(|| drop(black_box(&pair).try_acquire().unwrap())));
    group.bench_function("rate, then slots", |b| {
        b.iter(|| {
            let permit = black_box(&slots).try_acquire().unwrap();
            black_box(&rate).try_acquire().unwrap();
            drop(permit);
        });
    });
    group.bench_function("two rates", |b| b.iter(|| drop(black_box(&rates).try_acquire().unwrap())));
    group.bench_function("rate, then rate", |b| {
        b.iter(|| (black_box(&rate).try_acquire().unwrap(), black_box(&other).try_acquire().unwrap()));
    });
    group.finish();
}

/// What nobody can go below: the clock, and the decision without any sharing.
fn floor(c: &mut Criterion) {
    let mut bucket = TokenBucket::new(Quota::per_second(PLENTY));
    let mut nanos = 0;
    let mut group = c.benchmark_group("floor");
    group.bench_function("clock", |b| b.iter(|| black_box(SystemClock.now())));
    group.bench_function("token bucket", |b| {
        b.iter(|| {
            nanos += 1;
            assert!(bucket.try_take(Instant::from_nanos(nanos), 1).is_ok());
        });
    });
    group.finish();
}

criterion_group!(benches, allowed, refused, permits, combined, floor);
criterion_main!(benches);
