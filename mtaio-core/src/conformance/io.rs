//! What limits on bytes promise, on pipes in memory.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_io {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness io {
            bytes_that_are_read_are_paid_once
            bytes_that_are_written_are_paid_once
            a_transfer_is_at_most_the_burst
            an_idle_connection_holds_no_cells
            a_writer_whose_peer_does_not_read_holds_no_cells
            a_burst_of_one_byte_moves_one_byte_at_a_time
            a_transfer_takes_as_long_as_its_bytes
            nothing_is_paid_for_nothing
            flushing_and_closing_do_not_wait_for_cells
            buffers_go_together_as_far_as_they_may
            a_closed_limiter_is_an_error_with_the_refusal_inside
            a_scope_that_leaves_too_little_time_ends_a_transfer
            a_transfer_that_is_dropped_while_it_waits_leaves_no_trace
            a_wait_that_goes_on_with_a_smaller_buffer_puts_the_rest_back
            a_smaller_burst_reaches_who_waits
            a_transfer_that_panics_pays_nothing
            connections_that_share_a_limit_get_the_same
            each_direction_can_have_its_own_limit
            what_a_limited_connection_says_of_itself_is_text
        } }
    };
}

use core::future::poll_fn;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::panic::catch_unwind;

use futures_io::{AsyncRead, AsyncWrite};

use super::Harness;
use super::hand::{ByHand, at_once};
use super::pipe::{Pipe, read, read_all, write};
use super::rig::Rig;
use crate::io::{Flow, Limited};
use crate::limit::{Quota, RateLimiter, ResourceLimitError, ResourceLimitErrorKind as Kind};
use crate::runtime::Timer;

/// No cell comes while a check runs.
const STILL: Quota = Quota::per_hour(1).burst(100);

fn reader<R: Timer>(pipe: &Pipe, limiter: &RateLimiter<R>) -> Limited<Pipe, R> {
    Limited::new(pipe.clone()).limit_reads(limiter)
}

fn writer<R: Timer>(pipe: &Pipe, limiter: &RateLimiter<R>) -> Limited<Pipe, R> {
    Limited::new(pipe.clone()).limit_writes(limiter)
}

pub async fn bytes_that_are_read_are_paid_once<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.rate(STILL), Pipe::full(30));
    let mut reader = reader(&pipe, &limiter);
    assert_eq!(read(&mut reader, 10).await.expect("there are bytes"), 10);
    assert_eq!(limiter.available(), 90);
    assert_eq!(read(&mut reader, 1000).await.expect("there are bytes"), 20);
    assert_eq!(limiter.available(), 70);
}

pub async fn bytes_that_are_written_are_paid_once<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.rate(STILL), Pipe::new(30));
    let mut writer = writer(&pipe, &limiter);
    assert_eq!(write(&mut writer, 10).await.expect("there is room"), 10);
    assert_eq!(write(&mut writer, 50).await.expect("there is room"), 20);
    assert_eq!((limiter.available(), pipe.len()), (70, 30));
}

pub async fn a_transfer_is_at_most_the_burst<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.rate(Quota::per_hour(1).burst(7)), Pipe::full(100));
    assert_eq!(read(&mut reader(&pipe, &limiter), 1000).await.expect("there are bytes"), 7);
    limiter.refund(7);
    assert_eq!(write(&mut writer(&Pipe::new(100), &limiter), 1000).await.expect("there is room"), 7);
    assert_eq!(limiter.available(), 0);
}

pub async fn an_idle_connection_holds_no_cells<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.rate(STILL), Pipe::new(30));
    let mut reader = reader(&pipe, &limiter);
    let mut reading = ByHand::waiting(read(&mut reader, 50));
    assert_eq!(limiter.available(), 100);
    pipe.put(5);
    assert!(matches!(reading.output_after_wake(), Ok(5)));
    assert_eq!(limiter.available(), 95);
    // Nor does one whose turn has come while there was nothing to read.
    limiter.try_acquire_many(95).expect("they are there");
    drop(reading);
    let reading = &mut ByHand::waiting(read(&mut reader, 50));
    limiter.refund(100);
    assert!(reading.is_woken());
    reading.assert_waits();
    assert_eq!((limiter.available(), limiter.waiters()), (100, 0));
}

pub async fn a_writer_whose_peer_does_not_read_holds_no_cells<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.rate(STILL), Pipe::new(30));
    let mut writer = writer(&pipe, &limiter);
    assert_eq!(write(&mut writer, 30).await.expect("there is room"), 30);
    let mut writing = ByHand::waiting(write(&mut writer, 30));
    assert_eq!(limiter.available(), 70);
    assert_eq!(read(&mut pipe.clone(), 10).await.expect("there are bytes"), 10);
    assert!(matches!(writing.output_after_wake(), Ok(10)));
    assert_eq!(limiter.available(), 60);
}

