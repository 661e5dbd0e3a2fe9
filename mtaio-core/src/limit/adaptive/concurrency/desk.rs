//! Where samples are handed in.
//!
//! What it keeps:
//!
//! 1. The algorithm, which may be foreign code, is called by one at a time, and with no lock held. Whoever takes it takes the turn.
//! 2. What is handed in while somebody has the turn lies in a list. The turn ends only when that is empty, under the lock: so nothing that
//!    was handed in is left lying, unless the algorithm or a waker panics; and then the next one in sees to it. What was at work when it
//!    panicked is lost, and nothing else.
//! 3. Limits are made known by who has the turn, before it ends: in the order in which the algorithm said them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use crate::limit::adaptive::algorithm::{LimitAlgorithm, Sample};
use crate::primitive::Lock;

pub(super) struct Desk {
    state: Lock<State>,
}

struct State {
    /// What decides, while nobody has the turn.
    clerk: Option<Clerk>,
    pending: VecDeque<Sample>,
    last_rtt: Option<Duration>,
}

struct Clerk {
    algorithm: Box<dyn LimitAlgorithm>,
    /// The limit that was made known last.
    limit: usize,
}

/// Has the algorithm, and gives it back in the end.
struct Turn<'a> {
    desk: &'a Desk,
    clerk: Option<Clerk>,
    /// What it took out of the list, and has not worked off yet.
    batch: VecDeque<Sample>,
}

impl Desk {
    pub(super) fn new(algorithm: Box<dyn LimitAlgorithm>, limit: usize) -> Self {
        let clerk = Some(Clerk { algorithm, limit });
        Self { state: Lock::new(State { clerk, pending: VecDeque::new(), last_rtt: None }) }
    }

    /// Hands in a sample. `publish` makes a new limit known; it may call wakers, and so come back here.
    pub(super) fn hand_in(&self, sample: Sample, publish: impl Fn(usize)) {
        let clerk = self.state.with(|state| {
            state.last_rtt = Some(sample.rtt());
            state.pending.push_back(sample);
            state.clerk.take()
        });
        let Some(clerk) = clerk else { return };
        let mut turn = Turn { desk: self, clerk: Some(clerk), batch: VecDeque::new() };
        while turn.next() {
            while let Some(sample) = turn.batch.pop_front() {
                turn.record(&sample, &publish);
            }
        }
    }

    pub(super) fn last_rtt(&self) -> Option<Duration> {
        self.state.with(|state| state.last_rtt)
    }
}

impl Turn<'_> {
    /// Takes what was handed in. If that is nothing, the turn is over.
    fn next(&mut self) -> bool {
        self.desk.state.with(|state| {
            core::mem::swap(&mut state.pending, &mut self.batch);
            if self.batch.is_empty() {
                state.clerk = self.clerk.take();
            }
        });
        !self.batch.is_empty()
    }

    fn record(&mut self, sample: &Sample, publish: &impl Fn(usize)) {
        let Some(clerk) = &mut self.clerk else { return };
        // A limit of zero would never see a sample again.
        let limit = clerk.algorithm.record(sample).max(1);
        if limit != clerk.limit {
            clerk.limit = limit;
            publish(limit);
        }
    }
}

impl Drop for Turn<'_> {
    /// After a panic the algorithm is still where it was, and so is what it has not seen.
    fn drop(&mut self) {
        if let Some(clerk) = self.clerk.take() {
            self.desk.state.with(|state| {
                self.batch.append(&mut state.pending);
                core::mem::swap(&mut state.pending, &mut self.batch);
                state.clerk = Some(clerk);
            });
        }
    }
}
