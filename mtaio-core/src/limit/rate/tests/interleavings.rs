//! The word of a rate limiter and its queue, in every order of two threads.

use core::task::Poll;
use core::time::Duration;

use crate::limit::error::{ResourceLimitError, ResourceLimitErrorKind as Kind};
use crate::limit::quota::Quota;
use crate::limit::rate::RateLimiter;
use crate::primitive::model::{explore, thread};
use crate::runtime::tests::held::Held;
use crate::runtime::tests::places::Places;

const SECOND: Duration = Duration::from_secs(1);

type Waiting = Held<Result<(), ResourceLimitError>>;

/// A limiter of one cell a second that holds `cells` of `burst`.
fn limiter(burst: u32, cells: u32) -> (Places, RateLimiter<Places>) {
    let places = Places::default();
    let quota = Quota::per_second(1).burst(burst);
    let limiter = RateLimiter::builder(quota).initial(cells).build_on(places.clone());
    (places, limiter)
}

fn acquire(limiter: &RateLimiter<Places>, n: u32) -> Waiting {
    let limiter = limiter.clone();
    Held::new(async move { limiter.acquire_many(n).await })
}

/// After everything has come to rest: whoever was pending was woken, and is done.
fn finish(mut waiting: Waiting, first: Poll<Result<(), ResourceLimitError>>) -> Result<(), ResourceLimitError> {
    match first {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => {
            assert_eq!(waiting.woken(), 1, "a wake was lost");
            match waiting.poll() {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => panic!("woken for nothing"),
            }
        }
    }
}

#[test]
fn loom_a_cell_that_comes_is_for_who_waits_and_not_for_who_passes() {
    explore(|| {
        let (places, limiter) = limiter(1, 0);
        let mut waiting = acquire(&limiter, 1);
        assert!(waiting.poll().is_pending());
        places.pass(SECOND);
        let passer = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.try_acquire())
        };
        places.ring(0);
        assert_eq!(passer.join().unwrap().unwrap_err().kind(), Kind::NotReady);
        finish(waiting, Poll::Pending).unwrap();
        assert_eq!((limiter.available(), limiter.waiters()), (0, 0));
    });
}

#[test]
fn loom_who_arrives_while_the_last_cell_is_taken_gets_it_or_the_next() {
    explore(|| {
        let (places, limiter) = limiter(1, 1);
        let taker = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.try_acquire().is_ok())
        };
        let mut waiting = acquire(&limiter, 1);
        let first = waiting.poll();
        let taken = taker.join().unwrap();
        assert!(taken || first.is_ready(), "nobody got the cell");
        if taken {
            assert!(first.is_pending(), "both got it");
            places.pass(SECOND);
            places.ring(0);
        }
        finish(waiting, first).unwrap();
        assert_eq!((limiter.available(), limiter.waiters()), (0, 0));
    });
}

#[test]
fn loom_who_leaves_while_another_takes_keeps_no_cells() {
    explore(|| {
        let (_places, limiter) = limiter(2, 1);
        let mut waiting = acquire(&limiter, 2);
        assert!(waiting.poll().is_pending());
        let passer = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.try_acquire().is_ok())
        };
        drop(waiting);
        let taken = u32::from(passer.join().unwrap());
        assert_eq!((limiter.available(), limiter.waiters()), (1 - taken, 0));
        assert_eq!(limiter.try_acquire().is_ok(), taken == 0);
    });
}

#[test]
fn loom_cells_granted_to_one_who_leaves_go_to_the_next() {
    explore(|| {
        let (places, limiter) = limiter(1, 0);
        let (mut leaves, mut stays) = (acquire(&limiter, 1), acquire(&limiter, 1));
        assert!(leaves.poll().is_pending() && stays.poll().is_pending());
        places.pass(SECOND);
        let driver = {
            let places = places.clone();
            thread::spawn(move || places.ring(0))
        };
        drop(leaves);
        driver.join().unwrap();
        finish(stays, Poll::Pending).unwrap();
        assert_eq!((limiter.available(), limiter.waiters()), (0, 0));
    });
}

#[test]
fn loom_the_end_of_a_rate_reaches_whoever_arrives_meanwhile() {
    explore(|| {
        let (_places, limiter) = limiter(1, 0);
        let closer = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.close())
        };
        let mut waiting = acquire(&limiter, 1);
        let first = waiting.poll();
        closer.join().unwrap();
        assert_eq!(finish(waiting, first).unwrap_err().kind(), Kind::Closed);
        assert_eq!(limiter.try_acquire().unwrap_err().kind(), Kind::Closed);
    });
}

#[test]
fn loom_who_arrives_while_the_alarm_of_a_rate_is_lost_waits_with_another() {
    explore(|| {
        let (places, limiter) = limiter(1, 0);
        let mut before = acquire(&limiter, 1);
        assert!(before.poll().is_pending());
        let loser = {
            let places = places.clone();
            thread::spawn(move || places.lose(0))
        };
        let mut after = acquire(&limiter, 1);
        assert!(after.poll().is_pending());
        loser.join().unwrap();
        assert!(before.woken() > 0, "it was not told");
        assert!(before.poll().is_pending());
        if after.woken() > 0 {
            assert!(after.poll().is_pending());
        }
        for waiting in [before, after] {
            places.pass(SECOND);
            places.ring(0);
            finish(waiting, Poll::Pending).unwrap();
        }
    });
}
