//! What is told of transitions.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::limit::{ConcurrencyLimiter, Quota, RateLimiter};
#[cfg(feature = "keyed")]
use crate::limit::{KeyedConcurrencyLimiter, KeyedRateLimiter, WhenFull};
use crate::runtime::ManualClock;

/// Writes down the events of limiters.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &match field.name() {
            "message" => format!("{value:?}"),
            name => format!(" {name}={value:?}"),
        };
    }
}

impl Subscriber for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "mtaio"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn each_slow_transition_is_told_once_and_what_is_fast_is_not() {
    let journal = Journal::default();
    tracing::subscriber::with_default(journal.clone(), || {
        let mut context = Context::from_waker(Waker::noop());
        let clock = ManualClock::new();
        let slots = ConcurrencyLimiter::builder(1).max_waiters(2).build_on(clock.clone()).unwrap();
        drop(slots.try_acquire().unwrap());
        let permit = slots.try_acquire().unwrap();
        assert!(slots.try_acquire().is_err());
        {
            let (mut first, mut second) = (pin!(slots.acquire()), pin!(slots.acquire_owned()));
            assert!(first.as_mut().poll(&mut context).is_pending());
            assert!(second.as_mut().poll(&mut context).is_pending());
            assert!(pin!(slots.acquire()).poll(&mut context).is_ready());
            drop(permit);
            assert!(first.poll(&mut context).is_ready());
        }
        slots.set_limit(2);
        slots.close();
        let rate = RateLimiter::builder(Quota::per_second(1)).initial(0).build_on(clock);
        let mut late = pin!(rate.acquire());
        assert!(late.as_mut().poll(&mut context).is_pending());
        rate.set_quota(Quota::per_second(2));
        rate.close();
        assert!(late.poll(&mut context).is_ready());
    });
    let told = journal.0.lock().unwrap();
    assert_eq!(
        told[..],
        [
            "waits limiter=slots n=1",
            "waits limiter=slots n=1",
            "refused limiter=slots n=1 reason=QueueFull",
            "granted limiter=slots n=1",
            "cancelled limiter=slots n=1",
            "reconfigured limiter=slots limit=2",
            "closed limiter=slots",
            "waits limiter=rate n=1",
            "reconfigured limiter=rate limit=2/s",
            "closed limiter=rate",
            "refused limiter=rate n=1 reason=Closed",
        ]
    );
}

#[test]
#[cfg(feature = "keyed")]
fn limits_per_key_tell_of_their_keys_too() {
    let journal = Journal::default();
    tracing::subscriber::with_default(journal.clone(), || {
        let mut context = Context::from_waker(Waker::noop());
        let clock = ManualClock::new();
        let rate = KeyedRateLimiter::<u64, _>::builder(Quota::per_hour(1)).max_keys(1).build_on(clock.clone());
        rate.try_acquire(&1).unwrap();
        rate.try_acquire(&2).unwrap();
        assert!(rate.try_acquire(&2).is_err());
        let mut waiting = pin!(rate.acquire(&2));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert!(rate.try_acquire(&3).is_err());
        assert!(pin!(rate.acquire(&3)).poll(&mut context).is_ready());
        rate.set_quota(&3, Quota::per_hour(2));
        rate.close();
        assert!(waiting.poll(&mut context).is_ready());
        let slots = KeyedConcurrencyLimiter::<u64, _>::builder(1).max_keys(1).when_full(WhenFull::Refuse);
        let slots = slots.build_on(clock).unwrap();
        let _permit = slots.try_acquire(&1).unwrap();
        assert!(pin!(slots.acquire(&2)).poll(&mut context).is_ready());
        slots.set_limit(&3, 4);
        slots.close();
    });
    let told = journal.0.lock().unwrap();
    assert_eq!(
        told[..],
        [
            "evicted limiter=keyed rate",
            "waits limiter=rate n=1",
            "refused limiter=keyed rate n=1 reason=TooManyKeys",
            "reconfigured limiter=keyed rate limit=2/h",
            "closed limiter=rate",
            "closed limiter=keyed rate",
            "refused limiter=rate n=1 reason=Closed",
            "refused limiter=keyed slots n=1 reason=TooManyKeys",
            "reconfigured limiter=keyed slots limit=4",
            "closed limiter=slots",
            "closed limiter=keyed slots",
        ]
    );
}
