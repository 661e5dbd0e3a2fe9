//! What users type, as the design says it, in each adapter: it compiles, and it runs.

extern crate alloc;

use alloc::sync::Arc;
use core::mem::size_of;

macro_rules! lines {
    ($name:ident, $block_on:expr, $($path:tt)*) => {
        mod $name {
            use alloc::sync::Arc;
            use core::time::Duration;
            use std::sync::LazyLock;

            use $($path)*::{
                BoxLimiter, ConcurrencyLimiter, FutureExt, InvalidQuota, Lease, Limiter, OwnedPermit, Permit, QueuePolicy, Quota,
                RateLimiter, ResourceError, ResourceLimitError, ResourceLimitErrorKind, ResourceLimiter, Semaphore,
                StreamExt, TokenBucket,
            };

            const CONSTANT: Quota = Quota::per_minute(90).burst(3);
            static LIMITER: LazyLock<RateLimiter> = LazyLock::new(|| RateLimiter::new(CONSTANT));
            static SEMAPHORE: Semaphore = Semaphore::new(2);

            fn wide() -> Quota {
                Quota::per_second(1000).burst(1000)
            }

            #[test]
            fn a_lease() -> Result<(), ResourceError> {
                $block_on(async {
                    let limiter = RateLimiter::new(wide());
                    let mut lease: Lease = limiter.lease(100);
                    lease.try_acquire()?;
                    lease.try_acquire_many(2)?;
                    lease.acquire().await?;
                    lease.acquire_many(2).await?;
                    assert!(lease.held() <= lease.size());
                    lease.give_back();
                    assert_eq!(lease.held(), 0);
                    Ok(())
                })
            }

            fn next(x: u8) -> u8 {
                x + 1
            }

            #[test]
            fn quotas() -> Result<(), InvalidQuota> {
                let n = 7;
                let quota = Quota::per_second(10).burst(20);
                assert_eq!((Quota::per_minute(600).burst(20), Quota::per_hour(36_000).burst(20)), (quota, quota));
                assert_eq!(Quota::new(10, Duration::from_secs(1))?.burst(20), quota);
                assert_eq!(Quota::every(Duration::from_millis(100))?.burst(20), quota);
                assert_eq!(Quota::from_rate(2.5)?.try_burst(n)?.burst_size(), 7);
                assert_eq!("10/s".parse::<Quota>()?, Quota::per_second(10));
                assert_eq!(quota.to_string(), "10/s burst 20");
                Ok(())
            }

            #[test]
            fn a_rate_limiter() -> Result<(), ResourceError> {
                $block_on(async {
                    let quota = Quota::per_second(10).burst(20);
                    let limiter = RateLimiter::new(quota);
                    limiter.try_acquire()?;
                    limiter.acquire().await?;
                    assert_eq!(limiter.run(async { 1 }).await?, 1);
                    let f = limiter.wrap(|x| async move { next(x) });
                    assert_eq!(f(1).await?, 2);

                    let (n, q) = (2, wide());
                    limiter.try_acquire_many(n)?;
                    limiter.acquire_many(n).await?;
                    limiter.acquire_within(Duration::ZERO).await?;
                    limiter.acquire_many_within(n, Duration::ZERO).await?;
                    limiter.run_many(n, async {}).await?;
                    let both: Result<u8, ResourceError> = limiter.try_run(async { Ok(3) }).await;
                    assert_eq!(both, Ok(3));
                    let many = limiter.wrap_many(n, |(x, y): (u8, u8)| async move { x + y });
                    assert_eq!(many((1, 2)).await?, 3);
                    let sync = limiter.wrap_sync(|x: &str| x.len());
                    assert_eq!(sync("four").await?, 4);

                    limiter.set_quota(q);
                    assert_eq!(limiter.quota(), q);
                    assert!(limiter.available() >= 1);
                    assert_eq!(limiter.waiters(), 0);
                    limiter.refund(n);
                    limiter.close();
                    limiter.closed().await;
                    assert!(limiter.try_acquire().is_err());
                    Ok(())
                })
            }

            #[test]
            fn a_rate_limiter_step_by_step() -> Result<(), ResourceError> {
                let (quota, n) = (wide(), 0);
                let limiter = RateLimiter::builder(quota).initial(n).max_waiters(n as usize).build();
                assert!(limiter.quota() == quota);
                let runtime = *limiter.runtime();
                RateLimiter::with_runtime(quota, runtime).try_acquire()?;
                RateLimiter::builder(quota).build_on(runtime).try_acquire()?;
                LIMITER.try_acquire()?;
                Ok(())
            }

            #[test]
            fn a_concurrency_limiter() -> Result<(), ResourceError> {
                $block_on(async {
                    let slots = ConcurrencyLimiter::new(5);
                    let permit = slots.acquire().await?;
                    assert_eq!((slots.limit(), slots.in_flight(), slots.available(), slots.waiters()), (5, 1, 4, 0));
                    slots.set_limit(8);
                    assert_eq!(slots.available(), 7);
                    drop(permit);

                    let _: Permit<'_> = slots.acquire_many(2).await?;
                    let _: Permit<'_> = slots.acquire_within(Duration::ZERO).await?;
                    let owned: OwnedPermit = slots.acquire_owned().await?;
                    let more: OwnedPermit = slots.acquire_many_owned(2).await?;
                    drop((owned, more, slots.try_acquire()?, slots.try_acquire_many(2)?));
                    drop((slots.try_acquire_owned()?, slots.try_acquire_many_owned(2)?));
                    slots.idle().await;

                    assert_eq!(slots.run(async { 1 }).await?, 1);
                    let both: Result<u8, ResourceError> = slots.try_run(async { Ok(3) }).await;
                    assert_eq!(both, Ok(3));
                    let f = slots.wrap(|x| async move { next(x) });
                    assert_eq!(f(1).await?, 2);
                    assert_eq!(slots.wrap_sync(next)(1).await?, 2);
                    slots.close();
                    slots.closed().await;
                    Ok(())
                })
            }

            #[test]
            fn a_concurrency_limiter_of_other_sizes() -> Result<(), ResourceError> {
                assert!(ConcurrencyLimiter::try_new(0).is_err());
                assert_eq!(ConcurrencyLimiter::try_new(1)?.limit(), 1);
                assert!(ConcurrencyLimiter::per_core(2).limit() >= 2);
                assert_eq!(ConcurrencyLimiter::builder(5).max_waiters(1).build()?.limit(), 5);
                let runtime = *ConcurrencyLimiter::new(5).runtime();
                assert_eq!(ConcurrencyLimiter::with_runtime(5, runtime).limit(), 5);
                Ok(())
            }

            #[test]
            fn policies() -> Result<(), ResourceError> {
                $block_on(async {
                    let (target, interval) = (Duration::from_millis(5), Duration::from_millis(100));
                    let r = RateLimiter::builder(wide()).queue(QueuePolicy::priority(3)).codel(target, interval).build();
                    r.acquire().priority(2).await?;
                    r.acquire_many(2).priority(1).await?;
                    r.acquire_within(Duration::ZERO).priority(0).await?;
                    let c = ConcurrencyLimiter::builder(5).queue(QueuePolicy::LifoEvict).codel(target, interval).build()?;
                    drop((c.acquire().await?, c.acquire_owned().priority(0).await?));
                    drop(c.acquire_within(Duration::ZERO).priority(0).await?);
                    let error = c.acquire().priority(1).await.unwrap_err();
                    assert_eq!(error.kind(), ResourceLimitErrorKind::NoSuchClass);
                    assert_eq!((r.snapshot().line.waiting, c.snapshot().in_flight), (0, 0));
                    Ok(())
                })
            }

            #[test]
            fn a_resource_limiter() -> Result<(), ResourceError> {
                $block_on(async {
                    let (r, c) = (RateLimiter::new(wide()), ConcurrencyLimiter::new(5));
                    let both = ResourceLimiter::builder().rate(&r).concurrency(&c).build()?;
                    let permit = both.acquire().await?;
                    permit.refund();
                    drop((both.acquire_many(&[3, 2]).await?, both.acquire_within(Duration::ZERO).await?));
                    drop((both.try_acquire()?, both.try_acquire_many(&[1, 0])?));
                    drop(both.acquire_many_within(&[1, 1], Duration::ZERO).await?);
                    assert_eq!(both.run(async { 1 }).await?, 1);
                    both.run_many(&[1, 2], async {}).await?;
                    let tried: Result<u8, ResourceError> = both.try_run(async { Ok(3) }).await;
                    assert_eq!(tried, Ok(3));
                    let f = both.wrap(|x| async move { next(x) });
                    assert_eq!((f(1).await?, both.wrap_sync(next)(1).await?), (2, 2));
                    let named = ResourceLimiter::builder().rate_named("all", &r).concurrency_named("few", &c).build()?;
                    let names: Vec<_> = named.parts().map(|part| named.name(part)).collect();
                    assert_eq!(names, [Some("all"), Some("few")]);
                    let pair = ResourceLimiter::new(&r, &c);
                    both.close();
                    both.closed().await;
                    assert!(both.is_closed() && !pair.is_closed() && pair.try_acquire().is_ok());
                    Ok(())
                })
            }

            #[test]
            fn ways_to_apply() -> Result<(), ResourceError> {
                $block_on(async {
                    use futures_util::stream::{StreamExt as _, iter};
                    let (r, c) = (RateLimiter::new(wide()), ConcurrencyLimiter::new(5));
                    assert_eq!(async { 1 }.limited_by(&r).await?, 1);
                    let any: [BoxLimiter; 3] = [r.clone().boxed(), c.clone().boxed(), ResourceLimiter::new(&r, &c).boxed()];
                    for limiter in &any {
                        assert_eq!(async { 2 }.limited_by(limiter).await?, 2);
                        drop((limiter.admit(1).await?, limiter.try_admit(1)?));
                    }
                    assert_eq!(iter(0..4).throttle(&r).count().await, 4);
                    assert_eq!(iter((0..9).map(|x| async move { x })).limit_concurrency(&c).count().await, 9);
                    Ok(())
                })
            }

            #[test]
            fn a_semaphore() -> Result<(), ResourceError> {
                $block_on(async {
                    let mut permit = SEMAPHORE.acquire_many(2).await?;
                    let half = permit.split(1).expect("it has two");
                    assert!(permit.merge(half).is_ok());
                    permit.forget();
                    SEMAPHORE.add_permits(2);
                    assert_eq!((SEMAPHORE.reduce_permits(1), SEMAPHORE.available()), (1, 1));
                    drop(SEMAPHORE.acquire().await?);
                    drop((SEMAPHORE.try_acquire_many(1)?, SEMAPHORE.try_acquire().unwrap_err()));
                    let semaphore = Arc::new(Semaphore::new(2));
                    let _owned: OwnedPermit = semaphore.acquire_owned().await?;
                    drop(semaphore.try_acquire_owned()?);
                    semaphore.close();
                    Ok(())
                })
            }

            #[test]
            fn a_token_bucket() -> Result<(), ResourceError> {
                let (now, n) = (mtaio_core::Instant::from_nanos(1_000_000_000), 1);
                let mut bucket = TokenBucket::new(Quota::per_second(10));
                bucket.try_take(now, n)?;
                assert_eq!((bucket.available(now), bucket.ready_at(now, n)?), (9, now));
                bucket.refund(now, n);
                assert_eq!(bucket.available(now), 10);
                Ok(())
            }

            #[test]
            fn errors() {
                let limiter = RateLimiter::new(Quota::per_hour(1));
                limiter.try_acquire().unwrap();
                let error: ResourceLimitError = limiter.try_acquire().unwrap_err();
                assert_eq!(error.kind(), ResourceLimitErrorKind::NotReady);
                assert!(error.retry_after().is_some());
                assert!(matches!(ResourceError::from(error), ResourceError::Limit(_)));
                assert!(matches!("x".parse::<Quota>().map_err(ResourceError::from), Err(ResourceError::Quota(_))));
            }
        }
    };
}

