//! Traffic that was recorded.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::error::InvalidTrace;

/// When requests came, and how long each took to serve if that is known.
///
/// # As text
///
/// CSV: a header, `at_ms` or `at_ms,service_ms`, and a row for each request. Or JSON lines: an object with the same names for each. Times
/// are in milliseconds, with a fraction if need be; `at_ms` is since the beginning, and does not go down. Empty lines, and lines that
/// begin with `#`, are passed over.
///
/// ```
/// use mtaio_core::sim::Trace;
///
/// let csv = Trace::from_csv("at_ms,service_ms\n0,20\n12.5,180\n")?;
/// let json = Trace::from_json_lines("{\"at_ms\": 0, \"service_ms\": 20}\n{\"at_ms\": 12.5, \"service_ms\": 180}\n")?;
/// assert_eq!(csv, json);
///
/// let error = Trace::from_csv("at_ms\n0\n12.5\n12\n").unwrap_err();
/// assert_eq!(error.to_string(), "line 4: at_ms is 12, before the 12.5 of the row above; a trace is sorted by time");
/// # Ok::<(), mtaio_core::sim::InvalidTrace>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    entries: Vec<Entry>,
}

/// One request of a [`Trace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it came, since the beginning.
    pub at: Duration,
    /// How long it kept a worker, if that is known.
    pub service: Option<Duration>,
}

const AT: &str = "at_ms";
const SERVICE: &str = "service_ms";
/// A thousand years: more is a mistake.
const MOST: f64 = 3.2e13;

impl Trace {
    /// Reads CSV.
    ///
    /// # Errors
    ///
    /// [`InvalidTrace`] with the line: if there is no header or no row, if a row has more or fewer columns or something else than a number,
    /// or if a time is negative or before the one above.
    pub fn from_csv(text: &str) -> Result<Self, InvalidTrace> {
        let mut lines = lines(text);
        let Some((number, header)) = lines.next() else { return Err(empty(text)) };
        let columns: Vec<_> = header.split(',').map(str::trim).collect();
        if columns != [AT] && columns != [AT, SERVICE] {
            let what = format!("the header is `{header}`, but has to be `{AT}` or `{AT},{SERVICE}`");
            return Err(InvalidTrace::new(number, what));
        }
        Self::collect(text, lines, |row| {
            let cells: Vec<_> = row.split(',').map(str::trim).collect();
            if cells.len() != columns.len() {
                return Err(format!(
                    "{} columns instead of {}: the row is wrong, or cut off",
                    cells.len(),
                    columns.len()
                ));
            }
            let service = cells.get(1).map(|cell| time(SERVICE, cell)).transpose()?;
            Ok((time(AT, cells[0])?, service))
        })
    }

    /// Reads JSON lines.
    ///
    /// # Errors
    ///
    /// [`InvalidTrace`] with the line: as [`from_csv`](Self::from_csv), and if a line is not an object of these two numbers.
    pub fn from_json_lines(text: &str) -> Result<Self, InvalidTrace> {
        Self::collect(text, lines(text), |line| {
            let (mut at, mut service) = (None, None);
            let inside = line.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let Some(inside) = inside else { return Err(format!("`{line}` is no object, or cut off")) };
            for field in inside.split(',') {
                let Some((name, value)) = field.split_once(':') else {
                    return Err(format!("`{}` is no name with a number", field.trim()));
                };
                let name = name.trim();
                let place = match name.trim_matches('"') {
                    AT if name.len() == AT.len() + 2 => &mut at,
                    SERVICE if name.len() == SERVICE.len() + 2 => &mut service,
                    _ => return Err(format!("{name} is neither \"{AT}\" nor \"{SERVICE}\"")),
                };
                if place.replace(time(name, value.trim())?).is_some() {
                    return Err(format!("{name} is there twice"));
                }
            }
            Ok((at.ok_or_else(|| format!("there is no \"{AT}\""))?, service))
        })
    }

    /// Makes a trace of what is known already.
    ///
    /// # Errors
    ///
    /// [`InvalidTrace`] with the number of the entry, from one, if there is none, or if one is before the one above.
    pub fn new(entries: Vec<Entry>) -> Result<Self, InvalidTrace> {
        for (number, two) in (2..).zip(entries.windows(2)) {
            if two[1].at < two[0].at {
                return Err(InvalidTrace::new(number, format!("{:?} is before {:?}", two[1].at, two[0].at)));
            }
        }
        if entries.is_empty() {
            return Err(InvalidTrace::new(1, String::from("a trace without requests says nothing")));
        }
        Ok(Self { entries })
    }

