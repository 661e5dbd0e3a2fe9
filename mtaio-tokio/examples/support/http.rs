//! Real HTTP on a loopback port: a server, and a client that asks for one page on a connection of its own.

use core::net::SocketAddr;
use core::pin::pin;
use std::io;

use axum::Router;
use http_body_util::{BodyExt, Empty};
use hyper::Response;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper::http::request::Builder;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::check::Failure;

/// A server; dropping it stops it.
pub(crate) struct Server {
    pub(crate) address: String,
    _serving: JoinSet<io::Result<()>>,
}

impl Server {
    pub(crate) async fn start(router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let mut serving = JoinSet::new();
        // With the address of its client in each request.
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        serving.spawn(async move { axum::serve(listener, service).await });
        Ok(Self { address, _serving: serving })
    }
}

/// Asks for a page and reads all of it. Dropping the future closes the connection.
pub(crate) async fn ask(address: &str, request: Builder) -> Result<Response<Bytes>, Failure> {
    let request = request.header(HOST, address).header(CONNECTION, "close").body(Empty::<Bytes>::new())?;
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut answer = pin!(async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    });
    tokio::select! {
        answer = &mut answer => answer,
        // The server may close the connection before we have read what it sent.
        _ = connection => answer.await,
    }
}
