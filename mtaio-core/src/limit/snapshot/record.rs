//! Snapshots as gauges and counters.

use alloc::string::String;

use metrics::{counter, gauge};

use super::{ConcurrencySnapshot, LineSnapshot, PartSnapshot, RateSnapshot};
#[cfg(feature = "keyed")]
use super::{KeyedConcurrencySnapshot, KeyedRateSnapshot, KeysSnapshot};

impl LineSnapshot {
    fn record(&self, name: &str) {
        let limiter = String::from(name);
        gauge!("mtaio.waiting", "limiter" => limiter.clone()).set(self.waiting as f64);
        if let Some(oldest) = self.oldest_wait {
            gauge!("mtaio.oldest_wait_seconds", "limiter" => limiter.clone()).set(oldest.as_secs_f64());
        }
        if let Some(unclaimed) = self.longest_unclaimed {
            gauge!("mtaio.longest_unclaimed_seconds", "limiter" => limiter.clone()).set(unclaimed.as_secs_f64());
        }
        counter!("mtaio.granted_total", "limiter" => limiter.clone()).absolute(self.granted);
        counter!("mtaio.refused_total", "limiter" => limiter.clone()).absolute(self.refused);
        counter!("mtaio.cancelled_total", "limiter" => limiter).absolute(self.cancelled);
    }
}

impl RateSnapshot {
    /// Sets the gauges and counters of the limiter that is called `name`, in the recorder of the crate `metrics`.
    ///
    /// Their names are in `docs/observing.md`. Call it as often as somebody looks at them.
    pub fn record(&self, name: &str) {
        let limiter = String::from(name);
        gauge!("mtaio.cells_available", "limiter" => limiter.clone()).set(self.available);
        gauge!("mtaio.burst", "limiter" => limiter).set(self.quota.burst_size());
        self.line.record(name);
    }
}

impl ConcurrencySnapshot {
    /// Sets the gauges and counters of the limiter that is called `name`, in the recorder of the crate `metrics`.
    ///
    /// Their names are in `docs/observing.md`. Call it as often as somebody looks at them.
    pub fn record(&self, name: &str) {
        let limiter = String::from(name);
        gauge!("mtaio.limit", "limiter" => limiter.clone()).set(self.limit as f64);
        gauge!("mtaio.in_flight", "limiter" => limiter).set(self.in_flight as f64);
        self.line.record(name);
    }
}

#[cfg(feature = "keyed")]
impl KeysSnapshot {
    fn record(&self, name: &str) {
        let limiter = String::from(name);
        gauge!("mtaio.keys", "limiter" => limiter.clone()).set(self.known as f64);
        if let Some(max) = self.max {
            gauge!("mtaio.max_keys", "limiter" => limiter.clone()).set(max as f64);
        }
        counter!("mtaio.keys_evicted_total", "limiter" => limiter.clone()).absolute(self.evicted);
        counter!("mtaio.keys_refused_total", "limiter" => limiter).absolute(self.refused);
    }
}

#[cfg(feature = "keyed")]
impl KeyedRateSnapshot {
    /// Sets the gauges and counters of the limiter that is called `name`, in the recorder of the crate `metrics`.
    ///
    /// Their names are in `docs/observing.md`; none of them has a key in it. Call it as often as somebody looks at them.
    pub fn record(&self, name: &str) {
        self.keys.record(name);
        self.line.record(name);
    }
}

#[cfg(feature = "keyed")]
impl KeyedConcurrencySnapshot {
    /// Sets the gauges and counters of the limiter that is called `name`, in the recorder of the crate `metrics`.
    ///
    /// Their names are in `docs/observing.md`; none of them has a key in it. Call it as often as somebody looks at them.
    pub fn record(&self, name: &str) {
        gauge!("mtaio.in_flight", "limiter" => String::from(name)).set(self.in_flight as f64);
        self.keys.record(name);
        self.line.record(name);
    }
}

