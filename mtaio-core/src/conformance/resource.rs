//! What exit stacks and resource groups promise.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::error::Error;
use core::fmt;
use core::future::{Future, pending, poll_fn, ready};
use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::catch_unwind;

use super::Harness;
use super::gate::{Gate, Log};
use super::hand::{ByHand, assert_refused, at_once, yield_once};
use super::rig::{Rig, SLOW};
use crate::limit::{ConcurrencyLimiter, RateLimiter, ResourceLimitErrorKind as Kind};
// Without the trait: with it, `group.close()` would be the trait's.
use crate::resource::{
    self, CloseErrorKind, CloseErrors, ExitStack, Member, RemoveErrorKind, ResourceGroup, ScopeError,
};

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);

type BoxError = Box<dyn Error + Send + Sync>;

/// What a resource tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Begun(u32),
    Closed(u32),
    Dropped(u32),
}
use Step::{Begun, Closed, Dropped};

/// How a resource is closed.
#[derive(Clone)]
enum Way {
    Well,
    Badly,
    Never,
    WithPanic,
    Through(Gate),
}

/// The error of a resource.
#[derive(Debug, PartialEq, Eq)]
struct Refused(u32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource {} refuses", self.0)
    }
}

impl Error for Refused {}

/// A resource that tells when it is closed, and when it is dropped before that is done.
struct Probe {
    id: u32,
    way: Way,
    log: Log<Step>,
    /// The clone of a group, and one that has ended, says nothing when it is dropped.
    is_silent: bool,
}

impl Probe {
    fn new(id: u32, way: Way, log: &Log<Step>) -> Self {
        Self { id, way, log: log.clone(), is_silent: false }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        Self { id: self.id, way: self.way.clone(), log: self.log.clone(), is_silent: false }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if !self.is_silent {
            self.log.push(Dropped(self.id));
        }
    }
}

impl resource::AsyncClose for Probe {
    type Error = Refused;

    async fn close(mut self) -> Result<(), Refused> {
        self.log.push(Begun(self.id));
        match &self.way {
            Way::Well => yield_once().await,
            Way::Never => pending().await,
            Way::Through(gate) => gate.pass().await,
            Way::Badly | Way::WithPanic => {}
        }
        self.is_silent = true;
        match self.way {
            Way::Badly => return Err(Refused(self.id)),
            Way::WithPanic => panic!("resource {} panics", self.id),
            _ => self.log.push(Closed(self.id)),
        }
        Ok(())
    }
}

impl<H: Harness> Rig<H> {
    fn stack(&self) -> ExitStack<H::Runtime> {
        ExitStack::with_runtime(self.runtime.clone())
    }

    fn group(&self) -> ResourceGroup<H::Runtime> {
        ResourceGroup::with_runtime(self.runtime.clone())
    }

    /// A stack with resources 1, 2, ... that are closed in these ways.
    fn stack_of<const N: usize>(&self, log: &Log<Step>, ways: [Way; N]) -> ExitStack<H::Runtime> {
        let stack = self.stack();
        (1..).zip(ways).for_each(|(id, way)| stack.push(Probe::new(id, way, log)));
        stack
    }

    /// A group with members 1, 2, ... that are closed in these ways, and are dropped by nobody but the group.
    fn group_of<const N: usize>(&self, log: &Log<Step>, ways: [Way; N]) -> ResourceGroup<H::Runtime> {
        let group = self.group();
        (1..).zip(ways).for_each(|(id, way)| silence(add(&group, Probe::new(id, way, log))));
        group
    }
}

fn add<R: crate::runtime::Timer>(group: &ResourceGroup<R>, probe: Probe) -> Member<Probe> {
    group.add(probe).expect("the group is open")
}

/// Drops a handle of a member that says nothing of it.
fn silence(member: Member<Probe>) {
    member.into_resource().is_silent = true;
}

fn kinds(errors: &CloseErrors) -> Vec<CloseErrorKind> {
    errors.iter().map(|error| error.kind()).collect()
}

