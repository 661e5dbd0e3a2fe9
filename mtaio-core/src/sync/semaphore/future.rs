//! The futures of a semaphore.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::error::AcquireError;
use super::permit::HeldPermit;
use super::{Permit, Semaphore};
use crate::sync::list::Handle;
use crate::sync::wait::Wait;

#[cfg(feature = "alloc")]
use crate::sync::closed::poll_until;

/// Takes `n` permits, at once if it can be, and returns the handle that they are held by.
// Where it is not inlined the permit goes through memory, in pieces of other sizes: that takes as long as the permit itself.
#[inline(always)]
fn poll_permits<H>(mut wait: Pin<&mut Wait<H>>, context: &mut Context<'_>) -> Poll<Result<HeldPermit<H>, AcquireError>>
where
    H: Handle<Target = Semaphore> + core::ops::Deref<Target = Semaphore>,
{
    let n = wait.ask();
    if wait.is_queued() || wait.owner().try_take_at_once(n).is_none() {
        if let Err(refusal) = ready!(wait.as_mut().poll(context)) {
            drop(wait.finish());
            return Poll::Ready(Err(AcquireError::new(refusal, n)));
        }
    }
    Poll::Ready(Ok(HeldPermit::new(wait.finish(), n)))
}

/// Leaves the queue for good. Whoever polls after that panics.
#[cfg(feature = "alloc")]
fn give_up<H: Handle<Target = Semaphore>>(mut wait: Pin<&mut Wait<H>>) {
    if wait.is_queued() {
        wait.as_mut().leave();
    }
    drop(wait.finish());
}

pin_project! {
    /// Waits for permits: the future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Acquire<'a> {
        #[pin]
        wait: Wait<&'a Semaphore>,
    }
}

impl<'a> Acquire<'a> {
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, n: u32) -> Self {
        Self { wait: Wait::new(semaphore, n) }
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn in_class(self, class: u8) -> Self {
        Self { wait: self.wait.in_class(class) }
    }

    /// The class that it asks in, and how many there are, if there is no such class.
    #[cfg(feature = "alloc")]
    pub(crate) fn missing_class(&self) -> Option<(u8, u8)> {
        self.wait.missing_class()
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn give_up(self: Pin<&mut Self>) {
        give_up(self.project().wait);
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<Permit<'a>, AcquireError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        poll_permits(self.project().wait, context)
    }
}

#[cfg(feature = "alloc")]
pin_project! {
    /// Waits for permits that own their semaphore: the future of [`Semaphore::acquire_owned`] and
    /// [`Semaphore::acquire_many_owned`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct AcquireOwned {
        #[pin]
        wait: Wait<alloc::sync::Arc<Semaphore>>,
    }
}

#[cfg(feature = "alloc")]
impl AcquireOwned {
    pub(super) fn new(semaphore: alloc::sync::Arc<Semaphore>, n: u32) -> Self {
        Self { wait: Wait::new(semaphore, n) }
    }

    pub(crate) fn in_class(self, class: u8) -> Self {
        Self { wait: self.wait.in_class(class) }
    }

    /// The class that it asks in, and how many there are, if there is no such class.
    pub(crate) fn missing_class(&self) -> Option<(u8, u8)> {
        self.wait.missing_class()
    }

    pub(crate) fn give_up(self: Pin<&mut Self>) {
        give_up(self.project().wait);
    }
}

#[cfg(feature = "alloc")]
impl Future for AcquireOwned {
    type Output = Result<super::OwnedPermit, AcquireError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        poll_permits(self.project().wait, context)
    }
}

#[cfg(feature = "alloc")]
/// Completes when all permits are back: the future of [`Semaphore::idle`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Idle<'a> {
    semaphore: &'a Semaphore,
    listener: Option<event_listener::EventListener>,
    /// Whether the semaphore knows that we look; else returning permits would not tell us.
    watching: bool,
}

#[cfg(feature = "alloc")]
impl<'a> Idle<'a> {
    pub(super) fn new(semaphore: &'a Semaphore) -> Self {
        Self { semaphore, listener: None, watching: false }
    }
}

#[cfg(feature = "alloc")]
impl Future for Idle<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let semaphore = self.semaphore;
        if !core::mem::replace(&mut self.watching, true) {
            semaphore.watch(1);
        }
        let event = &semaphore.queue.supply.idle;
        poll_until(&mut self.listener, context, event, || semaphore.in_flight() == 0)
    }
}

#[cfg(feature = "alloc")]
impl Drop for Idle<'_> {
    fn drop(&mut self) {
        if self.watching {
            self.semaphore.watch(-1);
        }
    }
}
