//! What is expected, and how it is compared.

use alloc::collections::BTreeMap;
use core::fmt;
use core::str::FromStr;

/// How much more or less is no change, in percent.
const BOUND: f64 = 3.0;
/// The same, where the instructions are another compiler's.
const OTHER_COMPILER: f64 = 50.0;

const HEAD: &str =
    "# Instructions of the hot paths, each time, the loop around them included. Written by the program `paths`.\n";
const COMPILER: &str = "# compiler: ";
const CLOCK: &str = "# clock: ";

/// What built the program, and what it tells the time by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Compiler {
    version: String,
    clock: String,
}

impl Compiler {
    /// The one of this program.
    pub(crate) fn here() -> Self {
        let source = std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
        Self {
            version: mtaio_benches::COMPILER.into(),
            clock: source.map_or("unknown".into(), |name| name.trim().into()),
        }
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, on the clock {}", self.version, self.clock)
    }
}

/// Instructions of each path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Baseline {
    pub(crate) compiler: Compiler,
    paths: BTreeMap<String, f64>,
}

impl Baseline {
    pub(crate) fn new(compiler: Compiler, paths: BTreeMap<String, f64>) -> Self {
        Self { compiler, paths }
    }

    /// How far what `compiler` made may be off, in percent.
    pub(crate) fn bound(&self, compiler: &Compiler) -> f64 {
        if self.compiler == *compiler { BOUND } else { OTHER_COMPILER }
    }

    /// What has changed, path by path.
    pub(crate) fn compare(&self, now: &Self) -> Vec<String> {
        let bound = self.bound(&now.compiler);
        let changed = self.paths.iter().filter_map(|(name, &expected)| match now.paths.get(name) {
            None => Some(format!("{name}: is expected, and was not counted")),
            Some(count) if (count - expected).abs() > expected * bound / 100.0 => {
                let percent = (count / expected - 1.0) * 100.0;
                Some(format!("{name}: {count:.1} instructions, {percent:+.1} % of the {expected:.1} that are expected"))
            }
            Some(_) => None,
        });
        let new = now.paths.keys().filter(|name| !self.paths.contains_key(*name));
        changed.chain(new.map(|name| format!("{name}: is new, and nothing is expected"))).collect()
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compiler { version, clock } = &self.compiler;
        write!(f, "{HEAD}{COMPILER}{version}\n{CLOCK}{clock}\n")?;
        self.paths.iter().try_for_each(|(name, count)| writeln!(f, "{name:<40} {count:>8.1}"))
    }
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let head = |name| text.lines().find_map(|line| line.strip_prefix(name)).ok_or(format!("no line `{name}`"));
        let compiler = Compiler { version: head(COMPILER)?.into(), clock: head(CLOCK)?.into() };
        let path = |line: &str| {
            let (name, count) = line.rsplit_once(' ')?;
            Some((name.trim().to_owned(), count.parse().ok()?))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let paths = lines.map(|line| path(line).ok_or(format!("not a name and a count: {line}")));
        Ok(Self { compiler, paths: paths.collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(version: &str, paths: &[(&str, f64)]) -> Baseline {
        let compiler = Compiler { version: version.into(), clock: "tsc".into() };
        Baseline::new(compiler, paths.iter().map(|&(name, count)| (name.into(), count)).collect())
    }

    #[test]
    fn what_changed_by_more_than_the_bound_is_named_and_nothing_else() {
        let expected = baseline("1", &[("more", 100.0), ("less", 100.0), ("as before", 100.0), ("nearly", 100.0)]);
        let now = baseline("1", &[("more", 103.1), ("less", 96.9), ("as before", 100.0), ("nearly", 102.9)]);
        let changed = expected.compare(&now);
        assert_eq!(changed.len(), 2, "{changed:?}");
        assert!(changed[0].starts_with("less: 96.9") && changed[1].starts_with("more: 103.1"), "{changed:?}");
        assert_eq!(expected.compare(&expected), [""; 0]);
    }

    #[test]
    fn a_path_that_is_gone_or_new_is_a_change() {
        let (one, two) = (baseline("1", &[("one", 1.0)]), baseline("1", &[("two", 1.0)]));
        assert_eq!(one.compare(&two).len(), 2);
    }

    #[test]
    fn another_compiler_has_a_wider_bound_and_still_one() {
        let expected = baseline("1", &[("path", 100.0)]);
        assert!(expected.compare(&baseline("2", &[("path", 149.0)])).is_empty());
        assert_eq!(expected.compare(&baseline("2", &[("path", 151.0)])).len(), 1);
    }

    #[test]
    fn the_page_has_what_is_expected() {
        let expected: Baseline = include_str!("../../../instructions.txt").parse().unwrap();
        let page = include_str!("../../../../docs/performance.md");
        for (name, count) in &expected.paths {
            let row = format!("| {name} | {count:.1} |");
            assert!(page.lines().any(|line| line.starts_with(&row)), "docs/performance.md has no row {row}");
        }
        assert!(!expected.paths.is_empty());
    }

    #[test]
    fn what_is_written_is_read() {
        let written = baseline("rustc 1", &[("a: b, c", 12.5), ("d", 1.0)]);
        assert_eq!(written.to_string().parse(), Ok(written));
        assert!("x".parse::<Baseline>().is_err());
    }
}
