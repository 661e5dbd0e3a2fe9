//! What happens, one thing after the other.

use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::clients::{Arrival, Clients};
use super::policy::{Pass, Passing, Policy};
use super::random::Random;
use super::report::{Latency, Point, Report};
use super::scenario::Scenario;
use crate::limit::{Outcome, ResourceLimitError};
use crate::runtime::{Clock, Sleep, Timer, VirtualRuntime};
use crate::time::{Instant, nanos};
use crate::timeout::{Elapsed, Timeout, timeout_at};

const SECOND: u64 = 1_000_000_000;

/// A request that was let in.
struct Request {
    arrival: Arrival,
    /// Which instance of the policy let it in.
    instance: usize,
    /// What its client holds, until it is served or gives up.
    pass: Option<Pass>,
    /// Its place is used again: this tells who it is.
    number: u64,
}

/// What waits for a limiter: it knows when it came, and what it is.
struct Waiting {
    arrival: Arrival,
    instance: usize,
    passing: Timeout<VirtualRuntime, Passing>,
}

impl Future for Waiting {
    type Output = (Arrival, usize, Result<Result<Pass, ResourceLimitError>, Elapsed>);

    fn poll(mut self: Pin<&mut Self>, context: &mut core::task::Context<'_>) -> Poll<Self::Output> {
        let (arrival, instance) = (self.arrival, self.instance);
        Pin::new(&mut self.passing).poll(context).map(|outcome| (arrival, instance, outcome))
    }
}

