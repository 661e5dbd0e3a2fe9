//! Errors: what `?` and `match` make of them, what they say to people, what is behind them.

extern crate alloc;

use core::error::Error;
use core::fmt::Display;
use core::future::{pending, ready};
use core::pin::pin;
use core::time::Duration;

use futures_util::stream::{StreamExt as _, iter};
use mtaio_core::Instant;
use mtaio_core::ext::{NotAdmitted, StreamExt};
use mtaio_core::limit::{
    ConcurrencyLimiter, InvalidLimiter, InvalidQuota, Quota, RateLimiter, ResourceError, ResourceLimitError,
    ResourceLimitErrorKind as Kind, ResourceLimiter,
};
use mtaio_core::resource::{
    AddError, CloseError, CloseErrorKind, CloseErrors, ExitStack, RemoveError, RemoveErrorKind, ResourceGroup,
    ScopeError,
};
use mtaio_core::runtime::{Clock, JoinError, ManualClock, Spawn, VirtualRuntime};
use mtaio_core::sync::{AcquireError, AcquireErrorKind, Semaphore};
use mtaio_core::timeout::{Elapsed, ElapsedKind, TimeoutManager, cascade, timeout};
use mtaio_core::tower::{LimitError, TimeoutError};
use mtaio_tests::poll_once;

type AnyError = Box<dyn Error + Send + Sync>;

const ONE: Quota = Quota::per_second(10).burst(1);
const FIVE: Duration = Duration::from_secs(5);

/// What the sources of an error say, the nearest first.
fn chain(error: &dyn Error) -> Vec<String> {
    core::iter::successors(error.source(), |&error| error.source()).map(ToString::to_string).collect()
}

fn says(error: impl Display, text: &str) {
    assert_eq!(error.to_string(), text);
}

// The two programs of those who come from Python.

struct App {
    runtime: VirtualRuntime,
    rate: RateLimiter<VirtualRuntime>,
    tm: TimeoutManager<VirtualRuntime>,
}

/// What the operation of a program does.
#[derive(Clone, Copy)]
enum Meets {
    Nothing,
    Limit,
    Time,
    Quota,
}

impl App {
    fn new() -> Self {
        let runtime = VirtualRuntime::new();
        let rate = RateLimiter::with_runtime(ONE, runtime.clone());
        Self { rate, tm: TimeoutManager::with_runtime(FIVE, runtime.clone()), runtime }
    }

    async fn operation(&self, meets: Meets) -> Result<u32, ResourceLimitError> {
        match meets {
            Meets::Time => pending().await,
            Meets::Limit => self.rate.try_acquire().and(self.rate.try_acquire())?,
            Meets::Nothing | Meets::Quota => self.rate.try_acquire()?,
        }
        Ok(42)
    }

    async fn call(&self, meets: Meets) -> Result<u32, ResourceError> {
        if let Meets::Quota = meets {
            Quota::from_rate(0.0)?;
        }
        Ok(self.tm.run(self.operation(meets)).await??)
    }

    async fn call_boxed(&self, meets: Meets) -> Result<u32, AnyError> {
        if let Meets::Quota = meets {
            Quota::from_rate(0.0)?;
        }
        Ok(self.tm.run(self.operation(meets)).await??)
    }

    async fn handle_resource_errors(&self, meets: Meets) -> String {
        match self.tm.run(self.operation(meets)).await {
            Ok(Ok(answer)) => format!("{answer}"),
            Ok(Err(refused)) => format!("over the limit: {refused}"),
            Err(elapsed) => format!("timed out: {elapsed}"),
        }
    }

    async fn handle_errors(&self, meets: Meets) -> String {
        match self.call(meets).await {
            Ok(answer) => format!("{answer}"),
            Err(ResourceError::Limit(refused)) => format!("again in {:?}", refused.retry_after().unwrap()),
            Err(ResourceError::Elapsed(elapsed)) => format!("timed out after {:?}", elapsed.limit()),
            Err(error) => format!("resource error: {error}"),
        }
    }
}