    /// The requests, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn collect<'a>(
        text: &str,
        lines: impl Iterator<Item = (usize, &'a str)>,
        read: impl Fn(&str) -> Result<(f64, Option<f64>), String>,
    ) -> Result<Self, InvalidTrace> {
        let (mut entries, mut before) = (Vec::new(), 0.0);
        for (number, line) in lines {
            let (at, service) = read(line).map_err(|what| InvalidTrace::new(number, what))?;
            if at < before {
                let what = format!("{AT} is {at}, before the {before} of the row above; a trace is sorted by time");
                return Err(InvalidTrace::new(number, what));
            }
            before = at;
            let span = |millis: f64| Duration::from_nanos((millis * 1e6 + 0.5) as u64);
            entries.push(Entry { at: span(at), service: service.map(span) });
        }
        if entries.is_empty() { Err(empty(text)) } else { Ok(Self { entries }) }
    }
}

/// Lines with their numbers, without those that say nothing.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // Some programs begin a file with a mark of the byte order.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn empty(text: &str) -> InvalidTrace {
    InvalidTrace::new(text.lines().count().max(1), String::from("a trace without requests says nothing"))
}

/// A time in milliseconds.
fn time(name: &str, text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(millis) if (0.0..=MOST).contains(&millis) => Ok(millis),
        Ok(millis) if millis < 0.0 => Err(format!("{name} is {text}, which is negative")),
        // As it stands there: floats can have three hundred digits.
        Ok(_) => Err(format!("{name} is {text}, which is no time")),
        Err(_) => Err(format!("{name} is `{text}`, which is no number")),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bad_traces_are_errors_that_name_the_line() {
        for (csv, message) in [
            ("", "line 1: a trace without requests says nothing"),
            ("at_ms,service_ms\n", "line 1: a trace without requests says nothing"),
            ("time\n1\n", "line 1: the header is `time`, but has to be `at_ms` or `at_ms,service_ms`"),
            ("at_ms,service_ms\n1,2\n3\n", "line 3: 1 columns instead of 2: the row is wrong, or cut off"),
            ("at_ms\n1,2\n", "line 2: 2 columns instead of 1: the row is wrong, or cut off"),
            ("at_ms\n\n# so\n-1\n", "line 4: at_ms is -1, which is negative"),
            ("at_ms,service_ms\n1,-0.5\n", "line 2: service_ms is -0.5, which is negative"),
            ("at_ms\nNaN\n", "line 2: at_ms is NaN, which is no time"),
            ("at_ms\n1e300\n", "line 2: at_ms is 1e300, which is no time"),
            ("at_ms\nsoon\n", "line 2: at_ms is `soon`, which is no number"),
            ("at_ms\n5\n4\n", "line 3: at_ms is 4, before the 5 of the row above"),
        ] {
            let error = Trace::from_csv(csv).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
        for (json, message) in [
            ("", "line 1: a trace without requests says nothing"),
            ("{\"at_ms\": 1}\n{\"at_ms\": 2, \"serv", "line 2: `{\"at_ms\": 2, \"serv` is no object, or cut off"),
            ("{\"at\": 1}", "line 1: \"at\" is neither \"at_ms\" nor \"service_ms\""),
            ("{\"service_ms\": 1}", "line 1: there is no \"at_ms\""),
            ("{\"at_ms\": 1, \"at_ms\": 1}", "line 1: \"at_ms\" is there twice"),
            ("{\"at_ms\"}", "line 1: `\"at_ms\"` is no name with a number"),
            ("{\"at_ms\": \"1\"}", "line 1: \"at_ms\" is `\"1\"`, which is no number"),
            ("{\"at_ms\": 3}\n{\"at_ms\": 2}", "line 2: at_ms is 2, before the 3"),
        ] {
            let error = Trace::from_json_lines(json).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
        assert_eq!(Trace::new(Vec::new()).unwrap_err().line(), 1);
    }

    #[test]
    fn a_mark_of_the_byte_order_is_passed_over() {
        let csv = Trace::from_csv("\u{feff}at_ms\n5\n").unwrap();
        assert_eq!(csv, Trace::from_json_lines("\u{feff}{\"at_ms\": 5}\n").unwrap());
        assert_eq!(csv.entries()[0].at, Duration::from_millis(5));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", rows in "(at_ms(,service_ms)?\n)?([-0-9.e,{}:\"# \n]|at_ms){0,80}") {
            for text in [text, rows] {
                let _ = (Trace::from_csv(&text), Trace::from_json_lines(&text));
            }
        }
    }
}
