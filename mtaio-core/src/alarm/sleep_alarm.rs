//! An alarm that is its own sleep's waker.
//!
//! What it keeps:
//!
//! 1. One thread at a time runs the alarm: it takes `phase` from idle, and whoever comes meanwhile leaves a notice and goes.
//!    `wake` can be called from inside the sleep's own `poll`; that is such a notice.
//! 2. The runner gives up the phase only by a CAS from running to idle, so that no notice is lost: a notice makes it fail.
//! 3. The sleep is taken out of its lock to be polled. Nothing foreign runs under a lock.
//! 4. The sleep's waker holds a `Weak`. Limiter and alarm go when the last handle goes, however long the sleep would last.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::primitive::{AtomicU64, AtomicUsize, Lock, Ordering, Panic, catch, resume};
use crate::runtime::{Alarm, Sleep, Tick, Timer};
use crate::time::Instant;

const IDLE: usize = 0;
const RUNNING: usize = 1;
const NOTIFIED: usize = 2;

/// An alarm whose sleep wakes the alarm itself, on whatever thread the timer calls its wakers.
///
/// Ticks that follow each other closely are put together: between two of them passes at least half of the timer's
/// [granularity](Timer::granularity).
pub struct SleepAlarm<T: Timer>(Arc<Engine<T>>);

struct Engine<T: Timer> {
    timer: T,
    target: Weak<dyn Tick>,
    /// The earliest instant that was asked for since the last tick, in nanoseconds.
    wanted: AtomicU64,
    phase: AtomicUsize,
    /// Empty while the runner has it.
    bed: Lock<Option<Bed<T>>>,
    waker: Waker,
}

/// What only the runner touches.
struct Bed<T: Timer> {
    sleep: Option<(Pin<Box<T::Sleep>>, Instant)>,
    last_tick: Option<Instant>,
}

/// The waker that the sleep holds.
struct Knock<T: Timer>(Weak<Engine<T>>);

impl<T: Timer> SleepAlarm<T> {
    /// Makes an alarm for `target`, not set yet.
    pub fn new(timer: T, target: Weak<dyn Tick>) -> Self {
        Self(Arc::new_cyclic(|engine| Engine {
            timer,
            target,
            wanted: AtomicU64::new(u64::MAX),
            phase: AtomicUsize::new(IDLE),
            bed: Lock::new(Some(Bed { sleep: None, last_tick: None })),
            waker: Waker::from(Arc::new(Knock(Weak::clone(engine)))),
        }))
    }
}

impl<T: Timer> Alarm for SleepAlarm<T> {
    fn set(&self, at: Instant) {
        // ORDERING: AcqRel, pairs with the load in `step`; the notice that follows makes sure that it is read.
        self.0.wanted.fetch_min(at.as_nanos(), Ordering::AcqRel);
        self.0.run();
    }
}

impl<T: Timer> Wake for Knock<T> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.0.upgrade() {
            Some(engine) if T::WAKES_UNLOCKED => engine.run(),
            // Whoever is woken sets the alarm again, and that runs the engine where no lock of the timer's is held.
            Some(engine) => drop(engine.target.upgrade().map(|target| target.nudge())),
            None => {}
        }
    }
}

impl<T: Timer> Engine<T> {
    fn run(&self) {
        // ORDERING: AcqRel: a notice publishes what was wanted before it, to the runner's own swap; a new runner sees what the
        // last one left.
        if self.phase.swap(NOTIFIED, Ordering::AcqRel) != IDLE {
            return;
        }
        let recover = Recover(self);
        let mut panic = None;
        loop {
            // ORDERING: AcqRel, pairs with the swap of who leaves a notice: what it wanted is seen by this step.
            self.phase.swap(RUNNING, Ordering::AcqRel);
            self.step(&mut panic);
            // ORDERING: AcqRel: publishes the bed to the next runner; a failure means a notice, which the next swap acquires.
            if self.phase.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                break;
            }
        }
        core::mem::forget(recover);
        if let Some(panic) = panic {
            resume(panic);
        }
    }

    /// When to tick, so that ticks keep their distance. A clock that stepped back takes the last tick with it.
    fn not_too_soon(&self, wanted: Instant, last_tick: Option<Instant>) -> Instant {
        let distance = self.timer.granularity() / 2;
        match last_tick {
            Some(last) if wanted < last + distance => wanted.max(last.min(self.timer.now()) + distance),
            _ => wanted,
        }
    }

    /// Sleeps until what is wanted, and ticks as often as that has come. A tick calls wakers, which are foreign and may panic: it
    /// has set the alarm again all the same, so the first panic is kept until that is slept for.
    fn step(&self, panic: &mut Option<Panic>) {
        let Some(mut bed) = self.bed.with(Option::take) else { return };
        // ORDERING: Acquire, pairs with the AcqRel in `set`.
        while let Some(wanted) = wanted(self.wanted.load(Ordering::Acquire)) {
            let at = self.not_too_soon(wanted, bed.last_tick);
            if bed.poll(&self.timer, at, &mut Context::from_waker(&self.waker)).is_pending() {
                break;
            }
            // ORDERING: AcqRel: what was wanted until here is done by the tick that follows.
            self.wanted.swap(u64::MAX, Ordering::AcqRel);
            bed.last_tick = Some(self.timer.now());
            match self.target.upgrade() {
                Some(target) => {
                    if let Err(caught) = catch(|| target.tick()) {
                        panic.get_or_insert(caught);
                    }
                }
                None => break,
            }
        }
        self.bed.with(|place| *place = Some(bed));
    }
}

