//! One direction of a connection: how many bytes may go now, and what went.

use alloc::boxed::Box;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice};

use crate::limit::{AcquireCellsOwned, Limiter, Quota, RateLimiter, ResourceLimitError, ResourceLimitErrorKind};
use crate::runtime::Timer;

/// One who has to wait asks for what comes in so many nanoseconds, at most: ten milliseconds.
const PORTION: u128 = 10_000_000;

/// The bytes of one direction, each of which waits for a cell of a [`RateLimiter`].
///
/// It is what limited readers and writers are made of. Use it to limit what implements neither the traits of tokio nor those of
/// futures-io; it moves no bytes itself. What is guaranteed is said in the [module](crate::io).
///
/// The first time that it waits it allocates the place for that.
///
/// # Examples
///
/// ```
/// use core::task::{Context, Poll, Waker};
/// use mtaio_core::io::Flow;
/// use mtaio_core::limit::{Quota, RateLimiter};
/// # use mtaio_core::runtime::ManualClock;
///
/// let limiter = RateLimiter::with_runtime(Quota::per_second(1000).burst(10), ManualClock::new());
/// let mut flow = Flow::new(&limiter);
/// let mut context = Context::from_waker(Waker::noop());
/// // There are 64 bytes, and ten may go; of these four do.
/// let went = flow.poll_transfer(&mut context, 64, |allowed, _| {
///     assert_eq!(allowed, 10);
///     Poll::Ready(Ok(4))
/// });
/// assert!(matches!(went, Poll::Ready(Ok(4))));
/// assert_eq!(limiter.available(), 6);
/// ```
pub struct Flow<R: Timer> {
    /// `None` where all may go.
    limiter: Option<RateLimiter<R>>,
    /// The most bytes that may go at once, when the quota was looked at last.
    burst: u32,
    /// In line, for so many bytes.
    line: Option<Pin<Box<Option<AcquireCellsOwned<R>>>>>,
    asked: u32,
    turn: Turn,
}

/// Whether it has had its turn among those that share the limiter. Where a late timer leaves more than was waited for, who is
/// polled first would have all of it; so who has waited gives way once before each transfer, until it has nothing to transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It did not have to wait.
    None,
    /// It had one, and gives way first.
    Over,
    /// It gave way, and may take what is there.
    Passed,
}

/// Bytes that were let through and have not gone. They are put back also if the transfer panics.
struct Unused<'a, R: Timer> {
    limiter: &'a RateLimiter<R>,
    bytes: u32,
}

impl<R: Timer> Drop for Unused<'_, R> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.limiter.put_back(self.bytes);
        }
    }
}

impl<R: Timer> Flow<R> {
    /// A direction whose bytes are paid to `limiter`, which others may share.
    pub fn new(limiter: &RateLimiter<R>) -> Self {
        let burst = limiter.quota().burst_size();
        Self { limiter: Some(limiter.clone()), burst, line: None, asked: 0, turn: Turn::None }
    }

    /// A direction without a limit.
    pub const fn unlimited() -> Self {
        Self { limiter: None, burst: u32::MAX, line: None, asked: 0, turn: Turn::None }
    }

    /// The limiter, if there is one.
    pub const fn limiter(&self) -> Option<&RateLimiter<R>> {
        self.limiter.as_ref()
    }

