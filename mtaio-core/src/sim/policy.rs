//! What stands between clients and server.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

use crate::limit::{
    AdaptiveConcurrencyLimiter, AdaptivePermit, BoxLimiter, BoxPermit, Limiter, Outcome, ResourceLimitError,
};
use crate::runtime::VirtualRuntime;

/// What a request has to pass: no limiter, one, or several in a row.
///
/// Whoever does not pass at once is refused, or [waits](Self::waiting).
#[derive(Clone)]
pub struct Policy {
    gates: Vec<Gate>,
    pub(super) max_wait: Option<Duration>,
}

#[derive(Clone)]
enum Gate {
    Any(BoxLimiter),
    Adaptive(AdaptiveConcurrencyLimiter<VirtualRuntime>),
}

/// What the gates gave.
pub(super) struct Pass(Vec<Given>);

enum Given {
    Any(#[expect(dead_code, reason = "it is held to be dropped")] BoxPermit),
    Adaptive(AdaptivePermit<VirtualRuntime>),
}

pub(super) type Passing = Pin<Box<dyn Future<Output = Result<Pass, ResourceLimitError>> + Send>>;

impl Policy {
    /// Lets everything through.
    pub const fn none() -> Self {
        Self { gates: Vec::new(), max_wait: None }
    }

    /// A limiter. It has to stand on the runtime of the simulation.
    pub fn of(limiter: impl Limiter + Send + Sync + 'static) -> Self {
        Self::none().and(limiter)
    }

    /// An adaptive limiter, which is told what came of each request.
    pub fn adaptive(limiter: AdaptiveConcurrencyLimiter<VirtualRuntime>) -> Self {
        Self::none().and_adaptive(limiter)
    }

    /// And this one after the others. What those gave is spent if this one refuses, as everywhere: a
    /// [`ResourceLimiter`](crate::limit::ResourceLimiter) takes all or nothing.
    pub fn and(mut self, limiter: impl Limiter + Send + Sync + 'static) -> Self {
        self.gates.push(Gate::Any(limiter.boxed()));
        self
    }

    /// And this adaptive one after the others.
    pub fn and_adaptive(mut self, limiter: AdaptiveConcurrencyLimiter<VirtualRuntime>) -> Self {
        self.gates.push(Gate::Adaptive(limiter));
        self
    }

    /// Lets requests wait, each so long at most, instead of refusing them at once.
    pub fn waiting(self, max_wait: Duration) -> Self {
        Self { max_wait: Some(max_wait), ..self }
    }

    /// The limit of the first adaptive limiter, if there is one.
    pub(super) fn limit(&self) -> Option<usize> {
        self.gates.iter().find_map(|gate| match gate {
            Gate::Adaptive(limiter) => Some(limiter.limit()),
            Gate::Any(_) => None,
        })
    }

    /// Whether there is one limiter at most.
    pub(super) fn is_single(&self) -> bool {
        self.gates.len() <= 1
    }

    pub(super) fn try_pass(&self) -> Result<Pass, ResourceLimitError> {
        let mut given = Vec::with_capacity(self.gates.len());
        for gate in &self.gates {
            given.push(match gate {
                Gate::Any(limiter) => Given::Any(limiter.try_admit(1)?),
                Gate::Adaptive(limiter) => Given::Adaptive(limiter.try_acquire()?),
            });
        }
        Ok(Pass(given))
    }

    pub(super) fn pass(&self) -> Passing {
        let gates = self.gates.clone();
        Box::pin(async move {
            let mut given = Vec::with_capacity(gates.len());
            for gate in &gates {
                given.push(match gate {
                    Gate::Any(limiter) => Given::Any(limiter.admit(1).await?),
                    Gate::Adaptive(limiter) => Given::Adaptive(limiter.acquire().await?),
                });
            }
            Ok(Pass(given))
        })
    }
}

impl Pass {
    /// Gives everything back, the last first, and tells what came of the request.
    pub(super) fn finish(mut self, outcome: Outcome) {
        while let Some(given) = self.0.pop() {
            if let Given::Adaptive(permit) = given {
                permit.finish(outcome);
            }
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("gates", &self.gates.len()).field("max_wait", &self.max_wait).finish()
    }
}
