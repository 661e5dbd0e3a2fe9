//! Which clock an instant is of.

use core::num::NonZeroU64;

/// Names a clock. Two clocks have the same id only if they tell the same time from the same origin.
///
/// ```
/// use mtaio_core::time::ClockId;
///
/// const UPTIME: ClockId = ClockId::new(7);
/// assert_ne!(UPTIME, ClockId::SYSTEM);
/// assert_ne!(ClockId::unique(), ClockId::unique());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockId(NonZeroU64);

impl ClockId {
    /// The clock that `SystemClock` reads.
    pub const SYSTEM: Self = Self(NonZeroU64::MIN);

    /// A clock of which the program has one: firmware's timer, another system's clock. Whoever has several gives them different
    /// numbers.
    pub const fn new(number: u32) -> Self {
        Self(NonZeroU64::MIN.saturating_add(1 + number as u64))
    }

    /// A clock that is made at run time, such as one that a test moves.
    #[cfg(feature = "std")]
    pub fn unique() -> Self {
        Self(NonZeroU64::MIN.saturating_add((1 << 33) + crate::primitive::unique()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_different_kinds_differ() {
        assert_ne!(ClockId::new(0), ClockId::SYSTEM);
        assert!(ClockId::new(u32::MAX) < ClockId::unique());
    }
}
