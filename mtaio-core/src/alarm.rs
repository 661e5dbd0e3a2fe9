//! Alarms: how a limiter with any number of waiters owns one timer per runtime, and no waiter has to drive it.
//!
//! | type | how it runs | for |
//! |---|---|---|
//! | [`SleepAlarm`] | the timer's own thread calls it; no task, no spawning | timers that one driver serves whatever runs: async-io, the virtual runtime, a thread of your own |
//! | [`TaskAlarm`] | a small task of the runtime sleeps and ticks; its drop tells that the runtime went away | runtimes that take their timers with them, as tokio does |

pub(crate) mod bells;
#[cfg(feature = "keyed")]
pub(crate) mod chime;
mod sleep_alarm;
mod task_alarm;

pub use sleep_alarm::SleepAlarm;
pub use task_alarm::{AlarmTask, TaskAlarm};

#[cfg(all(test, feature = "std"))]
mod tests;
