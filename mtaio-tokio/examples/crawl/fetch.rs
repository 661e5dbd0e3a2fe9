//! One HTTP request, on a connection of its own.

use core::fmt;
use std::io;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, StatusCode, http};
use hyper_util::rt::TokioIo;
use mtaio_tokio::{Elapsed, TimeoutManager};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum FetchError {
    TimedOut,
    Status(StatusCode),
    Connect(io::Error),
    Request(http::Error),
    Http(hyper::Error),
}

/// Fetches a page and reads all of it, within the time that `timeouts` gives it.
///
/// # Errors
///
/// [`FetchError`] if there was no answer in time, none at all, or one whose status is an error.
pub(crate) async fn get(timeouts: &TimeoutManager, address: &str, path: &PathAndQuery) -> Result<(), FetchError> {
    let request = Request::get(path.clone())
        .header(HOST, address.strip_suffix(":80").unwrap_or(address))
        .header(USER_AGENT, concat!("mtaio-crawl/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    // Outlives what is run within the time, to be closed after it.
    let mut connected = None;
    let answer = timeouts.run(async {
        let stream = TcpStream::connect(address).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        exchange(sender, connected.insert(connection), request).await
    });
    let answer = answer.await.unwrap_or_else(|elapsed| Err(elapsed.into()));
    if let (Err(_), Some(connection)) = (&answer, connected) {
        hang_up(connection.into_parts().io.into_inner(), timeouts).await;
    }
    match answer? {
        status if status.is_client_error() || status.is_server_error() => Err(FetchError::Status(status)),
        _ => Ok(()),
    }
}

/// Sends the request and reads the whole answer, and drives the connection meanwhile.
async fn exchange(
    mut sender: SendRequest<Empty<Bytes>>,
    connection: &mut Connection<TokioIo<TcpStream>, Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
) -> Result<StatusCode, FetchError> {
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(status)
    };
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        _ = connection => answer.await,
    }
}

/// Closes the connection and waits until the server has closed it too.
///
/// A request that was given up stays in flight at its server until the server notices. The caller holds its permit
/// until then; were it returned at once, the next request could arrive first, and the server would see one too many.
async fn hang_up(mut stream: TcpStream, timeouts: &TimeoutManager) {
    let closed = async {
        stream.shutdown().await?;
        copy(&mut stream, &mut sink()).await
    };
    // Over either way: a server that does not close within another time limit gets no more of our time.
    let _ = timeouts.run(closed).await;
}

impl From<Elapsed> for FetchError {
    fn from(_: Elapsed) -> Self {
        Self::TimedOut
    }
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Connect(error)
    }
}

impl From<http::Error> for FetchError {
    fn from(error: http::Error) -> Self {
        Self::Request(error)
    }
}

impl From<hyper::Error> for FetchError {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("timed out"),
            Self::Status(status) => write!(f, "{status}"),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Request(error) => write!(f, "cannot be asked for: {error}"),
            Self::Http(error) => write!(f, "bad answer: {error}"),
        }
    }
}

impl core::error::Error for FetchError {}
