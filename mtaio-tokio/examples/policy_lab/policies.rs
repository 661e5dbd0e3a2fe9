//! What is compared.

use clap::ValueEnum;
use mtaio_core::limit::{AdaptiveConcurrencyLimiter, Aimd, ConcurrencyLimiter, Elastic, Gradient2, Vegas};
use mtaio_core::runtime::VirtualRuntime;
use mtaio_core::sim::{Policy, Scenario};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// No limit at all
    None,
    /// As many as there are workers, and a tenth more: what one would set who knows it
    Fixed,
    /// Up by one, down by a tenth
    Aimd,
    /// The queue that the shortest round trip tells of
    Vegas,
    /// Round trips of now beside those of long ago
    Gradient2,
    /// The default: how much more comes out when more is let in
    Elastic,
    /// The default, told how many limiters stand before the server
    Told,
}

impl Kind {
    /// What is compared if nothing is said: where there is one limiter, there is nothing to tell.
    pub(crate) const ALL: [Self; 6] =
        [Self::None, Self::Fixed, Self::Aimd, Self::Vegas, Self::Gradient2, Self::Elastic];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "no limit",
            Self::Fixed => "fixed, known",
            Self::Aimd => "AIMD",
            Self::Vegas => "Vegas",
            Self::Gradient2 => "Gradient2",
            Self::Elastic => "Elastic (default)",
            Self::Told => "Elastic, told",
        }
    }

    /// Adaptive limits begin at `initial`.
    pub(crate) fn policy(self, scenario: &Scenario, initial: usize, runtime: &VirtualRuntime) -> Policy {
        let runtime = runtime.clone();
        let workers = scenario.server().workers();
        match self {
            Self::None => Policy::none(),
            Self::Fixed => {
                // Whoever knows the server knows how many share it.
                let part = (workers + workers.div_ceil(10)) / scenario.limiters();
                Policy::of(ConcurrencyLimiter::with_runtime(part.max(1), runtime))
            }
            Self::Aimd => Policy::adaptive(AdaptiveConcurrencyLimiter::with_algorithm(Aimd::new(initial), runtime)),
            Self::Vegas => Policy::adaptive(AdaptiveConcurrencyLimiter::with_algorithm(Vegas::new(initial), runtime)),
            Self::Gradient2 => {
                Policy::adaptive(AdaptiveConcurrencyLimiter::with_algorithm(Gradient2::new(initial), runtime))
            }
            Self::Elastic => Policy::adaptive(AdaptiveConcurrencyLimiter::with_runtime(initial, runtime)),
            Self::Told => {
                let told = Elastic::new(initial).shared_by(scenario.limiters());
                Policy::adaptive(AdaptiveConcurrencyLimiter::with_algorithm(told, runtime))
            }
        }
    }
}
