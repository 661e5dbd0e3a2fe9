//! What the tasks of a program do.

use alloc::sync::Arc;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;

use mtaio_core::Instant;
use mtaio_core::limit::{ResourceLimitError, ResourceLimitErrorKind as Kind};
use mtaio_core::runtime::{Clock, Timer, VirtualRuntime};
use mtaio_core::timeout::{Elapsed, ElapsedKind, cascade, shield};

use crate::around::{Around, Fence, apply};
use crate::book::{Book, Slip};
use crate::hold::{Held, HeldParts, Leased, close_a_group};
use crate::limit::{Cells, Limit, Slots};
use crate::program::{Act, Move, Program, Task, Way};
use crate::watch::{Watched, WatchedParts};
use crate::world::World;

type Doing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

pub(crate) struct Player {
    pub(crate) world: Arc<World>,
    here: VirtualRuntime,
    program: Arc<Program>,
}

impl Player {
    pub(crate) fn new(world: &Arc<World>, here: &VirtualRuntime, program: &Arc<Program>) -> Self {
        Self { world: Arc::clone(world), here: here.clone(), program: Arc::clone(program) }
    }

    pub(crate) async fn play_task(&self, task: &Task) {
        self.play(&task.acts, Around::default()).await;
    }

    fn play<'a>(&'a self, acts: &'a [Act], around: Around) -> Doing<'a> {
        Box::pin(async move {
            for act in acts {
                self.act(act, &around).await;
                self.world.check_fronts();
            }
        })
    }

    async fn nap(&self, time: Duration) {
        self.here.sleep_until(self.here.now() + time).await;
    }

