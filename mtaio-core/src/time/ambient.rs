//! The deadlines around the code that runs: those of the scopes whose futures are being polled on this thread.
//!
//! What it keeps:
//!
//! 1. A frame is on the thread's stack exactly while the future that it belongs to is being polled: [`under`] takes it off on the
//!    way out, also when that is a panic. So a scope can be polled here and there, and half of it can be dropped anywhere.
//! 2. A frame holds its own deadline only. Who looks takes the earliest of all that its clock has, so that a deadline that is moved
//!    is seen moved at once, also from within.
//! 3. A shield hides the frames below it.
//!
//! Without std there are no threads to keep frames for: nothing is ever found, and deadlines are passed on as values.

use alloc::sync::Arc;
use alloc::vec::Vec;
#[cfg(feature = "std")]
use core::cell::{Cell, RefCell};
use core::task::Waker;
use core::time::Duration;

use super::{ClockId, Instant};
#[cfg(feature = "std")]
use crate::primitive::thread_static;
use crate::primitive::{AtomicU64, AtomicUsize, Ordering, catch, resume};
use crate::sync::WakerCell;

#[cfg(feature = "std")]
thread_static!(static FRAMES: RefCell<Vec<Frame>> = RefCell::new(Vec::new()));
// How many frames there are, for those who only ask whether there are any: most do.
#[cfg(feature = "std")]
thread_static!(static DEPTH: Cell<usize> = Cell::new(0));

/// Whether there is any frame.
#[inline]
fn is_framed() -> bool {
    #[cfg(feature = "std")]
    return DEPTH.with(Cell::get) > 0;
    #[cfg(not(feature = "std"))]
    return false;
}

fn with_frames<R>(f: impl FnOnce(&mut Vec<Frame>) -> R) -> R {
    #[cfg(feature = "std")]
    return FRAMES.with(|frames| {
        let mut frames = frames.borrow_mut();
        let result = f(&mut frames);
        DEPTH.with(|depth| depth.set(frames.len()));
        result
    });
    #[cfg(not(feature = "std"))]
    return f(&mut Vec::new());
}

/// What a future puts around the code that it polls.
pub(crate) enum Frame {
    Limit {
        clock: ClockId,
        at: At,
        /// When the scope began; `None` for a deadline that was attached.
        start: Option<Instant>,
        /// The shields in this scope that are still at work. Made by the first one.
        shields: Option<Arc<Shields>>,
    },
    Shield,
}

/// The deadline of a frame.
#[derive(Clone)]
pub(crate) enum At {
    Fixed(Instant),
    Movable(Arc<Moving>),
}

/// A deadline that is moved while somebody goes by it.
pub(crate) struct Moving {
    at: AtomicU64,
    /// Who goes by it, and looks again when it has moved.
    waker: WakerCell,
}

impl Moving {
    pub(crate) fn new(at: Instant) -> Self {
        Self { at: AtomicU64::new(at.as_nanos()), waker: WakerCell::new() }
    }

    pub(crate) fn instant(&self) -> Instant {
        // ORDERING: Acquire, pairs with the Release in `move_to`.
        Instant::from_nanos(self.at.load(Ordering::Acquire))
    }

    pub(crate) fn move_to(&self, at: Instant) {
        // ORDERING: Release, pairs with the Acquire in `instant`; who goes by it reads it after it has left its waker.
        self.at.store(at.as_nanos(), Ordering::Release);
        self.waker.wake();
    }

    /// Moves it by so much.
    pub(crate) fn extend(&self, more: Duration) {
        let mut at = self.instant();
        // ORDERING: as in `move_to` and `instant`.
        while let Err(now) =
            self.at.compare_exchange_weak(at.as_nanos(), (at + more).as_nanos(), Ordering::AcqRel, Ordering::Acquire)
        {
            at = Instant::from_nanos(now);
        }
        self.waker.wake();
    }

    /// Wakes `waker` when the deadline moves from now on.
    pub(crate) fn watch(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Wakes nobody any more.
    pub(crate) fn unwatch(&self) {
        self.waker.clear();
    }
}

impl At {
    pub(crate) fn instant(&self) -> Instant {
        match self {
            Self::Fixed(at) => *at,
            Self::Movable(moving) => moving.instant(),
        }
    }
}

/// A limit that was found around the code that looked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) at: Instant,
    pub(crate) start: Option<Instant>,
}

/// Runs `f` with `frame` around it, and gives the frame back.
pub(crate) fn under<R>(frame: Frame, f: impl FnOnce() -> R) -> (Frame, R) {
    /// Takes the frame off, also if `f` panics.
    struct Pop;
    impl Drop for Pop {
        fn drop(&mut self) {
            drop(with_frames(Vec::pop));
        }
    }
    if cfg!(not(feature = "std")) {
        return (frame, f());
    }
    with_frames(|frames| frames.push(frame));
    let pop = Pop;
    let result = f();
    core::mem::forget(pop);
    let frame = with_frames(Vec::pop).expect("every frame is taken off by who put it on");
    (frame, result)
}

