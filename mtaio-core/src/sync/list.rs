//! The intrusive list: waiters that queue without allocating, each inside its own pinned future.
//!
//! All raw pointers of the workspace are in this file. What it keeps:
//!
//! 1. A node is *linked* from [`Access::sit`] until it is unlinked, by its owner ([`Access::rise`]) or by whoever settles
//!    it ([`List::settle_front`], [`List::settle_marked`], [`List::settle_at`]). Links are read and written under the queue's lock only.
//! 2. While a node is linked, its value belongs to the lock: nobody reaches it without. What it asks for is written while the
//!    seat is not taken only, and may be read by everybody else.
//! 3. Settling unlinks the node, changes its value, and then stores `settled`, last. From that store on the value belongs
//!    to the owner of the seat, who needs no lock any more; the list has forgotten the node.
//! 4. A seat is pinned while its node is in use, and its drop unlinks the node. So a linked node never moves or dangles.
//! 5. Nodes are reached through raw places, never through a reference to a whole node: while the lock's holder writes the
//!    links or the value, the owner may load `settled`.
//! 6. A seat always speaks to the same queue: [`Handle`] is implemented for `&T` and `Arc<T>` only, and [`queued!`] for
//!    plain fields only.
//! 7. A linked node is in the list of its queue that its `list` says. That is written under the lock, when it is linked or moved;
//!    before that its owner can leave there which one it wants.
//!
//! Lock order: none. Nothing here calls out while it holds the lock, except the closures of this crate.

use core::cell::UnsafeCell;
use core::marker::PhantomPinned;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr::NonNull;

use crate::primitive::{AtomicBool, Lock, Ordering, Witness, const_fn};

type Link<T, A> = Option<NonNull<Node<T, A>>>;

/// A place in the list: what is asked for, which is there from the beginning, and what is written when it has to wait.
struct Node<T, A> {
    /// Initialised exactly while `taken`.
    held: MaybeUninit<Held<T, A>>,
    ask: A,
    settled: AtomicBool,
    /// Whether the node is in use. Only the owner of the seat looks at it.
    taken: bool,
    /// Which of the queue's lists the node is in, while it is linked; before that, which it wants to be in.
    list: u16,
    /// Sees every touch of what is held.
    witness: Witness,
}

struct Held<T, A> {
    prev: Link<T, A>,
    next: Link<T, A>,
    value: T,
}

/// Where a node keeps what it holds, initialised or not.
///
/// # Safety
/// `node` leads to a node whose value the caller has alone.
unsafe fn held<T, A>(node: NonNull<Node<T, A>>) -> *mut Held<T, A> {
    // SAFETY: the caller's promise; a reference is made to the witness only, never to the whole node (5).
    unsafe {
        (*node.as_ptr()).witness.touch();
        &raw mut (*node.as_ptr()).held
    }
    .cast()
}

/// The lists of one queue, by number. Most queues have one.
///
/// # Safety
/// `list` leads to the same list whenever it is given the same number, and none of them goes before the queue does.
pub(crate) unsafe trait Lists<T, A> {
    fn list(&mut self, number: u16) -> &mut List<T, A>;
}

// SAFETY: there is one list.
unsafe impl<T, A> Lists<T, A> for List<T, A> {
    #[inline]
    fn list(&mut self, number: u16) -> &mut Self {
        assert!(number == 0, "there is one list, number 0, and not {number}");
        self
    }
}

/// A list that is always there, number 0, and more if they were asked for; and what their owner keeps beside them.
pub(crate) struct Ranks<T, A, B> {
    first: List<T, A>,
    #[cfg(feature = "alloc")]
    more: Option<alloc::boxed::Box<[List<T, A>]>>,
    pub(crate) beside: B,
}

// SAFETY: `first` and the boxed lists are made with the ranks, and dropped with them.
unsafe impl<T, A, B> Lists<T, A> for Ranks<T, A, B> {
    #[inline]
    fn list(&mut self, number: u16) -> &mut List<T, A> {
        #[cfg(feature = "alloc")]
        if let (Some(index), Some(more)) = (usize::from(number).checked_sub(1), &mut self.more) {
            return &mut more[index];
        }
        debug_assert!(number == 0, "there is one list, and not {number} more");
        &mut self.first
    }
}

