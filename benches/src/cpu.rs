//! How long the processor was busy.

use core::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The processor time that all threads of the process have taken.
pub fn of_process() -> Duration {
    spent(ClockId::ProcessCPUTime)
}

/// The processor time that this thread has taken.
pub fn of_thread() -> Duration {
    spent(ClockId::ThreadCPUTime)
}

fn spent(clock: ClockId) -> Duration {
    let spent = clock_gettime(clock);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}
