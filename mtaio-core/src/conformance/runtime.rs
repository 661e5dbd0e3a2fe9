//! What a runtime MUST do, by the numbers of [`crate::runtime`].

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_runtime {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness runtime {
            must_1_the_clock_does_not_go_back
            must_1_the_clock_goes_on_across_sleeps_and_tasks
            must_2_a_sleep_does_not_end_before_its_instant
            must_3_a_pending_sleep_wakes_the_waker_it_was_polled_with
            must_3_a_sleep_polled_again_wakes_the_last_waker
            must_3_a_thousand_sleeps_all_end
            must_4_a_sleep_whose_instant_has_passed_is_ready_at_its_next_poll
            must_4_a_sleep_until_the_far_end_of_time_does_not_end
            must_5_a_sleep_that_is_dropped_wakes_nobody
            must_5_a_sleep_that_is_dropped_drops_its_waker
            must_6_reset_moves_a_sleep_further_away
            must_6_reset_moves_a_sleep_closer
            must_6_reset_revives_a_sleep_that_has_ended
            must_7_a_waker_may_poll_the_sleep_that_calls_it
            must_7_a_waker_may_reset_the_sleep_that_calls_it
            must_7_a_waker_may_drop_the_sleep_that_calls_it
            must_8_a_sleep_polled_here_ends_in_another_task
            must_8_a_sleep_made_in_a_task_ends_here
            must_9_the_context_is_the_same_in_every_task
            must_10_an_alarm_ticks_once_its_instant_has_come
            must_10_an_alarm_ticks_at_the_earliest_instant_that_was_set
            must_10_an_alarm_can_be_set_again_after_its_tick
            must_10_an_alarm_set_for_the_past_ticks
            must_10_an_alarm_can_be_set_from_any_thread_once_it_was_set
            must_10_an_alarm_can_be_set_inside_its_own_tick
            must_10_an_alarm_that_is_dropped_neither_ticks_nor_is_lost
            must_10_an_alarm_does_not_keep_its_target_alive
            must_11_a_task_runs_to_its_end
            must_11_a_task_whose_handle_is_dropped_goes_on
            must_11_a_task_that_panics_is_seen_by_who_joins_it
            must_11_a_blocking_job_runs_to_its_end
        } }
    };
}

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use alloc::vec::Vec;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::{Context, Waker};
use core::time::Duration;

use super::Harness;
use super::gate::{Gate, Log};
use super::hand::{ByHand, Calls, yield_once};
use super::rig::Rig;
use crate::primitive::Lock;
use crate::runtime::{Alarm, Clock, Sleep, Spawn, Tick, Timer};
use crate::time::Instant;

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);

type PinnedSleep<H> = Pin<Box<<<H as Harness>::Runtime as Timer>::Sleep>>;

impl<H: Harness> Rig<H> {
    fn bed(&self, duration: Duration) -> PinnedSleep<H> {
        Box::pin(self.runtime.sleep_until(self.now() + duration))
    }

    /// A sleep that was polled and is pending, whatever the machine is busy with.
    fn asleep(&self, waker: &Waker) -> PinnedSleep<H> {
        let mut duration = SHORT;
        loop {
            let mut sleep = self.bed(duration);
            if sleep.as_mut().poll(&mut Context::from_waker(waker)).is_pending() {
                return sleep;
            }
            duration *= 2;
        }
    }

    /// Long enough for whatever would come after [`SHORT`] to have come.
    async fn doze(&self) {
        self.sleep(SHORT * 4 + self.runtime.granularity() * 2).await;
    }
}

pub async fn must_1_the_clock_does_not_go_back<H: Harness>(rig: Rig<H>) {
    assert!((0..10_000).map(|_| rig.now()).is_sorted());
}