/// The panic of a future, as text.
async fn panic_in<F: Future>(future: F) -> String {
    let mut future = pin!(future);
    let panic = poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(_)) => panic!("it does not panic"),
            Err(panic) => Poll::Ready(panic),
        }
    });
    let panic = panic.await;
    panic.downcast_ref::<&str>().map(|text| (*text).to_string()).expect("a panic with a message")
}

/// A future that was polled once, and waits. It is `Send` and has no lifetime, so that it can be dropped and moved.
fn begun<F: Future + Send + 'static>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it does not wait");
    future
}

pub async fn vector_5_a_stack_closes_last_first_and_reports_the_one_that_failed<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::Well, Way::Badly, Way::Well]);
    assert_eq!(stack.len(), 3);
    let errors = stack.close().await.expect_err("one has failed");
    assert_eq!(log.entries(), [Begun(3), Closed(3), Begun(2), Begun(1), Closed(1)]);
    assert_eq!(kinds(&errors), [CloseErrorKind::Failed]);
    assert_eq!(errors.first().source().and_then(|error| error.downcast_ref()), Some(&Refused(2)));
}

pub async fn a_stack_of_nothing_closes<H: Harness>(rig: Rig<H>) {
    let stack = rig.stack();
    assert!(stack.is_empty());
    assert!(at_once(stack.close()).is_ok());
}

pub async fn a_finalizer_is_a_closure_that_returns_nothing_or_a_result<H: Harness>(rig: Rig<H>) {
    let (log, stack) = (Log::new(), rig.stack());
    let [a, b, c, d] = [(); 4].map(|()| log.clone());
    stack.defer(move || async move { a.push(1) });
    stack.defer(async move || b.push(2));
    stack.defer(async move || -> Result<(), Infallible> {
        yield_once().await;
        c.push(3);
        Ok(())
    });
    stack.defer(move || {
        d.push(4);
        ready(Err::<(), _>("four"))
    });
    stack.defer(async || Err::<(), BoxError>("five".into()));
    assert_eq!(log.len(), 0, "a finalizer was called before the end");
    let errors = stack.close().await.expect_err("two have failed");
    assert_eq!(log.entries(), [4, 3, 2, 1]);
    let texts: Vec<_> = errors.into_iter().filter_map(|error| Some(error.into_source()?.to_string())).collect();
    assert_eq!(texts, ["five", "four"]);
}

pub async fn a_finalizer_that_hangs_is_given_up_and_the_next_one_runs<H: Harness>(rig: Rig<H>) {
    let (log, stack) = (Log::new(), rig.stack());
    stack.push(Probe::new(1, Way::Well, &log));
    stack.push_within(SHORT, Probe::new(2, Way::Never, &log));
    stack.defer_within(SHORT, pending::<()>);
    let start = rig.now();
    let errors = stack.close().await.expect_err("two took too long");
    assert_eq!(log.entries(), [Begun(2), Dropped(2), Begun(1), Closed(1)]);
    assert_eq!(kinds(&errors), [CloseErrorKind::TimedOut; 2]);
    assert!(errors.iter().all(|error| error.time_limit() == Some(SHORT) && error.source().is_none()));
    assert!(rig.now() - start >= SHORT * 2);
}

pub async fn the_time_limit_of_a_stack_is_for_those_without_their_own<H: Harness>(rig: Rig<H>) {
    let (log, gate) = (Log::new(), Gate::new());
    let stack = rig.stack().time_limit(SHORT);
    stack.push_within(LONG, Probe::new(1, Way::Through(gate.clone()), &log));
    stack.push(Probe::new(2, Way::Never, &log));
    let moved = stack.pop_all();
    moved.defer(pending::<()>);
    let closing = rig.start(moved.close());
    rig.until(|| log.entries().contains(&Begun(1))).await;
    rig.sleep(SHORT * 2).await;
    gate.open();
    let errors = closing.await.expect("a task").expect_err("two took too long");
    assert_eq!(log.entries(), [Begun(2), Dropped(2), Begun(1), Closed(1)]);
    assert_eq!(kinds(&errors), [CloseErrorKind::TimedOut; 2]);
}

