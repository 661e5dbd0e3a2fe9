//! What resource groups promise.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_group {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness group {
            a_group_closes_its_members_last_first_and_reports_all_errors
            a_member_that_is_removed_is_not_closed
            a_member_of_another_group_is_given_back
            a_group_that_is_closed_neither_takes_nor_gives
            closing_twice_is_closing
            two_tasks_that_close_a_group_close_each_member_once
            a_member_that_closes_its_own_group_does_not_hang
            closing_that_was_dropped_half_way_goes_on_with_the_next
            a_group_without_handles_drops_its_members_last_first
            a_group_detached_on_drop_is_closed_by_the_runtime
            a_scope_of_a_group_closes_it
            limiters_and_timeouts_are_members_and_who_waits_for_them_sees_the_end
            what_resources_say_of_themselves_is_text
        } }
    };
}

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::future::pending;
use core::time::Duration;

use super::Harness;
use super::gate::{Gate, Log};
use super::hand::{ByHand, assert_refused, at_once};
use super::probe::Step::{Begun, Closed, Dropped};
use super::probe::{Probe, Refused, Way, add, kinds, panic_in, silence};
use super::rig::{Rig, SLOW};
use crate::limit::{ConcurrencyLimiter, RateLimiter, ResourceLimitErrorKind as Kind};
// Without the trait: with it, `group.close()` would be the trait's.
use crate::resource::{self, CloseErrorKind, CloseErrors, Member, RemoveErrorKind, ResourceGroup};
use crate::runtime::Timer;
use crate::timeout::{ElapsedKind, TimeoutManager};

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);

pub async fn a_group_closes_its_members_last_first_and_reports_all_errors<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let group = rig.group_of(&log, [Way::WithPanic, Way::Well, Way::Badly]);
    silence(group.add_within(SHORT, Probe::new(4, Way::Never, &log)).expect("the group is open"));
    assert_eq!((group.len(), group.is_closed()), (4, false));
    let errors = group.close().await.expect_err("three have failed");
    use CloseErrorKind::{Failed, Panicked, TimedOut};
    assert_eq!(kinds(&errors), [TimedOut, Failed, Panicked]);
    let steps = [Begun(4), Dropped(4), Begun(3), Begun(2), Closed(2), Begun(1)];
    assert_eq!(log.entries()[..], steps);
    assert!(group.is_closed() && group.is_empty());
    at_once(group.closed());
}

pub async fn a_member_that_is_removed_is_not_closed<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let group = rig.group_of(&log, [Way::Well]);
    let member = add(&group, Probe::new(2, Way::Badly, &log));
    assert_eq!(member.id, 2);
    silence(add(&group, Probe::new(3, Way::Well, &log)));
    let mut probe = group.remove(member).expect("it is a member");
    probe.is_silent = true;
    assert_eq!(log.entries(), [Dropped(2)], "the group has dropped its handle");
    assert!(group.close().await.is_ok());
    assert_eq!(log.entries()[1..], [Begun(3), Closed(3), Begun(1), Closed(1)]);
}

pub async fn a_member_of_another_group_is_given_back<H: Harness>(rig: Rig<H>) {
    let (log, one) = (Log::new(), rig.group());
    let member = add(&one, Probe::new(1, Way::Well, &log));
    let other = rig.group_of(&log, [Way::Well]);
    let error = other.remove(member).expect_err("it is not a member there");
    assert_eq!(error.kind(), RemoveErrorKind::Foreign);
    assert_eq!((one.len(), other.len()), (1, 1));
    let member = error.into_member();
    drop(one);
    let next = rig.group_of(&log, [Way::Well]);
    let error = next.remove(member).expect_err("its group is gone");
    assert_eq!(error.kind(), RemoveErrorKind::Foreign);
    silence(error.into_member());
}

