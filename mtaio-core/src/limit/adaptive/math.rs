//! The two functions that algorithms need and `core` does not have. They are ours so that a simulation is the same to the last bit
//! wherever it runs.

use core::f64::consts::{LN_2, SQRT_2};

/// The natural logarithm of a positive number, to the last bits; of anything else, that of the least normal one.
///
/// The mantissa goes through `2 artanh((m - 1) / (m + 1))` (Abramowitz and Stegun, 4.1.27).
pub(crate) fn ln(x: f64) -> f64 {
    if x.is_nan() || x < f64::MIN_POSITIVE {
        return ln(f64::MIN_POSITIVE);
    }
    if x == f64::INFINITY {
        return x;
    }
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) as i32) - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    // |s| <= 0.172: the first term that is left out is below 2^-53 of the sum.
    let series = (0..11).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    f64::from(exponent) * LN_2 + 2.0 * s * series
}

/// e to the power `x`, to the last bits; zero and infinity beyond what a float can say.
pub(crate) fn exp(x: f64) -> f64 {
    if x.is_nan() || x > 709.0 {
        return if x > 709.0 { f64::INFINITY } else { x };
    }
    if x < -708.0 {
        return 0.0;
    }
    let half = if x < 0.0 { -0.5 } else { 0.5 };
    let power = (x / LN_2 + half) as i64;
    let rest = x - power as f64 * LN_2;
    // |rest| <= 0.347: Taylor's series to the 15th term.
    let series = (1..15).rev().fold(1.0, |sum, k| 1.0 + sum * rest / f64::from(k));
    series * f64::from_bits(((power + 1023) as u64) << 52)
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn logarithms_are_those_of_the_platform(x in prop::num::f64::POSITIVE | prop::num::f64::NORMAL) {
            let x = x.abs();
            prop_assert!((ln(x) - x.ln()).abs() <= 1e-14 * x.ln().abs().max(1.0), "{x}: {} {}", ln(x), x.ln());
        }

        #[test]
        fn powers_are_those_of_the_platform(x in -700.0..700.0_f64) {
            prop_assert!((exp(x) / x.exp() - 1.0).abs() <= 1e-12, "{x}: {} {}", exp(x), x.exp());
        }
    }

    #[test]
    fn what_is_no_positive_number_has_the_least_logarithm() {
        for x in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(ln(x), ln(f64::MIN_POSITIVE));
        }
        assert_eq!((ln(f64::INFINITY), ln(1.0), exp(0.0)), (f64::INFINITY, 0.0, 1.0));
        assert_eq!((exp(f64::NEG_INFINITY), exp(f64::INFINITY)), (0.0, f64::INFINITY));
        assert!(exp(f64::NAN).is_nan());
    }
}
