//! One who waits for several limits and gives up, while one of them comes.

use core::time::Duration;

use crate::limit::combined::ResourceLimiter;
use crate::limit::concurrency::ConcurrencyLimiter;
use crate::limit::quota::Quota;
use crate::limit::rate::RateLimiter;
use crate::primitive::model::{explore, thread};
use crate::runtime::tests::held::Held;
use crate::runtime::tests::places::Places;

const SECOND: Duration = Duration::from_secs(1);

/// A slot and two rates, of which the slow one may be empty.
struct Limits {
    places: Places,
    slots: ConcurrencyLimiter<Places>,
    slow: RateLimiter<Places>,
    fast: RateLimiter<Places>,
    all: ResourceLimiter<Places>,
}

impl Limits {
    fn new(cells: u32) -> Self {
        let places = Places::default();
        let slots = ConcurrencyLimiter::with_runtime(1, places.clone());
        let slow = RateLimiter::builder(Quota::per_second(1).burst(1)).initial(cells).build_on(places.clone());
        let fast = RateLimiter::with_runtime(Quota::per_second(10).burst(1), places.clone());
        let all = ResourceLimiter::builder().concurrency(&slots).rate(&slow).rate(&fast).build().unwrap();
        Self { places, slots, slow, fast, all }
    }

    fn waiting(&self) -> Held<()> {
        let all = self.all.clone();
        Held::waiting(async move { drop(all.acquire().await.unwrap()) })
    }

    /// Nobody holds anything or waits, and all is there.
    fn assert_untouched(&self) {
        assert_eq!((self.slots.available(), self.slow.available(), self.fast.available()), (1, 1, 1));
        assert_eq!((self.slots.waiters(), self.slow.waiters(), self.fast.waiters()), (0, 0, 0));
        drop(self.all.try_acquire().unwrap());
    }
}

#[test]
fn loom_a_slot_that_comes_to_one_who_gives_up_is_free_again() {
    explore(|| {
        let limits = Limits::new(1);
        let slot = limits.slots.try_acquire_owned().unwrap();
        let waiting = limits.waiting();
        let holder = thread::spawn(move || drop(slot));
        drop(waiting);
        holder.join().unwrap();
        limits.assert_untouched();
    });
}

#[test]
fn loom_a_turn_that_comes_to_one_who_gives_up_spends_nothing() {
    explore(|| {
        let limits = Limits::new(0);
        let waiting = limits.waiting();
        limits.places.pass(SECOND);
        let driver = {
            let places = limits.places.clone();
            thread::spawn(move || places.ring(0))
        };
        drop(waiting);
        driver.join().unwrap();
        limits.assert_untouched();
    });
}

#[test]
fn loom_a_turn_that_comes_while_one_looks_is_taken_once() {
    explore(|| {
        let limits = Limits::new(0);
        let mut waiting = limits.waiting();
        limits.places.pass(SECOND);
        let driver = {
            let places = limits.places.clone();
            thread::spawn(move || places.ring(0))
        };
        let first = waiting.poll();
        driver.join().unwrap();
        if first.is_pending() {
            assert!(waiting.woken() > 0, "a wake was lost");
            assert!(waiting.poll().is_ready(), "woken for nothing");
        }
        assert_eq!((limits.slots.available(), limits.slow.available(), limits.fast.available()), (1, 0, 0));
        assert_eq!((limits.slots.waiters(), limits.slow.waiters(), limits.fast.waiters()), (0, 0, 0));
    });
}
