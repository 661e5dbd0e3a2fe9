//! A pipe in memory, as checks need it: one end is written to, the other one read from.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io;

use futures_io::{AsyncRead, AsyncWrite};

use crate::primitive::Lock;

/// Both ends at once: what is written can be read. Clones are the same pipe.
#[derive(Clone)]
pub(super) struct Pipe(Arc<Lock<Inside>>);

struct Inside {
    bytes: VecDeque<u8>,
    room: usize,
    closed: bool,
    /// How often it was flushed.
    flushed: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    /// An empty pipe that holds so many bytes.
    pub(super) fn new(room: usize) -> Self {
        let inside = Inside { bytes: VecDeque::new(), room, closed: false, flushed: 0, reader: None, writer: None };
        Self(Arc::new(Lock::new(inside)))
    }

    /// A pipe that was closed after so many bytes.
    pub(super) fn full(bytes: usize) -> Self {
        let pipe = Self::new(bytes);
        pipe.put(bytes);
        pipe.0.with(|inside| inside.closed = true);
        pipe
    }

    /// Puts so many bytes in, whatever the room.
    pub(super) fn put(&self, bytes: usize) {
        let reader = self.0.with(|inside| {
            inside.bytes.extend((0..bytes).map(|byte| byte as u8));
            inside.reader.take()
        });
        reader.into_iter().for_each(Waker::wake);
    }

    /// How many bytes are in it.
    pub(super) fn len(&self) -> usize {
        self.0.with(|inside| inside.bytes.len())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.with(|inside| inside.closed)
    }

    pub(super) fn flushed(&self) -> usize {
        self.0.with(|inside| inside.flushed)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let fresh = context.waker().clone();
        let (poll, other) = self.0.with(|inside| {
            let size = buffer.len().min(inside.bytes.len());
            if size == 0 && !inside.closed && !buffer.is_empty() {
                return (Poll::Pending, inside.reader.replace(fresh));
            }
            buffer.iter_mut().zip(inside.bytes.drain(..size)).for_each(|(place, byte)| *place = byte);
            (Poll::Ready(Ok(size)), inside.writer.take())
        });
        match poll {
            Poll::Ready(_) => other.into_iter().for_each(Waker::wake),
            Poll::Pending => drop(other),
        }
        poll
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let fresh = context.waker().clone();
        let (poll, other) = self.0.with(|inside| {
            let size = bytes.len().min(inside.room.saturating_sub(inside.bytes.len()));
            if size == 0 && !bytes.is_empty() {
                return (Poll::Pending, inside.writer.replace(fresh));
            }
            inside.bytes.extend(&bytes[..size]);
            (Poll::Ready(Ok(size)), inside.reader.take())
        });
        match poll {
            Poll::Ready(_) => other.into_iter().for_each(Waker::wake),
            Poll::Pending => drop(other),
        }
        poll
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.with(|inside| inside.flushed += 1);
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let reader = self.0.with(|inside| {
            inside.closed = true;
            inside.reader.take()
        });
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), size: usize) -> io::Result<usize> {
    let mut buffer = alloc::vec![0; size];
    poll_fn(|context| Pin::new(&mut *from).poll_read(context, &mut buffer)).await
}

pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), size: usize) -> io::Result<usize> {
    let bytes = alloc::vec![7; size];
    poll_fn(|context| Pin::new(&mut *to).poll_write(context, &bytes)).await
}

/// Reads to the end with a buffer of so many bytes. Returns how many came.
pub(super) async fn read_all(from: &mut (impl AsyncRead + Unpin), size: usize) -> io::Result<usize> {
    let mut all = 0;
    loop {
        match read(from, size).await? {
            0 => return Ok(all),
            more => all += more,
        }
    }
}
