//! What a limit would have done: traffic, a server and the limiters that users have, in virtual time.
//!
//! Nothing is a model but the clients and the server. The limiters are those of [`limit`](crate::limit), on a
//! [`VirtualRuntime`](crate::runtime::VirtualRuntime), and they do not know that it is a simulation.
//!
//! - A [`Workload`] says when requests come: at random, in bursts, by the time of day, as they did once ([`Trace`]), or when
//!   the last ones are over.
//! - A [`Server`] says how long they take: so many workers, first come, first served; slow for a while, or hanging.
//! - A [`Policy`] is what stands between: any [`Limiter`](crate::limit::Limiter), adaptive limiters, or several in a row.
//! - A [`Scenario`] is all but the policy, and [`run`](Scenario::run)s it. The [`Report`] is data, for serde.
//!
//! Clients do not wait for each other (they are an *open loop*), or each waits for its own answers ([`Workload::closed`]); and each gives up
//! after a time. What was given up is done all the same: it keeps its worker. Several instances of a policy can stand
//! [side by side](Scenario::shared_by).
//!
//! The same scenario, policy and seed give the same report to the last byte, on every machine: all that is random comes from
//! SplitMix64, and all functions but the four operations and the square root are our own.
//!
//! ```
//! use core::time::Duration;
//! use mtaio_core::limit::{AdaptiveConcurrencyLimiter, ConcurrencyLimiter};
//! use mtaio_core::sim::{Policy, Scenario, Server, Service, Workload};
//!
//! // Half as much again as 40 workers can do.
//! let server = Server::new(40, Service::lognormal(Duration::from_millis(100), 0.5)?)?;
//! let scenario = Scenario::new("overload", Workload::poisson(600.0)?, server).lasting(Duration::from_secs(20));
//!
//! let unlimited = scenario.run(1, |_| Policy::none())?;
//! let fixed = scenario.run(1, |runtime| Policy::of(ConcurrencyLimiter::with_runtime(45, runtime.clone())))?;
//! let adaptive =
//!     scenario.run(1, |runtime| Policy::adaptive(AdaptiveConcurrencyLimiter::with_runtime(40, runtime.clone())))?;
//! assert!(unlimited.goodput < 200.0 && fixed.goodput > 380.0 && adaptive.goodput > 350.0);
//! assert_eq!(fixed, scenario.run(1, |runtime| Policy::of(ConcurrencyLimiter::with_runtime(45, runtime.clone())))?);
//! # Ok::<(), mtaio_core::sim::InvalidScenario>(())
//! ```

mod clients;
mod engine;
mod error;
mod policy;
mod random;
mod report;
mod scenario;
mod server;
mod trace;
mod workload;

pub use error::{InvalidScenario, InvalidTrace};
pub use policy::Policy;
pub use report::{Latency, Point, Report};
pub use scenario::Scenario;
pub use server::{Server, Service};
pub use trace::{Entry, Trace};
pub use workload::Workload;

#[cfg(test)]
mod tests;