pub async fn a_burst_of_one_byte_moves_one_byte_at_a_time<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.rate(Quota::per_second(2000).burst(1)), Pipe::full(20));
    let start = rig.now();
    let mut reader = reader(&pipe, &limiter);
    assert_eq!(read(&mut reader, 1 << 16).await.expect("there are bytes"), 1);
    assert_eq!(read_all(&mut reader, 1 << 16).await.expect("there are bytes"), 19);
    // The last one finds that there are no more.
    assert!(rig.now() - start >= Duration::from_micros(9500));
}

pub async fn a_transfer_takes_as_long_as_its_bytes<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.rate(Quota::per_second(100_000).burst(100)), Pipe::full(2100));
    let mut reader = reader(&pipe, &limiter);
    let start = rig.now();
    while pipe.len() > 0 {
        read(&mut reader, 512).await.expect("there are bytes");
    }
    rig.assert_elapsed(start, Duration::from_millis(20));
    assert_eq!(read_all(&mut reader, 512).await.expect("it is the end"), 0);
}

pub async fn nothing_is_paid_for_nothing<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.drained(STILL), Pipe::full(0));
    let (mut reader, mut writer) = (reader(&pipe, &limiter), writer(&pipe, &limiter));
    assert_eq!(at_once(read(&mut reader, 0)).expect("it is not asked"), 0);
    assert_eq!(at_once(write(&mut writer, 0)).expect("it is not asked"), 0);
    limiter.refund(50);
    assert_eq!(read(&mut reader, 10).await.expect("it is the end"), 0);
    assert_eq!(limiter.available(), 50);
}

pub async fn flushing_and_closing_do_not_wait_for_cells<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.drained(STILL), Pipe::new(10));
    let mut writer = writer(&pipe, &limiter);
    drop(ByHand::waiting(write(&mut writer, 5)));
    at_once(poll_fn(|context| Pin::new(&mut writer).poll_flush(context))).expect("it is flushed");
    at_once(poll_fn(|context| Pin::new(&mut writer).poll_close(context))).expect("it is closed");
    assert_eq!((pipe.flushed(), pipe.is_closed()), (1, true));
}

pub async fn buffers_go_together_as_far_as_they_may<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.rate(Quota::per_hour(1).burst(7)), Pipe::new(100));
    let mut both = Limited::new(pipe.clone()).limit_writes(&limiter).limit_reads(&limiter);
    let bytes = [5; 20];
    for (sizes, gone) in [(&[0, 3, 4, 9][..], 7), (&[3, 20], 3), (&[0, 20], 7), (&[0, 0], 0), (&[], 0)] {
        limiter.refund(7);
        let slices: alloc::vec::Vec<_> = sizes.iter().map(|&size| IoSlice::new(&bytes[..size])).collect();
        let wrote = at_once(poll_fn(|context| Pin::new(&mut both).poll_write_vectored(context, &slices)));
        // The pipe itself takes the first buffer that is not empty.
        let first = sizes.iter().copied().find(|&size| size > 0).unwrap_or(0).min(gone);
        assert_eq!(wrote.expect("there is room"), first, "{sizes:?}");
        assert_eq!(limiter.available() as usize, 7 - first);
    }
    limiter.refund(7);
    let (mut first, mut second) = ([0; 2], [0; 9]);
    let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    let read = at_once(poll_fn(|context| Pin::new(&mut both).poll_read_vectored(context, &mut buffers)));
    assert_eq!(read.expect("there are bytes"), 2);
    let read = at_once(poll_fn(|context| Pin::new(&mut both).poll_read_vectored(context, &mut buffers[1..])));
    assert_eq!(read.expect("there are bytes"), 5);
}

pub async fn a_closed_limiter_is_an_error_with_the_refusal_inside<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.drained(STILL), Pipe::full(10));
    let mut reader = reader(&pipe, &limiter);
    let mut reading = ByHand::waiting(read(&mut reader, 5));
    limiter.close();
    let error = reading.output_after_wake().expect_err("it is closed");
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<ResourceLimitError>());
    assert_eq!(inside.map(ResourceLimitError::kind), Some(Kind::Closed));
    drop(reading);
    assert!(at_once(read(&mut reader, 5)).is_err());
    assert_eq!(pipe.len(), 10);
}

pub async fn a_scope_that_leaves_too_little_time_ends_a_transfer<H: Harness>(rig: Rig<H>) {
    let (limiter, timeouts) = (rig.drained(STILL), rig.timeouts(Duration::from_secs(50)));
    let mut reader = reader(&Pipe::full(10), &limiter);
    let error = timeouts.scope(read(&mut reader, 5)).await.expect("it does not wait").expect_err("it is too slow");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

pub async fn a_transfer_that_is_dropped_while_it_waits_leaves_no_trace<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.drained(STILL), Pipe::full(10));
    let mut waiting = reader(&pipe, &limiter);
    drop(ByHand::waiting(read(&mut waiting, 5)));
    // It has its place in line until it is dropped, and what it is granted goes to the next.
    assert_eq!(limiter.waiters(), 1);
    let mut next = ByHand::waiting(limiter.acquire_many(3));
    drop(waiting);
    limiter.refund(3);
    assert_eq!(next.output_after_wake(), Ok(()));
    assert_eq!((limiter.waiters(), limiter.available(), pipe.len()), (0, 0, 10));
}

