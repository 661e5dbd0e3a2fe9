mod interleavings;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::time::Duration;

use super::table::Visits;
use super::{KeyedConcurrencyLimiter, KeyedRateLimiter};
use crate::limit::error::{ResourceLimitError, ResourceLimitErrorKind as Kind};
use crate::limit::{KeyedLimiter, Quota, WhenFull};
use crate::runtime::tests::held::Held;
use crate::runtime::tests::places::Places;
use crate::runtime::{Clock, ManualClock};

const SLOW: Quota = Quota::per_hour(1).burst(1);

type Waiting = Held<Result<(), ResourceLimitError>>;

fn acquire(limiter: &KeyedRateLimiter<u64, Places>, key: u64) -> Waiting {
    Waiting::waiting(KeyedLimiter::admit(limiter, key, 1))
}

#[test]
fn a_flood_of_keys_is_no_more_than_may_be_and_each_sees_a_handful() {
    // Ten million where it is optimised, and as many as there is time for where it is not.
    const MOST: usize = if cfg!(debug_assertions) { 10_000 } else { 100_000 };
    const TIMES: u64 = if cfg!(debug_assertions) { 20 } else { 100 };
    let limiter = KeyedRateLimiter::<u64, _>::builder(SLOW).max_keys(MOST).build_on(ManualClock::new());
    let mut most = Visits::default();
    for key in 0..TIMES * MOST as u64 {
        let mut visits = Visits::default();
        assert_eq!(limiter.try_acquire_counted(&key, &mut visits), Ok(()));
        most = most.max(visits);
        assert!(limiter.len() <= MOST);
    }
    assert_eq!(limiter.len(), MOST);
    assert!(most <= Visits(32), "{most:?}");
}

#[test]
fn where_new_keys_are_refused_an_idle_one_of_any_table_makes_room() {
    let clock = ManualClock::new();
    let refusing = KeyedRateLimiter::<u64, _>::builder(SLOW).max_keys(2).when_full(WhenFull::Refuse);
    let limiter = refusing.build_on(clock.clone());
    for keys in (0..200_u64).step_by(2) {
        assert_eq!((limiter.try_acquire(&keys), limiter.try_acquire(&(keys + 1))), (Ok(()), Ok(())));
        // Both are in use until their buckets are full again.
        assert_eq!(limiter.try_acquire(&u64::MAX).unwrap_err().kind(), Kind::TooManyKeys);
        clock.advance(SLOW.emission_interval());
    }
}

#[test]
fn who_is_refused_because_all_keys_are_in_use_has_looked_at_a_handful() {
    const MOST: usize = 10_000;
    let refusing = KeyedRateLimiter::<u64, _>::builder(SLOW).max_keys(MOST).when_full(WhenFull::Refuse);
    let limiter = refusing.build_on(ManualClock::new());
    for key in 0..2 * MOST as u64 {
        let mut visits = Visits::default();
        let taken = limiter.try_acquire_counted(&key, &mut visits);
        assert_eq!(
            taken.map_err(|error| error.kind()),
            if key < MOST as u64 { Ok(()) } else { Err(Kind::TooManyKeys) }
        );
        assert!(visits <= Visits(32), "{visits:?}");
    }
}

#[test]
fn keys_that_are_idle_see_to_each_other() {
    let clock = ManualClock::new();
    let limiter = KeyedRateLimiter::<u64, _>::with_runtime(Quota::per_second(1000).burst(1), clock.clone());
    let mut most = 0;
    for key in 0..200_000_u64 {
        clock.advance(Duration::from_micros(1));
        let mut visits = Visits::default();
        assert_eq!(limiter.try_acquire_counted(&key, &mut visits), Ok(()));
        assert!(visits <= Visits(32), "{visits:?}");
        most = most.max(limiter.len());
    }
    // A thousand come in the time in which a bucket fills.
    assert!(most <= 3_000, "{most}");
}

/// A key whose hash is always the same.
#[derive(Clone, PartialEq, Eq)]
struct Colliding(u32);

impl Hash for Colliding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        7_u32.hash(state);
    }
}