pub async fn a_finalizer_that_is_done_within_its_time_is_no_error<H: Harness>(rig: Rig<H>) {
    let (log, stack) = (Log::new(), rig.stack().time_limit(LONG));
    stack.push(Probe::new(1, Way::Well, &log));
    stack.push_within(LONG, Probe::new(2, Way::Badly, &log));
    let errors = stack.close().await.expect_err("one has failed");
    assert_eq!(kinds(&errors), [CloseErrorKind::Failed]);
    assert_eq!(log.entries(), [Begun(2), Begun(1), Closed(1)]);
}

pub async fn all_that_goes_wrong_is_reported_in_the_order_in_which_it_happened<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::WithPanic, Way::Badly, Way::Well, Way::Badly]);
    stack.push_within(SHORT, Probe::new(5, Way::Never, &log));
    let errors = stack.close().await.expect_err("four have failed");
    use CloseErrorKind::{Failed, Panicked, TimedOut};
    assert_eq!(kinds(&errors), [TimedOut, Failed, Failed, Panicked]);
    let refused: Vec<_> = errors.iter().filter_map(|error| error.source()?.downcast_ref::<Refused>()).collect();
    assert_eq!(refused, [&Refused(4), &Refused(2)]);
    assert_eq!(
        errors.into_iter().last().and_then(|error| error.panic_message().map(String::from)).as_deref(),
        Some("resource 1 panics")
    );
}

pub async fn errors_say_what_to_look_at<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::WithPanic]);
    stack.push_within(SHORT, Probe::new(2, Way::Never, &log));
    stack.push(Probe::new(3, Way::Badly, &log));
    let error: BoxError = stack.close().await.expect_err("all have failed").into();
    let name = core::any::type_name::<Probe>();
    let expected = format!(
        "3 resources did not close well: closing {name} failed: resource 3 refuses; closing {name} was given up \
         after 2ms; closing {name} panicked: resource 1 panics"
    );
    assert_eq!(error.to_string(), expected);
    let first = error.source().expect("the first error");
    assert_eq!(first.to_string(), format!("closing {name} failed: resource 3 refuses"));
    assert_eq!(first.source().map(|own| own.to_string()).as_deref(), Some("resource 3 refuses"));
}

pub async fn pop_all_moves_everything_to_a_new_stack<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::Well, Way::Well]);
    let moved = stack.pop_all();
    assert_eq!((stack.len(), moved.len()), (0, 2));
    stack.push(Probe::new(3, Way::Well, &log));
    moved.push(Probe::new(4, Way::Well, &log));
    assert!(stack.close().await.is_ok());
    assert!(moved.close().await.is_ok());
    let closed: Vec<_> = log.entries().into_iter().filter(|step| matches!(step, Closed(_))).collect();
    assert_eq!(closed, [Closed(3), Closed(4), Closed(2), Closed(1)]);
}

pub async fn a_scope_closes_when_its_body_is_done<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let inner = log.clone();
    let scope = rig.stack_of(&log, [Way::Well]).scope(async move |stack| {
        stack.push(Probe::new(2, Way::Well, &inner));
        yield_once().await;
        assert_eq!(inner.len(), 0, "a finalizer ran before the end");
        Ok::<_, Infallible>(stack.len())
    });
    assert_eq!(scope.await.ok(), Some(2));
    assert_eq!(log.entries(), [Begun(2), Closed(2), Begun(1), Closed(1)]);
}

pub async fn the_error_of_the_body_comes_before_those_of_the_cleanup<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let scope = rig.stack_of(&log, [Way::Badly]).scope(async |_| Err::<(), _>(Refused(0)));
    let error: ScopeError<Refused> = scope.await.expect_err("both have failed");
    assert_eq!(error.body(), Some(&Refused(0)));
    assert_eq!(error.cleanup().map(kinds), Some(Vec::from([CloseErrorKind::Failed])));
    assert_eq!(error.source().and_then(|body| body.downcast_ref()), Some(&Refused(0)));
    assert!(error.to_string().starts_with("resource 0 refuses; and then, closing "), "{error}");
    assert_eq!(error.into_parts().0, Some(Refused(0)));
}

