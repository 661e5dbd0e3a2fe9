//! Two connections, their rate limit and their time limit as members of one group: they are used as what they are, one leaves, and
//! the others are closed together, last first. The order matters: a connection says goodbye within limits that are still open then.
//!
//! ```text
//! cargo run -p mtaio-tokio --example resource_group
//! ```

extern crate alloc;

#[path = "support/check.rs"]
mod check;

use alloc::sync::Arc;
use core::time::Duration;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use check::{Failure, check};
use mtaio_tokio::{Quota, RateLimiter, RemoveErrorKind, ResourceGroup, TimeoutManager, resource};

const TIMEOUT: Duration = Duration::from_secs(5);

/// What was said on the connections, in order.
type Journal = Arc<Mutex<Vec<String>>>;

/// A handle of a connection, as clients and pools are: clones are the same connection.
#[derive(Clone)]
struct Connection {
    name: &'static str,
    journal: Journal,
    rate: RateLimiter,
    timeouts: TimeoutManager,
}

impl Connection {
    async fn say(&self, what: &str) -> Result<(), Failure> {
        let said = self.timeouts.scope(async {
            self.rate.acquire().await?;
            tokio::task::yield_now().await;
            write(&self.journal, format!("{}: {what}", self.name));
            Ok(())
        });
        said.await?
    }
}

impl resource::AsyncClose for Connection {
    type Error = Failure;

    async fn close(self) -> Result<(), Failure> {
        self.say("goodbye").await
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    check::exit(run().await)
}

async fn run() -> Result<(), Failure> {
    let journal = Journal::default();
    let group = ResourceGroup::new().time_limit(TIMEOUT);

    let rate = group.add(RateLimiter::new(Quota::per_second(10)))?;
    let timeouts = group.add(TimeoutManager::new(TIMEOUT))?;
    let connect =
        |name| Connection { name, journal: Arc::clone(&journal), rate: rate.clone(), timeouts: timeouts.clone() };
    let orders = group.add(connect("orders"))?;
    let users = group.add(connect("users"))?;
    let stock = group.add(connect("stock"))?;
    check("a limiter, a timeout and three connections are members", group.len() == 5)?;

    // A member is used as what it is.
    for connection in [&orders, &users, &stock] {
        connection.say("hello").await?;
    }
    let users = group.remove(users)?;
    check("a member that was removed is not closed", !read(&journal).contains(&"users: goodbye".into()))?;

    group.close().await?;
    for line in read(&journal) {
        println!("    {line}");
    }
    let expected = ["orders: hello", "users: hello", "stock: hello", "stock: goodbye", "orders: goodbye"];
    check("the members were closed last first, the connections before their limits", read(&journal) == expected)?;
    check("both limits are closed", rate.is_closed() && timeouts.is_closed())?;
    check("a connection without its limits says nothing", users.say("hello?").await.is_err())?;

    let late = group.add(connect("late")).err().map(|refused| refused.into_resource().name);
    check("a closed group gives a new member back", late == Some("late"))?;
    let closed = group.remove(stock).err().map(|refused| refused.kind());
    check("what was closed cannot be removed", closed == Some(RemoveErrorKind::Closed))
}

fn write(journal: &Journal, line: String) {
    journal.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

fn read(journal: &Journal) -> Vec<String> {
    journal.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_check_holds() {
        super::run().await.unwrap();
    }
}
