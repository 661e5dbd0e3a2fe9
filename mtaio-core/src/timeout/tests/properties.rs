//! Deadlines against a list that is searched from its beginning to its end.

use alloc::vec::Vec;
use core::future::pending;

use proptest::prelude::*;

use super::*;
use crate::runtime::{Clock, ManualClock};
use crate::time::{Deadline, Instant};
use crate::timeout::{Elapsed, ElapsedKind, ScopeHandle, TimeoutManager};

const OWN: u64 = 1000;

#[derive(Clone, Debug)]
enum Op {
    /// Runs something with the manager's own timeout, ...
    Run,
    /// ... with another, ...
    RunWithin(u64),
    /// ... or in a scope whose deadline can be moved.
    Scope,
    /// The clock goes on, from one deadline to the next, ...
    Advance(u64),
    /// ... or is set, also back.
    Set(u64),
    /// Somebody gives up.
    Cancel(usize),
    /// A deadline is moved.
    Move(usize, u64),
    /// Somebody is polled although nothing woke it.
    Poll(usize),
    Close,
}

/// Nanoseconds of all orders of magnitude.
fn any_time() -> impl Strategy<Value = u64> {
    (0_u32..64, any::<u64>()).prop_map(|(shift, nanos)| nanos >> shift)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Run),
        8 => any_time().prop_map(Op::RunWithin),
        3 => Just(Op::Scope),
        6 => (0_u64..3 * OWN).prop_map(Op::Advance),
        2 => any_time().prop_map(Op::Advance),
        2 => any_time().prop_map(Op::Set),
        1 => (0_u64..3 * OWN).prop_map(Op::Set),
        3 => any::<usize>().prop_map(Op::Cancel),
        4 => (any::<usize>(), any_time()).prop_map(|(index, at)| Op::Move(index, at)),
        2 => any::<usize>().prop_map(Op::Poll),
    ]
}

/// One who waits, and what is known of it.
struct Waiter {
    held: Held<Result<(), Elapsed>>,
    at: u64,
    handle: Option<ScopeHandle<ManualClock>>,
}

struct Model {
    clock: ManualClock,
    tm: TimeoutManager<ManualClock>,
    waiters: Vec<Waiter>,
    is_closed: bool,
}

impl Model {
    fn new() -> Self {
        let clock = ManualClock::new();
        let tm = TimeoutManager::with_runtime(Duration::from_nanos(OWN), clock.clone());
        Self { clock, tm, waiters: Vec::new(), is_closed: false }
    }

    fn now(&self) -> u64 {
        self.clock.now().as_nanos()
    }

    /// Polls a new waiter for the first time.
    fn begin(&mut self, length: u64, future: impl Future<Output = Result<(), Elapsed>> + Send + 'static) -> bool {
        let mut held = Held::new(future);
        let at = self.now().saturating_add(length);
        match held.poll() {
            Poll::Ready(_) => assert!(self.is_closed || (at <= self.now() && at != u64::MAX), "over before its time"),
            Poll::Pending => {
                assert!(!self.is_closed && (at > self.now() || at == u64::MAX), "it waits for what is over");
                self.waiters.push(Waiter { held, at, handle: None });
                return true;
            }
        }
        false
    }

    fn scope(&mut self) {
        let given = Arc::new(std::sync::Mutex::new(None));
        let (tm, to) = (self.tm.clone(), Arc::clone(&given));
        let waits = self.begin(OWN, async move {
            tm.scope_with(|scope| {
                *to.lock().unwrap() = Some(scope);
                pending::<()>()
            })
            .await
        });
        if let (true, Some(last)) = (waits, self.waiters.last_mut()) {
            last.handle = given.lock().unwrap().take();
        }
    }

    fn index(&self, index: usize) -> Option<usize> {
        index.checked_rem(self.waiters.len())
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Run => {
                let tm = self.tm.clone();
                self.begin(OWN, async move { tm.run(pending::<()>()).await });
            }
            Op::RunWithin(length) => {
                let tm = self.tm.clone();
                let timeout = Duration::from_nanos(length);
                self.begin(length, async move { tm.run_within(timeout, pending::<()>()).await });
            }
            Op::Scope => self.scope(),
            Op::Advance(nanos) => self.clock.advance(Duration::from_nanos(nanos)),
            Op::Set(now) => self.clock.set(Instant::from_nanos(now)),
            Op::Cancel(index) => drop(self.index(index).map(|index| self.waiters.swap_remove(index))),
            Op::Move(index, at) => {
                let waiter = self.index(index).map(|index| &mut self.waiters[index]);
                if let Some((waiter, handle)) =
                    waiter.and_then(|waiter| waiter.handle.clone().map(|handle| (waiter, handle)))
                {
                    handle.set_deadline(Deadline::at(Instant::from_nanos(at)));
                    assert_eq!(waiter.held.woken(), 1, "who is moved looks again");
                    waiter.at = at;
                    self.poll(index);
                }
            }
            Op::Poll(index) => self.poll(index),
            Op::Close => {
                self.tm.close();
                self.is_closed = true;
            }
        }
        self.check();
    }

    /// Polls one, which may see that it is over, but not before its time.
    fn poll(&mut self, index: usize) {
        let now = self.now();
        let Some(index) = self.index(index) else { return };
        let waiter = &mut self.waiters[index];
        match waiter.held.poll() {
            Poll::Pending => assert!(waiter.at > now || waiter.at == u64::MAX, "{} at {now}", waiter.at),
            Poll::Ready(_) => {
                assert!(waiter.at <= now, "{} at {now}", waiter.at);
                drop(self.waiters.swap_remove(index));
            }
        }
    }

    /// Who is over was woken, and nobody else; those are taken out.
    fn check(&mut self) {
        let now = self.now();
        let is_closed = self.is_closed;
        self.waiters.retain_mut(|waiter| {
            let is_over = is_closed || (waiter.at <= now && waiter.at != u64::MAX);
            let is_woken = waiter.held.woken() > 0;
            assert!(is_woken || !is_over, "{} was not woken at {now}", waiter.at);
            let poll = if is_woken { waiter.held.poll() } else { Poll::Pending };
            match poll {
                Poll::Pending => assert!(!is_over, "{} still waits at {now}", waiter.at),
                Poll::Ready(outcome) => {
                    let kind = outcome.expect_err("it never ends by itself").kind();
                    assert_eq!(kind, if is_closed { ElapsedKind::Closed } else { ElapsedKind::Own });
                    assert!(is_over, "{} is early at {now}", waiter.at);
                }
            }
            !is_over
        });
        assert_eq!(self.tm.pending(), self.waiters.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 400 }))]

    #[test]
    fn deadlines_come_as_in_a_list_that_is_searched(ops in prop::collection::vec(op(), 0..120), close in any::<bool>()) {
        let mut model = Model::new();
        ops.into_iter().for_each(|op| model.apply(op));
        if close {
            model.apply(Op::Close);
            assert!(model.waiters.is_empty());
            model.apply(Op::Run);
        }
        while !model.waiters.is_empty() {
            model.apply(Op::Cancel(0));
        }
    }
}
