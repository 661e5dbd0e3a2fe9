//! Tests that would hang fail instead. Nothing else looks at a real clock.

use core::time::Duration;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

/// Runs `job` on a thread of its own.
///
/// # Panics
///
/// If it is not done within a minute. A panic of its own goes on here.
pub fn within_a_minute<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        let result = job();
        let _ = sender.send(());
        result
    });
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Err(RecvTimeoutError::Timeout) => panic!("not done after a minute: it hangs"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }
    }
}

/// Looks again and again until `condition` holds. To be used under a watchdog.
pub fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}
