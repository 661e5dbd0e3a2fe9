//! What a combined limiter promises.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_combined {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness combined {
            one_of_each_part_is_taken_or_none
            a_refund_gives_back_slots_and_cells
            a_refusal_tells_the_rate_that_refuses_longest
            a_refusal_for_want_of_slots_does_not_say_when
            a_cost_above_one_parts_maximum_is_refused_at_once_and_for_good
            as_many_costs_as_parts_are_needed
            what_costs_nothing_is_not_waited_for
            no_parts_and_the_same_part_twice_are_errors
            more_parts_than_fit_in_place_are_parts
            who_gives_up_in_the_line_for_slots_leaves_no_trace
            who_gives_up_between_slots_and_rates_leaves_no_trace
            who_gives_up_at_the_first_rate_leaves_no_trace
            who_gives_up_a_turn_that_it_holds_leaves_no_trace
            who_gives_up_at_the_last_rate_leaves_no_trace
            who_gives_up_after_the_last_grant_leaves_no_trace
            a_turn_that_is_held_is_taken_with_the_last_grant
            a_turn_that_is_held_keeps_those_behind_it_waiting_and_spends_nothing
            a_turn_that_is_held_goes_to_the_next_who_holds_one
            waiters_are_served_in_the_order_of_their_first_poll
            a_slow_rate_of_one_user_does_not_hold_up_the_line_of_all
            combinations_built_in_opposite_orders_do_not_deadlock
            a_part_that_is_closed_ends_the_wait_and_all_else_goes_back
            closing_the_combination_ends_its_waits_and_leaves_the_parts_open
            a_quota_changed_while_a_turn_is_held_is_obeyed
            a_quota_changed_does_not_change_the_order_of_the_parts
            a_limit_changed_while_its_slots_are_waited_for_is_obeyed
            acquire_within_refuses_at_time_zero_if_a_rate_is_too_slow
            acquire_within_waits_at_most_so_long
            a_scope_around_bounds_the_wait
            one_who_is_polled_once_keeps_its_slots_and_its_turn
            a_rate_alone_and_slots_alone_are_combinations
            run_and_wrap_hold_the_slots_while_they_run
            a_waker_that_panics_burns_nothing
            many_tasks_take_all_or_nothing
            what_a_combination_says_of_itself_is_text
        } }
    };
}

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;

use super::Harness;
use super::gate::Log;
use super::hand::{ByHand, Trap, assert_refused, at_once, panic_of, refused, yield_once};
use super::rig::{FAST, Rig};
use crate::limit::{
    ConcurrencyLimiter, PartKind, Quota, RateLimiter, ResourceLimitError, ResourceLimitErrorKind as Kind,
    ResourceLimiter, ResourcePermit,
};
use crate::runtime::{Spawn, Timer};
use crate::timeout::TimeoutManager;

const SHORT: Duration = Duration::from_millis(2);
const HOUR: Duration = Duration::from_secs(3600);

/// Two rates of which no cell comes while a check runs, except by a refund. The first one is slower.
const SLOW: Quota = Quota::per_hour(1).burst(5);
const LESS_SLOW: Quota = Quota::per_hour(2).burst(5);

/// Slots and two rates that have nothing to give, in a combination whose parts are built fastest first.
struct Three<R: Timer> {
    fast: RateLimiter<R>,
    slow: RateLimiter<R>,
    slots: ConcurrencyLimiter<R>,
    all: ResourceLimiter<R>,
}

/// The places of the parts.
const FAST_PART: usize = 0;
const SLOW_PART: usize = 1;
const SLOTS_PART: usize = 2;

type Outcome<'a, R> = Result<ResourcePermit<'a, R>, ResourceLimitError>;

impl<R: Timer> Three<R> {
    fn new<H: Harness<Runtime = R>>(rig: &Rig<H>) -> Self {
        let (fast, slow, slots) = (rig.drained(LESS_SLOW), rig.drained(SLOW), rig.slots(2));
        let all = ResourceLimiter::builder().rate(&fast).rate(&slow).concurrency(&slots).build().expect("three parts");
        Self { fast, slow, slots, all }
    }

    /// One who waits, in the line of the slow rate.
    fn at_the_first_rate(&self) -> ByHand<'static, Outcome<'static, R>> {
        ByHand::waiting(self.all.acquire_owned())
    }

