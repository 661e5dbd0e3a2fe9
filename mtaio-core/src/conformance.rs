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
mod pipe;
mod probe;
mod rig;

#[doc(hidden)]
pub mod adaptive;
#[doc(hidden)]
pub mod bad_input;
#[doc(hidden)]
pub mod cascade;
#[doc(hidden)]
pub mod combined;
#[doc(hidden)]
pub mod concurrency;
#[doc(hidden)]
pub mod crowd;
#[doc(hidden)]
pub mod debt;
#[doc(hidden)]
pub mod group;
#[doc(hidden)]
pub mod io;
#[doc(hidden)]
pub mod keyed;
#[doc(hidden)]
pub mod keyed_slots;
#[doc(hidden)]
pub mod keyed_snapshots;
#[doc(hidden)]
pub mod lease;
#[doc(hidden)]
pub mod moved;
#[doc(hidden)]
pub mod peers;
#[doc(hidden)]
pub mod policies;
#[doc(hidden)]
pub mod rate;
#[doc(hidden)]
pub mod resource;
#[doc(hidden)]
pub mod runtime;
#[doc(hidden)]
pub mod scope;
#[doc(hidden)]
pub mod shield;
#[doc(hidden)]
pub mod snapshots;
#[doc(hidden)]
pub mod timeout;
#[doc(hidden)]
pub mod vectors;
#[doc(hidden)]
pub mod ways;

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
                combined {
                    one_of_each_part_is_taken_or_none
                    a_refund_gives_back_slots_and_cells
                    a_refusal_tells_the_rate_that_refuses_longest
                    a_refusal_for_want_of_slots_does_not_say_when
                    a_cost_above_one_parts_maximum_is_refused_at_once_and_for_good
                    as_many_costs_as_parts_are_needed
                    what_costs_nothing_is_not_waited_for
                    no_parts_and_the_same_part_twice_are_errors
                    more_parts_than_fit_in_place_are_parts
                    who_gives_up_in_the_line_for_slots_leaves_no_trace
                    who_gives_up_between_slots_and_rates_leaves_no_trace
                    who_gives_up_at_the_first_rate_leaves_no_trace
                    who_gives_up_a_turn_that_it_holds_leaves_no_trace
                    who_gives_up_at_the_last_rate_leaves_no_trace
                    who_gives_up_after_the_last_grant_leaves_no_trace
                    a_turn_that_is_held_is_taken_with_the_last_grant
                    a_turn_that_is_held_keeps_those_behind_it_waiting_and_spends_nothing
                    a_turn_that_is_held_goes_to_the_next_who_holds_one
                    waiters_are_served_in_the_order_of_their_first_poll
                    a_slow_rate_of_one_user_does_not_hold_up_the_line_of_all
                    combinations_built_in_opposite_orders_do_not_deadlock
                    a_part_that_is_closed_ends_the_wait_and_all_else_goes_back
                    closing_the_combination_ends_its_waits_and_leaves_the_parts_open
                    a_quota_changed_while_a_turn_is_held_is_obeyed
                    a_quota_changed_does_not_change_the_order_of_the_parts
                    a_limit_changed_while_its_slots_are_waited_for_is_obeyed
                    acquire_within_refuses_at_time_zero_if_a_rate_is_too_slow
                    acquire_within_waits_at_most_so_long
                    a_scope_around_bounds_the_wait
                    one_who_is_polled_once_keeps_its_slots_and_its_turn
                    a_rate_alone_and_slots_alone_are_combinations
                    run_and_wrap_hold_the_slots_while_they_run
                    a_waker_that_panics_burns_nothing
                    many_tasks_take_all_or_nothing
                    what_a_combination_says_of_itself_is_text
                }
                ways {
                    any_future_is_limited_by_any_limiter
                    a_limited_future_is_not_polled_before_its_turn
                    a_boxed_limiter_is_the_limiter
                    so_many_of_each_part_are_let_through
                    throttle_gives_each_item_for_a_cell
                    throttle_loses_no_item_when_a_next_is_given_up_or_refused
                    limit_concurrency_runs_as_many_as_there_are_slots
                    limit_concurrency_gives_outputs_as_they_complete
                    limit_concurrency_loses_no_future_that_is_refused
                    a_limited_stream_that_is_dropped_returns_its_slots
                }
                debt {
                    a_request_beyond_the_burst_goes_through_when_the_bucket_is_full
                    a_request_beyond_the_burst_and_the_debt_is_refused_at_once_and_for_good
                    nothing_is_there_before_the_debt_is_paid
                    a_refusal_in_debt_says_when_to_try_again
                    a_large_request_waits_in_line_until_the_bucket_is_full
                    whoever_comes_behind_a_large_request_waits_for_its_debt
                    a_large_request_that_gives_up_owes_nothing
                    a_refund_pays_a_debt_first
                    a_new_quota_forgives_no_debt
                    a_new_quota_moves_what_can_be_had_in_one_request
                    a_combination_takes_more_than_the_burst_of_a_part
                    a_lease_can_ask_for_more_than_the_burst
                    large_requests_keep_the_rate
                }
                io {
                    bytes_that_are_read_are_paid_once
                    bytes_that_are_written_are_paid_once
                    a_transfer_is_at_most_the_burst
                    an_idle_connection_holds_no_cells
                    a_writer_whose_peer_does_not_read_holds_no_cells
                    a_burst_of_one_byte_moves_one_byte_at_a_time
                    a_transfer_takes_as_long_as_its_bytes
                    nothing_is_paid_for_nothing
                    flushing_and_closing_do_not_wait_for_cells
                    buffers_go_together_as_far_as_they_may
                    a_closed_limiter_is_an_error_with_the_refusal_inside
                    a_scope_that_leaves_too_little_time_ends_a_transfer
                    a_transfer_that_is_dropped_while_it_waits_leaves_no_trace
                    a_wait_that_goes_on_with_a_smaller_buffer_puts_the_rest_back
                    a_smaller_burst_reaches_who_waits
                    a_transfer_that_panics_pays_nothing
                    connections_that_share_a_limit_get_the_same
                    each_direction_can_have_its_own_limit
                    what_a_limited_connection_says_of_itself_is_text
                }
                lease {
                    a_lease_hands_out_what_it_took_before
                    a_lease_that_is_not_used_takes_nothing
                    what_a_lease_holds_goes_back_when_it_is_dropped
                    what_a_lease_gives_back_is_clipped_at_the_burst
                    a_lease_takes_what_is_missing_where_the_batch_is_not_there
                    a_refusal_of_a_lease_says_when_to_try_again
                    a_lease_does_not_overtake_those_who_wait
                    a_lease_waits_for_what_is_missing
                    a_wait_of_a_lease_that_is_given_up_keeps_what_is_held
                    a_cell_granted_to_a_lease_that_gives_up_goes_to_the_next
                    more_than_a_lease_could_ever_get_is_refused_at_once
                    a_lease_larger_than_the_burst_takes_batches_of_the_burst
                    a_smaller_burst_leaves_a_lease_what_it_holds
                    what_a_lease_holds_outlives_the_end_of_its_limiter
                    what_a_forgotten_lease_held_is_spent
                    a_lease_can_be_dropped_on_another_thread
                    a_lease_of_nothing_panics_and_says_why
                    a_lease_serves_those_who_wait_when_it_gives_back
                    tasks_with_leases_get_every_cell_and_no_more
                    what_a_lease_says_of_itself_is_text
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
                policies {
                    the_highest_class_is_served_first_and_each_in_the_order_of_arrival
                    one_who_says_no_class_is_of_the_lowest
                    a_class_that_does_not_exist_is_an_error_that_names_it
                    the_last_one_to_come_is_served_first
                    a_full_line_that_evicts_refuses_the_oldest_and_not_who_comes
                    a_full_line_that_does_not_evict_refuses_who_comes
                    whoever_comes_first_takes_what_is_free_although_others_wait_for_more
                    a_large_request_of_a_higher_class_is_not_overtaken_by_a_lower_one
                    what_one_who_leaves_was_granted_goes_to_who_is_next
                    the_end_and_new_limits_reach_every_class
                    one_who_tries_is_told_a_time_behind_all_who_wait
                    acquire_within_counts_those_who_come_before_it
                    one_who_is_overtaken_and_has_no_time_for_that_is_refused
                    a_turn_that_is_held_is_not_passed_by_a_higher_class
                    a_turn_that_is_given_up_goes_to_the_highest_class
                    an_overload_refuses_those_who_have_waited_too_long
                    an_overload_refuses_instead_of_serving_late
                    a_line_that_is_long_for_a_moment_is_served
                    a_thousand_waiters_of_all_classes_are_served_in_order_while_others_give_up
                }
                snapshots {
                    a_snapshot_tells_what_is_there
                    one_that_counts_counts_every_request
                    one_that_does_not_count_tells_of_those_who_stood_in_line
                    waits_that_are_given_up_are_cancelled_also_after_their_grant
                    the_oldest_wait_and_the_longest_grant_that_nobody_claims_are_told
                    a_combination_tells_of_each_part_in_the_order_of_building
                }
                timeout {
                    a_future_that_is_ready_touches_neither_clock_nor_timer
                    no_time_polls_once
                    a_deadline_that_has_passed_polls_once
                    the_value_wins_over_the_deadline
                    the_future_is_dropped_before_anybody_hears_of_the_end
                    the_time_counts_from_the_end_of_the_first_poll
                    run_within_replaces_the_managers_timeout_by_less_and_by_more
                    run_until_ends_at_its_deadline
                    the_longest_times_never_end_and_overflow_nothing
                    the_end_of_one_does_not_cancel_the_others
                    one_manager_serves_many_tasks
                    a_crowd_with_one_timeout_ends_and_nobody_is_early
                    a_crowd_with_mixed_timeouts_ends_and_nobody_is_early
                    a_hundred_thousand_deadlines_come_in_order
                    giving_up_in_any_order_leaves_nothing
                    those_who_give_up_while_others_end_are_no_trouble
                    a_run_that_is_never_polled_waits_for_nothing
                    a_run_is_woken_by_the_waker_it_was_polled_with_last
                    a_run_polled_once_and_left_alone_holds_up_nobody
                    a_waker_that_panics_costs_nobody_else_the_end
                    a_waker_that_comes_back_into_the_manager_does_not_hang
                    a_future_that_panics_leaves_nothing
                    close_ends_what_runs_and_what_comes_later
                    a_manager_dropped_while_its_alarm_is_set_leaves_nothing_behind
                    clocks_that_jump_both_ways_hang_nobody
                    what_timeouts_say_of_themselves_is_text
                    timeouts_can_be_sent_to_other_threads
                }
                cascade {
                    a_cascade_goes_on_until_an_attempt_ends_in_time
                    a_cascade_that_fails_tells_of_its_last_attempt
                    a_cascade_makes_a_fresh_future_each_time
                    an_error_of_an_attempts_own_ends_a_cascade_at_once
                    an_attempts_own_timeout_is_its_own_error
                    a_cascade_without_timeouts_is_an_error
                    a_cascade_ends_at_the_instant_that_bounds_all_of_it
                    a_scope_around_a_cascade_ends_it
                    a_cascade_falls_back_on_something_that_it_does_not_bound
                    a_cascade_that_succeeds_does_not_fall_back
                }
                scope {
                    a_block_that_takes_too_long_ends
                    what_waits_in_a_scope_has_what_is_left
                    what_is_in_a_scope_ends_although_it_knows_nothing_of_it
                    a_scope_bounds_every_kind_of_wait
                    nested_scopes_take_the_earliest_deadline
                    three_scopes_of_three_managers_are_one_deadline
                    a_run_is_no_scope
                    a_scope_inside_a_run_and_a_run_inside_a_scope
                    a_scope_that_is_dropped_half_way_leaves_nothing
                    a_scope_that_loses_a_race_leaves_nothing
                    a_scope_that_panics_leaves_nothing
                    a_scope_may_be_polled_on_any_thread
                    under_another_clock_only_the_scope_itself_bounds
                    a_deadline_goes_along_into_other_tasks_when_it_is_attached
                    a_task_that_is_spawned_in_a_scope_knows_nothing_of_it
                    deadlines_that_are_attached_take_the_earliest
                    a_rate_in_a_scope_refuses_at_once_what_cannot_come_in_time
                    a_rate_in_a_scope_waits_if_its_turn_comes_in_time
                    a_wait_for_a_slot_in_a_scope_ends_with_it
                    a_wait_for_a_slot_ends_with_an_attached_deadline
                }
                moved {
                    a_deadline_is_moved_while_its_scope_waits
                    a_deadline_moves_back_and_forth
                    a_deadline_is_moved_from_inside
                    a_deadline_is_moved_from_another_task
                    what_waits_in_a_scope_goes_by_a_deadline_that_was_moved
                    a_scope_around_a_movable_one_is_not_moved
                    many_scopes_are_moved_by_many_tasks
                }
                shield {
                    a_shield_runs_to_its_end_and_then_the_scope_ends
                    shields_nest
                    a_shield_in_one_branch_keeps_the_scope_open_for_itself
                    a_value_that_comes_with_the_end_of_a_shield_wins
                    a_shield_goes_with_what_is_dropped_around_it
                    a_shield_outside_of_all_scopes_is_nothing
                    a_wait_in_a_shield_is_bounded_by_no_scope
                }
                crowd {
                    a_thousand_waiters_for_slots_are_served_in_order_while_others_give_up
                    a_thousand_waiters_for_cells_are_served_in_order_while_others_give_up
                    a_thousand_waiters_for_a_rate_are_served_in_order_while_others_give_up
                }
                vectors {
                    vector_1_the_twisted_trace_with_its_times
                    vector_1_the_twisted_trace_by_hand
                    vector_2_ten_of_fifteen_pass_at_once
                    vector_2_the_next_cell_comes_after_its_interval
                    vector_4_two_at_once_for_each_host
                    vector_4_two_at_once_for_each_host_by_one_limiter
                    vector_6_twenty_calls_of_half_a_second_three_at_once
                }
                peers {
                    a_hundred_waiters_take_two_polls_each_and_finish_in_order
                    a_large_request_is_not_starved_by_loops_of_small_ones
                    a_quota_changed_after_an_hour_refuses_nobody
                    a_clock_that_steps_back_costs_at_most_one_refill
                    six_hundred_million_a_second_is_that_and_not_a_thousand_million
                    a_period_of_more_than_584_years_is_an_error_and_not_a_panic
                    intervals_under_a_millisecond_are_kept
                    one_waiter_polled_once_and_left_alone_does_not_stop_the_others
                    a_cancelled_hand_over_does_not_stop_the_others
                    permits_released_to_two_waiters_wake_both
                    nobody_barges_in_between_a_release_and_the_waiters_next_poll
                    a_waiter_keeps_its_place_however_often_it_is_polled
                    when_the_head_gives_up_the_next_is_woken
                    a_busy_semaphore_shrinks_by_exactly_what_was_asked
                    acquire_does_not_pend_while_permits_are_free
                    waiting_exactly_as_long_as_a_refusal_says_is_enough_and_no_less_is
                    a_limit_that_shrinks_and_grows_is_never_exceeded
                    a_lower_limit_does_not_stop_the_refill
                    who_would_be_refused_in_the_end_is_refused_at_once
                    a_cancelled_waiter_keeps_no_permits
                    cells_of_a_cancelled_wait_are_not_lost_when_later_ones_exist
                    a_rate_below_one_has_a_burst_of_one_and_succeeds
                    a_future_that_nobody_polls_blocks_no_one_that_it_does_not_precede
                }
                resource {
                    vector_5_a_stack_closes_last_first_and_reports_the_one_that_failed
                    a_stack_of_nothing_closes
                    a_finalizer_is_a_closure_that_returns_nothing_or_a_result
                    a_finalizer_that_hangs_is_given_up_and_the_next_one_runs
                    the_time_limit_of_a_stack_is_for_those_without_their_own
                    a_finalizer_that_is_done_within_its_time_is_no_error
                    all_that_goes_wrong_is_reported_in_the_order_in_which_it_happened
                    errors_say_what_to_look_at
                    pop_all_moves_everything_to_a_new_stack
                    a_scope_closes_when_its_body_is_done
                    the_error_of_the_body_comes_before_those_of_the_cleanup
                    either_part_of_a_scope_can_fail_alone
                    a_scope_whose_body_panics_is_closed_and_the_panic_goes_on
                    a_scope_runs_as_a_task
                    a_scope_that_is_dropped_drops_what_it_holds_last_first
                    a_stack_dropped_while_it_closes_drops_the_rest_last_first
                    a_resource_that_panics_when_it_is_dropped_stops_nobody
                    a_stack_detached_on_drop_is_closed_by_the_runtime
                    a_scope_that_is_dropped_leaves_its_stack_to_the_runtime_if_it_is_told_to
                    what_was_interrupted_goes_on_first_when_it_is_detached
                    a_stack_is_a_resource_of_another_stack
                    a_limiter_is_closed_when_close_is_called
                    a_scope_of_time_waits_for_finalizers_that_have_a_limit_and_for_no_others
                    a_scope_of_time_does_not_wait_for_a_finalizer_that_was_left
                }
                group {
                    a_group_closes_its_members_last_first_and_reports_all_errors
                    a_member_that_is_removed_is_not_closed
                    a_member_of_another_group_is_given_back
                    a_group_that_is_closed_neither_takes_nor_gives
                    closing_twice_is_closing
                    two_tasks_that_close_a_group_close_each_member_once
                    a_member_that_closes_its_own_group_does_not_hang
                    closing_that_was_dropped_half_way_goes_on_with_the_next
                    a_group_without_handles_drops_its_members_last_first
                    a_group_detached_on_drop_is_closed_by_the_runtime
                    a_scope_of_a_group_closes_it
                    limiters_and_timeouts_are_members_and_who_waits_for_them_sees_the_end
                    what_resources_say_of_themselves_is_text
                }
                keyed {
                    each_key_has_a_bucket_of_its_own
                    a_key_is_looked_up_by_what_it_borrows_as
                    a_refusal_of_a_key_says_when_to_try_again
                    who_waits_for_a_key_is_served_in_order
                    keys_do_not_wait_for_each_other
                    a_hundred_keys_are_waited_for_at_once
                    a_key_waits_at_most_so_long
                    a_cancelled_wait_for_a_key_leaves_no_trace
                    no_cells_of_a_key_are_ready_and_too_many_are_refused
                    each_key_has_the_quota_that_is_said_of_it
                    a_quota_that_changes_its_mind_is_asked_once_a_key
                    a_quota_that_panics_takes_nothing
                    one_key_can_have_another_quota_at_any_time
                    a_key_that_is_as_good_as_new_is_forgotten_in_passing
                    a_key_that_is_waited_for_is_not_forgotten
                    a_key_with_a_handle_is_not_forgotten
                    no_more_keys_than_may_be_are_kept
                    a_new_key_is_refused_where_it_was_said_so
                    a_key_in_use_is_never_evicted
                    a_key_that_is_removed_ends_its_waits
                    keys_that_are_not_retained_go
                    a_key_is_part_of_a_combination_with_a_limit_for_all
                    closing_ends_the_waits_of_all_keys
                    keys_that_are_all_equal_are_one
                }
                keyed_slots {
                    each_key_has_slots_of_its_own
                    who_waits_for_a_slot_of_a_key_is_served_in_order
                    each_key_runs_so_many_at_once
                    a_slot_of_a_key_is_waited_for_at_most_so_long
                    a_cancelled_wait_for_a_slot_of_a_key_leaves_no_trace
                    a_key_without_a_permit_is_forgotten_in_passing
                    a_permit_of_a_key_outlives_its_limiter
                    a_key_whose_permits_are_held_is_never_evicted
                    a_key_that_is_removed_keeps_its_permits_valid
                    each_key_has_the_limit_that_is_said_of_it
                    a_limit_changed_by_a_handle_is_kept_with_the_key
                    slots_of_a_key_are_part_of_a_combination
                    closing_ends_the_waits_for_slots_of_all_keys
                }
                keyed_snapshots {
                    a_snapshot_of_keys_tells_what_is_there
                    a_rate_per_key_that_counts_counts_every_request
                    slots_per_key_that_count_count_every_request
                    those_per_key_that_do_not_count_tell_of_those_who_stood_in_line
                    what_was_counted_outlives_its_key
                    the_oldest_wait_and_the_longest_grant_are_those_of_all_keys
                }
                adaptive {
                    vector_3_weights_follow_the_load
                    an_overload_halves_what_is_admitted
                    a_small_weight_still_lets_in
                    a_load_that_is_none_is_clamped_or_ignored
                    a_new_rate_reaches_who_waits
                    the_load_of_all_counts_for_all_if_it_is_said_so
                    what_was_reported_is_bounded
                    rules_that_make_no_sense_say_so
                    the_limit_follows_what_becomes_of_permits
                    a_permit_dropped_without_a_word_is_ignored
                    a_limit_that_rises_lets_in_who_waits
                    a_limit_that_sinks_takes_nothing_back
                    a_round_trip_is_what_it_took
                    an_adaptive_limiter_waits_at_most_so_long
                    a_cancelled_wait_for_an_adaptive_limiter_leaves_no_trace
                    what_is_run_is_judged
                    closing_ends_the_waits_of_an_adaptive_limiter
                    many_tasks_that_end_in_every_way_leave_nothing_in_flight
                }
                bad_input {
                    rates_that_are_no_positive_number_are_errors
                    absurd_rates_are_errors_or_exact
                    a_rate_of_zero_panics_where_it_is_a_constant
                    a_burst_of_zero_is_refused
                    the_largest_burst_is_there_at_once_and_comes_back_to_the_last_cell
                    more_and_more_waiters_overflow_nothing
                    waits_of_no_time_and_of_all_time_are_waits
                    a_limit_of_zero_is_refused_where_a_limiter_is_made
                    the_largest_limit_works
                    a_limit_changed_to_nothing_and_everything_under_load_loses_nothing
                    a_quota_changed_to_the_least_and_the_most_under_load_hangs_nobody
                    clocks_that_jump_both_ways_hang_nobody_for_longer_than_a_refill
                    a_clock_at_the_end_of_time_is_a_clock
                    refunds_beyond_the_burst_give_the_burst
                    a_refund_to_a_closed_limiter_lets_nobody_in
                    acquire_outside_any_runtime_works_or_says_what_to_do
                    what_does_not_wait_needs_no_runtime
                    a_waker_that_comes_back_into_the_limiter_does_not_hang
                    a_waker_whose_drop_comes_back_into_the_limiter_does_not_hang
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

#[cfg(test)]
mod tests {
    /// The names of the checks in the sources, and those in the list.
    #[test]
    fn every_check_is_in_the_list() {
        let list = include_str!("conformance.rs");
        let sources = [
            include_str!("conformance/adaptive.rs"),
            include_str!("conformance/bad_input.rs"),
            include_str!("conformance/cascade.rs"),
            include_str!("conformance/combined.rs"),
            include_str!("conformance/concurrency.rs"),
            include_str!("conformance/crowd.rs"),
            include_str!("conformance/debt.rs"),
            include_str!("conformance/group.rs"),
            include_str!("conformance/keyed.rs"),
            include_str!("conformance/keyed_slots.rs"),
            include_str!("conformance/keyed_snapshots.rs"),
            include_str!("conformance/io.rs"),
            include_str!("conformance/lease.rs"),
            include_str!("conformance/moved.rs"),
            include_str!("conformance/peers.rs"),
            include_str!("conformance/policies.rs"),
            include_str!("conformance/rate.rs"),
            include_str!("conformance/resource.rs"),
            include_str!("conformance/runtime.rs"),
            include_str!("conformance/scope.rs"),
            include_str!("conformance/shield.rs"),
            include_str!("conformance/snapshots.rs"),
            include_str!("conformance/timeout.rs"),
            include_str!("conformance/vectors.rs"),
            include_str!("conformance/ways.rs"),
        ];
        let checks = sources.iter().flat_map(|source| source.lines()).filter_map(|line| {
            let (name, _) = line.strip_prefix("pub async fn ")?.split_once('<')?;
            Some(name)
        });
        for check in checks {
            assert!(list.lines().any(|line| line.trim() == check), "{check} is not in the list");
        }
    }
}
