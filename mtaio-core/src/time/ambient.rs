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
use core::cell::RefCell;

use super::{ClockId, Instant};
use crate::primitive::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::WakerCell;

#[cfg(feature = "std")]
crate::primitive::thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "those of the model checker take no constant")]
    static FRAMES: RefCell<Vec<Frame>> = RefCell::new(Vec::new());
}

fn with_frames<R>(f: impl FnOnce(&mut Vec<Frame>) -> R) -> R {
    #[cfg(feature = "std")]
    return FRAMES.with(|frames| f(&mut frames.borrow_mut()));
    #[cfg(not(feature = "std"))]
    return f(&mut Vec::new());
}

/// What a future puts around the code that it polls.
pub(crate) enum Frame {
    Limit {
        clock: ClockId,
        at: At,
        /// When the limit began, if it is one that a duration was said for.
        start: Option<Instant>,
        /// How many shields in this scope are still at work. Made by the first one.
        shields: Option<Arc<Shields>>,
    },
    Shield,
}

/// The deadline of a frame.
#[derive(Clone, Debug)]
pub(crate) enum At {
    Fixed(Instant),
    Movable(Arc<Moving>),
}

/// A deadline that is moved while somebody goes by it.
#[derive(Debug)]
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

    /// Wakes `waker` when the deadline moves from now on.
    pub(crate) fn watch(&self, waker: &core::task::Waker) {
        self.waker.register(waker);
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
pub(crate) fn earliest(clock: ClockId) -> Option<Bound> {
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

/// How many shields are at work in a scope.
#[derive(Debug)]
pub(crate) struct Shields(AtomicUsize);

impl Shields {
    /// Whether one is.
    pub(crate) fn hold(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in the drop of `Cover`: what was shielded is done.
        self.0.load(Ordering::Acquire) > 0
    }
}

/// What a shield holds while it is at work: it keeps the scopes around it from ending.
#[derive(Debug)]
pub(crate) struct Cover(Vec<Arc<Shields>>);

impl Cover {
    /// Keeps all scopes around the code that runs from ending, up to the next shield, which does that for those around it.
    pub(crate) fn new() -> Self {
        let covered = with_frames(|frames| {
            let visible = frames.iter_mut().rev().map_while(|frame| match frame {
                Frame::Limit { shields, .. } => Some(shields),
                Frame::Shield => None,
            });
            let covered = visible
                .map(|shields| Arc::clone(shields.get_or_insert_with(|| Arc::new(Shields(AtomicUsize::new(0))))));
            covered.collect::<Vec<_>>()
        });
        for shields in &covered {
            // ORDERING: Relaxed: the scope looks after the poll that we are in.
            shields.0.fetch_add(1, Ordering::Relaxed);
        }
        Self(covered)
    }
}

impl Drop for Cover {
    fn drop(&mut self) {
        for shields in &self.0 {
            // ORDERING: Release, pairs with the Acquire in `hold`.
            shields.0.fetch_sub(1, Ordering::Release);
        }
    }
}
