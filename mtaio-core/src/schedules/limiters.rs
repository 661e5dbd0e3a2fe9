use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Room, give_up, tick_until_done};
use crate::limit::{ConcurrencyLimiter, Quota, RateLimiter, ResourceLimiter};
use crate::primitive::model::{block_on, schedule, thread};
use crate::primitive::{AtomicUsize, Ordering};
use crate::runtime::{Clock, ManualClock};

const TICK: Duration = Duration::from_millis(100);

/// Lets time pass, while others do what they do.
fn pass(clock: &ManualClock, ticks: usize) -> thread::JoinHandle<()> {
    let clock = clock.clone();
    thread::spawn(move || {
        for _ in 0..ticks {
            clock.advance(TICK);
            thread::yield_now();
        }
    })
}

#[test]
fn shuttle_a_rate_serves_everybody_and_no_more_than_it_may() {
    schedule(|| {
        let clock = ManualClock::new();
        let rate = RateLimiter::with_runtime(Quota::per_second(10).burst(2), clock.clone());
        let (done, granted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks: Vec<_> = [1, 2, 1, 2]
            .map(|n| {
                let (rate, clock, done, granted) = (rate.clone(), clock.clone(), done.clone(), granted.clone());
                thread::spawn(move || {
                    block_on(rate.acquire_many(n)).expect("nobody closes it");
                    // ORDERING: SeqCst: counts, as plain as can be.
                    let granted = granted.fetch_add(n as usize, Ordering::SeqCst) + n as usize;
                    let ticks = clock.now().as_nanos() as usize / TICK.as_nanos() as usize;
                    assert!(granted <= 2 + ticks, "{granted} cells after {ticks} ticks");
                    // ORDERING: SeqCst, as above.
                    done.fetch_add(1, Ordering::SeqCst);
                })
            })
            .into();
        let quits = rate.clone();
        tasks.push(thread::spawn(move || {
            let mut wait = Box::pin(quits.acquire());
            _ = give_up(wait.as_mut());
            thread::yield_now();
        }));
        tick_until_done(&clock, TICK, &done, 4);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(rate.waiters(), 0);
    });
}

#[test]
fn shuttle_a_quota_that_changes_under_a_queue_strands_nobody() {
    schedule(|| {
        let clock = ManualClock::new();
        let rate = RateLimiter::builder(Quota::per_hour(1).burst(2)).initial(0).build_on(clock.clone());
        let mut tasks: Vec<_> = [1, 2, 1]
            .map(|n| {
                let rate = rate.clone();
                thread::spawn(move || _ = block_on(rate.acquire_many(n)))
            })
            .into();
        let changed = rate.clone();
        tasks.push(thread::spawn(move || {
            changed.set_quota(Quota::per_second(10).burst(1));
            changed.set_quota(Quota::per_second(10).burst(2));
            changed.refund(4);
            changed.close();
        }));
        tasks.push(pass(&clock, 2));
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!((rate.waiters(), rate.is_closed()), (0, true));
    });
}

#[test]
fn shuttle_combined_limiters_in_opposite_orders_end_with_everything_back() {
    schedule(|| {
        let clock = ManualClock::new();
        let slots = |limit| ConcurrencyLimiter::with_runtime(limit, clock.clone());
        let (a, b, room) = (slots(1), slots(2), Room::new(1));
        let rate = RateLimiter::with_runtime(Quota::per_second(10).burst(8), clock.clone());
        let there = ResourceLimiter::builder().concurrency(&a).concurrency(&b).rate(&rate).build().unwrap();
        let back = ResourceLimiter::builder().rate(&rate).concurrency(&b).concurrency(&a).build().unwrap();
        let mut tasks: Vec<_> = [&there, &back, &there]
            .map(|limiter| {
                let (limiter, room) = (limiter.clone(), room.clone());
                thread::spawn(move || {
                    let permit = block_on(limiter.acquire()).expect("nobody closes it");
                    room.visit(1);
                    drop(permit);
                })
            })
            .into();
        let (quits, other) = (back.clone(), b.clone());
        tasks.push(thread::spawn(move || {
            let mut wait = Box::pin(quits.acquire());
            drop(give_up(wait.as_mut()));
            thread::yield_now();
        }));
        tasks.push(thread::spawn(move || drop(block_on(other.acquire_many(2)))));
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!((a.in_flight(), b.in_flight(), rate.waiters()), (0, 0, 0));
        assert!((4..=5).contains(&rate.available()), "each of three took one cell, and one perhaps");
    });
}
