//! Everything but the policy.

use alloc::string::String;
use core::time::Duration;

use super::engine::Engine;
use super::error::InvalidScenario;
use super::policy::Policy;
use super::report::Report;
use super::server::{Server, Service};
use super::workload::Workload;
use crate::runtime::VirtualRuntime;

/// Traffic, a server, how patient clients are, and for how long.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(super) name: String,
    pub(super) workload: Workload,
    pub(super) server: Server,
    limiters: usize,
    pub(super) timeout: Duration,
    pub(super) lasting: Duration,
    pub(super) from: Duration,
    pub(super) to: Option<Duration>,
}

impl Scenario {
    /// A minute of this, all of it measured, with clients that give up after a second.
    pub fn new(name: impl Into<String>, workload: Workload, server: Server) -> Self {
        let (timeout, lasting) = (Duration::from_secs(1), Duration::from_secs(60));
        Self { name: name.into(), workload, server, limiters: 1, timeout, lasting, from: Duration::ZERO, to: None }
    }

    /// Clients give up so long after they came.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// So many instances of the policy stand side by side before the server, and know nothing of each other. Each client of a
    /// [closed loop](Workload::closed) has one of them, in turns; other requests go to any, by chance.
    pub fn shared_by(self, limiters: usize) -> Self {
        Self { limiters, ..self }
    }

    /// It lasts so long.
    pub fn lasting(self, lasting: Duration) -> Self {
        Self { lasting, ..self }
    }

    /// Only this part of it counts.
    pub fn measured(self, from: Duration, to: Duration) -> Self {
        Self { from, to: Some(to), ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its server.
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// Its traffic.
    pub const fn workload(&self) -> &Workload {
        &self.workload
    }

    /// How many instances of the policy there are.
    pub const fn limiters(&self) -> usize {
        self.limiters
    }

    /// The part of it that counts.
    pub fn measured_from_to(&self) -> (Duration, Duration) {
        (self.from, self.to.unwrap_or(self.lasting).min(self.lasting))
    }

    /// How long it lasts.
    pub const fn duration(&self) -> Duration {
        self.lasting
    }

    /// Runs it behind a policy, whose limiters have to be made with the runtime that is given. `policy` is called once for each
    /// [instance](Self::shared_by).
    ///
    /// The report has a point for each second and the run a number for each request that was served, so a run is a week long at most.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] if clients give up at once, nothing is measured, it lasts longer than a week, or there are no instances of the
    /// policy or more than a thousand.
    pub fn run(&self, seed: u64, mut policy: impl FnMut(&VirtualRuntime) -> Policy) -> Result<Report, InvalidScenario> {
        InvalidScenario::unless_positive("the timeout of clients in seconds", self.timeout.as_secs_f64())?;
        let (from, to) = self.measured_from_to();
        let measured = to.as_secs_f64() - from.as_secs_f64();
        InvalidScenario::unless_positive("the time that is measured in seconds", measured)?;
        if self.lasting > Duration::from_secs(7 * 86_400) {
            let rule = "a week at most";
            return Err(InvalidScenario::new("how long it lasts in seconds", self.lasting.as_secs_f64(), rule));
        }
        if !(1..=1000).contains(&self.limiters) {
            let rule = "from 1 to 1000";
            return Err(InvalidScenario::new("the number of instances of the policy", self.limiters as f64, rule));
        }
        let runtime = VirtualRuntime::new();
        let policies = (0..self.limiters).map(|_| policy(&runtime)).collect();
        Ok(Engine::new(self, &runtime, policies, seed).run())
    }

    /// The scenarios that `docs/adaptive.md` compares policies by: 40 workers, 100 ms on average, and half as much again as they can do, if
    /// nothing else is said.
    ///
    /// | name | what happens |
    /// |---|---|
    /// | `overload` | nothing else |
    /// | `slow` | from 90 s to 210 s everything takes four times as long |
    /// | `recovery` | the thirty seconds after that |
    /// | `hang` | from 60 s to 90 s nothing goes on |
    /// | `after-hang` | the thirty seconds after that |
    /// | `growth` | 200 workers, for limits that begin at 20 |
    /// | `bimodal` | 20 ms for 95 %, 500 ms for 5 % |
    /// | `few` | 4 workers, and so few requests |
    /// | `calm` | no overload: three quarters of what the server can do |
    /// | `closed` | 200 clients, each of which comes again 100 ms after its last request was over |
    /// | `closed-below` | 35 clients, 10 ms: fewer than there are workers |
    /// | `shared` | four instances of the policy side by side |
    /// | `shared-closed` | both: four instances, each with 50 of 200 clients |
    pub fn named(name: &str) -> Option<Self> {
        let seconds = Duration::from_secs;
        let lognormal = Service::lognormal(Duration::from_millis(100), 0.5).ok()?;
        let base = |name: &str, server: Server, rate: f64| {
            let scenario = Self::new(name, Workload::poisson(rate).ok()?, server);
            Some(scenario.lasting(seconds(180)).measured(seconds(30), seconds(180)))
        };
        let server = Server::new(40, lognormal).ok()?;
        let slow = || server.clone().slower(seconds(90), seconds(120), 4.0).ok();
        let hangs = || server.clone().hanging(seconds(60), seconds(30)).ok();
        let part = |scenario: Self, from, to| scenario.measured(seconds(from), seconds(to));
        let closed = |clients, millis| {
            let workload = Workload::closed(clients, Duration::from_millis(millis)).ok()?;
            Some(Self { workload, ..base(name, server.clone(), 1.0)? })
        };
        match name {
            "overload" => base(name, server, 600.0),
            "slow" => Some(part(base(name, slow()?, 600.0)?.timeout(seconds(2)).lasting(seconds(300)), 90, 210)),
            "recovery" => Some(part(base(name, slow()?, 600.0)?.timeout(seconds(2)).lasting(seconds(300)), 210, 240)),
            "hang" => Some(part(base(name, hangs()?, 600.0)?, 60, 90)),
            "after-hang" => Some(part(base(name, hangs()?, 600.0)?, 90, 120)),
            "growth" => {
                Some(part(base(name, Server::new(200, lognormal).ok()?, 3000.0)?.lasting(seconds(120)), 60, 120))
            }
            "bimodal" => {
                let service = Service::bimodal(Duration::from_millis(20), Duration::from_millis(500), 0.05).ok()?;
                let server = Server::new(40, service).ok()?;
                let rate = 1.5 * server.capacity_at(Duration::ZERO);
                Some(base(name, server, rate)?.timeout(seconds(2)))
            }
            "few" => base(name, Server::new(4, lognormal).ok()?, 60.0),
            "calm" => base(name, server, 300.0),
            "closed" => closed(200, 100),
            "closed-below" => closed(35, 10),
            "shared" => Some(base(name, server, 600.0)?.shared_by(4)),
            "shared-closed" => Some(closed(200, 100)?.shared_by(4)),
            _ => None,
        }
    }

    /// The names that [`named`](Self::named) knows.
    pub const NAMES: [&'static str; 13] = [
        "overload",
        "slow",
        "recovery",
        "hang",
        "after-hang",
        "growth",
        "bimodal",
        "few",
        "calm",
        "closed",
        "closed-below",
        "shared",
        "shared-closed",
    ];
}
