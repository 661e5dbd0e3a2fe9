//! The limiters of one program, and how it is run to its end.

use alloc::sync::Arc;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::Mutex;

use mtaio_core::limit::{ConcurrencyLimiter, KeyedConcurrencyLimiter, KeyedRateLimiter, RateLimiter, ResourceLimiter};
use mtaio_core::runtime::{Clock, Spawn, Timer, VirtualRuntime};
use mtaio_core::timeout::TimeoutManager;

use crate::book::Book;
use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::limit::{Cells, Limit, Slots};
use crate::play::Player;
use crate::program::{Change, Part, Program};

pub(crate) struct World {
    pub(crate) home: VirtualRuntime,
    pub(crate) rates: Vec<Arc<Book<Cells>>>,
    pub(crate) slots: Vec<Arc<Book<Slots>>>,
    pub(crate) combined: Vec<ResourceLimiter<VirtualRuntime>>,
    pub(crate) timeouts: TimeoutManager<VirtualRuntime>,
    pub(crate) faults: Arc<Faults>,
    /// How many tasks have come to their end.
    done: AtomicUsize,
}

/// The book of one part of a combined limiter.
#[derive(Clone, Copy)]
pub(crate) enum PartBook<'a> {
    Rate(&'a Arc<Book<Cells>>),
    Slots(&'a Arc<Book<Slots>>),
}

impl PartBook<'_> {
    pub(crate) fn is_rate(&self) -> bool {
        matches!(self, Self::Rate(_))
    }

    pub(crate) fn moment(&self) -> usize {
        match self {
            Self::Rate(book) => book.limiter.moment(),
            Self::Slots(book) => book.limiter.moment(),
        }
    }

    pub(crate) fn waited(&self) {
        if let Self::Rate(book) = self {
            book.limiter.waited();
        }
    }

    /// Somebody has got so many since that moment; `at_once` if without waiting.
    pub(crate) fn got(&self, n: u32, since: usize, at_once: bool) {
        match self {
            Self::Rate(book) if at_once => book.taken(n),
            Self::Rate(book) => book.limiter.write_since(n.into(), since),
            Self::Slots(book) => {
                if at_once {
                    book.taken(n);
                }
                book.limiter.hold(book, n, since);
            }
        }
    }

    pub(crate) fn maybe_returned(&self, n: u32, since: usize) {
        if let Self::Rate(book) = self {
            book.limiter.write_since(-i64::from(n), since);
        }
    }

    /// Slots are about to come back; cells too, if the work was not done.
    pub(crate) fn give_back(&self, n: u32, refund: bool) {
        match self {
            Self::Rate(book) if refund => book.limiter.returned(n),
            Self::Rate(_) => {}
            Self::Slots(book) => book.limiter.release(n),
        }
    }
}

impl World {
    fn new(program: &Program) -> Arc<Self> {
        let home = VirtualRuntime::coarse(program.seed, program.granularity);
        let faults = Arc::new(Faults::default());
        let keys = Keys::new(program, &home);
        let rates: Vec<_> = (0..program.rates.len()).map(|number| rate(program, number, &keys, &faults)).collect();
        let slots: Vec<_> = (0..program.slots.len()).map(|number| pool(program, number, &keys, &faults)).collect();
        let combine = |parts: &Vec<Part>| {
            let builder = parts.iter().fold(ResourceLimiter::builder(), |builder, part| match *part {
                Part::Rate(rate) => builder.rate(&rates[rate].limiter.limiter),
                Part::Slots(slots_of) => builder.concurrency(&slots[slots_of].limiter.limiter),
            });
            builder.build().expect("its parts are different ones of one clock")
        };
        let combined = program.combined.iter().map(combine).collect();
        let timeouts = TimeoutManager::with_runtime(program.timeout, home.clone());
        Arc::new(Self { home, rates, slots, combined, timeouts, faults, done: AtomicUsize::new(0) })
    }

