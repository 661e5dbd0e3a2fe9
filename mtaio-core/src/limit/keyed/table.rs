//! The table of keys: a hash table whose every operation touches a handful of entries, however many there are.
//!
//! Linear hashing (Litwin, *Linear hashing: a new tool for file and table addressing*, 1980): there is one more page for every
//! [`LOAD`] entries, one at a time, and each new one takes its share of one old one. So nothing is ever rehashed as a whole, and
//! the room per entry is the same at every size.

use alloc::vec::Vec;
use core::ops::AddAssign;

use super::page::{Entry, Mark, Page};

/// How many entries a page has on average.
const LOAD: usize = 12;
/// A table of more pages than this lies beyond the near caches.
const LARGE: usize = 256;
/// How many empty pages are looked at in passing.
const EMPTY_PAGES: usize = 4;

/// How many entries an operation has looked at, or moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Visits(pub(super) u32);

impl AddAssign<u32> for Visits {
    #[inline]
    fn add_assign(&mut self, visits: u32) {
        self.0 += visits;
    }
}

/// Where an entry is, until one comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    page: usize,
    slot: usize,
}

/// Keys by their hash. It does not know how to hash them, nor what is equal. What a lookup needs comes first.
#[repr(C)]
pub(super) struct Table<K, V> {
    pages: Vec<Page<K, V>>,
    /// One less than the power of two that there are no more pages than.
    mask: usize,
    len: usize,
    /// The page that is looked at in passing, and how many of its entries were not looked at yet.
    hand: (usize, usize),
    /// How often the hand was all round and missed nobody who was there all along.
    rounds: u64,
    /// Whether an entry has moved behind the hand in this round.
    missed: bool,
}

impl<K, V> Table<K, V> {
    pub(super) const fn new() -> Self {
        Self { pages: Vec::new(), mask: 0, len: 0, hand: (0, usize::MAX), rounds: 0, missed: false }
    }

    /// The page of a mark. There may be none of that number yet.
    #[inline]
    fn page_of(&self, mark: Mark) -> usize {
        let low = mark.bits() & self.mask;
        // Pages that are not there yet are still part of the one that they will be split from.
        if low < self.pages.len() { low } else { low & (self.mask >> 1) }
    }

    /// Where the key with this hash is that `is_it`.
    #[inline]
    pub(super) fn find(&self, hash: u64, visits: &mut Visits, is_it: impl Fn(&K) -> bool) -> Option<Place> {
        let mark = Mark::of(hash);
        let page = self.page_of(mark);
        let slot = self.pages.get(page)?.find(mark, |key| {
            *visits += 1;
            is_it(key)
        })?;
        Some(Place { page, slot })
    }

    /// As [`find`](Self::find), for who uses it at once.
    #[inline]
    pub(super) fn find_mut(&mut self, hash: u64, is_it: impl FnMut(&K) -> bool) -> Option<&mut Entry<K, V>> {
        let mark = Mark::of(hash);
        let page = self.page_of(mark);
        let is_large = self.pages.len() > LARGE;
        let page = self.pages.get_mut(page)?;
        if is_large {
            page.send_for();
        }
        let slot = page.find(mark, is_it)?;
        page.get_mut(slot)
    }