pub async fn must_1_the_clock_goes_on_across_sleeps_and_tasks<H: Harness>(rig: Rig<H>) {
    let mut seen = Vec::from([rig.now()]);
    for _ in 0..3 {
        rig.sleep(SHORT).await;
        seen.push(rig.now());
        let runtime = rig.runtime.clone();
        seen.push(rig.runtime.spawn(async move { runtime.now() }).await.expect("the task ends"));
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen[0] < seen[1], "{seen:?}");
}

pub async fn must_2_a_sleep_does_not_end_before_its_instant<H: Harness>(rig: Rig<H>) {
    for nanos in [0, 1, 999, 1_000_000, 1_000_001, 2_999_999] {
        let at = rig.now() + Duration::from_nanos(nanos);
        rig.runtime.sleep_until(at).await;
        assert!(rig.now() >= at, "{nanos} ns were not slept");
    }
}

pub async fn must_3_a_pending_sleep_wakes_the_waker_it_was_polled_with<H: Harness>(rig: Rig<H>) {
    let calls = Arc::<Calls>::default();
    let sleep = rig.asleep(&Waker::from(Arc::clone(&calls)));
    rig.until(|| calls.count() > 0).await;
    sleep.await;
}

pub async fn must_3_a_sleep_polled_again_wakes_the_last_waker<H: Harness>(rig: Rig<H>) {
    let calls = Arc::<Calls>::default();
    let last = Waker::from(Arc::clone(&calls));
    let mut sleep = rig.asleep(Waker::noop());
    while sleep.as_mut().poll(&mut Context::from_waker(&last)).is_ready() {
        sleep = rig.asleep(Waker::noop());
    }
    rig.until(|| calls.count() > 0).await;
}

pub async fn must_3_a_thousand_sleeps_all_end<H: Harness>(rig: Rig<H>) {
    let at = |index: u64| rig.now() + Duration::from_micros(index * 7 % 3000);
    let mut sleeps: Vec<_> = (0..1000).map(|index| ByHand::new(rig.runtime.sleep_until(at(index)))).collect();
    sleeps.retain_mut(|sleep| sleep.poll().is_pending());
    // Their wake-ups are all that is asked for.
    rig.until(|| sleeps.iter().all(ByHand::is_woken)).await;
    sleeps.iter_mut().for_each(ByHand::output);
}

pub async fn must_4_a_sleep_whose_instant_has_passed_is_ready_at_its_next_poll<H: Harness>(rig: Rig<H>) {
    rig.sleep(SHORT).await;
    for at in [Instant::ORIGIN, rig.now() - Duration::from_nanos(1), rig.now()] {
        assert!(ByHand::new(rig.runtime.sleep_until(at)).poll().is_ready(), "a sleep until {at:?} waits");
    }
    let mut sleep = rig.bed(LONG);
    ByHand::waiting(sleep.as_mut());
    sleep.as_mut().reset(rig.now());
    assert!(ByHand::new(sleep).poll().is_ready(), "a sleep waits on after its instant");
}

pub async fn must_4_a_sleep_until_the_far_end_of_time_does_not_end<H: Harness>(rig: Rig<H>) {
    let mut far = ByHand::waiting(rig.runtime.sleep_until(Instant::FAR));
    rig.doze().await;
    far.assert_waits();
}

pub async fn must_5_a_sleep_that_is_dropped_wakes_nobody<H: Harness>(rig: Rig<H>) {
    let dropped_in_time = |at| {
        let calls = Arc::<Calls>::default();
        let mut sleep = Box::pin(rig.runtime.sleep_until(at));
        _ = sleep.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&calls))));
        drop(sleep);
        (rig.now() < at).then_some(calls)
    };
    let calls = loop {
        if let Some(calls) = dropped_in_time(rig.now() + SHORT) {
            break calls;
        }
    };
    rig.doze().await;
    assert_eq!(calls.count(), 0);
}

