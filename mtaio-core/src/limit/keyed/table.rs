//! The table of keys: a hash table whose every operation touches a handful of entries, however many there are.
//!
//! Linear hashing (Litwin, *Linear hashing: a new tool for file and table addressing*, 1980): there is one more chain for every
//! [`LOAD`] entries, one at a time, and each new one takes its share of one old one. So nothing is ever rehashed as a whole, and
//! the room per entry is the same at every size. Entries lie side by side without a gap, in the order of their coming; the last
//! one fills the gap that one leaves. So a *hand* that goes round sees all of them.

use core::ops::{AddAssign, Range};

use super::chunks::Chunks;

/// How many entries a chain has on average, in halves.
const LOAD: usize = 3;
/// The end of a chain.
const NONE: u32 = u32::MAX;
/// The bits of a hash that an entry keeps. With more chains than that, they grow.
const HASH_BITS: u32 = 24;

/// How many entries an operation has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Visits(pub(super) u32);

impl AddAssign<u32> for Visits {
    #[inline]
    fn add_assign(&mut self, visits: u32) {
        self.0 += visits;
    }
}

/// A key, with what belongs to it.
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
    /// The next of its chain.
    next: u32,
    /// Of the hash, the lowest bits; above them is the note.
    tag: u32,
}

impl<K, V> Entry<K, V> {
    fn new(hash: u64, key: K, value: V, note: u8) -> Self {
        Self { key, value, next: NONE, tag: (hash as u32 & mask(HASH_BITS)) | (u32::from(note) << HASH_BITS) }
    }

    #[inline]
    fn hash(&self) -> u32 {
        self.tag & mask(HASH_BITS)
    }

    /// A byte for the table's owner, which costs no room.
    #[inline]
    pub(super) fn note(&self) -> u8 {
        (self.tag >> HASH_BITS) as u8
    }

    pub(super) fn set_note(&mut self, note: u8) {
        self.tag = self.hash() | (u32::from(note) << HASH_BITS);
    }
}

const fn mask(bits: u32) -> u32 {
    (1 << bits) - 1
}

/// The chain of a hash among so many.
#[inline]
fn chain_of(hash: u32, chains: usize) -> usize {
    let low = (hash as usize) & (chains.next_power_of_two() - 1);
    // Chains that are not there yet are still part of the one that they will be split from.
    if low < chains { low } else { low & (chains.next_power_of_two() / 2 - 1) }
}

/// Keys by their hash. It does not know how to hash them, nor what is equal.
pub(super) struct Table<K, V> {
    entries: Chunks<Entry<K, V>>,
    /// Where each chain begins.
    heads: Chunks<u32>,
    /// The entry that is looked at next in passing.
    hand: usize,
}