    pub(super) fn get(&self, place: Place) -> Option<&Entry<K, V>> {
        self.pages.get(place.page)?.get(place.slot)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Entry<K, V>> {
        self.pages.get_mut(place.page)?.get_mut(place.slot)
    }

    /// Whether one more key takes one more page.
    pub(super) fn is_about_to_split(&self) -> bool {
        self.len >= LOAD * self.pages.len() && self.pages.len() < Mark::PAGES
    }

    /// Adds a key that is not there, and returns its place.
    pub(super) fn insert(&mut self, hash: u64, key: K, value: V, visits: &mut Visits) -> Place {
        if self.is_about_to_split() {
            self.split(visits);
        }
        self.len += 1;
        let mark = Mark::of(hash);
        let page = self.page_of(mark);
        Place { page, slot: self.pages[page].push(mark, Entry { key, value }) }
    }

    /// Takes a key out.
    ///
    /// # Panics
    /// If there is none in this place.
    pub(super) fn remove(&mut self, place: Place, visits: &mut Visits) -> Entry<K, V> {
        let entry = self.pages[place.page].swap_remove(place.slot);
        self.len -= 1;
        // Many fewer than a split asks for, so that one who comes and goes does not split and join.
        if self.len < LOAD / 2 * self.pages.len().saturating_sub(1) {
            self.join(visits);
        }
        entry
    }

    /// The last entry, or the last one before another place, whatever came or went.
    pub(super) fn before(&self, place: Option<Place>) -> Option<Place> {
        let (mut page, mut slots) = match place {
            Some(Place { page, slot }) => (page, slot.min(self.pages.get(page).map_or(0, Page::len))),
            None => (self.pages.len(), 0),
        };
        while slots == 0 {
            page = page.min(self.pages.len()).checked_sub(1)?;
            slots = self.pages[page].len();
        }
        Some(Place { page, slot: slots - 1 })
    }

    /// The entry that the hand is at, if there is one not far off.
    ///
    /// It goes through the pages upwards, for a page that is split gives to one behind all others; and through the entries of a page
    /// downwards, for they only ever move down.
    pub(super) fn at_hand(&mut self) -> Option<Place> {
        for _ in 0..EMPTY_PAGES {
            let (page, slots) = self.hand;
            let here = self.pages.get(page).map_or(0, Page::len);
            if let Some(slot) = slots.min(here).checked_sub(1) {
                return Some(Place { page, slot });
            }
            self.turn_page();
        }
        None
    }

    /// Moves the hand on.
    pub(super) fn pass(&mut self) {
        let here = self.pages.get(self.hand.0).map_or(0, Page::len);
        self.hand.1 = self.hand.1.min(here).saturating_sub(1);
        if self.hand.1 == 0 {
            self.turn_page();
        }
    }

    /// How often the hand was all round.
    pub(super) const fn rounds(&self) -> u64 {
        self.rounds
    }

    fn turn_page(&mut self) {
        let next = self.hand.0 + 1;
        let next = if next < self.pages.len() { next } else { 0 };
        if next == 0 {
            self.rounds += u64::from(!core::mem::take(&mut self.missed));
        }
        self.hand = (next, self.pages.get(next).map_or(0, Page::len));
    }

    /// Adds a page, and gives it its share.
    fn split(&mut self, visits: &mut Visits) {
        self.pages.push(Page::new());
        self.mask = self.pages.len().next_power_of_two() - 1;
        let new = self.pages.len() - 1;
        let Some(bits) = new.checked_ilog2() else { return };
        let old = new ^ (1 << bits);
        for slot in (0..self.pages[old].len()).rev() {
            let mark = self.pages[old].mark(slot);
            if self.page_of(mark) == new {
                *visits += 1;
                let entry = self.pages[old].swap_remove(slot);
                self.pages[new].push(mark, entry);
            }
        }
    }

    /// Removes the last page, and gives what it has to the one that it was split from.
    fn join(&mut self, visits: &mut Visits) {
        let last = self.pages.len() - 1;
        let Some(bits) = last.checked_ilog2() else { return };
        let old = last ^ (1 << bits);
        let Some(mut page) = self.pages.pop() else { return };
        self.mask = last.next_power_of_two() - 1;
        self.pages.shrink_to(2 * last);
        self.missed |= self.hand.0 >= old && page.len() > 0;
        for slot in (0..page.len()).rev() {
            *visits += 1;
            let mark = page.mark(slot);
            self.pages[old].push(mark, page.swap_remove(slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn find(table: &Table<u32, u32>, hash: u64, key: u32) -> Option<Place> {
        table.find(hash, &mut Visits::default(), |other| *other == key)
    }

    fn all(table: &Table<u32, u32>) -> Vec<(u32, u32)> {
        let places = core::iter::successors(table.before(None), |place| table.before(Some(*place)));
        places.map(|place| table.get(place).map(|entry| (entry.key, entry.value)).unwrap()).collect()
    }

    /// Hashes that are the key itself, all the same, differ in bits that no entry keeps, or are mixed well.
    fn hash(kind: u8, key: u32) -> u64 {
        match kind {
            0 => key.into(),
            1 => 7,
            2 => u64::from(key) << 40,
            _ => mixed(key),
        }
    }

    /// The finalizer of splitmix64 (Steele, Lea, Flood, 2014).
    fn mixed(key: u32) -> u64 {
        let mut hash = u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }

    proptest! {
        #[test]
        fn it_is_a_map(kind in 0..4_u8, steps in prop::collection::vec((0..5_u8, 0..300_u32), 0..1200)) {
            let (mut table, mut map) = (Table::new(), BTreeMap::new());
            let mut visits = Visits::default();
            for (what, key) in steps {
                let place = find(&table, hash(kind, key), key);
                prop_assert_eq!(place.is_some(), map.contains_key(&key));
                match (what, place) {
                    (0 | 1, Some(place)) => {
                        let entry = table.remove(place, &mut visits);
                        prop_assert_eq!((entry.key, Some(entry.value)), (key, map.remove(&key)));
                    }
                    (0 | 1, None) => {}
                    (_, Some(place)) => {
                        table.get_mut(place).unwrap().value += 1;
                        *map.get_mut(&key).unwrap() += 1;
                    }
                    (_, None) => {
                        let place = table.insert(hash(kind, key), key, key, &mut visits);
                        prop_assert_eq!(table.get(place).map(|entry| entry.key), Some(key));
                        map.insert(key, key);
                    }
                }
                prop_assert_eq!(table.len, map.len());
                prop_assert!(table.len <= LOAD * table.pages.len());
                prop_assert!(table.pages.len() <= 2 + 2 * table.len / LOAD);
            }
            let mut left = all(&table);
            left.sort_unstable();
            prop_assert_eq!(left, map.into_iter().collect::<Vec<_>>());
            // From the end on, all that are there are come by, also if each is taken out.
            let mut next = table.before(None);
            while let Some(place) = next {
                next = table.before(Some(place));
                if table.get(place).is_some() {
                    table.remove(place, &mut visits);
                }
            }
            prop_assert_eq!(table.len, 0);
        }

        #[test]
        fn the_hand_misses_nobody_in_a_round(
            there in 1..100_u32,
            steps in prop::collection::vec((0..6_u8, 0..600_u32), 0..3000),
        ) {
            // Who is there all the time is seen, whoever else comes and goes: more go, so that pages are joined.
            let mut table = Table::new();
            let mut visits = Visits::default();
            let other = |other: u32| 1_000_000 + other;
            for key in (0..there).chain((0..500).map(other)) {
                table.insert(mixed(key), key, 0, &mut visits);
            }
            let (mut rounds, mut seen) = (table.rounds(), BTreeMap::new());
            for (what, key) in steps {
                let key = other(key);
                match (what, find(&table, mixed(key), key)) {
                    (0 | 1, Some(place)) => drop(table.remove(place, &mut visits)),
                    (2, None) => drop(table.insert(mixed(key), key, 0, &mut visits)),
                    (0..=2, _) => {}
                    _ => {
                        if let Some(place) = table.at_hand() {
                            seen.insert(table.get(place).unwrap().key, ());
                            table.pass();
                        }
                    }
                }
                if table.rounds() != rounds {
                    rounds = table.rounds();
                    prop_assert!((0..there).all(|key| seen.contains_key(&key)));
                    seen.clear();
                }
            }
        }
    }

    #[test]
    fn no_operation_visits_many_entries_while_a_million_come_and_go() {
        let (mut table, mut most) = (Table::<u32, ()>::new(), Visits::default());
        for key in 0..1_000_000 {
            let mut visits = Visits::default();
            table.insert(mixed(key), key, (), &mut visits);
            most = most.max(visits);
        }
        for key in 0..1_000_000 {
            let mut visits = Visits::default();
            let place = table.find(mixed(key), &mut visits, |other| *other == key).unwrap();
            table.remove(place, &mut visits);
            most = most.max(visits);
        }
        assert!(most.0 <= 32, "{most:?}");
        assert_eq!((table.len, table.pages.len()), (0, 1));
    }
}