pub async fn must_5_a_sleep_that_is_dropped_drops_its_waker<H: Harness>(rig: Rig<H>) {
    let (mut sleep, calls) = (rig.bed(LONG), Arc::<Calls>::default());
    let poll = sleep.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&calls))));
    assert!(poll.is_pending());
    drop(sleep);
    rig.until(|| Arc::strong_count(&calls) == 1).await;
}

pub async fn must_6_reset_moves_a_sleep_further_away<H: Harness>(rig: Rig<H>) {
    let mut sleep = rig.asleep(Waker::noop());
    sleep.as_mut().reset(rig.now() + LONG);
    rig.doze().await;
    assert!(ByHand::new(sleep).poll().is_pending());
}

pub async fn must_6_reset_moves_a_sleep_closer<H: Harness>(rig: Rig<H>) {
    let mut sleep = rig.bed(LONG);
    ByHand::waiting(sleep.as_mut());
    let at = rig.now() + SHORT;
    sleep.as_mut().reset(at);
    sleep.await;
    assert!(rig.now() >= at);
    assert!(rig.now() < at + LONG / 2, "it slept until its first instant");
}

pub async fn must_6_reset_revives_a_sleep_that_has_ended<H: Harness>(rig: Rig<H>) {
    let mut sleep = rig.bed(Duration::ZERO);
    sleep.as_mut().await;
    for _ in 0..3 {
        let at = rig.now() + SHORT;
        sleep.as_mut().reset(at);
        sleep.as_mut().await;
        assert!(rig.now() >= at);
    }
}

/// A waker that lays hands on the sleep that calls it.
struct Meddler<S> {
    sleep: Lock<Option<Pin<Box<S>>>>,
    meddle: fn(Pin<Box<S>>),
    done: AtomicBool,
}

impl<S: Sleep> Wake for Meddler<S> {
    fn wake(self: Arc<Self>) {
        if let Some(sleep) = self.sleep.with(Option::take) {
            (self.meddle)(sleep);
            self.done.store(true, Ordering::SeqCst);
        }
    }
}

impl<S: Sleep> Meddler<S> {
    fn new(meddle: fn(Pin<Box<S>>)) -> Arc<Self> {
        Arc::new(Self { sleep: Lock::new(None), meddle, done: AtomicBool::new(false) })
    }
}

async fn let_a_waker_meddle<H: Harness>(rig: Rig<H>, meddle: fn(PinnedSleep<H>)) {
    if !<H::Runtime as Timer>::WAKES_UNLOCKED {
        return;
    }
    let mut is_done = false;
    while !is_done {
        let meddler = Meddler::new(meddle);
        let sleep = rig.asleep(&Waker::from(Arc::clone(&meddler)));
        // A real timer may call before the sleep is in place; then there is nothing to meddle with, and we try again.
        meddler.sleep.with(|place| *place = Some(sleep));
        rig.doze().await;
        is_done = meddler.done.load(Ordering::SeqCst);
    }
}

pub async fn must_7_a_waker_may_poll_the_sleep_that_calls_it<H: Harness>(rig: Rig<H>) {
    let poll = |mut sleep: PinnedSleep<H>| _ = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let_a_waker_meddle(rig, poll).await;
}

pub async fn must_7_a_waker_may_reset_the_sleep_that_calls_it<H: Harness>(rig: Rig<H>) {
    let reset = |mut sleep: PinnedSleep<H>| {
        sleep.as_mut().reset(Instant::FAR);
        assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    };
    let_a_waker_meddle(rig, reset).await;
}

pub async fn must_7_a_waker_may_drop_the_sleep_that_calls_it<H: Harness>(rig: Rig<H>) {
    let_a_waker_meddle(rig, |sleep: PinnedSleep<H>| drop(sleep)).await;
}

pub async fn must_8_a_sleep_polled_here_ends_in_another_task<H: Harness>(rig: Rig<H>) {
    let sleep = rig.asleep(Waker::noop());
    rig.runtime.spawn(sleep).await.expect("the task ends");
}

