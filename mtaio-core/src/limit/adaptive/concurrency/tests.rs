mod interleavings;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Poll;
use core::time::Duration;
use std::sync::Mutex;

use super::{AdaptiveConcurrencyLimiter, AdaptivePermit, Outcome};
use crate::limit::ResourceLimitErrorKind as Kind;
use crate::limit::adaptive::algorithm::{LimitAlgorithm, Sample, Vegas};
use crate::runtime::tests::held::Held;
use crate::runtime::{ManualClock, VirtualRuntime};

/// As many as were let in last, and panics on a round trip of an hour.
#[derive(Debug)]
struct Odd(usize);

impl LimitAlgorithm for Odd {
    fn limit(&self) -> usize {
        self.0
    }

    fn record(&mut self, sample: &Sample) -> usize {
        assert!(sample.rtt() < Duration::from_secs(3600), "an algorithm that panics");
        self.0 = sample.in_flight * usize::from(!sample.dropped);
        self.0
    }
}

#[test]
fn an_algorithm_that_panics_costs_one_sample_and_no_permit() {
    let clock = ManualClock::new();
    let limiter = AdaptiveConcurrencyLimiter::with_algorithm(Odd(3), clock.clone());
    let permit = limiter.try_acquire().unwrap();
    clock.advance(Duration::from_secs(7200));
    let panic = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| permit.success()));
    assert!(panic.is_err());
    assert_eq!((limiter.in_flight(), limiter.limit()), (0, 3));
    let permits = [limiter.try_acquire().unwrap(), limiter.try_acquire().unwrap()];
    permits.into_iter().for_each(|permit| permit.success());
    assert_eq!(limiter.limit(), 2);
}

/// One more for each sample. While it looks at the first two others come, of which the first makes it panic.
#[derive(Debug)]
struct Interrupted {
    recorded: usize,
    others: Arc<Mutex<Vec<AdaptivePermit<ManualClock>>>>,
}

impl LimitAlgorithm for Interrupted {
    fn limit(&self) -> usize {
        10 + self.recorded
    }

    fn record(&mut self, sample: &Sample) -> usize {
        assert!(!sample.dropped, "an algorithm that panics");
        let others = core::mem::take(&mut *self.others.lock().unwrap());
        for (permit, outcome) in others.into_iter().zip([Outcome::Dropped, Outcome::Success]) {
            permit.finish(outcome);
        }
        self.recorded += 1;
        self.limit()
    }
}

#[test]
fn an_algorithm_that_panics_still_sees_those_that_came_meanwhile() {
    let others = Arc::new(Mutex::new(Vec::new()));
    let algorithm = Interrupted { recorded: 0, others: Arc::clone(&others) };
    let limiter = AdaptiveConcurrencyLimiter::with_algorithm(algorithm, ManualClock::new());
    let permit = limiter.try_acquire().unwrap();
    *others.lock().unwrap() = [limiter.try_acquire().unwrap(), limiter.try_acquire().unwrap()].into();
    let panic = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| permit.success()));
    assert_eq!((panic.is_err(), limiter.limit()), (true, 11));
    limiter.try_acquire().unwrap().success();
    assert_eq!((limiter.limit(), limiter.in_flight()), (13, 0));
}

/// Remembers how many were in flight, by sample.
#[derive(Debug)]
struct Notes(Arc<Mutex<Vec<usize>>>);

impl LimitAlgorithm for Notes {
    fn limit(&self) -> usize {
        4
    }

    fn record(&mut self, sample: &Sample) -> usize {
        self.0.lock().unwrap().push(sample.in_flight);
        4
    }
}

#[test]
fn who_is_handed_a_slot_takes_the_last_one_also_where_many_come_back_at_once() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let limiter = AdaptiveConcurrencyLimiter::with_algorithm(Notes(Arc::clone(&notes)), ManualClock::new());
    let permits: Vec<_> = (0..4).map(|_| limiter.try_acquire().unwrap()).collect();
    let mut waiting: Vec<_> = (0..4).map(|_| Held::waiting(limiter.acquire())).collect();
    permits.into_iter().for_each(|permit| permit.success());
    let permits: Vec<_> = waiting.iter_mut().map(|waiting| waiting.poll()).collect();
    for permit in permits {
        let Poll::Ready(Ok(permit)) = permit else { panic!("a slot was handed to it") };
        permit.success();
    }
    assert_eq!(*notes.lock().unwrap(), [1, 2, 3, 4, 4, 4, 4, 4]);
}

#[test]
fn an_algorithm_that_says_zero_lets_one_in() {
    let limiter = AdaptiveConcurrencyLimiter::with_algorithm(Odd(0), ManualClock::new());
    assert_eq!(limiter.limit(), 1);
    limiter.try_acquire().unwrap().dropped();
    assert_eq!(limiter.limit(), 1);
}

#[test]
fn what_is_ignored_teaches_nothing() {
    let clock = ManualClock::new();
    let limiter = AdaptiveConcurrencyLimiter::with_algorithm(Odd(9), clock.clone());
    for end in [0, 1, 2] {
        let permit = limiter.try_acquire().unwrap();
        clock.advance(Duration::from_millis(5));
        match end {
            0 => permit.ignore(),
            1 => permit.finish(Outcome::Ignored),
            _ => drop(permit),
        }
        assert_eq!((limiter.limit(), limiter.snapshot().last_rtt, limiter.in_flight()), (9, None, 0));
    }
}

#[test]
fn a_builder_says_what_is_wrong() {
    let builder = AdaptiveConcurrencyLimiter::<ManualClock>::builder;
    assert!(builder(0).build().unwrap_err().to_string().contains("begins at 0"));
    let error = builder(7).between(8, 9).build().unwrap_err();
    assert_eq!(error.to_string(), "a limit cannot begin at 7 and stay between 8 and 9");
    assert_eq!(crate::limit::ResourceError::from(error).to_string(), error.to_string());
    let vegas = builder(7).between(7, 9).algorithm(|bounds| Box::new(Vegas::within(bounds))).max_waiters(0);
    let limiter = vegas.build().unwrap();
    let permits: Vec<_> = (0..7).map(|_| limiter.try_acquire().unwrap()).collect();
    let refused = VirtualRuntime::new().block_on(limiter.acquire()).unwrap_err();
    assert_eq!((refused.kind(), permits.len()), (Kind::QueueFull, 7));
}