pub async fn either_part_of_a_scope_can_fail_alone<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let body = rig.stack_of(&log, [Way::Well]).scope(async |_| Err::<(), _>(Refused(0))).await;
    let body = body.expect_err("the body has failed");
    assert_eq!((body.body(), body.cleanup().is_none()), (Some(&Refused(0)), true));
    assert_eq!(body.to_string(), "resource 0 refuses");

    let cleanup = rig.stack_of(&log, [Way::Badly]).scope(async |_| Ok::<_, BoxError>(())).await;
    let cleanup = cleanup.expect_err("the cleanup has failed");
    assert!(cleanup.body().is_none() && cleanup.cleanup().is_some());
    assert!(cleanup.boxed().downcast_ref::<CloseErrors>().is_some());
}

pub async fn a_scope_whose_body_panics_is_closed_and_the_panic_goes_on<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let scope = rig.stack_of(&log, [Way::Well, Way::Badly]).scope(async |_| -> Result<(), Infallible> {
        yield_once().await;
        panic!("the body panics")
    });
    assert_eq!(panic_in(scope).await, "the body panics");
    assert_eq!(log.entries(), [Begun(2), Begun(1), Closed(1)]);
}

pub async fn a_scope_runs_as_a_task<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let scope = rig.stack_of(&log, [Way::Well]).scope(async |stack| {
        yield_once().await;
        Ok::<_, BoxError>(stack.len())
    });
    let group = rig.group_of(&log, [Way::Well]).scope(async |group| {
        yield_once().await;
        Ok::<_, BoxError>(group.len())
    });
    let (scope, group) = (rig.start(scope), rig.start(group));
    assert_eq!(scope.await.expect("a task").ok(), Some(1));
    assert_eq!(group.await.expect("a task").ok(), Some(1));
}

pub async fn a_scope_that_is_dropped_drops_what_it_holds_last_first<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let inner = log.clone();
    let scope = rig.stack_of(&log, [Way::Well, Way::Well]).scope(async move |stack| {
        stack.push(Probe::new(3, Way::Well, &inner));
        let _body = Probe::new(4, Way::Well, &inner);
        pending::<Result<(), Infallible>>().await
    });
    drop(begun(scope));
    assert_eq!(log.entries(), [Dropped(4), Dropped(3), Dropped(2), Dropped(1)]);
}

pub async fn a_stack_dropped_while_it_closes_drops_the_rest_last_first<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    drop(begun(rig.stack_of(&log, [Way::Well, Way::Well, Way::Never]).close()));
    assert_eq!(log.entries(), [Begun(3), Dropped(3), Dropped(2), Dropped(1)]);
}

pub async fn a_resource_that_panics_when_it_is_dropped_stops_nobody<H: Harness>(rig: Rig<H>) {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a drop that panics");
        }
    }
    let log = Log::new();
    for is_begun in [false, true] {
        let stack = rig.stack_of(&log, [Way::Well]);
        let bomb = Bomb;
        stack.defer(async move || {
            let _bomb = bomb;
            pending::<()>().await;
        });
        if is_begun {
            drop(begun(stack.close()))
        } else {
            drop(stack)
        }
        assert_eq!(log.entries().last(), Some(&Dropped(1)));
    }
    // While this thread unwinds, too.
    let stack = rig.stack_of(&log, [Way::Well]);
    let bomb = Bomb;
    stack.defer(async move || drop(bomb));
    let panic = super::hand::panic_of(move || {
        let _stack = stack;
        panic!("the first panic")
    });
    assert_eq!((panic.as_str(), log.len()), ("the first panic", 3));
}

