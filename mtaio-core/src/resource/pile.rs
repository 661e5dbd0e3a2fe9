//! The engine under stacks and groups: what is to be done at the end, and the one who does it.
//!
//! 1. Foreign code (finalizers, destructors, spawning) never runs under the lock.
//! 2. At most one `Turn` exists that has not come to the end. The finalizer that is being run is with it, and returns to its place
//!    in the pile if the `Turn` is dropped.
//! 3. Nothing comes into the pile and nothing is taken out of it by others once the first `Turn` has begun.

use alloc::vec::Vec;
use core::future::Future;
use core::mem::take;
use core::time::Duration;

use super::close::BoxError;
use super::error::{CloseError, CloseErrors};
use super::finalizer::{Finalizer, Finalizers};
use crate::primitive::{Lock, quietly};
use crate::runtime::{Spawn, Timer};
use crate::sync::{Closed, Closing};

pub(super) struct Pile<R: Timer> {
    runtime: R,
    state: Lock<State<R>>,
    closing: Closing,
}

struct State<R> {
    finalizers: Finalizers,
    /// The number of the next one.
    next: u64,
    phase: Phase,
    /// What has gone wrong so far.
    errors: Vec<CloseError>,
    limit: Option<Duration>,
    detach: Option<Detach<R>>,
}

/// Hands what is left to a runtime.
type Detach<R> = fn(R, Finalizers);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// A `Turn` is under way.
    Running,
    /// A `Turn` was dropped half-way.
    Left,
    Closed,
}

impl<R: Timer> Pile<R> {
    pub(super) fn new(runtime: R) -> Self {
        Self::holding(runtime, Finalizers::default(), 0)
    }

    fn holding(runtime: R, finalizers: Finalizers, next: u64) -> Self {
        let (phase, errors, limit, detach) = (Phase::Open, Vec::new(), None, None);
        let state = State { finalizers, next, phase, errors, limit, detach };
        Self { runtime, state: Lock::new(state), closing: Closing::new() }
    }

    /// Makes a finalizer of `work`, which must not have begun.
    pub(super) fn finalizer(
        &self,
        what: &'static str,
        limit: Option<Duration>,
        work: impl Future<Output = Result<(), BoxError>> + Send + 'static,
    ) -> Finalizer {
        let limit = limit.or_else(|| self.state.with(|state| state.limit));
        Finalizer::new(what, limit.map(|limit| (self.runtime.clone(), limit)), work)
    }

    /// Puts one on top, and returns its number; or gives it back, if closing has begun.
    pub(super) fn insert(&self, finalizer: Finalizer) -> Result<u64, Finalizer> {
        self.state.with(|state| {
            if state.phase != Phase::Open {
                return Err(finalizer);
            }
            let key = state.next;
            state.next += 1;
            state.finalizers.insert(key, finalizer);
            Ok(key)
        })
    }

    /// Takes one out, unless closing has begun.
    pub(super) fn remove(&self, key: u64) -> Option<Finalizer> {
        self.state.with(|state| if state.phase == Phase::Open { state.finalizers.remove(key) } else { None })
    }

    /// Moves everything to a new pile with the same settings.
    pub(super) fn split_off(&self) -> Self {
        let (finalizers, next, limit, detach) =
            self.state.with(|state| (take(&mut state.finalizers), state.next, state.limit, state.detach));
        let other = Self::holding(self.runtime.clone(), finalizers, next);
        other.state.with(|state| (state.limit, state.detach) = (limit, detach));
        other
    }

    pub(super) fn len(&self) -> usize {
        self.state.with(|state| state.finalizers.len())
    }

    /// Limits the finalizers that are made from now on and have no limit of their own.
    pub(super) fn set_limit(&self, limit: Duration) {
        self.state.with(|state| state.limit = Some(limit));
    }

    pub(super) fn detach_on_drop(&self)
    where
        R: Spawn,
    {
        self.state.with(|state| state.detach = Some(detach));
    }

    /// Runs everything, last first. Who comes second is done at once.
    pub(super) async fn close(&self) -> Result<(), CloseErrors> {
        let Some(mut turn) = Turn::begin(self) else { return Ok(()) };
        while let Some(finalizer) = turn.next() {
            if let Err(error) = finalizer.run().await {
                self.state.with(|state| state.errors.push(error));
            }
        }
        CloseErrors::check(self.end())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closing.is_closed()
    }

    pub(super) fn closed(&self) -> Closed<'_> {
        self.closing.closed()
    }

    /// The end of the `Turn` that found nothing left.
    fn end(&self) -> Vec<CloseError> {
        let mut errors = Vec::new();
        self.closing.close_after(|| {
            errors = self.state.with(|state| {
                state.phase = Phase::Closed;
                take(&mut state.errors)
            });
        });
        errors
    }
}

fn detach<R: Timer + Spawn>(runtime: R, rest: Finalizers) {
    let rest = Pile::holding(runtime.clone(), rest, 0);
    runtime.spawn_detached(async move { drop(rest.close().await) });
}

impl<R: Timer> Drop for Pile<R> {
    fn drop(&mut self) {
        let (rest, errors, detach) =
            self.state.with(|state| (take(&mut state.finalizers), take(&mut state.errors), state.detach));
        quietly(|| drop(errors));
        match detach.filter(|_| rest.len() > 0) {
            // Where nothing can be spawned, `rest` is dropped in there, in order.
            Some(detach) => quietly(|| detach(self.runtime.clone(), rest)),
            None => drop(rest),
        }
    }
}

/// The right to run what is in the pile.
struct Turn<'a, R: Timer> {
    pile: &'a Pile<R>,
    current: Option<(u64, Finalizer)>,
}

impl<'a, R: Timer> Turn<'a, R> {
    /// `None` if it is somebody else's, or nothing will ever be left.
    fn begin(pile: &'a Pile<R>) -> Option<Self> {
        pile.state.with(|state| {
            let is_free = matches!(state.phase, Phase::Open | Phase::Left);
            is_free.then(|| {
                state.phase = Phase::Running;
                Self { pile, current: None }
            })
        })
    }

    /// The next finalizer; the one before is done.
    fn next(&mut self) -> Option<&mut Finalizer> {
        self.current = None;
        self.current = self.pile.state.with(|state| state.finalizers.pop());
        self.current.as_mut().map(|(_, finalizer)| finalizer)
    }
}

impl<R: Timer> Drop for Turn<'_, R> {
    fn drop(&mut self) {
        let left = self.current.take();
        self.pile.state.with(|state| {
            if let Some((key, finalizer)) = left {
                state.finalizers.insert(key, finalizer);
            }
            if state.phase == Phase::Running {
                state.phase = Phase::Left;
            }
        });
    }
}
