//! How long the processor was busy.

use core::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The processor time that all threads of the process have taken.
pub(crate) fn time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}
