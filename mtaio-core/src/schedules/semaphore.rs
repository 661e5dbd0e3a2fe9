use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Room, give_up};
use crate::primitive::model::{block_on, schedule, thread};
use crate::sync::Semaphore;

fn assert_at_rest(semaphore: &Semaphore, total: usize) {
    assert_eq!((semaphore.total(), semaphore.available()), (total, total));
    assert_eq!((semaphore.in_flight(), semaphore.waiters()), (0, 0));
}

/// A task that takes `n` and returns them, twice.
fn visitor(semaphore: &Arc<Semaphore>, room: &Room, n: u32) -> thread::JoinHandle<()> {
    let (semaphore, room) = (Arc::clone(semaphore), room.clone());
    thread::spawn(move || {
        for _ in 0..2 {
            let permit = block_on(semaphore.acquire_many(n)).expect("nobody closes it");
            room.visit(n as usize);
            drop(permit);
        }
    })
}

/// A task that gives up, with or without having been granted.
fn quitter(semaphore: &Arc<Semaphore>) -> thread::JoinHandle<()> {
    let semaphore = Arc::clone(semaphore);
    thread::spawn(move || {
        let mut wait = Box::pin(semaphore.acquire_many(2));
        let first = give_up(wait.as_mut());
        thread::yield_now();
        drop(wait);
        drop(first);
    })
}

#[test]
fn shuttle_permits_of_any_size_go_round_whoever_gives_up() {
    schedule(|| {
        let (semaphore, room) = (Arc::new(Semaphore::new(3)), Room::new(3));
        let mut tasks: Vec<_> = [1, 2, 3, 1].map(|n| visitor(&semaphore, &room, n)).into();
        tasks.extend([quitter(&semaphore), quitter(&semaphore)]);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_at_rest(&semaphore, 3);
    });
}

#[test]
fn shuttle_a_limit_that_moves_down_to_none_and_up_again_strands_nobody() {
    schedule(|| {
        let (semaphore, room) = (Arc::new(Semaphore::new(2)), Room::new(3));
        let mut tasks: Vec<_> = [1, 2, 1].map(|n| visitor(&semaphore, &room, n)).into();
        tasks.push(quitter(&semaphore));
        let resized = Arc::clone(&semaphore);
        tasks.push(thread::spawn(move || [0, 3, 1, 2].into_iter().for_each(|total| resized.resize(total))));
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_at_rest(&semaphore, 2);
    });
}

#[test]
fn shuttle_everybody_hears_of_the_end() {
    schedule(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let waiters = (0..4).map(|number| {
            let semaphore = Arc::clone(&semaphore);
            thread::spawn(move || match number {
                0 => block_on(semaphore.closed()),
                _ => (0..3).for_each(|_| drop(block_on(semaphore.acquire()))),
            })
        });
        let mut tasks: Vec<_> = waiters.collect();
        tasks.push(quitter(&semaphore));
        let closing = Arc::clone(&semaphore);
        tasks.push(thread::spawn(move || closing.close()));
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!((semaphore.in_flight(), semaphore.waiters()), (0, 0));
    });
}