impl<T, A, B> Ranks<T, A, B> {
    /// One list.
    pub(crate) const fn one(beside: B) -> Self {
        Self {
            first: List::new(),
            #[cfg(feature = "alloc")]
            more: None,
            beside,
        }
    }

    /// So many lists, at least one.
    #[cfg(feature = "alloc")]
    pub(crate) fn several(count: u16, beside: B) -> Self {
        let more = (count > 1).then(|| (1..count).map(|_| List::new()).collect());
        Self { first: List::new(), more, beside }
    }

    #[inline]
    fn more(&self) -> Option<&[List<T, A>]> {
        #[cfg(feature = "alloc")]
        return self.more.as_deref();
        #[cfg(not(feature = "alloc"))]
        None
    }

    /// Whether there are several lists.
    #[inline]
    pub(crate) fn are_several(&self) -> bool {
        self.more().is_some()
    }

    /// How many nodes there are in all lists.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.first.len + self.more().map_or(0, |more| more.iter().map(|list| list.len).sum())
    }

    /// All lists, the last one first, with their numbers.
    pub(crate) fn last_first(&self) -> impl Iterator<Item = (u16, &List<T, A>)> {
        let more = self.more().unwrap_or_default();
        (0..=more.len() as u16).rev().zip(more.iter().rev().chain([&self.first]))
    }
}

/// A list that is always there, number 0, and `N` more that are made when one of them is needed.
#[cfg(feature = "alloc")]
pub(crate) struct Shelf<T, A, const N: usize> {
    first: List<T, A>,
    more: Option<alloc::boxed::Box<[List<T, A>; N]>>,
}

#[cfg(feature = "alloc")]
// SAFETY: `first` and the boxed lists are made once, and dropped with the shelf.
unsafe impl<T, A: Copy, const N: usize> Lists<T, A> for Shelf<T, A, N> {
    fn list(&mut self, number: u16) -> &mut List<T, A> {
        match usize::from(number).checked_sub(1) {
            None => &mut self.first,
            Some(index) => {
                &mut self.more.get_or_insert_with(|| alloc::boxed::Box::new([const { List::new() }; N]))[index]
            }
        }
    }
}

#[cfg(feature = "alloc")]
impl<T, A: Copy, const N: usize> Shelf<T, A, N> {
    pub(crate) const fn new() -> Self {
        Self { first: List::new(), more: None }
    }

    /// How many nodes there are in all lists.
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.more.iter().flat_map(|lists| lists.iter()).map(List::len).sum::<usize>()
    }

    /// Moves the front of one list behind all others in another.
    pub(crate) fn move_front(&mut self, from: u16, to: u16) {
        let Some(node) = self.list(from).head else { return };
        // SAFETY: a head is linked in its list, and alive (4). It is linked in the other one before the lock is released, and
        // says so (7).
        unsafe {
            self.list(from).unlink(node);
            (*node.as_ptr()).list = to;
            self.list(to).push(Spot::Back, node);
        }
    }
}

/// A place in a list, to look at or to be put at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    Front,
    BehindFront,
    Back,
}

/// Waiters in the order in which they are served.
pub(crate) struct List<T, A> {
    head: Link<T, A>,
    tail: Link<T, A>,
    /// The next node of a pass over the whole list. It survives the removal of any node.
    mark: Link<T, A>,
    len: usize,
}

// SAFETY: the pointers lead to nodes whose content may be sent (T, A: Send), and are followed under the lock (invariants 1, 2).
unsafe impl<T: Send, A: Send> Send for List<T, A> {}

impl<T, A> List<T, A> {
    pub(crate) const fn new() -> Self {
        Self { head: None, tail: None, mark: None, len: 0 }
    }
}

