use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn sample(end_nanos: u64, rtt: Duration, in_flight: usize, dropped: bool) -> Sample {
    let end = Instant::from_nanos(end_nanos);
    Sample { start: end - rtt, end, in_flight, dropped }
}

/// Windows of a second, each with samples that are all alike, and the limit after each.
fn windows(algorithm: &mut dyn LimitAlgorithm, windows: &[(u64, usize, bool)]) -> Vec<usize> {
    let mut limits = Vec::new();
    for (number, &(millis, in_flight, dropped)) in (5..).step_by(2).zip(windows) {
        let rtt = Duration::from_millis(millis);
        for _ in 0..11 {
            algorithm.record(&sample(number * SECOND, rtt, in_flight, dropped));
        }
        // A second and a half later: that ends the window.
        limits.push(algorithm.record(&sample(number * SECOND + SECOND * 3 / 2, rtt, in_flight, dropped)));
    }
    limits
}

#[test]
fn aimd_goes_up_by_one_and_down_by_a_tenth() {
    let mut aimd = Aimd::new(20);
    // 0.9 * 22 = 19.8, and nothing is known where less than half is in flight.
    let limits =
        windows(&mut aimd, &[(100, 20, false), (100, 20, false), (100, 20, true), (100, 9, false), (100, 10, false)]);
    assert_eq!(limits, [21, 22, 19, 19, 20]);
}

#[test]
fn aimd_takes_off_one_at_least_and_keeps_one() {
    assert_eq!(windows(&mut Aimd::new(3), &[(1, 3, true), (1, 3, true), (1, 3, true)]), [2, 1, 1]);
}

#[test]
fn vegas_keeps_a_queue_between_alpha_and_beta() {
    let mut vegas = Vegas::new(100);
    let limits = windows(
        &mut vegas,
        &[
            // The shortest round trip.
            (100, 100, false),
            // No queue: 6 log10(100) more.
            (100, 100, false),
            // ceil(112 * (1 - 100/104)) = 5: a little more.
            (104, 112, false),
            // ceil(114 * (1 - 100/110)) = 11, up to 12 is well.
            (110, 114, false),
            // ceil(114 * (1 - 100/125)) = 23.
            (125, 114, false),
            (100, 114, true),
            // Less than half in flight.
            (100, 50, false),
        ],
    );
    assert_eq!(limits, [100, 112, 114, 114, 112, 110, 110]);
}

#[test]
fn vegas_takes_the_shortest_round_trip_anew_in_the_end() {
    let mut vegas = Vegas::within(LimitBounds::between(2, 1, 2).unwrap());
    // Half of 30 times the limit: 30 windows. Until then a round trip of 1 s is all queue; then it is the shortest itself.
    windows(&mut vegas, &[(1, 2, false)]);
    let limits = windows(&mut vegas, &[(1000, 2, false); 35]);
    assert_eq!((limits[0], limits[10], limits[34]), (2, 2, 2));
    assert_eq!(vegas.shortest, Some(1e9));
}

#[test]
fn gradient2_follows_the_gradient_of_the_round_trips() {
    let mut gradient = Gradient2::new(20);
    let limits = windows(
        &mut gradient,
        &[
            // 0.8 * 20 + 0.2 * (20 + 4) = 20.8
            (100, 20, false),
            // Usually 200 by now, and half as much more is tolerated: 21.6
            (300, 20, false),
            // 333: the gradient is 0.833. 0.8 * 21.6 + 0.2 * (18 + 4) = 21.68
            (600, 20, false),
            // 700: 0.583. 0.8 * 21.68 + 0.2 * (12.65 + 4) = 20.67
            (1800, 20, false),
            // Less than half in flight.
            (1, 10, false),
        ],
    );
    assert_eq!(limits, [20, 21, 21, 20, 20]);
    // (100 + 300 + 600 + 1800 + 1) / 5 ms, and 5 % off, for it is more than twice what came last.
    assert!((gradient.usual / 1e6 - 560.2 * 0.95).abs() < 1e-6);
}

/// A server without any chance: as many workers, each taking 100 ms. All of the limit is always in flight; or as much as there is load.
struct Steady {
    workers: f64,
    load: f64,
    now: f64,
}

impl Steady {
    fn of(workers: usize) -> Self {
        Self { workers: workers as f64, load: f64::INFINITY, now: 1e9 }
    }

    /// Runs for so many seconds, and tells the limits that there were.
    fn run(&mut self, algorithm: &mut dyn LimitAlgorithm, seconds: f64) -> Vec<usize> {
        let (end, mut limits) = (self.now + seconds * 1e9, Vec::from([algorithm.limit()]));
        while self.now < end {
            let in_flight = (algorithm.limit() as f64).min(self.load);
            let per_nano = in_flight.min(self.workers) / 0.1e9;
            self.now += 1.0 / per_nano;
            let rtt = Duration::from_nanos((in_flight / per_nano) as u64);
            let limit = algorithm.record(&sample(self.now as u64, rtt, in_flight as usize, false));
            if limits.last() != Some(&limit) {
                limits.push(limit);
            }
        }
        limits
    }
}