pub async fn must_8_a_sleep_made_in_a_task_ends_here<H: Harness>(rig: Rig<H>) {
    let runtime = rig.runtime.clone();
    let make = async move {
        let at = runtime.now() + SHORT;
        (Box::pin(runtime.sleep_until(at)), at)
    };
    let (sleep, at) = rig.runtime.spawn(make).await.expect("the task ends");
    sleep.await;
    assert!(rig.now() >= at);
}

pub async fn must_9_the_context_is_the_same_in_every_task<H: Harness>(rig: Rig<H>) {
    let here = rig.runtime.context_id();
    for _ in 0..4 {
        let runtime = rig.runtime.clone();
        let there = rig.runtime.spawn(async move { runtime.context_id() }).await;
        assert_eq!(there, Ok(here));
    }
}

/// A target that notes when it was ticked.
struct Target<R> {
    runtime: R,
    ticks: Log<Instant>,
    lost: AtomicUsize,
}

impl<R: Timer> Target<R> {
    fn new(runtime: &R) -> Arc<Self> {
        Arc::new(Self { runtime: runtime.clone(), ticks: Log::new(), lost: AtomicUsize::new(0) })
    }

    fn alarm(self: &Arc<Self>) -> R::Alarm {
        let me = Arc::downgrade(self);
        self.runtime.alarm(me)
    }
}

impl<R: Timer> Tick for Target<R> {
    fn tick(&self) {
        self.ticks.push(self.runtime.now());
    }

    fn lost(&self) {
        self.lost.fetch_add(1, Ordering::SeqCst);
    }
}

pub async fn must_10_an_alarm_ticks_once_its_instant_has_come<H: Harness>(rig: Rig<H>) {
    let target = Target::new(&rig.runtime);
    let alarm = target.alarm();
    let at = rig.now() + SHORT;
    alarm.set(at);
    rig.until(|| target.ticks.len() > 0).await;
    assert!(target.ticks.entries()[0] >= at);
    rig.doze().await;
    assert_eq!((target.ticks.len(), target.lost.load(Ordering::SeqCst)), (1, 0));
}

pub async fn must_10_an_alarm_ticks_at_the_earliest_instant_that_was_set<H: Harness>(rig: Rig<H>) {
    for later_first in [true, false] {
        let target = Target::new(&rig.runtime);
        let alarm = target.alarm();
        let (soon, late) = (rig.now() + SHORT, rig.now() + LONG);
        let order = if later_first { [late, soon] } else { [soon, late] };
        order.into_iter().for_each(|at| alarm.set(at));
        rig.until(|| target.ticks.len() > 0).await;
        let tick = target.ticks.entries()[0];
        assert!(tick >= soon && tick < late, "{tick:?} is not between {soon:?} and {late:?}");
    }
}

pub async fn must_10_an_alarm_can_be_set_again_after_its_tick<H: Harness>(rig: Rig<H>) {
    let target = Target::new(&rig.runtime);
    let alarm = target.alarm();
    for ticks in 1..4 {
        let at = rig.now() + SHORT;
        alarm.set(at);
        rig.until(|| target.ticks.len() >= ticks).await;
        assert!(target.ticks.entries()[ticks - 1] >= at);
    }
}

pub async fn must_10_an_alarm_set_for_the_past_ticks<H: Harness>(rig: Rig<H>) {
    let target = Target::new(&rig.runtime);
    let alarm = target.alarm();
    alarm.set(Instant::ORIGIN);
    rig.until(|| target.ticks.len() > 0).await;
}

pub async fn must_10_an_alarm_can_be_set_from_any_thread_once_it_was_set<H: Harness>(rig: Rig<H>) {
    let target = Target::new(&rig.runtime);
    let alarm = Arc::new(target.alarm());
    alarm.set(rig.now() + LONG);
    let at = rig.now() + SHORT;
    let there = Arc::clone(&alarm);
    std::thread::spawn(move || there.set(at)).join().expect("it can be set");
    rig.until(|| target.ticks.len() > 0).await;
    assert!(target.ticks.entries()[0] < at + LONG / 2);
}

