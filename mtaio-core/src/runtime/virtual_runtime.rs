//! A deterministic executor and its clock in one.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::timers::{Dice, HasTimers, Timers, TimersSleep, timers_sleep};
use super::{Clock, Spawn, Tick, Timer};
use crate::alarm::SleepAlarm;
use crate::primitive::{AtomicBool, Lock, Ordering, catch, unwinding};
use crate::time::{ClockId, Instant, nanos};

/// An executor whose time is virtual: an hour of traffic runs in milliseconds, and the same way each time.
///
/// Time moves only when no task is ready, and then from one deadline to the next. A seed other than zero permutes the tasks
/// that are ready at the same time, and the sleeps that end at the same instant; a test that fails prints its seed. It is a
/// plain value: clones are the same runtime, and any number of them live side by side.
///
/// ```
/// use core::time::Duration;
/// use mtaio_core::limit::{Quota, RateLimiter};
/// use mtaio_core::runtime::{Clock, VirtualRuntime};
///
/// let runtime = VirtualRuntime::new();
/// let limiter = RateLimiter::with_runtime(Quota::per_hour(60).burst(1), runtime.clone());
/// let hour = runtime.block_on(async {
///     for _ in 0..61 {
///         limiter.acquire().await?;
///     }
///     Ok::<_, mtaio_core::limit::ResourceLimitError>(runtime.now())
/// });
/// assert_eq!(hour.unwrap().as_nanos(), 3_600_000_000_000);
/// ```
#[derive(Clone)]
pub struct VirtualRuntime(Arc<World>);

struct World {
    seed: u64,
    /// Sleeps end at multiples of this.
    granularity: Duration,
    timers: Timers,
    tasks: Lock<Tasks>,
    driven: AtomicBool,
}

struct Tasks {
    ready: VecDeque<Ready>,
    /// Everything that was spawned and has not ended.
    live: BTreeMap<u64, Arc<Task>>,
    spawned: u64,
    /// Everything is being dropped: nothing is spawned meanwhile.
    leaving: bool,
    dice: Option<Dice>,
}

enum Ready {
    Main,
    Task(Arc<Task>),
}

type BoxedFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Task {
    id: u64,
    /// Empty while it is polled, and after its end.
    future: Lock<Option<BoxedFuture>>,
    queued: AtomicBool,
    world: Weak<World>,
}

/// The waker of the future that `block_on` runs.
struct Main {
    queued: AtomicBool,
    world: Arc<World>,
}

impl HasTimers for World {
    fn timers(&self) -> &Timers {
        &self.timers
    }

    fn round(&self, at: Instant) -> Instant {
        let grain = nanos(self.granularity);
        Instant::from_nanos(at.as_nanos().checked_next_multiple_of(grain).unwrap_or(u64::MAX))
    }
}

timers_sleep! {
    /// A sleep on a [`VirtualRuntime`].
    VirtualSleep, World
}

impl VirtualRuntime {
    /// Makes a runtime at time zero that runs its tasks first come, first served.
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// Makes a runtime that permutes what is ready at the same time by `seed`; zero does not.
    pub fn with_seed(seed: u64) -> Self {
        Self::build(seed, Duration::from_nanos(1))
    }

    /// Makes a runtime whose sleeps end late: at the next multiple of `granularity`, as those of real timers do.
    pub fn coarse(seed: u64, granularity: Duration) -> Self {
        Self::build(seed, granularity.max(Duration::from_nanos(1)))
    }

    fn build(seed: u64, granularity: Duration) -> Self {
        let dice = (seed != 0).then(|| Dice::new(seed));
        Self(Arc::new(World {
            seed,
            granularity,
            timers: Timers::new(dice.clone()),
            tasks: Lock::new(Tasks { ready: VecDeque::new(), live: BTreeMap::new(), spawned: 0, leaving: false, dice }),
            driven: AtomicBool::new(false),
        }))
    }

    /// Runs `future` to its end, and the spawned tasks beside it.
    ///
    /// # Panics
    ///
    /// If nothing is ready and nothing sleeps while `future` is not done: it would wait for ever. And inside another
    /// `block_on` of the same runtime.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _driving = Driving::new(&self.0);
        let main = Arc::new(Main { queued: AtomicBool::new(false), world: Arc::clone(&self.0) });
        main.wake_by_ref();
        let waker = Waker::from(Arc::clone(&main));
        let mut future = pin!(future);
        loop {
            match self.next() {
                Some(Ready::Task(task)) => task.run(),
                Some(Ready::Main) => {
                    // ORDERING: Release, pairs with the swap in `wake_by_ref`.
                    main.queued.store(false, Ordering::Release);
                    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        return output;
                    }
                }
                None => panic!("the virtual runtime waits for ever: nothing is ready and nothing sleeps"),
            }
        }
    }

    /// Runs everything that is ready, and time as far as `duration`; then the clock stands exactly there.
    pub fn run_for(&self, duration: Duration) {
        self.block_on(self.sleep_until(self.now() + duration));
    }

    /// Lets time pass without running anything, as when a machine stalls.
    pub fn stall(&self, duration: Duration) {
        self.0.timers.change(|now| now + duration);
    }

    /// Drops every task and every pending wake-up, as when a real runtime goes away. What is spawned meanwhile, by what is dropped, is
    /// dropped too. Limiters that waited on it are not told, and are of no use after it.
    pub fn shutdown(&self) {
        let (ready, live) = self.0.tasks.with(|tasks| {
            tasks.leaving = true;
            (core::mem::take(&mut tasks.ready), core::mem::take(&mut tasks.live))
        });
        let _leaving = Leaving(&self.0);
        live.values().for_each(|task| drop(task.future.with(Option::take)));
        drop((ready, live));
        self.0.timers.clear();
    }

    /// How many tasks have not ended.
    pub fn tasks(&self) -> usize {
        self.0.tasks.with(|tasks| tasks.live.len())
    }

    /// How many sleeps are pending.
    pub fn pending(&self) -> usize {
        self.0.timers.pending()
    }

    /// The seed it was made with.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// What runs next. Time goes on only if nothing is ready.
    fn next(&self) -> Option<Ready> {
        loop {
            while self.0.timers.wake_due() {}
            let ready = self.0.tasks.with(|tasks| {
                let count = tasks.ready.len() as u64;
                let index = tasks.dice.as_mut().map_or(0, |dice| dice.roll().checked_rem(count).unwrap_or(0));
                tasks.ready.remove(index as usize)
            });
            if ready.is_some() || !self.0.timers.go_on() {
                return ready;
            }
        }
    }
}

