//! What cannot be simulated.

use alloc::string::String;
use core::fmt;

/// A scenario that makes no sense. The message names the value.
#[derive(Clone, Debug, PartialEq)]
pub struct InvalidScenario {
    name: &'static str,
    value: f64,
    rule: &'static str,
}

impl InvalidScenario {
    /// `name` is `value`, and breaks `rule`.
    pub(super) const fn new(name: &'static str, value: f64, rule: &'static str) -> Self {
        Self { name, value, rule }
    }

    /// An error unless it is a positive number.
    pub(super) fn unless_positive(name: &'static str, value: f64) -> Result<(), Self> {
        match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(Self::new(name, value, "a positive number")),
        }
    }

    /// An error unless it is a rate at which time goes on from one request to the next.
    pub(super) fn unless_rate(name: &'static str, value: f64) -> Result<(), Self> {
        Self::unless_positive(name, value)?;
        if value > 1e9 { Err(Self::new(name, value, "a billion at most")) } else { Ok(()) }
    }
}

impl fmt::Display for InvalidScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, but has to be {}", self.name, self.value, self.rule)
    }
}

impl core::error::Error for InvalidScenario {}

/// A trace that cannot be read. The message names the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTrace {
    line: usize,
    what: String,
}

impl InvalidTrace {
    pub(super) const fn new(line: usize, what: String) -> Self {
        Self { line, what }
    }

    /// The line, counted from one.
    pub const fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for InvalidTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl core::error::Error for InvalidTrace {}