impl PartSnapshot {
    /// As `record` of what it is a snapshot of.
    pub fn record(&self, name: &str) {
        match self {
            Self::Rate(rate) => rate.record(name),
            Self::Concurrency(slots) => slots.record(name),
        }
    }
}

#[cfg(all(test, feature = "test-util", feature = "keyed"))]
mod tests {
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::sync::Arc;
    use core::pin::pin;
    use core::task::{Context, Waker};
    use std::sync::Mutex;

    use metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use crate::limit::{
        ConcurrencyLimiter, KeyedConcurrencyLimiter, KeyedRateLimiter, Quota, RateLimiter, ResourceLimiter,
    };
    use crate::runtime::ManualClock;

    /// What was set, by name and limiter.
    #[derive(Clone, Default)]
    struct Board(Arc<Mutex<BTreeMap<String, f64>>>);

    struct Entry(Board, String);

    impl Board {
        fn entry(&self, key: &Key) -> Arc<Entry> {
            let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value()));
            let name = format!("{}{{{}}}", key.name(), labels.collect::<String>());
            Arc::new(Entry(self.clone(), name))
        }
    }

    impl Entry {
        fn put(&self, value: f64) {
            self.0.0.lock().unwrap().insert(self.1.clone(), value);
        }
    }

    impl CounterFn for Entry {
        fn increment(&self, _: u64) {
            panic!("counters are set to what was counted");
        }

        fn absolute(&self, value: u64) {
            self.put(value as f64);
        }
    }

    impl GaugeFn for Entry {
        fn increment(&self, _: f64) {
            panic!("gauges are set");
        }

        fn decrement(&self, _: f64) {
            panic!("gauges are set");
        }

        fn set(&self, value: f64) {
            self.put(value);
        }
    }

    impl Recorder for Board {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.entry(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.entry(key))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn what_is_recorded_is_what_the_page_lists() {
        let clock = ManualClock::new();
        let rate = RateLimiter::builder(Quota::per_second(10)).counting().build_on(clock.clone());
        let slots = ConcurrencyLimiter::builder(1).counting().build_on(clock.clone()).unwrap();
        let both = ResourceLimiter::new(&rate, &slots);
        let _permit = both.try_acquire().unwrap();
        let mut waiting = pin!(slots.acquire());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());

        let per_user = KeyedRateLimiter::<u64, _>::builder(Quota::per_hour(1)).max_keys(1).build_on(clock.clone());
        (0..3).for_each(|user| per_user.try_acquire(&user).unwrap());
        let per_host = KeyedConcurrencyLimiter::<u64, _>::builder(2).counting().build_on(clock).unwrap();
        let _permits = (per_host.try_acquire(&1).unwrap(), per_host.try_acquire_many(&2, 2).unwrap());

        let board = Board::default();
        metrics::with_local_recorder(&board, || {
            both.snapshot().iter().for_each(|(part, snapshot)| snapshot.record(&part.to_string()));
            per_user.snapshot().record("users");
            per_host.snapshot().record("hosts");
        });
        let board = board.0.lock().unwrap();
        assert_eq!(board["mtaio.cells_available{limiter=rate 0}"], 9.0);
        assert_eq!(board["mtaio.in_flight{limiter=slots 1}"], 1.0);
        assert_eq!(board["mtaio.waiting{limiter=slots 1}"], 1.0);
        assert_eq!(board["mtaio.granted_total{limiter=rate 0}"], 1.0);
        assert_eq!((board["mtaio.keys{limiter=users}"], board["mtaio.keys_evicted_total{limiter=users}"]), (1.0, 2.0));
        assert_eq!((board["mtaio.in_flight{limiter=hosts}"], board["mtaio.granted_total{limiter=hosts}"]), (3.0, 2.0));

        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/observing.md"));
        let listed = page.split('`').filter(|name| name.starts_with("mtaio.")).map(String::from);
        let recorded = board.keys().map(|key| key.split('{').next().unwrap().into());
        assert_eq!(recorded.collect::<BTreeSet<String>>(), listed.collect());
    }
}
