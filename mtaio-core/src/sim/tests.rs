use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::limit::{AdaptiveConcurrencyLimiter, ConcurrencyLimiter, Elastic, Quota, RateLimiter, ResourceLimiter};

/// As many seeds as an unoptimised test has time for. `MTAIO_SEEDS` says otherwise.
fn seeds() -> core::ops::RangeInclusive<u64> {
    let count = std::env::var("MTAIO_SEEDS").ok().and_then(|count| count.parse().ok());
    1..=count.unwrap_or(if cfg!(debug_assertions) { 2 } else { 8 })
}

/// The default, from a limit of 20.
fn elastic(scenario: &str, seed: u64) -> Report {
    let scenario = Scenario::named(scenario).expect("its name is known");
    let policy = |runtime: &_| Policy::adaptive(AdaptiveConcurrencyLimiter::with_runtime(20, Clone::clone(runtime)));
    scenario.run(seed, policy).expect("it makes sense")
}

#[track_caller]
fn assert_goodput(report: &Report, part: f64) {
    let Report { scenario, seed, goodput, capacity, .. } = report;
    assert!(*goodput >= part * capacity, "{scenario}, seed {seed}: {goodput} of {capacity} per second");
}

#[test]
fn an_overload_leaves_nearly_the_capacity_and_hardly_a_queue() {
    for seed in seeds() {
        let report = elastic("overload", seed);
        assert_goodput(&report, 0.93);
        assert!(report.latency.p50 < 110.0, "seed {seed}: {:?}", report.latency);
    }
}

#[test]
fn a_slow_down_leaves_nearly_what_is_left_and_then_all() {
    for seed in seeds() {
        let report = elastic("slow", seed);
        assert_goodput(&report, 0.9);
        // The thirty seconds after it, of the same run.
        let after = report.series.iter().filter(|point| (211..=240).contains(&point.second));
        let served: u64 = after.map(|point| point.served).sum();
        assert!(served as f64 >= 0.9 * 30.0 * 400.0, "seed {seed}: {served}");
    }
}

#[test]
fn a_hang_costs_few_timeouts_and_is_over_when_it_is_over() {
    for seed in seeds() {
        let report = elastic("hang", seed);
        assert!(report.timed_out <= 15 * 30, "seed {seed}: {}", report.timed_out);
        let after = report.series.iter().filter(|point| (101..=130).contains(&point.second));
        let served: u64 = after.map(|point| point.served).sum();
        assert!(served as f64 >= 0.9 * 30.0 * 400.0, "seed {seed}: {served}");
    }
}

#[test]
fn a_limit_that_is_far_too_low_is_there_in_a_minute() {
    for seed in seeds() {
        assert_goodput(&elastic("growth", seed), 0.9);
    }
}

#[test]
fn short_and_long_requests_together_leave_nearly_the_capacity() {
    for seed in seeds() {
        assert_goodput(&elastic("bimodal", seed), 0.93);
    }
}

#[test]
fn a_load_below_the_capacity_is_hardly_refused() {
    for scenario in ["calm", "closed-below"] {
        for seed in seeds() {
            let Report { arrivals, refused, .. } = elastic(scenario, seed);
            assert!(refused * 50 <= arrivals, "{scenario}, seed {seed}: {refused} of {arrivals}");
        }
    }
}

#[test]
fn a_small_load_that_comes_by_chance_is_hardly_refused() {
    // Three at a time, on average, before a server of forty; and a limit of three to begin with, which would refuse a third.
    let Scenario { server, .. } = Scenario::named("calm").expect("its name is known");
    let scenario = Scenario::new("small", Workload::poisson(30.0).unwrap(), server);
    let scenario = scenario.lasting(Duration::from_secs(180)).measured(Duration::from_secs(60), Duration::MAX);
    for seed in seeds() {
        let policy = |runtime: &_| Policy::adaptive(AdaptiveConcurrencyLimiter::with_runtime(3, Clone::clone(runtime)));
        let Report { arrivals, refused, .. } = scenario.run(seed, policy).expect("it makes sense");
        assert!(refused * 10 <= arrivals, "seed {seed}: {refused} of {arrivals}");
    }
}

#[test]
fn a_closed_loop_leaves_nearly_the_capacity_and_hardly_a_queue() {
    for seed in seeds() {
        let report = elastic("closed", seed);
        assert_goodput(&report, 0.93);
        assert!(report.latency.p50 < 110.0, "seed {seed}: {:?}", report.latency);
    }
}

