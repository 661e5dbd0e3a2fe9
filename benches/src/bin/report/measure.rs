//! Takes the contenders of a row in turns.

use core::time::Duration;

use mtaio_benches::numbers::median;
use mtaio_benches::{Contender, Effort, Row, Scale, Unit, Work};

use crate::figures::{Figures, Series};

/// How often the median is looked at, where a work is as long as one likes.
const ROUNDS: usize = 11;
/// How many turns everybody has in such a round. Many short ones: most are over before somebody else wants the processor.
const TURNS: usize = 25;

/// Does everything once.
pub(crate) fn smoke(row: &Row) {
    for mut contender in row.contenders(Scale::Smoke) {
        figure(&mut contender, row.unit, row.effort.count(Scale::Smoke), 1);
    }
}

/// Measures all contenders.
pub(crate) fn figures(row: &Row) -> Figures {
    let mut contenders = row.contenders(Scale::Full);
    let (counts, rounds, turns) = match row.effort {
        Effort::Filled(time) => (contenders.iter_mut().map(|it| filling(it, time)).collect(), ROUNDS, TURNS),
        Effort::Fixed { count, rounds } => {
            if row.each > 1 {
                // Memory is touched for the first time.
                for contender in &mut contenders {
                    figure(contender, row.unit, 1, 1);
                }
            }
            (vec![count; contenders.len()], rounds, 1)
        }
    };
    let mut series: Vec<_> = contenders.iter().map(|it| Series::new(it.role, it.name)).collect();
    for round in 0..rounds {
        for (series, figure) in series.iter_mut().zip(take_turns(&mut contenders, &counts, row, round, turns)) {
            series.rounds.push(figure);
        }
    }
    Figures::new(row, series)
}

/// The medians of one round, in which nobody is always first.
fn take_turns(contenders: &mut [Contender], counts: &[u64], row: &Row, round: usize, turns: usize) -> Vec<f64> {
    let many = contenders.len();
    let mut figures = vec![Vec::with_capacity(turns); many];
    for turn in 0..turns {
        for place in 0..many {
            let next = (round * turns + turn + place) % many;
            figures[next].push(figure(&mut contenders[next], row.unit, counts[next], row.each));
        }
    }
    figures.into_iter().map(|figures| median(&figures)).collect()
}

fn figure(contender: &mut Contender, unit: Unit, count: u64, each: u64) -> f64 {
    match &mut contender.work {
        Work::Timed(work) => unit.figure((count * each) as f64, work(count)),
        Work::Counted(work) => work(),
    }
}

/// How many fill that time. The first of them makes what all others use, and somebody else may want the processor: so each number is
/// tried three times.
fn filling(contender: &mut Contender, time: Duration) -> u64 {
    let Work::Timed(work) = &mut contender.work else { return 1 };
    let mut count = 1;
    loop {
        let took = work(count).min(work(count)).min(work(count));
        if took > time / 2 {
            return ((count as f64 * time.as_secs_f64() / took.as_secs_f64()) as u64).max(1);
        }
        count *= 2;
    }
}