#[test]
fn match_tells_the_limit_from_the_time() {
    let handled = |meets| {
        let app = App::new();
        app.runtime.block_on(app.handle_resource_errors(meets))
    };
    assert_eq!(handled(Meets::Nothing), "42");
    assert_eq!(handled(Meets::Limit), "over the limit: the limit is reached; try again in 100ms");
    assert_eq!(handled(Meets::Time), "timed out: it took longer than 5s");
}

#[test]
fn match_on_a_resource_error_tells_all_kinds() {
    let handled = |meets| {
        let app = App::new();
        app.runtime.block_on(app.handle_errors(meets))
    };
    assert_eq!(handled(Meets::Nothing), "42");
    assert_eq!(handled(Meets::Limit), "again in 100ms");
    assert_eq!(handled(Meets::Time), "timed out after 5s");
    let quota = "a rate of 0 cells per second cannot be kept; it is a positive number from 6e-11 to 4e18";
    assert_eq!(handled(Meets::Quota), format!("resource error: {quota}"));
}

#[test]
fn a_limiter_in_a_scope_is_late_by_refusing_and_in_a_run_by_elapsing() {
    let app = App::new();
    let rate = RateLimiter::with_runtime(Quota::per_minute(1), app.runtime.clone());
    rate.try_acquire().unwrap();
    let refused = app.runtime.block_on(app.tm.scope(rate.acquire())).unwrap().unwrap_err();
    assert_eq!((refused.kind(), app.runtime.now()), (Kind::Deadline, Instant::ORIGIN));
    says(refused, "its turn comes in 60s, and it may wait 5s");
    assert_eq!(app.runtime.block_on(app.tm.run(rate.acquire())).unwrap_err().kind(), ElapsedKind::Own);
    assert_eq!(app.runtime.now(), Instant::ORIGIN + FIVE);
}

#[test]
fn any_error_keeps_its_type() {
    let met = |meets| {
        let app = App::new();
        app.runtime.block_on(app.call_boxed(meets)).unwrap_err()
    };
    assert_eq!(met(Meets::Limit).downcast_ref::<ResourceLimitError>().map(|error| error.kind()), Some(Kind::NotReady));
    assert_eq!(met(Meets::Time).downcast_ref::<Elapsed>().map(|error| error.kind()), Some(ElapsedKind::Own));
    assert!(met(Meets::Quota).is::<InvalidQuota>());
}

#[test]
fn each_error_of_limits_and_time_becomes_a_resource_error() {
    fn limit() -> Result<(), ResourceError> {
        RateLimiter::with_runtime(ONE, ManualClock::new()).try_acquire_many(2)?;
        Ok(())
    }
    fn slots() -> Result<(), ResourceError> {
        drop(Semaphore::new(0).try_acquire()?);
        Ok(())
    }
    fn quota() -> Result<(), ResourceError> {
        "ten".parse::<Quota>()?;
        Ok(())
    }
    fn limiter() -> Result<(), ResourceError> {
        ResourceLimiter::<ManualClock>::builder().build()?;
        Ok(())
    }
    fn elapsed() -> Result<(), ResourceError> {
        let runtime = VirtualRuntime::new();
        Ok(runtime.block_on(timeout(runtime.clone(), FIVE, pending()))?)
    }
    assert!(matches!(limit(), Err(ResourceError::Limit(_))));
    assert!(matches!(slots(), Err(ResourceError::Limit(_))));
    assert!(matches!(quota(), Err(ResourceError::Quota(_))));
    assert!(matches!(limiter(), Err(ResourceError::Limiter(_))));
    assert!(matches!(elapsed(), Err(ResourceError::Elapsed(_))));
}

// What they say.

