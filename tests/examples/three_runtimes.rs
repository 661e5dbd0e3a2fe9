//! One library, three runtimes: `cargo run -p mtaio-tests --example three_runtimes`.
//!
//! `Mailer` limits itself and names no runtime. Each program below hands it the one that it has.

use mtaio_core::limit::{Quota, ResourceError};
use mtaio_core::runtime::Runtime;
use mtaio_smol::SmolRuntime;
use mtaio_std_compat::thread::{ThreadRuntime, block_on};
use mtaio_tests::Mailer;
use mtaio_tokio::TokioRuntime;

const LETTERS: usize = 30;
const CONNECTIONS: usize = 3;

/// Sends all letters at once; the mailer keeps them in line. Returns how many were sent, and the most at a time.
async fn send_all<R: Runtime>(runtime: R) -> Result<(usize, usize), ResourceError> {
    let mailer = Mailer::new(runtime.clone(), Quota::per_second(200).burst(5), CONNECTIONS)?;
    let letters: Vec<_> = (0..LETTERS)
        .map(|_| {
            let mailer = mailer.clone();
            runtime.spawn(async move { mailer.send(async || mailer.open_connections()).await })
        })
        .collect();
    let (mut sent, mut peak) = (0, 0);
    for letter in letters {
        peak = letter.await.expect("no task panics")?.max(peak);
        sent += 1;
    }
    assert_eq!(mailer.open_connections(), 0);
    Ok((sent, peak))
}

fn main() -> Result<(), ResourceError> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_time().build().expect("a tokio runtime");
    let outcomes = [
        ("tokio", tokio.block_on(send_all(TokioRuntime))?),
        ("smol", smol::block_on(send_all(SmolRuntime))?),
        ("plain threads", block_on(send_all(ThreadRuntime))?),
    ];
    for (name, (sent, peak)) in outcomes {
        println!("{name}: {sent} letters sent, never more than {peak} at a time");
        assert_eq!(sent, LETTERS);
        assert!((1..=CONNECTIONS).contains(&peak), "{CONNECTIONS} connections were allowed");
    }
    Ok(())
}
