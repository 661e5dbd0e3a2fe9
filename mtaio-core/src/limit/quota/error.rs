//! Why a quota is none.

use core::fmt;
use core::time::Duration;

/// A rate, a burst or a limit that would never let anything through, or that cannot be said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvalidQuota {
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reason {
    NoCells,
    NoPeriod,
    NoBurst,
    NoSlots,
    #[cfg(feature = "alloc")]
    Classes(u8),
    PeriodTooLong(Duration),
    Rate(f64),
    Text(Excerpt),
}

impl InvalidQuota {
    pub(super) const fn new(reason: Reason) -> Self {
        Self { reason }
    }

    #[cfg(feature = "alloc")]
    pub(in crate::limit) const fn no_slots() -> Self {
        Self::new(Reason::NoSlots)
    }

    #[cfg(feature = "alloc")]
    pub(in crate::limit) const fn classes(count: u8) -> Self {
        Self::new(Reason::Classes(count))
    }

    pub(super) fn text(text: &str) -> Self {
        Self::new(Reason::Text(Excerpt::of(text)))
    }
}

impl fmt::Display for InvalidQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::NoCells => f.write_str("a rate of 0 would never let anything through; it is at least 1 cell"),
            Reason::NoPeriod => f.write_str("a period of 0 s is no rate; it is at least 1 ns"),
            Reason::NoBurst => f.write_str("a burst of 0 would never let anything through; it is at least 1"),
            Reason::NoSlots => f.write_str("a limit of 0 at once would never let anything in; it is at least 1"),
            #[cfg(feature = "alloc")]
            Reason::Classes(count) => {
                write!(f, "{count} classes cannot be told apart; there are at least 1 and at most 8")
            }
            Reason::PeriodTooLong(period) => write!(f, "a period of {period:?} is too long; it is at most 584 years"),
            Reason::Rate(rate) => {
                write!(
                    f,
                    "a rate of {rate} cells per second cannot be kept; it is a positive number from 6e-11 to 4e18"
                )
            }
            Reason::Text(text) => write!(f, "\"{text}\" is no quota; it is like \"10/s\" or \"100/m burst 20\""),
        }
    }
}

impl core::error::Error for InvalidQuota {}

/// The beginning of a text, kept without a heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Excerpt {
    bytes: [u8; 32],
    len: u8,
    cut: bool,
}

impl Excerpt {
    fn of(text: &str) -> Self {
        let mut bytes = [0; 32];
        let len = (0..=text.len().min(bytes.len())).rev().find(|&len| text.is_char_boundary(len)).unwrap_or(0);
        bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        Self { bytes, len: len as u8, cut: len < text.len() }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default();
        write!(f, "{}{}", text.escape_debug(), if self.cut { "…" } else { "" })
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
