//! Readers and writers of futures-io with limits.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{IoSlice, IoSliceMut, Result};

use futures_io::{AsyncRead, AsyncWrite};
use pin_project_lite::pin_project;

use super::flow::{Flow, Leading, leading};
use crate::limit::RateLimiter;
use crate::runtime::Timer;

pin_project! {
    /// A reader, a writer or both, of futures-io, whose bytes wait for cells.
    ///
    /// What is guaranteed is said in the [module](crate::io). Several can share a limiter, and one limiter can be for both
    /// directions.
    ///
    /// ```
    /// use core::time::Duration;
    /// use futures_util::io::{AsyncReadExt, Cursor};
    /// use mtaio_core::io::Limited;
    /// use mtaio_core::limit::{Quota, RateLimiter};
    /// use mtaio_core::runtime::{Clock, VirtualRuntime};
    ///
    /// let runtime = VirtualRuntime::new();
    /// let limiter = RateLimiter::with_runtime(Quota::bytes_per_second(1000), runtime.clone());
    /// let mut reader = Limited::new(Cursor::new([7; 2020])).limit_reads(&limiter);
    /// let mut bytes = [0; 2020];
    /// runtime.block_on(reader.read_exact(&mut bytes))?;
    /// // Twenty bytes are the burst.
    /// assert_eq!((bytes, runtime.now().as_nanos()), ([7; 2020], 2_000_000_000));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub struct Limited<S, R>
    where
        R: Timer,
    {
        #[pin]
        inner: S,
        reads: Flow<R>,
        writes: Flow<R>,
    }
}

impl<S, R: Timer> Limited<S, R> {
    /// `inner`, without a limit yet.
    pub const fn new(inner: S) -> Self {
        Self { inner, reads: Flow::unlimited(), writes: Flow::unlimited() }
    }

    /// The same, with a cell of `limiter` for each byte that is read.
    #[must_use]
    pub fn limit_reads(self, limiter: &RateLimiter<R>) -> Self {
        Self { reads: Flow::new(limiter), ..self }
    }

    /// The same, with a cell of `limiter` for each byte that is written.
    #[must_use]
    pub fn limit_writes(self, limiter: &RateLimiter<R>) -> Self {
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

impl<S: AsyncRead, R: Timer> AsyncRead for Limited<S, R> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        let this = self.project();
        this.reads.poll_transfer(context, buffer.len(), |allowed, context| {
            this.inner.poll_read(context, &mut buffer[..allowed])
        })
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        let this = self.project();
        let wanted = buffers.iter().fold(0_usize, |sum, buffer| sum.saturating_add(buffer.len()));
        this.reads.poll_transfer(context, wanted, |allowed, context| {
            match leading(buffers.iter().map(|buffer| buffer.len()), allowed) {
                Leading::Whole(count) => this.inner.poll_read_vectored(context, &mut buffers[..count]),
                Leading::Part(index) => this.inner.poll_read(context, &mut buffers[index][..allowed]),
            }
        })
    }
}

impl<S: AsyncWrite, R: Timer> AsyncWrite for Limited<S, R> {
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

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().inner.poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().inner.poll_close(context)
    }
}

impl<S: fmt::Debug, R: Timer> fmt::Debug for Limited<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("inner", &self.inner)
            .field("reads", &self.reads)
            .field("writes", &self.writes)
            .finish()
    }
}
