//! What it costs to become pending and to end in time, by how many timeouts are pending.

use core::future::{Future, pending};
use core::time::Duration;

use indicatif::ProgressBar;
use mtaio_benches::crowd::Crowd;
use mtaio_benches::limiters::HOUR;
use mtaio_benches::still::in_tokio;
use mtaio_tokio::TimeoutManager;
use tokio::time::timeout;

use crate::stopwatch::nanos;
use crate::study::{Effort, Series, Study};
use crate::table::short;
use crate::waiters::{axes, push};

/// A crowd that is small is measured so often that this many came.
const OPERATIONS: usize = 20_000;

/// From a second to ten hours, in an order that looks random.
pub(crate) fn mixed_limit(number: usize) -> Duration {
    Duration::from_millis(1_000 + (number as u64 * 7_919_993) % 36_000_000)
}

/// Nanoseconds for each one: to become pending, and to end in time. The best of some rounds.
fn measure<F: Future>(effort: &Effort, many: usize, make: impl Fn(usize) -> F) -> [f64; 2] {
    let mut crowd = Crowd::new(many);
    let again = (OPERATIONS / many).max(1);
    let round = || {
        let mut sums = [0.0; 2];
        for _ in 0..again {
            sums[0] += nanos(many, || crowd.come(&make));
            sums[1] += nanos(many, || crowd.leave());
        }
        sums.map(|sum| sum / (many * again) as f64)
    };
    let rounds = core::iter::repeat_with(round).take(effort.rounds_of(many));
    rounds.fold([f64::MAX; 2], |best, round| [best[0].min(round[0]), best[1].min(round[1])])
}

fn study(
    title: &'static str,
    effort: &Effort,
    progress: &ProgressBar,
    measure: impl Fn(&TimeoutManager, usize) -> ([f64; 2], [f64; 2]),
) -> Study {
    let mut series = Series::of(
        &["mtaio: becomes pending", "mtaio: ends in time"],
        &[("tokio: becomes pending", 0), ("tokio: ends in time", 1)],
    );
    in_tokio(|| {
        for many in effort.crowds() {
            progress.set_message(format!("{} timeouts", short(many as f64)));
            let (ours, theirs) = measure(&TimeoutManager::new(HOUR), many);
            push(&mut series[..2], many, &ours);
            push(&mut series[2..], many, &theirs);
        }
    });
    let (x, y) = axes("timeouts that are pending");
    Study { title, x, y, series }
}

pub(crate) fn equal(effort: &Effort, progress: &ProgressBar) -> Study {
    study("Timeouts of one duration: what each costs, by how many are pending", effort, progress, |tm, many| {
        let ours = measure(effort, many, |_| tm.run(pending::<()>()));
        (ours, measure(effort, many, |_| timeout(HOUR, pending::<()>())))
    })
}

pub(crate) fn mixed(effort: &Effort, progress: &ProgressBar) -> Study {
    study("Timeouts of mixed durations: what each costs, by how many are pending", effort, progress, |tm, many| {
        let ours = measure(effort, many, |number| tm.run_within(mixed_limit(number), pending::<()>()));
        (ours, measure(effort, many, |number| timeout(mixed_limit(number), pending::<()>())))
    })
}
