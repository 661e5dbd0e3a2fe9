//! Why limiters cannot be combined.

use core::fmt;

use crate::limit::error::Part;

/// A combination of limiters that could never let anything through, or limits nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLimiter {
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Empty,
    Twice(Part, Part),
    TooMany,
    Clocks(Part, Part),
}

impl InvalidLimiter {
    pub(super) const fn new(reason: Reason) -> Self {
        Self { reason }
    }
}

impl fmt::Display for InvalidLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::Empty => f.write_str("a combined limiter without parts would limit nothing; add a rate or slots"),
            Reason::Twice(first, second) => write!(
                f,
                "{first} and {second} are the same limiter, which would wait for itself; give it a larger cost instead"
            ),
            Reason::Clocks(first, other) => {
                write!(f, "{first} and {other} go by different clocks, so that nobody can wait for both")
            }
            Reason::TooMany => write!(f, "a combined limiter has at most {} parts", u16::MAX),
        }
    }
}

impl core::error::Error for InvalidLimiter {}
