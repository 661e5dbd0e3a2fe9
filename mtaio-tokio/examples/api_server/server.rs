//! The API: one rate for all of its routes, and a time limit over each request.

use alloc::sync::Arc;
use core::convert::Infallible;
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mtaio_tokio::tower::{LimitError, RateLimitLayer};
use mtaio_tokio::{Quota, RateLimiter, ResourceLimitError, ResourceLimitErrorKind, TimeoutManager};
use tokio::time::sleep;

pub(crate) const RATE: u32 = 100;
/// Well below the rate: what comes at once is served at once only if it is little.
pub(crate) const BURST: u32 = 20;
/// An API would rather have five seconds; so this takes a few seconds in all.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(1);

const WORK: Duration = Duration::from_millis(5);
const SLOW_WORK: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Api {
    rate: RateLimiter,
    timeouts: TimeoutManager,
    ledger: Arc<Mutex<Ledger>>,
}

/// What the server counts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ledger {
    /// Requests that passed the limit.
    pub(crate) admitted: usize,
    /// Those of them whose work was done.
    pub(crate) done: usize,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self {
            rate: RateLimiter::new(Quota::per_second(RATE).burst(BURST)),
            timeouts: TimeoutManager::new(TIME_LIMIT),
            ledger: Arc::default(),
        }
    }

    pub(crate) fn router(&self) -> Router {
        let refuse = RateLimitLayer::new(self.rate.clone()).refuse();
        Router::new()
            .route("/wait", get(wait))
            .route("/slow", get(slow))
            .route("/now", get(at_once).layer((HandleErrorLayer::new(refused), refuse)))
            .layer(from_fn_with_state(self.clone(), in_time))
            .with_state(self.clone())
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.book(|ledger| *ledger)
    }

    async fn work(&self, duration: Duration) -> &'static str {
        self.book(|ledger| ledger.admitted += 1);
        sleep(duration).await;
        self.book(|ledger| ledger.done += 1);
        "done\n"
    }

    fn book<T>(&self, entry: impl FnOnce(&mut Ledger) -> T) -> T {
        entry(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Limits the time of a request, with everything in it that waits.
async fn in_time(State(api): State<Api>, request: Request, next: Next) -> Response {
    match api.timeouts.scope(next.run(request)).await {
        Ok(response) => response,
        Err(elapsed) => (StatusCode::GATEWAY_TIMEOUT, elapsed.to_string()).into_response(),
    }
}

/// Waits for its turn; or does not even begin to, if that would come when the time is over.
async fn wait(State(api): State<Api>) -> Result<&'static str, Response> {
    api.rate.acquire().await.map_err(refusal)?;
    Ok(api.work(WORK).await)
}

async fn slow(State(api): State<Api>) -> Result<&'static str, Response> {
    api.rate.acquire().await.map_err(refusal)?;
    Ok(api.work(SLOW_WORK).await)
}

/// The layer before it does not wait.
async fn at_once(State(api): State<Api>) -> &'static str {
    api.work(WORK).await
}

async fn refused(error: LimitError<Infallible>) -> Response {
    match error {
        LimitError::Limited(error) => refusal(error),
        LimitError::Inner(never) => match never {},
    }
}

/// What a refusal is in HTTP.
fn refusal(error: ResourceLimitError) -> Response {
    let status = match error.kind() {
        ResourceLimitErrorKind::NotReady => StatusCode::TOO_MANY_REQUESTS,
        ResourceLimitErrorKind::Deadline => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let retry_after = error.retry_after().map(|wait| [(RETRY_AFTER, whole_seconds(wait).to_string())]);
    match retry_after {
        Some(header) => (status, header, error.to_string()).into_response(),
        None => (status, error.to_string()).into_response(),
    }
}

/// Rounded up: who comes earlier comes too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