/// Sees to it that one thread drives, and says which seed it was if that ends in a panic.
struct Driving<'a>(&'a World);

impl<'a> Driving<'a> {
    fn new(world: &'a World) -> Self {
        // ORDERING: AcqRel, pairs with the Release in `drop`: one drive sees what the last one did.
        assert!(!world.driven.swap(true, Ordering::AcqRel), "a virtual runtime is driven by one `block_on` at a time");
        Self(world)
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        // ORDERING: Release, see `new`.
        self.0.driven.store(false, Ordering::Release);
        // The main future is gone: nobody is to poll it.
        self.0.tasks.with(|tasks| tasks.ready.retain(|ready| matches!(ready, Ready::Task(_))));
        if unwinding() {
            std::eprintln!("the panic came in VirtualRuntime::with_seed({})", self.0.seed);
        }
    }
}

/// Everything is being dropped, until this is.
struct Leaving<'a>(&'a World);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.tasks.with(|tasks| tasks.leaving = false);
    }
}

impl Wake for Main {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: AcqRel, pairs with the store before the poll: what was done before the wake is seen by the poll.
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.world.tasks.with(|tasks| tasks.ready.push_back(Ready::Main));
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: AcqRel, as for `Main`.
        if !self.queued.swap(true, Ordering::AcqRel) {
            if let Some(world) = self.world.upgrade() {
                world.tasks.with(|tasks| tasks.ready.push_back(Ready::Task(Arc::clone(self))));
            }
        }
    }
}

impl Task {
    /// Polls once. A panic ends the task, and is seen by who joins it.
    fn run(self: Arc<Self>) {
        // ORDERING: Release, pairs with the swap in `wake_by_ref`.
        self.queued.store(false, Ordering::Release);
        let Some(future) = self.future.with(Option::take) else { return };
        let waker = Waker::from(Arc::clone(&self));
        let mut unfinished = None;
        let outcome = catch(|| {
            let mut future = future;
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                unfinished = Some(future);
            }
        });
        match (outcome, unfinished) {
            (Ok(()), Some(future)) => self.future.with(|place| *place = Some(future)),
            (Ok(()) | Err(_), _) => {
                if let Some(world) = self.world.upgrade() {
                    drop(world.tasks.with(|tasks| tasks.live.remove(&self.id)));
                }
            }
        }
    }
}

impl Default for VirtualRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for VirtualRuntime {
    fn now(&self) -> Instant {
        self.0.timers.now()
    }

    fn clock_id(&self) -> ClockId {
        self.0.timers.id()
    }
}

impl Timer for VirtualRuntime {
    type Sleep = VirtualSleep;
    type Alarm = SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> VirtualSleep {
        VirtualSleep(TimersSleep::new(Arc::clone(&self.0), at))
    }

    fn granularity(&self) -> Duration {
        self.0.granularity
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        SleepAlarm::new(self.clone(), target)
    }
}

impl Spawn for VirtualRuntime {
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut future: Option<BoxedFuture> = Some(Box::pin(task));
        let task = self.0.tasks.with(|tasks| {
            if tasks.leaving {
                return None;
            }
            tasks.spawned += 1;
            let task = Arc::new(Task {
                id: tasks.spawned,
                future: Lock::new(future.take()),
                queued: AtomicBool::new(false),
                world: Arc::downgrade(&self.0),
            });
            tasks.live.insert(task.id, Arc::clone(&task));
            Some(task)
        });
        task.into_iter().for_each(Wake::wake);
    }

    fn spawn_blocking_detached(&self, job: impl FnOnce() + Send + 'static) {
        self.spawn_detached(async move { job() });
    }
}

impl fmt::Debug for VirtualRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualRuntime")
            .field("now", &self.now())
            .field("seed", &self.seed())
            .field("tasks", &self.tasks())
            .field("pending", &self.pending())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts a task when it is dropped.
    struct Starts(VirtualRuntime, Arc<()>);

    impl Drop for Starts {
        fn drop(&mut self) {
            let held = Arc::clone(&self.1);
            self.0.spawn_detached(async move {
                core::future::pending::<()>().await;
                drop(held);
            });
        }
    }

    #[test]
    fn a_task_that_is_started_by_what_a_shutdown_drops_is_dropped_too() {
        let runtime = VirtualRuntime::new();
        let held = Arc::new(());
        let starts = Starts(runtime.clone(), Arc::clone(&held));
        runtime.spawn_detached(async move {
            core::future::pending::<()>().await;
            drop(starts);
        });
        runtime.run_for(Duration::from_secs(1));
        runtime.shutdown();
        assert_eq!((runtime.tasks(), Arc::strong_count(&held)), (0, 1));
        // What comes later is run.
        assert_eq!(runtime.block_on(async { runtime.spawn(async { 7 }).await }).ok(), Some(7));
    }
}