/// Refusals of each kind.
fn limit_errors() -> Vec<ResourceLimitError> {
    let runtime = VirtualRuntime::new();
    let rate = RateLimiter::builder(ONE).max_waiters(1).build_on(runtime.clone());
    let slots = ConcurrencyLimiter::with_runtime(2, runtime.clone());
    let both = ResourceLimiter::new(&rate, &slots);
    rate.try_acquire().unwrap();
    let permits = slots.try_acquire_many(2).unwrap();

    let mut errors = vec![rate.try_acquire().unwrap_err(), slots.try_acquire().unwrap_err()];
    errors.extend([rate.try_acquire_many(2).unwrap_err(), slots.try_acquire_many(3).unwrap_err()]);
    let mut waits = pin!(rate.acquire());
    assert!(poll_once(waits.as_mut()).is_pending());
    errors.push(runtime.block_on(rate.acquire()).unwrap_err());
    errors.push(both.try_acquire().unwrap_err());
    let other = RateLimiter::with_runtime(ONE, runtime.clone());
    other.try_acquire().unwrap();
    errors.push(runtime.block_on(other.acquire_within(Duration::from_millis(40))).unwrap_err());
    errors.push(runtime.block_on(slots.acquire_within(FIVE)).unwrap_err());
    errors.push(both.try_acquire_many(&[1]).unwrap_err());
    drop(permits);
    rate.close();
    errors.push(rate.try_acquire().unwrap_err());
    errors.push(both.try_acquire().unwrap_err());
    both.close();
    errors.push(both.try_acquire().unwrap_err());
    errors
}

#[test]
fn a_refusal_says_why_and_when() {
    let texts: Vec<_> = limit_errors().iter().map(|error| (error.kind(), error.to_string())).collect();
    let expected = [
        (Kind::NotReady, "the limit is reached; try again in 100ms"),
        (Kind::NotReady, "the limit is reached; try again when something was released"),
        (Kind::TooLarge, "2 at once would never go through; the limit is 1"),
        (Kind::TooLarge, "3 at once would never go through; the limit is 2"),
        (Kind::QueueFull, "as many wait as may: 1"),
        (Kind::NotReady, "slots 1: the limit is reached; try again when something was released"),
        (Kind::Deadline, "its turn comes in 100ms, and it may wait 40ms"),
        (Kind::Deadline, "its turn did not come within 5s"),
        (Kind::WrongCosts, "there are 2 parts, and costs for 1 were given"),
        (Kind::Closed, "the limiter is closed"),
        (Kind::Closed, "rate 0: the limiter is closed"),
        (Kind::Closed, "the limiter is closed"),
    ];
    let expected = expected.map(|(kind, text)| (kind, text.to_owned()));
    assert_eq!(texts, expected);
}

#[test]
fn a_time_that_is_over_says_whose() {
    let runtime = VirtualRuntime::new();
    let tm = TimeoutManager::with_runtime(FIVE, runtime.clone());
    let own = runtime.block_on(tm.run(pending::<()>())).unwrap_err();
    let inherited = tm.scope(async { tm.run_within(2 * FIVE, pending::<()>()).await.unwrap_err() });
    let inherited = runtime.block_on(inherited).unwrap();
    let none = cascade(runtime.clone(), [], |_| ready(Ok::<(), Elapsed>(())));
    let none = runtime.block_on(none).unwrap_err();
    tm.close();
    let closed = runtime.block_on(tm.run(pending::<()>())).unwrap_err();

    let kinds = [own, inherited, closed, none].map(|error| error.kind());
    assert_eq!(kinds, [ElapsedKind::Own, ElapsedKind::Inherited, ElapsedKind::Closed, ElapsedKind::NoAttempt]);
    says(own, "it took longer than 5s");
    says(inherited, "the scope around it took longer than 5s");
    says(closed, "its timeout manager was closed");
    says(none, "there is no timeout in the cascade; give it at least one");
}