/// The earliest limit of `clock` around the code that runs.
#[inline]
pub(crate) fn earliest(clock: ClockId) -> Option<Bound> {
    if is_framed() { earliest_of_all(clock) } else { None }
}

fn earliest_of_all(clock: ClockId) -> Option<Bound> {
    with_frames(|frames| {
        let limits = visible(frames).filter_map(|frame| match frame {
            Frame::Limit { clock: own, at, start, .. } if *own == clock => {
                Some(Bound { at: at.instant(), start: *start })
            }
            _ => None,
        });
        // Among equals the innermost.
        limits.min_by_key(|bound| bound.at)
    })
}

/// The clock of the innermost limit around the code that runs.
#[cfg(feature = "std")]
pub(crate) fn clock() -> Option<ClockId> {
    with_frames(|frames| {
        visible(frames).find_map(|frame| match frame {
            Frame::Limit { clock, .. } => Some(*clock),
            Frame::Shield => None,
        })
    })
}

/// The frames that are not hidden, innermost first.
fn visible(frames: &[Frame]) -> impl Iterator<Item = &Frame> {
    frames.iter().rev().take_while(|frame| !matches!(frame, Frame::Shield))
}

/// The shields that are at work in a scope.
#[derive(Debug)]
pub(crate) struct Shields {
    count: AtomicUsize,
    /// The scope that waits for them. A shield that has left it ends without a poll of it.
    waker: WakerCell,
}

impl Shields {
    fn new() -> Self {
        Self { count: AtomicUsize::new(0), waker: WakerCell::new() }
    }

    /// Whether one is at work: then `waker` is woken when none is any more.
    pub(crate) fn hold(&self, waker: &Waker) -> bool {
        // ORDERING: Acquire, both, pairs with the Release in the drop of `Cover`: what was shielded is done. The second one comes
        // after the waker is there.
        self.count.load(Ordering::Acquire) > 0 && {
            self.waker.register(waker);
            self.count.load(Ordering::Acquire) > 0
        }
    }

    /// Wakes nobody until [`hold`](Self::hold) is asked again: who is polled looks by itself.
    pub(crate) fn unwatch(&self) {
        self.waker.clear();
    }
}

/// What a shield holds while it is at work: it keeps the scopes around it from ending.
#[derive(Debug)]
pub(crate) struct Cover(Vec<Arc<Shields>>);

impl Cover {
    /// Keeps all scopes around the code that runs from ending, up to the next shield, which does that for those around it; and none
    /// of the scopes that were around it before and are no more.
    pub(crate) fn keep(cover: &mut Option<Self>) {
        if !cover.as_ref().is_some_and(Self::is_here) {
            *cover = Some(Self::new());
        }
    }

    fn new() -> Self {
        let covered = with_frames(|frames| {
            scopes(frames)
                .map(|shields| Arc::clone(shields.get_or_insert_with(|| Arc::new(Shields::new()))))
                .collect::<Vec<_>>()
        });
        for shields in &covered {
            // ORDERING: Relaxed: the scope looks after the poll that we are in.
            shields.count.fetch_add(1, Ordering::Relaxed);
        }
        Self(covered)
    }

    /// Whether the scopes around the code that runs are those that it keeps from ending.
    fn is_here(&self) -> bool {
        with_frames(|frames| {
            let mut around = scopes(frames);
            let is_next = |own: &Arc<Shields>| {
                around.next().and_then(|shields| shields.as_ref()).is_some_and(|shields| Arc::ptr_eq(own, shields))
            };
            self.0.iter().all(is_next) && around.next().is_none()
        })
    }
}

/// What the scopes around the code that runs know of their shields. A deadline that was attached is no scope, and does not end.
fn scopes(frames: &mut [Frame]) -> impl Iterator<Item = &mut Option<Arc<Shields>>> {
    let limits = frames.iter_mut().rev().map_while(|frame| match frame {
        Frame::Limit { start, shields, .. } => Some((start, shields)),
        Frame::Shield => None,
    });
    limits.filter_map(|(start, shields)| start.is_some().then_some(shields))
}

impl Drop for Cover {
    fn drop(&mut self) {
        let mut panic = None;
        for shields in &self.0 {
            // ORDERING: Release, pairs with the Acquire in `hold`.
            if shields.count.fetch_sub(1, Ordering::Release) == 1 {
                // A waker that panics costs the other scopes nothing.
                panic = panic.or(catch(|| shields.waker.wake()).err());
            }
        }
        panic.into_iter().for_each(resume);
    }
}
