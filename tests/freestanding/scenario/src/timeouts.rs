//! Checks 40 to 59: what takes too long is ended on time, and not before.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::future::{Future, pending};
use core::pin::pin;
use core::time::Duration;

use mtaio_core::runtime::{Clock, Timer};
use mtaio_core::timeout::{Elapsed, TimeoutManager, timeout};

use crate::executor::Executor;
use crate::hand_clock::HandClock;
use crate::{Failed, check};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Whose wait ended, at which millisecond, and how.
type Log = RefCell<Vec<(u8, u64, Result<u32, Elapsed>)>>;

async fn note(name: u8, clock: &HandClock, log: &Log, wait: impl Future<Output = Result<u32, Elapsed>>) {
    let result = wait.await;
    log.borrow_mut().push((name, clock.now().as_nanos() / 1_000_000, result));
}

/// Whether these waits ended, in this order, at these milliseconds, and with a value or not.
fn ended(log: &Log, expected: &[(u8, u64, bool)]) -> bool {
    log.borrow().iter().map(|(name, millis, result)| (*name, *millis, result.is_ok())).eq(expected.iter().copied())
}

pub fn one_with_its_own_timer() -> Result<(), Failed> {
    let clock = HandClock::new();
    let log = Log::default();
    let at_once = pin!(note(1, &clock, &log, timeout(clock.clone(), SECOND, async { 7 })));
    let never = pin!(note(2, &clock, &log, timeout(clock.clone(), SECOND, pending())));
    let mut executor = Executor::new([at_once, never]);
    check(40, executor.run() == 1)?;
    clock.advance(SECOND - MILLISECOND);
    check(41, executor.run() == 1)?;
    clock.advance(MILLISECOND);
    check(42, executor.run() == 0)?;
    check(43, ended(&log, &[(1, 0, true), (2, 1000, false)]))?;
    check(44, clock.sleepers() == 0)
}

pub fn many_with_one_timer() -> Result<(), Failed> {
    let clock = HandClock::new();
    let tm = TimeoutManager::with_runtime(SECOND, clock.clone());
    let log = Log::default();
    {
        let in_time = async {
            clock.sleep_until(clock.now() + SECOND / 4).await;
            7
        };
        let in_time = pin!(note(1, &clock, &log, tm.run(in_time)));
        let late = pin!(note(2, &clock, &log, tm.run(pending())));
        let later = pin!(note(3, &clock, &log, tm.run_within(2 * SECOND, pending())));
        let early = pin!(note(4, &clock, &log, tm.run_within(SECOND / 2, pending())));
        let mut executor = Executor::new([in_time, late, later, early]);
        check(50, executor.run() == 4)?;
        // The manager's, and that of the first task.
        check(51, clock.sleepers() == 2)?;
        while executor.run() > 0 && clock.now().as_nanos() < 3_000_000_000 {
            clock.advance(10 * MILLISECOND);
        }
        check(52, executor.run() == 0)?;
    }
    check(53, ended(&log, &[(1, 250, true), (4, 500, false), (2, 1000, false), (3, 2000, false)]))?;
    drop(tm);
    check(54, clock.sleepers() == 0)
}
