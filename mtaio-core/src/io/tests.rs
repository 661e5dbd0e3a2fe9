use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io::ErrorKind;
use std::sync::Mutex;

use proptest::prelude::*;

use super::Flow;
use super::flow::{Leading, leading};
use crate::limit::{Quota, RateLimiter};
use crate::runtime::{Clock, ManualClock, Spawn, Timer, VirtualRuntime};
use crate::time::Instant;

/// How a transfer ends, given how many bytes may go.
#[derive(Clone, Copy, Debug)]
enum End {
    /// At most so many go.
    Moves(usize),
    Waits,
    Fails,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![4 => (0..300_usize).prop_map(End::Moves), 2 => Just(End::Waits), 1 => Just(End::Fails)]
}

/// Polls a transfer of up to so many bytes once. Returns how many went.
fn transfer(flow: &mut Flow<ManualClock>, wanted: usize, end: End, burst: u32) -> usize {
    let mut called = false;
    let poll = flow.poll_transfer(&mut Context::from_waker(Waker::noop()), wanted, |allowed, _| {
        called = true;
        assert!(allowed <= wanted && allowed <= burst as usize && (allowed > 0 || wanted == 0));
        match end {
            End::Moves(bytes) => Poll::Ready(Ok(bytes.min(allowed))),
            End::Waits => Poll::Pending,
            End::Fails => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        }
    });
    match poll {
        Poll::Ready(Ok(bytes)) => bytes,
        Poll::Ready(Err(error)) => {
            assert!(called && error.kind() == ErrorKind::BrokenPipe, "{error}");
            0
        }
        Poll::Pending => 0,
    }
}

