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
pub mod concurrency;
#[doc(hidden)]
pub mod rate;
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
                concurrency {
                    acquire_waits_and_try_acquire_refuses
                    a_refusal_does_not_say_when_to_try_again
                    a_permit_returns_when_it_is_dropped
                    an_owned_permit_outlives_its_limiter
                    clones_share_the_limit
                    acquire_within_waits_at_most_so_long
                    acquire_within_takes_what_comes_in_time
                    a_permit_that_comes_at_the_deadline_wins
                    acquire_within_no_time_tries_once
                    more_than_the_limit_is_refused_at_once_and_for_good
                    zero_permits_are_ready_and_do_not_queue
                    zero_permits_are_refused_once_it_is_closed
                    waiters_are_served_in_the_order_of_their_first_poll
                    a_large_request_at_the_front_is_not_overtaken
                    try_acquire_fails_while_anybody_waits
                    dropping_a_waiting_future_leaves_no_trace
                    a_future_that_is_never_polled_has_no_place
                    a_permit_granted_and_not_yet_taken_goes_to_the_next
                    a_permit_granted_and_not_yet_taken_is_free_again_if_nobody_waits
                    a_waiter_polled_once_and_left_alone_holds_up_only_what_it_was_granted
                    a_waiter_is_woken_by_the_waker_it_was_polled_with_last
                    a_higher_limit_serves_the_waiting_at_once
                    a_lower_limit_takes_nothing_from_who_holds_a_permit
                    a_request_that_no_longer_fits_ends_and_those_behind_move_up
                    a_limit_of_zero_pauses
                    what_does_not_fit_after_a_pause_is_refused
                    close_ends_every_wait
                    a_grant_that_came_before_the_end_stays_valid
                    held_permits_stay_valid_after_close
                    closing_twice_is_closing
                    closed_completes_when_it_is_closed
                    idle_completes_when_all_permits_are_back
                    run_holds_a_permit_until_its_future_is_gone
                    run_that_is_refused_drops_its_future_unpolled
                    try_run_gives_one_result_of_both
                    a_wrapped_function_holds_a_permit_while_it_runs
                    a_wrapped_function_is_not_called_before_its_turn
                    a_full_queue_refuses_at_once
                    a_second_acquire_inside_ones_own_permit_waits_for_itself
                    a_future_that_panics_returns_its_permit
                    a_waker_that_panics_costs_nobody_else_anything
                    many_tasks_never_hold_more_than_the_limit
                    what_a_limiter_says_of_itself_is_text
                }
                rate {
                    acquire_waits_and_try_acquire_refuses
                    a_refusal_says_when_to_try_again
                    a_refusal_counts_those_who_wait_already
                    acquire_within_refuses_at_time_zero_and_says_how_long_it_would_be
                    acquire_within_waits_if_its_turn_comes_in_time
                    acquire_within_counts_those_ahead
                    acquire_within_no_time_tries_once
                    more_than_the_burst_is_refused_at_once_and_for_good
                    zero_cells_are_ready_and_do_not_queue
                    zero_cells_are_refused_once_it_is_closed
                    a_fresh_bucket_is_full
                    a_bucket_begins_as_full_as_it_is_told
                    the_burst_is_what_a_second_allows_unless_it_is_said
                    waiters_are_served_in_the_order_of_their_first_poll
                    tasks_pass_in_the_order_in_which_they_came
                    a_large_request_at_the_front_is_not_overtaken
                    try_acquire_fails_while_anybody_waits
                    try_acquire_serves_a_waiter_whose_turn_has_come_and_is_not_stopped_by_it
                    dropping_a_waiting_future_leaves_no_trace
                    those_behind_one_who_gives_up_are_earlier
                    a_future_that_is_never_polled_has_no_place
                    cells_granted_and_not_yet_taken_go_to_the_next
                    cells_granted_and_not_yet_taken_are_there_again_up_to_the_burst
                    a_waiter_polled_once_and_left_alone_holds_up_nobody
                    a_waiter_dropped_after_its_grant_and_before_its_poll_holds_up_nobody
                    cells_stay_spent_unless_they_are_refunded
                    a_refund_is_clipped_at_the_burst
                    a_refund_serves_the_waiting_at_once
                    a_higher_rate_reaches_those_who_wait
                    a_lower_rate_lets_those_who_wait_wait_longer
                    a_new_quota_keeps_the_cells_up_to_the_new_burst
                    a_request_that_no_longer_fits_ends_and_those_behind_move_up
                    a_wait_that_a_new_quota_makes_too_long_ends
                    close_ends_every_wait
                    a_grant_that_came_before_the_end_stays_valid
                    closing_twice_is_closing
                    closed_completes_when_it_is_closed
                    run_spends_its_cells_and_gives_its_result
                    run_that_is_refused_drops_its_future_unpolled
                    run_that_is_dropped_while_it_waits_spends_nothing
                    try_run_gives_one_result_of_both
                    a_wrapped_function_spends_its_cells
                    a_wrapped_function_is_not_called_before_its_turn
                    a_wrapped_function_outlives_its_limiter
                    a_full_queue_refuses_at_once
                    clones_share_the_limit
                    a_future_that_panics_spends_its_cell_and_no_more
                    a_waker_that_panics_costs_nobody_else_anything
                    the_full_rate_is_kept_while_anybody_waits
                    an_idle_limiter_gathers_its_burst_and_not_one_more
                    a_limiter_dropped_while_its_alarm_is_set_leaves_nothing_behind
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