pub async fn a_group_that_is_closed_neither_takes_nor_gives<H: Harness>(rig: Rig<H>) {
    let (log, gate) = (Log::new(), Gate::new());
    let group = rig.group();
    let first = add(&group, Probe::new(1, Way::Well, &log));
    silence(add(&group, Probe::new(2, Way::Through(gate.clone()), &log)));
    let mut closing = ByHand::waiting(group.close());
    let refused = |member: Member<Probe>| {
        let error = group.remove(member).expect_err("closing has begun");
        assert_eq!(error.kind(), RemoveErrorKind::Closed);
        assert!(error.to_string().ends_with("was not removed: the group is closed"), "{error}");
        error.into_member()
    };
    let first = refused(first);
    let error = group.add(Probe::new(3, Way::Well, &log)).expect_err("closing has begun");
    assert!(error.to_string().ends_with("was not added: the group is closed"), "{error}");
    assert_eq!(error.into_resource().id, 3);
    assert_eq!(group.len(), 1);
    gate.open();
    assert!(closing.poll().is_pending(), "the first one gives way once");
    assert!(closing.output().is_ok());
    silence(refused(first));
}

pub async fn closing_twice_is_closing<H: Harness>(rig: Rig<H>) {
    let (log, gate) = (Log::new(), Gate::new());
    let group = rig.group_of(&log, [Way::Badly, Way::Through(gate.clone())]);
    let first = rig.start({
        let group = group.clone();
        async move { group.close().await }
    });
    rig.until(|| log.len() > 0).await;
    assert!(at_once(group.close()).is_ok(), "the second one does not wait");
    let mut closed = ByHand::waiting(group.closed());
    gate.open();
    let errors = first.await.expect("a task").expect_err("one has failed");
    assert_eq!(errors.len(), 1);
    closed.output_after_wake();
    assert!(at_once(group.close()).is_ok());
    assert_eq!(log.entries(), [Begun(2), Closed(2), Begun(1)]);
}

pub async fn two_tasks_that_close_a_group_close_each_member_once<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let group = rig.group_of(&log, [(); 8].map(|()| Way::Well));
    let tasks = [(); 4].map(|()| {
        let group = group.clone();
        rig.start(async move {
            let outcome = group.close().await;
            group.closed().await;
            outcome
        })
    });
    for task in tasks {
        assert!(task.await.expect("a task").is_ok());
    }
    let closed: Vec<_> = log.entries().into_iter().filter(|step| matches!(step, Closed(_))).collect();
    assert_eq!(closed, [8, 7, 6, 5, 4, 3, 2, 1].map(Closed));
}

/// Closes the group that it is a member of.
#[derive(Clone)]
struct Reentrant<R: Timer>(ResourceGroup<R>, Log<usize>);

impl<R: Timer> resource::AsyncClose for Reentrant<R> {
    type Error = CloseErrors;

    async fn close(self) -> Result<(), CloseErrors> {
        let outcome = ResourceGroup::close(&self.0).await;
        self.1.push(self.0.len());
        outcome
    }
}

pub async fn a_member_that_closes_its_own_group_does_not_hang<H: Harness>(rig: Rig<H>) {
    let (log, steps) = (Log::new(), Log::new());
    let group = rig.group_of(&steps, [Way::Well]);
    assert!(group.add(Reentrant(group.clone(), log.clone())).is_ok());
    assert!(group.add(group.clone()).is_ok());
    assert!(group.close().await.is_ok());
    assert_eq!(log.entries(), [1], "one was left when the second closer was done");
    assert_eq!(steps.entries(), [Begun(1), Closed(1)]);
}

pub async fn closing_that_was_dropped_half_way_goes_on_with_the_next<H: Harness>(rig: Rig<H>) {
    let (log, gate) = (Log::new(), Gate::new());
    let group = rig.group_of(&log, [Way::Well, Way::Through(gate.clone()), Way::Badly]);
    drop(ByHand::waiting(group.close()));
    assert_eq!(log.entries(), [Begun(3), Begun(2)]);
    assert!(!group.is_closed());
    assert!(group.add(Probe::new(4, Way::Well, &log)).is_err_and(|error| {
        error.into_resource().is_silent = true;
        true
    }));
    let mut closed = ByHand::waiting(group.closed());
    gate.open();
    let errors = group.close().await.expect_err("one has failed before");
    assert_eq!(kinds(&errors), [CloseErrorKind::Failed]);
    closed.output_after_wake();
    let steps: Vec<_> = log.entries().into_iter().filter(|step| *step != Dropped(4)).collect();
    assert_eq!(steps, [Begun(3), Begun(2), Closed(2), Begun(1), Closed(1)], "it goes on and does not begin again");
}

