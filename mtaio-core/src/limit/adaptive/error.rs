//! What cannot be adapted by.

use core::fmt;

/// A limit or a builder that says nothing sensible. The message names the value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvalidAdaptation {
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::limit) enum Reason {
    Bounds {
        initial: usize,
        min: usize,
        max: usize,
    },
    /// What it is, its value, and what it has to be.
    Number(&'static str, f64, &'static str),
}

impl InvalidAdaptation {
    pub(in crate::limit) const fn new(reason: Reason) -> Self {
        Self { reason }
    }
}

impl fmt::Display for InvalidAdaptation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::Bounds { min: 0, .. } => f.write_str(
                "a limit that may become 0 would let nothing in, and learn nothing ever again; it is at least 1",
            ),
            Reason::Bounds { initial: 0, .. } => {
                f.write_str("a limit that begins at 0 would let nothing in; it is at least 1")
            }
            Reason::Bounds { initial, min, max } => {
                write!(f, "a limit cannot begin at {initial} and stay between {min} and {max}")
            }
            Reason::Number(name, value, rule) => write!(f, "{name} is {value}, but has to be {rule}"),
        }
    }
}

impl core::error::Error for InvalidAdaptation {}
