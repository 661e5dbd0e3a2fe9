use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::pin::Pin;

use proptest::prelude::*;

use crate::sync::list::{List, Queue, Queued, Seat, Spot, queued};

struct Owner {
    queue: Queue<(), List<u32, ()>>,
}

queued!([] Owner, (), u32, (), List<u32, ()>, queue);

const SEATS: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    Sit(usize, Spot),
    Rise(usize),
    Claim(usize),
    SettleAt(Spot),
    MarkFront,
    MarkNext,
    SettleMarked,
    /// The seat is dropped, and another one is put there.
    Replace(usize),
}

fn spot() -> impl Strategy<Value = Spot> {
    prop_oneof![3 => Just(Spot::Back), 2 => Just(Spot::Front), 1 => Just(Spot::BehindFront)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..SEATS, spot()).prop_map(|(seat, spot)| Step::Sit(seat, spot)),
        2 => (0..SEATS).prop_map(Step::Rise),
        2 => (0..SEATS).prop_map(Step::Claim),
        2 => spot().prop_map(Step::SettleAt),
        1 => Just(Step::MarkFront),
        2 => Just(Step::MarkNext),
        2 => Just(Step::SettleMarked),
        1 => (0..SEATS).prop_map(Step::Replace),
    ]
}

/// What a seat has, in the model.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Free,
    Waits(u32),
    Settled(u32),
}

/// The list as a deque of seat numbers and values.
struct Model {
    places: [Place; SEATS],
    line: VecDeque<(usize, u32)>,
    /// The value that the pass is at.
    mark: Option<u32>,
}

impl Model {
    fn position(&self, value: u32) -> Option<usize> {
        self.line.iter().position(|&(_, waiting)| waiting == value)
    }

    fn after(&self, value: u32) -> Option<u32> {
        let position = self.position(value)?;
        self.line.get(position + 1).map(|&(_, next)| next)
    }

    /// Takes a value out of the line; a mark on it goes on.
    fn remove(&mut self, value: u32) -> Option<usize> {
        let position = self.position(value)?;
        if self.mark == Some(value) {
            self.mark = self.after(value);
        }
        self.line.remove(position).map(|(seat, _)| seat)
    }

    fn settle(&mut self, value: Option<u32>) -> Option<u32> {
        let value = value?;
        let seat = self.remove(value)?;
        self.places[seat] = Place::Settled(value + 1000);
        Some(value)
    }

    fn rise(&mut self, seat: usize) -> Option<u32> {
        match core::mem::replace(&mut self.places[seat], Place::Free) {
            Place::Free => None,
            Place::Waits(value) => {
                self.remove(value);
                Some(value)
            }
            Place::Settled(value) => Some(value),
        }
    }
}

type Seats<'a> = Vec<Pin<Box<Seat<&'a Owner>>>>;

/// Does a step to both, and compares what comes of it.
fn apply<'a>(step: Step, owner: &'a Owner, seats: &mut Seats<'a>, model: &mut Model, value: u32) {
    let list = |f: &mut dyn FnMut(&mut List<u32, ()>) -> Option<u32>| owner.queue().with(|(), list| f(list));
    let raise = |value: &mut u32| core::mem::replace(value, *value + 1000);
    match step {
        Step::Sit(seat, spot) if model.places[seat] == Place::Free => {
            seats[seat].as_mut().with(|_, mut access| access.sit(0, spot, value));
            model.places[seat] = Place::Waits(value);
            let place = match spot {
                Spot::Front => 0,
                Spot::BehindFront => model.line.len().min(1),
                Spot::Back => model.line.len(),
            };
            model.line.insert(place, (seat, value));
        }
        Step::Sit(..) => {}
        Step::Rise(seat) => {
            let risen = seats[seat].as_mut().with(|_, mut access| access.rise());
            assert_eq!(risen, model.rise(seat));
        }
        Step::Claim(seat) => {
            let settled = matches!(model.places[seat], Place::Settled(_));
            let expected = if settled { model.rise(seat) } else { None };
            assert_eq!(seats[seat].as_mut().claim(), expected);
        }
        Step::SettleAt(spot) => {
            let there = match spot {
                Spot::Front => model.line.front(),
                Spot::BehindFront => model.line.get(1),
                Spot::Back => model.line.back(),
            };
            let there = there.map(|&(_, value)| value);
            assert_eq!(list(&mut |list| list.at(spot).map(|(value, ())| *value)), there);
            assert_eq!(list(&mut |list| list.settle_at(spot, raise)), model.settle(there));
        }
        Step::MarkFront => {
            list(&mut |list| {
                list.mark_front();
                None
            });
            model.mark = model.line.front().map(|&(_, value)| value);
        }
        Step::MarkNext => {
            list(&mut |list| {
                list.mark_next();
                None
            });
            model.mark = model.mark.and_then(|value| model.after(value));
        }
        Step::SettleMarked => {
            let marked = model.mark;
            assert_eq!(list(&mut |list| list.settle_marked(raise)), model.settle(marked));
        }
        Step::Replace(seat) => {
            seats[seat] = Box::pin(Seat::new(owner, ()));
            model.rise(seat);
        }
    }
}

fn compare(owner: &Owner, seats: &mut Seats<'_>, model: &Model) {
    owner.queue().with(|(), list| {
        assert_eq!(list.len(), model.line.len());
        assert_eq!(list.is_empty(), model.line.is_empty());
        assert_eq!(list.front_mut().copied(), model.line.front().map(|&(_, value)| value));
        assert_eq!(list.marked().map(|(value, ())| *value), model.mark);
    });
    for (seat, place) in seats.iter_mut().zip(model.places) {
        let waiting = seat.as_mut().with(|_, mut access| access.waiting().copied());
        assert_eq!(waiting, if let Place::Waits(value) = place { Some(value) } else { None });
        assert_eq!(seat.is_taken(), place != Place::Free);
    }
}

proptest! {
    #[test]
    fn the_list_is_a_deque_that_one_can_leave_anywhere(steps in prop::collection::vec(step(), 0..80)) {
        let owner = Owner { queue: Queue::with_lists((), List::new()) };
        let mut seats: Seats<'_> = (0..SEATS).map(|_| Box::pin(Seat::new(&owner, ()))).collect();
        let mut model = Model { places: [Place::Free; SEATS], line: VecDeque::new(), mark: None };
        for (value, step) in (0..).zip(steps) {
            apply(step, &owner, &mut seats, &mut model, value);
            compare(&owner, &mut seats, &model);
        }
        drop(seats);
        owner.queue().with(|(), list| assert!(list.is_empty()));
    }
}
