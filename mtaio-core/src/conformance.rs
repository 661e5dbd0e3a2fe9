//! One suite that any runtime can be held against, and with it every limiter that waits on it.
//!
//! It checks the numbered MUSTs of [`runtime`](crate::runtime), what the limiters promise, vectors whose outcome is known, the
//! defects that other limiters have, and bad input. A test file of a few lines runs all of it:
//!
//! ```
//! use core::future::Future;
//! use mtaio_core::conformance::Harness;
//! use mtaio_core::runtime::VirtualRuntime;
//!
//! #[derive(Default)]
//! struct Virtual(VirtualRuntime);
//!
//! impl Harness for Virtual {
//!     type Runtime = VirtualRuntime;
//!     const VIRTUAL: bool = true;
//!
//!     fn runtime(&self) -> VirtualRuntime {
//!         self.0.clone()
//!     }
//!
//!     fn block_on<F: Future>(&self, future: F) -> F::Output {
//!         self.0.block_on(future)
//!     }
//! }
//!
//! mtaio_core::conformance! { mod virtual_time = Virtual }
//! # fn main() {}
//! ```
//!
//! Each check is a `#[test]` of the module that the macro makes. On a real runtime no check asserts a time; a watchdog ends those
//! that hang.

mod gate;
mod hand;
mod rig;

#[doc(hidden)]
pub mod runtime;

use alloc::string::String;
use core::future::Future;
use core::time::Duration;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

pub use rig::Rig;

use crate::runtime::Runtime;

/// How long a check may take. It says nothing about speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the suite gets at a runtime. Each check makes a harness of its own, on a thread of its own.
pub trait Harness: Default + 'static {
    /// The runtime under test.
    type Runtime: Runtime;

    /// Whether time is virtual: it stands still while anything runs and goes on by itself when nothing does. Then times are
    /// asserted too, to the [granularity](crate::runtime::Timer::granularity).
    const VIRTUAL: bool = false;

    /// The runtime that limiters are made with.
    fn runtime(&self) -> Self::Runtime;

    /// Drives the runtime until `future` is done.
    fn block_on<F: Future>(&self, future: F) -> F::Output;
}

/// Runs one check: what the tests of [`conformance!`](crate::conformance!) do.
///
/// # Panics
///
/// If the check fails, or does not end within a minute.
#[doc(hidden)]
pub fn check<H, F>(name: &'static str, check: fn(Rig<H>) -> F)
where
    H: Harness,
    F: Future<Output = ()> + 'static,
{
    let (ends, end) = channel::<()>();
    let body = thread::Builder::new().name(String::from(name)).spawn(move || {
        let _ends = ends;
        let harness = H::default();
        harness.block_on(check(Rig::new(&harness)));
    });
    let body = body.expect("a thread can be started");
    // Nothing is ever sent: the channel closes when the body ends, also by a panic.
    if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        panic!("{name}: not done after {PATIENCE:?}");
    }
    if let Err(panic) = body.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Makes a module with a test for each check of the suite: `conformance! { mod name = MyHarness }`.
///
/// See the [module](mod@crate::conformance) for an example.
#[macro_export]
macro_rules! conformance {
    (mod $name:ident = $harness:ty) => {
        mod $name {
            #[allow(unused_imports, reason = "the harness may be named by its full path")]
            use super::*;

            type Held = $harness;

            $crate::conformance! { @checks Held
                runtime {
                    must_1_the_clock_does_not_go_back
                    must_1_the_clock_goes_on_across_sleeps_and_tasks
                    must_2_a_sleep_does_not_end_before_its_instant
                    must_3_a_pending_sleep_wakes_the_waker_it_was_polled_with
                    must_3_a_sleep_polled_again_wakes_the_last_waker
                    must_3_a_thousand_sleeps_all_end
                    must_4_a_sleep_whose_instant_has_passed_is_ready_at_its_next_poll
                    must_4_a_sleep_until_the_far_end_of_time_does_not_end
                    must_5_a_sleep_that_is_dropped_wakes_nobody
                    must_5_a_sleep_that_is_dropped_drops_its_waker
                    must_6_reset_moves_a_sleep_further_away
                    must_6_reset_moves_a_sleep_closer
                    must_6_reset_revives_a_sleep_that_has_ended
                    must_7_a_waker_may_poll_the_sleep_that_calls_it
                    must_7_a_waker_may_reset_the_sleep_that_calls_it
                    must_7_a_waker_may_drop_the_sleep_that_calls_it
                    must_8_a_sleep_polled_here_ends_in_another_task
                    must_8_a_sleep_made_in_a_task_ends_here
                    must_9_the_context_is_the_same_in_every_task
                    must_10_an_alarm_ticks_once_its_instant_has_come
                    must_10_an_alarm_ticks_at_the_earliest_instant_that_was_set
                    must_10_an_alarm_can_be_set_again_after_its_tick
                    must_10_an_alarm_set_for_the_past_ticks
                    must_10_an_alarm_can_be_set_from_any_thread_once_it_was_set
                    must_10_an_alarm_can_be_set_inside_its_own_tick
                    must_10_an_alarm_that_is_dropped_neither_ticks_nor_is_lost
                    must_10_an_alarm_does_not_keep_its_target_alive
                    must_11_a_task_runs_to_its_end
                    must_11_a_task_whose_handle_is_dropped_goes_on
                    must_11_a_task_that_panics_is_seen_by_who_joins_it
                    must_11_a_blocking_job_runs_to_its_end
                }
            }
        }
    };
    (@checks $harness:ident $($subject:ident { $($check:ident)* })*) => {
        $(mod $subject {
            use super::$harness;

            $(#[test]
            fn $check() {
                $crate::conformance::check(
                    ::core::stringify!($check),
                    $crate::conformance::$subject::$check::<$harness>,
                );
            })*
        })*
    };
}
