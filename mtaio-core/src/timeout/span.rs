//! How long something may take, and which limit that comes from.

use core::time::Duration;

use super::error::{Elapsed, ElapsedKind};
use crate::time::{ClockId, Deadline, Instant, ambient, nanos};

/// A limit of one's own, before and after it has begun. Small, because every future with a limit has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// How long it is in all, in nanoseconds.
    length: u64,
    /// When it is over. For a limit that is a duration it is known from its beginning on.
    end: Instant,
    begun: bool,
    /// Whether it is a part of something that ends then.
    inherited: bool,
}

impl Limit {
    pub(super) const UNBOUNDED: Self = Self { length: u64::MAX, end: Instant::FAR, begun: false, inherited: false };

    /// As long as `timeout`.
    #[inline]
    pub(super) const fn within(timeout: Duration) -> Self {
        Self { length: nanos(timeout), ..Self::UNBOUNDED }
    }

    /// Until `deadline`, on `clock`.
    pub(super) fn until(deadline: Deadline, clock: ClockId) -> Self {
        Self { end: deadline.instant_on(clock), ..Self::UNBOUNDED }
    }

    /// As long as `timeout`, as a part of something that ends at `whole`.
    pub(super) fn part(timeout: Duration, whole: Instant) -> Self {
        Self { end: whole, inherited: true, ..Self::within(timeout) }
    }

    /// The time counts from `now` on, if it does not already.
    pub(super) fn begin(&mut self, now: Instant) {
        if core::mem::replace(&mut self.begun, true) {
            return;
        }
        let own_end = Instant::from_nanos(now.as_nanos().saturating_add(self.length));
        self.inherited &= self.end <= own_end;
        self.end = self.end.min(own_end);
        self.length = nanos(self.end - now);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// When it began; known from then on.
    pub(super) fn start(&self) -> Instant {
        Instant::from_nanos(self.end.as_nanos().saturating_sub(self.length))
    }

    /// When it is over; known from its beginning on.
    pub(super) fn end(&self) -> Instant {
        self.end
    }

    /// Moves its end.
    pub(super) fn move_to(&mut self, end: Instant) {
        self.length = nanos(end - self.start());
        self.end = end;
    }

    /// When this limit is over, or one around the code that runs.
    pub(super) fn end_here(&self, clock: ClockId) -> Instant {
        ambient::earliest(clock).map_or(self.end, |around| around.at.min(self.end))
    }

    /// Whether this limit is over at `now`, or one around the code that runs. The end of time does not come.
    pub(super) fn is_over_here(&self, now: Instant, clock: ClockId) -> bool {
        let end = self.end_here(clock);
        end <= now && end != Instant::FAR
    }

    /// What to say when it is over. Among equals it is the own limit that is.
    pub(super) fn elapsed_here(&self, clock: ClockId) -> Elapsed {
        match ambient::earliest(clock) {
            Some(around) if around.at < self.end => {
                Elapsed::new(ElapsedKind::Inherited, around.at - around.start.unwrap_or(self.start()))
            }
            _ => {
                let kind = if self.inherited { ElapsedKind::Inherited } else { ElapsedKind::Own };
                Elapsed::new(kind, Duration::from_nanos(self.length))
            }
        }
    }
}

/// How a wait for an instant came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Passed,
    /// Nobody waits for instants here any more.
    Closed,
    /// The runtime that would have told went away.
    Lost,
}
