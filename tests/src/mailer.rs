//! An example library: it limits what it does, and leaves the runtime to its user.

use mtaio_core::limit::{ConcurrencyLimiter, Quota, RateLimiter, ResourceError};
use mtaio_core::runtime::Timer;

/// Sends mail, not too much at once and not too fast, on whichever runtime `R` its user has.
#[derive(Clone, Debug)]
pub struct Mailer<R: Timer> {
    rate: RateLimiter<R>,
    connections: ConcurrencyLimiter<R>,
}

impl<R: Timer> Mailer<R> {
    /// Makes a mailer that sends at most `quota` over at most `connections` at a time.
    ///
    /// # Errors
    ///
    /// If no connections are allowed: nothing would ever be sent.
    pub fn new(runtime: R, quota: Quota, connections: usize) -> Result<Self, ResourceError> {
        Ok(Self {
            rate: RateLimiter::with_runtime(quota, runtime.clone()),
            connections: ConcurrencyLimiter::builder(connections).build_on(runtime)?,
        })
    }

    /// Waits for a connection and then for its turn, and sends by calling `deliver`.
    ///
    /// # Errors
    ///
    /// If the mailer is closed.
    pub async fn send<T>(&self, deliver: impl AsyncFnOnce() -> T) -> Result<T, ResourceError> {
        let connection = self.connections.acquire().await?;
        self.rate.acquire().await?;
        let sent = deliver().await;
        drop(connection);
        Ok(sent)
    }

    /// How many connections are open just now.
    pub fn open_connections(&self) -> usize {
        self.connections.in_flight()
    }

    /// Sends nothing any more: whoever waits gets an error.
    pub fn close(&self) {
        self.connections.close();
        self.rate.close();
    }
}
