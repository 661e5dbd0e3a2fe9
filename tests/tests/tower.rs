//! Limits as tower layers, on the virtual runtime.

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::catch_unwind;

use futures_util::future::join_all;
use mtaio_core::limit::{
    ConcurrencyLimiter, KeyedConcurrencyLimiter, KeyedRateLimiter, Limiter, Quota, RateLimiter,
    ResourceLimitErrorKind as Kind, ResourceLimiter,
};
use mtaio_core::runtime::{Clock, Spawn, Timer, VirtualRuntime};
use mtaio_core::timeout::TimeoutManager;
use mtaio_core::tower::{
    ConcurrencyLimitLayer, KeyOf, KeyedLimitLayer, LimitError, LimitLayer, RateLimitLayer, ResourceLimitLayer,
    TimeoutError, TimeoutLayer,
};
use tower::{Layer, Service, ServiceExt, service_fn};

const RATE: Quota = Quota::per_second(10).burst(1);

/// Answers after a second, and counts how many requests it answers at once.
#[derive(Clone)]
struct Slow {
    runtime: VirtualRuntime,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Slow {
    fn new(runtime: &VirtualRuntime) -> Self {
        Self { runtime: runtime.clone(), running: Arc::default(), most: Arc::default() }
    }

    async fn answer(self, request: u32) -> Result<u32, &'static str> {
        // ORDERING: SeqCst: tests are not in a hurry.
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.runtime.sleep_until(self.runtime.now() + Duration::from_secs(1)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        if request == 13 { Err("thirteen") } else { Ok(request + 1) }
    }
}

fn poll_once<F: Future>(future: core::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn clones_and_services_of_one_layer_share_the_limit() {
    let runtime = VirtualRuntime::new();
    let layer = RateLimitLayer::new(RateLimiter::with_runtime(RATE, runtime.clone()));
    let echo = || service_fn(|x: u32| async move { Ok::<_, Infallible>(x) });
    let (one, other) = (layer.layer(echo()), layer.clone().layer(echo()));
    runtime.block_on(async {
        let tasks: Vec<_> =
            (0..10).map(|x| runtime.spawn(if x % 2 == 0 { one.clone() } else { other.clone() }.oneshot(x))).collect();
        for (x, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), Ok(x as u32));
        }
    });
    assert_eq!(runtime.now().as_nanos(), 900_000_000);
}

#[test]
fn no_more_run_at_once_than_there_are_slots_and_the_slot_returns_with_the_answer() {
    let runtime = VirtualRuntime::new();
    let slots = ConcurrencyLimiter::with_runtime(3, runtime.clone());
    let slow = Slow::new(&runtime);
    let most = Arc::clone(&slow.most);
    let service =
        ConcurrencyLimitLayer::new(slots.clone()).wait().layer(service_fn(move |request| slow.clone().answer(request)));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..20).map(|x| runtime.spawn(service.clone().oneshot(x))).collect();
        for (x, task) in tasks.into_iter().enumerate() {
            let expected = if x == 13 { Err(LimitError::Inner("thirteen")) } else { Ok(x as u32 + 1) };
            assert_eq!(task.await.unwrap(), expected);
        }
    });
    assert_eq!((most.load(Ordering::SeqCst), slots.in_flight()), (3, 0));
    assert_eq!(runtime.now().as_nanos(), 7_000_000_000);
}

#[test]
fn a_refusal_says_when_to_try_again_and_which_part_refused() {
    let runtime = VirtualRuntime::new();
    let rate = RateLimiter::with_runtime(RATE, runtime.clone());
    let slots = ConcurrencyLimiter::with_runtime(3, runtime.clone());
    let layer = ResourceLimitLayer::new(ResourceLimiter::new(&rate, &slots)).refuse();
    let service = layer.layer(service_fn(|x: u32| async move { if x > 0 { Ok(x) } else { Err("zero") } }));
    runtime.block_on(async {
        assert_eq!(service.clone().oneshot(0).await, Err(LimitError::Inner("zero")));
        let refused = service.clone().oneshot(1).await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_millis(100)));
        let limited = refused.limited().expect("the limiter refused");
        assert_eq!((limited.kind(), limited.part().map(|part| part.index())), (Kind::NotReady, Some(0)));
        assert_eq!(refused.to_string(), "rate 0: the limit is reached; try again in 100ms");
        runtime.sleep_until(runtime.now() + Duration::from_millis(100)).await;
        assert_eq!(service.oneshot(2).await, Ok(2));
    });
    assert_eq!(slots.in_flight(), 0);
}