/// A target that sets its own alarm, as limiters do.
struct Chain<R: Timer> {
    runtime: R,
    alarm: Lock<Option<Arc<R::Alarm>>>,
    ticks: AtomicUsize,
}

impl<R: Timer> Tick for Chain<R> {
    fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::SeqCst);
        let alarm = self.alarm.with(|alarm| alarm.clone());
        alarm.iter().for_each(|alarm| alarm.set(self.runtime.now() + Duration::from_micros(10)));
    }

    fn lost(&self) {}
}

pub async fn must_10_an_alarm_can_be_set_inside_its_own_tick<H: Harness>(rig: Rig<H>) {
    let chain = Arc::new(Chain { runtime: rig.runtime.clone(), alarm: Lock::new(None), ticks: AtomicUsize::new(0) });
    let me: Weak<Chain<H::Runtime>> = Arc::downgrade(&chain);
    let alarm = Arc::new(rig.runtime.alarm(me));
    chain.alarm.with(|place| *place = Some(Arc::clone(&alarm)));
    alarm.set(rig.now());
    rig.until(|| chain.ticks.load(Ordering::SeqCst) >= 10).await;
    drop(chain.alarm.with(Option::take));
}

pub async fn must_10_an_alarm_that_is_dropped_neither_ticks_nor_is_lost<H: Harness>(rig: Rig<H>) {
    let dropped_in_time = |at| {
        let target = Target::new(&rig.runtime);
        let alarm = target.alarm();
        alarm.set(at);
        drop(alarm);
        (rig.now() < at).then_some(target)
    };
    let target = loop {
        if let Some(target) = dropped_in_time(rig.now() + SHORT) {
            break target;
        }
    };
    rig.doze().await;
    assert_eq!((target.ticks.len(), target.lost.load(Ordering::SeqCst)), (0, 0));
}

pub async fn must_10_an_alarm_does_not_keep_its_target_alive<H: Harness>(rig: Rig<H>) {
    let target = Target::new(&rig.runtime);
    let alarm = target.alarm();
    alarm.set(rig.now() + SHORT);
    let watched = Arc::downgrade(&target);
    drop(target);
    rig.until(|| watched.strong_count() == 0).await;
    rig.doze().await;
}

pub async fn must_11_a_task_runs_to_its_end<H: Harness>(rig: Rig<H>) {
    let gate = Gate::new();
    let tasks: Vec<_> = (0..100_u32)
        .map(|number| {
            let gate = gate.clone();
            rig.runtime.spawn(async move {
                gate.pass().await;
                yield_once().await;
                number
            })
        })
        .collect();
    gate.open();
    for (number, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.map(|number| number as usize), Ok(number));
    }
}

pub async fn must_11_a_task_whose_handle_is_dropped_goes_on<H: Harness>(rig: Rig<H>) {
    let (gate, log) = (Gate::new(), Log::new());
    let (passed, report) = (gate.clone(), log.clone());
    drop(rig.runtime.spawn(async move {
        passed.pass().await;
        report.push(());
    }));
    gate.open();
    rig.until(|| log.len() == 1).await;
}

pub async fn must_11_a_task_that_panics_is_seen_by_who_joins_it<H: Harness>(rig: Rig<H>) {
    let task = rig.runtime.spawn(async { panic!("a task that panics") });
    let outcome: Result<(), _> = task.await;
    assert!(outcome.expect_err("it panics").is_panic());
    let other = rig.runtime.spawn(async { 1 });
    assert_eq!(other.await, Ok(1));
}

pub async fn must_11_a_blocking_job_runs_to_its_end<H: Harness>(rig: Rig<H>) {
    let job = rig.runtime.spawn_blocking(|| (1..=100_u32).sum::<u32>());
    assert_eq!(job.await, Ok(5050));
}