    /// Waits until some of `wanted` bytes may go, and calls `transfer` with how many: at least one, at most the burst. What it
    /// says that went is paid; the rest is put back, and so is all of it where `transfer` is pending, fails or panics.
    ///
    /// Where no bytes are wanted, it does not wait. Where it had to wait before, it may be pending without need, and has woken the
    /// task then: so it gives way.
    ///
    /// # Cancel safety
    ///
    /// It may be called again with another number, or never again. Its place in line stays until it is called again or dropped:
    /// then nothing is spent.
    ///
    /// # Errors
    ///
    /// Those of `transfer`, and those of the [module](crate::io) where the limiter refuses; `transfer` is not called then.
    ///
    /// # Panics
    ///
    /// If it has to wait and no runtime polls it, where the runtime's timers need one.
    pub fn poll_transfer(
        &mut self,
        context: &mut Context<'_>,
        wanted: usize,
        transfer: impl FnOnce(usize, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if wanted == 0 || self.limiter.is_none() {
            return transfer(wanted, context);
        }
        let bytes = ready!(self.poll_allowed(context, wanted))?;
        let Some(limiter) = &self.limiter else { unreachable!("it has allowed something") };
        let mut unused = Unused { limiter, bytes };
        // Fewer may be wanted now than when it asked.
        let went = transfer(wanted.min(bytes as usize), context);
        match went {
            Poll::Ready(Ok(went)) => unused.bytes -= u32::try_from(went).unwrap_or(u32::MAX).min(bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.turn = Turn::None,
        }
        went
    }

    /// As [`poll_transfer`](Self::poll_transfer), for buffers that are written together: `transfer` gets the first ones, as far
    /// as they may go.
    ///
    /// # Cancel safety
    ///
    /// As [`poll_transfer`](Self::poll_transfer).
    ///
    /// # Errors
    ///
    /// As [`poll_transfer`](Self::poll_transfer).
    ///
    /// # Panics
    ///
    /// As [`poll_transfer`](Self::poll_transfer).
    pub fn poll_transfer_slices(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        transfer: impl FnOnce(&[IoSlice<'_>], &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let wanted = slices.iter().fold(0_usize, |sum, slice| sum.saturating_add(slice.len()));
        self.poll_transfer(context, wanted, |allowed, context| {
            match leading(slices.iter().map(|slice| slice.len()), allowed) {
                Leading::Whole(count) => transfer(&slices[..count], context),
                Leading::Part(index) => transfer(&[IoSlice::new(&slices[index][..allowed])], context),
            }
        })
    }

    /// How many bytes may go now, of at least one that is wanted. They are paid.
    fn poll_allowed(&mut self, context: &mut Context<'_>, wanted: usize) -> Poll<Result<u32, ResourceLimitError>> {
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        loop {
            if let Some(granted) = ready!(self.poll_line(context))? {
                return Poll::Ready(Ok(granted));
            }
            let Some(limiter) = &self.limiter else { return Poll::Ready(Ok(u32::MAX)) };
            if self.turn == Turn::Over {
                self.turn = Turn::Passed;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            match take_what_is_there(limiter, &mut self.burst, wanted)? {
                There::Taken(bytes) => {
                    if self.turn == Turn::Passed {
                        self.turn = Turn::Over;
                    }
                    return Poll::Ready(Ok(bytes));
                }
                There::TooFew { portion } => {
                    self.asked = portion;
                    self.line.get_or_insert_with(|| Box::pin(None)).set(Some(limiter.admit(portion)));
                }
            }
        }
    }

    /// What it was granted in line. Nothing if it is not there, or has to ask for less.
    fn poll_line(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<u32>, ResourceLimitError>> {
        let Some(line) = &mut self.line else { return Poll::Ready(Ok(None)) };
        let Some(waiting) = line.as_mut().as_pin_mut() else { return Poll::Ready(Ok(None)) };
        let outcome = ready!(waiting.poll(context));
        line.set(None);
        Poll::Ready(match outcome {
            Ok(()) => {
                self.turn = Turn::Over;
                Ok(Some(self.asked))
            }
            // The burst is smaller than it was.
            Err(error) if error.kind() == ResourceLimitErrorKind::TooLarge => Ok(None),
            Err(error) => Err(error),
        })
    }
}

/// What one who does not wait can have.
enum There {
    Taken(u32),
    /// Not even what one who waits asks for.
    TooFew {
        portion: u32,
    },
}

/// Takes cells for as many bytes as are wanted, at most the burst; or else for as many as there are, if one who waits would not ask
/// for more.
fn take_what_is_there<R: Timer>(
    limiter: &RateLimiter<R>,
    burst: &mut u32,
    wanted: u32,
) -> Result<There, ResourceLimitError> {
    let first = wanted.min(*burst);
    let Err(error) = limiter.try_acquire_many(first) else { return Ok(There::Taken(first)) };
    if !matches!(error.kind(), ResourceLimitErrorKind::NotReady | ResourceLimitErrorKind::TooLarge) {
        return Err(error);
    }
    let quota = limiter.quota();
    *burst = quota.burst_size();
    let (there, portion) = (limiter.available().min(wanted), portion(quota).min(wanted));
    if there >= portion && limiter.try_acquire_many(there).is_ok() {
        return Ok(There::Taken(there));
    }
    Ok(There::TooFew { portion })
}

/// What one who waits asks for: less than the bucket holds, so that a late timer loses nothing, and not a byte at a time.
fn portion(quota: Quota) -> u32 {
    let (cells, period) = quota.fraction();
    let in_time = u128::from(cells) * PORTION / period.as_nanos();
    let half = quota.burst_size() / 2;
    u32::try_from(in_time).unwrap_or(u32::MAX).min(half).max(1)
}

/// The buffers at the beginning that may go.
pub(super) enum Leading {
    /// So many, all of each.
    Whole(usize),
    /// A part of this one, before which all are empty.
    Part(usize),
}

/// What may go of buffers of these sizes, if so many bytes may.
pub(super) fn leading(sizes: impl Iterator<Item = usize>, allowed: usize) -> Leading {
    let (mut left, mut count) = (allowed, 0);
    for size in sizes {
        match left.checked_sub(size) {
            Some(rest) => left = rest,
            None if left == allowed => return Leading::Part(count),
            None => break,
        }
        count += 1;
    }
    Leading::Whole(count)
}

impl<R: Timer> Default for Flow<R> {
    fn default() -> Self {
        Self::unlimited()
    }
}

impl<R: Timer> fmt::Debug for Flow<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = self.line.as_ref().is_some_and(|line| line.is_some());
        f.debug_struct("Flow").field("limiter", &self.limiter).field("waits", &waits).finish()
    }
}
