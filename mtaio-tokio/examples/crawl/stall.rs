//! How late this machine runs what is due.

use core::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until};

const PERIOD: Duration = Duration::from_millis(1);

/// A task that wakes every millisecond and notes how late it was woken.
#[derive(Debug)]
pub(crate) struct StallProbe {
    task: JoinHandle<Duration>,
    stop: oneshot::Sender<()>,
}

impl StallProbe {
    pub(crate) fn start() -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { task: tokio::spawn(watch(stopped)), stop }
    }

    /// Stops the probe; returns the largest lateness it saw.
    pub(crate) async fn stop(self) -> Result<Duration, JoinError> {
        drop(self.stop);
        self.task.await
    }
}

async fn watch(mut stopped: oneshot::Receiver<()>) -> Duration {
    let mut largest = Duration::ZERO;
    loop {
        let due = Instant::now() + PERIOD;
        tokio::select! {
            () = sleep_until(due) => largest = largest.max(due.elapsed()),
            _ = &mut stopped => return largest,
        }
    }
}
