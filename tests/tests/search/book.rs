//! What is written down about the line of one limiter, and held against its promises as it happens.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::Waker;
use std::sync::{Mutex, MutexGuard};

use mtaio_core::Instant;
use mtaio_core::limit::{ResourceLimitError, ResourceLimitErrorKind as Kind};
use mtaio_core::runtime::Clock;

use crate::faults::Faults;
use crate::limit::Limit;

/// One limiter and its book.
#[derive(Debug)]
pub(crate) struct Book<L> {
    pub(crate) limiter: L,
    pub(crate) name: String,
    pub(crate) faults: Arc<Faults>,
    /// Whether others wait in its line of whom this book knows nothing.
    pub(crate) shared: bool,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    /// Who waits and was not woken, in the order of arrival.
    line: Vec<Arc<Slip>>,
    /// A change is under way that may refuse those who wait for more than so many.
    reviewing: Option<u32>,
    /// How many were woken, and may have got nothing.
    unsure: usize,
    /// How often anything was done that other requests may feel.
    moves: u64,
    /// How often anything was done by which those who wait may have to wait longer.
    turns: u64,
}

/// One who asks. It stands between the limiter and the task, and notices when it is woken.
#[derive(Debug)]
pub(crate) struct Slip {
    pub(crate) n: u32,
    /// Whether being woken means to be served, unless a change is under way.
    pub(crate) sure: bool,
    /// By when it is to be woken if nobody turns the limit.
    pub(crate) due: Option<(Instant, u64)>,
    pub(crate) arrived: usize,
    woken: AtomicBool,
    /// Whether it was woken without being served for sure.
    unsure: AtomicBool,
    moment: AtomicUsize,
    task: Mutex<Option<Waker>>,
}

impl Slip {
    pub(crate) fn new(n: u32, sure: bool, due: Option<(Instant, u64)>, arrived: usize) -> Self {
        Self {
            n,
            sure,
            due,
            arrived,
            woken: AtomicBool::new(false),
            unsure: AtomicBool::new(false),
            moment: AtomicUsize::new(0),
            task: Mutex::new(None),
        }
    }

    pub(crate) fn listen(&self, task: &Waker) {
        *self.task.lock().unwrap() = Some(task.clone());
    }

    /// The moment at which it was woken.
    pub(crate) fn woken(&self) -> Option<usize> {
        self.woken.load(Ordering::SeqCst).then(|| self.moment.load(Ordering::SeqCst))
    }

    pub(crate) fn is_unsure(&self) -> bool {
        self.unsure.load(Ordering::SeqCst)
    }
}

/// The waker of a slip.
pub(crate) struct Bell<L>(pub(crate) Arc<Book<L>>, pub(crate) Arc<Slip>);

impl<L: Limit> Wake for Bell<L> {
    fn wake(self: Arc<Self>) {
        self.0.woken(&self.1);
        let task = self.1.task.lock().unwrap().take();
        task.into_iter().for_each(Waker::wake);
    }
}

impl<L: Limit> Book<L> {
    pub(crate) fn new(name: String, limiter: L, shared: bool, faults: &Arc<Faults>) -> Arc<Self> {
        Arc::new(Self { limiter, name, faults: Arc::clone(faults), shared, pages: Mutex::default() })
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap()
    }

    pub(crate) fn fault(&self, what: &str) {
        self.faults.add(format!("{}: {what}, at {:?}", self.name, self.limiter.runtime().now()));
    }

    pub(crate) fn expect(&self, holds: bool, what: &str) {
        if !holds {
            self.fault(what);
        }
    }

    /// Something is done that others may feel.
    pub(crate) fn move_it(&self) {
        self.pages().moves += 1;
    }

    pub(crate) fn moves(&self) -> u64 {
        self.pages().moves
    }

    /// Something is done by which those who wait may have to wait longer.
    pub(crate) fn turn_it(&self) {
        let mut pages = self.pages();
        pages.moves += 1;
        pages.turns += 1;
    }

    pub(crate) fn turns(&self) -> u64 {
        self.pages().turns
    }

    /// A change that may refuse those who wait for more than `fits`.
    pub(crate) fn review(&self, fits: u32, change: impl FnOnce()) {
        self.turn_it();
        self.pages().reviewing = Some(fits);
        change();
        self.pages().reviewing = None;
    }