impl<T, A: Copy> List<T, A> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// What the one who came last asks for.
    #[cfg(feature = "alloc")]
    pub(crate) fn back(&self) -> Option<A> {
        // SAFETY: as in `front`.
        self.tail.map(|node| unsafe { (*node.as_ptr()).ask })
    }

    /// What the one who has waited longest asks for.
    pub(crate) fn front(&self) -> Option<A> {
        // SAFETY: invariant 4: the node is linked, so it lives; and then nobody writes what it asks for.
        self.head.map(|node| unsafe { (*node.as_ptr()).ask })
    }

    /// The value that has waited longest.
    pub(crate) fn front_mut(&mut self) -> Option<&mut T> {
        // SAFETY: invariants 2 and 4: it lives, and the lock that we are called under guards its value.
        self.head.map(|node| unsafe { &mut (*held(node)).value })
    }

    /// Unlinks the front after `settle` has had its value, and hands the value over to the owner of its seat.
    pub(crate) fn settle_front<R>(&mut self, settle: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.head.map(|node| self.settle(node, settle))
    }

    fn node_at(&self, spot: Spot) -> Link<T, A> {
        match spot {
            Spot::Front => self.head,
            // SAFETY: as in `mark_next`.
            Spot::BehindFront => self.head.and_then(|node| unsafe { (*held(node)).next }),
            Spot::Back => self.tail,
        }
    }

    /// The value at some spot, and what is asked for there.
    pub(crate) fn at(&mut self, spot: Spot) -> Option<(&mut T, A)> {
        let node = self.node_at(spot);
        self.look(node)
    }

    /// As [`settle_front`](Self::settle_front), for the value at some spot.
    pub(crate) fn settle_at<R>(&mut self, spot: Spot, settle: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.node_at(spot).map(|node| self.settle(node, settle))
    }

    /// Whether a pass is under way.
    pub(crate) fn is_marked(&self) -> bool {
        self.mark.is_some()
    }

    /// What a node of this list holds, and what is asked for there.
    fn look(&mut self, node: Link<T, A>) -> Option<(&mut T, A)> {
        // SAFETY: as in `front` and `front_mut`.
        node.map(|node| unsafe { (&mut (*held(node)).value, (*node.as_ptr()).ask) })
    }

    /// Starts a pass over the whole list, from the front.
    pub(crate) fn mark_front(&mut self) {
        self.mark = self.head;
    }

    /// The value that the pass is at, and what is asked for there; `None` when the pass is over.
    pub(crate) fn marked(&mut self) -> Option<(&mut T, A)> {
        self.look(self.mark)
    }

    /// Goes on to the next value of the pass.
    pub(crate) fn mark_next(&mut self) {
        // SAFETY: the mark is a linked node (`unlink` moves it off one that leaves), alive by invariant 4.
        self.mark = self.mark.and_then(|node| unsafe { (*held(node)).next });
    }

    /// As [`settle_front`](Self::settle_front), for the value that the pass is at; the pass goes on to the next.
    pub(crate) fn settle_marked<R>(&mut self, settle: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.mark.map(|node| self.settle(node, settle))
    }

    #[inline]
    fn settle<R>(&mut self, node: NonNull<Node<T, A>>, settle: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: a node of this list, found by its head or its mark.
        unsafe { self.unlink(node) };
        // SAFETY: it is not settled yet, so its owner cannot let go of it without the lock that we hold (3).
        let outcome = settle(unsafe { &mut (*held(node)).value });
        // ORDERING: Release, pairs with the Acquire load in `Seat::settled`; publishes the unlinked node and its value. It is
        // the last touch: the owner may free the node as soon as it sees it.
        // SAFETY: as above.
        unsafe { (*node.as_ptr()).settled.store(true, Ordering::Release) };
        outcome
    }

    /// # Safety
    /// `node` is in no list, says that it is in this one, and its links and value are initialised. It stays where it is until it is
    /// unlinked.
    #[inline]
    unsafe fn push(&mut self, spot: Spot, node: NonNull<Node<T, A>>) {
        let next = match spot {
            Spot::Back => None,
            spot => self.node_at(spot),
        };
        // SAFETY: the caller's promise; its neighbours are linked nodes (4).
        unsafe {
            let prev = match next {
                Some(next) => (*held(next)).prev.replace(node),
                None => self.tail.replace(node),
            };
            (*held(node)).prev = prev;
            (*held(node)).next = next;
            match prev {
                Some(prev) => (*held(prev)).next = Some(node),
                None => self.head = Some(node),
            }
        }
        self.len += 1;
    }

    /// # Safety
    /// `node` is linked in this list.
    #[inline]
    unsafe fn unlink(&mut self, node: NonNull<Node<T, A>>) {
        // SAFETY: the caller's promise, and invariant 4 for its neighbours, which are linked.
        let next = unsafe {
            let (prev, next) = ((*held(node)).prev, (*held(node)).next);
            match prev {
                Some(prev) => (*held(prev)).next = next,
                None => self.head = next,
            }
            match next {
                Some(next) => (*held(next)).prev = prev,
                None => self.tail = prev,
            }
            next
        };
        if self.mark == Some(node) {
            self.mark = next;
        }
        self.len -= 1;
    }
}