pub(super) struct Engine<'a> {
    scenario: &'a Scenario,
    runtime: &'a VirtualRuntime,
    /// Those that stand side by side.
    policies: Vec<Policy>,
    seed: u64,
    now: u64,
    clients: Clients<'a>,
    services: Random,
    spread: Random,
    numbers: u64,
    requests: Vec<Request>,
    free: Vec<usize>,
    /// When clients give up, in order.
    patience: VecDeque<(u64, usize, u64)>,
    /// When workers are done, and with which request; those of the same instant in the order in which they began.
    workers: BinaryHeap<Reverse<(u64, u64, usize)>>,
    queue: VecDeque<usize>,
    in_flight: u64,
    waiting: FuturesUnordered<Waiting>,
    point: Point,
    latency_sum: f64,
    series: Vec<Point>,
    latencies: Vec<u64>,
    counts: Point,
    shares: Vec<u64>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(scenario: &'a Scenario, runtime: &'a VirtualRuntime, policies: Vec<Policy>, seed: u64) -> Self {
        let shares = policies.iter().map(|_| 0).collect();
        Self {
            scenario,
            runtime,
            policies,
            seed,
            now: 0,
            clients: Clients::new(&scenario.workload, seed),
            services: Random::new(seed, 2),
            spread: Random::new(seed, 3),
            numbers: 0,
            requests: Vec::new(),
            free: Vec::new(),
            patience: VecDeque::new(),
            workers: BinaryHeap::new(),
            queue: VecDeque::new(),
            in_flight: 0,
            waiting: FuturesUnordered::new(),
            point: Point::default(),
            latency_sum: 0.0,
            series: Vec::new(),
            latencies: Vec::new(),
            counts: Point::default(),
            shares,
        }
    }

    pub(super) fn run(mut self) -> Report {
        let (runtime, end) = (self.runtime.clone(), nanos(self.scenario.lasting));
        runtime.block_on(async {
            let mut sleep = core::pin::pin!(runtime.sleep_until(Instant::ORIGIN));
            loop {
                let due = self.due();
                if due > end {
                    break;
                }
                if due > self.now {
                    self.wait(sleep.as_mut(), due).await;
                }
                // Somebody may have been let in before that.
                if self.now >= due {
                    self.step(due);
                }
            }
        });
        self.report()
    }

    /// Waits until `due`, or until a limiter has decided.
    async fn wait(&mut self, mut sleep: Pin<&mut impl Sleep>, due: u64) {
        sleep.as_mut().reset(Instant::from_nanos(due));
        loop {
            let decided = poll_fn(|context| match self.waiting.is_empty() {
                false => match self.waiting.poll_next_unpin(context) {
                    Poll::Ready(Some(decided)) => Poll::Ready(Some(decided)),
                    _ => sleep.as_mut().poll(context).map(|()| None),
                },
                true => sleep.as_mut().poll(context).map(|()| None),
            });
            let decided = decided.await;
            self.now = Clock::now(self.runtime).as_nanos();
            match decided {
                Some((arrival, instance, Ok(Ok(pass)))) => self.begin(arrival, instance, pass),
                Some((arrival, ..)) => self.refuse(arrival),
                None => return,
            }
            // Its service may end before what was due.
            if self.due() < due {
                return;
            }
        }
    }

    /// When the next thing happens.
    fn due(&self) -> u64 {
        let arrival = self.clients.at();
        let worker = self.workers.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
        let patience = self.patience.front().map_or(u64::MAX, |(at, ..)| *at);
        arrival.min(worker).min(patience).min((self.series.len() as u64 + 1) * SECOND)
    }

    /// One thing that is due: what is done goes first, so that it is not given up at the same instant.
    fn step(&mut self, due: u64) {
        if self.workers.peek().is_some_and(|Reverse((at, ..))| *at <= due) {
            self.work_done();
        } else if self.patience.front().is_some_and(|(at, ..)| *at <= due) {
            self.patience_over();
        } else if self.clients.at() <= due {
            self.arrive();
        } else {
            self.second_over();
        }
    }

    fn is_measured(&self) -> bool {
        let (from, to) = self.scenario.measured_from_to();
        (nanos(from)..nanos(to)).contains(&self.now)
    }

    /// Counts something, in this second and in all.
    fn count(&mut self, which: impl Fn(&mut Point) -> &mut u64) {
        *which(&mut self.point) += 1;
        if self.is_measured() {
            *which(&mut self.counts) += 1;
        }
    }

    fn arrive(&mut self) {
        let Some(arrival) = self.clients.come() else { return };
        self.count(|point| &mut point.arrivals);
        let instance = self.instance_of(&arrival);
        let policy = &self.policies[instance];
        // Who is let in at once by one limiter has no need of a future. Of several, the first would be paid twice if a later one refuses.
        let at_once = policy.max_wait.is_none() || policy.is_single();
        match (at_once.then(|| policy.try_pass()), policy.max_wait) {
            (Some(Ok(pass)), _) => self.begin(arrival, instance, pass),
            (_, None) => self.refuse(arrival),
            (_, Some(max_wait)) => {
                let until = Instant::from_nanos(arrival.at) + max_wait.min(self.scenario.timeout);
                let passing = timeout_at(self.runtime.clone(), until, policy.pass());
                self.waiting.push(Waiting { arrival, instance, passing });
            }
        }
    }

    /// Who has an instance of its own keeps it; other requests are spread by chance.
    fn instance_of(&mut self, arrival: &Arrival) -> usize {
        match (self.policies.len(), arrival.client) {
            (1, _) => 0,
            (instances, Some(client)) => client % instances,
            (instances, None) => (self.spread.unit() * instances as f64) as usize,
        }
    }

    fn refuse(&mut self, arrival: Arrival) {
        self.count(|point| &mut point.refused);
        self.clients.ended(arrival.client, self.now);
    }

    /// The server gets a request.
    fn begin(&mut self, arrival: Arrival, instance: usize, pass: Pass) {
        self.numbers += 1;
        self.in_flight += 1;
        let request = Request { arrival, instance, pass: Some(pass), number: self.numbers };
        let place = match self.free.pop() {
            Some(place) => {
                self.requests[place] = request;
                place
            }
            None => {
                self.requests.push(request);
                self.requests.len() - 1
            }
        };
        let until = arrival.at.saturating_add(nanos(self.scenario.timeout));
        // Those who have waited for a limiter may give up before others who came later and did not.
        let at = self.patience.partition_point(|(other, ..)| *other <= until);
        self.patience.insert(at, (until, place, self.numbers));
        if self.workers.len() < self.scenario.server.workers() {
            self.work_on(place);
        } else {
            self.queue.push_back(place);
        }
    }

    fn work_on(&mut self, place: usize) {
        let Request { arrival, number, .. } = self.requests[place];
        let done = self.scenario.server.done_at(self.now, arrival.service, &mut self.services);
        self.workers.push(Reverse((done, number, place)));
    }

    fn work_done(&mut self) {
        let Some(Reverse((_, _, place))) = self.workers.pop() else { return };
        if let Some(pass) = self.requests[place].pass.take() {
            let Request { arrival, instance, .. } = self.requests[place];
            let took = self.now - arrival.at;
            self.in_flight -= 1;
            self.latency_sum += took as f64 / 1e6;
            if self.is_measured() {
                self.latencies.push(took);
                self.shares[instance] += 1;
            }
            self.count(|point| &mut point.served);
            pass.finish(Outcome::Success);
            self.clients.ended(arrival.client, self.now);
        }
        self.free.push(place);
        self.requests[place].number = 0;
        if let Some(next) = self.queue.pop_front() {
            self.work_on(next);
        }
    }

    /// A client gives up. Whoever works on it goes on.
    fn patience_over(&mut self) {
        let Some((_, place, number)) = self.patience.pop_front() else { return };
        if self.requests[place].number != number {
            return;
        }
        if let Some(pass) = self.requests[place].pass.take() {
            self.in_flight -= 1;
            self.count(|point| &mut point.timed_out);
            pass.finish(Outcome::Dropped);
            self.clients.ended(self.requests[place].arrival.client, self.now);
        }
    }

    fn second_over(&mut self) {
        let served = self.point.served.max(1) as f64;
        let point = Point {
            second: self.series.len() as u64 + 1,
            limit: self.policies.iter().map(|policy| policy.limit().map(|limit| limit as u64)).sum(),
            in_flight: self.in_flight,
            queue: self.queue.len() as u64,
            waiting: self.waiting.len() as u64,
            latency: self.latency_sum / served,
            ..self.point
        };
        self.series.push(point);
        self.point = Point::default();
        self.latency_sum = 0.0;
    }

    fn report(self) -> Report {
        let (from, to) = self.scenario.measured_from_to();
        let seconds = (to - from).as_secs_f64();
        let steps = 1000;
        let capacity = |step: u32| self.scenario.server.capacity_at(from + (to - from) * step / steps);
        let Point { arrivals, served, refused, timed_out, .. } = self.counts;
        Report {
            scenario: self.scenario.name.clone(),
            seed: self.seed,
            seconds,
            arrivals,
            served,
            refused,
            timed_out,
            goodput: served as f64 / seconds,
            capacity: (0..steps).map(capacity).sum::<f64>() / f64::from(steps),
            latency: Latency::of(self.latencies),
            shares: self.shares,
            series: self.series,
        }
    }
}