    /// It has been polled, and waits.
    pub(crate) fn arrive(&self, slip: &Arc<Slip>) {
        self.limiter.waited();
        let mut pages = self.pages();
        pages.moves += 1;
        if slip.woken().is_none() {
            pages.line.push(Arc::clone(slip));
        }
    }

    fn woken(&self, slip: &Arc<Slip>) {
        if slip.woken.swap(true, Ordering::SeqCst) {
            return;
        }
        slip.moment.store(self.limiter.moment(), Ordering::SeqCst);
        let mut pages = self.pages();
        let place = pages.line.iter().position(|other| Arc::ptr_eq(other, slip));
        place.into_iter().for_each(|place| drop(pages.line.remove(place)));
        let sure = slip.sure && pages.reviewing.is_none_or(|fits| slip.n <= fits);
        let late = slip.due.filter(|(due, turns)| sure && pages.turns == *turns && *due < self.limiter.runtime().now());
        if !sure {
            slip.unsure.store(true, Ordering::SeqCst);
            pages.unsure += 1;
        }
        drop(pages);
        if sure {
            self.expect(place.is_none_or(|place| place == 0), "somebody was served before one who came first");
            self.limiter.audit_grant(self);
            self.limiter.granted(slip.n, self.limiter.moment());
        }
        if let Some((due, _)) = late {
            self.fault(&format!("who was to be served by {due:?} still waited"));
        }
    }

    fn leave(&self, slip: &Arc<Slip>) -> bool {
        let mut pages = self.pages();
        pages.moves += 1;
        if slip.is_unsure() {
            pages.unsure -= 1;
        }
        let place = pages.line.iter().position(|other| Arc::ptr_eq(other, slip));
        place.into_iter().for_each(|place| drop(pages.line.remove(place)));
        place.is_none_or(|place| place == 0)
    }

    /// It has its answer.
    pub(crate) fn answered(&self, slip: &Arc<Slip>, arrived: bool, refused: Option<&ResourceLimitError>) {
        if arrived {
            self.leave(slip);
        } else {
            self.move_it();
            let overtakes = refused.is_none() && slip.n > 0 && !self.pages().line.is_empty();
            self.expect(!overtakes, "somebody who came was served although others waited");
        }
        let written = slip.woken().is_some() && !slip.is_unsure();
        match refused {
            None if !written => self.limiter.granted(slip.n, slip.woken().unwrap_or_else(|| self.limiter.moment())),
            None => {}
            Some(_) if written => self.fault("who was woken to be served was refused"),
            Some(error) => self.check_refusal(slip, error),
        }
    }

    pub(crate) fn check_refusal(&self, slip: &Slip, error: &ResourceLimitError) {
        match error.kind() {
            Kind::Closed => self.expect(self.limiter.is_closed(), "closed, it said, and is not"),
            Kind::TooLarge => self.expect(self.limiter.was_too_large(slip.n, slip.arrived), "too large, it said"),
            Kind::Deadline => {
                let in_time = error.needed().zip(error.left()).is_some_and(|(needed, left)| needed <= left);
                self.expect(!in_time, "it would have been in time");
            }
            Kind::QueueFull => self.expect(self.limiter.may_be_full(), "nobody limited the queue"),
            _ => self.fault("who waits was told to come again"),
        }
    }

    /// It was dropped without an answer. What it had been granted goes back: that is written down before it does.
    pub(crate) fn abandoned(&self, slip: &Arc<Slip>) {
        self.leave(slip);
        if slip.woken().is_some() && !slip.is_unsure() {
            self.limiter.returned(slip.n);
        }
    }

    /// One who did not wait was served.
    pub(crate) fn taken(&self, n: u32) {
        self.move_it();
        self.expect(n == 0 || self.pages().line.is_empty(), "a try was served although others waited");
        self.limiter.granted(n, self.limiter.moment());
    }

    /// At a moment at which no change is under way: the first in line could not go.
    pub(crate) fn check_front(&self) {
        let front = {
            let pages = self.pages();
            if self.shared || pages.unsure > 0 { None } else { pages.line.first().cloned() }
        };
        if let Some(front) = front {
            self.limiter.audit_front(self, front.n);
        }
    }

    /// At the end.
    pub(crate) fn check_empty(&self) {
        self.expect(self.pages().line.is_empty(), "somebody waits still");
        self.limiter.audit_end(self);
    }
}
