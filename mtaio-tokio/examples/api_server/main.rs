//! An HTTP API with a rate for each client, one for all, and a time limit; and real clients: some wait for their turn, some are
//! refused and told when to come back, some take too long, and one asks for more than its share. Clients and server count, and
//! what they counted must agree.
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
use core::net::Ipv4Addr;
use core::time::Duration;
use std::process::ExitCode;
use std::time::Instant;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use check::{Failure, check};
use clap::Parser;
use http::Server;
use hyper::Request;
use server::{Api, BURST, CLIENT_RATE, FORWARDED_FOR, RATE, TIME_LIMIT};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// More than have their turn in time.
const PATIENT: usize = 150;
const SLOW: usize = 5;
const HASTY: usize = 40;

/// One that asks for more than its share, and how often; and how many others there are meanwhile.
const GREEDY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const GREED: usize = 40;
const OTHERS: usize = 10;

/// How far the limiter lets a late timer of tokio catch up.
const TIMER_CAP: Duration = Duration::from_millis(4);

/// What clients were told.
#[derive(Default)]
struct Tally {
    done: usize,
    timed_out: usize,
    /// Who was refused, and is to wait how long.
    refused: Vec<(Ipv4Addr, Duration)>,
}

impl Tally {
    fn total(&self) -> usize {
        self.done + self.timed_out + self.refused.len()
    }

    /// The longest that one of those that were refused is to wait.
    fn longest_wait(refused: &[(Ipv4Addr, Duration)]) -> Duration {
        refused.iter().map(|(_, wait)| *wait).max().unwrap_or_default()
    }
}

/// Limits an axum server by client and in all, with clients that wait, are refused, or ask for more than their share; and checks
/// what both sides counted.
#[derive(Debug, Parser)]
#[command(name = "api_server")]
struct Options {}

#[tokio::main]
async fn main() -> ExitCode {
    let Options {} = Options::parse();
    check::exit(run().await)
}

async fn run() -> Result<(), Failure> {
    let api = Api::new();
    let server = Server::start(api.router()).await?;
    println!("{RATE} requests a second, burst {BURST}, {CLIENT_RATE} of each client, and {TIME_LIMIT:?} for each");
    let done = crowd(&api, &server).await? + greed(&api, &server).await?;
    let counted = api.ledger().done;
    check(format!("the server did the work of {counted} requests, and {done} were told so"), counted == done)
}

/// Many clients, each once, and those that are refused come back. Returns how many were served.
async fn crowd(api: &Api, server: &Server) -> Result<usize, Failure> {
    let begun = Instant::now();
    let slow = ["/slow"; SLOW];
    let crowd = slow.into_iter().chain(["/wait"; PATIENT]).chain(["/now"; HASTY]);
    let clients = (0..).map(|number| Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + number));
    let told = ask_all(&server.address, clients.zip(crowd)).await?;
    let took = begun.elapsed();
    println!("{} requests at once, {:.1} s:", told.total(), took.as_secs_f64());
    println!("    {} x 200, {} x 429, {} x 504", told.done, told.refused.len(), told.timed_out);
    let is_told = !told.refused.is_empty() && told.refused.iter().all(|(_, wait)| !wait.is_zero());
    check("some were refused, and each of them was told how long to wait", is_told)?;
    check("those whose work takes too long were ended", told.timed_out >= SLOW)?;

    let most = f64::from(BURST) + f64::from(RATE) * (took + TIMER_CAP).as_secs_f64();
    let admitted = api.ledger().admitted;
    check(format!("{admitted} passed the limit, of {most:.1} that may"), admitted as f64 <= most)?;

    let mut done = told.done;
    for group in told.refused.chunks(BURST as usize) {
        let wait = Tally::longest_wait(group);
        sleep(wait).await;
        let again = ask_all(&server.address, group.iter().map(|(client, _)| (*client, "/now"))).await?;
        check(format!("{} came back {wait:?} later and passed", group.len()), again.refused.is_empty())?;
        done += again.done;
    }
    Ok(done)
}

/// One client asks for more than its share, and the others have theirs. Returns how many were served.
async fn greed(api: &Api, server: &Server) -> Result<usize, Failure> {
    let (before, begun) = (api.ledger().admitted, Instant::now());
    let others = (1..).map(|number| Ipv4Addr::new(192, 0, 2, 100 + number)).take(OTHERS);
    let (greedy, others) = tokio::try_join!(
        ask_all(&server.address, [(GREEDY, "/wait"); GREED].into_iter()),
        ask_all(&server.address, others.map(|client| (client, "/wait"))),
    )?;
    let most = f64::from(CLIENT_RATE) + f64::from(CLIENT_RATE) * (begun.elapsed() + TIMER_CAP).as_secs_f64();
    println!("{GREED} requests of one client: {} x 200, {} x 429", greedy.done, greedy.refused.len());
    let is_share = greedy.done >= CLIENT_RATE as usize && greedy.done as f64 <= most;
    check(format!("{} of them passed, of {most:.1} that may", greedy.done), is_share)?;
    check(format!("{} others passed meanwhile", others.done), others.done == OTHERS)?;
    let admitted = api.ledger().admitted - before;
    check("what a client had too many spent nothing of the others", admitted == greedy.done + others.done)?;

    let wait = Tally::longest_wait(&greedy.refused);
    sleep(wait).await;
    let again = ask_all(&server.address, [(GREEDY, "/now")].into_iter()).await?;
    check(format!("it came back {wait:?} later and passed"), again.done == 1)?;
    Ok(greedy.done + others.done + again.done)
}

/// Asks for all paths at once, each as the client beside it.
async fn ask_all(address: &str, requests: impl Iterator<Item = (Ipv4Addr, &'static str)>) -> Result<Tally, Failure> {
    let address: Arc<str> = address.into();
    let mut answers = JoinSet::new();
    for (client, path) in requests {
        let address = Arc::clone(&address);
        let request = Request::get(path).header(FORWARDED_FOR, client.to_string());
        answers.spawn(async move { (client, http::ask(&address, request).await) });
    }
    let mut tally = Tally::default();
    while let Some(answer) = answers.join_next().await {
        let (client, answer) = answer?;
        let answer = answer?;
        match answer.status() {
            StatusCode::OK => tally.done += 1,
            StatusCode::GATEWAY_TIMEOUT => tally.timed_out += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = answer.headers().get(RETRY_AFTER).ok_or("429 without Retry-After")?;
                tally.refused.push((client, Duration::from_secs(seconds.to_str()?.parse()?)));
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
