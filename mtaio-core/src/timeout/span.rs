//! How long something may take, and which limit that comes from.

use core::time::Duration;

use super::error::{Elapsed, ElapsedKind};
use crate::time::{ClockId, Deadline, Instant, ambient};

/// What somebody said.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    For(Duration),
    Until(Deadline),
    /// For some time, as a part of something that ends then.
    ForWithin(Duration, Deadline),
    Unbounded,
}

/// A limit that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: Instant,
    pub(super) end: Instant,
    pub(super) kind: ElapsedKind,
}

impl Limit {
    /// When it is over for somebody who begins at `start`, apart from what is around it.
    pub(super) fn end(self, start: Instant, clock: ClockId) -> Instant {
        match self {
            Self::For(timeout) | Self::ForWithin(timeout, _) => start + timeout,
            Self::Until(deadline) => deadline.instant_on(clock),
            Self::Unbounded => Instant::FAR,
        }
    }

    /// The limit for somebody who begins at `start`, with what is around the code that runs.
    pub(super) fn span(self, start: Instant, clock: ClockId) -> Span {
        let own = Span { start, end: self.end(start, clock), kind: ElapsedKind::Own };
        match self {
            Self::ForWithin(_, whole) if whole.instant_on(clock) <= own.end => {
                Span { end: whole.instant_on(clock), kind: ElapsedKind::Inherited, ..own }.or_around(clock)
            }
            _ => own.or_around(clock),
        }
    }
}

impl Span {
    /// An own limit, with what is around the code that runs.
    pub(super) fn until(start: Instant, end: Instant, clock: ClockId) -> Self {
        Self { start, end, kind: ElapsedKind::Own }.or_around(clock)
    }

    /// The earliest limit around the code that runs, if it is earlier than this one.
    fn or_around(self, clock: ClockId) -> Self {
        match ambient::earliest(clock) {
            Some(around) if around.at < self.end => {
                Self { start: around.start.unwrap_or(self.start), end: around.at, kind: ElapsedKind::Inherited }
            }
            _ => self,
        }
    }

    pub(super) fn elapsed(&self) -> Elapsed {
        Elapsed::new(self.kind, self.end.since(self.start))
    }
}

/// How a wait for the end of a span came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Passed,
    /// Nobody waits for ends here any more.
    Closed,
    /// The runtime that would have told went away.
    Lost,
}