#[test]
fn elastic_compares_less_and_more_and_then_more_and_less() {
    // e is 1, so that a pair moves the center by 0.3 of its distance, from 20 to 21.9 to 23.1. The distance is 0.3 at first, as nothing was
    // said before it shrinks to 0.195, and grows to 0.33 as the second pair says the same.
    let limits = Steady::of(1000).run(&mut Elastic::new(20), 3.0);
    assert_eq!(limits[..5], [17, 23, 24, 20, 27]);
}

#[test]
fn elastic_stays_where_only_the_queue_grows() {
    for (workers, initial) in [(40, 20), (40, 200), (8, 20), (200, 20), (40, 40)] {
        let (mut steady, mut elastic) = (Steady::of(workers), Elastic::new(initial));
        steady.run(&mut elastic, 120.0);
        // For an hour it does not drift.
        for limit in steady.run(&mut elastic, 3600.0) {
            assert!((0.7..1.4).contains(&(limit as f64 / workers as f64)), "{workers} from {initial}: {limit}");
        }
    }
}

#[test]
fn elastic_holds_while_it_does_not_limit() {
    let (mut steady, mut elastic) = (Steady { load: 10.0, ..Steady::of(1000) }, Elastic::new(20));
    let limits: BTreeSet<_> = steady.run(&mut elastic, 3600.0).into_iter().collect();
    assert_eq!(limits, BTreeSet::from([17, 23]));
}

#[test]
fn elastic_does_not_let_in_less_for_a_comparison_that_says_nothing() {
    // All that come are below what more lets in, and above what less would.
    let (mut steady, mut elastic) = (Steady { load: 18.0, ..Steady::of(1000) }, Elastic::new(20));
    assert_eq!(steady.run(&mut elastic, 600.0), [17, 23]);
    // Once there is more load, it goes on.
    steady.load = f64::INFINITY;
    assert!(steady.run(&mut elastic, 60.0).iter().any(|limit| *limit > 500));
}

#[test]
fn elastic_compares_with_less_as_soon_as_it_limits_again() {
    let (mut steady, mut elastic) = (Steady { load: 10.0, ..Steady::of(1000) }, Elastic::new(20));
    assert_eq!(steady.run(&mut elastic, 60.0), [17, 23]);
    steady.load = f64::INFINITY;
    // Only the window that it was in sees more; two others would take it to the end.
    assert_eq!(steady.run(&mut elastic, 0.6)[..2], [23, 17]);
}

#[test]
fn elastic_knows_that_it_limits_also_where_many_come_and_go_at_once() {
    // All that a timer tells come together: an eighth of the limit. So only one in 25 takes the last place, and nobody finds much room.
    let (workers, mut now, mut elastic) = (40.0, 1e9, Elastic::new(200));
    while now < 120e9 {
        let limit = elastic.limit();
        let (at_once, per_nano) = ((limit / 8).max(1), (limit as f64).min(workers) / 0.1e9);
        now += at_once as f64 / per_nano;
        let rtt = Duration::from_nanos((limit as f64 / per_nano) as u64);
        for in_flight in limit - at_once + 1..=limit {
            elastic.record(&sample(now as u64, rtt, in_flight, false));
        }
    }
    assert!((30..56).contains(&elastic.limit()), "{elastic:?}");
}

#[test]
fn elastic_goes_on_after_a_clock_that_stepped_back_a_little() {
    let (mut steady, mut elastic) = (Steady::of(40), Elastic::new(20));
    steady.run(&mut elastic, 60.0);
    for step in [0.01e9, 1e9, 15e9, 19e9, 30e9] {
        steady.now -= step;
        steady.run(&mut elastic, 90.0);
        assert!((30..56).contains(&elastic.limit()), "{step}: {elastic:?}");
    }
}

#[test]
#[should_panic(expected = "shared by 0 limiters")]
fn elastic_is_one_of_those_that_it_is_told_of() {
    let _ = Elastic::new(20).shared_by(0);
}

#[test]
fn elastic_halves_when_a_fifth_is_dropped_and_doubles_back_to_three_quarters() {
    let (mut steady, mut elastic) = (Steady::of(40), Elastic::new(40));
    steady.run(&mut elastic, 60.0);
    let center = elastic.center;
    let mut limits = Vec::new();
    for second in 0..4_u64 {
        // All that were let in at this second are given up at the next.
        let end = steady.now as u64 + (1 + second) * SECOND;
        for _ in 0..elastic.limit() {
            elastic.record(&sample(end, Duration::from_nanos(SECOND), elastic.limit(), true));
        }
        limits.push(elastic.limit() as f64);
    }
    // Those who were let in before the limit was halved do not halve it again.
    let halves = [0.5, 0.25, 0.125, 0.0625].map(|part| (center * part + 0.5) as usize as f64);
    assert_eq!(limits, halves);
    steady.now += 5e9;
    steady.workers = 1000.0;
    let back: Vec<_> = steady.run(&mut elastic, 2.0);
    assert!(back.windows(2).take(3).all(|two| two[1] <= 2 * two[0] + 1), "{back:?}");
    let top = back.iter().copied().max().unwrap() as f64;
    assert!(top > 0.7 * center && top < 1.2 * center, "{center}: {back:?}");
}

