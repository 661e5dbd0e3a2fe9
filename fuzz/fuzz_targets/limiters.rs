//! Programs of operations on each limiter: nothing is lost, nothing is made, nobody is passed.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| mtaio_tests::interpret(data));