pub async fn a_wait_that_goes_on_with_a_smaller_buffer_puts_the_rest_back<H: Harness>(rig: Rig<H>) {
    // Who waits asks for ten bytes.
    let (limiter, pipe) = (rig.drained(Quota::per_second(1000).burst(100)), Pipe::full(50));
    let mut reader = reader(&pipe, &limiter);
    let reading = ByHand::waiting(read(&mut reader, 50));
    rig.until(|| reading.is_woken()).await;
    drop(reading);
    assert_eq!(read(&mut reader, 2).await.expect("there are bytes"), 2);
    assert!(limiter.available() >= 8);
    assert_eq!(pipe.len(), 48);
}

pub async fn a_smaller_burst_reaches_who_waits<H: Harness>(rig: Rig<H>) {
    let (limiter, pipe) = (rig.drained(Quota::per_second(1000).burst(100)), Pipe::full(50));
    let mut reader = reader(&pipe, &limiter);
    let mut reading = ByHand::waiting(read(&mut reader, 50));
    limiter.set_quota(Quota::per_hour(1).burst(3));
    limiter.refund(3);
    let bytes = reading.output_after_wake().expect("there are bytes");
    // Where time goes on by itself, it may have had its ten before.
    assert!(bytes == 3 || (bytes == 10 && !H::VIRTUAL), "{bytes}");
}

pub async fn a_transfer_that_panics_pays_nothing<H: Harness>(rig: Rig<H>) {
    let limiter = rig.rate(STILL);
    let mut flow = Flow::new(&limiter);
    let mut transfer = || {
        let mut context = Context::from_waker(Waker::noop());
        flow.poll_transfer(&mut context, 50, |_, _| panic!("a transfer that panics")).is_ready()
    };
    assert!(catch_unwind(AssertUnwindSafe(&mut transfer)).is_err());
    assert_eq!(limiter.available(), 100);
    let failed = flow.poll_transfer(&mut Context::from_waker(Waker::noop()), 50, |allowed, _| {
        assert_eq!(allowed, 50);
        Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
    });
    assert!(matches!(failed, Poll::Ready(Err(_))));
    assert_eq!(limiter.available(), 100);
}

pub async fn connections_that_share_a_limit_get_the_same<H: Harness>(rig: Rig<H>) {
    let limiter = rig.drained(Quota::per_second(1_000_000).burst(100));
    let pipes = [(); 4].map(|()| Pipe::full(3000));
    let tasks = pipes.clone().map(|pipe| {
        let mut reader = reader(&pipe, &limiter);
        rig.start(async move { read_all(&mut reader, 1024).await.expect("there are bytes") })
    });
    if H::VIRTUAL {
        // All are half done at the same time, up to what one has at once.
        rig.sleep(Duration::from_millis(6)).await;
        let left: alloc::vec::Vec<_> = pipes.iter().map(Pipe::len).collect();
        let (least, most) = (left.iter().min().copied(), left.iter().max().copied());
        assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 200), "{left:?}");
    }
    for task in tasks {
        assert_eq!(task.await.expect("the task ends"), 3000);
    }
}

pub async fn each_direction_can_have_its_own_limit<H: Harness>(rig: Rig<H>) {
    let (reads, writes, pipe) = (rig.rate(STILL), rig.rate(STILL), Pipe::new(100));
    let mut both = Limited::new(pipe.clone()).limit_reads(&reads).limit_writes(&writes);
    assert_eq!(write(&mut both, 20).await.expect("there is room"), 20);
    assert_eq!(read(&mut both, 5).await.expect("there are bytes"), 5);
    assert_eq!((reads.available(), writes.available()), (95, 80));
    let mut free = Limited::<_, H::Runtime>::new(pipe);
    assert_eq!(write(&mut free, 1000).await.expect("there is room"), 85);
    assert_eq!((free.inner().len(), free.inner_mut().len()), (100, 100));
    assert_eq!(free.into_inner().len(), 100);
}

pub async fn what_a_limited_connection_says_of_itself_is_text<H: Harness>(rig: Rig<H>) {
    let limited = Limited::new(7).limit_reads(&rig.rate(STILL));
    let text = alloc::format!("{limited:?}");
    assert!(text.starts_with("Limited { inner: 7, reads: Flow { limiter: Some(RateLimiter"), "{text}");
    assert!(text.contains("writes: Flow { limiter: None, waits: false }"), "{text}");
    assert!(Flow::<H::Runtime>::default().limiter().is_none());
}
