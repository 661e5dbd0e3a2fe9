//! What has become of one who waits, and the refusal that it carries.

use core::fmt;
use core::task::Waker;

use super::stamp::Stamp;
use super::supply::Verdict;

/// A refusal that a waiter can carry: in pieces, which lie where those lie of one who still waits. So it takes no room of its own.
pub(crate) trait Carried: Copy {
    /// What kind of refusal it is.
    type Kind: Copy + fmt::Debug;
    /// What it says besides, and a number of 32 bits.
    type Words: Copy;

    fn pack(self) -> (Self::Kind, u32, Self::Words);

    fn unpack(kind: Self::Kind, number: u32, words: Self::Words) -> Self;
}

/// What has become of one who waits, and since when it does.
pub(crate) enum Answer<R: Carried> {
    Waiting(Waker, Stamp),
    /// Was woken to look after itself, and has not been polled since.
    Roused(Stamp),
    /// Is at the front, could be served, and holds its turn. Without a waker it was woken to hear so, and not polled since.
    Parked(Option<Waker>, Stamp),
    /// It has been served, then.
    Granted(Stamp),
    Refused(R::Kind, u32, R::Words),
}

impl<R: Carried> Answer<R> {
    /// Since when it waits, if it still does.
    #[inline]
    pub(super) fn since(&self) -> Option<Stamp> {
        match self {
            Self::Waiting(_, since) | Self::Roused(since) | Self::Parked(_, since) => Some(*since),
            Self::Granted(_) | Self::Refused(..) => None,
        }
    }

    /// How it waits that has waited `since` then.
    #[inline]
    fn still(waker: Option<Waker>, since: Stamp) -> Self {
        match waker {
            Some(waker) => Self::Waiting(waker, since),
            None => Self::Roused(since),
        }
    }

    #[inline]
    fn take_waker(&mut self, next: Self) -> Option<Waker> {
        match core::mem::replace(self, next) {
            Self::Waiting(waker, _) => Some(waker),
            rare => rare.into_waker(),
        }
    }

    #[cold]
    fn into_waker(self) -> Option<Waker> {
        match self {
            Self::Waiting(waker, _) => Some(waker),
            Self::Parked(waker, _) => waker,
            Self::Roused(_) | Self::Granted(_) | Self::Refused(..) => None,
        }
    }

    /// The end of its wait. Returns the waker by which it hears that.
    #[inline]
    pub(super) fn end(&mut self, answer: Result<Stamp, R>) -> Option<Waker> {
        self.take_waker(match answer {
            Ok(now) => Self::Granted(now),
            Err(refusal) => {
                let (kind, number, words) = refusal.pack();
                Self::Refused(kind, number, words)
            }
        })
    }

    /// It has to look after itself. Returns the waker by which it hears that.
    pub(super) fn rouse(&mut self) -> Option<Waker> {
        let since = self.since()?;
        self.take_waker(Self::Roused(since))
    }

    /// How one begins to wait.
    #[inline]
    pub(super) fn of_one_who_comes(waker: Option<Waker>, verdict: &Verdict<R>, since: Stamp) -> Self {
        match verdict {
            Verdict::Hold => Self::Parked(waker, since),
            _ => Self::still(waker, since),
        }
    }

    #[inline]
    pub(super) fn is_parked(&self) -> bool {
        matches!(self, Self::Parked(..))
    }

    /// Has it called by another waker from here on, and returns what it was.
    pub(super) fn renew(&mut self, waker: Waker) -> Self {
        let fresh = match self {
            Self::Parked(_, since) => Self::Parked(Some(waker), *since),
            Self::Waiting(_, since) | Self::Roused(since) => Self::Waiting(waker, *since),
            Self::Granted(_) | Self::Refused(..) => unreachable!("what has ended is not renewed"),
        };
        core::mem::replace(self, fresh)
    }

    /// It could be served now. Returns the waker by which it hears that.
    pub(super) fn park(&mut self) -> Option<Waker> {
        match self.since() {
            Some(since) if !self.is_parked() => self.take_waker(Self::Parked(None, since)),
            _ => None,
        }
    }

    /// It cannot be served any more, and waits on.
    pub(super) fn unpark(&mut self) {
        if let Self::Parked(waker, since) = self {
            *self = Self::still(waker.take(), *since);
        }
    }
}
