//! A timeout manager: nobody's time is over early, and nobody whose time is over is forgotten.

use alloc::vec::Vec;
use core::future::pending;
use core::time::Duration;

use mtaio_core::runtime::{Clock as _, ManualClock};
use mtaio_core::timeout::{Elapsed, TimeoutManager};

use super::Machine;
use super::bytes::Bytes;
use super::line::Line;

const USUAL: Duration = Duration::from_micros(100);

pub(super) struct Timeouts {
    clock: ManualClock,
    manager: TimeoutManager<ManualClock>,
    line: Line<Result<(), Elapsed>>,
}

impl Timeouts {
    pub(super) fn new(_: &mut Bytes<'_>) -> Self {
        let clock = ManualClock::new();
        let manager = TimeoutManager::with_runtime(USUAL, clock.clone());
        Self { clock, manager, line: Line::new() }
    }

    fn run(&mut self, time: Option<Duration>) {
        let (manager, clock) = (self.manager.clone(), self.clock.clone());
        let run = async move {
            let end = clock.now() + time.unwrap_or(USUAL);
            let outcome = match time {
                Some(time) => manager.run_within(time, pending()).await,
                None => manager.run(pending()).await,
            };
            assert!(clock.now() >= end || manager.is_closed(), "an end before its time");
            outcome
        };
        self.line.join(0, run);
    }
}

impl Machine for Timeouts {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (what, index) = (bytes.below(16), bytes.below(16));
        match what {
            0..3 => self.run(None),
            3..7 => self.run(Some(bytes.time())),
            7..10 => self.clock.advance(bytes.time()),
            10 => self.clock.set(self.clock.now() + bytes.time()),
            11 => drop(self.line.poll(index)),
            12..14 => self.line.leave(index),
            14 => {
                let _ends: Vec<_> = self.line.harvest(|_| false);
            }
            _ if index == 0 => self.manager.close(),
            _ => {}
        }
    }

    fn check(&self) {
        assert!(self.manager.pending() <= self.line.len(), "a deadline of nobody");
    }

    fn end(mut self) {
        // The longest time is less than this: by then everybody has been woken.
        self.clock.advance(Duration::from_secs(2));
        let waiting = self.line.len();
        assert_eq!(self.line.harvest(|_| false).len(), waiting, "a deadline was forgotten");
        assert_eq!(self.manager.pending(), 0);
    }
}
