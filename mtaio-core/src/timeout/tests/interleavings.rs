//! Two threads at one manager, in every order.

use core::future::pending;

use super::*;
use crate::primitive::model::{explore, thread};
use crate::runtime::tests::places::Places;
use crate::time::Instant;
use crate::time::ambient::{At, Cover, Frame, Moving, under};
use crate::timeout::{Elapsed, ElapsedKind, TimeoutManager};

const NANO: Duration = Duration::from_nanos(1);

fn manager() -> (Places, TimeoutManager<Places>) {
    let places = Places::default();
    (places.clone(), TimeoutManager::with_runtime(NANO, places))
}

fn run(tm: &TimeoutManager<Places>) -> Held<Result<(), Elapsed>> {
    let tm = tm.clone();
    Held::new(async move { tm.run(pending::<()>()).await })
}

/// Whoever waited was woken, and is over.
fn finish(mut run: Held<Result<(), Elapsed>>, first: Poll<Result<(), Elapsed>>) -> ElapsedKind {
    let outcome = match first {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => {
            assert!(run.woken() > 0, "a wake was lost");
            match run.poll() {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => panic!("it still waits"),
            }
        }
    };
    outcome.expect_err("it never ends by itself").kind()
}

#[test]
fn loom_who_arrives_while_others_end_is_told_too() {
    explore(|| {
        let (places, tm) = manager();
        let mut before = run(&tm);
        assert!(before.poll().is_pending());
        places.pass(NANO);
        let driver = {
            let places = places.clone();
            thread::spawn(move || places.ring(0))
        };
        let mut after = run(&tm);
        let first = after.poll();
        driver.join().unwrap();
        places.pass(NANO);
        places.ring(0);
        assert_eq!(finish(after, first), ElapsedKind::Own);
        assert_eq!((finish(before, Poll::Pending), tm.pending()), (ElapsedKind::Own, 0));
    });
}

#[test]
fn loom_who_leaves_while_others_end_takes_nobody_along() {
    explore(|| {
        let (places, tm) = manager();
        let mut waiting: [_; 3] = core::array::from_fn(|_| run(&tm));
        waiting.iter_mut().for_each(|run| assert!(run.poll().is_pending()));
        let [first, leaves, last] = waiting;
        places.pass(NANO);
        let driver = thread::spawn(move || places.ring(0));
        drop(leaves);
        driver.join().unwrap();
        assert_eq!(tm.pending(), 0);
        for run in [first, last] {
            assert_eq!(finish(run, Poll::Pending), ElapsedKind::Own);
        }
    });
}

#[test]
fn loom_a_new_waker_is_called_or_not_needed() {
    explore(|| {
        let (places, tm) = manager();
        let mut waiting = run(&tm);
        assert!(waiting.future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        places.pass(NANO);
        let driver = thread::spawn(move || places.ring(0));
        let first = waiting.poll();
        driver.join().unwrap();
        assert_eq!(finish(waiting, first), ElapsedKind::Own);
    });
}

#[test]
fn loom_who_arrives_while_it_closes_is_told() {
    explore(|| {
        let (_places, tm) = manager();
        let closer = {
            let tm = tm.clone();
            thread::spawn(move || tm.close())
        };
        let mut waiting = run(&tm);
        let first = waiting.poll();
        closer.join().unwrap();
        assert_eq!((finish(waiting, first), tm.pending()), (ElapsedKind::Closed, 0));
    });
}

#[test]
fn loom_who_arrives_while_its_alarm_is_lost_waits_with_another() {
    explore(|| {
        let (places, tm) = manager();
        let mut before = run(&tm);
        assert!(before.poll().is_pending());
        let loser = {
            let places = places.clone();
            thread::spawn(move || places.lose(0))
        };
        let mut after = run(&tm);
        assert!(after.poll().is_pending());
        loser.join().unwrap();
        assert!(before.woken() > 0, "it was not told");
        assert!(before.poll().is_pending());
        if after.woken() > 0 {
            assert!(after.poll().is_pending());
        }
        places.pass(NANO);
        places.ring(0);
        assert_eq!(finish(before, Poll::Pending), ElapsedKind::Own);
        assert_eq!((finish(after, Poll::Pending), tm.pending()), (ElapsedKind::Own, 0));
    });
}

#[test]
fn loom_a_deadline_that_moves_is_seen_or_wakes() {
    explore(|| {
        let moving = Arc::new(Moving::new(Instant::FAR));
        let mover = {
            let moving = Arc::clone(&moving);
            thread::spawn(move || moving.move_to(Instant::ORIGIN))
        };
        let calls = Arc::<Calls>::default();
        moving.watch(&Waker::from(Arc::clone(&calls)));
        let seen = moving.instant();
        mover.join().unwrap();
        assert!(seen == Instant::ORIGIN || calls.0.load(Ordering::SeqCst) == 1, "the move was missed");
    });
}

#[test]
fn loom_all_extensions_count() {
    explore(|| {
        let moving = Arc::new(Moving::new(Instant::ORIGIN));
        let other = Arc::clone(&moving);
        let extender = thread::spawn(move || other.extend(NANO));
        moving.extend(NANO);
        extender.join().unwrap();
        assert_eq!(moving.instant(), Instant::ORIGIN + 2 * NANO);
    });
}

#[test]
fn loom_a_shield_that_ends_elsewhere_wakes_its_scope_or_is_seen() {
    explore(|| {
        let limit = Frame::Limit {
            clock: crate::time::ClockId::new(0),
            at: At::Fixed(Instant::FAR),
            start: Some(Instant::ORIGIN),
            shields: None,
        };
        let (limit, cover) = under(limit, || {
            let mut cover = None;
            Cover::keep(&mut cover);
            cover
        });
        let Frame::Limit { shields: Some(shields), .. } = limit else { panic!("nothing was covered") };
        let ender = thread::spawn(move || drop(cover));
        let calls = Arc::<Calls>::default();
        let holds = shields.hold(&Waker::from(Arc::clone(&calls)));
        ender.join().unwrap();
        assert!(!holds || calls.0.load(Ordering::SeqCst) == 1, "the scope waits for nobody");
        assert!(!shields.hold(Waker::noop()));
    });
}