#[test]
fn limiters_that_are_told_of_each_other_keep_the_queue_short_and_share() {
    for name in ["shared", "shared-closed"] {
        let scenario = Scenario::named(name).expect("its name is known");
        for seed in seeds() {
            let report = scenario.run(seed, |runtime| {
                let told = Elastic::new(20).shared_by(scenario.limiters());
                Policy::adaptive(AdaptiveConcurrencyLimiter::with_algorithm(told, runtime.clone()))
            });
            let report = report.expect("it makes sense");
            assert_goodput(&report, 0.9);
            let (p50, fairness) = (report.latency.p50, report.fairness());
            assert!(p50 < 200.0 && fairness > 0.6, "{name}, seed {seed}: {p50} ms, {fairness}");
        }
    }
}

fn overload(seconds: u64) -> Scenario {
    Scenario::named("overload").unwrap().lasting(Duration::from_secs(seconds)).measured(Duration::ZERO, Duration::MAX)
}

fn json(report: &Report) -> alloc::string::String {
    serde_json::to_string(report).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_report_to_the_byte() {
    let adaptive = |runtime: &_| Policy::adaptive(AdaptiveConcurrencyLimiter::with_runtime(20, Clone::clone(runtime)));
    let waiting = |runtime: &_| adaptive(runtime).waiting(Duration::from_millis(300));
    let report = overload(5).run(7, waiting).unwrap();
    assert_eq!(json(&report), json(&overload(5).run(7, waiting).unwrap()));
    assert_ne!(json(&report), json(&overload(5).run(8, waiting).unwrap()));
    assert_ne!(json(&report), json(&overload(5).run(7, adaptive).unwrap()));
    let read: Report = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!((read.served, read.series.len(), read.scenario), (report.served, 5, report.scenario));
}

#[test]
fn every_request_is_counted_once() {
    let policies: [fn(&crate::runtime::VirtualRuntime) -> Policy; 4] = [
        |_| Policy::none(),
        |runtime| Policy::of(ConcurrencyLimiter::with_runtime(45, runtime.clone())),
        |runtime| Policy::of(ConcurrencyLimiter::with_runtime(45, runtime.clone())).waiting(Duration::from_millis(500)),
        |runtime| {
            let rate = RateLimiter::with_runtime(Quota::per_second(380).burst(5), runtime.clone());
            Policy::of(rate).and_adaptive(AdaptiveConcurrencyLimiter::with_runtime(50, runtime.clone()))
        },
    ];
    for policy in policies {
        let report = overload(6).run(3, policy).unwrap();
        let last = report.series.last().unwrap();
        let ended = report.served + report.refused + report.timed_out;
        assert_eq!(report.arrivals, ended + last.in_flight + last.waiting, "{report:?}");
        assert_eq!(report.series.iter().map(|point| point.served).sum::<u64>(), report.served);
        assert_eq!(report.series.len(), 6);
    }
}

#[test]
fn a_client_of_a_closed_loop_has_one_request_at_a_time() {
    let workload = Workload::closed(60, Duration::from_millis(20)).unwrap();
    let server = Server::new(40, Service::lognormal(Duration::from_millis(100), 0.5).unwrap()).unwrap();
    let scenario = Scenario::new("closed", workload, server).lasting(Duration::from_secs(8)).shared_by(3);
    let policy = |runtime: &crate::runtime::VirtualRuntime| {
        Policy::of(ConcurrencyLimiter::with_runtime(5, runtime.clone())).waiting(Duration::from_millis(300))
    };
    let report = scenario.run(3, policy).unwrap();
    assert!(report.series.iter().all(|point| point.in_flight <= 15 && point.in_flight + point.waiting <= 60));
    let last = report.series.last().unwrap();
    let ended = report.served + report.refused + report.timed_out;
    assert_eq!(report.arrivals, ended + last.in_flight + last.waiting, "{report:?}");
    // Fifteen at a time of 100 ms each, dealt out evenly.
    assert!(report.goodput > 130.0 && report.fairness() > 0.99, "{report:?}");
    assert_eq!((report.shares.len(), report.shares.iter().sum::<u64>()), (3, report.served));
    assert_eq!(json(&report), json(&scenario.run(3, policy).unwrap()));
    // Whoever gives up comes again.
    let hanging = scenario.server().clone().hanging(Duration::ZERO, Duration::from_secs(100)).unwrap();
    let workload = Workload::closed(60, Duration::from_millis(20)).unwrap();
    let report = Scenario::new("hang", workload, hanging).lasting(Duration::from_secs(5)).run(1, |_| Policy::none());
    let Report { arrivals, timed_out, .. } = report.unwrap();
    assert!(arrivals - timed_out == 60 && timed_out >= 4 * 55, "{timed_out} of {arrivals}");
}

#[test]
fn shares_are_even_or_one_has_all() {
    let mut report = overload(1).run(1, |_| Policy::none()).unwrap();
    for (shares, fairness) in [(&[5, 5, 5][..], 1.0), (&[7, 0], 0.5), (&[3, 1], 0.8), (&[0, 0], 1.0), (&[9], 1.0)] {
        report.shares = shares.to_vec();
        assert!((report.fairness() - fairness).abs() < 1e-12, "{shares:?}");
    }
}

#[test]
fn unlimited_clients_that_give_up_leave_a_server_that_does_nothing_useful() {
    let report = overload(30).run(1, |_| Policy::none()).unwrap();
    // Once the queue is longer than clients are patient, all that is done was given up before.
    assert!(report.series[20..].iter().all(|point| point.served == 0 && point.queue > 1000));
    assert!(report.timed_out > 10_000 && report.refused == 0);
}

#[test]
fn a_combination_is_a_policy_and_keeps_its_limits() {
    let combined = |runtime: &crate::runtime::VirtualRuntime| {
        let rate = RateLimiter::with_runtime(Quota::per_second(100).burst(1), runtime.clone());
        let slots = ConcurrencyLimiter::with_runtime(8, runtime.clone());
        let both = ResourceLimiter::builder().rate(&rate).concurrency(&slots).build().unwrap();
        Policy::of(both).waiting(Duration::from_millis(300))
    };
    let report = overload(10).run(1, combined).unwrap();
    // Eight of 100 ms are less than 100 a second.
    assert!(report.goodput > 70.0 && report.goodput < 85.0, "{}", report.goodput);
    assert!(report.series.iter().all(|point| point.in_flight <= 8 && point.queue == 0));
}

#[test]
fn who_waits_for_the_second_limiter_has_paid_the_first_once() {
    let trace = Trace::from_csv("at_ms,service_ms\n0,500\n100,10\n").unwrap();
    let server = Server::new(1, Service::fixed(Duration::from_secs(1)).unwrap()).unwrap();
    let scenario = Scenario::new("stack", Workload::replay(trace), server).lasting(Duration::from_secs(5));
    let mut left = None;
    let report = scenario.run(1, |runtime| {
        let rate = RateLimiter::with_runtime(Quota::per_hour(1).burst(100), runtime.clone());
        left = Some(rate.clone());
        Policy::of(rate).and(ConcurrencyLimiter::with_runtime(1, runtime.clone())).waiting(Duration::from_secs(1))
    });
    assert_eq!((report.unwrap().served, left.unwrap().available()), (2, 98));
}

#[test]
fn a_recorded_trace_is_replayed_as_it_was() {
    let trace = Trace::from_csv("at_ms,service_ms\n0,10\n5,10\n5,3000\n1200,1\n").unwrap();
    let server = Server::new(1, Service::fixed(Duration::from_secs(1)).unwrap()).unwrap();
    let scenario = Scenario::new("replay", Workload::replay(trace), server).lasting(Duration::from_secs(5));
    let report = scenario.run(1, |_| Policy::none()).unwrap();
    // The third is given up after a second and keeps the worker for three: the fourth comes too late for anything.
    assert_eq!((report.arrivals, report.served, report.timed_out), (4, 2, 2));
    assert_eq!((report.latency.p50, report.latency.max), (15.000002, 15.000002));
}

#[test]
fn bursts_and_days_have_their_rates() {
    let server = || Server::new(1000, Service::fixed(Duration::from_millis(1)).unwrap()).unwrap();
    let run = |workload| {
        let scenario = Scenario::new("rates", workload, server()).lasting(Duration::from_secs(40));
        let report = scenario.run(5, |_| Policy::none()).unwrap();
        report.series.iter().map(|point| point.arrivals as f64).collect::<Vec<_>>()
    };
    let bursts = run(Workload::bursts(50.0, 500.0, Duration::from_secs(10), Duration::from_secs(2)).unwrap());
    for (second, arrivals) in bursts.iter().enumerate() {
        let rate = if second % 10 < 2 { 500.0 } else { 50.0 };
        assert!((arrivals - rate).abs() < 5.0 * f64::sqrt(rate), "{second}: {arrivals}");
    }
    let day = run(Workload::diurnal(400.0, 0.9, Duration::from_secs(40)).unwrap());
    assert!(day[0] < 120.0 && day[20] > 650.0 && (day[10] - 400.0).abs() < 150.0, "{day:?}");
    assert!((day.iter().sum::<f64>() / 40.0 - 400.0).abs() < 20.0);
}

#[test]
fn scenarios_that_make_no_sense_are_errors_that_say_so() {
    let fixed = Service::fixed(Duration::from_millis(1)).unwrap();
    let server = Server::new(1, fixed).unwrap();
    let scenario = Scenario::new("none", Workload::poisson(1.0).unwrap(), server.clone());
    let second = Duration::from_secs(1);
    let twice = server.clone().hanging(second, second).unwrap().slower(second, second, 2.0);
    for (error, message) in [
        (Server::new(0, fixed).err(), "the number of workers is 0, but has to be at least 1"),
        (Workload::poisson(0.0).err(), "the rate of requests is 0, but has to be a positive number"),
        (Workload::poisson(f64::NAN).err(), "the rate of requests is NaN, but has to be a positive number"),
        (Workload::poisson(1e10).err(), "the rate of requests is 10000000000, but has to be a billion at most"),
        (
            Workload::bursts(1.0, 1e10, second, second).err(),
            "the rate of requests in a burst is 10000000000, but has to be a billion at most",
        ),
        (
            Workload::diurnal(1e10, 0.5, second).err(),
            "the rate of requests is 10000000000, but has to be a billion at most",
        ),
        (Workload::diurnal(1.0, 1.5, second).err(), "the swing of a day is 1.5, but has to be from 0 to 1"),
        (Service::fixed(Duration::ZERO).err(), "the time of service in seconds is 0, but has to be a positive number"),
        (Service::lognormal(second, -1.0).err(), "the sigma of the time of service is -1, but has to be from 0 to 5"),
        (Service::bimodal(second, second, 2.0).err(), "the part of long requests is 2, but has to be from 0 to 1"),
        (server.slower(second, second, 0.0).err(), "the factor of a slow-down is 0, but has to be a positive number"),
        (twice.err(), "the beginning of a spell in seconds is 1, but has to be after the end of the others"),
        (Workload::closed(0, second).err(), "the number of clients is 0, but has to be from 1 to a million"),
        (
            Workload::closed(1, Duration::ZERO).err(),
            "the time between two requests of a client in seconds is 0, but has to be a positive number",
        ),
        (
            scenario.clone().shared_by(0).run(1, |_| Policy::none()).err(),
            "the number of instances of the policy is 0, but has to be from 1 to 1000",
        ),
        (
            scenario.clone().timeout(Duration::ZERO).run(1, |_| Policy::none()).err(),
            "the timeout of clients in seconds is 0, but has to be a positive number",
        ),
        (
            scenario.clone().measured(second, second).run(1, |_| Policy::none()).err(),
            "the time that is measured in seconds is 0, but has to be a positive number",
        ),
        (
            scenario.lasting(Duration::MAX).run(1, |_| Policy::none()).err(),
            "how long it lasts in seconds is 18446744073709552000, but has to be a week at most",
        ),
    ] {
        assert_eq!(error.expect(message).to_string(), message);
    }
    assert!(Scenario::named("unheard of").is_none());
    assert!(Scenario::NAMES.iter().all(|name| Scenario::named(name).is_some_and(|scenario| scenario.name() == *name)));
}

#[test]
fn an_hour_of_traffic_runs_through() {
    // Unoptimised, a minute of it.
    let seconds = if cfg!(debug_assertions) { 60 } else { 3600 };
    let service = Service::lognormal(Duration::from_millis(100), 0.5).unwrap();
    let server = Server::new(90, service).unwrap();
    let scenario =
        Scenario::new("hour", Workload::poisson(1000.0).unwrap(), server).lasting(Duration::from_secs(seconds));
    let adaptive = |runtime: &_| Policy::adaptive(AdaptiveConcurrencyLimiter::with_runtime(20, Clone::clone(runtime)));
    let report = scenario.run(1, adaptive).unwrap();
    assert_eq!(report.series.len() as u64, seconds);
    assert!(report.arrivals.abs_diff(1000 * seconds) < 10_000 && report.goodput > 700.0, "{}", report.goodput);
}
