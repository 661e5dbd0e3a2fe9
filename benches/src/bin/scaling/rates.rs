//! What of a rate is kept, and what a grant costs, by the rate: 64 tasks of one tokio runtime that loop, at a burst of 1.

use alloc::sync::Arc;
use core::future::Future;
use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use indicatif::ProgressBar;
use mtaio_benches::limiters::per_second;
use mtaio_benches::{cpu, host};
use mtaio_tokio::{Quota, RateLimiter};

use crate::study::{Axis, Effort, Scale, Series, Study};
use crate::table::short;

const TASKS: usize = 64;
const RATES: [u32; 6] = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// At most so many rounds: each takes a while.
const ROUNDS: usize = 3;

/// What came out of one rate.
#[derive(Clone, Copy)]
struct Outcome {
    /// In percent of what was asked for.
    kept: f64,
    /// Processor time for each grant, in nanoseconds.
    cpu: f64,
}

/// Runs the tasks for some time; each counts what it is granted.
fn watch<F: Future<Output = ()> + Send>(
    rate: u32,
    time: Duration,
    acquire: impl Fn() -> F + Clone + Send + 'static,
) -> Outcome {
    let runtime = host::tokio(0);
    let granted = Arc::new(AtomicU64::new(0));
    let (start, cpu) = (Instant::now(), cpu::of_process());
    runtime.block_on(async {
        for _ in 0..TASKS {
            let (granted, acquire) = (Arc::clone(&granted), acquire.clone());
            tokio::spawn(async move {
                while start.elapsed() < time {
                    acquire().await;
                    // ORDERING: Relaxed: a statistic, orders nothing.
                    granted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        tokio::time::sleep(time).await;
    });
    let (took, cpu) = (start.elapsed(), cpu::of_process() - cpu);
    // ORDERING: Relaxed: all tasks ran on this thread.
    let granted = granted.load(Ordering::Relaxed) as f64;
    Outcome { kept: granted / (f64::from(rate) * took.as_secs_f64()) * 100.0, cpu: cpu.as_nanos() as f64 / granted }
}

fn ours(rate: u32, time: Duration) -> Outcome {
    let limiter = RateLimiter::builder(Quota::per_second(rate).burst(1)).initial(0).build();
    watch(rate, time, move || {
        let limiter = limiter.clone();
        async move { limiter.acquire().await.expect("nobody closes it") }
    })
}

fn governor(rate: u32, time: Duration) -> Outcome {
    let limiter = Arc::new(governor::RateLimiter::direct(per_second(rate).allow_burst(NonZeroU32::MIN)));
    assert!(limiter.check().is_ok());
    watch(rate, time, move || {
        let limiter = Arc::clone(&limiter);
        async move { limiter.until_ready().await }
    })
}

/// The best of some rounds, for each rate: what `of` says is drawn.
fn series(effort: &Effort, progress: &ProgressBar, best: fn(f64, f64) -> f64, of: fn(Outcome) -> f64) -> Vec<Series> {
    let mut series = Series::of(&["mtaio"], &[("governor", 0)]);
    for rate in RATES {
        for (series, measure) in series.iter_mut().zip([ours, governor]) {
            progress.set_message(format!("{}/s, {}", short(rate.into()), series.name));
            let rounds = (0..effort.rounds.min(ROUNDS)).map(|_| of(measure(rate, effort.watch)));
            let value = rounds.reduce(best).expect("a round");
            series.points.push((rate.into(), value));
        }
    }
    series
}

fn study(title: &'static str, y: Axis, series: Vec<Series>) -> Study {
    Study {
        title,
        x: Axis { label: "cells a second that are asked for", scale: Scale::Log, range: (100.0, 1000.0) },
        y,
        series,
    }
}

pub(crate) fn kept(effort: &Effort, progress: &ProgressBar) -> Study {
    let y = Axis { label: "% of the rate", scale: Scale::Linear, range: (0.0, 100.0) };
    let series = series(effort, progress, f64::max, |outcome| outcome.kept);
    study("What 64 tasks get of a rate, at a burst of 1", y, series)
}

pub(crate) fn cpu(effort: &Effort, progress: &ProgressBar) -> Study {
    let y = Axis { label: "ns of processor time for each grant", scale: Scale::Log, range: (100.0, 1000.0) };
    let series = series(effort, progress, f64::min, |outcome| outcome.cpu);
    study("What a grant costs 64 tasks that wait, at a burst of 1", y, series)
}
