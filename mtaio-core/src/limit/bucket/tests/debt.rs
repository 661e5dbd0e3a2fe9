//! Requests beyond the burst, and what they leave.

use super::*;

fn quota_and_debt() -> impl Strategy<Value = (Quota, u32)> {
    // Often about as large as the burst, where it matters most.
    let debt = prop_oneof![magnitude(32).prop_map(|debt| debt as u32), 0..100_u32];
    (quota(), debt)
}

/// The first time at which retrying as a refusal says does not succeed, or a nanosecond earlier does.
fn first_untrue((quota, debt): (Quota, u32), history: &[Step]) -> Option<(Instant, u32)> {
    let (mut bucket, mut wrong) = (TokenBucket::with_debt(quota, debt), None);
    follow_up_to(bucket.largest(), quota, history, |now, n| {
        let Err(error) = bucket.try_take(now, n) else { return };
        let Some(wait) = error.retry_after() else { return };
        let at = now + wait;
        if at == Instant::FAR {
            return;
        }
        let then = bucket.clone().try_take(at, n).is_ok();
        let before = bucket.clone().try_take(at - Duration::from_nanos(1), n).is_ok();
        if !then || before || bucket.ready_at(now, n) != Ok(at) {
            wrong.get_or_insert((now, n));
        }
    });
    wrong
}

proptest! {
    #[test]
    fn every_decision_about_a_debt_is_that_of_exact_fractions(
        (quota, debt) in quota_and_debt(),
        history in history(),
    ) {
        prop_assert_eq!(first_wrong_with_debt(quota, debt, &history), None);
    }

    #[test]
    fn retry_after_is_true_to_the_nanosecond_in_debt(quota in quota_and_debt(), history in history()) {
        prop_assert_eq!(first_untrue(quota, &history), None);
    }

    #[test]
    fn a_window_has_no_more_than_its_largest_request_or_the_burst_and_the_rate(
        (cells, nanos, burst, debt) in (1..2000_u32, 1..2_000_000_000_u64, 1..40_u32, 0..200_u32),
        history in history(),
    ) {
        let quota = quota_of(cells, nanos, burst);
        let (cells, period) = quota.terms();
        let mut bucket = TokenBucket::with_debt(quota, debt);
        let mut taken = Vec::new();
        follow_up_to(burst + debt, quota, &history, |now, n| {
            if bucket.try_take(now, n).is_ok() {
                taken.push((now.as_nanos(), n));
            }
        });
        for (first, &(start, _)) in taken.iter().enumerate() {
            let (mut sum, mut largest) = (0_i128, burst);
            for &(end, n) in &taken[first..] {
                sum += i128::from(n);
                largest = largest.max(n);
                let over = (sum - i128::from(largest)) * i128::from(period);
                prop_assert!(over <= i128::from(end - start) * i128::from(cells), "{} from {} to {}", sum, start, end);
            }
        }
    }

    #[test]
    fn what_is_owed_is_neither_forgiven_nor_invented_by_a_new_quota(
        (cells, nanos, burst, debt) in (1..2000_u32, 1..2_000_000_000_u64, 1..40_u32, 0..200_u32),
        new in quota(),
        history in history(),
    ) {
        let old = quota_of(cells, nanos, burst);
        let (mut bucket, mut model) = (TokenBucket::with_debt(old, debt), Model::new(old, debt));
        let mut end = Instant::ORIGIN;
        follow_up_to(bucket.largest(), old, &history, |now, n| {
            if bucket.try_take(now, n).is_ok() {
                model.take(now.as_nanos(), n);
            }
            end = now;
        });
        let now = i128::from(end.as_nanos()) * model.cells;
        let before = (now + model.burst - model.full.max(now)).div_euclid(model.period);
        bucket.set_quota(end, new);
        let after = bucket.level(end).div_euclid(bucket.gcra.scale().cost.into());
        prop_assert_eq!(bucket.largest(), new.burst_size().saturating_add(debt));
        let expected = before.min(new.burst_size().into());
        // What one quota counts in finer parts than the other is rounded down, below zero too.
        prop_assert!(after <= expected && after + 1 >= expected, "{} cells, and {} before", after, before);
    }

    #[test]
    fn a_step_back_costs_a_bucket_in_debt_at_most_all_that_it_can_owe(
        (cells, nanos, burst, debt) in (1..2000_u32, 1..2_000_000_000_u64, 1..40_u32, 1..200_u32),
        back in magnitude(60),
    ) {
        let quota = quota_of(cells, nanos, burst);
        let now = Instant::from_nanos(1 << 61);
        let mut bucket = TokenBucket::with_debt(quota, debt);
        bucket.try_take(now, burst + debt).unwrap();
        let now = now - Duration::from_nanos(back);
        let wait = bucket.try_take(now, burst).unwrap_err().retry_after().unwrap();
        let (cells, period) = quota.terms();
        let all = u128::from(burst + debt) * u128::from(period) / u128::from(cells);
        prop_assert!(wait.as_nanos() <= all + 1, "{:?}", wait);
        // And it forgives nothing.
        prop_assert!(wait.as_nanos() >= all);
    }
}

#[test]
fn a_large_request_waits_for_a_full_bucket_and_the_next_ones_for_the_debt() {
    let second = |seconds: u64| Instant::from_nanos(1_000_000_000 * seconds);
    let mut bucket = TokenBucket::with_debt(Quota::per_second(1).burst(3), 4);
    assert_eq!(bucket.largest(), 7);
    assert!(bucket.try_take(second(10), 8).unwrap_err().retry_after().is_none());
    bucket.try_take(second(10), 1).unwrap();
    assert_eq!(bucket.ready_at(second(10), 4), Ok(second(11)));
    assert_eq!(bucket.ready_at(second(10), 7), Ok(second(11)));
    bucket.try_take(second(11), 7).unwrap();
    // Four are owed.
    assert_eq!((bucket.available(second(11)), bucket.available(second(15))), (0, 0));
    assert_eq!(bucket.ready_at(second(11), 1), Ok(second(16)));
    assert_eq!(bucket.ready_at(second(11), 3), Ok(second(18)));
    assert_eq!(bucket.ready_at(second(11), 4), Ok(second(18)));
    bucket.refund(second(11), 2);
    assert_eq!(bucket.ready_at(second(11), 1), Ok(second(14)));
    bucket.refund(second(11), u32::MAX);
    assert_eq!(bucket.available(second(11)), 3);
}

#[test]
fn a_debt_outlives_a_move_of_the_base() {
    let quota = Quota::per_second(1_000_000_000).burst(1);
    let mut bucket = TokenBucket::with_debt(quota, u32::MAX);
    let start = Instant::from_nanos(1 << 60);
    bucket.sync(start, 0);
    let late = Instant::from_nanos(bucket.base() + bucket.gcra.horizon());
    bucket.try_take(late, 1_000_000_001).unwrap();
    let moves = bucket.moves();
    let after = late + Duration::from_nanos(5);
    assert_eq!(bucket.ready_at(after, 1), Ok(late + Duration::from_nanos(1_000_000_001)));
    assert!(bucket.try_take(after, 1).is_err());
    assert_eq!(bucket.moves(), moves + 1);
    assert_eq!(bucket.ready_at(after, 1), Ok(late + Duration::from_nanos(1_000_000_001)));
}