    fn act<'a>(&'a self, act: &'a Act, around: &'a Around) -> Doing<'a> {
        match act {
            Act::Nap(time) => Box::pin(self.nap(*time)),
            Act::Stall(time) => Box::pin(async { self.world.stall(*time) }),
            Act::Rate { rate, n, way } => Box::pin(self.rate(&self.world.rates[*rate], *n, *way, around)),
            Act::Refund { rate, n } => Box::pin(async { self.refund(&self.world.rates[*rate], *n) }),
            Act::Lease { rate, size, cells, pause } => {
                Box::pin(self.lease(&self.world.rates[*rate], *size, cells, *pause))
            }
            Act::Slots { slots, n, way, acts } => Box::pin(async move {
                let held = self.slots(&self.world.slots[*slots], *n, *way, around).await;
                if held.is_some() {
                    self.play(acts, around.clone()).await;
                }
            }),
            Act::Combined { combined, costs, way, acts, refund } => Box::pin(async move {
                if let Some(held) = self.combined(*combined, costs, *way).await {
                    self.play(acts, around.clone()).await;
                    if *refund {
                        held.refund();
                    }
                }
            }),
            Act::Limited(time, acts) => Box::pin(self.limited(*time, acts, around)),
            Act::Cascade(times, all, acts) => Box::pin(self.cascade(times, *all, acts, around)),
            Act::Scope(acts) => Box::pin(self.scope(acts, around)),
            Act::Moved(first, way, then) => Box::pin(self.moved(first, *way, then, around)),
            Act::Shield(acts) => Box::pin(shield(self.play(acts, Around::default()))),
            Act::GiveUp(time, acts) => Box::pin(self.give_up(*time, acts, around)),
            Act::GiveUpWhenWoken(polls, acts) => Box::pin(give_up_when_woken(*polls, self.play(acts, around.clone()))),
            Act::Group { slots, members, each, limit } => {
                Box::pin(close_a_group(&self.world, &self.world.slots[*slots], *members, *each, *limit))
            }
        }
    }

    fn refund(&self, book: &Arc<Book<Cells>>, n: u32) {
        book.move_it();
        book.limiter.returned(n);
        book.limiter.limiter.refund(n);
    }

    async fn lease(&self, book: &Arc<Book<Cells>>, size: u32, cells: &[u32], pause: Duration) {
        let mut leased = Leased::new(book, size);
        for n in cells {
            leased.try_take(*n);
            self.nap(pause).await;
        }
    }

    async fn rate(&self, book: &Arc<Book<Cells>>, n: u32, way: Way, around: &Around) {
        let limiter = &book.limiter.limiter;
        let slip = |sure, due| Slip::new(n, sure, due, book.limiter.moment());
        match way {
            Way::Try => self.try_rate(book, n).await,
            Way::Within(time) => {
                let slip = slip(false, None);
                let _ = Watched::new(book, slip, limiter.acquire_many_within(n, time)).await;
            }
            Way::Wait => {
                let slip = slip(around.is_unbounded(), None);
                let _ = Watched::new(book, slip, book.limiter.acquire_many(n)).await;
            }
            Way::Told => {
                let Some(wait) = self.try_now(book, n) else { return };
                // Ticks keep half a granularity apart.
                let grain = limiter.runtime().granularity() / 2;
                let due = self.world.latest(limiter.runtime().now() + wait + grain);
                let due = (!book.shared).then(|| (due, book.turns()));
                let slip = slip(around.is_unbounded(), due);
                let _ = Watched::new(book, slip, book.limiter.acquire_many(n)).await;
            }
        }
    }

    /// Tries, and returns how long to wait if it was told that.
    fn try_now(&self, book: &Arc<Book<Cells>>, n: u32) -> Option<Duration> {
        let slip = Slip::new(n, true, None, book.limiter.moment());
        match book.limiter.try_acquire_many(n) {
            Ok(()) => book.taken(n),
            Err(error) if error.kind() == Kind::NotReady => {
                book.expect(error.retry_after().is_some(), "time alone helps, and it does not say how much");
                return error.retry_after();
            }
            Err(error) => book.check_refusal(&slip, &error),
        }
        None
    }

    /// Tries, and if it is told to come again it does: just before the time, and at it.
    async fn try_rate(&self, book: &Arc<Book<Cells>>, n: u32) {
        const NANOSECOND: Duration = Duration::from_nanos(1);
        let limiter = &book.limiter;
        let Some(wait) = self.try_now(book, n) else { return };
        let (due, moves) = (self.world.home.now() + wait, book.moves());
        let is_alone = || !book.shared && book.moves() == moves;
        self.world.home.sleep_until(due - NANOSECOND.min(wait)).await;
        if is_alone() && self.world.home.now() < due {
            let outcome = limiter.try_acquire_many(n);
            book.expect(outcome.is_err(), "a request went through before it was to");
            if outcome.is_ok() {
                book.taken(n);
            }
        }
        self.world.home.sleep_until(due).await;
        if is_alone() && self.world.home.now() <= due + self.world.home.granularity() * 2 {
            let outcome = limiter.try_acquire_many(n);
            book.expect(outcome.is_ok(), "a request that came again in time was refused");
            if outcome.is_ok() {
                book.taken(n);
            }
        }
    }

    async fn slots<'a>(&'a self, book: &'a Arc<Book<Slots>>, n: u32, way: Way, around: &Around) -> Option<Held<'a>> {
        let limiter = &book.limiter.limiter;
        let since = book.limiter.moment();
        let slip = Slip::new(n, around.is_unbounded(), None, since);
        let start = self.world.home.now();
        let (outcome, since, end) = match way {
            Way::Try | Way::Told => return self.try_slots(book, n),
            Way::Wait => {
                let (outcome, since) = Watched::new(book, slip, book.limiter.acquire_many(n)).await;
                (outcome.map(|permit| Held::new(book, n, permit)), since, Instant::FAR)
            }
            Way::Within(time) => {
                let slip = Slip::new(n, false, None, slip.arrived);
                let (outcome, since) = Watched::new(book, slip, limiter.acquire_many_within(n, time)).await;
                (outcome.map(|permit| Held::new(book, n, permit)), since, start + time)
            }
        };
        match outcome {
            Ok(held) => {
                held.note(since);
                Some(held)
            }
            Err(error) => {
                self.check_patience(book, &error, end, around);
                None
            }
        }
    }

    fn check_patience(&self, book: &Book<Slots>, error: &ResourceLimitError, end: Instant, around: &Around) {
        let is_over = end.min(around.end()) <= self.world.home.now();
        book.expect(error.kind() != Kind::Deadline || is_over, "a wait ended before its time was over");
    }

    fn try_slots<'a>(&'a self, book: &'a Arc<Book<Slots>>, n: u32) -> Option<Held<'a>> {
        let since = book.limiter.moment();
        let permit = book.limiter.limiter.try_acquire_many(n).ok()?;
        book.taken(n);
        let held = Held::new(book, n, permit);
        held.note(since);
        Some(held)
    }

    async fn combined<'a>(&'a self, number: usize, costs: &[u32], way: Way) -> Option<HeldParts<'a>> {
        let limiter = &self.world.combined[number];
        let parts = self.program.combined[number].iter().zip(costs);
        let parts: Vec<_> = parts.map(|(part, cost)| (self.world.part(*part), *cost)).collect();
        let waiting = match way {
            Way::Try | Way::Told => {
                let since: Vec<_> = parts.iter().map(|(part, _)| part.moment()).collect();
                let permit = limiter.try_acquire_many(costs).ok()?;
                parts.iter().zip(since).for_each(|((part, cost), since)| part.got(*cost, since, true));
                return Some(HeldParts::new(parts, permit));
            }
            Way::Wait if costs.len() > 2 => limiter.acquire_many_owned(costs),
            Way::Wait => limiter.acquire_many(costs),
            Way::Within(time) => limiter.acquire_many_within(costs, time),
        };
        let permit = WatchedParts::new(&self.world, parts.clone(), waiting).await.ok()?;
        Some(HeldParts::new(parts, permit))
    }

    async fn limited(&self, time: Duration, acts: &[Act], around: &Around) {
        let own = Fence::At(self.world.home.now() + time);
        let outcome = self.world.timeouts.run_within(time, self.play(acts, around.clone())).await;
        if let Err(elapsed) = outcome {
            self.world.check_elapsed(elapsed, &own, around);
            if self.program.is_punctual() {
                self.world.check_in_time(own.end());
            }
        }
    }

    /// Tries again and again; no attempt returns an error of its own.
    async fn cascade(&self, times: &[Duration], all: Duration, acts: &[Act], around: &Around) {
        let start = self.world.home.now();
        let attempts = cascade(self.world.home.clone(), times.iter().copied(), |_| async {
            self.play(acts, around.clone()).await;
            Ok::<_, Elapsed>(())
        });
        let Err(elapsed) = attempts.until(start + all).await else { return };
        let whole = start + times.iter().sum::<Duration>();
        if elapsed.kind() == ElapsedKind::Inherited {
            self.world.check_elapsed(elapsed, &Fence::At(start + all), &around.with(Fence::At(start + all)));
        } else {
            self.world.check_elapsed(elapsed, &Fence::At(whole), around);
        }
    }

    async fn scope(&self, acts: &[Act], around: &Around) {
        let own = Fence::At(self.world.home.now() + self.program.timeout);
        let outcome = self.world.timeouts.scope(self.play(acts, around.with(own.clone()))).await;
        outcome.unwrap_or_else(|elapsed| self.world.check_elapsed(elapsed, &own, around));
    }

    async fn moved(&self, first: &[Act], way: Move, then: &[Act], around: &Around) {
        let handle = Arc::default();
        let own = Fence::Moving(Arc::clone(&handle));
        let inside = around.with(own.clone());
        let scope = self.world.timeouts.scope_with(|scope| {
            *handle.lock().unwrap() = Some(scope.clone());
            async move {
                self.play(first, inside.clone()).await;
                apply(&scope, way, self.world.home.now());
                self.play(then, inside).await;
            }
        });
        scope.await.unwrap_or_else(|elapsed| self.world.check_elapsed(elapsed, &own, around));
    }

    /// Drops what is inside after that time, wherever it is.
    async fn give_up(&self, time: Duration, acts: &[Act], around: &Around) {
        let mut sleep = pin!(self.here.sleep_until(self.here.now() + time));
        let mut inside = self.play(acts, around.clone());
        poll_fn(|context| {
            if sleep.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            inside.as_mut().poll(context)
        })
        .await;
    }
}

/// Drops what is inside when it is woken, instead of polling it once more.
async fn give_up_when_woken(polls: u32, mut inside: Doing<'_>) {
    let mut polled = 0;
    poll_fn(|context| {
        polled += 1;
        if polled > polls { Poll::Ready(()) } else { inside.as_mut().poll(context) }
    })
    .await;
}