    pub(crate) fn part(&self, part: Part) -> PartBook<'_> {
        match part {
            Part::Rate(number) => PartBook::Rate(&self.rates[number]),
            Part::Slots(number) => PartBook::Slots(&self.slots[number]),
        }
    }

    pub(crate) fn check_fronts(&self) {
        self.slots.iter().for_each(|book| book.check_front());
    }

    /// Everything is late now.
    pub(crate) fn stall(&self, time: Duration) {
        self.rates.iter().for_each(|book| book.turn_it());
        self.home.stall(time);
    }

    fn change(&self, change: &Change) {
        match *change {
            Change::Quota(rate, quota) => {
                let book = &self.rates[rate];
                book.review(quota.burst_size(), || book.limiter.set_quota(quota));
            }
            Change::Limit(slots, limit) => {
                let book = &self.slots[slots];
                // A limit of zero is a pause.
                let fits = if limit == 0 { u32::MAX } else { limit as u32 };
                book.review(fits, || book.limiter.set_limit(limit));
            }
            Change::CloseRate(rate) => self.rates[rate].review(0, || self.rates[rate].limiter.limiter.close()),
            Change::CloseSlots(slots) => self.slots[slots].review(0, || self.slots[slots].limiter.limiter.close()),
            Change::CloseCombined(combined) => self.combined[combined].close(),
            Change::CloseTimeouts => self.timeouts.close(),
        }
        self.check_fronts();
    }

    async fn direct(self: Arc<Self>, program: Arc<Program>) {
        for (pause, change) in &program.changes {
            self.home.sleep_until(self.home.now() + *pause).await;
            self.change(change);
        }
        // Nobody has to wait for ever.
        for (number, book) in self.slots.iter().enumerate().filter(|(_, book)| book.limiter.limiter.limit() == 0) {
            let _: &Arc<_> = book;
            self.change(&Change::Limit(number, 1));
        }
    }

    fn start(self: &Arc<Self>, program: &Arc<Program>, abroad: Option<&VirtualRuntime>) -> Vec<Task> {
        let director = self.home.spawn(self.clone().direct(program.clone()));
        let tasks = (0..program.tasks.len()).map(|number| {
            let here = abroad.filter(|_| program.tasks[number].abroad).unwrap_or(&self.home);
            let player = Player::new(self, here, program);
            let (world, program) = (Arc::clone(self), Arc::clone(program));
            here.spawn(async move {
                player.play_task(&program.tasks[number]).await;
                world.done.fetch_add(1, Ordering::SeqCst);
            })
        });
        let mut all: Vec<Task> = tasks.collect();
        all.push(director);
        all
    }

    fn check_end(&self) {
        let longest = self.rates.iter().map(|book| book.limiter.time_to_fill()).max().unwrap_or_default();
        self.home.run_for(longest + Duration::from_secs(2));
        self.rates.iter().for_each(|book| book.check_empty());
        self.check_nothing_is_left();
    }

    fn check_nothing_is_left(&self) {
        self.slots.iter().for_each(|book| book.check_empty());
        let waiting: usize = self.rates.iter().map(|book| book.limiter.limiter.waiters()).sum();
        let left = (self.home.tasks(), self.home.pending(), self.timeouts.pending(), waiting);
        self.faults.unless(left == (0, 0, 0, 0), || format!("tasks, sleeps, deadlines and waiters are left: {left:?}"));
    }
}

type Task = mtaio_core::runtime::JoinHandle<()>;

/// The limiters per key of a program: a key for each of its rates, and for each of its pools.
struct Keys {
    home: VirtualRuntime,
    rates: KeyedRateLimiter<usize, VirtualRuntime>,
    slots: KeyedConcurrencyLimiter<usize, VirtualRuntime>,
}

impl Keys {
    fn new(program: &Program, home: &VirtualRuntime) -> Self {
        let quotas: Vec<_> = program.rates.iter().map(|rate| rate.quota).collect();
        let limits: Vec<_> = program.slots.iter().map(|slots| slots.limit).collect();
        let rates = KeyedRateLimiter::builder(quotas[0]).quota_of(move |number: &usize| quotas[*number]);
        let slots = KeyedConcurrencyLimiter::builder(1).limit_of(move |number: &usize| limits[*number]);
        let slots = slots.build_on(home.clone()).expect("the limit is not zero");
        Self { home: home.clone(), rates: rates.build_on(home.clone()), slots }
    }
}