fn on_tokio<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

lines!(tokio_names, super::on_tokio, mtaio_tokio);
lines!(smol_names, smol::block_on, mtaio_smol);
lines!(async_std_names, async_std::task::block_on, mtaio_std_compat);
lines!(thread_names, mtaio_std_compat::thread::block_on, mtaio_std_compat::thread);

use mtaio_core::ext::NotAdmitted;
use mtaio_core::limit::{
    AcquireCells, AcquireCellsWithin, AcquireResources, AcquireSlots, BoxAdmit, BoxLimiter, BoxPermit,
    ConcurrencyLimiter, InvalidLimiter, InvalidQuota, Limiter, Quota, RateLimiter, ResourceError, ResourceLimitError,
    ResourceLimiter, ResourcePermit,
};
use mtaio_core::runtime::{ManualClock, VirtualRuntime};
use mtaio_core::sync::{Acquire, AcquireError, AcquireOwned, OwnedPermit, Permit, Semaphore};
use mtaio_core::tower::{LimitError, LimitLayer};
use mtaio_tokio::TokioRuntime;

/// Compiles only for what is not `Unpin`: for all else there would be two implementations to choose from.
trait NotUnpin<Witness> {
    fn check() {}
}

struct Pinned;
struct Moves;

impl<T> NotUnpin<Pinned> for T {}
impl<T: Unpin> NotUnpin<Moves> for T {}

