//! How fast traffic is simulated.

use core::time::Duration;

use mtaio_core::limit::AdaptiveConcurrencyLimiter;
use mtaio_core::sim::{Policy, Scenario, Server, Service, Workload};

use crate::row::Role::Ours;
use crate::row::{Against, Bound, Contender, Row, Scale, time};

const RATE: f64 = 1000.0;
const HOUR: u64 = 3600;
/// An hour takes ten seconds at most: so many nanoseconds for each request.
const MOST: f64 = 10e9 / (RATE * HOUR as f64);

pub(super) fn rows() -> Vec<Row> {
    let hour = Row::new("simulation", "a request of an hour at 1,000/s, adaptive limit", hour);
    vec![hour.fixed(HOUR, 1).each(RATE as u64).goal(Against::Itself, Bound::AtMost(MOST.floor()))]
}

/// So many seconds of traffic on a server that is busy to nine tenths.
fn hour(_: Scale) -> Vec<Contender> {
    vec![Contender::timed(Ours, "mtaio", |seconds| {
        let service = Service::lognormal(Duration::from_millis(100), 0.5).expect("a valid service");
        let server = Server::new(90, service).expect("a valid server");
        let workload = Workload::poisson(RATE).expect("a valid workload");
        let scenario = Scenario::new("hour", workload, server).lasting(Duration::from_secs(seconds));
        let adaptive =
            |runtime: &_| Policy::adaptive(AdaptiveConcurrencyLimiter::with_runtime(20, Clone::clone(runtime)));
        let mut arrivals = 0;
        let took = time(|| arrivals = scenario.run(1, adaptive).expect("a valid scenario").arrivals);
        assert!(arrivals as f64 > 0.9 * RATE * seconds as f64);
        took
    })]
}