impl<K, V> Table<K, V> {
    pub(super) const fn new() -> Self {
        Self { entries: Chunks::new(), heads: Chunks::new(), hand: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// The places of all entries, until one is removed.
    pub(super) const fn places(&self) -> Range<usize> {
        0..self.entries.len()
    }

    /// Where the key with this hash is that `is_it`.
    #[inline]
    pub(super) fn find(&self, hash: u64, visits: &mut Visits, is_it: impl Fn(&K) -> bool) -> Option<usize> {
        let hash = hash as u32 & mask(HASH_BITS);
        let mut place = match self.heads.len() {
            0 => return None,
            chains => self.heads[chain_of(hash, chains)],
        };
        while let Some(entry) = self.entries.get(place as usize) {
            *visits += 1;
            if entry.hash() == hash && is_it(&entry.key) {
                return Some(place as usize);
            }
            place = entry.next;
        }
        None
    }

    pub(super) fn get(&self, place: usize) -> Option<&Entry<K, V>> {
        self.entries.get(place)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Entry<K, V>> {
        self.entries.get_mut(place)
    }

    /// Adds a key that is not there, and returns its place.
    pub(super) fn insert(&mut self, hash: u64, key: K, value: V, note: u8, visits: &mut Visits) -> usize {
        let place = self.entries.len();
        assert!(place < NONE as usize, "a table has room for less than 2^32 keys");
        self.entries.push(Entry::new(hash, key, value, note));
        if 2 * self.entries.len() > LOAD * self.heads.len() {
            self.split(visits);
        }
        self.link(place);
        place
    }

    /// Takes a key out. The last entry is in its place now.
    pub(super) fn remove(&mut self, place: usize, visits: &mut Visits) -> Entry<K, V> {
        let next = self.entries[place].next;
        self.point_past(place, next, visits);
        let last = self.entries.len() - 1;
        if place != last {
            self.point_past(last, place as u32, visits);
        }
        let entry = self.entries.swap_remove(place);
        // Many fewer than a split asks for, so that one who comes and goes does not split and join.
        if self.heads.len() > 2 + self.entries.len() {
            self.join(visits);
        }
        entry
    }

    /// The entry that the hand is at, if there is any. It goes down: whatever is removed, the entry that comes in its place has been
    /// passed already or will be, so that no round misses one that was there from its beginning.
    pub(super) fn at_hand(&mut self) -> Option<usize> {
        if self.hand == 0 {
            self.hand = self.entries.len();
        }
        self.hand = self.hand.min(self.entries.len());
        self.hand.checked_sub(1)
    }

    /// Moves the hand on. True when it has been all round.
    pub(super) fn pass(&mut self) -> bool {
        self.hand = self.hand.saturating_sub(1);
        self.hand == 0
    }

    /// Links an entry to the chain of its hash.
    fn link(&mut self, place: usize) {
        let chain = chain_of(self.entries[place].hash(), self.heads.len());
        self.entries[place].next = core::mem::replace(&mut self.heads[chain], place as u32);
    }

    /// Lets whoever points at the entry in `place` point to `to` instead.
    fn point_past(&mut self, place: usize, to: u32, visits: &mut Visits) {
        let chain = chain_of(self.entries[place].hash(), self.heads.len());
        *visits += 1;
        let mut before = self.heads[chain];
        if before == place as u32 {
            self.heads[chain] = to;
            return;
        }
        while self.entries[before as usize].next != place as u32 {
            *visits += 1;
            before = self.entries[before as usize].next;
        }
        *visits += 1;
        self.entries[before as usize].next = to;
    }

    /// Adds a chain, and gives it what belongs there.
    fn split(&mut self, visits: &mut Visits) {
        self.heads.push(NONE);
        let new = self.heads.len() - 1;
        if new > 0 {
            // The new chain's number without its highest bit.
            self.deal(new ^ (1 << new.ilog2()), visits);
        }
    }

    /// Removes the last chain, and gives what it has to the one that it came from.
    fn join(&mut self, visits: &mut Visits) {
        let Some(head) = self.heads.pop() else { return };
        self.relink(head, visits);
    }

    /// Links the entries of a chain anew.
    fn deal(&mut self, chain: usize, visits: &mut Visits) {
        let head = core::mem::replace(&mut self.heads[chain], NONE);
        self.relink(head, visits);
    }

    fn relink(&mut self, mut place: u32, visits: &mut Visits) {
        while let Some(entry) = self.entries.get(place as usize) {
            *visits += 1;
            let next = entry.next;
            self.link(place as usize);
            place = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn find(table: &Table<u32, u32>, hash: u64, key: u32) -> Option<usize> {
        table.find(hash, &mut Visits::default(), |other| *other == key)
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
                        prop_assert_eq!(entry.note(), key as u8);
                    }
                    (0 | 1, None) => {}
                    (_, Some(place)) => {
                        let entry = table.get_mut(place).unwrap();
                        entry.value += 1;
                        *map.get_mut(&key).unwrap() += 1;
                    }
                    (_, None) => {
                        table.insert(hash(kind, key), key, key, key as u8, &mut visits);
                        map.insert(key, key);
                    }
                }
                prop_assert_eq!(table.len(), map.len());
                prop_assert!(2 * table.len() <= LOAD * table.heads.len());
                prop_assert!(table.heads.len() <= 4 + 2 * table.len());
            }
            let mut all: Vec<_> = table.places().map(|place| (table.entries[place].key, table.entries[place].value)).collect();
            all.sort_unstable();
            prop_assert_eq!(all, map.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_operation_visits_many_entries_while_a_million_come_and_go() {
        let (mut table, mut most) = (Table::new(), Visits::default());
        let mut step = |table: &mut Table<u32, ()>, act: &dyn Fn(&mut Table<u32, ()>, &mut Visits)| {
            let mut visits = Visits::default();
            act(table, &mut visits);
            most = most.max(visits);
        };
        for key in 0..1_000_000 {
            step(&mut table, &|table, visits| _ = table.insert(hash(3, key), key, (), 0, visits));
        }
        for key in 0..1_000_000 {
            step(&mut table, &|table, visits| {
                let place = table.find(hash(3, key), visits, |other| *other == key).unwrap();
                table.remove(place, visits);
            });
        }
        assert!(most.0 <= 32, "{most:?}");
        assert_eq!((table.len(), table.heads.len()), (0, 2));
    }

    #[test]
    fn the_hand_sees_every_entry_in_one_round() {
        let mut table = Table::new();
        for key in 0..1000_u32 {
            table.insert(hash(3, key), key, (), 0, &mut Visits::default());
        }
        let mut seen = Vec::new();
        loop {
            let place = table.at_hand().unwrap();
            seen.push(table.get(place).unwrap().key);
            if table.pass() {
                break;
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
        assert_eq!(table.at_hand(), Some(999));
    }
}
