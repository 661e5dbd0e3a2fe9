//! An HTTP API with a rate and a time limit, and real clients: some wait for their turn, some are refused and told when to come
//! back, some take too long. Clients and server count, and what they counted must agree.
//!
//! ```text
//! cargo run -p mtaio-tokio --features tower --example api_server
//! ```

extern crate alloc;

#[path = "../support/check.rs"]
mod check;
#[path = "../support/http.rs"]
mod http;
mod server;

use alloc::sync::Arc;
use core::time::Duration;
use std::process::ExitCode;
use std::time::Instant;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use check::{Failure, check};
use http::Server;
use server::{Api, BURST, RATE, TIME_LIMIT};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// More than have their turn in time.
const PATIENT: usize = 150;
const SLOW: usize = 5;
const HASTY: usize = 40;

/// How far the limiter lets a late timer of tokio catch up.
const TIMER_CAP: Duration = Duration::from_millis(4);

/// What clients were told.
#[derive(Default)]
struct Tally {
    done: usize,
    timed_out: usize,
    /// How long each of those that were refused is to wait.
    refused: Vec<Duration>,
}

impl Tally {
    fn total(&self) -> usize {
        self.done + self.timed_out + self.refused.len()
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    check::exit(run().await)
}

async fn run() -> Result<(), Failure> {
    let api = Api::new();
    let server = Server::start(api.router()).await?;
    println!("{RATE} requests a second, burst {BURST}, and {TIME_LIMIT:?} for each");

    let begun = Instant::now();
    let slow = ["/slow"; SLOW];
    let crowd = slow.into_iter().chain(["/wait"; PATIENT]).chain(["/now"; HASTY]);
    let told = ask_all(&server.address, crowd).await?;
    let took = begun.elapsed();
    println!("{} requests at once, {:.1} s:", told.total(), took.as_secs_f64());
    println!("    {} x 200, {} x 429, {} x 504", told.done, told.refused.len(), told.timed_out);
    let is_told = !told.refused.is_empty() && told.refused.iter().all(|wait| !wait.is_zero());
    check("some were refused, and each of them was told how long to wait", is_told)?;
    check("those whose work takes too long were ended", told.timed_out >= SLOW)?;

    let most = f64::from(BURST) + f64::from(RATE) * (took + TIMER_CAP).as_secs_f64();
    let admitted = api.ledger().admitted;
    check(format!("{admitted} passed the limit, of {most:.1} that may"), admitted as f64 <= most)?;

    let mut done = told.done;
    for group in told.refused.chunks(BURST as usize) {
        let wait = group.iter().max().copied().unwrap_or_default();
        sleep(wait).await;
        let again = ask_all(&server.address, group.iter().map(|_| "/now")).await?;
        check(format!("{} came back {wait:?} later and passed", group.len()), again.refused.is_empty())?;
        done += again.done;
    }

    let counted = api.ledger().done;
    check(format!("the server did the work of {counted} requests, and {done} were told so"), counted == done)
}

/// Asks for all paths at once.
async fn ask_all(address: &str, paths: impl Iterator<Item = &'static str>) -> Result<Tally, Failure> {
    let address: Arc<str> = address.into();
    let mut requests = JoinSet::new();
    for path in paths {
        let address = Arc::clone(&address);
        requests.spawn(async move { http::get(&address, path).await });
    }
    let mut tally = Tally::default();
    while let Some(answer) = requests.join_next().await {
        let answer = answer??;
        match answer.status() {
            StatusCode::OK => tally.done += 1,
            StatusCode::GATEWAY_TIMEOUT => tally.timed_out += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = answer.headers().get(RETRY_AFTER).ok_or("429 without Retry-After")?;
                tally.refused.push(Duration::from_secs(seconds.to_str()?.parse()?));
            }
            status => return Err(format!("an answer that is none of ours: {status}").into()),
        }
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn every_check_holds() {
        super::run().await.unwrap();
    }
}