    /// One who holds its turn at the slow rate, and waits at the other one.
    #[track_caller]
    fn at_the_last_rate(&self) -> ByHand<'static, Outcome<'static, R>> {
        let mut waiting = self.at_the_first_rate();
        self.slow.refund(1);
        assert!(waiting.is_woken(), "it does not hear that its turn has come");
        waiting.assert_waits();
        assert_eq!(self.waiters(), (0, 1, 1));
        waiting
    }

    /// Who waits for slots, for the slow rate and for the fast one.
    fn waiters(&self) -> (usize, usize, usize) {
        (self.slots.waiters(), self.slow.waiters(), self.fast.waiters())
    }

    /// Nobody waits, nothing is held, and so many cells are there.
    #[track_caller]
    fn assert_at_rest(&self, slow: u32, fast: u32) {
        assert_eq!((self.waiters(), self.slots.in_flight()), ((0, 0, 0), 0));
        assert_eq!((self.slow.available(), self.fast.available()), (slow, fast));
    }
}

#[track_caller]
fn assert_refused_by<T>(outcome: Result<T, ResourceLimitError>, kind: Kind, part: usize) {
    let error = refused(outcome);
    assert_eq!((error.kind(), error.part().map(|part| part.index())), (kind, Some(part)), "{error}");
}

pub async fn one_of_each_part_is_taken_or_none<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    three.slow.refund(1);
    assert_refused_by(three.all.try_acquire(), Kind::NotReady, FAST_PART);
    three.assert_at_rest(1, 0);
    three.fast.refund(1);
    let permit = three.all.try_acquire().expect("all have one");
    assert_eq!((three.slots.in_flight(), three.slow.available(), three.fast.available()), (1, 0, 0));
    drop(permit);
    three.assert_at_rest(0, 0);
}

pub async fn a_refund_gives_back_slots_and_cells<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    three.slow.refund(3);
    three.fast.refund(2);
    let permit = three.all.try_acquire_many(&[2, 3, 1]).expect("all have so many");
    permit.refund();
    three.assert_at_rest(3, 2);
}

pub async fn a_refusal_tells_the_rate_that_refuses_longest<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let error = refused(three.all.try_acquire());
    assert_eq!(error.part().map(|part| (part.kind(), part.index())), Some((PartKind::Rate, SLOW_PART)));
    let wait = error.retry_after().expect("a rate knows");
    assert!(wait <= HOUR && wait > HOUR / 2, "{wait:?}");
    assert!(error.to_string().starts_with("rate 1: the limit is reached; try again in"), "{error}");
    three.assert_at_rest(0, 0);
}

pub async fn a_refusal_for_want_of_slots_does_not_say_when<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let held = three.slots.try_acquire_many(2).expect("they are free");
    let error = refused(three.all.try_acquire());
    assert_eq!((error.part().map(|part| part.index()), error.retry_after()), (Some(SLOTS_PART), None));
    assert!(error.to_string().starts_with("slots 2: "), "{error}");
    drop(held);
}

pub async fn a_cost_above_one_parts_maximum_is_refused_at_once_and_for_good<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let held = three.slots.try_acquire_many(2).expect("they are free");
    for (costs, part) in [([6, 1, 1], FAST_PART), ([1, 6, 1], SLOW_PART), ([1, 1, 3], SLOTS_PART)] {
        assert_refused_by(three.all.try_acquire_many(&costs), Kind::TooLarge, part);
        assert_refused_by(at_once(three.all.acquire_many(&costs)), Kind::TooLarge, part);
        assert_refused_by(at_once(three.all.acquire_many_within(&costs, HOUR)), Kind::TooLarge, part);
    }
    drop(held);
    three.assert_at_rest(0, 0);
}

pub async fn as_many_costs_as_parts_are_needed<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    for costs in [&[][..], &[1, 1], &[1, 1, 1, 1], &[1; 9]] {
        assert_refused(at_once(three.all.acquire_many(costs)), Kind::WrongCosts);
        let error = refused(three.all.try_acquire_many(costs));
        assert_eq!(error.to_string(), alloc::format!("there are 3 parts, and costs for {} were given", costs.len()));
    }
    three.assert_at_rest(0, 0);
}

