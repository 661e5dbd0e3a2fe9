//! Turns that are held: a waiter at the front that is told so, takes nothing, and takes it later.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::wakers::Counter;
use crate::primitive::model::{explore, thread};
use crate::sync::line::Order;
use crate::sync::wait::Wait;
use crate::sync::wait_queue::{Plan, WaitQueue, waits};
use crate::sync::{Carried, Supply, Verdict};

/// Things that are handed out.
struct Goods;

impl Carried for () {
    type Kind = ();
    type Words = ();

    fn pack(self) -> ((), u32, ()) {
        ((), 0, ())
    }

    fn unpack((): (), _: u32, (): ()) -> Self {}
}

#[derive(Default)]
struct Stock {
    free: u32,
    closed: bool,
}

#[derive(Clone, Copy)]
struct Want {
    n: u32,
    hold: bool,
}

impl Supply for Goods {
    type State = Stock;
    type Ask = Want;
    type Refusal = ();
    type After = ();

    const NAME: &'static str = "shop";

    fn amount(want: &Want) -> u32 {
        want.n
    }

    fn open(&self, _: &mut Stock) {}

    fn publish(&self, _: &mut Stock, _: Option<&Want>, _: bool) {}

    fn leave(&self, _: &mut Stock) {}

    fn settle(&self, (): ()) {}

    fn offer(&self, stock: &mut Stock, want: &Want) -> Verdict<()> {
        if stock.free < want.n {
            return Verdict::Wait;
        }
        if want.hold {
            return Verdict::Hold;
        }
        stock.free -= want.n;
        Verdict::Grant
    }

    fn take_held(&self, stock: &mut Stock, want: &Want) -> Verdict<()> {
        self.offer(stock, &Want { hold: false, ..*want })
    }

    fn restore(&self, stock: &mut Stock, want: &Want) {
        stock.free += want.n;
    }

    fn vet(&self, stock: &Stock, _: &Want) -> Result<(), ()> {
        if stock.closed { Err(()) } else { Ok(()) }
    }

    fn room(&self, _: &Stock, _: usize) -> Result<(), ()> {
        Ok(())
    }

    fn not_ready(&self, _: &Stock, _: &Want) {}

    fn review(&self, stock: &mut Stock, want: &Want) -> Option<()> {
        self.vet(stock, want).err()
    }
}

struct Shop {
    queue: WaitQueue<Goods>,
}

waits!([] Shop, Goods, queue);

impl Shop {
    fn new(free: u32) -> Arc<Self> {
        Arc::new(Self { queue: WaitQueue::new(Goods, Stock { free, closed: false }) })
    }

    fn ordered(free: u32, order: Order) -> Arc<Self> {
        let stock = Stock { free, closed: false };
        let plan = Plan { order, codel: None, counting: false };
        Arc::new(Self { queue: WaitQueue::ordered(Goods, stock, plan) })
    }

    fn add(&self, n: u32) {
        self.queue.change(|stock| stock.free += n);
    }

    fn remove(&self, n: u32) {
        self.queue.change(|stock| stock.free -= n);
    }

    fn close(&self) {
        self.queue.change_and_review(|stock| stock.closed = true);
    }

    /// What is free, and how many wait.
    fn state(&self) -> (u32, usize) {
        self.queue.peek(|stock, waiters| (stock.free, waiters))
    }
}

/// A wait with a waker of its own.
struct Customer {
    wait: Pin<Box<Wait<Arc<Shop>>>>,
    wakes: Arc<Counter>,
}

impl Customer {
    fn new(shop: &Arc<Shop>, hold: bool) -> Self {
        Self { wait: Box::pin(Wait::new(Arc::clone(shop), Want { n: 1, hold })), wakes: Counter::new() }
    }

    fn of_class(shop: &Arc<Shop>, class: u8) -> Self {
        let wait = Wait::new(Arc::clone(shop), Want { n: 1, hold: false }).in_class(class);
        Self { wait: Box::pin(wait), wakes: Counter::new() }
    }

