//! What the policies of lines promise, on both limiters.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_policies {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness policies {
            the_highest_class_is_served_first_and_each_in_the_order_of_arrival
            one_who_says_no_class_is_of_the_lowest
            a_class_that_does_not_exist_is_an_error_that_names_it
            the_last_one_to_come_is_served_first
            a_full_line_that_evicts_refuses_the_oldest_and_not_who_comes
            a_full_line_that_does_not_evict_refuses_who_comes
            whoever_comes_first_takes_what_is_free_although_others_wait_for_more
            a_large_request_of_a_higher_class_is_not_overtaken_by_a_lower_one
            what_one_who_leaves_was_granted_goes_to_who_is_next
            the_end_and_new_limits_reach_every_class
            one_who_tries_is_told_a_time_behind_all_who_wait
            acquire_within_counts_those_who_come_before_it
            one_who_is_overtaken_and_has_no_time_for_that_is_refused
            a_turn_that_is_held_is_not_passed_by_a_higher_class
            a_turn_that_is_given_up_goes_to_the_highest_class
            an_overload_refuses_those_who_have_waited_too_long
            an_overload_refuses_instead_of_serving_late
            a_line_that_is_long_for_a_moment_is_served
            a_thousand_waiters_of_all_classes_are_served_in_order_while_others_give_up
        } }
    };
}

use alloc::string::ToString;
use alloc::vec::Vec;
use core::future::Future;
use core::time::Duration;

use super::Harness;
use super::hand::{ByHand, assert_refused, at_once, refused};
use super::rig::{Rig, SLOW};
use crate::limit::{
    Classes, ConcurrencyLimiter, QueuePolicy, Quota, RateLimiter, ResourceLimitError, ResourceLimitErrorKind as Kind,
    ResourceLimiter,
};
use crate::sync::Permit;

const SHORT: Duration = Duration::from_millis(2);
const HOUR: Duration = Duration::from_secs(3600);

type Slots<H> = ConcurrencyLimiter<<H as Harness>::Runtime>;
type Rate<H> = RateLimiter<<H as Harness>::Runtime>;

/// One slot, in a line of that policy.
fn slots<H: Harness>(rig: &Rig<H>, policy: QueuePolicy) -> Slots<H> {
    Slots::<H>::builder(1).queue(policy).build_on(rig.runtime.clone()).expect("a limit of 1 is valid")
}

/// A rate that has nothing to give, in a line of that policy. Cells come by refunds.
fn rate<H: Harness>(rig: &Rig<H>, policy: QueuePolicy) -> Rate<H> {
    let quota = Quota::per_hour(1).burst(5);
    Rate::<H>::builder(quota).initial(0).queue(policy).build_on(rig.runtime.clone())
}

