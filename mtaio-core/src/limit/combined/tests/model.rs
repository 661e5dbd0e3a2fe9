//! Combined limiters against a model that has no wakers, no locks and no futures: lines, pools and levels, walked through from
//! the first waiter to the last until nothing moves.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use proptest::prelude::*;

use crate::limit::{
    AcquireResources, ConcurrencyLimiter, PartKind, Quota, RateLimiter, ResourceLimiter, ResourcePermit,
};
use crate::runtime::ManualClock;

/// Cells come at multiples of this only.
const STEP: Duration = Duration::from_millis(100);
const POOLS: usize = 2;
const RATES: usize = 3;
/// Slots in each pool.
const SLOTS: usize = 3;
const BURST: u32 = 4;
/// Steps between two cells of each rate; the order of the rates, slowest first, is that of their numbers.
const INTERVALS: [u32; RATES] = [5, 2, 1];

/// Where a waiter is: the line that it stands in, if it came to one, with those before it passed.
#[derive(Clone, Debug)]
struct Walker {
    /// Pools and costs in the order in which they are taken, then rates.
    slots: Vec<(usize, u32)>,
    rates: Vec<(usize, u32)>,
    passed: usize,
    queued: bool,
    /// The last line has given it its cells.
    granted: bool,
    done: bool,
}

impl Walker {
    fn pass(&mut self) {
        self.passed += 1;
        self.queued = false;
        self.done = self.passed == self.slots.len() + self.rates.len();
    }
}

struct Level {
    /// In steps.
    full: u32,
    line: VecDeque<usize>,
}

struct Pool {
    free: usize,
    line: VecDeque<usize>,
}

impl Pool {
    fn take(&mut self, cost: u32) -> bool {
        let fits = self.free >= cost as usize;
        self.free -= if fits { cost as usize } else { 0 };
        fits
    }
}

struct Model {
    pools: Vec<Pool>,
    levels: Vec<Level>,
    walkers: Vec<Walker>,
}

impl Model {
    fn new() -> Self {
        let pool = |_| Pool { free: SLOTS, line: VecDeque::new() };
        let level = |rate: usize| Level { full: BURST * INTERVALS[rate], line: VecDeque::new() };
        Self { pools: (0..POOLS).map(pool).collect(), levels: (0..RATES).map(level).collect(), walkers: Vec::new() }
    }

    fn step(&mut self) {
        for (level, interval) in self.levels.iter_mut().zip(INTERVALS) {
            level.full = (level.full + 1).min(BURST * interval);
        }
    }

    fn conforms(&self, (rate, cost): (usize, u32)) -> bool {
        self.levels[rate].full >= cost * INTERVALS[rate]
    }

    /// Everybody goes as far as possible, until nobody moves.
    fn settle(&mut self) {
        self.pump();
        while (0..self.walkers.len()).filter(|&number| self.walk(number)).count() > 0 {}
    }

    /// Hands over to the front of each line what it waits for, if that is there and it does not hold its turn only.
    fn pump(&mut self) {
        for pool in 0..POOLS {
            while let Some(&first) = self.pools[pool].line.front() {
                let (_, cost) = self.walkers[first].slots[self.walkers[first].passed];
                if !self.pools[pool].take(cost) {
                    break;
                }
                self.pools[pool].line.pop_front();
                self.walkers[first].pass();
            }
        }
        for (rate, interval) in INTERVALS.into_iter().enumerate() {
            while let Some(&first) = self.levels[rate].line.front() {
                let walker = &self.walkers[first];
                let (last, cost) = *walker.rates.last().expect("it is in a line");
                if last != rate || !self.conforms((rate, cost)) {
                    break;
                }
                self.levels[rate].full -= cost * interval;
                self.levels[rate].line.pop_front();
                self.walkers[first].granted = true;
            }
        }
    }

    fn walk(&mut self, number: usize) -> bool {
        let mut moved = false;
        while !self.walkers[number].done && self.go_on(number) {
            moved = true;
            self.pump();
        }
        moved
    }

    /// One move. False if there is none.
    fn go_on(&mut self, number: usize) -> bool {
        let Walker { ref slots, ref rates, passed, queued, granted, .. } = self.walkers[number];
        if let Some(&(pool, cost)) = slots.get(passed) {
            let pool = &mut self.pools[pool];
            if pool.line.is_empty() && pool.take(cost) {
                self.walkers[number].pass();
                return true;
            }
            if !queued {
                pool.line.push_back(number);
            }
            return !core::mem::replace(&mut self.walkers[number].queued, true);
        }
        let (at, rates) = (passed - slots.len(), rates.clone());
        let is_free = |&rate: &(usize, u32)| self.levels[rate.0].line.is_empty() && self.conforms(rate);
        if granted {
            self.spend(number, &rates[..at]);
        } else if at == 0 && !queued && rates.iter().all(is_free) {
            self.spend(number, &rates);
        } else if !queued {
            self.levels[rates[at].0].line.push_back(number);
            self.walkers[number].queued = true;
        } else if self.levels[rates[at].0].line.front() == Some(&number) && self.conforms(rates[at]) {
            self.walkers[number].pass();
        } else {
            return false;
        }
        true
    }

    /// Takes from these rates, and is done.
    fn spend(&mut self, number: usize, rates: &[(usize, u32)]) {
        for &(rate, cost) in rates {
            self.levels[rate].full -= cost * INTERVALS[rate];
        }
        self.leave(number);
        let walker = &mut self.walkers[number];
        (walker.passed, walker.done) = (walker.slots.len() + walker.rates.len(), true);
    }

    fn leave(&mut self, number: usize) {
        let pools = self.pools.iter_mut().map(|pool| &mut pool.line);
        pools.chain(self.levels.iter_mut().map(|level| &mut level.line)).for_each(|line| line.retain(|&n| n != number));
    }