    fn holding(shop: &Arc<Shop>) -> Self {
        let mut customer = Self::new(shop, true);
        assert_eq!(customer.poll(), Poll::Ready(Ok(())));
        customer
    }

    fn poll(&mut self) -> Poll<Result<(), ()>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.wait.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn take(&mut self) -> Poll<Result<(), ()>> {
        self.wait.as_mut().take()
    }

    /// What it hears after everything has come to rest: whoever was pending was woken.
    fn hears(&mut self, first: Poll<Result<(), ()>>) -> Result<(), ()> {
        match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                assert!(self.wakes.count() > 0, "a wake was lost");
                match self.poll() {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending => panic!("woken for nothing"),
                }
            }
        }
    }
}

#[test]
fn a_turn_that_is_held_takes_nothing_and_is_not_passed() {
    let shop = Shop::new(1);
    let mut first = Customer::holding(&shop);
    assert_eq!(first.poll(), Poll::Ready(Ok(())), "it holds it still");
    shop.add(2);
    let mut second = Customer::new(&shop, false);
    assert!(second.poll().is_pending());
    assert_eq!((shop.state(), first.wakes.count()), ((3, 2), 0));
    assert_eq!(first.take(), Poll::Ready(Ok(())));
    assert_eq!((second.wakes.count(), second.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!(shop.state(), (1, 0));
}

#[test]
fn a_turn_that_cannot_be_held_any_more_is_waited_for_again() {
    let shop = Shop::new(1);
    let mut customer = Customer::holding(&shop);
    shop.remove(1);
    assert!(customer.take().is_pending());
    assert!(customer.poll().is_pending());
    shop.add(1);
    assert_eq!((customer.wakes.count(), customer.poll()), (1, Poll::Ready(Ok(()))));
    shop.add(1);
    shop.remove(2);
    assert!(customer.poll().is_pending(), "it hears of it when it is polled");
    shop.add(1);
    assert_eq!((customer.wakes.count(), customer.take()), (2, Poll::Ready(Ok(()))), "it is woken once more");
    assert_eq!(shop.state(), (0, 0));
}

#[test]
fn whoever_is_roused_while_it_holds_its_turn_holds_it_still() {
    let shop = Shop::new(1);
    let mut customer = Customer::holding(&shop);
    shop.queue.change_and_rouse(|_| ());
    assert_eq!((customer.wakes.count(), customer.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!((customer.take(), shop.state()), (Poll::Ready(Ok(())), (0, 0)));
}

#[test]
fn loom_what_comes_while_one_arrives_to_hold_its_turn_is_held() {
    explore(|| {
        let shop = Shop::new(0);
        let other = Arc::clone(&shop);
        let adder = thread::spawn(move || other.add(1));
        let mut customer = Customer::new(&shop, true);
        let first = customer.poll();
        adder.join().unwrap();
        assert_eq!(customer.hears(first), Ok(()));
        assert_eq!(shop.state(), (1, 1));
        assert_eq!((customer.take(), shop.state()), (Poll::Ready(Ok(())), (0, 0)));
    });
}

#[test]
fn loom_a_turn_that_is_given_up_while_more_comes_goes_to_the_next() {
    explore(|| {
        let shop = Shop::new(1);
        let leaves = Customer::holding(&shop);
        let mut stays = Customer::new(&shop, false);
        let first = stays.poll();
        let other = Arc::clone(&shop);
        let adder = thread::spawn(move || other.add(1));
        drop(leaves);
        adder.join().unwrap();
        assert_eq!(stays.hears(first), Ok(()));
        assert_eq!(shop.state(), (1, 0));
    });
}

#[test]
fn loom_a_turn_that_is_told_and_given_up_at_once_goes_to_the_next_who_holds() {
    explore(|| {
        let shop = Shop::new(0);
        let (mut leaves, mut stays) = (Customer::new(&shop, true), Customer::new(&shop, true));
        assert!(leaves.poll().is_pending());
        let first = stays.poll();
        let other = Arc::clone(&shop);
        let adder = thread::spawn(move || other.add(1));
        drop(leaves);
        adder.join().unwrap();
        assert_eq!(stays.hears(first), Ok(()));
        assert_eq!((stays.take(), shop.state()), (Poll::Ready(Ok(())), (0, 0)));
    });
}

#[test]
fn loom_the_end_reaches_one_who_holds_its_turn_or_comes_after_it_has_taken() {
    explore(|| {
        let shop = Shop::new(1);
        let mut customer = Customer::holding(&shop);
        let other = Arc::clone(&shop);
        let closer = thread::spawn(move || other.close());
        let taken = customer.take();
        closer.join().unwrap();
        match taken {
            Poll::Ready(Ok(())) => assert_eq!(shop.state(), (0, 0)),
            Poll::Ready(Err(())) => assert_eq!(shop.state(), (1, 0)),
            Poll::Pending => panic!("what it holds is there"),
        }
    });
}

#[test]
fn loom_the_end_wakes_one_who_renews_its_waker_while_it_holds_its_turn() {
    explore(|| {
        let shop = Shop::new(0);
        let mut customer = Customer::new(&shop, true);
        assert!(customer.poll().is_pending());
        shop.add(1);
        let told = customer.wakes.count();
        let other = Arc::clone(&shop);
        let closer = thread::spawn(move || other.close());
        // Woken, it has no waker in the queue until it is polled again.
        let polled = customer.poll();
        closer.join().unwrap();
        match polled {
            Poll::Ready(Err(())) => {}
            Poll::Ready(Ok(())) => {
                assert!(customer.wakes.count() > told, "the end came after it, and was not told");
                assert_eq!(customer.poll(), Poll::Ready(Err(())));
            }
            Poll::Pending => panic!("its turn has come"),
        }
        assert_eq!(shop.state(), (1, 0));
    });
}

#[test]
fn loom_whoever_stands_behind_a_turn_that_is_taken_is_served_from_what_comes() {
    explore(|| {
        let shop = Shop::new(1);
        let mut holds = Customer::holding(&shop);
        let mut behind = Customer::new(&shop, false);
        let first = behind.poll();
        let other = Arc::clone(&shop);
        let adder = thread::spawn(move || other.add(1));
        assert_eq!(holds.take(), Poll::Ready(Ok(())));
        adder.join().unwrap();
        assert_eq!(behind.hears(first), Ok(()));
        assert_eq!(shop.state(), (0, 0));
    });
}

#[test]
fn loom_a_turn_that_is_held_is_not_passed_by_a_higher_class_that_comes() {
    explore(|| {
        let shop = Shop::ordered(1, Order::Classes(2));
        let mut holds = Customer::holding(&shop);
        let comes = {
            let shop = Arc::clone(&shop);
            thread::spawn(move || {
                let mut comes = Customer::of_class(&shop, 1);
                (comes.poll(), comes)
            })
        };
        assert_eq!(holds.take(), Poll::Ready(Ok(())));
        let (first, mut comes) = comes.join().unwrap();
        assert!(first.is_pending(), "it took what was held");
        shop.add(1);
        assert_eq!(comes.hears(first), Ok(()));
        assert_eq!(shop.state(), (0, 0));
    });
}

#[test]
fn a_turn_that_cannot_be_had_any_more_lets_higher_classes_pass() {
    let shop = Shop::ordered(1, Order::Classes(3));
    let mut holds = Customer::holding(&shop);
    let (mut low, mut high) = (Customer::of_class(&shop, 1), Customer::of_class(&shop, 2));
    assert!(low.poll().is_pending() && high.poll().is_pending());
    shop.remove(1);
    assert!(holds.poll().is_pending());
    shop.add(1);
    assert_eq!((high.hears(Poll::Pending), low.wakes.count()), (Ok(()), 0));
    shop.add(2);
    assert_eq!(low.hears(Poll::Pending), Ok(()));
    assert_eq!(holds.hears(Poll::Pending), Ok(()));
    assert_eq!(holds.take(), Poll::Ready(Ok(())));
    assert_eq!(shop.state(), (0, 0));
}