pub async fn what_costs_nothing_is_not_waited_for<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let mut ahead = ByHand::waiting(three.slow.acquire());
    three.fast.refund(1);
    drop(three.all.try_acquire_many(&[1, 0, 1]).expect("the slow rate is not asked"));
    let mut waiting = ByHand::waiting(three.all.acquire_many(&[1, 0, 0]));
    assert_eq!((three.waiters(), three.slots.in_flight()), ((0, 1, 1), 0));
    three.fast.refund(1);
    assert!(waiting.output_after_wake().is_ok());
    drop(at_once(three.all.acquire_many(&[0, 0, 0])).expect("nothing is there"));
    ahead.assert_waits();
}

pub async fn no_parts_and_the_same_part_twice_are_errors<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.rate(FAST), rig.slots(1));
    let build = |builder: crate::limit::ResourceLimiterBuilder<H::Runtime>| match builder.build() {
        Ok(limiter) => panic!("{limiter:?} is built"),
        Err(error) => error.to_string(),
    };
    assert!(build(ResourceLimiter::builder()).contains("without parts"));
    let twice = build(ResourceLimiter::builder().rate(&rate).concurrency(&slots).rate(&rate.clone()));
    assert!(twice.contains("rate 0 and rate 2"), "{twice}");
    let twice = build(ResourceLimiter::builder().concurrency(&slots.clone()).concurrency(&slots));
    assert!(twice.contains("slots 0 and slots 1"), "{twice}");
}

pub async fn more_parts_than_fit_in_place_are_parts<H: Harness>(rig: Rig<H>) {
    let rates: Vec<_> = (0..6).map(|_| rig.rate(SLOW)).collect();
    let all = rates.iter().fold(ResourceLimiter::builder(), |builder, rate| builder.rate(rate));
    let all = all.build().expect("six parts");
    drop(all.try_acquire_many(&[0, 1, 2, 3, 4, 5]).expect("they are full"));
    let mut waiting = ByHand::waiting(all.acquire_many(&[1; 6]));
    rates[5].refund(1);
    assert!(waiting.output_after_wake().is_ok());
    let left: Vec<_> = rates.iter().map(|rate| (rate.available(), rate.waiters())).collect();
    assert_eq!(left, [(4, 0), (3, 0), (2, 0), (1, 0), (0, 0), (0, 0)]);
}

pub async fn who_gives_up_in_the_line_for_slots_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let held = three.slots.try_acquire_many(2).expect("they are free");
    let waiting = ByHand::waiting(three.all.acquire());
    assert_eq!(three.waiters(), (1, 0, 0));
    drop((waiting, held));
    three.assert_at_rest(0, 0);
}

pub async fn who_gives_up_between_slots_and_rates_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let held = three.slots.try_acquire_many(2).expect("they are free");
    let waiting = ByHand::waiting(three.all.acquire());
    drop(held);
    assert!(waiting.is_woken());
    drop(waiting);
    three.assert_at_rest(0, 0);
}

pub async fn who_gives_up_at_the_first_rate_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let waiting = three.at_the_first_rate();
    assert_eq!((three.waiters(), three.slots.in_flight()), ((0, 1, 0), 1));
    drop(waiting);
    three.assert_at_rest(0, 0);
}

pub async fn who_gives_up_a_turn_that_it_holds_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let told = three.at_the_first_rate();
    three.slow.refund(1);
    assert!(told.is_woken());
    // Told, and not polled since.
    drop(told);
    three.assert_at_rest(1, 0);
    let holds = ByHand::waiting(three.all.acquire());
    assert_eq!(three.waiters(), (0, 1, 1));
    drop(holds);
    three.assert_at_rest(1, 0);
}

pub async fn who_gives_up_at_the_last_rate_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    drop(three.at_the_last_rate());
    three.assert_at_rest(1, 0);
}

pub async fn who_gives_up_after_the_last_grant_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let waiting = three.at_the_last_rate();
    three.fast.refund(1);
    assert!(waiting.is_woken());
    drop(waiting);
    three.assert_at_rest(1, 1);
}

pub async fn a_turn_that_is_held_is_taken_with_the_last_grant<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let mut waiting = three.at_the_last_rate();
    three.fast.refund(1);
    let permit = waiting.output_after_wake().expect("all have one");
    assert_eq!(three.slots.in_flight(), 1);
    drop(permit);
    three.assert_at_rest(0, 0);
}

