//! How long requests take.

use alloc::vec::Vec;
use core::time::Duration;

use super::error::InvalidScenario;
use super::random::Random;
use crate::limit::adaptive::math::exp;
use crate::time::nanos;

/// How long one request keeps a worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service(Law);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Law {
    Fixed(f64),
    Lognormal { mean: f64, sigma: f64 },
    Bimodal { short: f64, long: f64, part: f64 },
}

impl Service {
    /// Always the same.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if it is zero.
    pub fn fixed(time: Duration) -> Result<Self, InvalidScenario> {
        InvalidScenario::unless_positive("the time of service in seconds", time.as_secs_f64())?;
        Ok(Self(Law::Fixed(nanos(time) as f64)))
    }

    /// Lognormal: its logarithm is normally distributed with deviation `sigma`.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if `mean` is zero, or `sigma` is not from 0 to 5.
    pub fn lognormal(mean: Duration, sigma: f64) -> Result<Self, InvalidScenario> {
        InvalidScenario::unless_positive("the mean time of service in seconds", mean.as_secs_f64())?;
        if !(0.0..=5.0).contains(&sigma) {
            return Err(InvalidScenario::new("the sigma of the time of service", sigma, "from 0 to 5"));
        }
        Ok(Self(Law::Lognormal { mean: nanos(mean) as f64, sigma }))
    }

    /// `long` for a part of all requests, from 0 to 1, and `short` for the others.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if a time is zero, or `part` is not from 0 to 1.
    pub fn bimodal(short: Duration, long: Duration, part: f64) -> Result<Self, InvalidScenario> {
        InvalidScenario::unless_positive("the short time of service in seconds", short.as_secs_f64())?;
        InvalidScenario::unless_positive("the long time of service in seconds", long.as_secs_f64())?;
        if !(0.0..=1.0).contains(&part) {
            return Err(InvalidScenario::new("the part of long requests", part, "from 0 to 1"));
        }
        Ok(Self(Law::Bimodal { short: nanos(short) as f64, long: nanos(long) as f64, part }))
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(match self.0 {
            Law::Fixed(time) => time,
            Law::Lognormal { mean, .. } => mean,
            Law::Bimodal { short, long, part } => short * (1.0 - part) + long * part,
        } as u64)
    }

    fn draw(&self, random: &mut Random) -> f64 {
        match self.0 {
            Law::Fixed(time) => time,
            Law::Lognormal { mean, sigma } => mean * exp(sigma * random.normal() - sigma * sigma / 2.0),
            Law::Bimodal { short, long, part } => {
                if random.unit() < part {
                    long
                } else {
                    short
                }
            }
        }
    }
}

/// A server: so many workers, that take requests as they come, one each.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    workers: usize,
    service: Service,
    /// In order, and none of them over another.
    spells: Vec<Spell>,
}

/// A time in which everything goes at another speed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spell {
    from: u64,
    to: u64,
    speed: f64,
}

impl Server {
    /// Makes a server.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if there are no workers.
    pub fn new(workers: usize, service: Service) -> Result<Self, InvalidScenario> {
        match workers {
            0 => Err(InvalidScenario::new("the number of workers", 0.0, "at least 1")),
            _ => Ok(Self { workers, service, spells: Vec::new() }),
        }
    }

    /// Everything takes `factor` times as long from `from` on, for `lasting`: also what is under way.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if `factor` is not positive, or this lies over another time of that kind.
    pub fn slower(self, from: Duration, lasting: Duration, factor: f64) -> Result<Self, InvalidScenario> {
        InvalidScenario::unless_positive("the factor of a slow-down", factor)?;
        self.spell(from, lasting, 1.0 / factor)
    }

    /// Nothing goes on from `from` on, for `lasting`, and everything goes on after that.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if this lies over another time of that kind.
    pub fn hanging(self, from: Duration, lasting: Duration) -> Result<Self, InvalidScenario> {
        self.spell(from, lasting, 0.0)
    }

    fn spell(mut self, from: Duration, lasting: Duration, speed: f64) -> Result<Self, InvalidScenario> {
        InvalidScenario::unless_positive("how long a spell lasts in seconds", lasting.as_secs_f64())?;
        if lasting == Duration::MAX {
            return Err(InvalidScenario::new("how long a spell lasts in seconds", f64::INFINITY, "a time that ends"));
        }
        let spell = Spell { from: nanos(from), to: nanos(from.saturating_add(lasting)), speed };
        if self.spells.iter().any(|other| spell.from < other.to && other.from < spell.to) {
            return Err(InvalidScenario::new(
                "the beginning of a spell in seconds",
                from.as_secs_f64(),
                "after the end of the others",
            ));
        }
        self.spells.push(spell);
        self.spells.sort_by_key(|spell| spell.from);
        Ok(self)
    }

    /// How many workers there are.
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// How many requests it can do in a second at this instant, on average.
    pub fn capacity_at(&self, at: Duration) -> f64 {
        let at = nanos(at);
        let speed =
            self.spells.iter().find(|spell| (spell.from..spell.to).contains(&at)).map_or(1.0, |spell| spell.speed);
        self.workers as f64 / self.service.mean().as_secs_f64() * speed
    }

    /// When what begins now is done.
    pub(super) fn done_at(&self, now: u64, known: Option<u64>, random: &mut Random) -> u64 {
        let mut work = known.map_or_else(|| self.service.draw(random), |nanos| nanos as f64);
        let mut at = now as f64;
        for spell in &self.spells {
            let (from, to) = (spell.from as f64, spell.to as f64);
            if to <= at {
                continue;
            }
            if at + work <= from {
                break;
            }
            work -= (from - at).max(0.0);
            at = at.max(from);
            let inside = (to - at) * spell.speed;
            if work <= inside {
                return whole(at + work / spell.speed);
            }
            work -= inside;
            at = to;
        }
        whole(at + work)
    }
}

/// At least a nanosecond: nothing is done before it has begun.
fn whole(nanos: f64) -> u64 {
    (nanos as u64).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_slows_down_and_hangs_with_everything() {
        let seconds = Duration::from_secs;
        let server = Server::new(1, Service::fixed(seconds(10)).unwrap()).unwrap();
        let server = server.hanging(seconds(40), seconds(5)).unwrap().slower(seconds(20), seconds(8), 4.0).unwrap();
        let mut random = Random::new(1, 1);
        let done = [0, 5, 15, 20, 28, 38, 44, 50]
            .map(|at| server.done_at(at * 1_000_000_000, None, &mut random) / 1_000_000_000);
        // At 5: as it would be. At 15: five seconds of work, two in the slow eight, three after it.
        assert_eq!(done, [10, 15, 31, 36, 38, 53, 55, 60]);
        assert_eq!(server.done_at(0, Some(7), &mut random), 8);
        let capacities = [0, 20, 30, 42].map(|at| server.capacity_at(seconds(at)));
        assert_eq!(capacities, [0.1, 0.025, 0.1, 0.0]);
    }
}