#[test]
fn a_service_that_is_ready_keeps_nothing() {
    let runtime = VirtualRuntime::new();
    let slots = ConcurrencyLimiter::with_runtime(1, runtime.clone());
    let layer = ConcurrencyLimitLayer::new(slots.clone());
    let mut idle = layer.layer(service_fn(|x: u32| async move { Ok::<_, Infallible>(x) }));
    runtime.block_on(async {
        poll_fn(|context| Service::<u32>::poll_ready(&mut idle, context)).await.unwrap();
        assert_eq!(slots.in_flight(), 0);
        assert_eq!(idle.clone().oneshot(1).await, Ok(1));
        assert_eq!(idle.call(2).await, Ok(2));
    });
}

#[test]
fn a_request_that_waits_and_is_dropped_leaves_no_trace() {
    let runtime = VirtualRuntime::new();
    let slots = ConcurrencyLimiter::with_runtime(1, runtime.clone());
    let layer = LimitLayer::new(slots.clone().boxed());
    let service = layer.layer(service_fn(|x: u32| async move { Ok::<_, Infallible>(x) }));
    let held = slots.try_acquire().unwrap();
    {
        let mut waiting = pin!(service.clone().oneshot(1));
        assert!(poll_once(waiting.as_mut()).is_pending());
        assert_eq!(slots.waiters(), 1);
    }
    assert_eq!(slots.waiters(), 0);
    drop(held);
    slots.close();
    let closed = runtime.block_on(service.oneshot(1)).unwrap_err();
    assert!(closed.limited().is_some_and(|error| error.is_closed()) && closed.into_inner().is_none());
}

#[test]
fn a_timeout_bounds_what_is_inside_it() {
    let runtime = VirtualRuntime::new();
    let slots = ConcurrencyLimiter::with_runtime(1, runtime.clone());
    let manager = |millis| TimeoutManager::with_runtime(Duration::from_millis(millis), runtime.clone());
    let slow = Slow::new(&runtime);
    let slow = service_fn(move |request| slow.clone().answer(request));
    let limit = ConcurrencyLimitLayer::new(slots.clone());
    runtime.block_on(async {
        let patient = TimeoutLayer::new(manager(1000)).layer(slow.clone());
        assert_eq!(patient.clone().oneshot(1).await, Ok(2));
        assert_eq!(patient.oneshot(13).await, Err(TimeoutError::Inner("thirteen")));
        let hasty = TimeoutLayer::new(manager(999)).layer(limit.layer(slow.clone()));
        assert!(hasty.oneshot(1).await.unwrap_err().elapsed().is_some());
        assert_eq!(slots.in_flight(), 0);
        // Inside the limit it bounds the work alone, outside it the wait too.
        let held = slots.try_acquire().unwrap();
        let inside = limit.layer(TimeoutLayer::new(manager(1)).layer(slow.clone()));
        let mut inside = pin!(inside.oneshot(1));
        assert!(poll_once(inside.as_mut()).is_pending());
        let outside = TimeoutLayer::new(manager(1)).layer(limit.layer(slow));
        assert!(outside.oneshot(1).await.unwrap_err().elapsed().is_some());
        drop(held);
        let elapsed = inside.await.unwrap_err().into_inner().and_then(|error| error.elapsed().copied());
        assert!(elapsed.is_some());
    });
    assert_eq!((slots.in_flight(), slots.waiters()), (0, 0));
}

/// Is ready for one request, and a clone of it is not ready.
struct ReadyOnce(bool);

impl Clone for ReadyOnce {
    fn clone(&self) -> Self {
        Self(false)
    }
}

impl Service<u32> for ReadyOnce {
    type Response = u32;
    type Error = Infallible;
    type Future = core::future::Ready<Result<u32, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0 = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        assert!(core::mem::take(&mut self.0), "called without being ready");
        core::future::ready(Ok(request))
    }
}

#[test]
fn the_service_that_is_called_is_the_one_that_was_ready() {
    let runtime = VirtualRuntime::new();
    let layer = RateLimitLayer::new(RateLimiter::with_runtime(RATE, runtime.clone()));
    runtime.block_on(async {
        for layer in [layer.clone(), layer.refuse()] {
            let mut service = layer.layer(ReadyOnce(false));
            for request in 0..3 {
                let outcome = service.ready().await.unwrap().call(request).await;
                assert!(matches!(outcome, Ok(answer) if answer == request) || outcome.unwrap_err().limited().is_some());
            }
        }
    });
}

