//! Who comes next.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use super::random::Random;
use super::workload::Workload;

/// A request that comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arrival {
    /// In nanoseconds since the beginning.
    pub(super) at: u64,
    /// How long it takes, if that is known, in nanoseconds.
    pub(super) service: Option<u64>,
    /// Whose it is, in a closed loop.
    pub(super) client: Option<usize>,
}

/// All clients, whether they wait for their answers or not.
pub(super) struct Clients<'a> {
    workload: &'a Workload,
    random: Random,
    /// The next of those who wait for nobody, ...
    next: Option<Arrival>,
    /// ... and how many came before it.
    number: usize,
    /// Those of a closed loop who have no request under way, by when they send the next one.
    thinking: BinaryHeap<Reverse<(u64, usize)>>,
}

impl<'a> Clients<'a> {
    pub(super) fn new(workload: &'a Workload, seed: u64) -> Self {
        let thinking = BinaryHeap::new();
        let mut clients = Self { workload, random: Random::new(seed, 1), next: None, number: 0, thinking };
        clients.next = clients.workload.next(0, 0, &mut clients.random);
        for client in 0..workload.clients() {
            clients.ended(Some(client), 0);
        }
        clients
    }

    /// When the next one comes.
    pub(super) fn at(&self) -> u64 {
        let thinking = self.thinking.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
        self.next.map_or(thinking, |arrival| arrival.at)
    }

    pub(super) fn come(&mut self) -> Option<Arrival> {
        if let Some(arrival) = self.next {
            self.number += 1;
            self.next = self.workload.next(arrival.at, self.number, &mut self.random);
            return Some(arrival);
        }
        let Reverse((at, client)) = self.thinking.pop()?;
        Some(Arrival { at, service: None, client: Some(client) })
    }

    /// A request is over, in whatever way: its client thinks about the next one.
    pub(super) fn ended(&mut self, client: Option<usize>, now: u64) {
        if let Some(client) = client {
            let at = now.saturating_add(self.workload.think(&mut self.random));
            self.thinking.push(Reverse((at, client)));
        }
    }
}