    /// Gives up, or returns the slots.
    fn end(&mut self, number: usize) {
        self.leave(number);
        let walker = &mut self.walkers[number];
        let held = walker.passed.min(walker.slots.len());
        for (pool, cost) in walker.slots.drain(..).take(held) {
            self.pools[pool].free += cost as usize;
        }
        (walker.passed, walker.done) = (0, true);
        walker.rates.clear();
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

enum Real {
    Waits(Pin<Box<AcquireResources<'static, ManualClock>>>, Arc<Flag>),
    Holds(#[expect(dead_code, reason = "it is held to be dropped")] ResourcePermit<'static, ManualClock>),
    Gone,
}

struct World {
    clock: ManualClock,
    pools: Vec<ConcurrencyLimiter<ManualClock>>,
    rates: Vec<RateLimiter<ManualClock>>,
    real: Vec<Real>,
    model: Model,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::new();
        let quota = |rate: usize| Quota::every(STEP * INTERVALS[rate]).unwrap().burst(BURST);
        let rates = (0..RATES).map(|rate| RateLimiter::with_runtime(quota(rate), clock.clone())).collect();
        let pools = (0..POOLS).map(|_| ConcurrencyLimiter::with_runtime(SLOTS, clock.clone())).collect();
        Self { clock, pools, rates, real: Vec::new(), model: Model::new() }
    }

    /// `costs` of the pools, then of the rates; what costs nothing is no part.
    fn arrive(&mut self, costs: &[u32], reversed: bool) {
        let mut parts: Vec<_> = (0..POOLS + RATES).filter(|&part| costs[part] > 0).collect();
        if reversed {
            parts.reverse();
        }
        let builder = parts.iter().fold(ResourceLimiter::builder(), |builder, &part| match part.checked_sub(POOLS) {
            None => builder.concurrency(&self.pools[part]),
            Some(rate) => builder.rate(&self.rates[rate]),
        });
        let Ok(limiter) = builder.build() else { return };
        let own: Vec<_> = parts.iter().map(|&part| costs[part]).collect();
        // The addresses of the pools decide about their order.
        let slots = limiter.parts.slots.iter().map(|slots| parts[slots.part.index()]);
        let rates = limiter.parts.rates.iter().map(|rate| parts[rate.part.index()] - POOLS);
        let walker = Walker {
            slots: slots.map(|pool| (pool, costs[pool])).collect(),
            rates: rates.map(|rate| (rate, costs[POOLS + rate])).collect(),
            passed: 0,
            queued: false,
            granted: false,
            done: false,
        };
        assert!(walker.rates.is_sorted(), "slowest first");
        assert!(limiter.parts().all(|part| part.kind() == PartKind::Rate || parts[part.index()] < POOLS));
        self.model.walkers.push(walker);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.real.push(Real::Waits(Box::pin(limiter.acquire_many_owned(&own)), flag));
    }

    /// Whoever was woken is polled, in order, until nobody is.
    fn settle(&mut self) {
        self.model.settle();
        loop {
            let mut polled = false;
            for real in &mut self.real {
                let Real::Waits(future, flag) = real else { continue };
                if flag.0.swap(false, Ordering::SeqCst) {
                    polled = true;
                    let waker = Waker::from(Arc::clone(flag));
                    if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        *real = Real::Holds(outcome.expect("nothing is closed, and everything fits"));
                    }
                }
            }
            if !polled {
                return;
            }
        }
    }

    fn assert_same(&self) {
        for (real, walker) in self.real.iter().zip(&self.model.walkers) {
            assert_eq!(matches!(real, Real::Waits(..)), !walker.done);
        }
        for (pool, model) in self.pools.iter().zip(&self.model.pools) {
            assert_eq!((pool.waiters(), pool.in_flight()), (model.line.len(), SLOTS - model.free));
        }
        for ((rate, model), interval) in self.rates.iter().zip(&self.model.levels).zip(INTERVALS) {
            let available = if model.line.is_empty() { model.full / interval } else { 0 };
            assert_eq!((rate.waiters(), rate.available()), (model.line.len(), available));
        }
    }

    fn end(&mut self, number: usize) {
        self.model.end(number);
        self.real[number] = Real::Gone;
    }
}

#[derive(Clone, Debug)]
enum Act {
    Arrive(Vec<u32>, bool),
    End(prop::sample::Index),
    Steps(u32),
}

fn act() -> impl Strategy<Value = Act> {
    let cost = prop_oneof![3 => Just(0_u32), 3 => Just(1), 1 => 2..=SLOTS as u32];
    prop_oneof![
        4 => (prop::collection::vec(cost, POOLS + RATES), any::<bool>()).prop_map(|(costs, back)| Act::Arrive(costs, back)),
        3 => any::<prop::sample::Index>().prop_map(Act::End),
        3 => (1..6_u32).prop_map(Act::Steps),
    ]
}

proptest! {
    #[test]
    fn a_combination_is_lines_pools_and_levels(acts in prop::collection::vec(act(), 1..60)) {
        let mut world = World::new();
        for act in acts {
            match act {
                Act::Arrive(costs, reversed) => world.arrive(&costs, reversed),
                Act::End(index) if !world.real.is_empty() => world.end(index.index(world.real.len())),
                Act::End(_) => {}
                Act::Steps(steps) => for _ in 0..steps {
                    world.clock.advance(STEP);
                    world.model.step();
                    world.settle();
                    world.assert_same();
                },
            }
            world.settle();
            world.assert_same();
        }
        (0..world.real.len()).for_each(|number| world.end(number));
        world.assert_same();
    }
}
