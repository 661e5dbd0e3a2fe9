//! Runs whose outcome is known: in virtual time with their times, and everywhere with their jobs ended by hand.

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_vectors {
    ($harness:ident) => {
        $crate::conformance! { @checks $harness vectors {
            vector_1_the_twisted_trace_with_its_times
            vector_1_the_twisted_trace_by_hand
            vector_2_ten_of_fifteen_pass_at_once
            vector_2_the_next_cell_comes_after_its_interval
            vector_4_two_at_once_for_each_host
            vector_4_two_at_once_for_each_host_by_one_limiter
            vector_6_twenty_calls_of_half_a_second_three_at_once
        } }
    };
}

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use alloc::sync::Arc;

use super::Harness;
use super::gate::{Gate, Log};
use super::hand::{assert_refused, refused};
use super::rig::Rig;
use crate::limit::{KeyedConcurrencyLimiter, Quota, ResourceLimitErrorKind as Kind};
use crate::runtime::{Clock, JoinHandle, Timer};

/// A job of the twisted trace: which function, and for which number.
type Job = (u32, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Start(Job),
    End(Job),
}
use Event::{End, Start};

/// What happens when `f1` and then `f2` are called for each of four numbers, three calls at a time.
const TRACE: [Event; 16] = [
    Start((1, 0)),
    Start((1, 1)),
    Start((1, 2)),
    End((1, 1)),
    Start((1, 3)),
    End((1, 0)),
    Start((2, 1)),
    End((1, 3)),
    Start((2, 0)),
    End((1, 2)),
    Start((2, 3)),
    End((2, 1)),
    Start((2, 2)),
    End((2, 3)),
    End((2, 0)),
    End((2, 2)),
];

/// How long each call takes, in milliseconds, by function and number.
const TAKES: [[u64; 4]; 2] = [[3011, 2010, 4010, 1007], [2010, 1006, 4017, 1007]];

fn time_of((function, number): Job) -> Duration {
    Duration::from_millis(TAKES[function as usize - 1][number as usize])
}

async fn join<T>(tasks: impl IntoIterator<Item = JoinHandle<T>>) {
    for task in tasks {
        task.await.expect("the task ends");
    }
}

pub async fn vector_1_the_twisted_trace_with_its_times<H: Harness>(rig: Rig<H>) {
    if !H::VIRTUAL {
        return;
    }
    let (slots, log, start) = (rig.slots(3), Log::new(), rig.now());
    let tasks = [0, 1, 2, 3].map(|number| {
        let (slots, log, runtime) = (slots.clone(), log.clone(), rig.runtime.clone());
        rig.start(async move {
            for job in [(1, number), (2, number)] {
                let call = async {
                    log.push(Start(job));
                    runtime.sleep_until(runtime.now() + time_of(job)).await;
                    log.push(End(job));
                };
                slots.run(call).await.expect("it is open");
            }
        })
    });
    join(tasks).await;
    assert_eq!(log.entries(), TRACE);
    rig.assert_elapsed(start, Duration::from_millis(8034));
}

pub async fn vector_1_the_twisted_trace_by_hand<H: Harness>(rig: Rig<H>) {
    let (slots, log) = (rig.slots(3), Log::new());
    let gates: BTreeMap<Job, Gate> =
        [1, 2].iter().flat_map(|&f| (0..4).map(move |number| ((f, number), Gate::new()))).collect();
    let tasks = [0, 1, 2, 3].map(|number| {
        let (slots, log, gates) = (slots.clone(), log.clone(), gates.clone());
        rig.start(async move {
            for job in [(1, number), (2, number)] {
                let call = async {
                    log.push(Start(job));
                    gates[&job].pass().await;
                    log.push(End(job));
                };
                slots.run(call).await.expect("it is open");
            }
        })
    });
    let mut ended = 0;
    for (index, event) in TRACE.into_iter().enumerate() {
        if let End(job) = event {
            gates[&job].open();
            ended += 1;
            // The next job goes on only when this one's start and its caller's second call are where they belong.
            let next = TRACE[index + 1..].iter().take_while(|event| matches!(event, Start(_))).count();
            let started = TRACE[..=index + next].iter().filter(|event| matches!(event, Start(_))).count();
            let first_calls_ended = TRACE[..=index].iter().filter(|event| matches!(event, End((1, _)))).count();
            let waiting = 4 + first_calls_ended - started;
            rig.until(|| log.len() == started + ended && slots.waiters() == waiting).await;
        }
    }
    join(tasks).await;
    assert_eq!(log.entries(), TRACE);
}

