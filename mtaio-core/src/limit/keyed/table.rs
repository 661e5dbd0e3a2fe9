//! The table of keys: a hash table whose every operation touches a handful of entries, however many there are.
//!
//! Linear hashing (Litwin, *Linear hashing: a new tool for file and table addressing*, 1980): there is one more page for every
//! [`LOAD`] entries, one at a time, and each new one takes its share of one old one. So nothing is ever rehashed as a whole, and
//! the room per entry is the same at every size.
//!
//! Where chance, or whoever chose the keys, has made a page large, its share is large too: so it moves [a few at a time](SHARE), with
//! each key that comes or goes. Until all have moved, who looks for a key of the last page looks into the page that it was split from too.
//! A page that is given back goes the same way.

use alloc::vec::Vec;
use core::ops::AddAssign;

use super::page::{Entry, Mark, Page};

/// How many entries a page has on average.
const LOAD: usize = 12;
/// A table of more pages than this lies beyond the near caches.
const LARGE: usize = 256;
/// How many entries go from one page to another at a time.
const SHARE: u32 = 16;
/// How many empty pages are looked at in passing.
const EMPTY_PAGES: usize = 4;

/// How many entries an operation has looked at, or moved. What the allocator copies where a page grows does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Visits(pub(super) u32);

impl Visits {
    /// Who has looked at so many leaves all that can wait to the next one.
    const ENOUGH: u32 = 24;

    /// How many it may come to by moving entries from one page to another.
    fn with_a_share(self) -> Self {
        Self((self.0 + SHARE).min(Self::ENOUGH))
    }
}

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
    /// How many pages have all that belongs to them: but for the last one, all.
    whole: usize,
    /// How many entries of the page that the last one was split from may be the last one's: the first ones.
    unsplit: usize,
    /// The page that is looked at in passing, and how many of its entries were not looked at yet.
    hand: (usize, usize),
    /// How often the hand was all round and missed nobody who was there all along.
    rounds: u64,
    /// Whether an entry has moved behind the hand in this round.
    missed: bool,
}