#[test]
fn keys_that_all_collide_are_only_slow() {
    let limiter = KeyedRateLimiter::<Colliding, _>::with_runtime(SLOW, ManualClock::new());
    for key in (0..500).map(Colliding) {
        assert_eq!(limiter.try_acquire(&key), Ok(()));
    }
    for key in (0..500).map(Colliding) {
        assert_eq!(limiter.try_acquire(&key).unwrap_err().kind(), Kind::NotReady);
    }
}

#[test]
fn patterns_of_keys_do_not_make_chains_long() {
    let patterns: [fn(u64) -> u64; 5] =
        [|key| key, |key| key << 40, |key| key * 65_536, |key| u64::MAX - key, |key| key.reverse_bits()];
    for pattern in patterns {
        let limiter = KeyedRateLimiter::<u64, _>::with_runtime(SLOW, ManualClock::new());
        for key in 0..50_000 {
            let mut visits = Visits::default();
            assert_eq!(limiter.try_acquire_counted(&pattern(key), &mut visits), Ok(()));
            assert!(visits <= Visits(32), "{visits:?}");
        }
    }
}

#[test]
fn levels_that_were_not_seen_for_very_long_are_full() {
    // So many units in a nanosecond that the levels wrap around within seconds.
    let quota = Quota::new(999_999_937, Duration::from_secs(1)).unwrap().burst(1);
    let clock = ManualClock::new();
    let limiter = KeyedRateLimiter::<u64, _>::with_runtime(quota, clock.clone());
    let empty = || (0..1000).filter_map(|key| limiter.try_acquire(&key).err()).collect::<Vec<_>>();
    assert_eq!(empty(), []);
    // Another key of a quota whose levels hold for years is as empty as it was.
    limiter.set_quota(&5_000, Quota::per_hour(1).burst(1));
    assert_eq!(limiter.try_acquire(&5_000), Ok(()));
    for nanos in [1, 9_223_372_036, 18_446_744_073, 18_446_745_235, 40_000_000_000] {
        clock.advance(Duration::from_nanos(nanos + 2));
        assert_eq!(empty(), [], "{nanos}");
        assert!(limiter.try_acquire(&5_000).is_err());
    }
}

#[test]
fn keys_that_nobody_has_asked_for_very_long_are_not_busy() {
    let quota = Quota::new(999_999_937, Duration::from_secs(1)).unwrap().burst(1);
    let clock = ManualClock::new();
    let limiter = KeyedRateLimiter::<u64, _>::with_runtime(quota, clock.clone());
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    for _ in 0..100 {
        clock.advance(Duration::from_millis(100));
        assert!(limiter.busiest(1).iter().all(|usage| usage.in_use == 0));
    }
}

#[test]
fn keys_of_a_table_that_nobody_has_used_for_very_long_make_room() {
    let quota = Quota::new(999_999_937, Duration::from_secs(1)).unwrap().burst(1);
    for millis in (100..5_000).step_by(100) {
        let clock = ManualClock::new();
        let refusing = KeyedRateLimiter::<u64, _>::builder(quota).max_keys(2).when_full(WhenFull::Refuse);
        let limiter = refusing.build_on(clock.clone());
        assert_eq!((limiter.try_acquire(&1), limiter.try_acquire(&2)), (Ok(()), Ok(())));
        clock.advance(Duration::from_millis(millis));
        // Their buckets have long been full.
        assert_eq!(limiter.try_acquire(&3), Ok(()), "{millis}");
    }
}

#[test]
fn keys_that_are_asked_all_the_time_keep_their_levels_and_nobody_looks_at_all_of_them() {
    // As above, so that all have to be looked at several times a second; others have levels that hold for years.
    const KEYS: u64 = 6_000;
    let quota = Quota::new(999_999_937, Duration::from_secs(1)).unwrap().burst(1);
    let clock = ManualClock::new();
    let limiter = KeyedRateLimiter::<u64, _>::with_runtime(quota, clock.clone());
    for key in (0..KEYS).filter(|key| key % 2 == 0) {
        limiter.set_quota(&key, Quota::per_hour(1).burst(1));
    }
    (0..KEYS).for_each(|key| assert_eq!(limiter.try_acquire(&key), Ok(())));
    let (_, due) = limiter.unseen();
    for step in 0..10 * KEYS {
        clock.advance(Duration::from_nanos(2 * due / KEYS));
        let (key, mut visits) = (step * 7_919 % KEYS, Visits::default());
        assert_eq!(limiter.try_acquire_counted(&key, &mut visits).is_ok(), key % 2 == 1, "{key}");
        assert!(visits <= Visits(32), "{visits:?}");
        assert!(limiter.unseen().0 <= 2 * due, "{step}");
    }
}

