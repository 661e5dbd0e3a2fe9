//! What went wrong.

use std::sync::Mutex;

/// Collects what must not have happened. Nobody panics in the middle of a program: that would be a program of its own.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<String>>);

impl Faults {
    pub(crate) fn add(&self, fault: String) {
        self.0.lock().unwrap().push(fault);
    }

    pub(crate) fn unless(&self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.add(fault());
        }
    }

    pub(crate) fn take(&self) -> Vec<String> {
        core::mem::take(&mut self.0.lock().unwrap())
    }
}
