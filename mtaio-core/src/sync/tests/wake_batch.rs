use super::wakers::{Log, panic_of, panicking};
use crate::primitive::BATCH;
use crate::sync::wake_batch::WakeBatch;

#[test]
fn wakers_are_called_in_the_order_in_which_they_came() {
    let (log, mut batch) = (Log::default(), WakeBatch::new());
    for round in 0..3 {
        for number in 0..BATCH {
            assert!(!batch.is_full());
            batch.push(log.waker(round * BATCH + number));
        }
        assert!(batch.is_full());
        batch.wake();
        assert!(log.take().into_iter().eq(round * BATCH..(round + 1) * BATCH));
    }
}

#[test]
fn a_waker_that_panics_costs_nobody_else_the_wake() {
    let (log, mut batch) = (Log::default(), WakeBatch::new());
    batch.push(log.waker(0));
    batch.push(panicking("the first"));
    batch.wake();
    batch.push(panicking("the second"));
    batch.push(log.waker(1));
    batch.wake();
    assert_eq!(log.take(), [0, 1]);
    assert_eq!(panic_of(|| drop(batch)), "the first");
}

#[test]
fn a_batch_that_is_dropped_wakes_first() {
    let (log, mut batch) = (Log::default(), WakeBatch::new());
    batch.push(log.waker(7));
    drop(batch);
    assert_eq!(log.take(), [7]);
}

#[test]
fn a_panic_during_another_one_is_not_let_go() {
    let panic = panic_of(|| {
        let mut batch = WakeBatch::new();
        batch.push(panicking("the waker"));
        std::panic::panic_any("the outer one");
    });
    assert_eq!(panic, "the outer one");
}
