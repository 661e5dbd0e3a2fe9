use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::convert::Infallible;
use core::future::{Future, pending};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::{AddError, CloseError, CloseErrors, ExitStack, Member, RemoveError, ResourceGroup, ScopeError};
use crate::alarm::SleepAlarm;
use crate::primitive::Lock;
use crate::runtime::{Clock, ManualClock, Spawn, Tick, Timer, VirtualRuntime};
use crate::time::{ClockId, Instant};

mod properties;

/// What happened, in order.
type Log = Arc<Lock<Vec<u32>>>;

fn entries(log: &Log) -> Vec<u32> {
    log.with(|entries| entries.clone())
}

/// Tells of its drop, and looks around while it is dropped.
#[derive(Clone)]
struct Nosy {
    id: u32,
    log: Log,
    group: Weak<ResourceGroup<Bare>>,
}

impl Nosy {
    fn new(id: u32, log: &Log) -> Self {
        Self { id, log: log.clone(), group: Weak::new() }
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        // This would hang if it were dropped under the group's lock.
        let _ = self.group.upgrade().map(|group| group.len());
        self.log.with(|entries| entries.push(self.id));
    }
}

impl super::AsyncClose for Nosy {
    type Error = Infallible;

    async fn close(self) -> Result<(), Infallible> {
        pending().await
    }
}

/// A runtime with a clock, where nothing can be spawned.
#[derive(Clone, Default)]
struct Bare {
    clock: ManualClock,
    swallows: bool,
}

impl Clock for Bare {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn clock_id(&self) -> ClockId {
        self.clock.clock_id()
    }
}

impl Timer for Bare {
    type Sleep = <ManualClock as Timer>::Sleep;
    type Alarm = SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        self.clock.sleep_until(at)
    }

    fn granularity(&self) -> Duration {
        self.clock.granularity()
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> Self::Alarm {
        SleepAlarm::new(self.clone(), target)
    }
}

impl Spawn for Bare {
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        assert!(self.swallows, "there is no runtime");
        drop(task);
    }

    fn spawn_blocking_detached(&self, _: impl FnOnce() + Send + 'static) {}
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn what_cannot_be_spawned_is_dropped_last_first() {
    for swallows in [false, true] {
        let log = Log::new(Lock::new(Vec::new()));
        let runtime = Bare { swallows, ..Bare::default() };
        let stack = ExitStack::with_runtime(runtime).detach_on_drop();
        (1..=3).for_each(|id| stack.push(Nosy::new(id, &log)));
        // The last one is half-way when it is dropped.
        assert!(poll_once(stack.close()).is_pending());
        assert_eq!(entries(&log), [3, 2, 1]);
    }
}

#[test]
fn nothing_of_a_stack_is_left_after_its_drop_in_a_task_that_is_dropped() {
    let runtime = VirtualRuntime::new();
    let log = Log::new(Lock::new(Vec::new()));
    let stack = ExitStack::with_runtime(runtime.clone()).detach_on_drop();
    (1..=2).for_each(|id| stack.push(Nosy::new(id, &log)));
    drop(stack);
    runtime.run_for(Duration::from_secs(1));
    assert_eq!((runtime.tasks(), entries(&log)), (1, Vec::new()));
    runtime.shutdown();
    assert_eq!((runtime.tasks(), entries(&log)), (0, Vec::from([2, 1])));
}

#[test]
fn a_member_is_dropped_outside_of_the_lock() {
    let log = Log::new(Lock::new(Vec::new()));
    let runtime = Bare::default();
    let group = Arc::new(ResourceGroup::with_runtime(runtime.clone()).time_limit(Duration::from_secs(1)));
    let nosy = |id| Nosy { id, log: log.clone(), group: Arc::downgrade(&group) };
    let member = group.add(nosy(1)).expect("the group is open");
    let resource = group.remove(member).expect("it is a member");
    assert_eq!(entries(&log), [1]);
    drop(resource);
    drop(group.add(nosy(2)));
    let mut closing = pin!(group.close());
    let mut context = Context::from_waker(Waker::noop());
    assert!(closing.as_mut().poll(&mut context).is_pending());
    drop(group.add(nosy(3)));
    runtime.clock.advance(Duration::from_secs(1));
    assert!(closing.poll(&mut context).is_ready());
    assert_eq!(entries(&log), [1, 1, 2, 3, 3, 2]);
}

#[test]
fn a_finalizer_that_is_ready_at_once_needs_no_timer() {
    let runtime = Bare::default();
    let stack = ExitStack::with_runtime(runtime.clone()).time_limit(Duration::from_secs(1));
    stack.defer(async || ());
    assert!(matches!(poll_once(stack.close()), Poll::Ready(Ok(()))));
    assert_eq!(runtime.clock.pending(), 0);
}

#[test]
fn handles_can_be_sent_and_shared() {
    fn shared<T: Send + Sync + Unpin>() {}
    fn error<T: core::error::Error + Send + Sync + 'static>() {}
    shared::<ExitStack<VirtualRuntime>>();
    shared::<ResourceGroup<VirtualRuntime>>();
    shared::<Member<u32>>();
    error::<CloseError>();
    error::<CloseErrors>();
    error::<ScopeError<CloseErrors>>();
    error::<AddError<u32>>();
    error::<RemoveError<u32>>();
}
