//! What is measured: a work, who does it, and what is promised.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;
use std::time::Instant;

/// Whether there is time for the whole work, or only for seeing that it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Everything once, with small numbers.
    Smoke,
    /// What the figures are made of.
    Full,
}

impl Scale {
    /// One of two numbers.
    pub(crate) fn pick<T>(self, smoke: T, full: T) -> T {
        match self {
            Scale::Smoke => smoke,
            Scale::Full => full,
        }
    }
}

/// What the figures of a row are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// Nanoseconds for each.
    Nanos,
    /// Nanoseconds of processor time for each, of all threads.
    CpuNanos,
    /// How many there were, as a share of what this rate a second allows.
    Share(f64),
    /// How long it took, as a multiple of what this rate a second needs.
    Times(f64),
    /// Bytes for each.
    Bytes,
    /// Steps out of order.
    Steps,
}

impl Unit {
    /// The figure, where so many took so long.
    pub fn figure(self, count: f64, time: Duration) -> f64 {
        match self {
            Unit::Share(rate) => count / rate / time.as_secs_f64(),
            Unit::Times(rate) => time.as_secs_f64() * rate / count,
            Unit::Nanos | Unit::CpuNanos | Unit::Bytes | Unit::Steps => time.as_secs_f64() * 1e9 / count,
        }
    }

    /// Whether more is better.
    pub fn is_more_better(self) -> bool {
        matches!(self, Unit::Share(_))
    }
}

/// How many are done at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effort {
    /// As many as fill this time, again and again.
    Filled(Duration),
    /// So many, for so many rounds.
    Fixed {
        /// How many at a time.
        count: u64,
        /// How often.
        rounds: usize,
    },
}

impl Effort {
    /// How many are done at a time, unless they have to fill one.
    pub fn count(self, scale: Scale) -> u64 {
        /// One part in so many is enough to see that it works.
        const PART: u64 = 50;
        match self {
            Effort::Filled(_) => scale.pick(100, 1),
            Effort::Fixed { count, .. } => scale.pick((count / PART).max(1), count),
        }
    }
}

/// What a figure of ours is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The best peer on the same work.
    Peer,
    /// One contender, by name.
    One(&'static str),
    /// What nobody can go below.
    Floor,
    /// Nothing: the figure itself.
    Itself,
}

/// On which side of a number a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// What is promised of our figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// What it is held against.
    pub against: Against,
    /// Where the figure, or its ratio, has to be.
    pub bound: Bound,
}

impl Goal {
    /// Whether a figure, or a ratio, is where it has to be.
    pub fn is_met(self, figure: f64) -> bool {
        match self.bound {
            Bound::AtMost(most) => figure <= most,
            Bound::AtLeast(least) => figure >= least,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bound {
            Bound::AtMost(most) => write!(f, "≤ {most}")?,
            Bound::AtLeast(least) => write!(f, "≥ {least}")?,
        }
        match self.against {
            Against::Peer => f.write_str(" × peer"),
            Against::One(name) => write!(f, " × {name}"),
            Against::Floor => f.write_str(" × floor"),
            Against::Itself => Ok(()),
        }
    }
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// These crates.
    Ours,
    /// A crate that ours is held against.
    Peer,
    /// Another way to do the same, for comparison only.
    Beside,
    /// What nobody can go below.
    Floor,
}

/// What a contender does.
pub enum Work {
    /// Does so many, checks them, and tells how long that took.
    Timed(Box<dyn FnMut(u64) -> Duration>),
    /// Tells a figure that is no time.
    Counted(Box<dyn FnMut() -> f64>),
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Timed(_) => f.write_str("Timed"),
            Work::Counted(_) => f.write_str("Counted"),
        }
    }
}

/// One that does the work of a row.
#[derive(Debug)]
pub struct Contender {
    /// Who it is.
    pub role: Role,
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub work: Work,
}

impl Contender {
    pub(crate) fn timed(role: Role, name: &'static str, work: impl FnMut(u64) -> Duration + 'static) -> Self {
        Self { role, name, work: Work::Timed(Box::new(work)) }
    }

    pub(crate) fn counted(role: Role, name: &'static str, work: impl FnMut() -> f64 + 'static) -> Self {
        Self { role, name, work: Work::Counted(Box::new(work)) }
    }

    /// Does `step` once for each.
    pub(crate) fn steps(role: Role, name: &'static str, mut step: impl FnMut() + 'static) -> Self {
        Self::timed(role, name, move |count| time(|| (0..count).for_each(|_| step())))
    }
}

/// How long something takes.
pub(crate) fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

type Contenders = Box<dyn Fn(Scale) -> Vec<Contender>>;

/// A work, who does it, and what is promised.
pub struct Row {
    /// What it is about; the rows of one subject are in one file.
    pub subject: &'static str,
    /// What is done.
    pub work: String,
    /// What its figures are.
    pub unit: Unit,
    /// How many are done at a time.
    pub effort: Effort,
    /// How many there are in each that is counted.
    pub each: u64,
    /// What is promised.
    pub goals: Vec<Goal>,
    contenders: Contenders,
}

impl Row {
    /// A work that is done as often as there is time, in nanoseconds for each.
    pub(crate) fn new(
        subject: &'static str,
        work: impl Into<String>,
        contenders: impl Fn(Scale) -> Vec<Contender> + 'static,
    ) -> Self {
        Self {
            subject,
            work: work.into(),
            unit: Unit::Nanos,
            effort: Effort::Filled(Duration::from_micros(200)),
            each: 1,
            goals: Vec::new(),
            contenders: Box::new(contenders),
        }
    }

    pub(crate) fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    pub(crate) fn filled(self, millis: u64) -> Self {
        Self { effort: Effort::Filled(Duration::from_millis(millis)), ..self }
    }

    pub(crate) fn fixed(self, count: u64, rounds: usize) -> Self {
        Self { effort: Effort::Fixed { count, rounds }, ..self }
    }

    pub(crate) fn each(self, each: u64) -> Self {
        Self { each, ..self }
    }

    pub(crate) fn goal(mut self, against: Against, bound: Bound) -> Self {
        self.goals.push(Goal { against, bound });
        self
    }

    /// What it is called, and found by.
    pub fn name(&self) -> String {
        format!("{}: {}", self.subject, self.work)
    }

    /// Those who do the work, ready to begin.
    pub fn contenders(&self, scale: Scale) -> Vec<Contender> {
        (self.contenders)(scale)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("name", &self.name()).finish_non_exhaustive()
    }
}