#[test]
fn elastic_does_not_retreat_for_one_timeout_in_ten() {
    let mut elastic = Elastic::new(40);
    let limits: Vec<_> = (0..2000_u64)
        .map(|n| elastic.record(&sample(SECOND + n * 2_500_000, Duration::from_millis(100), 40, n % 10 == 0)))
        .collect();
    assert!(limits.iter().all(|limit| *limit > 25), "{limits:?}");
}

#[test]
fn elastic_goes_on_after_a_clock_that_jumped() {
    let (mut steady, mut elastic) = (Steady::of(200), Elastic::new(20));
    // A century ahead, and back.
    let century = Duration::from_secs(100 * 365 * 86_400);
    elastic.record(&sample(u64::MAX / 4, century, 20, false));
    elastic.record(&sample(u64::MAX / 4, century, 20, true));
    steady.run(&mut elastic, 120.0);
    assert!((140..280).contains(&elastic.limit()), "{elastic:?}");
}

#[test]
fn a_limit_of_one_is_a_limit() {
    for mut algorithm in all(LimitBounds::between(1, 1, 1).unwrap()) {
        assert_eq!(Steady::of(40).run(&mut *algorithm, 60.0), [1]);
    }
    // And one from which it rises.
    let mut elastic = Elastic::new(1);
    Steady::of(40).run(&mut elastic, 120.0);
    assert!((30..56).contains(&elastic.limit()), "{elastic:?}");
}

#[test]
fn the_largest_limits_are_within_their_bounds() {
    // No float is that number; the nearest one is more.
    let most = usize::MAX / 2 - 1;
    for mut algorithm in all(LimitBounds::between(most, 1, most).unwrap()) {
        assert!(algorithm.limit() <= most, "{algorithm:?}");
        let limits = windows(&mut *algorithm, &[(100, most, false); 5]);
        assert!(limits.iter().all(|limit| *limit <= most), "{limits:?}: {algorithm:?}");
    }
}

fn all(bounds: LimitBounds) -> [Box<dyn LimitAlgorithm>; 4] {
    [
        Box::new(Aimd::within(bounds)),
        Box::new(Vegas::within(bounds)),
        Box::new(Gradient2::within(bounds)),
        Box::new(Elastic::within(bounds)),
    ]
}

/// Round trips of nothing, of years, and of what is usual.
fn any_rtt() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), 1_000..10_000_000_000_u64, Just(u64::MAX), any::<u64>()]
}

proptest! {
    #[test]
    fn no_samples_take_a_limit_out_of_its_bounds(
        min in 1..20_usize,
        more in 0..50_usize,
        most in 0..500_usize,
        samples in prop::collection::vec((prop_oneof![0..50_000_000_u64, any::<u64>()], any_rtt(), 0..700_usize, any::<bool>()), 0..600),
    ) {
        let bounds = LimitBounds::between(min + more, min, min + more + most).unwrap();
        for mut algorithm in all(bounds) {
            let mut now = 0_u64;
            for &(step, rtt, in_flight, dropped) in &samples {
                // Now and then it goes anywhere, also back.
                now = if step < 50_000_000 { now.saturating_add(step) } else { step };
                let limit = algorithm.record(&sample(now, Duration::from_nanos(rtt), in_flight, dropped));
                prop_assert!((bounds.min..=bounds.max).contains(&limit), "{limit}: {algorithm:?}");
                prop_assert_eq!(limit, algorithm.limit());
            }
        }
    }

    #[test]
    fn a_load_below_the_limit_never_moves_elastic(load in 1..15_usize, millis in 1..2000_u64) {
        let mut elastic = Elastic::new(20);
        let rtt = Duration::from_millis(millis);
        for n in 0..3000_u64 {
            let limit = elastic.record(&sample(SECOND + n * millis * 1_000_000 / load as u64, rtt, load, false));
            prop_assert!(limit == 17 || limit == 23, "{}", limit);
        }
    }
}

#[test]
fn bounds_that_make_no_sense_are_errors_that_say_so() {
    let messages = [
        (LimitBounds::new(0), "a limit that begins at 0 would let nothing in; it is at least 1"),
        (
            LimitBounds::between(5, 0, 9),
            "a limit that may become 0 would let nothing in, and learn nothing ever again; it is at least 1",
        ),
        (LimitBounds::between(5, 6, 9), "a limit cannot begin at 5 and stay between 6 and 9"),
        (LimitBounds::between(5, 1, 4), "a limit cannot begin at 5 and stay between 1 and 4"),
    ];
    for (bounds, message) in messages {
        assert_eq!(bounds.unwrap_err().to_string(), message);
    }
    let bounds = LimitBounds::new(5000).unwrap();
    assert_eq!((bounds.initial(), bounds.min(), bounds.max()), (5000, 1, 5000));
}