pub async fn vector_2_ten_of_fifteen_pass_at_once<H: Harness>(rig: Rig<H>) {
    let quota = if H::VIRTUAL { Quota::per_second(10) } else { Quota::per_hour(10).burst(10) };
    let limiter = rig.rate(quota);
    assert_eq!((0..15).filter(|_| limiter.try_acquire().is_ok()).count(), 10);
}

pub async fn vector_2_the_next_cell_comes_after_its_interval<H: Harness>(rig: Rig<H>) {
    if !H::VIRTUAL {
        return;
    }
    let half = Quota::from_rate(0.5).expect("it is valid");
    assert_eq!(half.burst_size(), 1);
    for (quota, interval) in [(Quota::per_second(10).burst(1), 100), (Quota::per_second(2).burst(1), 500), (half, 2000)]
    {
        let (limiter, interval) = (rig.rate(quota), Duration::from_millis(interval));
        assert_eq!(limiter.try_acquire(), Ok(()));
        assert_eq!(refused(limiter.try_acquire()).retry_after(), Some(interval));
        rig.sleep(interval - Duration::from_millis(10)).await;
        assert_refused(limiter.try_acquire(), Kind::NotReady);
        rig.sleep(Duration::from_millis(10)).await;
        assert_eq!(limiter.try_acquire(), Ok(()));
    }
}

/// How many run at once, and the most there were.
#[derive(Clone, Default)]
struct Crowd(Arc<(AtomicUsize, AtomicUsize)>);

impl Crowd {
    fn enter(&self) {
        let inside = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(inside, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }

    fn peak(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

pub async fn vector_4_two_at_once_for_each_host<H: Harness>(rig: Rig<H>) {
    let (log, crowd, gate) = (Log::new(), Crowd::default(), Gate::new());
    let hosts = [(8000, rig.slots(2)), (8001, rig.slots(2))];
    let mut tasks = Vec::new();
    for page in 1..=4 {
        for (port, slots) in &hosts {
            let (log, crowd, gate, slots, port) = (log.clone(), crowd.clone(), gate.clone(), slots.clone(), *port);
            tasks.push(rig.start(async move {
                let fetch = async {
                    crowd.enter();
                    log.push((port, page));
                    gate.pass().await;
                    crowd.leave();
                };
                slots.run(fetch).await.expect("it is open");
            }));
        }
    }
    assert_eq!(log.entries(), [(8000, 1), (8001, 1), (8000, 2), (8001, 2)]);
    gate.open();
    join(tasks).await;
    assert_eq!((log.len(), crowd.peak()), (8, 4));
}

pub async fn vector_4_two_at_once_for_each_host_by_one_limiter<H: Harness>(rig: Rig<H>) {
    let (log, crowd, gate) = (Log::new(), Crowd::default(), Gate::new());
    let per_host = KeyedConcurrencyLimiter::<u16, _>::with_runtime(2, rig.runtime.clone());
    let mut tasks = Vec::new();
    for page in 1..=4 {
        for port in [8000, 8001] {
            let (log, crowd, gate, per_host) = (log.clone(), crowd.clone(), gate.clone(), per_host.clone());
            tasks.push(rig.start(async move {
                let fetch = async {
                    crowd.enter();
                    log.push((port, page));
                    gate.pass().await;
                    crowd.leave();
                };
                per_host.run(&port, fetch).await.expect("it is open");
            }));
        }
    }
    assert_eq!(log.entries(), [(8000, 1), (8001, 1), (8000, 2), (8001, 2)]);
    assert_eq!([8000, 8001].map(|port| per_host.waiters(&port)), [2, 2]);
    gate.open();
    join(tasks).await;
    assert_eq!((log.len(), crowd.peak()), (8, 4));
    assert_eq!([8000, 8001].map(|port| per_host.in_flight(&port)), [0, 0]);
}

pub async fn vector_6_twenty_calls_of_half_a_second_three_at_once<H: Harness>(rig: Rig<H>) {
    let (slots, crowd, start) = (rig.slots(3), Crowd::default(), rig.now());
    let takes = if H::VIRTUAL { Duration::from_millis(500) } else { Duration::from_millis(1) };
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (slots, crowd, runtime) = (slots.clone(), crowd.clone(), rig.runtime.clone());
            rig.start(async move {
                let call = async {
                    crowd.enter();
                    runtime.sleep_until(runtime.now() + takes).await;
                    crowd.leave();
                };
                slots.run(call).await.expect("it is open");
            })
        })
        .collect();
    join(tasks).await;
    assert_eq!(crowd.peak(), 3);
    rig.assert_elapsed(start, 7 * takes);
}
