//! The line of a wait queue: who stands where, who is next, and who has waited longest.
//!
//! This is what policies differ in, and the queue that uses it is the same for all: it speaks to a [`Discipline`]. A line is one list, or
//! one for each class of waiters. Its front is the front of the last list that has anybody, with one exception that keeps the queue's
//! promise about turns that are held: one who holds its turn *is* the front until it takes, leaves or can be served no more, whoever
//! comes meanwhile.
//!
//! Nearly all lines are [plain](Waiters::plain): one list, in the order of arrival, and nobody is refused for having waited too long.
//! Such a list is a discipline by itself, whose answers are constants, so that who waits in it pays for no other.

use super::answer::{Answer, Carried};
use super::list::{List, Lists, Ranks, Spot};
use super::stamp::Stamp;
#[cfg(feature = "alloc")]
use crate::time::Instant;

/// How those who wait are ordered, and who has to go when too many do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// First come, first served.
    Fifo,
    /// The last one first.
    Lifo,
    /// The last one first, and where it would be one too many, the first one goes.
    LifoEvict,
    /// So many classes, the last one first; in each of them first come, first served.
    Classes(u8),
}

impl Order {
    /// How many lists it takes.
    pub(crate) const fn classes(self) -> u8 {
        match self {
            Self::Classes(count) => count,
            Self::Fifo | Self::Lifo | Self::LifoEvict => 1,
        }
    }

    /// Whether one who comes later can be served earlier.
    pub(crate) const fn can_overtake(self) -> bool {
        !matches!(self, Self::Fifo)
    }
}

/// What the queue asks a line, whatever its order is.
pub(crate) trait Discipline<R: Carried, A: Copy>: Lists<Answer<R>, A> {
    /// All there is to it, if it is not plain.
    fn ranked(&mut self) -> Option<&mut Waiters<R, A>>;

    /// The list that one comes to who wants to be in that one.
    fn list_for(&self, wanted: u16) -> u16;

    /// The list whose front is that of the line.
    fn first_list(&mut self) -> u16;

    /// The front of the line is that of this list.
    fn first(&mut self) -> &mut List<Answer<R>, A>;

    /// How many wait.
    fn waiting(&self) -> usize;

    /// The front, which was told that it could be served, holds its turn from here on.
    fn hold_front(&mut self);

    /// One holds its turn who has just come to that list.
    fn hold(&mut self, list: u16);

    /// Whether one who comes to that list is next.
    fn is_first(&mut self, list: u16) -> bool;

    /// Where in its list one sits who comes.
    fn spot(&mut self) -> Spot;

    /// What the one asks for whom somebody who comes to that list does not pass although it comes before it otherwise.
    fn held_before(&mut self, list: u16) -> Option<A>;

    /// What the one who is next asks for.
    #[inline]
    fn front(&mut self) -> Option<A> {
        List::front(self.first())
    }

    /// Whether the front holds its turn.
    #[inline]
    fn is_held(&mut self) -> bool {
        is_held(self.first())
    }

    /// Ends the wait of the one who is next.
    #[inline]
    fn settle_front<T>(&mut self, settle: impl FnOnce(&mut Answer<R>) -> T) -> Option<T> {
        List::settle_front(self.first(), settle)
    }
}

/// First come, first served.
impl<R: Carried, A: Copy> Discipline<R, A> for List<Answer<R>, A> {
    #[inline]
    fn ranked(&mut self) -> Option<&mut Waiters<R, A>> {
        None
    }

    #[inline]
    fn list_for(&self, _: u16) -> u16 {
        0
    }

    #[inline]
    fn first_list(&mut self) -> u16 {
        0
    }

    #[inline]
    fn first(&mut self) -> &mut Self {
        self
    }

    #[inline]
    fn waiting(&self) -> usize {
        self.len()
    }

    #[inline]
    fn hold_front(&mut self) {}

    #[inline]
    fn hold(&mut self, _: u16) {}

    #[inline]
    fn is_first(&mut self, _: u16) -> bool {
        self.is_empty()
    }

    #[inline]
    fn spot(&mut self) -> Spot {
        Spot::Back
    }

    #[inline]
    fn held_before(&mut self, _: u16) -> Option<A> {
        None
    }
}

/// What a line keeps beside its lists.
pub(crate) struct Layout {
    /// Whether it is one list in the order of arrival, and nothing else matters.
    plain: bool,
    order: Order,
    /// The list at whose front somebody holds its turn, if that one still does.
    held: Option<u16>,
}

/// Those who wait: what has become of each, and what it asks for.
pub(crate) type Waiters<R, A> = Ranks<Answer<R>, A, Layout>;

/// One who waits, by its place.
#[derive(Clone, Copy)]
pub(crate) struct Oldest {
    list: u16,
    spot: Spot,
    pub(crate) since: Stamp,
}

impl<R: Carried, A: Copy> Waiters<R, A> {
    /// A line in which whoever comes first is first.
    pub(crate) const fn first_come() -> Self {
        Self::one(Layout { plain: true, order: Order::Fifo, held: None })
    }

    /// A line in that order. If it is `shed`, those have to go who have waited too long.
    #[cfg(feature = "alloc")]
    pub(crate) fn ordered(order: Order, shed: bool) -> Self {
        Self::several(order.classes().into(), Layout { plain: order == Order::Fifo && !shed, order, held: None })
    }

    /// Its only list, where whoever comes first is first and nobody has to go.
    #[inline]
    pub(crate) fn plain(&mut self) -> Option<&mut List<Answer<R>, A>> {
        if self.beside.plain { Some(self.row(0)) } else { None }
    }