#[test]
fn a_quota_that_is_none_says_what_it_would_have_to_be() {
    let long = Duration::from_secs(20_000_000_000);
    says(Quota::new(0, FIVE).unwrap_err(), "a rate of 0 would never let anything through; it is at least 1 cell");
    says(Quota::every(Duration::ZERO).unwrap_err(), "a period of 0 s is no rate; it is at least 1 ns");
    says(ONE.try_burst(0).unwrap_err(), "a burst of 0 would never let anything through; it is at least 1");
    says(Quota::every(long).unwrap_err(), "a period of 20000000000s is too long; it is at most 584 years");
    says(
        Quota::from_rate(f64::NAN).unwrap_err(),
        "a rate of NaN cells per second cannot be kept; it is a positive number from 6e-11 to 4e18",
    );
    says("ten".parse::<Quota>().unwrap_err(), r#""ten" is no quota; it is like "10/s" or "100/m burst 20""#);
    let slots = ConcurrencyLimiter::<ManualClock>::try_new(0);
    says(slots.unwrap_err(), "a limit of 0 at once would never let anything in; it is at least 1");
}

#[test]
fn limiters_that_cannot_be_combined_say_which() {
    let builder = ResourceLimiter::<ManualClock>::builder;
    let rate = RateLimiter::with_runtime(ONE, ManualClock::new());
    says(builder().build().unwrap_err(), "a combined limiter without parts would limit nothing; add a rate or slots");
    says(
        builder().rate(&rate).rate(&rate).build().unwrap_err(),
        "rate 0 and rate 1 are the same limiter, which would wait for itself; give it a larger cost instead",
    );
    let elsewhere = ConcurrencyLimiter::with_runtime(1, ManualClock::new());
    says(
        builder().rate(&rate).concurrency(&elsewhere).build().unwrap_err(),
        "rate 0 and slots 1 go by different clocks, so that nobody can wait for both",
    );
    let many = (0..=u16::MAX).fold(builder(), |builder, _| builder.rate(&rate));
    says(many.build().unwrap_err(), "a combined limiter has at most 65535 parts");
}

#[test]
fn a_semaphore_says_what_it_lacks() {
    let semaphore = Semaphore::new(1);
    let lacks = semaphore.try_acquire_many(2).unwrap_err();
    semaphore.close();
    let closed = semaphore.try_acquire().unwrap_err();
    assert_eq!([lacks.kind(), closed.kind()], [AcquireErrorKind::NoPermits, AcquireErrorKind::Closed]);
    says(lacks, "fewer than 2 are free now");
    says(closed, "the semaphore is closed");
}

/// What a closure that was deferred is called: by where it stands.
fn deferred(error: &CloseError) -> String {
    let place = error.type_name().split("::{{closure}}").next();
    format!("what {} deferred", place.unwrap_or_default())
}

#[test]
fn cleanup_says_what_did_not_close_and_why() {
    let runtime = VirtualRuntime::new();
    let stack = ExitStack::with_runtime(runtime.clone());
    stack.defer(async || Err("the disk is full"));
    stack.defer_within(FIVE, async || pending::<()>().await);
    stack.defer(async || assert!(FIVE.is_zero(), "out of luck"));
    let errors = runtime.block_on(stack.close()).unwrap_err();

    let kinds: Vec<_> = errors.iter().map(CloseError::kind).collect();
    assert_eq!(kinds, [CloseErrorKind::Panicked, CloseErrorKind::TimedOut, CloseErrorKind::Failed]);
    let texts: Vec<_> = errors.iter().map(|error| error.to_string().replace(&deferred(error), "it")).collect();
    let expected =
        ["closing it panicked: out of luck", "closing it was given up after 5s", "closing it failed: the disk is full"];
    assert_eq!(texts, expected);
    let names = errors.iter().fold(errors.to_string(), |text, error| text.replace(&deferred(error), "it"));
    assert_eq!(names, format!("3 resources did not close well: {}", expected.join("; ")));
}

#[test]
fn a_scope_says_what_its_body_met_and_then_its_cleanup() {
    let run = |fails: bool, closes: bool| {
        let runtime = VirtualRuntime::new();
        let scope = ExitStack::with_runtime(runtime.clone()).scope(async |stack| {
            stack.defer(async move || if closes { Ok(()) } else { Err("the disk is full") });
            if fails { "ten".parse::<u32>() } else { Ok(10) }
        });
        let error = runtime.block_on(scope).unwrap_err();
        let name = error.cleanup().map_or("-".into(), |errors| deferred(errors.first()));
        (error.to_string().replace(&name, "it"), chain(&error).pop().unwrap())
    };
    let body = String::from("invalid digit found in string");
    let cleanup = String::from("closing it failed: the disk is full");
    assert_eq!(run(true, true), (body.clone(), body.clone()));
    assert_eq!(run(false, false), (cleanup.clone(), "the disk is full".into()));
    assert_eq!(run(true, false), (format!("{body}; and then, {cleanup}"), body));
}

#[test]
fn a_group_says_whom_it_did_not_add_or_remove() {
    let runtime = VirtualRuntime::new();
    let slots = || ConcurrencyLimiter::with_runtime(1, runtime.clone());
    let (group, other) = [(); 2].map(|()| ResourceGroup::with_runtime(runtime.clone())).into();
    let foreign = group.remove(other.add(slots()).unwrap()).unwrap_err();
    let member = group.add(slots()).unwrap();
    runtime.block_on(group.close()).unwrap();
    let late = group.remove(member).unwrap_err();
    let refused = group.add(slots()).unwrap_err();

    assert_eq!([foreign.kind(), late.kind()], [RemoveErrorKind::Foreign, RemoveErrorKind::Closed]);
    let name = core::any::type_name::<ConcurrencyLimiter<VirtualRuntime>>();
    says(&foreign, &format!("{name} was not removed: it is a member of another group"));
    says(&late, &format!("{name} was not removed: the group is closed"));
    says(&refused, &format!("{name} was not added: the group is closed"));
}

#[test]
fn a_stream_a_service_and_a_task_say_what_stopped_them() {
    let runtime = VirtualRuntime::new();
    let rate = RateLimiter::with_runtime(ONE, runtime.clone());
    rate.close();
    let items: Vec<_> = runtime.block_on(iter([1]).throttle(&rate).collect());
    says(items[0].unwrap_err(), "the limiter is closed");
    let refused = rate.try_acquire().unwrap_err();
    let elapsed = runtime.block_on(timeout(runtime.clone(), FIVE, pending::<()>())).unwrap_err();
    says(LimitError::<AnyError>::Limited(refused), "the limiter is closed");
    says(LimitError::Inner("the service failed"), "the service failed");
    says(TimeoutError::<AnyError>::Elapsed(elapsed), "it took longer than 5s");
    says(TimeoutError::Inner("the service failed"), "the service failed");
    let task = runtime.spawn(async { panic!("out of luck") });
    let panicked: Result<(), _> = runtime.block_on(task);
    says(panicked.unwrap_err(), "the task panicked");
    let task = runtime.spawn(pending::<()>());
    runtime.shutdown();
    says(runtime.block_on(task).unwrap_err(), "the task was dropped before its end");
}

// What is behind them.

#[test]
fn an_error_that_holds_another_has_it_as_its_source() {
    let refused = limit_errors().remove(0);
    assert!(chain(&refused).is_empty());
    let error = ResourceError::from(refused);
    assert_eq!(error.to_string(), refused.to_string());
    assert_eq!(chain(&error), [refused.to_string()]);
    assert!(error.source().unwrap().is::<ResourceLimitError>());

    let runtime = VirtualRuntime::new();
    let elapsed = runtime.block_on(timeout(runtime.clone(), FIVE, pending::<()>())).unwrap_err();
    assert!(ResourceError::from(elapsed).source().unwrap().is::<Elapsed>());
    assert!(TimeoutError::<InvalidQuota>::Elapsed(elapsed).source().unwrap().is::<Elapsed>());
    assert!(LimitError::<InvalidQuota>::Limited(refused).source().unwrap().is::<ResourceLimitError>());
    let inner = LimitError::Inner(ResourceError::from(elapsed));
    assert!(inner.source().unwrap().source().unwrap().is::<Elapsed>());

    let stack = ExitStack::with_runtime(runtime.clone());
    stack.defer(async move || Err(error));
    let errors = runtime.block_on(stack.close()).unwrap_err();
    assert_eq!(chain(&errors).len(), 3);
    let failed = errors.first().source().unwrap();
    assert!(failed.is::<ResourceError>() && failed.source().unwrap().is::<ResourceLimitError>());
}

#[test]
fn errors_go_wherever_errors_go() {
    fn holds<E: Error + Send + Sync + 'static>() {}
    holds::<ResourceLimitError>();
    holds::<ResourceError>();
    holds::<InvalidQuota>();
    holds::<InvalidLimiter>();
    holds::<Elapsed>();
    holds::<AcquireError>();
    holds::<JoinError>();
    holds::<CloseError>();
    holds::<CloseErrors>();
    holds::<ScopeError<ResourceError>>();
    holds::<AddError<RateLimiter<VirtualRuntime>>>();
    holds::<RemoveError<RateLimiter<VirtualRuntime>>>();
    holds::<NotAdmitted<u32>>();
    holds::<LimitError<ResourceError>>();
    holds::<TimeoutError<ResourceError>>();
}
