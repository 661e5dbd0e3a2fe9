//! Which keys are used most.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

/// How much one key is used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage<K> {
    /// The key.
    pub key: K,
    /// How many wait for it.
    pub waiting: usize,
    /// Of a rate, how many cells its bucket misses, begun ones too; of slots, how many permits are held.
    pub in_use: usize,
}

/// What is compared: first who waits, then what is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) waiting: usize,
    pub(super) in_use: usize,
}

impl<K> KeyUsage<K> {
    pub(super) fn new(key: K, Rank { waiting, in_use }: Rank) -> Self {
        Self { key, waiting, in_use }
    }
}

struct Ranked<K>(Rank, K);

impl<K> PartialEq for Ranked<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Ranked<K> {}

impl<K> PartialOrd for Ranked<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Ranked<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// The highest so many of all that are offered.
pub(super) struct Busiest<K> {
    most: usize,
    heap: BinaryHeap<Reverse<Ranked<K>>>,
}

impl<K> Busiest<K> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new() }
    }

    /// Takes the key if it is one of the busiest so far. It drops another one then.
    pub(super) fn offer(&mut self, rank: Rank, key: K) {
        if self.heap.len() >= self.most {
            match self.heap.peek() {
                Some(Reverse(least)) if least.0 < rank => drop(self.heap.pop()),
                _ => return,
            }
        }
        self.heap.push(Reverse(Ranked(rank, key)));
    }

    /// The busiest first.
    pub(super) fn into_vec(self) -> Vec<(Rank, K)> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(Ranked(rank, key))| (rank, key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_come_first_and_no_more_than_were_asked_for() {
        let mut busiest = Busiest::new(2);
        for (key, waiting, in_use) in [('a', 0, 5), ('b', 1, 0), ('c', 0, 9), ('d', 0, 1)] {
            busiest.offer(Rank { waiting, in_use }, key);
        }
        let keys: Vec<_> = busiest.into_vec().into_iter().map(|(rank, key)| (key, rank.waiting, rank.in_use)).collect();
        assert_eq!(keys, [('b', 1, 0), ('c', 0, 9)]);
        let mut none = Busiest::new(0);
        none.offer(Rank { waiting: 1, in_use: 1 }, 'a');
        assert_eq!(none.into_vec(), []);
    }
}