fn rate(program: &Program, number: usize, keys: &Keys, faults: &Arc<Faults>) -> Arc<Book<Cells>> {
    let spec = &program.rates[number];
    let keyed = spec.keyed.then(|| (keys.rates.clone(), number));
    let limiter = if spec.keyed {
        let limiter = keys.rates.limiter(&number).expect("there is room");
        limiter.try_acquire_many(spec.quota.burst_size().saturating_sub(spec.initial)).expect("it is full");
        limiter
    } else {
        let mut builder = RateLimiter::builder(spec.quota).initial(spec.initial);
        if let Some(max) = spec.max_waiters {
            builder = builder.max_waiters(max);
        }
        builder.build_on(keys.home.clone())
    };
    let ledger = Mutex::new(Ledger::new(&keys.home, spec.quota));
    let cells = Cells { limiter, keyed, ledger, bounded: spec.max_waiters.is_some() };
    Book::new(format!("rate {number}"), cells, program.is_shared(Part::Rate(number)), faults)
}

fn pool(program: &Program, number: usize, keys: &Keys, faults: &Arc<Faults>) -> Arc<Book<Slots>> {
    let spec = &program.slots[number];
    let keyed = spec.keyed.then(|| (keys.slots.clone(), number));
    let limiter = if spec.keyed {
        keys.slots.limiter(&number).expect("there is room")
    } else {
        let mut builder = ConcurrencyLimiter::builder(spec.limit);
        if let Some(max) = spec.max_waiters {
            builder = builder.max_waiters(max);
        }
        builder.build_on(keys.home.clone()).expect("the limit is not zero")
    };
    let slots = Slots::new(limiter, keyed, spec.max_waiters.is_some());
    Book::new(format!("slots {number}"), slots, program.is_shared(Part::Slots(number)), faults)
}

/// Runs a program, and says what was wrong.
pub(crate) fn search(seed: u64) -> Vec<String> {
    let program = Arc::new(Program::new(seed));
    let world = World::new(&program);
    let run = || match (program.abroad, program.death) {
        (true, death) => run_in_two_worlds(&world, &program, death),
        (false, Some(death)) => run_until_death(&world, &program, death),
        (false, None) => run_to_the_end(&world, &program),
    };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string).or(panic.downcast_ref::<String>().cloned());
        world.faults.add(format!("a panic: {}", text.unwrap_or_default()));
    }
    world.faults.take()
}

fn run_to_the_end(world: &Arc<World>, program: &Arc<Program>) {
    let tasks = world.start(program, None);
    world.home.block_on(async {
        for task in tasks {
            let outcome = task.await;
            world.faults.unless(outcome.is_ok(), || "a task panicked".into());
        }
    });
    world.check_end();
}

fn run_until_death(world: &Arc<World>, program: &Arc<Program>, death: Duration) {
    drop(world.start(program, None));
    world.home.run_for(death);
    world.home.shutdown();
    world.check_nothing_is_left();
}

/// Two clocks that go on in turns. The limiters live by the first, and so do some tasks.
fn run_in_two_worlds(world: &Arc<World>, program: &Arc<Program>, mut death: Option<Duration>) {
    const SLICE: Duration = Duration::from_millis(10);
    let abroad = VirtualRuntime::coarse(program.seed.wrapping_add(1), program.granularity);
    let tasks = world.start(program, Some(&abroad));
    let mut goes_on = true;
    for _ in 0..5_000 {
        world.home.run_for(SLICE);
        if death.is_some_and(|death| death <= world.home.now() - mtaio_core::Instant::ORIGIN) {
            abroad.shutdown();
            death = None;
        }
        abroad.run_for(SLICE);
        goes_on = world.home.tasks() + abroad.tasks() > 0;
        if !goes_on && death.is_none() {
            break;
        }
    }
    drop(tasks);
    world.faults.unless(!goes_on, || "somebody waits for ever".into());
    world.check_end();
    world.faults.unless(abroad.pending() == 0, || "sleeps are left abroad".into());
}