pub async fn a_turn_that_is_held_keeps_those_behind_it_waiting_and_spends_nothing<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let holds = three.at_the_last_rate();
    three.slow.refund(3);
    let mut behind = ByHand::waiting(three.slow.acquire());
    assert_refused(three.slow.try_acquire(), Kind::NotReady);
    drop(holds);
    assert!(behind.output_after_wake().is_ok());
    three.assert_at_rest(3, 0);
}

pub async fn a_turn_that_is_held_goes_to_the_next_who_holds_one<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let first = three.at_the_last_rate();
    let mut second = ByHand::waiting(three.all.acquire());
    assert_eq!(three.waiters(), (0, 2, 1));
    drop(first);
    assert!(second.is_woken(), "it is at the front now, and its cell is there");
    second.assert_waits();
    three.fast.refund(1);
    assert!(second.output_after_wake().is_ok());
    three.assert_at_rest(0, 0);
}

pub async fn waiters_are_served_in_the_order_of_their_first_poll<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let mut line: Vec<_> = (0..2).map(|_| ByHand::waiting(three.all.acquire())).collect();
    line.push(ByHand::waiting(three.all.acquire()));
    assert_eq!(three.waiters(), (1, 2, 0));
    three.slow.refund(3);
    three.fast.refund(3);
    for served in 0..3 {
        let outcomes: Vec<_> = line.iter_mut().rev().map(|waiting| waiting.poll()).collect();
        let ready = outcomes.iter().filter(|poll| poll.is_ready()).count();
        assert_eq!(ready, 1, "{served} were served before: {outcomes:?}");
        assert!(outcomes.last().is_some_and(core::task::Poll::is_ready), "{outcomes:?}");
        line.remove(0);
    }
    three.assert_at_rest(0, 0);
}

pub async fn a_slow_rate_of_one_user_does_not_hold_up_the_line_of_all<H: Harness>(rig: Rig<H>) {
    let (everybody, user) = (rig.rate(FAST), rig.drained(SLOW));
    let limiter = ResourceLimiter::builder().rate(&everybody).rate(&user).build().expect("two parts");
    let mut waiting = ByHand::waiting(limiter.acquire());
    assert_eq!((everybody.waiters(), user.waiters()), (0, 1));
    for _ in 0..5 {
        everybody.acquire().await.expect("it is open");
    }
    user.refund(1);
    rig.until(|| waiting.poll().is_ready()).await;
    assert_eq!((everybody.waiters(), user.waiters(), user.available()), (0, 0, 0));
}

