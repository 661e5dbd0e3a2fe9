use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::pending;
use core::time::Duration;

use super::{give_up, tick_until_done};
use crate::primitive::model::{block_on, schedule, thread};
use crate::primitive::{AtomicUsize, Ordering};
use crate::runtime::{Clock, ManualClock};
use crate::sync::Semaphore;
use crate::timeout::{ElapsedKind, TimeoutManager};

const TICK: Duration = Duration::from_millis(10);

#[test]
fn shuttle_no_deadline_is_missed_and_none_comes_early() {
    schedule(|| {
        let clock = ManualClock::new();
        let timeouts = TimeoutManager::with_runtime(TICK, clock.clone());
        let done = Arc::new(AtomicUsize::new(0));
        let mut tasks: Vec<_> = [1, 3, 1, 2]
            .map(|ticks| {
                let (timeouts, clock, done) = (timeouts.clone(), clock.clone(), Arc::clone(&done));
                thread::spawn(move || {
                    let begun = clock.now();
                    let elapsed = block_on(timeouts.run_within(TICK * ticks, pending::<()>())).unwrap_err();
                    assert_eq!(elapsed.kind(), ElapsedKind::Own);
                    assert!(clock.now() - begun >= TICK * ticks);
                    // ORDERING: SeqCst: a count, as plain as can be.
                    done.fetch_add(1, Ordering::SeqCst);
                })
            })
            .into();
        let quits = timeouts.clone();
        tasks.push(thread::spawn(move || {
            let mut run = Box::pin(quits.run(pending::<()>()));
            assert!(give_up(run.as_mut()).is_pending());
        }));
        tick_until_done(&clock, TICK, &done, 4);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(timeouts.pending(), 0);
    });
}

#[test]
fn shuttle_a_manager_that_closes_ends_everything_or_finds_it_done() {
    schedule(|| {
        let clock = ManualClock::new();
        let timeouts = TimeoutManager::with_runtime(TICK, clock.clone());
        let semaphore = Arc::new(Semaphore::new(1));
        let mut tasks: Vec<_> = (1..5)
            .map(|ticks| {
                let (timeouts, semaphore) = (timeouts.clone(), Arc::clone(&semaphore));
                thread::spawn(move || {
                    let wait = async {
                        let permit = semaphore.acquire().await;
                        thread::yield_now();
                        drop(permit);
                    };
                    _ = if ticks % 2 == 0 {
                        block_on(timeouts.run_within(TICK * ticks, wait))
                    } else {
                        block_on(timeouts.scope(wait))
                    };
                })
            })
            .collect();
        let closes = timeouts.clone();
        tasks.push(thread::spawn(move || closes.close()));
        clock.advance(TICK * 2);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!((timeouts.pending(), semaphore.waiters(), semaphore.available()), (0, 0, 1));
    });
}