/// Hands out one by one, and finds the waiters served in that order.
#[track_caller]
fn assert_served<T>(
    waiters: &mut [ByHand<'_, Result<T, ResourceLimitError>>],
    order: &[usize],
    mut hand_out: impl FnMut(Option<T>),
) {
    let mut last = None;
    for (served, &next) in order.iter().enumerate() {
        hand_out(last.take());
        let woken: Vec<_> = (0..waiters.len()).filter(|&index| waiters[index].is_woken()).collect();
        assert!(woken.contains(&next), "{next} is not served, but all of {woken:?} were");
        assert_eq!(woken.len(), served + 1, "one is served for each");
        last = Some(waiters[next].output().expect("it is open"));
    }
    hand_out(last);
}

/// Finds waits of these classes, in the order of their first poll, served in that order: on slots, and on a rate.
#[track_caller]
fn assert_order<H: Harness>(rig: &Rig<H>, policy: QueuePolicy, classes: &[u8], order: &[usize]) {
    let slots = slots(rig, policy);
    let mut held = Some(slots.try_acquire().expect("a slot is free"));
    let mut waiters: Vec<_> = classes.iter().map(|&class| ByHand::waiting(slots.acquire().priority(class))).collect();
    assert_served(&mut waiters, order, |permit: Option<Permit<'_>>| drop((held.take(), permit)));
    assert_eq!((slots.waiters(), slots.available()), (0, 1));

    let rate = rate(rig, policy);
    let mut waiters: Vec<_> = classes.iter().map(|&class| ByHand::waiting(rate.acquire().priority(class))).collect();
    let mut refunds = order.len();
    assert_served(&mut waiters, order, |_: Option<()>| {
        if refunds > 0 {
            refunds -= 1;
            rate.refund(1);
        }
    });
    assert_eq!((rate.waiters(), rate.available()), (0, 0));
}

pub async fn the_highest_class_is_served_first_and_each_in_the_order_of_arrival<H: Harness>(rig: Rig<H>) {
    assert_order(&rig, QueuePolicy::priority(3), &[0, 1, 2, 0, 2, 1], &[2, 4, 1, 5, 0, 3]);
    assert_order(&rig, QueuePolicy::priority(1), &[0, 0, 0], &[0, 1, 2]);
}

pub async fn one_who_says_no_class_is_of_the_lowest<H: Harness>(rig: Rig<H>) {
    let slots = slots(&rig, QueuePolicy::priority(2));
    let permit = slots.try_acquire().expect("a slot is free");
    let mut plain = ByHand::waiting(slots.acquire());
    let mut urgent = ByHand::waiting(slots.acquire_owned().priority(1));
    let mut patient = ByHand::waiting(slots.acquire_within(HOUR).priority(1));
    drop(permit);
    drop(urgent.output_after_wake().expect("it is first"));
    drop(patient.output_after_wake().expect("it is next"));
    assert!(plain.output_after_wake().is_ok());
}

pub async fn a_class_that_does_not_exist_is_an_error_that_names_it<H: Harness>(rig: Rig<H>) {
    let slots = slots(&rig, QueuePolicy::priority(3));
    let error = refused(at_once(slots.acquire().priority(3)));
    assert_eq!(error.kind(), Kind::NoSuchClass);
    assert_eq!(error.to_string(), "there is no class 3; there are 3, from 0 to 2");
    assert_eq!((slots.in_flight(), slots.waiters()), (0, 0));
    let plain = rig.rate(SLOW);
    let error = refused(at_once(plain.acquire().priority(1)));
    assert_eq!(error.kind(), Kind::NoSuchClass);
    assert!(error.to_string().starts_with("there is no class 1: the limiter was made without"), "{error}");
    assert_eq!(at_once(plain.acquire().priority(0)), Ok(()));
    for count in [0, 9] {
        let error = Classes::try_new(count).expect_err("it is out of bounds");
        assert!(error.to_string().starts_with(&count.to_string()), "{error}");
    }
    assert_eq!(QueuePolicy::Priority(Classes::try_new(8).expect("it is in bounds")), QueuePolicy::priority(8));
}

pub async fn the_last_one_to_come_is_served_first<H: Harness>(rig: Rig<H>) {
    assert_order(&rig, QueuePolicy::Lifo, &[0; 4], &[3, 2, 1, 0]);
    assert_order(&rig, QueuePolicy::LifoEvict, &[0; 4], &[3, 2, 1, 0]);
}

pub async fn a_full_line_that_evicts_refuses_the_oldest_and_not_who_comes<H: Harness>(rig: Rig<H>) {
    let runtime = rig.runtime.clone();
    let slots = Slots::<H>::builder(1).max_waiters(2).queue(QueuePolicy::LifoEvict).build_on(runtime.clone());
    let slots = slots.expect("a limit of 1 is valid");
    let permit = slots.try_acquire().expect("a slot is free");
    let mut waiters: Vec<_> = (0..4).map(|_| ByHand::waiting(slots.acquire())).collect();
    for evicted in [0, 1] {
        assert_refused(waiters[evicted].output_after_wake(), Kind::QueueFull);
    }
    assert_eq!(slots.waiters(), 2);
    drop(permit);
    drop(waiters[3].output_after_wake().expect("it came last"));
    assert!(waiters[2].output_after_wake().is_ok());

    let rate = Rate::<H>::builder(SLOW).initial(0).max_waiters(1).queue(QueuePolicy::LifoEvict).build_on(runtime);
    let (mut first, mut second) = (ByHand::waiting(rate.acquire()), ByHand::waiting(rate.acquire()));
    assert_refused(first.output_after_wake(), Kind::QueueFull);
    rate.refund(1);
    assert_eq!(second.output_after_wake(), Ok(()));
}

pub async fn a_full_line_that_does_not_evict_refuses_who_comes<H: Harness>(rig: Rig<H>) {
    for policy in [QueuePolicy::Fifo, QueuePolicy::Lifo, QueuePolicy::priority(2)] {
        let builder = Slots::<H>::builder(1).max_waiters(1).queue(policy);
        let slots = builder.build_on(rig.runtime.clone()).expect("a limit of 1 is valid");
        let permit = slots.try_acquire().expect("a slot is free");
        let mut first = ByHand::waiting(slots.acquire());
        assert_refused(at_once(slots.acquire()), Kind::QueueFull);
        drop(permit);
        assert!(first.output_after_wake().is_ok(), "{policy:?}");
    }
    let builder = Rate::<H>::builder(SLOW).initial(0).max_waiters(0).queue(QueuePolicy::LifoEvict);
    assert_refused(at_once(builder.build_on(rig.runtime.clone()).acquire()), Kind::QueueFull);
}

pub async fn whoever_comes_first_takes_what_is_free_although_others_wait_for_more<H: Harness>(rig: Rig<H>) {
    for (policy, class) in [(QueuePolicy::Lifo, 0), (QueuePolicy::priority(2), 1)] {
        let slots = Slots::<H>::builder(2).queue(policy).build_on(rig.runtime.clone()).expect("it is valid");
        let one = slots.try_acquire().expect("a slot is free");
        let mut large = ByHand::waiting(slots.acquire_many(2));
        assert_refused(slots.try_acquire(), Kind::NotReady);
        let other = at_once(slots.acquire().priority(class)).expect("it comes first");
        drop(one);
        large.assert_waits();
        drop(other);
        assert!(large.output_after_wake().is_ok());

        let rate = rate(&rig, policy);
        rate.refund(1);
        let mut large = ByHand::waiting(rate.acquire_many(2));
        assert_refused(rate.try_acquire(), Kind::NotReady);
        assert_eq!(at_once(rate.acquire().priority(class)), Ok(()));
        rate.refund(2);
        assert_eq!(large.output_after_wake(), Ok(()));
    }
}

pub async fn a_large_request_of_a_higher_class_is_not_overtaken_by_a_lower_one<H: Harness>(rig: Rig<H>) {
    let slots = Slots::<H>::builder(2).queue(QueuePolicy::priority(2)).build_on(rig.runtime.clone());
    let slots = slots.expect("it is valid");
    let one = slots.try_acquire().expect("a slot is free");
    let mut large = ByHand::waiting(slots.acquire_many(2).priority(1));
    let mut small = ByHand::waiting(slots.acquire());
    let mut equal = ByHand::waiting(slots.acquire().priority(1));
    drop(one);
    let both = large.output_after_wake().expect("it is first");
    small.assert_waits();
    equal.assert_waits();
    drop(both);
    assert!(small.output_after_wake().is_ok() && equal.output_after_wake().is_ok());
}

pub async fn what_one_who_leaves_was_granted_goes_to_who_is_next<H: Harness>(rig: Rig<H>) {
    for (policy, first, next) in
        [(QueuePolicy::Lifo, 3, 2), (QueuePolicy::priority(2), 0, 1), (QueuePolicy::Fifo, 0, 1)]
    {
        let (slots, rate) = (slots(&rig, policy), rate(&rig, policy));
        let permit = slots.try_acquire().expect("a slot is free");
        let mut for_slots: Vec<_> = (0..4).map(|_| Some(ByHand::waiting(slots.acquire()))).collect();
        let mut for_cells: Vec<_> = (0..4).map(|_| Some(ByHand::waiting(rate.acquire()))).collect();
        drop(permit);
        rate.refund(1);
        let granted = (for_slots[first].take().expect("it waits"), for_cells[first].take().expect("it waits"));
        assert!(granted.0.is_woken() && granted.1.is_woken());
        drop(granted);
        assert!(for_slots[next].as_mut().expect("it waits").output_after_wake().is_ok(), "{policy:?}");
        assert_eq!(for_cells[next].as_mut().expect("it waits").output_after_wake(), Ok(()), "{policy:?}");
    }
}

pub async fn the_end_and_new_limits_reach_every_class<H: Harness>(rig: Rig<H>) {
    let slots = Slots::<H>::builder(3).queue(QueuePolicy::priority(3)).build_on(rig.runtime.clone());
    let slots = slots.expect("it is valid");
    let rate = rate(&rig, QueuePolicy::priority(3));
    let permit = slots.try_acquire_many(3).expect("they are free");
    let wants = [(0, 1), (1, 3), (2, 3), (2, 1)];
    let mut for_slots: Vec<_> =
        wants.iter().map(|&(class, n)| ByHand::waiting(slots.acquire_many(n).priority(class))).collect();
    let mut for_cells: Vec<_> =
        wants.iter().map(|&(class, n)| ByHand::waiting(rate.acquire_many(n).priority(class))).collect();
    slots.set_limit(2);
    rate.set_quota(Quota::per_hour(1).burst(2));
    for large in [1, 2] {
        assert_refused(for_slots[large].output_after_wake(), Kind::TooLarge);
        assert_refused(for_cells[large].output_after_wake(), Kind::TooLarge);
    }
    slots.close();
    rate.close();
    for small in [0, 3] {
        assert_refused(for_slots[small].output_after_wake(), Kind::Closed);
        assert_refused(for_cells[small].output_after_wake(), Kind::Closed);
    }
    assert_eq!((slots.waiters(), rate.waiters()), (0, 0));
    drop(permit);
}

pub async fn one_who_tries_is_told_a_time_behind_all_who_wait<H: Harness>(rig: Rig<H>) {
    for policy in [QueuePolicy::Lifo, QueuePolicy::priority(2)] {
        let rate = rate(&rig, policy);
        let _waiting = [ByHand::waiting(rate.acquire_many(2)), ByHand::waiting(rate.acquire_many(2))];
        let retry_after = refused(rate.try_acquire()).retry_after().expect("it knows");
        assert!(retry_after > 4 * HOUR && retry_after <= 5 * HOUR, "{policy:?}: {retry_after:?}");
    }
}

pub async fn acquire_within_counts_those_who_come_before_it<H: Harness>(rig: Rig<H>) {
    let (last_first, classes) = (rate(&rig, QueuePolicy::Lifo), rate(&rig, QueuePolicy::priority(3)));
    let _others = [ByHand::waiting(last_first.acquire_many(3)), ByHand::waiting(classes.acquire_many(3))];
    let _middle = ByHand::waiting(classes.acquire_many(2).priority(1));
    drop(ByHand::waiting(last_first.acquire_within(HOUR)));
    assert_refused(at_once(last_first.acquire_within(HOUR / 2)), Kind::Deadline);
    for (class, hours) in [(0, 6), (1, 3), (2, 1)] {
        assert_refused(at_once(classes.acquire_within(hours * HOUR - HOUR / 2).priority(class)), Kind::Deadline);
        drop(ByHand::waiting(classes.acquire_within(hours * HOUR).priority(class)));
    }
}

pub async fn one_who_is_overtaken_and_has_no_time_for_that_is_refused<H: Harness>(rig: Rig<H>) {
    let quota = Quota::every(HOUR).expect("it is valid").burst(2);
    let builder = Rate::<H>::builder(quota).initial(1).queue(QueuePolicy::Lifo);
    let rate = builder.build_on(rig.runtime.clone());
    // The second cell comes in time, unless the first one goes to somebody else.
    let mut overtaken = ByHand::waiting(rate.acquire_many_within(2, HOUR));
    assert_eq!(at_once(rate.acquire()), Ok(()));
    assert_refused(rate.try_acquire(), Kind::NotReady);
    assert_refused(overtaken.output_after_wake(), Kind::Deadline);
    assert_eq!(rate.waiters(), 0);
}

pub async fn a_turn_that_is_held_is_not_passed_by_a_higher_class<H: Harness>(rig: Rig<H>) {
    for (policy, class) in [(QueuePolicy::priority(2), 1), (QueuePolicy::Lifo, 0), (QueuePolicy::LifoEvict, 0)] {
        let builder = Rate::<H>::builder(Quota::per_hour(1).burst(5)).initial(1).max_waiters(2).queue(policy);
        let slow = builder.build_on(rig.runtime.clone());
        let fast = rig.drained(Quota::per_hour(2).burst(5));
        let both = ResourceLimiter::builder().rate(&slow).rate(&fast).build().expect("they go by one clock");
        let mut holds = ByHand::waiting(both.acquire());
        let mut comes = ByHand::waiting(slow.acquire().priority(class));
        slow.refund(1);
        comes.assert_waits();
        let mut evicts = ByHand::new(slow.acquire().priority(class));
        match policy {
            QueuePolicy::LifoEvict => {
                evicts.assert_waits();
                assert_refused(comes.output_after_wake(), Kind::QueueFull);
            }
            _ => assert_refused(evicts.output(), Kind::QueueFull),
        }
        fast.refund(1);
        drop(holds.output_after_wake().expect("both have one"));
        let mut next = if policy == QueuePolicy::LifoEvict { evicts } else { comes };
        assert_eq!(next.output_after_wake(), Ok(()), "{policy:?}");
        assert_eq!((slow.available(), fast.available(), slow.waiters()), (0, 0, 0));
    }
}

pub async fn a_turn_that_is_given_up_goes_to_the_highest_class<H: Harness>(rig: Rig<H>) {
    let builder = Rate::<H>::builder(Quota::per_hour(1).burst(5)).initial(1).queue(QueuePolicy::priority(3));
    let slow = builder.build_on(rig.runtime.clone());
    let fast = rig.drained(Quota::per_hour(2).burst(5));
    let both = ResourceLimiter::builder().rate(&slow).rate(&fast).build().expect("they go by one clock");
    let holds = ByHand::waiting(both.acquire());
    let mut low = ByHand::waiting(slow.acquire().priority(1));
    let mut high = ByHand::waiting(slow.acquire().priority(2));
    drop(holds);
    assert_eq!(high.output_after_wake(), Ok(()));
    low.assert_waits();
}

/// Waits until it is overdue, and lets another one come.
async fn refusal_of_the_overdue<T, U>(
    rig: &Rig<impl Harness>,
    old: impl Future<Output = Result<T, ResourceLimitError>>,
    new: impl Future<Output = Result<U, ResourceLimitError>>,
) {
    let mut old = ByHand::waiting(old);
    rig.sleep(5 * SHORT).await;
    let mut new = ByHand::waiting(new);
    let error = refused(old.output_after_wake());
    assert_eq!(error.kind(), Kind::Overloaded);
    // A stamp is rounded to 1.024 microseconds, and so is the difference of two.
    let waited = error.waited().expect("it knows");
    assert!(waited + Duration::from_micros(2) >= 5 * SHORT, "{waited:?}");
    new.assert_waits();
}

pub async fn an_overload_refuses_those_who_have_waited_too_long<H: Harness>(rig: Rig<H>) {
    for policy in [QueuePolicy::Fifo, QueuePolicy::Lifo, QueuePolicy::LifoEvict, QueuePolicy::priority(2)] {
        let runtime = rig.runtime.clone();
        let slots = Slots::<H>::builder(1).queue(policy).codel(SHORT, SHORT).build_on(runtime.clone());
        let slots = slots.expect("a limit of 1 is valid");
        let permit = slots.try_acquire().expect("a slot is free");
        refusal_of_the_overdue(&rig, slots.acquire(), slots.acquire()).await;
        drop(permit);
        assert_eq!((slots.available(), slots.waiters()), (1, 0));
        let rate = Rate::<H>::builder(SLOW).initial(0).queue(policy).codel(SHORT, SHORT).build_on(runtime);
        refusal_of_the_overdue(&rig, rate.acquire(), rate.acquire()).await;
        assert_eq!(rate.waiters(), 0);
    }
}

pub async fn an_overload_refuses_instead_of_serving_late<H: Harness>(rig: Rig<H>) {
    let builder = Slots::<H>::builder(1).codel(SHORT, SHORT);
    let slots = builder.build_on(rig.runtime.clone()).expect("a limit of 1 is valid");
    let permit = slots.try_acquire().expect("a slot is free");
    let mut late = ByHand::waiting(slots.acquire());
    rig.sleep(5 * SHORT).await;
    drop(permit);
    assert_refused(late.output_after_wake(), Kind::Overloaded);
    assert_eq!((slots.available(), slots.waiters()), (1, 0));
    assert!(at_once(slots.acquire()).is_ok());
}

pub async fn a_line_that_is_long_for_a_moment_is_served<H: Harness>(rig: Rig<H>) {
    for (target, interval) in [(SHORT, HOUR), (HOUR, SHORT)] {
        let builder = Slots::<H>::builder(1).codel(target, interval);
        let slots = builder.build_on(rig.runtime.clone()).expect("a limit of 1 is valid");
        let permit = slots.try_acquire().expect("a slot is free");
        let mut first = ByHand::waiting(slots.acquire());
        rig.sleep(5 * SHORT).await;
        let mut second = ByHand::waiting(slots.acquire());
        drop(permit);
        drop(first.output_after_wake().expect("it is no overload"));
        assert!(second.output_after_wake().is_ok());
    }
}

pub async fn a_thousand_waiters_of_all_classes_are_served_in_order_while_others_give_up<H: Harness>(rig: Rig<H>) {
    let slots = slots(&rig, QueuePolicy::priority(4));
    let permit = slots.try_acquire().expect("a slot is free");
    let class = |index: usize| (index * 7 % 4) as u8;
    let mut waiters: Vec<_> =
        (0..1000).map(|index| (index, ByHand::waiting(slots.acquire().priority(class(index))))).collect();
    waiters.retain(|(index, _)| index % 3 != 0);
    waiters.sort_by_key(|(index, _)| (core::cmp::Reverse(class(*index)), *index));
    drop(permit);
    for (index, waiter) in &mut waiters {
        assert!(waiter.is_woken(), "{index} is not the next");
        drop(waiter.output().expect("it is open"));
    }
    assert_eq!((slots.available(), slots.waiters()), (1, 0));
}