pub async fn a_group_without_handles_drops_its_members_last_first<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let group = rig.group_of(&log, [Way::Well, Way::Well, Way::Never]);
    drop(ByHand::waiting(group.close()));
    let last = group.clone();
    drop(group);
    assert_eq!(log.entries(), [Begun(3)]);
    drop(last);
    assert_eq!(log.entries(), [Begun(3), Dropped(3), Dropped(2), Dropped(1)]);
}

pub async fn a_group_detached_on_drop_is_closed_by_the_runtime<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    drop(rig.group_of(&log, [Way::Well, Way::WithPanic, Way::Well]).detach_on_drop());
    rig.until(|| log.entries().contains(&Closed(1))).await;
    assert_eq!(log.entries(), [Begun(3), Closed(3), Begun(2), Begun(1), Closed(1)]);
}

pub async fn a_scope_of_a_group_closes_it<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let group = rig.group_of(&log, [Way::Well]).time_limit(SHORT);
    let outside = group.clone();
    let inner = log.clone();
    let scope = group.scope(async move |group| {
        silence(add(group, Probe::new(2, Way::Never, &inner)));
        Err::<(), _>(Refused(0))
    });
    let error = scope.await.expect_err("both have failed");
    assert_eq!(error.body(), Some(&Refused(0)));
    assert_eq!(error.cleanup().map(kinds), Some(Vec::from([CloseErrorKind::TimedOut])));
    assert!(outside.is_closed());

    let scope =
        rig.group_of(&log, [Way::Well]).scope(async |_| -> Result<(), Infallible> { panic!("the body panics") });
    assert_eq!(panic_in(scope).await, "the body panics");
    assert_eq!(log.entries().last(), Some(&Closed(1)));
}

pub async fn limiters_and_timeouts_are_members_and_who_waits_for_them_sees_the_end<H: Harness>(rig: Rig<H>) {
    let group = rig.group();
    let rate: Member<RateLimiter<_>> = group.add(rig.drained(SLOW)).expect("the group is open");
    let slots: Member<ConcurrencyLimiter<_>> = group.add(rig.slots(1)).expect("the group is open");
    let tm = group.add(TimeoutManager::with_runtime(LONG, rig.runtime.clone())).expect("the group is open");
    let permit = slots.try_acquire().expect("a slot is free");
    let mut run = ByHand::waiting(tm.run(pending::<()>()));
    let mut cell = ByHand::waiting(rate.acquire());
    let mut slot = ByHand::waiting(slots.acquire());
    assert!(group.close().await.is_ok());
    assert_refused(cell.output_after_wake(), Kind::Closed);
    assert_refused(slot.output_after_wake(), Kind::Closed);
    assert_eq!(run.output_after_wake().map_err(|elapsed| elapsed.kind()), Err(ElapsedKind::Closed));
    assert!(rate.is_closed() && slots.is_closed() && tm.is_closed());
    drop(permit);
}

pub async fn what_resources_say_of_themselves_is_text<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    assert!(format!("{:?}", rig.stack_of(&log, [Way::Well])).starts_with("ExitStack { len: 1"));
    let group = rig.group();
    assert!(format!("{group:?}").starts_with("ResourceGroup { len: 0, is_closed: false"));
    let member = group.add(rig.slots(1)).expect("the group is open");
    assert!(format!("{member:?}").starts_with("Member("));
    assert!(group.close().await.is_ok());
    let error = group.add(Probe::new(1, Way::Well, &log)).map(drop).expect_err("it is closed");
    assert!(format!("{error:?}").starts_with("AddError"));
}