/// Lists of waiters and the state that decides about them, behind one lock.
pub(crate) struct Queue<S, L>(Lock<Locked<S, L>>);

struct Locked<S, L> {
    state: S,
    lists: L,
}

impl<S, L> Queue<S, L> {
    const_fn! {
        pub(crate) const fn with_lists(state: S, lists: L) -> Self {
            Self(Lock::new(Locked { state, lists }))
        }
    }

    /// Runs `f` with the state and the lists, alone.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut S, &mut L) -> R) -> R {
        self.0.with(|locked| f(&mut locked.state, &mut locked.lists))
    }
}

/// What owns a queue. Implement it with [`queued!`], which makes sure that it is always the same one.
///
/// # Safety
/// `queue` returns the same queue for as long as the value lives.
pub(crate) unsafe trait Queued {
    type State;
    type Value;
    type Ask: Copy;
    type Lists: Lists<Self::Value, Self::Ask>;

    fn queue(&self) -> &Queue<Self::State, Self::Lists>;
}

/// Implements [`Queued`] for a type by naming the field, or the path of fields, that is its queue.
macro_rules! queued {
    ([$($generics:tt)*] $owner:ty, $state:ty, $value:ty, $ask:ty, $lists:ty, $($field:ident).+) => {
        #[allow(unsafe_code, reason = "a field is always the same place")]
        // SAFETY: a field of a value is the same field for as long as the value lives.
        unsafe impl<$($generics)*> crate::sync::list::Queued for $owner {
            type State = $state;
            type Value = $value;
            type Ask = $ask;
            type Lists = $lists;

            #[inline]
            fn queue(&self) -> &crate::sync::list::Queue<$state, $lists> {
                &self.$($field).+
            }
        }
    };
}
pub(crate) use queued;

/// A borrowed or shared pointer to what owns a queue.
///
/// # Safety
/// `get` returns the same value for as long as the handle lives, wherever it moves.
pub(crate) unsafe trait Handle {
    type Target: Queued;

    fn get(&self) -> &Self::Target;
}

// SAFETY: a shared reference leads to the same value for its whole life.
unsafe impl<T: Queued> Handle for &T {
    type Target = T;

    #[inline]
    fn get(&self) -> &T {
        self
    }
}

#[cfg(feature = "alloc")]
// SAFETY: an Arc leads to the same allocation for its whole life.
unsafe impl<T: Queued> Handle for alloc::sync::Arc<T> {
    type Target = T;

    #[inline]
    fn get(&self) -> &T {
        self
    }
}

type StateOf<H> = <<H as Handle>::Target as Queued>::State;
type ValueOf<H> = <<H as Handle>::Target as Queued>::Value;
type AskOf<H> = <<H as Handle>::Target as Queued>::Ask;
type ListsOf<H> = <<H as Handle>::Target as Queued>::Lists;

const OVER: &str = "a future was polled after it had completed";

/// A future's place in a queue. Nothing of it is written before it is needed, but what it asks for.
pub(crate) struct Seat<H: Handle> {
    /// `None` once the wait is over and its handle has moved on.
    handle: Option<H>,
    node: UnsafeCell<Node<ValueOf<H>, AskOf<H>>>,
    /// Others point at the node: see invariant 4.
    _pinned: PhantomPinned,
}

// SAFETY: a seat owns its handle, its value and what it asks for, all of which may be sent; the node's links are followed
// under the lock of a queue that may be shared.
unsafe impl<H: Handle + Send> Send for Seat<H>
where
    ValueOf<H>: Send,
    AskOf<H>: Send,
{
}
// SAFETY: a shared seat gives access to its handle, to whether it is taken, which changes through `&mut` only, and to the
// atomic `settled`.
unsafe impl<H: Handle + Sync> Sync for Seat<H>
where
    ValueOf<H>: Send,
    AskOf<H>: Send,
{
}