#[tokio::test(flavor = "current_thread")]
async fn the_budget_of_a_task_is_no_overload() {
    let rate = mtaio_tokio::RateLimiter::new(Quota::per_second(1_000_000_000));
    let slots = mtaio_tokio::ConcurrencyLimiter::new(1);
    let layer = LimitLayer::new(mtaio_tokio::ResourceLimiter::new(&rate, &slots)).refuse();
    let service = layer.layer(service_fn(|x: u32| async move { Ok::<_, Infallible>(x) }));
    for request in 0..1000 {
        assert_eq!(service.clone().oneshot(request).await, Ok(request));
    }
}

/// Whose request it is, and its number.
type Keyed = (u64, u32);

fn per_user(runtime: &VirtualRuntime) -> KeyedRateLimiter<u64, VirtualRuntime> {
    KeyedRateLimiter::with_runtime(RATE, runtime.clone())
}

fn user(request: &Keyed) -> u64 {
    request.0
}

/// Answers with the request and the milliseconds that have passed.
fn clocked(
    runtime: &VirtualRuntime,
) -> impl Service<Keyed, Response = (Keyed, u64), Error = Infallible> + Clone + use<> {
    let runtime = runtime.clone();
    service_fn(move |request| core::future::ready(Ok((request, runtime.now().as_nanos() / 1_000_000))))
}

#[test]
fn each_key_waits_in_a_line_of_its_own_in_order() {
    let runtime = VirtualRuntime::new();
    let limiter = per_user(&runtime);
    limiter.try_acquire(&1).unwrap();
    let layer = KeyedLimitLayer::new(limiter.clone(), user);
    let (one, other) = (layer.layer(clocked(&runtime)), layer.clone().wait().layer(clocked(&runtime)));
    let answers = runtime.block_on(async {
        let service = |number: u32| if number % 3 == 0 { one.clone() } else { other.clone() };
        let mut waiting: Vec<_> = (0..8).map(|number| Box::pin(service(number).oneshot((1, number)))).collect();
        for request in &mut waiting {
            assert!(poll_once(request.as_mut()).is_pending());
        }
        assert_eq!(limiter.waiters(&1), 8);
        // Whoever comes with another key is served at once.
        assert_eq!(other.clone().oneshot((2, 8)).await, Ok(((2, 8), 0)));
        join_all(waiting).await
    });
    // The clones and both services have one line.
    let expected = (0..8).map(|number| Ok(((1, number), u64::from(number + 1) * 100)));
    assert_eq!(answers, expected.collect::<Vec<_>>());
}

#[test]
fn a_key_beyond_its_limit_is_refused_and_told_when_to_come_back() {
    let runtime = VirtualRuntime::new();
    let service = KeyedLimitLayer::new(per_user(&runtime), user).refuse().layer(clocked(&runtime));
    runtime.block_on(async {
        assert_eq!(service.clone().oneshot((1, 0)).await, Ok(((1, 0), 0)));
        let refused = service.clone().oneshot((1, 1)).await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_millis(100)));
        assert_eq!(service.clone().oneshot((2, 2)).await, Ok(((2, 2), 0)));
        runtime.sleep_until(runtime.now() + Duration::from_nanos(99_999_999)).await;
        assert!(service.clone().oneshot((1, 3)).await.is_err());
        runtime.sleep_until(runtime.now() + Duration::from_nanos(1)).await;
        assert_eq!(service.oneshot((1, 4)).await, Ok(((1, 4), 100)));
    });
}

#[test]
fn the_slot_of_a_key_returns_with_the_answer_or_when_the_request_is_dropped() {
    let runtime = VirtualRuntime::new();
    let slots = KeyedConcurrencyLimiter::<u64, _>::with_runtime(1, runtime.clone());
    let slow = Slow::new(&runtime);
    let service = KeyedLimitLayer::new(slots.clone(), user)
        .layer(service_fn(move |(_, number): Keyed| slow.clone().answer(number)));
    runtime.block_on(async {
        assert_eq!(service.clone().oneshot((1, 13)).await, Err(LimitError::Inner("thirteen")));
        assert_eq!(slots.in_flight(&1), 0);
        let mut running = Box::pin(service.clone().oneshot((1, 0)));
        let mut waiting = Box::pin(service.clone().oneshot((1, 1)));
        assert!(poll_once(running.as_mut()).is_pending() && poll_once(waiting.as_mut()).is_pending());
        assert_eq!((slots.in_flight(&1), slots.waiters(&1), slots.in_flight(&2)), (1, 1, 0));
        drop(waiting);
        assert_eq!((slots.in_flight(&1), slots.waiters(&1)), (1, 0));
        drop(running);
        assert_eq!(slots.in_flight(&1), 0);
        // A key that is forgotten while somebody waits for it answers that it is closed.
        let _held = slots.try_acquire(&1).unwrap();
        let mut waiting = Box::pin(service.oneshot((1, 2)));
        assert!(poll_once(waiting.as_mut()).is_pending());
        slots.remove(&1);
        assert!(waiting.await.unwrap_err().limited().is_some_and(|error| error.is_closed()));
    });
}

