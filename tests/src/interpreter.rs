//! Reads bytes as a sequence of operations on one limiter, and checks after each that nothing was lost and nothing made.
//!
//! Fuzzing feeds it (`fuzz/fuzz_targets/limiters.rs`), and so does a property test with random bytes, so that it is compiled and
//! run with everything else. Time is a [`ManualClock`](mtaio_core::runtime::ManualClock): the same bytes do the same each time.

mod bytes;
mod combined;
mod keyed_rate;
mod keyed_slots;
mod leases;
mod ledger;
mod line;
mod policies;
mod rate;
mod slots;
mod timeouts;

use bytes::Bytes;

/// A limiter with a model of it, driven by bytes.
trait Machine {
    /// Does what the next bytes say.
    fn step(&mut self, bytes: &mut Bytes<'_>);

    /// Checks what holds after every step.
    fn check(&self);

    /// Gives up whatever waits and returns whatever is held. What is left is what there was.
    fn end(self);
}

/// How many kinds of limiters there are programs for.
pub const MACHINES: u8 = 8;

/// Runs `data` as a program. The first byte chooses the limiter.
///
/// # Panics
///
/// If a promise is broken.
pub fn interpret(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    match bytes.below(MACHINES.into()) {
        0 => run(slots::Slots::new(&mut bytes), bytes),
        1 => run(rate::Rate::new(&mut bytes), bytes),
        2 => run(combined::Combined::new(&mut bytes), bytes),
        3 => run(timeouts::Timeouts::new(&mut bytes), bytes),
        4 => run(keyed_rate::KeyedRate::new(&mut bytes), bytes),
        5 => run(keyed_slots::KeyedSlots::new(&mut bytes), bytes),
        6 => run(leases::Leases::new(&mut bytes), bytes),
        _ => policies::interpret(bytes),
    }
}

fn run(mut machine: impl Machine, mut bytes: Bytes<'_>) {
    machine.check();
    while !bytes.is_empty() {
        machine.step(&mut bytes);
        machine.check();
    }
    machine.end();
}
