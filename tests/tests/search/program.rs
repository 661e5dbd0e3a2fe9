//! What is searched: programs that nobody would write.

use core::time::Duration;

use mtaio_core::limit::Quota;

use crate::dice::Dice;

/// A number of limiters, and what is done with them.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) seed: u64,
    pub(crate) granularity: Duration,
    pub(crate) rates: Vec<Rate>,
    pub(crate) slots: Vec<Slots>,
    /// Which parts each combined limiter has.
    pub(crate) combined: Vec<Vec<Part>>,
    pub(crate) timeout: Duration,
    pub(crate) tasks: Vec<Task>,
    pub(crate) changes: Vec<(Duration, Change)>,
    /// Whether some tasks run on a second runtime, with a clock of its own.
    pub(crate) abroad: bool,
    /// Whether machines stall in it.
    pub(crate) stalls: bool,
    /// Whether that one goes away, or the only one, and when.
    pub(crate) death: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Rate {
    /// Whether it is that of a key, of a limiter that all keys of the program share.
    pub(crate) keyed: bool,
    pub(crate) quota: Quota,
    pub(crate) initial: u32,
    pub(crate) max_waiters: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Slots {
    /// As for a rate.
    pub(crate) keyed: bool,
    pub(crate) limit: usize,
    pub(crate) max_waiters: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    Rate(usize),
    Slots(usize),
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) abroad: bool,
    pub(crate) acts: Vec<Act>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Wait,
    Within(Duration),
    Try,
    /// Tries, and waits if that is refused.
    Told,
}

/// What one task does. What has a list of acts does them inside.
#[derive(Debug)]
pub(crate) enum Act {
    Nap(Duration),
    Stall(Duration),
    Rate {
        rate: usize,
        n: u32,
        way: Way,
    },
    Slots {
        slots: usize,
        n: u32,
        way: Way,
        acts: Vec<Act>,
    },
    Combined {
        combined: usize,
        costs: Vec<u32>,
        way: Way,
        acts: Vec<Act>,
        refund: bool,
    },
    Refund {
        rate: usize,
        n: u32,
    },
    /// Takes so many cells of a lease, with a pause after each, and drops it.
    Lease {
        rate: usize,
        size: u32,
        cells: Vec<u32>,
        pause: Duration,
    },
    Limited(Duration, Vec<Act>),
    /// Does the acts in each of these times, and all in the last one.
    Cascade(Vec<Duration>, Duration, Vec<Act>),
    Scope(Vec<Act>),
    /// After the first acts the deadline moves; then come the others.
    Moved(Vec<Act>, Move, Vec<Act>),
    Shield(Vec<Act>),
    /// Drops what is inside after that time.
    GiveUp(Duration, Vec<Act>),
    /// Drops what is inside instead of polling it once more, after so many polls.
    GiveUpWhenWoken(u32, Vec<Act>),
    /// Makes permits members of a group, and closes it.
    Group {
        slots: usize,
        members: usize,
        each: Duration,
        limit: Duration,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    Extend(Duration),
    SetTo(Duration),
    Expire,
}

#[derive(Debug)]
pub(crate) enum Change {
    Quota(usize, Quota),
    Limit(usize, usize),
    CloseRate(usize),
    CloseSlots(usize),
    CloseCombined(usize),
    CloseTimeouts,
}

impl Program {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let granularity = [1, 1, 1_000, 1_000_000, 3_000_000];
        let granularity = Duration::from_nanos(dice.pick(&granularity));
        let rates: Vec<_> = (0..dice.within(1, 3)).map(|_| rate(&mut dice)).collect();
        let slots: Vec<_> = (0..dice.within(1, 3)).map(|_| some_slots(&mut dice)).collect();
        let combined = (0..dice.within(0, 2)).map(|_| parts(&mut dice, rates.len(), slots.len())).collect();
        let timeout = dice.time();
        let mut program = Self {
            seed,
            granularity,
            rates,
            slots,
            combined,
            timeout,
            tasks: Vec::new(),
            changes: Vec::new(),
            abroad: dice.chance(15),
            stalls: dice.chance(30),
            death: None,
        };
        program.death = dice.chance(if program.abroad { 60 } else { 10 }).then(|| dice.time() * 2);
        program.tasks = (0..dice.within(2, 8)).map(|_| program.task(&mut dice)).collect();
        let changes = if dice.chance(50) { 0 } else { 6 };
        program.changes = (0..dice.within(0, changes)).map(|_| (dice.time(), program.change(&mut dice))).collect();
        program
    }

    fn task(&self, dice: &mut Dice) -> Task {
        let maker = Maker { program: self, holds: false, depth: 0 };
        let mut acts = vec![Act::Nap(dice.time())];
        for _ in 0..dice.within(1, 5) {
            acts.push(maker.act(dice));
        }
        Task { abroad: self.abroad && dice.chance(50), acts }
    }

    fn change(&self, dice: &mut Dice) -> Change {
        let (rate, slots) = (dice.within(0, self.rates.len() - 1), dice.within(0, self.slots.len() - 1));
        match dice.within(0, 20) {
            0 => Change::CloseRate(rate),
            1 => Change::CloseSlots(slots),
            2 if !self.combined.is_empty() => Change::CloseCombined(dice.within(0, self.combined.len() - 1)),
            3 => Change::CloseTimeouts,
            4..=11 => Change::Quota(rate, quota(dice)),
            _ => Change::Limit(slots, dice.within(0, 4)),
        }
    }

