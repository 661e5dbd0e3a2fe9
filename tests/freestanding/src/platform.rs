//! What std and libc would otherwise give: entry, exit, output, panics, critical sections, memory functions.

use core::{
    arch::{asm, global_asm},
    panic::PanicInfo,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("the freestanding program speaks the system calls of Linux on x86-64 only");

const WRITE: usize = 1;
const EXIT_GROUP: usize = 231;
const STANDARD_ERROR: usize = 2;

/// The exit code of a panic; no check has this number.
const PANICKED: u8 = 199;

// The kernel enters here with an aligned stack and no return address; `call` makes it look like any other function's.
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {program}",
    "ud2",
    program = sym crate::program,
);

/// Makes one system call of up to three arguments.
///
/// # Safety
///
/// The arguments must be right for the call with this `number`.
unsafe fn system_call(number: usize, a: usize, b: usize, c: usize) -> usize {
    let result;
    // SAFETY: the registers are those of the system call convention, clobbers included; the caller vouches for
    // the rest.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

pub fn exit(code: u8) -> ! {
    // SAFETY: the call takes a number and does not return.
    unsafe { system_call(EXIT_GROUP, code.into(), 0, 0) };
    unreachable!()
}

/// Writes to the standard error. What cannot be written is lost; the exit code says enough.
pub fn complain(message: &str) {
    // SAFETY: pointer and length are those of a live string.
    unsafe { system_call(WRITE, STANDARD_ERROR, message.as_ptr() as usize, message.len()) };
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    complain("the program panicked\n");
    exit(PANICKED)
}

/// Critical sections entered since the start.
pub static SECTIONS_ENTERED: AtomicU32 = AtomicU32::new(0);

/// Critical sections not left yet.
pub static SECTIONS_OPEN: AtomicU32 = AtomicU32::new(0);

/// With one thread and no signal handler nothing can interrupt a section, so counting them is all there is to do.
struct OneThread;

critical_section::set_impl!(OneThread);

// SAFETY: the program never starts a second thread and installs no signal handler.
unsafe impl critical_section::Impl for OneThread {
    unsafe fn acquire() -> critical_section::RawRestoreState {
        SECTIONS_ENTERED.fetch_add(1, Relaxed);
        SECTIONS_OPEN.fetch_add(1, Relaxed);
    }

    unsafe fn release((): critical_section::RawRestoreState) {
        SECTIONS_OPEN.fetch_sub(1, Relaxed);
    }
}

/// The functions that compiled code calls without naming them. String instructions and volatile reads, because the
/// optimizer would turn a plain loop back into a call of the function it is in.
mod memory {
    use core::arch::asm;

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
        // SAFETY: the caller hands over two disjoint blocks of `n` bytes.
        unsafe {
            asm!("rep movsb", inout("rcx") n => _, inout("rdi") to => _, inout("rsi") from => _,
                options(nostack, preserves_flags));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
        if (to as usize).wrapping_sub(from as usize) >= n {
            // SAFETY: `to` does not start inside the source, so copying upwards reads every byte before overwriting it.
            return unsafe { memcpy(to, from, n) };
        }
        // SAFETY: the caller hands over two blocks of `n` bytes, and `n` is not 0 here. Copying downwards from the last
        // byte reads every byte before overwriting it; the direction flag is cleared again as the ABI demands.
        unsafe {
            asm!("std", "rep movsb", "cld", inout("rcx") n => _, inout("rdi") to.add(n - 1) => _,
                inout("rsi") from.add(n - 1) => _, options(nostack));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(to: *mut u8, value: i32, n: usize) -> *mut u8 {
        // SAFETY: the caller hands over a block of `n` bytes.
        unsafe {
            asm!("rep stosb", inout("rcx") n => _, inout("rdi") to => _, in("al") value as u8,
                options(nostack, preserves_flags));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
        for i in 0..n {
            // SAFETY: the caller hands over two blocks of `n` bytes, and `i < n`.
            let (a, b) = unsafe { (a.add(i).read_volatile(), b.add(i).read_volatile()) };
            if a != b {
                return i32::from(a) - i32::from(b);
            }
        }
        0
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
        // SAFETY: the same contract.
        unsafe { memcmp(a, b, n) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn strlen(text: *const u8) -> usize {
        let mut n = 0;
        // SAFETY: the caller hands over a string that ends in a zero byte, and no byte after it is read.
        while unsafe { text.add(n).read_volatile() } != 0 {
            n += 1;
        }
        n
    }
}

/// The precompiled standard crates refer to the unwinder. With `panic = "abort"` nothing ever calls it.
mod unwinder {
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Resume() -> ! {
        super::exit(super::PANICKED)
    }
}
