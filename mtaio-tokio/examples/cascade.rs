//! A page from a server that is slow at first: three attempts, each with more patience than the one before. Where none of them is
//! enough there is a fallback, and a deadline over all attempts leaves no time for another one.
//!
//! ```text
//! cargo run -p mtaio-tokio --example cascade
//! ```

#[path = "support/check.rs"]
mod check;
#[path = "support/http.rs"]
mod http;

use core::future::pending;
use core::time::Duration;
use std::process::ExitCode;

use axum::Router;
use axum::extract::Path;
use axum::http::Request;
use axum::routing::get;
use check::{Failure, check};
use http::Server;
use mtaio_tokio::{Attempt, Elapsed, ElapsedKind, TimeoutManager, cascade, now};
use tokio::time::sleep;

/// How long the page takes in each attempt: its server gets faster.
const DELAYS: [Duration; 3] = [Duration::from_secs(3600), Duration::from_secs(600), Duration::ZERO];

/// How long an attempt waits for it.
const PATIENCE: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(150), Duration::from_secs(60)];

const DEADLINE: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> ExitCode {
    check::exit(run().await)
}

async fn run() -> Result<(), Failure> {
    let router = Router::new().route("/page/{attempt}", get(page)).route("/hung/{attempt}", get(pending::<()>));
    let server = Server::start(router).await?;
    third_time_lucky(&server.address).await?;
    fallback(&server.address).await?;
    deadline(&server.address).await?;
    scope_around(&server.address).await
}

async fn page(Path(attempt): Path<usize>) -> String {
    let delay = DELAYS.get(attempt).copied().unwrap_or_default();
    sleep(delay).await;
    format!("the page, after {delay:?}")
}

/// What an attempt does.
async fn ask(address: &str, page: &str, attempt: Attempt) -> Result<String, Failure> {
    let path = format!("/{page}/{}", attempt.index);
    println!("    asking for {path}, for {:?}", attempt.timeout);
    let answer = http::ask(address, Request::get(path)).await?;
    Ok(String::from_utf8(answer.into_body().into())?)
}

async fn third_time_lucky(address: &str) -> Result<(), Failure> {
    let page = cascade(PATIENCE, |attempt| ask(address, "page", attempt)).await?;
    check(format!("two attempts were given up, and the third one got {page}"), page == "the page, after 0ns")
}

/// What is not there in time is taken from elsewhere.
async fn fallback(address: &str) -> Result<(), Failure> {
    let mut attempts = 0;
    let mut met = None;
    let answer = cascade(PATIENCE.into_iter().take(2), |attempt| {
        attempts += 1;
        ask(address, "hung", attempt)
    });
    let answer = answer.or_else(async |elapsed| {
        met = Some(elapsed);
        Ok("the page, from the cache".into())
    });
    let page = answer.await?;
    check(format!("{attempts} attempts were given up, and the fallback had {page}"), attempts == 2)?;
    let expected = Some((ElapsedKind::Own, PATIENCE[1]));
    check("the fallback was told what the last attempt met", met.map(|met| (met.kind(), met.limit())) == expected)
}

/// The deadline of the cascade ends the attempt that it meets, and there is no other.
async fn deadline(address: &str) -> Result<(), Failure> {
    let mut attempts = 0;
    let answer = cascade([PATIENCE[2]; 3], |attempt| {
        attempts += 1;
        ask(address, "hung", attempt)
    });
    let failure = answer.until(now() + DEADLINE).await.err();
    let elapsed = failure.as_ref().and_then(|failure| failure.downcast_ref::<Elapsed>());
    check("the deadline ended the cascade", elapsed.is_some_and(Elapsed::is_inherited))?;
    check("it did so in the first attempt", attempts == 1)
}

/// So does the end of a scope, which need not be known here at all.
async fn scope_around(address: &str) -> Result<(), Failure> {
    let mut attempts = 0;
    let answer = cascade([PATIENCE[2]; 3], |attempt| {
        attempts += 1;
        ask(address, "hung", attempt)
    });
    // The cascade ends with its scope, or is dropped by it: whichever notices first.
    let answered = TimeoutManager::new(DEADLINE).scope(answer).await.is_ok_and(|answer| answer.is_ok());
    check("a scope around the cascade ends it too", !answered && attempts == 1)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_check_holds() {
        super::run().await.unwrap();
    }
}