impl<H: Handle> Seat<H> {
    #[inline]
    pub(crate) fn new(handle: H, ask: AskOf<H>) -> Self {
        let node = Node {
            held: MaybeUninit::uninit(),
            ask,
            settled: AtomicBool::new(false),
            taken: false,
            list: 0,
            witness: Witness::new(),
        };
        Self { handle: Some(handle), node: UnsafeCell::new(node), _pinned: PhantomPinned }
    }

    /// Wants to be in that list.
    ///
    /// # Panics
    /// If the seat is taken.
    #[cfg(feature = "alloc")]
    pub(crate) fn want_list(&mut self, list: u16) {
        assert!(!self.is_taken(), "where to sit is said before the seat is taken");
        self.node.get_mut().list = list;
    }

    /// The list that it wants to be in, as long as the seat is not taken.
    #[cfg(feature = "alloc")]
    pub(crate) fn wanted_list(&self) -> Option<u16> {
        self.place().wanted_list()
    }

    fn place(&self) -> Place<'_, ValueOf<H>, AskOf<H>> {
        Place(&self.node)
    }

    /// The owner of the queue.
    ///
    /// # Panics
    /// After [`finish`](Self::finish).
    #[inline]
    pub(crate) fn owner(&self) -> &H::Target {
        self.handle.as_ref().expect(OVER).get()
    }

    /// Gives the handle away: the wait is over.
    ///
    /// # Panics
    /// If the seat is taken, or was finished before.
    #[inline]
    pub(crate) fn finish(self: Pin<&mut Self>) -> H {
        assert!(!self.is_taken(), "a seat in use keeps its handle");
        // SAFETY: the seat is not taken, so nothing of it is pointed at.
        unsafe { self.get_unchecked_mut() }.handle.take().expect(OVER)
    }

    /// Whether the seat holds a value: it waits, or was settled and not yet claimed.
    #[inline]
    pub(crate) fn is_taken(&self) -> bool {
        self.place().is_taken()
    }

    /// What is asked for.
    #[inline]
    pub(crate) fn ask(&self) -> AskOf<H> {
        // SAFETY: it is written while the seat is not taken only, and through `&mut`.
        unsafe { (*self.place().node().as_ptr()).ask }
    }

    /// Asks for something else.
    ///
    /// # Panics
    /// If the seat is taken.
    pub(crate) fn set_ask(self: Pin<&mut Self>, ask: AskOf<H>) {
        assert!(!self.is_taken(), "what is asked for is said before the seat is taken");
        // SAFETY: the seat is not taken, so nobody else looks at the node.
        unsafe { (*self.place().node().as_ptr()).ask = ask };
    }

    /// Takes the value back if it was settled. No lock.
    pub(crate) fn claim(self: Pin<&mut Self>) -> Option<ValueOf<H>> {
        let place = self.place();
        // SAFETY: `settled` says that the value is ours alone (3), and `&mut` that nobody else takes it.
        (place.is_taken() && place.is_settled()).then(|| unsafe { place.take() })
    }

    #[cold]
    fn leave(self: Pin<&mut Self>) {
        // The value, which may hold a foreign waker, is dropped after the lock.
        drop(self.with(|_, mut access| access.rise()));
    }

    /// Locks the queue and runs `f` with its state, its lists and this seat's place in them.
    #[inline]
    pub(crate) fn with<R>(
        self: Pin<&mut Self>,
        f: impl FnOnce(&H::Target, Access<'_, StateOf<H>, ListsOf<H>, ValueOf<H>, AskOf<H>>) -> R,
    ) -> R {
        let (owner, place) = (self.owner(), self.place());
        owner.queue().0.with(|locked| f(owner, Access { state: &mut locked.state, lists: &mut locked.lists, place }))
    }
}

impl<H: Handle> Drop for Seat<H> {
    #[inline]
    fn drop(&mut self) {
        if self.is_taken() {
            // SAFETY: a seat that was taken is pinned, and is not moved before its end.
            unsafe { Pin::new_unchecked(self) }.leave();
        }
    }
}

/// A locked queue, as seen from one seat.
pub(crate) struct Access<'a, S, L, T, A> {
    pub(crate) state: &'a mut S,
    pub(crate) lists: &'a mut L,
    place: Place<'a, T, A>,
}

/// The node of one seat.
struct Place<'a, T, A>(&'a UnsafeCell<Node<T, A>>);

