//! Limits on bytes in tokio's traits, in paused time; and their names in the other adapters.

use core::time::Duration;
use std::io::{ErrorKind, IoSlice};

use mtaio_tokio::io::Limited;
use mtaio_tokio::{Quota, RateLimiter, ResourceLimitError};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};
use tokio::time::Instant;

/// No cell comes while a test runs.
const STILL: Quota = Quota::per_hour(1).burst(100);

#[tokio::test(start_paused = true)]
async fn a_transfer_takes_as_long_as_its_bytes() {
    let limiter = RateLimiter::new(Quota::bytes_per_second(100_000));
    for limits_reads in [false, true] {
        limiter.refund(u32::MAX);
        let (near, far) = duplex(1 << 16);
        let (mut near, mut far) = (Limited::new(near), Limited::new(far));
        if limits_reads {
            far = far.limit_reads(&limiter);
        } else {
            near = near.limit_writes(&limiter);
        }
        let start = Instant::now();
        let sender = tokio::spawn(async move {
            near.write_all(&[7; 52_000]).await.unwrap();
            near.shutdown().await.unwrap();
        });
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.unwrap();
        sender.await.unwrap();
        assert_eq!(bytes, [7; 52_000]);
        // The burst is 2,000 bytes. Finding the end takes a moment too.
        let late = start.elapsed().checked_sub(Duration::from_millis(500)).expect("no earlier than that");
        assert!(late <= Duration::from_millis(12), "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_go_is_not_paid() {
    let limiter = RateLimiter::new(STILL);
    let (near, mut far) = duplex(10);
    let mut near = Limited::new(near).limit_reads(&limiter).limit_writes(&limiter);
    assert_eq!(near.write(&[1; 30]).await.unwrap(), 10);
    assert_eq!(limiter.available(), 90);
    let nobody_reads = tokio::time::timeout(Duration::from_secs(1), near.write(&[1; 30])).await;
    assert!(nobody_reads.is_err());
    let nobody_writes = tokio::time::timeout(Duration::from_secs(1), near.read(&mut [0; 30])).await;
    assert!(nobody_writes.is_err());
    assert_eq!(limiter.available(), 90);
    far.write_all(&[2; 5]).await.unwrap();
    assert_eq!(near.read(&mut [0; 3]).await.unwrap(), 3);
    assert_eq!((near.read(&mut [0; 30]).await.unwrap(), limiter.available()), (2, 85));
    assert_eq!((near.read(&mut []).await.unwrap(), near.write(&[]).await.unwrap()), (0, 0));
    near.flush().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_read_beyond_the_burst_keeps_what_the_buffer_held() {
    let limiter = RateLimiter::new(Quota::per_second(4).burst(4));
    let mut source = Limited::new(&b"abcdefgh"[..]).limit_reads(&limiter);
    let mut place = [b'-'; 12];
    let mut buffer = ReadBuf::new(&mut place);
    buffer.put_slice(b"xy");
    core::future::poll_fn(|context| {
        tokio::io::AsyncRead::poll_read(core::pin::Pin::new(&mut source), context, &mut buffer)
    })
    .await
    .unwrap();
    assert_eq!(buffer.filled(), b"xyabcd");
    let mut rest = Vec::new();
    source.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"efgh");
}

#[tokio::test(start_paused = true)]
async fn buffers_are_written_together_as_far_as_they_may() {
    let limiter = RateLimiter::new(Quota::per_hour(1).burst(7));
    let mut sink = Limited::new(std::io::Cursor::new(Vec::new())).limit_writes(&limiter);
    assert!(AsyncWrite::is_write_vectored(&sink));
    let slices = [b"", &b"abc"[..], b"defg", b"hij"].map(IoSlice::new);
    assert_eq!(sink.write_vectored(&slices).await.unwrap(), 7);
    limiter.refund(2);
    assert_eq!(sink.write_vectored(&slices[3..]).await.unwrap(), 2);
    assert_eq!(sink.into_inner().into_inner(), b"abcdefghi");
}

#[tokio::test(start_paused = true)]
async fn a_closed_limiter_ends_a_copy() {
    let limiter = RateLimiter::new(STILL);
    let mut source = Limited::new(tokio::io::repeat(7)).limit_reads(&limiter);
    let closer = limiter.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        closer.close();
    });
    let error = tokio::io::copy(&mut source, &mut tokio::io::sink()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<ResourceLimitError>());
    assert!(inside.is_some_and(ResourceLimitError::is_closed));
}

#[tokio::test(start_paused = true)]
async fn connections_share_a_limit() {
    let limiter = RateLimiter::new(Quota::bytes_per_second(100_000));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let mut source = Limited::new(tokio::io::repeat(7).take(20_000)).limit_reads(&limiter);
        tasks.spawn(async move { tokio::io::copy(&mut source, &mut tokio::io::sink()).await.unwrap() });
    }
    let copied = tasks.join_all().await;
    assert_eq!(copied, [20_000; 5]);
    let late = start.elapsed().checked_sub(Duration::from_millis(980)).expect("no earlier than that");
    assert!(late <= Duration::from_millis(30), "{late:?}");
}

#[test]
fn the_other_adapters_have_the_names() {
    use smol::io::AsyncReadExt;

    let limiter = mtaio_smol::RateLimiter::new(mtaio_smol::Quota::bytes_per_second(1 << 20));
    let mut limited = mtaio_smol::io::Limited::new(smol::io::Cursor::new([7; 5])).limit_reads(&limiter);
    let mut bytes = Vec::new();
    assert_eq!(smol::block_on(limited.read_to_end(&mut bytes)).unwrap(), 5);
    let limiter = mtaio_std_compat::RateLimiter::new(Quota::bytes_per_second(1 << 20));
    let mut limited = mtaio_std_compat::io::Limited::new(smol::io::Cursor::new([7; 5])).limit_reads(&limiter);
    assert_eq!(async_std::task::block_on(limited.read_to_end(&mut bytes)).unwrap(), 5);
    let _: [Option<mtaio_smol::io::Flow>; 0] = [];
    let _: [Option<mtaio_std_compat::io::Flow>; 0] = [];
}