    /// Whether nothing holds up a timer: one runtime, which does not stall.
    pub(crate) fn is_punctual(&self) -> bool {
        !self.abroad && !self.stalls
    }

    /// Whether a combined limiter shares that.
    pub(crate) fn is_shared(&self, part: Part) -> bool {
        self.combined.iter().any(|parts| parts.contains(&part))
    }
}

fn quota(dice: &mut Dice) -> Quota {
    let (cells, millis) = (dice.pick(&[1, 1, 2, 3]), dice.pick(&[1, 5, 7, 10, 50, 100]));
    let quota = Quota::new(cells, Duration::from_millis(millis)).expect("neither is zero");
    quota.burst(dice.pick(&[1, 1, 2, 3, 8]))
}

fn rate(dice: &mut Dice) -> Rate {
    let (keyed, max_waiters) = keyed_or_bounded(dice);
    Rate { keyed, quota: quota(dice), initial: dice.within(0, 8) as u32, max_waiters }
}

fn some_slots(dice: &mut Dice) -> Slots {
    let (keyed, max_waiters) = keyed_or_bounded(dice);
    Slots { keyed, limit: dice.within(1, 4), max_waiters }
}

/// Keys have one bound on who waits, all of them: none.
fn keyed_or_bounded(dice: &mut Dice) -> (bool, Option<usize>) {
    let keyed = dice.chance(40);
    (keyed, dice.chance(15).then(|| dice.within(0, 3)).filter(|_| !keyed))
}

fn parts(dice: &mut Dice, rates: usize, slots: usize) -> Vec<Part> {
    let mut all: Vec<_> = (0..rates).map(Part::Rate).chain((0..slots).map(Part::Slots)).collect();
    let count = dice.within(1, all.len());
    (0..count).map(|_| all.remove(dice.within(0, all.len() - 1))).collect()
}

/// Makes acts. Who holds slots does not wait for others: tasks that did could wait for each other.
#[derive(Clone, Copy)]
struct Maker<'a> {
    program: &'a Program,
    holds: bool,
    depth: usize,
}

impl Maker<'_> {
    fn act(&self, dice: &mut Dice) -> Act {
        let rate = dice.within(0, self.program.rates.len() - 1);
        match dice.within(0, if self.depth < 3 { 25 } else { 13 }) {
            0 | 1 => Act::Nap(dice.time()),
            2 if self.program.stalls => Act::Stall(dice.time()),
            2..=5 => Act::Rate { rate, n: dice.within(0, 3) as u32, way: way(dice) },
            6 if dice.chance(50) => Act::Refund { rate, n: dice.within(1, 2) as u32 },
            6 => {
                let cells = (0..dice.within(1, 6)).map(|_| dice.within(0, 3) as u32).collect();
                Act::Lease { rate, size: dice.within(1, 8) as u32, cells, pause: dice.time() }
            }
            7..=10 => self.slots(dice),
            11..=13 => self.combined(dice),
            14 | 15 => Act::Limited(dice.time(), self.acts(dice)),
            16 => Act::Scope(self.acts(dice)),
            17 => Act::Moved(self.acts(dice), some_move(dice), self.acts(dice)),
            18 => Act::Shield(self.acts(dice)),
            19..=21 => Act::GiveUp(dice.time(), self.acts(dice)),
            22 | 23 => Act::GiveUpWhenWoken(dice.within(1, 4) as u32, self.acts(dice)),
            24 => self.group(dice),
            _ => Act::Cascade(vec![dice.time(), dice.time()], dice.time() * 2, self.acts(dice)),
        }
    }

    fn acts(&self, dice: &mut Dice) -> Vec<Act> {
        let inside = Self { depth: self.depth + 1, ..*self };
        (0..dice.within(1, 3)).map(|_| inside.act(dice)).collect()
    }

    fn holding(&self, dice: &mut Dice) -> (Way, Vec<Act>) {
        let inside = Self { holds: true, depth: self.depth + 1, ..*self };
        let way = if self.holds { Way::Try } else { way(dice) };
        let mut acts = vec![Act::Nap(dice.time())];
        if dice.chance(30) {
            acts.push(inside.act(dice));
        }
        (way, acts)
    }

    fn slots(&self, dice: &mut Dice) -> Act {
        let (way, acts) = self.holding(dice);
        let slots = dice.within(0, self.program.slots.len() - 1);
        Act::Slots { slots, n: dice.within(0, 3) as u32, way, acts }
    }

    fn combined(&self, dice: &mut Dice) -> Act {
        if self.program.combined.is_empty() {
            return self.slots(dice);
        }
        let combined = dice.within(0, self.program.combined.len() - 1);
        let (way, acts) = self.holding(dice);
        let costs = self.program.combined[combined].iter().map(|_| dice.pick(&[0, 1, 1, 1, 2])).collect();
        Act::Combined { combined, costs, way, acts, refund: dice.chance(20) }
    }

    fn group(&self, dice: &mut Dice) -> Act {
        let slots = dice.within(0, self.program.slots.len() - 1);
        Act::Group { slots, members: dice.within(1, 3), each: dice.time(), limit: dice.time() }
    }
}

fn way(dice: &mut Dice) -> Way {
    match dice.within(0, 6) {
        0 => Way::Try,
        1 => Way::Within(dice.time()),
        2 => Way::Told,
        _ => Way::Wait,
    }
}

fn some_move(dice: &mut Dice) -> Move {
    match dice.within(0, 2) {
        0 => Move::Extend(dice.time()),
        1 => Move::SetTo(dice.time()),
        _ => Move::Expire,
    }
}
