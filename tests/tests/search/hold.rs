//! What a task holds. It is written down as given back just before it is.

use alloc::sync::Arc;
use core::convert::Infallible;
use core::time::Duration;
use std::sync::Mutex;

use mtaio_core::limit::{Lease, ResourcePermit};
use mtaio_core::resource::{AsyncClose, ResourceGroup};
use mtaio_core::runtime::{Clock, Timer, VirtualRuntime};
use mtaio_core::sync::{OwnedPermit, Permit};

use crate::book::Book;
use crate::limit::{Cells, Limit, Slots};
use crate::world::{PartBook, World};

/// Slots, until it is dropped.
pub(crate) struct Held<'a> {
    book: Arc<Book<Slots>>,
    n: u32,
    noted: core::cell::Cell<bool>,
    permit: Option<AnyPermit<'a>>,
}

/// Held to be dropped.
pub(crate) enum AnyPermit<'a> {
    Owned(#[expect(dead_code, reason = "it is held to be dropped")] OwnedPermit),
    Borrowed(#[expect(dead_code, reason = "it is held to be dropped")] Permit<'a>),
}

impl From<OwnedPermit> for AnyPermit<'_> {
    fn from(permit: OwnedPermit) -> Self {
        Self::Owned(permit)
    }
}

impl<'a> From<Permit<'a>> for AnyPermit<'a> {
    fn from(permit: Permit<'a>) -> Self {
        Self::Borrowed(permit)
    }
}

impl<'a> Held<'a> {
    pub(crate) fn new(book: &Arc<Book<Slots>>, n: u32, permit: impl Into<AnyPermit<'a>>) -> Self {
        Self { book: Arc::clone(book), n, noted: false.into(), permit: Some(permit.into()) }
    }

    /// It may have been held since that moment.
    pub(crate) fn note(&self, since: usize) {
        self.noted.set(true);
        self.book.limiter.hold(&self.book, self.n, since);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.noted.get() {
            self.book.limiter.release(self.n);
        }
        self.permit = None;
        self.book.limiter.check_held(&self.book);
        self.book.check_front();
    }
}

/// Parts of a combined limiter, until it is dropped.
pub(crate) struct HeldParts<'a> {
    parts: Vec<(PartBook<'a>, u32)>,
    permit: Option<ResourcePermit<'a, VirtualRuntime>>,
}

impl<'a> HeldParts<'a> {
    pub(crate) fn new(parts: Vec<(PartBook<'a>, u32)>, permit: ResourcePermit<'a, VirtualRuntime>) -> Self {
        Self { parts, permit: Some(permit) }
    }

    fn give_back(&mut self, refund: bool) -> Option<ResourcePermit<'a, VirtualRuntime>> {
        let permit = self.permit.take()?;
        self.parts.iter().for_each(|(part, n)| part.give_back(*n, refund));
        Some(permit)
    }

    pub(crate) fn refund(mut self) {
        self.give_back(true).into_iter().for_each(ResourcePermit::refund);
    }
}

impl Drop for HeldParts<'_> {
    fn drop(&mut self) {
        drop(self.give_back(false));
    }
}

/// Cells at hand, until it is dropped. To the limiter they are granted when they are fetched, and come back in the end.
pub(crate) struct Leased {
    book: Arc<Book<Cells>>,
    lease: Option<Lease<VirtualRuntime>>,
}

impl Leased {
    pub(crate) fn new(book: &Arc<Book<Cells>>, size: u32) -> Self {
        Self { book: Arc::clone(book), lease: Some(book.limiter.limiter.lease(size)) }
    }

    pub(crate) fn try_take(&mut self, n: u32) {
        let Some(lease) = &mut self.lease else { return };
        let before = lease.held();
        let outcome = lease.try_acquire_many(n);
        let fetched = (lease.held() + if outcome.is_ok() { n } else { 0 }).checked_sub(before);
        match fetched {
            Some(fetched) => self.book.taken(fetched),
            None => self.book.fault("cells of a lease are lost"),
        }
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        let held = self.lease.as_ref().map_or(0, Lease::held);
        self.book.move_it();
        self.book.limiter.returned(held);
        self.lease = None;
    }
}

/// A member of a group: it holds a slot, and closing it takes a while.
#[derive(Clone)]
struct Member {
    number: usize,
    each: Duration,
    runtime: VirtualRuntime,
    held: Arc<Mutex<Option<Held<'static>>>>,
    closed: Arc<Mutex<Vec<usize>>>,
}

impl AsyncClose for Member {
    type Error = Infallible;

    async fn close(self) -> Result<(), Infallible> {
        self.closed.lock().unwrap().push(self.number);
        self.runtime.sleep_until(self.runtime.now() + self.each).await;
        let held = self.held.lock().unwrap().take();
        drop(held);
        Ok(())
    }
}

/// Makes members of slots that are free, and closes them: the last one first, and each in its time.
pub(crate) async fn close_a_group(
    world: &World,
    book: &Arc<Book<Slots>>,
    members: usize,
    each: Duration,
    limit: Duration,
) {
    let group = ResourceGroup::with_runtime(world.home.clone()).time_limit(limit).detach_on_drop();
    let closed = Arc::new(Mutex::new(Vec::new()));
    for number in 0..members {
        let since = book.limiter.moment();
        let held = book.limiter.limiter.try_acquire_owned().ok().map(|permit| {
            book.taken(1);
            let held = Held::new(book, 1, permit);
            held.note(since);
            held
        });
        let held = Arc::new(Mutex::new(held));
        let member = Member { number, each, runtime: world.home.clone(), held, closed: Arc::clone(&closed) };
        drop(group.add(member).expect("nobody closes it yet"));
    }
    let outcome = group.close().await;
    book.expect(outcome.is_ok() || limit <= each, "a member was given up before its time was over");
    let in_order = closed.lock().unwrap().iter().copied().eq((0..members).rev());
    book.expect(in_order, "the members of a group did not close last first");
}
