//! Quotas as text: `10/s`, `100/m burst 20`, `2.5/s`, `3/7ms`.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::{InvalidQuota, Quota};

/// The units of time, the longest first: how they are written, in which other ways they may be, and their nanoseconds.
const UNITS: [(&str, &[&str], u64); 7] = [
    ("d", &["day", "days"], 86_400_000_000_000),
    ("h", &["hr", "hour", "hours"], 3_600_000_000_000),
    ("m", &["min", "minute", "minutes"], 60_000_000_000),
    ("s", &["sec", "second", "seconds"], 1_000_000_000),
    ("ms", &["millisecond", "milliseconds"], 1_000_000),
    ("us", &["µs", "microsecond", "microseconds"], 1_000),
    ("ns", &["nanosecond", "nanoseconds"], 1),
];

/// Writes `CELLS/PERIOD`, and ` burst N` if it is not the default. What is written parses back to the same quota.
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cells, period) = self.terms();
        // The shortest of s, m, h, d in which it is a whole number of cells; otherwise as the fraction it is.
        let whole = UNITS[..4].iter().rev().find_map(|(name, _, nanos)| {
            let in_unit = u128::from(cells) * u128::from(*nanos);
            let count = u32::try_from(in_unit / u128::from(period)).ok()?;
            (in_unit % u128::from(period) == 0).then_some((count, *name))
        });
        match whole {
            Some((count, name)) => write!(f, "{count}/{name}")?,
            None => {
                let (name, _, nanos) = UNITS.iter().find(|unit| period % unit.2 == 0).unwrap_or(&UNITS[6]);
                write!(f, "{cells}/{}{name}", period / nanos)?;
            }
        }
        match self.burst_size() {
            burst if burst == self.default_burst() => Ok(()),
            burst => write!(f, " burst {burst}"),
        }
    }
}

/// Reads `CELLS/PERIOD [burst N]`.
///
/// The cells are a number, whole or decimal; a period is a unit (`ns us ms s m h d`, or their names), or a whole number of
/// them. Numbers may have underscores.
impl FromStr for Quota {
    type Err = InvalidQuota;

    fn from_str(text: &str) -> Result<Self, InvalidQuota> {
        let wrong = || InvalidQuota::text(text);
        let (cells, rest) = text.split_once('/').ok_or_else(wrong)?;
        let (period, burst) = match rest.split_once("burst") {
            Some((period, burst)) => (period, Some(burst)),
            None => (rest, None),
        };
        let period = nanos_of(period.trim()).ok_or_else(wrong)?;
        let quota = match whole::<u32>(cells.trim()) {
            Some(cells) => Self::new(cells, Duration::from_nanos(period))?,
            None => {
                let cells = decimal(cells.trim()).ok_or_else(wrong)?;
                let seconds = period as f64 / 1e9;
                Self::from_rate(cells / seconds)?
            }
        };
        match burst {
            Some(burst) => quota.try_burst(whole(burst.trim()).ok_or_else(wrong)?),
            None => Ok(quota),
        }
    }
}

fn nanos_of(period: &str) -> Option<u64> {
    let digits = period.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(period.len());
    let (count, unit) = period.split_at(digits);
    let count = if count.is_empty() { 1 } else { whole::<u64>(count)? };
    let unit = unit.trim();
    let (_, _, nanos) = UNITS
        .iter()
        .find(|(name, names, _)| core::iter::once(name).chain(*names).any(|name| name.eq_ignore_ascii_case(unit)))?;
    count.checked_mul(*nanos)
}

/// A whole number of digits and underscores. `FromStr` alone would take a sign too.
fn whole<N: FromStr>(text: &str) -> Option<N> {
    plain(text, |c| c.is_ascii_digit())?.as_str().parse().ok()
}

fn decimal(text: &str) -> Option<f64> {
    plain(text, |c| c.is_ascii_digit() || c == '.')?.as_str().parse().ok()
}

/// A number without its underscores, without a heap.
struct Plain {
    bytes: [u8; 40],
    len: usize,
}

impl Plain {
    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

fn plain(text: &str, allowed: impl Fn(char) -> bool) -> Option<Plain> {
    let mut plain = Plain { bytes: [0; 40], len: 0 };
    for c in text.chars().filter(|&c| c != '_') {
        *plain.bytes.get_mut(plain.len).filter(|_| allowed(c))? = c as u8;
        plain.len += 1;
    }
    (plain.len > 0).then_some(plain)
}

#[cfg(feature = "serde")]
impl serde::Serialize for Quota {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Quota {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl serde::de::Visitor<'_> for Text {
            type Value = Quota;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quota like \"10/s\" or \"100/m burst 20\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quota, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}
