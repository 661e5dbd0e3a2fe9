//! Real HTTP servers on loopback ports, which count what they see.

use alloc::sync::Arc;
use core::convert::Infallible;
use core::future::{self, poll_fn};
use core::time::Duration;
use std::io;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::frontier::{Frontier, UrlError};
use crate::ledger::{Arrival, Faults, Ledger, Tally};
use crate::plan::{Fate, Plan};

const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The loopback servers; dropping them stops them.
#[derive(Debug)]
pub(crate) struct Servers {
    plan: Plan,
    ledger: Arc<Ledger>,
    addresses: Vec<String>,
    _listening: JoinSet<()>,
}

/// What the servers counted, and what they had planned.
#[derive(Debug)]
pub(crate) struct Audit {
    /// Every request of the crawl, in order of arrival.
    pub(crate) arrivals: Vec<Arrival>,
    /// What each server counted.
    pub(crate) tallies: Vec<Tally>,
    /// What each server was to do to its clients.
    pub(crate) injected: Vec<Faults>,
}

impl Audit {
    /// When the requests arrived, in order.
    pub(crate) fn instants(&self) -> Vec<Instant> {
        self.arrivals.iter().map(|arrival| arrival.at).collect()
    }
}

impl Servers {
    pub(crate) async fn start(hosts: usize, plan: Plan) -> io::Result<Self> {
        let ledger = Arc::new(Ledger::new(hosts));
        let mut addresses = Vec::new();
        let mut listening = JoinSet::new();
        for number in 0..hosts {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            addresses.push(listener.local_addr()?.to_string());
            let host = Arc::new(Host { number, plan, ledger: Arc::clone(&ledger) });
            listening.spawn(listen(listener, host));
        }
        Ok(Self { plan, ledger, addresses, _listening: listening })
    }

    /// So many pages, taken from each server in turn.
    pub(crate) fn frontier(&self, pages: usize) -> Result<Frontier, UrlError> {
        let mut frontier = Frontier::default();
        for (page, address) in (0..pages).zip(self.addresses.iter().cycle()) {
            frontier.add(&format!("http://{address}/{page}"))?;
        }
        Ok(frontier)
    }

    pub(crate) fn audit(&self, frontier: &Frontier) -> Audit {
        let mut injected = vec![Faults::default(); self.addresses.len()];
        for (number, page) in frontier.pages.iter().enumerate() {
            match self.plan.fate(page.site, number) {
                Fate::Page(_) => {}
                Fate::Error(_) => injected[page.site].errors += 1,
                Fate::Hang => injected[page.site].timeouts += 1,
            }
        }
        let (arrivals, tallies) = self.ledger.read();
        Audit { arrivals, tallies, injected }
    }
}

async fn listen(listener: TcpListener, host: Arc<Host>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(&host)));
            }
            // Out of file descriptors, at worst: some are given back soon.
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection until either side closes it.
async fn serve(stream: TcpStream, host: Arc<Host>) {
    let service = service_fn(|request| Box::pin(host.answer(request)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // An error means that the client left first, which the handler's guard has booked.
    let _ = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    // Dropping the connection would close the socket before it drops the handler. Taking it apart drops the handler
    // first: a client that reads the end of the stream knows that its request is no longer counted.
    let parts = connection.into_parts();
    drop(parts.io);
}

/// One server.
#[derive(Debug)]
struct Host {
    number: usize,
    plan: Plan,
    ledger: Arc<Ledger>,
}

impl Host {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let page = request.uri().path().strip_prefix('/').and_then(|page| page.parse().ok());
        let Some(page) = page else {
            return Ok(respond(StatusCode::NOT_FOUND));
        };
        let in_flight = self.ledger.enter(self.number, page);
        let status = match self.plan.fate(self.number, page) {
            Fate::Page(latency) => {
                sleep(latency).await;
                StatusCode::OK
            }
            Fate::Error(latency) => {
                sleep(latency).await;
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Fate::Hang => future::pending().await,
        };
        // Before the answer is written: the client may send its next request as soon as it has read this one.
        in_flight.answer(status);
        Ok(respond(status))
    }
}

fn respond(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{status}\n")));
    *response.status_mut() = status;
    response
}
