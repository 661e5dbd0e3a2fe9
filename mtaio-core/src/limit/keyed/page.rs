//! A page of the table: some dozen keys side by side, found by a byte of their hash each.
//!
//! These bytes are compared all at once, as in a Swiss table (Kulukundis, *Designing a fast, efficient, cache-friendly hash table,
//! step by step*, CppCon 2017), and all of a page is in one piece of memory: on a table that no cache holds, a lookup
//! costs one way to it. A page has room for what it holds, and for three more at most.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::primitive::{Tray, same_bytes};

/// How many keys a page has in one piece. More of them than that are a rarity, or collide.
const MOST: usize = 32;
/// How many keys a page grows by.
const STEP: usize = 2;

/// A key, and what is kept for it.
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
}

/// What of a hash is kept beside the entries: which page it belongs to, and what tells it from the others there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u32);

/// The bits of a mark that no tag has.
const LOW_BITS: u32 = 16;

impl Mark {
    /// The most pages that marks tell apart.
    pub(super) const PAGES: usize = 1 << 24;

    #[inline]
    pub(super) const fn of(hash: u64) -> Self {
        Self(hash as u32 & 0x00ff_ffff)
    }

    #[inline]
    pub(super) const fn bits(self) -> usize {
        self.0 as usize
    }

    #[inline]
    const fn tag(self) -> u8 {
        (self.0 >> LOW_BITS) as u8
    }
}

/// Keys that their page has no room for.
type Over<K, V> = Vec<(Mark, Entry<K, V>)>;

/// The marks of a page's keys, in two parts. Behind the last key they mean nothing.
struct Marks<K, V> {
    tags: [u8; MOST],
    lows: [u16; MOST],
    /// Those that there is no room for.
    over: Option<Box<Over<K, V>>>,
}

impl<K, V> Marks<K, V> {
    const fn new() -> Self {
        Self { tags: [0; MOST], lows: [0; MOST], over: None }
    }

    fn of(&self, place: usize) -> Mark {
        Mark(u32::from(self.tags[place]) << LOW_BITS | u32::from(self.lows[place]))
    }

    fn set(&mut self, place: usize, mark: Mark) {
        (self.tags[place], self.lows[place]) = (mark.tag(), mark.0 as u16);
    }

    fn over(&self) -> &[(Mark, Entry<K, V>)] {
        self.over.as_ref().map_or(&[], |over| over)
    }
}

/// Keys in any number.
pub(super) struct Page<K, V>(Option<Tray<Marks<K, V>, Entry<K, V>>>);