fn is_handle<T: Send + Sync + Clone + Unpin + 'static>() {}
fn is_shared<T: Send + Sync>() {}
fn is_future<T: Send>() {}
fn is_limiter<T: Limiter>() {}
fn is_error<T: core::error::Error + Send + Sync + Clone + 'static>() {}

#[test]
fn limiters_are_handles_and_futures_are_pinned_and_sent() {
    is_handle::<RateLimiter<TokioRuntime>>();
    is_handle::<RateLimiter<VirtualRuntime>>();
    is_handle::<RateLimiter<ManualClock>>();
    is_handle::<ConcurrencyLimiter<TokioRuntime>>();
    is_handle::<ResourceLimiter<TokioRuntime>>();
    is_handle::<BoxLimiter>();
    is_handle::<LimitLayer<BoxLimiter>>();
    is_shared::<ResourcePermit<'_, TokioRuntime>>();
    is_future::<BoxPermit>();
    is_future::<BoxAdmit>();
    is_future::<AcquireResources<'_, TokioRuntime>>();
    is_limiter::<RateLimiter<TokioRuntime>>();
    is_limiter::<&'static ConcurrencyLimiter<TokioRuntime>>();
    is_limiter::<Arc<ResourceLimiter<TokioRuntime>>>();
    is_limiter::<BoxLimiter>();
    is_shared::<Semaphore>();
    is_shared::<Permit<'_>>();
    is_shared::<OwnedPermit>();
    is_future::<Acquire<'_>>();
    is_future::<AcquireOwned>();
    is_future::<AcquireSlots<'_, TokioRuntime>>();
    is_future::<AcquireCells<'_, TokioRuntime>>();
    is_future::<AcquireCellsWithin<'_, TokioRuntime>>();
    <Acquire<'_> as NotUnpin<_>>::check();
    <AcquireOwned as NotUnpin<_>>::check();
    <AcquireSlots<'_, TokioRuntime> as NotUnpin<_>>::check();
    <AcquireCells<'_, TokioRuntime> as NotUnpin<_>>::check();
    <AcquireCellsWithin<'_, TokioRuntime> as NotUnpin<_>>::check();
    is_error::<ResourceLimitError>();
    is_error::<ResourceError>();
    is_error::<InvalidQuota>();
    is_error::<AcquireError>();
    is_error::<InvalidLimiter>();
    is_error::<NotAdmitted<u8>>();
    is_error::<LimitError<ResourceLimitError>>();
}

fn is_at_most<T>(bytes: usize) {
    let (name, size) = (core::any::type_name::<T>(), size_of::<T>());
    assert!(size <= bytes, "{name} has {size} bytes, and may have {bytes}");
}

#[test]
fn what_is_many_is_small() {
    is_at_most::<Acquire<'_>>(56);
    is_at_most::<AcquireSlots<'_, TokioRuntime>>(72);
    is_at_most::<AcquireCells<'_, TokioRuntime>>(72);
    is_at_most::<mtaio_core::limit::Prioritized<AcquireCells<'_, TokioRuntime>>>(72);
    is_at_most::<ResourcePermit<'_, TokioRuntime>>(48);
    is_at_most::<AcquireResources<'_, TokioRuntime>>(72);
    is_at_most::<Permit<'_>>(16);
    is_at_most::<ResourceLimitError>(24);
    is_at_most::<AcquireError>(24);
    is_at_most::<Quota>(16);
    is_at_most::<RateLimiter<TokioRuntime>>(size_of::<usize>());
    is_at_most::<ConcurrencyLimiter<TokioRuntime>>(size_of::<usize>());
    is_at_most::<ResourceLimiter<TokioRuntime>>(size_of::<usize>());
}
