//! Which list of a hierarchical timing wheel an instant belongs in, and which list is next.
//!
//! After Varghese and Lauck, "Hashed and hierarchical timing wheels" (1987), with the nanosecond as its tick. A level has 32 slots,
//! each as long as all of the level below. What keeps it exact where nodes leave without a word:
//!
//! 1. A node is in the level of the highest group of five bits in which its instant differs from where the wheel stands, and there in
//!    the slot of that group. So everything in a level comes before everything in the next one, and slots do not wrap around.
//! 2. A slot knows an instant before which none of its nodes is due: the earliest that was ever put into it since it was empty.
//! 3. The wheel stands at no later instant than any of its nodes. It enters a slot, moving to its beginning, only when all before it
//!    is empty, and that slot is next until it is vacated: what is in it goes to lower levels. These are at most twelve moves for a
//!    node, and none for most, which are cancelled long before.

/// In how many slots a level is divided, and how many bits that takes.
const SLOTS: usize = 32;
const BITS: u32 = SLOTS.trailing_zeros();
/// As many as 64 bits of nanoseconds take.
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;

/// How many lists a wheel needs.
pub(super) const LISTS: usize = SLOTS * LEVELS;

pub(super) struct Wheel {
    /// Where it stands, in nanoseconds.
    now: u64,
    /// The slot that is being emptied.
    entered: Option<Slot>,
    levels: [Level; LEVELS],
}

#[derive(Clone, Copy)]
struct Level {
    /// A bit for each slot that is not known to be empty.
    occupied: u32,
    /// For each slot that is not known to be empty: none of its nodes is due before.
    earliest: [u64; SLOTS],
}

/// A slot: the number of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u16);

impl Slot {
    pub(super) const fn number(self) -> u16 {
        self.0
    }

    pub(super) const fn of(number: u16) -> Self {
        Self(number)
    }

    fn at(level: usize, index: usize) -> Self {
        // Both are small: there are 416 slots.
        Self((level * SLOTS + index) as u16)
    }

    fn level(self) -> usize {
        usize::from(self.0) / SLOTS
    }

    fn index(self) -> usize {
        usize::from(self.0) % SLOTS
    }
}

impl Wheel {
    pub(super) const fn new() -> Self {
        Self { now: 0, entered: None, levels: [Level { occupied: 0, earliest: [u64::MAX; SLOTS] }; LEVELS] }
    }

    /// Where it stands. A node is put into it for later only.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// The slot for `at`, which is not before where the wheel stands. It counts as occupied from here on.
    pub(super) fn place(&mut self, at: u64) -> Slot {
        let differs = (at ^ self.now) | (SLOTS as u64 - 1);
        let level = (u64::BITS - 1 - differs.leading_zeros()) / BITS;
        let index = (at >> (level * BITS)) as usize % SLOTS;
        let Level { occupied, earliest } = &mut self.levels[level as usize];
        *occupied |= 1 << index;
        earliest[index] = earliest[index].min(at);
        Slot::at(level as usize, index)
    }

    /// The next slot that may hold a node, and an instant before which nothing in the wheel is due.
    pub(super) fn next(&self) -> Option<(Slot, u64)> {
        if let Some(slot) = self.entered {
            return Some((slot, self.now));
        }
        let (level, Level { occupied, earliest }) =
            self.levels.iter().enumerate().find(|(_, level)| level.occupied != 0)?;
        let index = occupied.trailing_zeros() as usize;
        Some((Slot::at(level, index), earliest[index]))
    }

    /// Says that a slot is empty.
    pub(super) fn vacate(&mut self, slot: Slot) {
        let level = &mut self.levels[slot.level()];
        level.occupied &= !(1 << slot.index());
        level.earliest[slot.index()] = u64::MAX;
        self.entered.take_if(|entered| *entered == slot);
    }

    /// Moves to the beginning of the next slot, so that what is in it belongs in lower levels, and it is to be emptied.
    pub(super) fn enter(&mut self, slot: Slot) {
        let shift = slot.level() as u32 * BITS;
        // The bits above this level's stay; a shift by all 64 would be one of none.
        let above = self.now.checked_shr(shift + BITS).and_then(|high| high.checked_shl(shift + BITS)).unwrap_or(0);
        self.now = self.now.max(above | (slot.index() as u64) << shift);
        self.entered = Some(slot);
    }

    /// Stands at `now`. Only while it is empty.
    pub(super) fn stand_at(&mut self, now: u64) {
        self.now = now;
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Takes everything out of a wheel as its owner does, as if all the time had passed.
    fn drain(wheel: &mut Wheel, lists: &mut [Vec<u64>]) -> Vec<u64> {
        let mut order = Vec::new();
        while let Some((slot, bound)) = wheel.next() {
            if lists[slot.number() as usize].is_empty() {
                wheel.vacate(slot);
                continue;
            }
            wheel.enter(slot);
            match lists[slot.number() as usize].pop() {
                None => wheel.vacate(slot),
                Some(at) if slot.level() == 0 => {
                    assert!(at >= bound && at >= wheel.now());
                    order.push(at);
                }
                Some(at) => {
                    assert!(at >= bound);
                    let lower = wheel.place(at);
                    assert!(lower.level() < slot.level());
                    lists[lower.number() as usize].push(at);
                }
            }
        }
        order
    }

    proptest! {
        #[test]
        fn a_wheel_sorts(mut instants in prop::collection::vec((0u32..64, any::<u64>()), 0..200), start in any::<u32>()) {
            let mut wheel = Wheel::new();
            wheel.stand_at(start.into());
            let mut lists = alloc::vec![Vec::new(); LISTS];
            let mut expected = Vec::new();
            for (shift, at) in instants.drain(..) {
                let at = (at >> shift).max(start.into());
                expected.push(at);
                lists[wheel.place(at).number() as usize].push(at);
            }
            expected.sort_unstable();
            prop_assert_eq!(drain(&mut wheel, &mut lists), expected);
        }
    }

    #[test]
    fn a_slot_that_was_emptied_is_forgotten() {
        let mut wheel = Wheel::new();
        let slot = wheel.place(1_000_000);
        assert_eq!(wheel.next(), Some((slot, 1_000_000)));
        wheel.vacate(slot);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn the_ends_of_time_have_slots() {
        let mut wheel = Wheel::new();
        for at in [0, 1, 31, 32, u64::MAX - 1, u64::MAX] {
            assert!(wheel.place(at).level() < LEVELS);
        }
        wheel.enter(Slot::of(LISTS as u16 - 1));
        assert!(wheel.place(u64::MAX).level() < LEVELS);
    }
}
