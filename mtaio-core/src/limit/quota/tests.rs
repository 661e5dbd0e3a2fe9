use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

fn quota(text: &str) -> Quota {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_burst_is_what_a_second_allows_and_at_least_one() {
    assert_eq!(Quota::per_second(10).burst_size(), 10);
    assert_eq!(Quota::per_minute(100).burst_size(), 1);
    assert_eq!(Quota::per_hour(1).burst_size(), 1);
    assert_eq!(Quota::from_rate(2.5).unwrap().burst_size(), 2);
    assert_eq!(Quota::new(u32::MAX, Duration::from_nanos(1)).unwrap().burst_size(), u32::MAX);
}

#[test]
fn rates_that_make_no_sense_are_errors_that_say_so() {
    for rate in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 5e-324, 1e-11] {
        let error = Quota::from_rate(rate).expect_err("no quota");
        assert!(error.to_string().contains(&rate.to_string()), "{error} does not name {rate}");
    }
    assert_eq!(Quota::new(0, Duration::from_secs(1)).unwrap_err().to_string().split(';').count(), 2);
    assert!(Quota::new(1, Duration::ZERO).is_err());
    assert!(Quota::every(Duration::ZERO).is_err());
    assert!(Quota::every(Duration::MAX).unwrap_err().to_string().contains("too long"));
    assert!(Quota::per_second(1).try_burst(0).is_err());
}

#[test]
#[should_panic(expected = "a rate of 0")]
fn a_constant_rate_of_zero_panics() {
    let _ = Quota::per_minute(0);
}

#[test]
#[should_panic(expected = "a burst of 0")]
fn a_constant_burst_of_zero_panics() {
    let _ = Quota::per_minute(1).burst(0);
}

#[test]
fn a_float_is_the_simplest_fraction_that_it_is_nearest_to() {
    let second = |cells, seconds| Quota::new(cells, Duration::from_secs(seconds)).unwrap();
    assert_eq!(Quota::from_rate(0.1).unwrap(), second(1, 10));
    assert_eq!(Quota::from_rate(0.5).unwrap(), second(1, 2));
    assert_eq!(Quota::from_rate(2.5).unwrap(), second(5, 2));
    assert_eq!(Quota::from_rate(1.0 / 3.0).unwrap(), second(1, 3));
    assert_eq!(Quota::from_rate(142.857).unwrap(), second(142_857, 1000));
    assert_eq!(Quota::from_rate(1e9).unwrap(), Quota::per_second(1_000_000_000));
    assert_eq!(Quota::from_rate(4e9).unwrap(), Quota::per_second(4_000_000_000));
    assert_eq!(Quota::from_rate(1e12).unwrap(), Quota::new(1000, Duration::from_nanos(1)).unwrap());
    assert_eq!(Quota::from_rate(1e-10).unwrap(), Quota::every(Duration::from_secs(10_000_000_000)).unwrap());
}

#[test]
fn text_is_read_in_the_ways_people_write_it() {
    assert_eq!(quota("10/s"), Quota::per_second(10));
    assert_eq!(quota("100/m burst 20"), Quota::per_minute(100).burst(20));
    assert_eq!(quota(" 1_000 / hour  burst 5 "), Quota::per_hour(1000).burst(5));
    assert_eq!(quota("2.5/s"), Quota::from_rate(2.5).unwrap());
    assert_eq!(quota("3/7ms"), Quota::new(3, Duration::from_millis(7)).unwrap());
    assert_eq!(quota("1/DAY"), Quota::every(Duration::from_secs(86_400)).unwrap());
}

#[test]
fn text_that_is_no_quota_is_named_in_the_error() {
    for text in [
        "",
        "10",
        "/s",
        "10/",
        "10/x",
        "-1/s",
        "+1/s",
        "1e3/s",
        "10/s burst",
        "10/s burst -1",
        "1/2.5s",
        "10 / s x",
        "99999999999/s burst 1/s",
        "ten/s",
        "10/s burst 4294967296",
        "1/99999999999999999999d",
        "\u{7f}\n/s",
    ] {
        let error = text.parse::<Quota>().expect_err(text);
        assert!(error.to_string().contains("no quota") || error.to_string().contains("cannot be kept"), "{error}");
    }
    let long = "x".repeat(1000).parse::<Quota>().unwrap_err().to_string();
    assert!(long.len() < 200 && long.contains('…'), "{long}");
    assert!("0/s".parse::<Quota>().unwrap_err().to_string().contains("at least 1"));
    assert!("1/s burst 0".parse::<Quota>().unwrap_err().to_string().contains("burst of 0"));
}

#[cfg(feature = "serde")]
#[test]
fn serde_uses_the_text() {
    let json = serde_json::to_string(&Quota::per_second(10).burst(20)).unwrap();
    assert_eq!(json, "\"10/s burst 20\"");
    assert_eq!(serde_json::from_str::<Quota>(&json).unwrap(), Quota::per_second(10).burst(20));
    let error = serde_json::from_str::<Quota>("\"often\"").unwrap_err().to_string();
    assert!(error.contains("often"), "{error}");
    assert!(serde_json::from_str::<Quota>("10").is_err());
}

proptest! {
    #[test]
    fn what_is_written_reads_back(cells in 1..=u32::MAX, period in 1..=u64::MAX, burst in 1..=u32::MAX) {
        let written = Quota::new(cells, Duration::from_nanos(period)).unwrap().burst(burst);
        prop_assert_eq!(quota(&written.to_string()), written);
    }

    #[test]
    fn a_rate_from_a_float_is_that_float(exponent in -9.0..17.0_f64) {
        let rate = 10_f64.powf(exponent);
        let said = Quota::from_rate(rate).unwrap().rate();
        prop_assert!((said / rate - 1.0).abs() < 1e-9, "{} became {}", rate, said);
    }

    #[test]
    fn any_text_is_a_quota_or_an_error(text in "[0-9._/ smhdburst]{0,24}") {
        let _ = text.parse::<Quota>();
    }
}