pub async fn combinations_built_in_opposite_orders_do_not_deadlock<H: Harness>(rig: Rig<H>) {
    let (a, b, x, y) = (rig.slots(1), rig.slots(1), rig.rate(FAST), rig.rate(FAST));
    let builder = ResourceLimiter::builder;
    let limiters = [
        builder().concurrency(&a).concurrency(&b).rate(&x).rate(&y),
        builder().rate(&y).rate(&x).concurrency(&b).concurrency(&a),
        builder().rate(&x).concurrency(&b).rate(&y),
        builder().concurrency(&a).rate(&y),
    ];
    let limiters = limiters.map(|builder| builder.build().expect("different parts"));
    let tasks: Vec<_> = limiters
        .iter()
        .cycle()
        .take(24)
        .map(|limiter| {
            let limiter = limiter.clone();
            rig.runtime.spawn(async move {
                let permit = limiter.acquire().await.expect("it is open");
                yield_once().await;
                drop(permit);
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it does not panic");
    }
    assert_eq!((a.in_flight(), b.in_flight(), x.waiters(), y.waiters()), (0, 0, 0, 0));
}

pub async fn a_part_that_is_closed_ends_the_wait_and_all_else_goes_back<H: Harness>(rig: Rig<H>) {
    // Closed while it is waited for, ...
    let three = Three::new(&rig);
    let mut waiting = three.at_the_last_rate();
    three.fast.close();
    assert_refused_by(waiting.output_after_wake(), Kind::Closed, FAST_PART);
    assert_eq!((three.waiters(), three.slots.in_flight(), three.slow.available()), ((0, 0, 0), 0, 1));
    // ... while its turn is held, ...
    let three = Three::new(&rig);
    let mut waiting = three.at_the_last_rate();
    three.slow.close();
    assert_refused_by(waiting.output_after_wake(), Kind::Closed, SLOW_PART);
    assert_eq!((three.waiters(), three.slots.in_flight(), three.fast.available()), ((0, 0, 0), 0, 0));
    // ... while its turn is held and the last grant is there, ...
    let three = Three::new(&rig);
    let mut waiting = three.at_the_last_rate();
    three.fast.refund(1);
    three.slow.close();
    assert_refused_by(waiting.output_after_wake(), Kind::Closed, SLOW_PART);
    assert_eq!((three.waiters(), three.slots.in_flight(), three.fast.available()), ((0, 0, 0), 0, 1));
    // ... and in the line for slots.
    let three = Three::new(&rig);
    let held = three.slots.try_acquire_many(2).expect("they are free");
    let mut waiting = ByHand::waiting(three.all.acquire());
    three.slots.close();
    assert_refused_by(waiting.output_after_wake(), Kind::Closed, SLOTS_PART);
    drop(held);
    three.assert_at_rest(0, 0);
}

pub async fn closing_the_combination_ends_its_waits_and_leaves_the_parts_open<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    three.slow.refund(1);
    three.fast.refund(1);
    let permit = three.all.try_acquire().expect("all have one");
    let mut waiting = three.at_the_last_rate();
    let mut closed = ByHand::waiting(three.all.closed());
    three.all.close();
    three.all.close();
    let error = refused(waiting.output_after_wake());
    assert_eq!((error.kind(), error.part()), (Kind::Closed, None));
    closed.output_after_wake();
    assert_refused(three.all.try_acquire(), Kind::Closed);
    assert_refused(at_once(three.all.acquire()), Kind::Closed);
    assert!(!three.slow.is_closed() && !three.fast.is_closed() && !three.slots.is_closed());
    assert_eq!(three.slots.in_flight(), 1, "what is held stays valid");
    drop(permit);
    three.assert_at_rest(1, 0);
}

pub async fn a_quota_changed_while_a_turn_is_held_is_obeyed<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    three.slow.refund(2);
    let mut waiting = ByHand::waiting(three.all.acquire_many(&[1, 2, 1]));
    assert_eq!(three.waiters(), (0, 1, 1));
    // It still has two, and a turn that is held stays so.
    three.slow.set_quota(SLOW.burst(2));
    waiting.assert_waits();
    three.slow.set_quota(SLOW.burst(1));
    assert_refused_by(waiting.output_after_wake(), Kind::TooLarge, SLOW_PART);
    three.assert_at_rest(1, 0);
}

pub async fn a_quota_changed_does_not_change_the_order_of_the_parts<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    three.slow.set_quota(LESS_SLOW);
    three.fast.set_quota(SLOW);
    drop(three.at_the_last_rate());
    three.assert_at_rest(1, 0);
}

pub async fn a_limit_changed_while_its_slots_are_waited_for_is_obeyed<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    three.slow.refund(5);
    three.fast.refund(5);
    three.slots.set_limit(0);
    let mut waiting = ByHand::waiting(three.all.acquire_many(&[1, 1, 2]));
    let mut other = ByHand::waiting(three.all.acquire());
    three.slots.set_limit(1);
    assert_refused_by(waiting.output_after_wake(), Kind::TooLarge, SLOTS_PART);
    drop(other.output_after_wake().expect("there is a slot"));
    three.assert_at_rest(4, 4);
}

pub async fn acquire_within_refuses_at_time_zero_if_a_rate_is_too_slow<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let error = refused(at_once(three.all.acquire_within(HOUR / 4)));
    assert_eq!((error.kind(), error.left()), (Kind::Deadline, Some(HOUR / 4)));
    assert!(error.needed() > error.left() && error.part().is_some(), "{error}");
    three.assert_at_rest(0, 0);
}

pub async fn acquire_within_waits_at_most_so_long<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.rate(SLOW), rig.slots(1));
    let both = ResourceLimiter::new(&rate, &slots);
    let held = slots.try_acquire().expect("a slot is free");
    let start = rig.now();
    let error = refused(both.acquire_within(SHORT).await);
    rig.assert_elapsed(start, SHORT);
    assert_eq!((error.kind(), error.part().map(|part| part.index())), (Kind::Deadline, Some(1)));
    assert_eq!((slots.waiters(), rate.available()), (0, 5));
    let mut within = ByHand::waiting(both.acquire_within(HOUR));
    drop(held);
    assert!(within.output_after_wake().is_ok());
}

