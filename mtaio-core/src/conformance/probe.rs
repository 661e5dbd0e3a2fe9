//! Resources that tell what becomes of them.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use core::future::{Future, pending, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::panic::catch_unwind;

use super::Harness;
use super::gate::{Gate, Log};
use super::hand::yield_once;
use super::rig::Rig;
use crate::resource::{self, CloseErrorKind, CloseErrors, ExitStack, Member, ResourceGroup};
use crate::runtime::Timer;

/// What a resource tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Begun(u32),
    Closed(u32),
    Dropped(u32),
}

/// How a resource is closed.
#[derive(Clone)]
pub(super) enum Way {
    Well,
    Badly,
    Never,
    WithPanic,
    Through(Gate),
}

/// The error of a resource.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) u32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource {} refuses", self.0)
    }
}

impl Error for Refused {}

/// A resource that tells when it is closed, and when it is dropped before that is done.
pub(super) struct Probe {
    pub(super) id: u32,
    way: Way,
    log: Log<Step>,
    /// The clone of a group, and one that has ended, says nothing when it is dropped.
    pub(super) is_silent: bool,
}

impl Probe {
    pub(super) fn new(id: u32, way: Way, log: &Log<Step>) -> Self {
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
            self.log.push(Step::Dropped(self.id));
        }
    }
}

impl resource::AsyncClose for Probe {
    type Error = Refused;

    async fn close(mut self) -> Result<(), Refused> {
        self.log.push(Step::Begun(self.id));
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
            _ => self.log.push(Step::Closed(self.id)),
        }
        Ok(())
    }
}

impl<H: Harness> Rig<H> {
    pub(super) fn stack(&self) -> ExitStack<H::Runtime> {
        ExitStack::with_runtime(self.runtime.clone())
    }

    pub(super) fn group(&self) -> ResourceGroup<H::Runtime> {
        ResourceGroup::with_runtime(self.runtime.clone())
    }

    /// A stack with resources 1, 2, ... that are closed in these ways.
    pub(super) fn stack_of<const N: usize>(&self, log: &Log<Step>, ways: [Way; N]) -> ExitStack<H::Runtime> {
        let stack = self.stack();
        (1..).zip(ways).for_each(|(id, way)| stack.push(Probe::new(id, way, log)));
        stack
    }

    /// A group with members 1, 2, ... that are closed in these ways, and are dropped by nobody but the group.
    pub(super) fn group_of<const N: usize>(&self, log: &Log<Step>, ways: [Way; N]) -> ResourceGroup<H::Runtime> {
        let group = self.group();
        (1..).zip(ways).for_each(|(id, way)| silence(add(&group, Probe::new(id, way, log))));
        group
    }
}

pub(super) fn add<R: Timer>(group: &ResourceGroup<R>, probe: Probe) -> Member<Probe> {
    group.add(probe).expect("the group is open")
}

/// Drops a handle of a member that says nothing of it.
pub(super) fn silence(member: Member<Probe>) {
    member.into_resource().is_silent = true;
}

pub(super) fn kinds(errors: &CloseErrors) -> Vec<CloseErrorKind> {
    errors.iter().map(|error| error.kind()).collect()
}

/// The panic of a future, as text.
pub(super) async fn panic_in<F: Future>(future: F) -> String {
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
pub(super) fn begun<F: Future + Send + 'static>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it does not wait");
    future
}
