//! What the loopback servers count.

use alloc::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hyper::StatusCode;

/// The books of all loopback servers.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    arrivals: Vec<Arrival>,
    tallies: Vec<Tally>,
}

/// One request, as its server saw it come in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) page: usize,
    pub(crate) at: Instant,
}

/// The counts of one server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    in_flight: usize,
    pub(crate) peak: usize,
    pub(crate) faults: Faults,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) errors: usize,
    pub(crate) timeouts: usize,
}

impl Ledger {
    pub(crate) fn new(hosts: usize) -> Self {
        Self(Mutex::new(Books { arrivals: Vec::new(), tallies: vec![Tally::default(); hosts] }))
    }

    /// Books a request that has arrived; it is in flight until it is answered or dropped.
    pub(crate) fn enter(self: &Arc<Self>, host: usize, page: usize) -> InFlight {
        let mut books = self.books();
        // Read under the lock, so that the arrivals are in order.
        books.arrivals.push(Arrival { page, at: Instant::now() });
        let tally = &mut books.tallies[host];
        tally.in_flight += 1;
        tally.peak = tally.peak.max(tally.in_flight);
        InFlight { ledger: Arc::clone(self), host, status: None }
    }

    /// Every arrival in order, and the counts of each server.
    pub(crate) fn read(&self) -> (Vec<Arrival>, Vec<Tally>) {
        let books = self.books();
        (books.arrivals.clone(), books.tallies.clone())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight; it leaves the books when this is dropped, unanswered if its client gave up.
#[derive(Debug)]
#[must_use]
pub(crate) struct InFlight {
    ledger: Arc<Ledger>,
    host: usize,
    status: Option<StatusCode>,
}

impl InFlight {
    pub(crate) fn answer(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut books = self.ledger.books();
        let tally = &mut books.tallies[self.host];
        tally.in_flight -= 1;
        match self.status {
            None => tally.faults.timeouts += 1,
            Some(status) if status.is_server_error() => tally.faults.errors += 1,
            Some(_) => {}
        }
    }
}
