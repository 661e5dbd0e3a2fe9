//! An alarm that is a task of the runtime.
//!
//! What it keeps:
//!
//! 1. The task is spawned once, by the first `set`, and parks between uses.
//! 2. A task that is dropped before the alarm tells its target that it is lost: nothing else tells that a runtime went away.
//! 3. What is wanted is written before the task is woken, and read after the task's waker is registered. So it is not missed.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use crate::primitive::{AtomicBool, AtomicU64, Ordering};
use crate::runtime::{Alarm, Sleep, Tick, Timer};
use crate::sync::WakerCell;
use crate::time::Instant;

/// An alarm that is run by a small task, for runtimes whose timers end with them.
pub struct TaskAlarm<T: Timer> {
    timer: T,
    shared: Arc<Shared>,
    spawn: Box<dyn Fn(AlarmTask<T>) + Send + Sync>,
}

struct Shared {
    target: Weak<dyn Tick>,
    /// The earliest instant that was asked for since the last tick, in nanoseconds.
    wanted: AtomicU64,
    task: WakerCell,
    /// The task was spawned.
    spawned: AtomicBool,
    /// The task is in a tick, and will look at `wanted` after it.
    ticking: AtomicBool,
    /// The alarm was dropped: the task ends.
    cancelled: AtomicBool,
    /// The task was dropped.
    lost: AtomicBool,
}

impl<T: Timer> TaskAlarm<T> {
    /// Makes an alarm for `target`, not set yet. `spawn` runs the task in the runtime that polls now.
    pub fn new(timer: T, target: Weak<dyn Tick>, spawn: impl Fn(AlarmTask<T>) + Send + Sync + 'static) -> Self {
        let shared = Shared {
            target,
            wanted: AtomicU64::new(u64::MAX),
            task: WakerCell::new(),
            spawned: AtomicBool::new(false),
            ticking: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        };
        Self { timer, shared: Arc::new(shared), spawn: Box::new(spawn) }
    }

    /// Spawns the task. The sleep is made here, where a missing time driver panics in the face of the one who waits.
    fn start(&self, at: Instant) {
        let sleep = Box::pin(self.timer.sleep_until(at));
        (self.spawn)(AlarmTask { shared: Arc::clone(&self.shared), sleep, until: at });
        // ORDERING: Acquire, pairs with the Release in the task's drop.
        assert!(
            !self.shared.lost.load(Ordering::Acquire),
            "no timer can be set: the runtime that polls this future is shutting down; \
             await it in a runtime that runs"
        );
    }
}

impl<T: Timer> Alarm for TaskAlarm<T> {
    fn set(&self, at: Instant) {
        let shared = &*self.shared;
        // ORDERING: SeqCst, pairs with the load in `poll`: either the task sees this, or we see that it is not ticking.
        let before = shared.wanted.fetch_min(at.as_nanos(), Ordering::SeqCst);
        // ORDERING: AcqRel: one caller spawns.
        if !shared.spawned.swap(true, Ordering::AcqRel) {
            self.start(at);
        // ORDERING: SeqCst, as above.
        } else if at.as_nanos() < before && !shared.ticking.load(Ordering::SeqCst) {
            shared.task.wake();
        }
    }
}

impl<T: Timer> Drop for TaskAlarm<T> {
    fn drop(&mut self) {
        // ORDERING: Release, pairs with the Acquire in `poll`.
        self.shared.cancelled.store(true, Ordering::Release);
        self.shared.task.wake();
    }
}

/// The task of a [`TaskAlarm`]. A runtime runs it, or drops it.
#[must_use = "the task of an alarm does nothing unless it is spawned"]
pub struct AlarmTask<T: Timer> {
    shared: Arc<Shared>,
    sleep: Pin<Box<T::Sleep>>,
    until: Instant,
}

impl<T: Timer> Future for AlarmTask<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let shared = &*this.shared;
        shared.task.register(context.waker());
        loop {
            // ORDERING: Acquire, pairs with the Release in the alarm's drop.
            if shared.cancelled.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            // ORDERING: SeqCst: see `set`.
            let wanted = Instant::from_nanos(shared.wanted.load(Ordering::SeqCst));
            if wanted == Instant::FAR {
                return Poll::Pending;
            }
            if wanted != this.until {
                this.sleep.as_mut().reset(wanted);
                this.until = wanted;
            }
            ready!(this.sleep.as_mut().poll(context));
            this.until = Instant::FAR;
            // ORDERING: SeqCst: what was wanted until here is done by the tick that follows.
            shared.wanted.swap(u64::MAX, Ordering::SeqCst);
            let Some(target) = shared.target.upgrade() else { return Poll::Ready(()) };
            // ORDERING: SeqCst, both: see `set`.
            shared.ticking.store(true, Ordering::SeqCst);
            target.tick();
            shared.ticking.store(false, Ordering::SeqCst);
        }
    }
}