    pub(crate) fn order(&self) -> Order {
        self.beside.order
    }

    fn row(&mut self, number: u16) -> &mut List<Answer<R>, A> {
        self.list(number)
    }

    /// The list in which the one is that holds its turn, or else the last one that has anybody.
    fn first_of_all(&mut self) -> u16 {
        if let Some(held) = self.beside.held {
            if is_held(self.row(held)) {
                return held;
            }
            self.beside.held = None;
        }
        self.last_first().find(|(_, list)| !list.is_empty()).map_or(0, |(number, _)| number)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who has waited longest, apart from one who holds its turn: what that one waits for is not here.
    pub(crate) fn oldest(&mut self) -> Option<Oldest> {
        let newest_first = matches!(self.order(), Order::Lifo | Order::LifoEvict);
        let mut oldest: Option<Oldest> = None;
        for list in 0..u16::from(self.order().classes()) {
            let row = self.row(list);
            // The front is the only one that can hold its turn.
            let spot = match (newest_first, is_held(row)) {
                (true, true) if row.len() == 1 => continue,
                (true, _) => Spot::Back,
                (false, true) => Spot::BehindFront,
                (false, false) => Spot::Front,
            };
            let since = row.at(spot).and_then(|(waiter, _)| waiter.since());
            let found = since.map(|since| Oldest { list, spot, since });
            oldest = match (oldest, found) {
                (Some(oldest), Some(found)) if found.since.is_before(oldest.since) => Some(found),
                (oldest, found) => oldest.or(found),
            };
        }
        oldest
    }

    /// How long the one has waited that has waited longest, in nanoseconds.
    #[cfg(feature = "alloc")]
    pub(crate) fn longest_wait(&mut self, now: Instant) -> u64 {
        let holder = if self.is_held() { self.first().front_mut().and_then(|waiter| waiter.since()) } else { None };
        let oldest = self.oldest().map(|oldest| oldest.since);
        oldest.into_iter().chain(holder).map(|since| since.age(now)).max().unwrap_or(0)
    }

    /// What that one asks for, and in which list.
    pub(crate) fn ask_of(&mut self, oldest: Oldest) -> Option<(A, u16)> {
        self.row(oldest.list).at(oldest.spot).map(|(_, ask)| (ask, oldest.list))
    }

    /// Ends the wait of that one.
    pub(crate) fn settle<T>(&mut self, oldest: Oldest, settle: impl FnOnce(&mut Answer<R>) -> T) -> Option<T> {
        self.row(oldest.list).settle_at(oldest.spot, settle)
    }

    /// Starts a pass over all who wait, in the order in which they are served.
    pub(crate) fn mark_front(&mut self) {
        for list in 0..u16::from(self.order().classes()) {
            self.row(list).mark_front();
        }
    }

    /// The list that the pass is at.
    pub(crate) fn marked_list(&self) -> u16 {
        self.last_first().find(|(_, list)| list.is_marked()).map_or(0, |(number, _)| number)
    }

    fn marked_row(&mut self) -> &mut List<Answer<R>, A> {
        let number = self.marked_list();
        self.row(number)
    }

    /// The one that the pass is at, and what it asks for; `None` when the pass is over.
    pub(crate) fn marked(&mut self) -> Option<(&mut Answer<R>, A)> {
        self.marked_row().marked()
    }

    /// Goes on to the next one of the pass.
    pub(crate) fn mark_next(&mut self) {
        self.marked_row().mark_next();
    }

    /// Ends the wait of the one that the pass is at, and goes on to the next.
    pub(crate) fn settle_marked<T>(&mut self, settle: impl FnOnce(&mut Answer<R>) -> T) -> Option<T> {
        self.marked_row().settle_marked(settle)
    }
}

impl<R: Carried, A: Copy> Discipline<R, A> for Waiters<R, A> {
    fn ranked(&mut self) -> Option<&mut Self> {
        Some(self)
    }

    fn list_for(&self, wanted: u16) -> u16 {
        wanted
    }

    fn first_list(&mut self) -> u16 {
        if self.are_several() { self.first_of_all() } else { 0 }
    }

    fn first(&mut self) -> &mut List<Answer<R>, A> {
        let number = self.first_list();
        self.row(number)
    }

    fn waiting(&self) -> usize {
        self.len()
    }

    fn hold_front(&mut self) {
        if self.are_several() {
            self.beside.held = Some(self.first_of_all());
        }
    }

    fn hold(&mut self, list: u16) {
        self.beside.held = Some(list);
    }

    fn is_first(&mut self, list: u16) -> bool {
        match self.order() {
            Order::Fifo => self.is_empty(),
            Order::Lifo | Order::LifoEvict => !self.is_held(),
            Order::Classes(_) => self.is_empty() || (!self.is_held() && list > self.first_list()),
        }
    }

    fn spot(&mut self) -> Spot {
        match self.order() {
            Order::Fifo | Order::Classes(_) => Spot::Back,
            Order::Lifo | Order::LifoEvict if self.is_held() => Spot::BehindFront,
            Order::Lifo | Order::LifoEvict => Spot::Front,
        }
    }

    fn held_before(&mut self, list: u16) -> Option<A> {
        if self.order() == Order::Fifo {
            return None;
        }
        let counted = matches!(self.order(), Order::Classes(_)) && self.first_list() >= list;
        if counted || !self.is_held() { None } else { self.front() }
    }
}

#[inline]
fn is_held<R: Carried, A: Copy>(list: &mut List<Answer<R>, A>) -> bool {
    list.front_mut().is_some_and(|waiter| waiter.is_parked())
}