pub async fn a_stack_detached_on_drop_is_closed_by_the_runtime<H: Harness>(rig: Rig<H>) {
    let (log, gate) = (Log::new(), Gate::new());
    let stack = rig.stack_of(&log, [Way::Well, Way::Badly, Way::Through(gate.clone()), Way::Well]).detach_on_drop();
    let inner = stack.pop_all();
    let closing = rig.start(async move { inner.close().await });
    rig.until(|| log.entries().contains(&Begun(3))).await;
    drop(closing);
    gate.open();
    rig.until(|| log.entries().contains(&Closed(1))).await;
    assert_eq!(log.entries(), [Begun(4), Closed(4), Begun(3), Closed(3), Begun(2), Begun(1), Closed(1)]);
}

pub async fn what_was_interrupted_goes_on_first_when_it_is_detached<H: Harness>(rig: Rig<H>) {
    let (log, gate) = (Log::new(), Gate::new());
    let stack = rig.stack_of(&log, [Way::Well]).detach_on_drop();
    stack.push_within(LONG, Probe::new(2, Way::Through(gate.clone()), &log));
    drop(begun(stack.close()));
    assert_eq!(log.entries(), [Begun(2)]);
    gate.open();
    rig.until(|| log.entries().contains(&Closed(1))).await;
    assert_eq!(log.entries(), [Begun(2), Closed(2), Begun(1), Closed(1)]);
}

pub async fn a_stack_is_a_resource_of_another_stack<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    let stack = rig.stack_of(&log, [Way::Well]);
    stack.push(rig.stack_of(&log, [Way::Badly, Way::Well]));
    stack.push(rig.group_of(&log, [Way::Well]));
    let errors = stack.close().await.expect_err("one has failed");
    let inner = errors.first().source().and_then(|error| error.downcast_ref::<CloseErrors>());
    assert_eq!(inner.map(kinds), Some(Vec::from([CloseErrorKind::Failed])));
    assert_eq!(log.entries().last(), Some(&Closed(1)));
}

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
struct Reentrant<R: crate::runtime::Timer>(ResourceGroup<R>, Log<usize>);

impl<R: crate::runtime::Timer> resource::AsyncClose for Reentrant<R> {
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

pub async fn limiters_are_members_and_who_waits_for_them_sees_the_end<H: Harness>(rig: Rig<H>) {
    let group = rig.group();
    let rate: Member<RateLimiter<_>> = group.add(rig.drained(SLOW)).expect("the group is open");
    let slots: Member<ConcurrencyLimiter<_>> = group.add(rig.slots(1)).expect("the group is open");
    let permit = slots.try_acquire().expect("a slot is free");
    let mut cell = ByHand::waiting(rate.acquire());
    let mut slot = ByHand::waiting(slots.acquire());
    assert!(group.close().await.is_ok());
    assert_refused(cell.output_after_wake(), Kind::Closed);
    assert_refused(slot.output_after_wake(), Kind::Closed);
    assert!(rate.is_closed() && slots.is_closed());
    drop(permit);
}

pub async fn a_limiter_is_closed_when_close_is_called<H: Harness>(rig: Rig<H>) {
    let (rate, slots) = (rig.rate(SLOW), rig.slots(1));
    // With the trait in scope this is the trait's function, whose future nobody would await.
    drop((resource::AsyncClose::close(rate.clone()), resource::AsyncClose::close(slots.clone())));
    assert!(rate.is_closed() && slots.is_closed());
}

pub async fn what_resources_say_of_themselves_is_text<H: Harness>(rig: Rig<H>) {
    let log = Log::new();
    assert!(format!("{:?}", rig.stack_of(&log, [Way::Well])).starts_with("ExitStack { len: 1"));
    let group = rig.group();
    assert!(format!("{group:?}").starts_with("ResourceGroup { len: 0, is_closed: false"));
    let member = group.add(Arc::new(rig.slots(1)).as_ref().clone()).expect("the group is open");
    assert!(format!("{member:?}").starts_with("Member("));
    assert!(group.close().await.is_ok());
    let error = group.add(Probe::new(1, Way::Well, &log)).map(drop).expect_err("it is closed");
    assert!(format!("{error:?}").starts_with("AddError"));
}
