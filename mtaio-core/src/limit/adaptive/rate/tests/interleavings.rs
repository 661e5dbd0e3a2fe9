//! Models of reports that meet: each also runs often as an ordinary test.

use crate::limit::Quota;
use crate::limit::adaptive::rate::AdaptiveRateLimiter;
use crate::limit::adaptive::rate::scale::scaled;
use crate::primitive::model::{explore, thread};
use crate::runtime::tests::places::Places;

const TEN: Quota = Quota::per_second(10).burst(1);

/// One table, so that it does not matter to a model how keys are hashed.
fn limiter() -> AdaptiveRateLimiter<u64, Places> {
    AdaptiveRateLimiter::builder(TEN).tables(1).build_on(Places::default()).unwrap()
}

#[test]
fn loom_two_reports_of_a_key_at_once_leave_it_the_quota_of_its_weight() {
    explore(|| {
        let limiter = limiter();
        limiter.try_acquire(&1).unwrap();
        let other = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.adjust_rate(&1, 0.4))
        };
        limiter.adjust_rate(&1, 0.95);
        other.join().unwrap();
        // Whoever was last said whether less is admitted.
        assert_eq!(limiter.quota(&1), scaled(TEN, limiter.weights.factor(&1)));
        assert!((limiter.weight(&1) - 0.96).abs() < 1e-12);
    });
}

#[test]
fn loom_a_key_that_comes_while_the_load_of_all_is_reported_has_the_quota_of_that_load() {
    explore(|| {
        let limiter = AdaptiveRateLimiter::<u64, Places>::builder(TEN).global_load().tables(1);
        let limiter = limiter.build_on(Places::default()).unwrap();
        let other = {
            let limiter = limiter.clone();
            // The weight of that key stays what it is.
            thread::spawn(move || limiter.adjust_rate(&2, 0.85))
        };
        limiter.try_acquire(&1).unwrap();
        other.join().unwrap();
        assert_eq!(limiter.quota(&1), scaled(TEN, 0.5));
    });
}

#[test]
fn loom_a_key_that_comes_while_it_is_removed_has_the_quota_of_its_weight() {
    explore(|| {
        let limiter = limiter();
        limiter.adjust_rate(&1, 0.95);
        let other = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.remove(&1))
        };
        limiter.try_acquire(&1).unwrap();
        assert!(other.join().unwrap());
        assert_eq!(limiter.quota(&1), scaled(TEN, limiter.weights.factor(&1)));
    });
}
