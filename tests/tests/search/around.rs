//! The deadlines around an act, and whether what is over is over.

use alloc::sync::Arc;
use std::sync::Mutex;

use mtaio_core::Instant;
use mtaio_core::runtime::{Clock, Timer, VirtualRuntime};
use mtaio_core::timeout::{Elapsed, ElapsedKind, ScopeHandle};

use crate::program::Move;
use crate::world::World;

/// A deadline.
#[derive(Clone)]
pub(crate) enum Fence {
    At(Instant),
    Moving(Arc<Mutex<Option<ScopeHandle<VirtualRuntime>>>>),
}

impl Fence {
    pub(crate) fn end(&self) -> Instant {
        match self {
            Self::At(end) => *end,
            Self::Moving(handle) => {
                let handle = handle.lock().unwrap();
                handle.as_ref().and_then(|handle| handle.deadline().instant()).unwrap_or(Instant::FAR)
            }
        }
    }
}

/// The scopes around an act.
#[derive(Clone, Default)]
pub(crate) struct Around(Vec<Fence>);

impl Around {
    pub(crate) fn with(&self, fence: Fence) -> Self {
        let mut fences = self.0.clone();
        fences.push(fence);
        Self(fences)
    }

    pub(crate) fn is_unbounded(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn end(&self) -> Instant {
        self.0.iter().map(Fence::end).min().unwrap_or(Instant::FAR)
    }
}

pub(crate) fn apply(handle: &ScopeHandle<VirtualRuntime>, way: Move, now: Instant) {
    match way {
        Move::Extend(more) => handle.extend(more),
        Move::SetTo(left) => handle.set_deadline(now + left),
        Move::Expire => handle.expire(),
    }
}

impl World {
    /// What ended was over: its own time, or that of what is around it.
    pub(crate) fn check_elapsed(&self, elapsed: Elapsed, own: &Fence, around: &Around) {
        let now = self.home.now();
        let holds = match elapsed.kind() {
            ElapsedKind::Own => own.end() <= now,
            ElapsedKind::Inherited => around.end() <= now,
            ElapsedKind::Closed => self.timeouts.is_closed(),
            _ => false,
        };
        self.faults.unless(holds, || format!("{elapsed:?} came early, at {now:?}"));
    }

    /// Where nothing holds it up, a timer is as late as timers are.
    pub(crate) fn check_in_time(&self, end: Instant) {
        let now = self.home.now();
        let at_latest = self.latest(end);
        self.faults.unless(now <= at_latest, || format!("what was over at {end:?} ended at {now:?}"));
    }

    /// When a timer that is set to `end` rings at the latest.
    pub(crate) fn latest(&self, end: Instant) -> Instant {
        let grain = self.home.granularity().as_nanos() as u64;
        Instant::from_nanos(end.as_nanos().next_multiple_of(grain))
    }
}
