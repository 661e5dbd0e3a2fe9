//! Limits on bytes: readers and writers of tokio that wait for a cell for each byte.
//!
//! ```
//! use mtaio_tokio::io::Limited;
//! use mtaio_tokio::{Quota, RateLimiter};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let down = RateLimiter::new(Quota::bytes_per_second(1_000_000));
//! let up = RateLimiter::new(Quota::bytes_per_second(200_000));
//!
//! let (near, mut far) = tokio::io::duplex(1024); // a `TcpStream`, usually
//! let mut near = Limited::new(near).limit_reads(&down).limit_writes(&up);
//! near.write_all(b"ping").await?;
//! far.write_all(b"pong").await?;
//! let mut answer = [0; 4];
//! near.read_exact(&mut answer).await?;
//! # assert_eq!(&answer, b"pong");
//! # Ok(())
//! # }
//! ```
//!
//! # What is guaranteed
//!
//! Each byte is paid once, before it goes: in any window of length `w` at most `burst + rate * (w + cap)` bytes are let through
//! by all that share a limiter. What was let through and did not go is put back at once. One read or write moves at most the
//! burst. A connection without anything to read, or that cannot be written to, holds no cells; flushing and shutting down never
//! wait for any. More is said in [`mtaio_core::io`], and in what a [`Flow`] says.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{IoSlice, Result};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{RateLimiter, TokioRuntime};

/// The bytes of one direction: see [`mtaio_core::io::Flow`].
pub type Flow = mtaio_core::io::Flow<TokioRuntime>;

pin_project! {
    /// A reader, a writer or both, whose bytes wait for cells: see the [module](crate::io).
    ///
    /// Several can share a limiter, and one limiter can be for both directions.
    pub struct Limited<S> {
        #[pin]
        inner: S,
        reads: Flow,
        writes: Flow,
    }
}

impl<S> Limited<S> {
    /// `inner`, without a limit yet.
    pub const fn new(inner: S) -> Self {
        Self { inner, reads: Flow::unlimited(), writes: Flow::unlimited() }
    }

    /// The same, with a cell of `limiter` for each byte that is read.
    #[must_use]
    pub fn limit_reads(self, limiter: &RateLimiter) -> Self {
        Self { reads: Flow::new(limiter), ..self }
    }

    /// The same, with a cell of `limiter` for each byte that is written.
    #[must_use]
    pub fn limit_writes(self, limiter: &RateLimiter) -> Self {
        Self { writes: Flow::new(limiter), ..self }
    }

    /// What is limited.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// What is limited. Bytes that go past the limits are not paid.
    pub const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// What is limited, without its limits.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: AsyncRead> AsyncRead for Limited<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.project();
        let read = this.reads.poll_transfer(context, buffer.remaining(), |allowed, context| {
            poll_read_some(this.inner, context, buffer, allowed)
        });
        read.map_ok(drop)
    }
}

/// Reads at most `allowed` bytes into what is left of the buffer, and says how many.
fn poll_read_some<S: AsyncRead>(
    inner: Pin<&mut S>,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
    allowed: usize,
) -> Poll<Result<usize>> {
    if allowed >= buffer.remaining() {
        let before = buffer.filled().len();
        return inner.poll_read(context, buffer).map_ok(|()| buffer.filled().len() - before);
    }
    // What is not initialised yet is written over once.
    let mut part = ReadBuf::new(buffer.initialize_unfilled_to(allowed));
    let poll = inner.poll_read(context, &mut part);
    let read = part.filled().len();
    if matches!(poll, Poll::Ready(Ok(()))) {
        buffer.advance(read);
    }
    poll.map_ok(|()| read)
}

impl<S: AsyncWrite> AsyncWrite for Limited<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = self.project();
        this.writes
            .poll_transfer(context, bytes.len(), |allowed, context| this.inner.poll_write(context, &bytes[..allowed]))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let this = self.project();
        this.writes
            .poll_transfer_slices(context, slices, |slices, context| this.inner.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().inner.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().inner.poll_shutdown(context)
    }
}

impl<S: fmt::Debug> fmt::Debug for Limited<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("inner", &self.inner)
            .field("reads", &self.reads)
            .field("writes", &self.writes)
            .finish()
    }
}