#[test]
fn a_clock_that_steps_back_costs_a_key_at_most_a_refill() {
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(3600));
    let limiter = KeyedRateLimiter::<u64, _>::with_runtime(Quota::per_second(1).burst(3), clock.clone());
    assert_eq!(limiter.try_acquire(&1), Ok(()));
    clock.set(crate::Instant::from_nanos(5));
    let wait = limiter.try_acquire(&1).unwrap_err().retry_after().unwrap();
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    clock.advance(Duration::from_secs(3));
    assert_eq!(limiter.available(&1), 3);
}

#[test]
fn a_bucket_goes_on_in_a_line_of_its_own_where_it_was() {
    let clock = ManualClock::new();
    let limiter = KeyedRateLimiter::<u64, _>::with_runtime(Quota::per_second(10).burst(3), clock.clone());
    clock.advance(Duration::from_nanos(123_456_789));
    assert_eq!(limiter.try_acquire_many(&1, 3), Ok(()));
    clock.advance(Duration::from_nanos(70_000_001));
    let before = limiter.try_acquire(&1).unwrap_err();
    let one = limiter.limiter(&1).unwrap();
    assert_eq!(one.try_acquire().unwrap_err(), before);
    clock.advance(before.retry_after().unwrap() - Duration::from_nanos(1));
    assert!(limiter.try_acquire(&1).is_err());
    clock.advance(Duration::from_nanos(1));
    assert_eq!((limiter.try_acquire(&1), one.available()), (Ok(()), 0));
}

#[test]
fn where_a_runtime_goes_away_its_keys_are_waited_for_elsewhere() {
    let places = Places::default();
    let limiter = KeyedRateLimiter::<u64, _>::with_runtime(Quota::per_second(1).burst(1), places.clone());
    for key in 0..3 {
        limiter.try_acquire(&key).unwrap();
    }
    let mut waiting: Vec<_> = (0..3).map(|key| places.at(1, || acquire(&limiter, key))).collect();
    places.lose(1);
    for waiter in &mut waiting {
        assert_eq!(waiter.woken(), 1);
        assert!(places.at(2, || waiter.poll()).is_pending());
    }
    places.pass(Duration::from_secs(1));
    places.ring(1);
    assert!(waiting.iter().all(|waiter| waiter.woken() == 0));
    places.ring(2);
    assert!(waiting.iter_mut().all(|waiter| waiter.woken() == 1 && waiter.poll().is_ready()));
}

#[test]
fn two_runtimes_ring_for_the_keys_that_wait_in_either() {
    let places = Places::default();
    let limiter = KeyedRateLimiter::<u64, _>::with_runtime(Quota::per_second(1).burst(1), places.clone());
    for key in 0..2 {
        limiter.try_acquire(&key).unwrap();
    }
    let mut here = places.at(1, || acquire(&limiter, 0));
    let mut there = places.at(2, || acquire(&limiter, 1));
    places.pass(Duration::from_secs(1));
    // The other one is not driven.
    places.ring(2);
    assert!(
        (here.woken(), here.poll().is_ready()) == (1, true) && (there.woken(), there.poll().is_ready()) == (1, true)
    );
}

#[test]
fn keyed_limiters_are_send_and_sync_if_their_keys_are_send() {
    fn is<T: Send + Sync + Clone + Unpin>() {}
    is::<KeyedRateLimiter<core::cell::Cell<u8>, ManualClock>>();
    is::<KeyedConcurrencyLimiter<core::cell::Cell<u8>, ManualClock>>();
    let _ = Arc::new(ManualClock::new().now());
}