impl<T: Timer> Drop for AlarmTask<T> {
    fn drop(&mut self) {
        // ORDERING: Acquire, as in `poll`.
        if self.shared.cancelled.load(Ordering::Acquire) {
            return;
        }
        // ORDERING: Release, pairs with the Acquire in `start`.
        self.shared.lost.store(true, Ordering::Release);
        if let Some(target) = self.shared.target.upgrade() {
            target.lost();
        }
    }
}

impl<T: Timer> fmt::Debug for TaskAlarm<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskAlarm").finish_non_exhaustive()
    }
}

impl<T: Timer> fmt::Debug for AlarmTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlarmTask").field("until", &self.until).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::alarm::tests::{Knocking, Ticked};
    use crate::primitive::model::{explore, thread};
    use crate::runtime::tests::held::Held;

    type Task = AlarmTask<Knocking>;

    /// An alarm, and where its task comes to.
    struct Rig {
        timer: Knocking,
        ticked: Arc<Ticked>,
        alarm: Arc<TaskAlarm<Knocking>>,
        spawned: Arc<Mutex<Option<Task>>>,
    }

    impl Rig {
        fn new() -> Self {
            let (timer, spawned) = (Knocking::quiet(), Arc::<Mutex<Option<Task>>>::default());
            let (ticked, place) = (Ticked::new(&timer), Arc::clone(&spawned));
            let target: Weak<Ticked> = Arc::downgrade(&ticked);
            let spawn = move |task| assert!(place.lock().unwrap().replace(task).is_none(), "it was spawned twice");
            let alarm = Arc::new(TaskAlarm::new(timer.clone(), target, spawn));
            Self { timer, ticked, alarm, spawned }
        }

        /// The task, which nobody has polled yet.
        fn task(&self) -> Held<()> {
            Held::new(self.spawned.lock().unwrap().take().expect("it was spawned"))
        }
    }

    /// What a runtime does with a task: polls it as often as it is woken, at least once. Whether the task has ended.
    fn run(task: &mut Held<()>) -> bool {
        loop {
            let done = task.poll().is_ready();
            if task.woken() == 0 || done {
                return done;
            }
        }
    }

    #[test]
    fn loom_what_is_set_while_the_task_ticks_is_not_missed() {
        explore(|| {
            let rig = Rig::new();
            rig.alarm.set(Instant::from_nanos(10));
            let mut task = rig.task();
            rig.timer.pass(10);
            let runtime = thread::spawn(move || {
                run(&mut task);
                task
            });
            rig.alarm.set(Instant::from_nanos(15));
            let mut task = runtime.join().unwrap();
            let first = rig.ticked.at();
            assert_eq!(first, 10);
            if task.woken() > 0 {
                run(&mut task);
            }
            // The tick at 10 may have answered both; if it did not, the timer knows of the second.
            let answered = rig.alarm.shared.wanted.load(Ordering::SeqCst) == u64::MAX;
            rig.timer.pass(15);
            assert!(answered || task.woken() > 0, "nobody sleeps until the second");
            run(&mut task);
            assert!(answered || rig.ticked.at() == 15);
        });
    }

    #[test]
    fn loom_the_earlier_setting_is_seen_by_the_task_or_wakes_it() {
        explore(|| {
            let rig = Rig::new();
            rig.alarm.set(Instant::from_nanos(20));
            let mut task = rig.task();
            let runtime = thread::spawn(move || {
                run(&mut task);
                task
            });
            rig.alarm.set(Instant::from_nanos(10));
            let mut task = runtime.join().unwrap();
            if task.woken() > 0 {
                run(&mut task);
            }
            rig.timer.pass(10);
            assert!(task.woken() > 0, "nobody sleeps until the earlier one");
            run(&mut task);
            assert_eq!(rig.ticked.at(), 10);
        });
    }

    #[test]
    fn loom_a_task_that_goes_while_its_alarm_is_set_tells_of_it() {
        explore(|| {
            let rig = Rig::new();
            let (alarm, spawned) = (Arc::clone(&rig.alarm), Arc::clone(&rig.spawned));
            let shutdown = thread::spawn(move || drop(spawned.lock().unwrap().take()));
            let set = core::panic::AssertUnwindSafe(|| alarm.set(Instant::from_nanos(10)));
            let refused = std::panic::catch_unwind(set).is_err();
            shutdown.join().unwrap();
            let lives = rig.spawned.lock().unwrap().take();
            assert_eq!(rig.ticked.is_lost(), lives.is_none());
            assert!(!refused || lives.is_none());
        });
    }

    #[test]
    fn loom_the_task_of_an_alarm_that_is_dropped_ends_and_nothing_is_lost() {
        explore(|| {
            let rig = Rig::new();
            rig.alarm.set(Instant::from_nanos(10));
            let mut task = rig.task();
            let Rig { ticked, alarm, .. } = rig;
            let owner = thread::spawn(move || drop(alarm));
            let done = run(&mut task);
            owner.join().unwrap();
            assert!(done || (task.woken() > 0 && run(&mut task)), "the task stays");
            drop(task);
            assert!(!ticked.is_lost());
        });
    }
}
