//! What the programs for the emulated board have in common: a heap, panics, and an exit with a code.

#![no_std]

use core::panic::PanicInfo;

// The critical sections come from here.
use cortex_m as _;
use cortex_m_semihosting::{hprintln, syscall};
use embedded_alloc::LlffHeap;

/// The exit code of a panic; no check has this number.
const PANICKED: u8 = 199;

/// Half of the memory. The rest is for the stack.
const HEAP_SIZE: usize = 32 * 1024;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

/// Makes the heap. It is called once, before anything else; a second call panics.
pub fn start() {
    // SAFETY: nobody else knows the memory, and the heap panics rather than take it twice.
    unsafe {
        embedded_alloc::init!(HEAP, HEAP_SIZE);
    }
}

/// Ends the program: with 0, or with the number of the check that failed.
pub fn end(result: Result<(), u8>) -> ! {
    if let Err(number) = result {
        hprintln!("check {} failed", number);
    }
    exit(result.err().unwrap_or(0))
}

/// Ends the program, with a code that is the emulator's own exit code.
fn exit(code: u8) -> ! {
    const EXIT_EXTENDED: usize = 0x20;
    const APPLICATION_EXIT: u32 = 0x2_0026;
    // SAFETY: the operation takes two words, a reason and a code.
    unsafe { syscall(EXIT_EXTENDED, &[APPLICATION_EXIT, code.into()]) };
    unreachable!("the emulator has exited")
}

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    hprintln!("{}", info);
    exit(PANICKED)
}
