//! A transfer over TCP on loopback that keeps a rate of bytes, however many connections share it. The receivers check each byte, and that
//! no more came than the limit lets through in the time that it took.
//!
//! ```text
//! cargo run --release -p mtaio-tokio --example shaped_transfer -- --rate 104857600 --seconds 10
//! ```

#[path = "support/check.rs"]
mod check;

use core::time::Duration;
use std::process::ExitCode;
use std::time::Instant;

use check::{Failure, check};
use clap::{Parser, ValueEnum};
use mtaio_core::runtime::Timer;
use mtaio_tokio::io::Limited;
use mtaio_tokio::{Quota, RateLimiter};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What is read and written at once, at most.
const BUFFER: usize = 64 * 1024;

/// The bytes repeat after so many, which is no power of two: one that is lost or doubled is seen.
const REPEAT: usize = 251;

/// Sends bytes over TCP at a limited rate, and checks what arrives.
#[derive(Parser)]
struct Options {
    /// Bytes in a second, all connections together.
    #[arg(long, default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// For how long there are bytes at that rate.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How many connections share the rate.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1000))]
    connections: u64,
    /// Which end is limited.
    #[arg(long, default_value = "writes")]
    limit: End,
}

#[derive(Clone, Copy, ValueEnum)]
enum End {
    /// The senders.
    Writes,
    /// The receivers; TCP holds the senders back.
    Reads,
}

#[tokio::main]
async fn main() -> ExitCode {
    check::exit(run(&Options::parse()).await)
}

/// The bytes that are sent, from any place up to the repetition.
fn pattern() -> Vec<u8> {
    (0..BUFFER + REPEAT).map(|index| (index % REPEAT) as u8).collect()
}

async fn run(options: &Options) -> Result<(), Failure> {
    let limiter = RateLimiter::new(Quota::bytes_per_second(options.rate));
    let all = u64::from(options.rate) * options.seconds;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (mut senders, mut receivers) = (JoinSet::new(), JoinSet::new());
    let start = Instant::now();
    for number in 0..options.connections {
        // What cannot be divided is for the first ones.
        let bytes = all / options.connections + u64::from(number < all % options.connections);
        let (sender, receiver) = (TcpStream::connect(address).await?, listener.accept().await?.0);
        let (mut sender, mut receiver) = (Limited::new(sender), Limited::new(receiver));
        match options.limit {
            End::Writes => sender = sender.limit_writes(&limiter),
            End::Reads => receiver = receiver.limit_reads(&limiter),
        }
        senders.spawn(send(sender, bytes));
        receivers.spawn(receive(receiver));
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    let mut received = 0;
    while let Some(count) = receivers.join_next().await {
        received += count??;
    }
    let took = start.elapsed();
    report(options.rate, received, took);
    check(format!("{received} bytes arrived, each as it was sent"), received == all)?;
    let bound = bound(&limiter, took);
    check(format!("the limit lets {bound:.0} bytes through in {took:?}"), received as f64 <= bound)
}

/// The most bytes that may go in so much time.
fn bound(limiter: &RateLimiter, time: Duration) -> f64 {
    let (quota, cap) = (limiter.quota(), 2 * limiter.runtime().granularity());
    f64::from(quota.burst_size()) + quota.rate() * (time + cap).as_secs_f64()
}

fn report(rate: u32, received: u64, took: Duration) {
    let seen = received as f64 / took.as_secs_f64();
    let off = 100.0 * (seen / f64::from(rate) - 1.0);
    println!("    {received} bytes in {:.3} s: {seen:.0} bytes a second, {off:+.2} % of the limit", took.as_secs_f64());
}

/// Sends so many bytes, and says that there are no more.
async fn send(mut connection: impl AsyncWrite + Unpin, mut bytes: u64) -> Result<(), Failure> {
    let pattern = pattern();
    let mut at = 0;
    while bytes > 0 {
        let size = bytes.min(BUFFER as u64) as usize;
        connection.write_all(&pattern[at..at + size]).await?;
        at = (at + size) % REPEAT;
        bytes -= size as u64;
    }
    Ok(connection.shutdown().await?)
}

/// Reads to the end, compares, and counts.
async fn receive(mut connection: impl AsyncRead + Unpin) -> Result<u64, Failure> {
    let (pattern, mut buffer) = (pattern(), vec![0; BUFFER]);
    let (mut at, mut bytes) = (0, 0);
    loop {
        let size = connection.read(&mut buffer).await?;
        if size == 0 {
            return Ok(bytes);
        }
        if buffer[..size] != pattern[at..at + size] {
            return Err(format!("after {bytes} bytes something else arrived than was sent").into());
        }
        at = (at + size) % REPEAT;
        bytes += size as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_check_holds() {
        for limit in [End::Writes, End::Reads] {
            run(&Options { rate: 300_000, seconds: 1, connections: 3, limit }).await.unwrap();
        }
    }
}