pub async fn a_scope_around_bounds_the_wait<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.drained(SLOW), rig.slots(1));
    let both = ResourceLimiter::new(&rate, &slots);
    let tm = TimeoutManager::with_runtime(SHORT, rig.runtime.clone());
    let outcome = tm.scope(async { at_once(both.acquire()) }).await.expect("it does not wait");
    assert_refused_by(outcome, Kind::Deadline, 0);
    let _held = slots.try_acquire().expect("a slot is free");
    let outcome = tm.scope(both.acquire()).await;
    assert!(outcome.is_err() || outcome.is_ok_and(|outcome| refused(outcome).kind() == Kind::Deadline));
    assert_eq!((slots.waiters(), slots.in_flight(), rate.waiters()), (0, 1, 0));
}

pub async fn one_who_is_polled_once_keeps_its_slots_and_its_turn<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let waiting = three.at_the_first_rate();
    three.slow.refund(2);
    let mut behind = ByHand::waiting(three.slow.acquire());
    behind.assert_waits();
    assert_eq!(three.slots.in_flight(), 1);
    drop(waiting);
    assert!(behind.output_after_wake().is_ok());
}

pub async fn a_rate_alone_and_slots_alone_are_combinations<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.drained(SLOW), rig.slots(1));
    let only = ResourceLimiter::builder().rate(&rate).build().expect("a part");
    let mut waiting = ByHand::waiting(only.acquire());
    rate.refund(1);
    assert!(waiting.output_after_wake().is_ok());
    let only = ResourceLimiter::builder().concurrency(&slots).build().expect("a part");
    let permit = at_once(only.acquire()).expect("a slot is free");
    let mut waiting = ByHand::waiting(only.acquire());
    drop(permit);
    assert!(waiting.output_after_wake().is_ok());
}

pub async fn run_and_wrap_hold_the_slots_while_they_run<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.rate(SLOW), rig.slots(2));
    let both = ResourceLimiter::new(&rate, &slots);
    let count = || slots.in_flight();
    assert_eq!(both.run(async { count() }).await, Ok(1));
    assert_eq!(both.run_many(&[1, 2], async { count() }).await, Ok(2));
    let tried: Result<usize, ResourceLimitError> = both.try_run(async { Ok(count()) }).await;
    assert_eq!(tried, Ok(1));
    assert_eq!(both.wrap(|()| async { count() })(()).await, Ok(1));
    assert_eq!(both.wrap_sync(|()| count())(()).await, Ok(1));
    assert_eq!((slots.in_flight(), rate.available()), (0, 0));
}

pub async fn a_waker_that_panics_burns_nothing<H: Harness>(rig: Rig<H>) {
    let three = Three::new(&rig);
    let mut waiting = three.at_the_last_rate();
    let mut trap = ByHand::new(three.slow.acquire());
    assert!(trap.poll_with(&Waker::from(Arc::new(Trap))).is_pending());
    // The one behind is served when the turn that is held is taken, and its waker panics in the face of who takes it.
    three.slow.refund(1);
    three.fast.refund(1);
    let message = panic_of(|| waiting.poll());
    assert_eq!(message, "a waker that panics");
    drop(waiting);
    assert!(trap.output().is_ok());
    three.assert_at_rest(1, 1);
}

pub async fn many_tasks_take_all_or_nothing<H: Harness>(rig: Rig<H>) {
    let (rate, slots, log) = (rig.rate(FAST), rig.slots(3), Log::new());
    let both = ResourceLimiter::new(&rate, &slots);
    let tasks: Vec<_> = (0..30)
        .map(|number| {
            let (both, slots, log) = (both.clone(), slots.clone(), log.clone());
            rig.start(async move {
                let permit = both.acquire().await.expect("it is open");
                log.push(number);
                assert!(slots.in_flight() <= 3);
                yield_once().await;
                drop(permit);
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it does not panic");
    }
    assert_eq!(log.len(), 30);
    assert_eq!((slots.in_flight(), slots.waiters(), rate.waiters()), (0, 0, 0));
}

pub async fn what_a_combination_says_of_itself_is_text<H: Harness>(rig: Rig<H>) {
    let both = ResourceLimiter::new(&rig.rate(FAST), &rig.slots(1));
    let debug = alloc::format!("{both:?} {:?} {:?}", both.acquire(), both.try_acquire());
    assert!(debug.contains("ResourceLimiter") && debug.contains("ResourcePermit"), "{debug}");
}
