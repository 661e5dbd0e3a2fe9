//! The API: a rate for each client, one for all of them, and a time limit over each request.

use alloc::sync::Arc;
use core::convert::Infallible;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mtaio_tokio::tower::{KeyedLimitLayer, LimitError, RateLimitLayer};
use mtaio_tokio::{KeyedRateLimiter, Quota, RateLimiter, ResourceLimitError, ResourceLimitErrorKind, TimeoutManager};
use tokio::time::sleep;

pub(crate) const RATE: u32 = 100;
/// Well below the rate: what comes at once is served at once only if it is little.
pub(crate) const BURST: u32 = 20;
/// What one client may have of that.
pub(crate) const CLIENT_RATE: u32 = 5;
/// How many clients are told apart at a time. If more come, those that have been idle longest are forgotten.
const MOST_CLIENTS: usize = 100_000;
/// An API would rather have five seconds; so this takes a few seconds in all.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(1);

const WORK: Duration = Duration::from_millis(5);
const SLOW_WORK: Duration = Duration::from_secs(60);

/// Where a proxy says for whom it asks.
pub(crate) const FORWARDED_FOR: &str = "x-real-ip";

#[derive(Clone)]
pub(crate) struct Api {
    rate: RateLimiter,
    per_client: KeyedRateLimiter<IpAddr>,
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
            per_client: KeyedRateLimiter::builder(Quota::per_second(CLIENT_RATE)).max_keys(MOST_CLIENTS).build(),
            timeouts: TimeoutManager::new(TIME_LIMIT),
            ledger: Arc::default(),
        }
    }

    pub(crate) fn router(&self) -> Router {
        let refuse = RateLimitLayer::new(self.rate.clone()).refuse();
        // Before the limit of all: who exceeds its own spends nothing of theirs.
        let per_client = KeyedLimitLayer::optional(self.per_client.clone(), client_of).refuse();
        Router::new()
            .route("/wait", get(wait))
            .route("/slow", get(slow))
            .route("/now", get(at_once).layer((HandleErrorLayer::new(refused), refuse)))
            .layer((HandleErrorLayer::new(refused), per_client))
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

/// Who asks: the other end of the connection, or whom our proxy names, which runs on this machine. What anybody else says about
/// that does not count: each request would have a limit of its own.
fn client_of(request: &Request) -> Option<IpAddr> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let named = request.headers().get(FORWARDED_FOR).filter(|_| peer.ip().is_loopback());
    let client = match named {
        Some(address) => address.to_str().ok()?.parse().ok()?,
        None => peer.ip(),
    };
    Some(match client {
        // Who has one of these addresses has all that begin like it.
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        client => client,
    })
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

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn client(peer: Option<&str>, named: Option<&str>) -> Option<String> {
        let mut request = Request::new(Body::empty());
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        }
        if let Some(named) = named {
            request.headers_mut().insert(FORWARDED_FOR, named.parse().unwrap());
        }
        client_of(&request).map(|client| client.to_string())
    }

    #[test]
    fn only_the_proxy_may_name_another_client() {
        assert_eq!(client(Some("192.0.2.1:80"), None).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(Some("192.0.2.1:80"), Some("192.0.2.7")).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(Some("127.0.0.1:80"), Some("192.0.2.7")).as_deref(), Some("192.0.2.7"));
        assert_eq!(client(Some("127.0.0.1:80"), Some("me")), None);
        assert_eq!(client(None, Some("192.0.2.7")), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        assert_eq!(client(Some("[2001:db8:1:2:3:4:5:6]:80"), None).as_deref(), Some("2001:db8:1:2::"));
    }
}