fn wanted(at: u64) -> Option<Instant> {
    let at = Instant::from_nanos(at);
    (at != Instant::FAR).then_some(at)
}

impl<T: Timer> Bed<T> {
    fn poll(&mut self, timer: &T, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        let (sleep, until) = self.sleep.get_or_insert_with(|| (Box::pin(timer.sleep_until(at)), at));
        if *until != at {
            sleep.as_mut().reset(at);
            *until = at;
        }
        let poll = sleep.as_mut().poll(context);
        if poll.is_ready() {
            // A sleep that has completed is reset before it is polled again.
            *until = Instant::FAR;
        }
        poll
    }
}

/// If foreign code panics while the alarm runs, a waker or the sleep, what was set then counts as lost: a notice may have been
/// left, and nobody runs to see it. The next to set it starts afresh.
struct Recover<'a, T: Timer>(&'a Engine<T>);

impl<T: Timer> Drop for Recover<'_, T> {
    fn drop(&mut self) {
        self.0.bed.with(|bed| _ = bed.get_or_insert(Bed { sleep: None, last_tick: None }));
        // ORDERING: Release, pairs with the swap of the next runner.
        self.0.phase.store(IDLE, Ordering::Release);
        if let Some(target) = self.0.target.upgrade() {
            target.lost();
        }
    }
}

impl<T: Timer> fmt::Debug for SleepAlarm<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: Relaxed: a statistic.
        let wanted = wanted(self.0.wanted.load(Ordering::Relaxed));
        f.debug_struct("SleepAlarm").field("wanted", &wanted).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::alarm::tests::{Knocking, Ticked};
    use crate::primitive::model::{explore, thread};

    fn alarm() -> (Knocking, Arc<Ticked>, Arc<SleepAlarm<Knocking>>) {
        let timer = Knocking::default();
        let ticked = Ticked::new(&timer);
        let target: Weak<Ticked> = Arc::downgrade(&ticked);
        (timer.clone(), ticked, Arc::new(timer.alarm(target)))
    }

    #[test]
    fn loom_the_earlier_of_two_settings_rings() {
        explore(|| {
            let (timer, ticked, alarm) = alarm();
            let other = Arc::clone(&alarm);
            let setter = thread::spawn(move || other.set(Instant::from_nanos(20)));
            alarm.set(Instant::from_nanos(10));
            setter.join().unwrap();
            timer.pass(10);
            assert_eq!(ticked.at(), 10);
        });
    }

    #[test]
    fn loom_what_is_set_while_the_alarm_rings_is_not_missed() {
        explore(|| {
            let (timer, ticked, alarm) = alarm();
            alarm.set(Instant::from_nanos(10));
            let other = timer.clone();
            let driver = thread::spawn(move || other.pass(10));
            alarm.set(Instant::from_nanos(15));
            driver.join().unwrap();
            // The tick at 10 may have answered both; otherwise the second one rings.
            let first = ticked.at();
            timer.pass(15);
            let last = ticked.at();
            assert!(last == 15 || first == 10, "first at {first}, last at {last}");
            alarm.set(Instant::from_nanos(30));
            timer.pass(30);
            assert_eq!(ticked.at(), 30);
        });
    }
}
