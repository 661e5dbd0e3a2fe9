//! The load: tasks that come as often as they may.

use core::time::Duration;
use std::time::Instant;

use mtaio_tokio::{RateLimiter, ResourceLimitErrorKind, ResourceLimiter};
use tokio::task::JoinSet;

use crate::check::Failure;
use crate::service::{Route, User, combine};

const LOAD: Duration = Duration::from_secs(1);
/// Of each user on each route.
const TASKS: usize = 4;

/// How often a task passed the limits, whose it was, and where to it came.
pub(crate) struct Passages {
    pub(crate) user: &'static str,
    pub(crate) route: &'static str,
    pub(crate) count: usize,
}

/// Lets several tasks of each user come to each route as often as they may.
pub(crate) async fn under_load(
    everybody: &RateLimiter,
    users: &[User],
    routes: &[Route],
    begun: Instant,
) -> Result<Vec<Passages>, Failure> {
    let mut tasks = JoinSet::new();
    for user in users {
        for route in routes {
            let limiter = combine(everybody, user, route)?;
            for _ in 0..TASKS {
                tasks.spawn(load(limiter.clone(), user.name, route.clone(), begun));
            }
        }
    }
    let mut passages = Vec::new();
    while let Some(task) = tasks.join_next().await {
        passages.push(task??);
    }
    Ok(passages)
}

/// One task of a user, until the time is over.
async fn load(limiter: ResourceLimiter, user: &'static str, route: Route, begun: Instant) -> Result<Passages, Failure> {
    let mut count = 0;
    while let Some(left) = LOAD.checked_sub(begun.elapsed()) {
        match limiter.acquire_within(left).await {
            Ok(_permit) => {
                count += 1;
                route.work().await;
            }
            Err(error) if error.kind() == ResourceLimitErrorKind::Deadline => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Passages { user, route: route.name, count })
}