impl<T, A> Place<'_, T, A> {
    fn node(&self) -> NonNull<Node<T, A>> {
        // SAFETY: a cell's content has an address, and that is not null.
        unsafe { NonNull::new_unchecked(self.0.get()) }
    }

    fn is_taken(&self) -> bool {
        // SAFETY: it is written by the owner of the seat only, through `&mut`.
        unsafe { (*self.node().as_ptr()).taken }
    }

    fn is_settled(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release store in `List::settle`: what was settled is seen.
        // SAFETY: only the atomic is borrowed (5).
        unsafe { (*self.node().as_ptr()).settled.load(Ordering::Acquire) }
    }

    /// Whether the node is in the list. The lock is held.
    fn is_linked(&self) -> bool {
        self.is_taken() && !self.is_settled()
    }

    /// The list that the node is to be in.
    fn wanted_list(&self) -> Option<u16> {
        // SAFETY: a node that is not in use is touched by the owner of the seat only.
        (!self.is_taken()).then(|| unsafe { (*self.node().as_ptr()).list })
    }

    /// Takes the value out, and frees the node.
    ///
    /// # Safety
    /// The seat is taken, its node is in no list, and the caller has it as `&mut`.
    unsafe fn take(&self) -> T {
        // SAFETY: the caller's promise: what is held is initialised, and nobody else reads it out.
        unsafe {
            (*self.node().as_ptr()).taken = false;
            held(self.node()).read().value
        }
    }
}

impl<'a, S, T, A, B> Access<'a, S, Ranks<T, A, B>, T, A> {
    /// As seen by one who knows of list 0 only.
    #[inline]
    pub(crate) fn first_alone(self) -> Access<'a, S, List<T, A>, T, A> {
        // List 0 is list 0 for both, and a list by itself has no other.
        Access { state: self.state, lists: &mut self.lists.first, place: self.place }
    }
}

impl<S, L: Lists<T, A>, T, A: Copy> Access<'_, S, L, T, A> {
    /// The list that the seat is to be in: what its owner wanted. 0 once it is taken.
    #[inline]
    pub(crate) fn wanted_list(&self) -> u16 {
        self.place.wanted_list().unwrap_or_default()
    }

    /// Takes the seat: puts `value` somewhere in one of the lists.
    ///
    /// # Panics
    /// If the seat is taken.
    #[inline]
    pub(crate) fn sit(&mut self, list: u16, spot: Spot, value: T) {
        assert!(!self.place.is_taken(), "a future queues once at a time");
        let node = self.place.node();
        let row = self.lists.list(list);
        // SAFETY: the seat is not taken, so nobody points at the node. It is pinned (`Seat::with`), and its drop unlinks the
        // node, so that it stays until then (4).
        unsafe {
            held(node).write(Held { prev: None, next: None, value });
            // ORDERING: Relaxed: the lock publishes it with the rest of the node.
            (*node.as_ptr()).settled.store(false, Ordering::Relaxed);
            (*node.as_ptr()).taken = true;
            (*node.as_ptr()).list = list;
            row.push(spot, node);
        }
    }

    /// The value in the seat, while it still waits.
    pub(crate) fn waiting(&mut self) -> Option<&mut T> {
        // SAFETY: a linked node's value belongs to the lock, which we hold (2).
        self.place.is_linked().then(|| unsafe { &mut (*held(self.place.node())).value })
    }

    /// The list that the seat is in, while it still waits.
    pub(crate) fn list(&self) -> Option<u16> {
        // SAFETY: it is written under the lock, which we hold (7).
        self.place.is_linked().then(|| unsafe { (*self.place.node().as_ptr()).list })
    }

    /// The list in which somebody waits before this seat does.
    pub(crate) fn is_behind(&mut self) -> Option<u16> {
        self.list().filter(|list| self.lists.list(*list).head != Some(self.place.node()))
    }

    /// Leaves the seat, wherever it is in the queue, and returns what was in it.
    pub(crate) fn rise(&mut self) -> Option<T> {
        if let Some(list) = self.list() {
            // SAFETY: taken and not settled means linked (1), in this seat's queue (6), whose lock we hold, and there in this list (7).
            unsafe { self.lists.list(list).unlink(self.place.node()) };
        }
        // SAFETY: the node is in no list any more; an `Access` is made from a seat as `&mut`.
        self.place.is_taken().then(|| unsafe { self.place.take() })
    }
}
