//! How the loopback servers answer, decided by the seed alone, so that both sides know it beforehand.

use core::time::Duration;

const FASTEST: Duration = Duration::from_millis(5);
/// Far below any time limit that the command line takes, so that a busy machine does not turn an answer into a timeout.
const SLOWEST: Duration = Duration::from_millis(45);

const HANGS_PER_MILLE: u64 = 3;
const ERRORS_PER_MILLE: u64 = 10;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The page, after this time.
    Page(Duration),
    /// `500 Internal Server Error`, after this time.
    Error(Duration),
    /// No answer, for as long as the client cares to wait.
    Hang,
}

/// The fates of all pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    seed: u64,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    pub(crate) fn fate(self, host: usize, page: usize) -> Fate {
        let draw = [host, page].iter().fold(mix(self.seed), |state, &part| mix(state ^ part as u64));
        let spread = (SLOWEST - FASTEST).as_micros() as u64;
        let latency = FASTEST + Duration::from_micros(draw % spread);
        match mix(draw) % 1000 {
            share if share < HANGS_PER_MILLE => Fate::Hang,
            share if share < HANGS_PER_MILLE + ERRORS_PER_MILLE => Fate::Error(latency),
            _ => Fate::Page(latency),
        }
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(state: u64) -> u64 {
    let mut word = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_depend_on_nothing_but_seed_host_and_page() {
        let fates = |seed| (0..200).map(|page| Plan::new(seed).fate(page % 4, page)).collect::<Vec<_>>();
        assert_eq!(fates(1), fates(1));
        assert_ne!(fates(1), fates(2));
    }

    #[test]
    fn faults_are_a_few_and_latencies_stay_in_range() {
        let (mut hangs, mut errors) = (0, 0);
        for page in 0..100_000 {
            match Plan::new(7).fate(page % 4, page) {
                Fate::Hang => hangs += 1,
                Fate::Error(latency) => {
                    errors += 1;
                    assert!((FASTEST..SLOWEST).contains(&latency));
                }
                Fate::Page(latency) => assert!((FASTEST..SLOWEST).contains(&latency)),
            }
        }
        assert!((250..350).contains(&hangs), "{hangs}");
        assert!((900..1100).contains(&errors), "{errors}");
    }
}