proptest! {
    #[test]
    fn each_byte_is_paid_once_however_transfers_end(
        burst in 1..2000_u32,
        steps in prop::collection::vec((0..3_usize, 0..400_usize, end(), any::<bool>()), 1..100),
    ) {
        // No cell comes while it runs.
        let clock = ManualClock::new();
        let quota = Quota::every(Duration::from_secs(1 << 32)).unwrap().burst(burst);
        let limiter = RateLimiter::with_runtime(quota, clock);
        let mut flows = [(); 3].map(|()| Flow::new(&limiter));
        let mut moved = 0;
        for (index, wanted, end, leaves) in steps {
            moved += transfer(&mut flows[index], wanted, end, burst) as u64;
            if leaves {
                flows[index] = Flow::new(&limiter);
            }
            // Nobody holds anything but a place in line.
            if limiter.waiters() == 0 {
                prop_assert_eq!(u64::from(limiter.available()) + moved, u64::from(burst));
            }
        }
        flows.fill_with(Flow::unlimited);
        prop_assert_eq!((u64::from(limiter.available()) + moved, limiter.waiters()), (u64::from(burst), 0));
    }

    #[test]
    fn the_leading_buffers_are_all_that_fit_or_a_part_of_the_first(
        sizes in prop::collection::vec(0..10_usize, 0..8),
        allowed in 1..40_usize,
    ) {
        match leading(sizes.iter().copied(), allowed) {
            Leading::Whole(count) => {
                let sum: usize = sizes[..count].iter().sum();
                prop_assert!(sum <= allowed && (sum > 0 || sizes.iter().sum::<usize>() == 0));
                prop_assert!(sizes.get(count).is_none_or(|next| sum + next > allowed));
            }
            Leading::Part(index) => {
                prop_assert!(sizes[..index].iter().all(|&size| size == 0) && sizes[index] > allowed);
            }
        }
    }

    #[test]
    fn connections_keep_the_rate_and_no_window_has_more_than_the_bound(
        rate in prop_oneof![20_000..2_000_000_u32, 1_u32 << 20..1 << 30],
        granularity in 1..2_000_000_u64,
        seed in any::<u64>(),
        // How much they want at once, and how much goes at once at most.
        connections in prop::collection::vec((1..100_000_usize, 1..100_000_usize), 1..6),
    ) {
        let runtime = VirtualRuntime::coarse(seed, Duration::from_nanos(granularity));
        let quota = Quota::bytes_per_second(rate);
        let limiter = RateLimiter::with_runtime(quota, runtime.clone());
        let moves: Arc<Mutex<Vec<(Instant, usize)>>> = Arc::default();
        let time = Duration::from_millis(200);
        // A byte at a time would take the test too long.
        let least = (rate / 2000).max(1) as usize;
        for (wanted, at_once) in connections {
            let (wanted, at_once) = (wanted.max(least), at_once.max(least));
            let (runtime, moves, mut flow) = (runtime.clone(), Arc::clone(&moves), Flow::new(&limiter));
            runtime.clone().spawn_detached(async move {
                loop {
                    let moved = poll_fn(|context| {
                        flow.poll_transfer(context, wanted, |allowed, _| Poll::Ready(Ok(allowed.min(at_once))))
                    });
                    let moved = moved.await.unwrap();
                    moves.lock().unwrap().push((runtime.now(), moved));
                }
            });
        }
        let start = runtime.now();
        runtime.run_for(time);
        // Its tasks go on for ever, and hold it.
        runtime.shutdown();
        let moves = moves.lock().unwrap();
        let cap = (2 * runtime.granularity().as_nanos()).max(1);
        // From each move to the end, and from the beginning to each move, and a sample of windows between.
        let sums: Vec<u128> = moves.iter().scan(0, |sum, &(_, bytes)| {
            *sum += bytes as u128;
            Some(*sum)
        }).collect();
        let stride = moves.len() / 40 + 1;
        for first in (0..moves.len()).step_by(stride) {
            for last in (first..moves.len()).step_by(stride).chain([moves.len() - 1]) {
                let bytes = sums[last] - sums[first] + moves[first].1 as u128;
                let window = (moves[last].0 - moves[first].0).as_nanos() + cap;
                let over = bytes.saturating_sub(quota.burst_size().into()) * 1_000_000_000;
                prop_assert!(over <= window * u128::from(rate), "{} bytes in {} ns", bytes, window);
            }
        }
        let all = sums.last().copied().unwrap_or(0) as f64;
        let asked = f64::from(rate) * time.as_secs_f64();
        // The last portion is on its way: ten milliseconds of two hundred, for all that wait.
        prop_assert!(all >= 0.93 * asked, "{} bytes of {}, since {:?}", all, asked, start);
    }
}

/// How many bytes go in ten seconds, if no more than so many go at once and the timer turns every two milliseconds.
fn moved_by_short_reads(quota: Quota, at_once: usize) -> f64 {
    let runtime = VirtualRuntime::coarse(3, Duration::from_millis(2));
    let limiter = RateLimiter::with_runtime(quota, runtime.clone());
    let moved = Arc::new(Mutex::new(0));
    let (mut flow, count) = (Flow::new(&limiter), Arc::clone(&moved));
    runtime.spawn_detached(async move {
        loop {
            let transfer = poll_fn(|context| {
                flow.poll_transfer(context, 1 << 16, |allowed, _| Poll::Ready(Ok(allowed.min(at_once))))
            });
            *count.lock().unwrap() += transfer.await.unwrap();
        }
    });
    runtime.run_for(Duration::from_secs(10));
    // Its tasks go on for ever, and hold it.
    runtime.shutdown();
    let moved: usize = *moved.lock().unwrap();
    moved as f64
}

#[test]
fn short_reads_under_a_late_timer_keep_the_rate() {
    let (rate, asked) = (1 << 20, 10.0 * f64::from(1 << 20));
    let flowing = Quota::bytes_per_second(rate);
    // The smaller bursts are less than what comes while the timer is late.
    for (quota, at_once) in [(flowing, 1460), (flowing.burst(1000), 100), (flowing.burst(100), 7)] {
        let moved = moved_by_short_reads(quota, at_once);
        assert!((moved / asked - 1.0).abs() < 0.005, "{moved} bytes, and not {asked}, at {quota}");
    }
}
