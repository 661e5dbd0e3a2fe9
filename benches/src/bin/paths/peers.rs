//! The same ways through governor and tokio.

use alloc::sync::Arc;
use core::future::ready;
use core::hint::black_box;
use core::num::NonZeroU32;

use mtaio_benches::by_hand::{Yield, once, twice};
use mtaio_benches::crowd::Crowd;
use mtaio_benches::limiters::{HOUR, empty_governor, full_governor};
use mtaio_benches::still::in_tokio;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::callgrind::counted;

const EIGHT: NonZeroU32 = NonZeroU32::new(8).unwrap();

pub(crate) fn rate_allowed(times: u32) {
    let limiter = full_governor();
    counted(times, || assert!(black_box(&limiter).check().is_ok()));
}

pub(crate) fn rate_refused(times: u32) {
    let limiter = empty_governor();
    counted(times, || assert!(black_box(&limiter).check().is_err()));
}

pub(crate) fn rate_ready(times: u32) {
    let limiter = full_governor();
    counted(times, || once(black_box(&limiter).until_ready()));
}

pub(crate) fn rate_many(times: u32) {
    let limiter = full_governor();
    counted(times, || assert!(once(black_box(&limiter).until_n_ready(black_box(EIGHT))).is_ok()));
}

pub(crate) fn permit_try(times: u32) {
    let semaphore = Semaphore::new(8);
    counted(times, || drop(black_box(&semaphore).try_acquire().unwrap()));
}

pub(crate) fn permit_refused(times: u32) {
    let semaphore = Semaphore::new(0);
    counted(times, || assert!(black_box(&semaphore).try_acquire().is_err()));
}

pub(crate) fn permit_ready(times: u32) {
    let semaphore = Semaphore::new(8);
    counted(times, || drop(once(black_box(&semaphore).acquire()).unwrap()));
}

pub(crate) fn permit_many(times: u32) {
    let semaphore = Semaphore::new(8);
    counted(times, || drop(once(black_box(&semaphore).acquire_many(black_box(8))).unwrap()));
}

pub(crate) fn permit_owned(times: u32) {
    let semaphore = Arc::new(Semaphore::new(8));
    counted(times, || drop(once(Arc::clone(black_box(&semaphore)).acquire_owned()).unwrap()));
}

pub(crate) fn permit_waits(times: u32) {
    let semaphore = Semaphore::new(0);
    let mut crowd = Crowd::new(times as usize);
    counted(1, || crowd.come(|_| semaphore.acquire()));
}

pub(crate) fn permit_grant(times: u32) {
    let semaphore = Semaphore::new(0);
    let mut crowd = Crowd::new(times as usize);
    crowd.come(|_| semaphore.acquire());
    counted(times, || semaphore.add_permits(1));
}

pub(crate) fn permit_collect(times: u32) {
    let semaphore = Semaphore::new(0);
    let mut crowd = Crowd::new(times as usize);
    crowd.come(|_| semaphore.acquire());
    semaphore.add_permits(times as usize);
    counted(1, || crowd.collect(drop));
}

pub(crate) fn permit_leave(times: u32) {
    let semaphore = Semaphore::new(0);
    let mut crowd = Crowd::new(times as usize);
    crowd.come(|_| semaphore.acquire());
    counted(1, || crowd.leave());
}

pub(crate) fn timeout_ready(times: u32) {
    in_tokio(|| counted(times, || assert!(once(timeout(HOUR, ready(black_box(1)))).is_ok())));
}

pub(crate) fn timeout_yield(times: u32) {
    in_tokio(|| counted(times, || assert!(twice(timeout(HOUR, Yield::default())).is_ok())));
}