impl<K, V> Page<K, V> {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |tray| tray.len() + tray.header().over().len())
    }

    /// Sends for all of it, where it is likely to be far away: the entry comes with the tags then, and not after them.
    #[inline]
    pub(super) fn send_for(&self) {
        if let Some(tray) = &self.0 {
            tray.send_for(size_of::<Marks<K, V>>() + 2 * MOST / 3 * size_of::<Entry<K, V>>());
        }
    }

    /// Where the key with this mark is that `is_it`.
    #[inline]
    pub(super) fn find(&self, mark: Mark, mut is_it: impl FnMut(&K) -> bool) -> Option<usize> {
        let tray = self.0.as_ref()?;
        // Without a branch: where a key is in its page nobody can foretell.
        let mut same = same_bytes(&tray.header().tags, mark.tag());
        while same != 0 {
            let place = same.trailing_zeros() as usize;
            if tray.get(place).is_some_and(|entry| is_it(&entry.key)) {
                return Some(place);
            }
            same &= same - 1;
        }
        let over = tray.header().over().iter().position(|(other, entry)| *other == mark && is_it(&entry.key));
        over.map(|place| MOST + place)
    }

    pub(super) fn get(&self, place: usize) -> Option<&Entry<K, V>> {
        let tray = self.0.as_ref()?;
        tray.get(place).or_else(|| Some(&tray.header().over().get(place.checked_sub(MOST)?)?.1))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Entry<K, V>> {
        let tray = self.0.as_mut()?;
        if place < MOST {
            return tray.get_mut(place);
        }
        tray.header_mut().over.as_mut()?.get_mut(place - MOST).map(|(_, entry)| entry)
    }

    /// The mark of the key in a place where there is one.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn mark(&self, place: usize) -> Mark {
        let marks = self.0.as_ref().expect("an empty page has no marks").header();
        if place < MOST { marks.of(place) } else { marks.over()[place - MOST].0 }
    }

    /// Adds a key behind the others, and returns its place.
    pub(super) fn push(&mut self, mark: Mark, entry: Entry<K, V>) -> usize {
        let tray = self.0.get_or_insert_with(|| Tray::new(Marks::new(), STEP as u16));
        let place = tray.len();
        if place == MOST {
            let over = tray.header_mut().over.get_or_insert_default();
            over.push((mark, entry));
            return MOST + over.len() - 1;
        }
        if place == tray.room() {
            tray.resize((place + STEP) as u16);
        }
        tray.header_mut().set(place, mark);
        tray.push(entry);
        place
    }

    /// Takes a key out, and puts the last one in its place.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn swap_remove(&mut self, place: usize) -> Entry<K, V> {
        let (mark, last) = self.pop().expect("a page that is not empty");
        let len = self.len();
        let Some(entry) = self.get_mut(place) else {
            assert!(place == len, "there is no entry {place}");
            return last;
        };
        let entry = core::mem::replace(entry, last);
        if let Some(tray) = &mut self.0 {
            match place.checked_sub(MOST) {
                None => tray.header_mut().set(place, mark),
                Some(over) => tray.header_mut().over.get_or_insert_default()[over].0 = mark,
            }
        }
        entry
    }

    /// Takes the last key out.
    pub(super) fn pop(&mut self) -> Option<(Mark, Entry<K, V>)> {
        let tray = self.0.as_mut()?;
        if let Some(over) = &mut tray.header_mut().over {
            let last = over.pop();
            tray.header_mut().over.take_if(|over| over.is_empty());
            return last;
        }
        let entry = tray.pop()?;
        let mark = tray.header().of(tray.len());
        // With some room left, so that one who comes and goes does not move the others.
        match tray.len() {
            0 => self.0 = None,
            len if len + 2 * STEP <= tray.room() => tray.resize((len + STEP) as u16),
            _ => {}
        }
        Some((mark, entry))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few different tags, so that there are many of each.
    fn mark(key: u32) -> Mark {
        Mark::of(u64::from(key & 0x0003_ffff))
    }

    proptest! {
        #[test]
        fn bytes_that_are_the_same_are_found_by_words_as_at_once(bytes in any::<[u8; MOST]>(), few in 1..=255_u8, byte in any::<u8>()) {
            let (bytes, byte) = (bytes.map(|byte| byte % few), byte % few);
            let same = (0..MOST).filter(|place| bytes[*place] == byte).fold(0, |same, place| same | 1_u32 << place);
            for found in [same_bytes(&bytes, byte), crate::primitive::same_bytes_in_words(&bytes, byte)] {
                prop_assert_eq!(found & same, same);
                // What is found besides comes behind one that is the same.
                prop_assert!(found == same || (found ^ same).trailing_zeros() > same.trailing_zeros());
            }
        }

        #[test]
        fn it_is_a_vector_that_is_searched_by_hash(
            most in 1..100_usize,
            steps in prop::collection::vec((0..3_u8, any::<u32>()), 0..400),
        ) {
            let (mut page, mut vector) = (Page::new(), Vec::new());
            for (what, key) in steps {
                if (what == 0 || vector.len() == most) && !vector.is_empty() {
                    let place = key as usize % vector.len();
                    prop_assert_eq!(page.mark(place), mark(vector[place]));
                    prop_assert_eq!(page.swap_remove(place).value, Box::new(vector.swap_remove(place)));
                } else if !vector.contains(&key) {
                    prop_assert_eq!(page.push(mark(key), Entry { key, value: Box::new(key) }), vector.len());
                    vector.push(key);
                }
                prop_assert_eq!(page.len(), vector.len());
                let place = vector.iter().position(|other| *other == key);
                prop_assert_eq!(page.find(mark(key), |other| *other == key), place);
            }
            for (place, key) in vector.iter().enumerate() {
                prop_assert_eq!(page.get(place).map(|entry| entry.key), Some(*key));
                prop_assert_eq!(page.get_mut(place).map(|entry| *entry.value), Some(*key));
            }
            prop_assert!(page.get(vector.len()).is_none() && page.get_mut(vector.len()).is_none());
        }
    }
}