impl<K, V> Table<K, V> {
    pub(super) const fn new() -> Self {
        Self {
            pages: Vec::new(),
            mask: 0,
            whole: 0,
            len: 0,
            unsplit: 0,
            hand: (0, usize::MAX),
            rounds: 0,
            missed: false,
        }
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
    pub(super) fn find(&self, hash: u64, visits: &mut Visits, mut is_it: impl FnMut(&K) -> bool) -> Option<Place> {
        let mark = Mark::of(hash);
        let mut find = |page: usize| {
            let slot = self.pages.get(page)?.find(mark, |key| {
                *visits += 1;
                is_it(key)
            })?;
            Some(Place { page, slot })
        };
        let page = self.page_of(mark);
        find(page).or_else(|| if page < self.whole { None } else { find(origin(page)?) })
    }

    /// As [`find`](Self::find), for who uses it at once.
    #[inline]
    pub(super) fn find_mut(&mut self, hash: u64, is_it: impl FnMut(&K) -> bool) -> Option<&mut Entry<K, V>> {
        let mark = Mark::of(hash);
        let page = self.page_of(mark);
        if page >= self.whole {
            return self.find_mut_behind(hash, is_it);
        }
        let is_large = self.pages.len() > LARGE;
        let page = self.pages.get_mut(page)?;
        if is_large {
            page.send_for();
        }
        let slot = page.find(mark, is_it)?;
        page.get_mut(slot)
    }

    #[cold]
    fn find_mut_behind(&mut self, hash: u64, is_it: impl FnMut(&K) -> bool) -> Option<&mut Entry<K, V>> {
        let place = self.find(hash, &mut Visits::default(), is_it)?;
        self.get_mut(place)
    }

    pub(super) fn get(&self, place: Place) -> Option<&Entry<K, V>> {
        self.pages.get(place.page)?.get(place.slot)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Entry<K, V>> {
        self.pages.get_mut(place.page)?.get_mut(place.slot)
    }

    /// Adds a key that is not there, and returns its place.
    pub(super) fn insert(&mut self, hash: u64, key: K, value: V, visits: &mut Visits) -> Place {
        if self.len >= LOAD * self.whole && self.whole == self.pages.len() && self.whole < Mark::PAGES {
            self.add_page();
        }
        if self.whole < self.pages.len() {
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
        let entry = self.swap_remove(place, visits);
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
            self.hand.1 = slots.min(here);
            if let Some(slot) = self.hand.1.checked_sub(1) {
                return Some(Place { page, slot });
            }
            self.turn_page();
        }
        None
    }

    /// Moves the hand on from the entry that it is at, whether that is still there or not.
    pub(super) fn pass(&mut self) {
        self.hand.1 = self.hand.1.saturating_sub(1);
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

    /// Adds a page, which has nothing of its share yet.
    fn add_page(&mut self) {
        let last = self.pages.len();
        self.pages.push(Page::new());
        self.pages_are(origin(last).map_or(0, |old| self.pages[old].len()));
    }

    /// Gives the last page more of its share.
    fn split(&mut self, visits: &mut Visits) {
        let last = self.pages.len() - 1;
        let Some(old) = origin(last) else { return };
        let most = visits.with_a_share();
        // Entries of a page only ever move down: behind these there are none of the last page's.
        let mut unsplit = self.unsplit.min(self.pages[old].len());
        while unsplit > 0 && *visits < most {
            unsplit -= 1;
            *visits += 1;
            let mark = self.pages[old].mark(unsplit);
            if self.page_of(mark) == last {
                let entry = self.swap_remove(Place { page: old, slot: unsplit }, visits);
                self.pages[last].push(mark, entry);
            }
        }
        self.pages_are(unsplit);
    }

    /// Gives what the last page has to the one that it was split from, and the page back when it has nothing more.
    fn join(&mut self, visits: &mut Visits) {
        let last = self.pages.len() - 1;
        let Some(old) = origin(last) else { return };
        let most = visits.with_a_share();
        while *visits < most {
            let Some((mark, entry)) = self.pages[last].pop() else { break };
            *visits += 1;
            self.missed |= self.hand.0 >= old;
            let behind = self.pages[old].push(mark, entry);
            self.pages_are(behind + 1);
        }
        if self.pages[last].len() == 0 {
            self.pages.pop();
            // Seldom, so that the list of pages is not copied with every one that goes.
            if self.pages.capacity() > 4 * last {
                self.pages.shrink_to(2 * last);
            }
            self.pages_are(0);
        }
    }

    /// Takes an entry out, and puts the last one of its page in its place.
    fn swap_remove(&mut self, Place { page, slot }: Place, visits: &mut Visits) -> Entry<K, V> {
        let page = &mut self.pages[page];
        *visits += u32::from(slot + 1 < page.len());
        page.swap_remove(slot)
    }

    /// Keeps how many pages there are, and what is not split yet.
    fn pages_are(&mut self, unsplit: usize) {
        self.mask = self.pages.len().next_power_of_two() - 1;
        self.whole = self.pages.len() - usize::from(unsplit > 0);
        self.unsplit = unsplit;
    }
}

/// The page that this one is split from.
fn origin(page: usize) -> Option<usize> {
    Some(page ^ 1 << page.checked_ilog2()?)
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
        fn it_is_a_map_and_no_operation_moves_more_than_a_few(
            kind in 0..4_u8,
            steps in prop::collection::vec((0..5_u8, 0..300_u32, 0..35_u32), 0..1200),
        ) {
            let (mut table, mut map) = (Table::new(), BTreeMap::new());
            // So many can come or go while one page gets its share.
            let late = (if matches!(kind, 1 | 2) { 300 } else { 4 * LOAD }).div_ceil(SHARE as usize);
            for (what, key, looked) in steps {
                let mut visits = Visits(looked);
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
                // One more that takes the place of one that goes, at the end of a share or before it.
                prop_assert!(visits.0 <= (looked + SHARE).min(Visits::ENOUGH).max(looked) + 1, "{visits:?}");
                prop_assert_eq!(table.len, map.len());
                prop_assert!(table.len <= LOAD * table.pages.len() + late);
                prop_assert!(table.pages.len() <= 2 + 2 * (table.len + late) / LOAD);
            }
            let mut left = all(&table);
            left.sort_unstable();
            prop_assert_eq!(left, map.into_iter().collect::<Vec<_>>());
            // From the end on, all that are there are come by, also if each is taken out.
            let mut next = table.before(None);
            while let Some(place) = next {
                next = table.before(Some(place));
                if table.get(place).is_some() {
                    table.remove(place, &mut Visits::default());
                }
            }
            prop_assert_eq!((table.len, table.pages.len().max(1)), (0, 1));
        }

        #[test]
        fn the_hand_misses_nobody_in_a_round(
            there in 1..100_u32,
            steps in prop::collection::vec((0..6_u8, 0..600_u32), 0..3000),
        ) {
            // Who is there all the time is seen, whoever else comes and goes: more go, so that pages are joined.
            let mut table = Table::new();
            let other = |other: u32| 1_000_000 + other;
            for key in (0..there).chain((0..500).map(other)) {
                table.insert(mixed(key), key, 0, &mut Visits::default());
            }
            let (mut rounds, mut seen) = (table.rounds(), BTreeMap::new());
            for (what, key) in steps {
                let (key, mut looked) = (other(key), Visits(key % 32));
                match (what, find(&table, mixed(key), key)) {
                    (0 | 1, Some(place)) => drop(table.remove(place, &mut looked)),
                    (2, None) => drop(table.insert(mixed(key), key, 0, &mut looked)),
                    (0..=2, _) => {}
                    _ => {
                        if let Some(place) = table.at_hand() {
                            let seen_now = table.get(place).unwrap().key;
                            seen.insert(seen_now, ());
                            if what == 3 && seen_now >= other(0) {
                                table.remove(place, &mut looked);
                            }
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
    fn whoever_moves_counts() {
        let places = |table: &Table<u32, ()>| -> BTreeMap<u32, Place> {
            let all = core::iter::successors(table.before(None), |place| table.before(Some(*place)));
            all.map(|place| (table.get(place).unwrap().key, place)).collect()
        };
        let (mut table, mut before) = (Table::new(), BTreeMap::new());
        for step in 0..4_000_u32 {
            let (key, mut visits) = (step % 2_000, Visits::default());
            if step < 2_000 {
                table.insert(mixed(key), key, (), &mut visits);
            } else {
                let place = before[&key];
                table.remove(place, &mut visits);
            }
            let after = places(&table);
            let moved =
                before.iter().filter(|(key, place)| after.get(key).is_some_and(|after| after != *place)).count();
            assert!(moved <= visits.0 as usize, "{moved} have moved, {visits:?}");
            before = after;
        }
    }

    #[test]
    fn the_list_of_pages_is_seldom_copied() {
        let mut table = Table::<u32, ()>::new();
        for key in 0..100_000 {
            table.insert(mixed(key), key, (), &mut Visits::default());
        }
        let (mut changes, mut room) = (0, table.pages.capacity());
        for key in 0..100_000 {
            let place = table.find(mixed(key), &mut Visits::default(), |other| *other == key).unwrap();
            table.remove(place, &mut Visits::default());
            changes += u32::from(core::mem::replace(&mut room, table.pages.capacity()) != table.pages.capacity());
        }
        assert!(changes <= 20 && room <= 8, "{changes} changes, room for {room}");
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
