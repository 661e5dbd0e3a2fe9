//! When requests come.

use alloc::sync::Arc;
use core::time::Duration;

use super::clients::Arrival;
use super::error::InvalidScenario;
use super::random::Random;
use super::trace::Trace;
use crate::time::nanos;

/// When requests come.
#[derive(Clone, Debug)]
pub struct Workload(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// So many in a second, on average.
    Poisson(f64),
    Bursts {
        base: f64,
        burst: f64,
        every: u64,
        lasting: u64,
    },
    Diurnal {
        mean: f64,
        swing: f64,
        day: u64,
    },
    Replay(Arc<Trace>),
    Closed {
        clients: usize,
        think: f64,
    },
}

impl Workload {
    /// `rate` requests in a second on average, each of which knows nothing of the others.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if it is not a positive number, or more than a billion.
    pub fn poisson(rate: f64) -> Result<Self, InvalidScenario> {
        InvalidScenario::unless_rate("the rate of requests", rate)?;
        Ok(Self(Kind::Poisson(rate)))
    }

    /// `base` requests in a second on average, and `burst` at the beginning of each time of `every`, for `lasting`.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if a rate or `every` is not positive, or a rate is more than a billion.
    pub fn bursts(base: f64, burst: f64, every: Duration, lasting: Duration) -> Result<Self, InvalidScenario> {
        InvalidScenario::unless_rate("the rate of requests", base)?;
        InvalidScenario::unless_rate("the rate of requests in a burst", burst)?;
        InvalidScenario::unless_positive("the time between two bursts in seconds", every.as_secs_f64())?;
        Ok(Self(Kind::Bursts { base, burst, every: nanos(every), lasting: nanos(lasting) }))
    }

    /// `mean` requests in a second on average, and `swing` of that more or less by the time of a `day`: least at its beginning, most in
    /// its middle. It goes up and down along parabolas, which are near to a sine.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if `mean` or `day` is not positive, `mean` is more than a billion, or `swing` is not from 0 to 1.
    pub fn diurnal(mean: f64, swing: f64, day: Duration) -> Result<Self, InvalidScenario> {
        InvalidScenario::unless_rate("the rate of requests", mean)?;
        InvalidScenario::unless_positive("the length of a day in seconds", day.as_secs_f64())?;
        if !(0.0..=1.0).contains(&swing) {
            return Err(InvalidScenario::new("the swing of a day", swing, "from 0 to 1"));
        }
        Ok(Self(Kind::Diurnal { mean, swing, day: nanos(day) }))
    }

    /// So many clients, each of which sends a request when its last one is over (served, refused or given up) and it has thought about
    /// it: for `think` on average, exponentially distributed. Nobody comes while all wait for their answers: a *closed loop*.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if there are no clients or more than a million, or `think` is zero: who was refused would be back at once, for
    /// ever.
    pub fn closed(clients: usize, think: Duration) -> Result<Self, InvalidScenario> {
        if !(1..=1_000_000).contains(&clients) {
            return Err(InvalidScenario::new("the number of clients", clients as f64, "from 1 to a million"));
        }
        InvalidScenario::unless_positive("the time between two requests of a client in seconds", think.as_secs_f64())?;
        Ok(Self(Kind::Closed { clients, think: nanos(think) as f64 }))
    }

    /// Requests as they came once.
    pub fn replay(trace: Trace) -> Self {
        Self(Kind::Replay(Arc::new(trace)))
    }

    /// Requests in a second at this instant, on average. `None` for a trace and for a closed loop.
    pub fn rate_at(&self, at: Duration) -> Option<f64> {
        match self.0 {
            Kind::Replay(_) | Kind::Closed { .. } => None,
            _ => Some(self.rate(nanos(at))),
        }
    }

    fn rate(&self, at: u64) -> f64 {
        match self.0 {
            Kind::Poisson(rate) => rate,
            Kind::Bursts { base, burst, every, lasting } => {
                if at % every < lasting {
                    burst
                } else {
                    base
                }
            }
            Kind::Diurnal { mean, swing, day } => {
                let phase = (at % day) as f64 / day as f64;
                let half = (2.0 * phase - 1.0).abs();
                // 4 x (1 - x) is a bow over the half of a day; those of the night are turned over.
                let bow = |x: f64| 4.0 * x * (1.0 - x);
                let wave = if half < 0.5 { bow(half + 0.5) } else { -bow(half - 0.5) };
                mean * (1.0 + swing * wave)
            }
            Kind::Replay(_) | Kind::Closed { .. } => 0.0,
        }
    }

    fn most(&self) -> f64 {
        match self.0 {
            Kind::Poisson(rate) => rate,
            Kind::Bursts { base, burst, .. } => base.max(burst),
            Kind::Diurnal { mean, swing, .. } => mean * (1.0 + swing),
            Kind::Replay(_) | Kind::Closed { .. } => 0.0,
        }
    }

    /// How many clients there are, in a closed loop.
    pub(super) const fn clients(&self) -> usize {
        match self.0 {
            Kind::Closed { clients, .. } => clients,
            _ => 0,
        }
    }

    /// How long one of them thinks, in nanoseconds: at least one, so that time goes on.
    pub(super) fn think(&self, random: &mut Random) -> u64 {
        match self.0 {
            Kind::Closed { think, .. } => (random.exponential() * think) as u64 + 1,
            _ => u64::MAX,
        }
    }

    /// The arrival after `last`, the number of which is `number`; `None` if there is no other, or if it depends on those before.
    ///
    /// Where the rate changes, arrivals at the highest rate are thinned out (Lewis and Shedler, 1979).
    pub(super) fn next(&self, last: u64, number: usize, random: &mut Random) -> Option<Arrival> {
        if let Kind::Replay(trace) = &self.0 {
            let entry = trace.entries().get(number)?;
            return Some(Arrival { at: nanos(entry.at), service: entry.service.map(nanos), client: None });
        }
        if self.clients() > 0 {
            return None;
        }
        let (mut at, most) = (last, self.most());
        loop {
            at = at.saturating_add((random.exponential() / most * 1e9) as u64);
            let rate = self.rate(at);
            if at == u64::MAX || rate >= most || random.unit() * most < rate {
                return Some(Arrival { at, service: None, client: None });
            }
        }
    }
}