#[test]
fn a_request_without_a_key_is_refused_or_passes_as_the_layer_says() {
    let runtime = VirtualRuntime::new();
    let limiter = per_user(&runtime);
    let known = |request: &Keyed| Some(request.0).filter(|user| *user != 0);
    let layer = KeyedLimitLayer::optional(limiter.clone(), known);
    runtime.block_on(async {
        for layer in [layer.clone(), layer.clone().refuse()] {
            let refused = layer.layer(clocked(&runtime)).oneshot((0, 1)).await.unwrap_err();
            assert_eq!(refused.limited().map(|error| (error.kind(), error.retry_after())), Some((Kind::NoKey, None)));
            assert_eq!(refused.to_string(), "it has no key, and there is a limit for each");
            assert!(limiter.is_empty());
        }
        for layer in [layer.clone(), layer.refuse()] {
            let service = layer.pass_without_key().layer(clocked(&runtime));
            for number in 0..5 {
                assert_eq!(service.clone().oneshot((0, number)).await.map(|(request, _)| request), Ok((0, number)));
            }
            assert!(limiter.is_empty());
        }
        // Whoever has one is limited all the same.
        let service = KeyedLimitLayer::optional(limiter.clone(), known).refuse().pass_without_key();
        let service = service.layer(clocked(&runtime));
        assert!(service.clone().oneshot((1, 1)).await.is_ok() && service.oneshot((1, 2)).await.is_err());
    });
}

#[test]
fn requests_whose_key_is_none_share_a_limit_where_none_is_a_key() {
    let runtime = VirtualRuntime::new();
    let limiter = KeyedRateLimiter::<Option<u64>, _>::with_runtime(RATE, runtime.clone());
    let layer = KeyedLimitLayer::new(limiter, |request: &Keyed| Some(request.0).filter(|user| *user != 0)).refuse();
    let service = layer.layer(clocked(&runtime));
    runtime.block_on(async {
        assert!(service.clone().oneshot((0, 1)).await.is_ok());
        assert!(service.clone().oneshot((0, 2)).await.is_err());
        assert!(service.oneshot((1, 3)).await.is_ok());
    });
}

/// Panics where the request is the thirteenth.
#[derive(Clone)]
struct Superstitious;

impl KeyOf<Keyed> for Superstitious {
    type Key = u64;

    fn key_of(&self, request: &Keyed) -> Option<u64> {
        assert!(request.1 != 13, "thirteen");
        Some(request.0)
    }
}

#[test]
fn a_key_function_that_panics_takes_nothing() {
    let runtime = VirtualRuntime::new();
    let limiter = per_user(&runtime);
    let slots = KeyedConcurrencyLimiter::<u64, _>::with_runtime(1, runtime.clone());
    runtime.block_on(async {
        let layer = KeyedLimitLayer::new(limiter.clone(), Superstitious);
        for layer in [layer.clone(), layer.refuse()] {
            let mut service = layer.layer(clocked(&runtime));
            service.ready().await.unwrap();
            let panic = catch_unwind(AssertUnwindSafe(|| drop(service.call((1, 13))))).unwrap_err();
            assert_eq!(panic.downcast_ref(), Some(&"thirteen"));
            assert_eq!((limiter.available(&1), limiter.waiters(&1)), (1, 0));
        }
        let mut service = KeyedLimitLayer::new(slots.clone(), Superstitious).layer(clocked(&runtime));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(service.call((1, 13))))).is_err());
        assert_eq!((slots.in_flight(&1), slots.waiters(&1)), (0, 0));
        assert_eq!(service.ready().await.unwrap().call((1, 1)).await, Ok(((1, 1), 0)));
    });
}

#[test]
fn the_service_with_keys_that_is_called_is_the_one_that_was_ready() {
    let runtime = VirtualRuntime::new();
    let layer = KeyedLimitLayer::optional(per_user(&runtime), |number: &u32| (*number < 3).then_some(7_u64));
    runtime.block_on(async {
        for layer in [layer.clone(), layer.clone().refuse(), layer.pass_without_key()] {
            let mut service = layer.layer(ReadyOnce(false));
            for request in 0..6 {
                let outcome = service.ready().await.unwrap().call(request).await;
                assert!(matches!(outcome, Ok(answer) if answer == request) || outcome.unwrap_err().limited().is_some());
            }
        }
    });
}
