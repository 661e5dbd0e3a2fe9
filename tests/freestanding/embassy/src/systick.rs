//! A time driver: the processor's own timer counts ticks, and embassy's queue keeps who waits for them.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;
use embassy_time_driver::{Driver, TICK_HZ, time_driver_impl};
use embassy_time_queue_utils::Queue;

/// What the board's processor runs at after a reset.
const CORE_HZ: u32 = 12_500_000;

struct SysTicks {
    ticks: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
}

time_driver_impl!(static DRIVER: SysTicks = SysTicks {
    ticks: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

impl Driver for SysTicks {
    fn now(&self) -> u64 {
        critical_section::with(|section| self.ticks.borrow(section).get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        // Each tick looks at the queue, so nothing has to be set.
        critical_section::with(|section| _ = self.queue.borrow_ref_mut(section).schedule_wake(at, waker));
    }
}

#[exception]
fn SysTick() {
    critical_section::with(|section| {
        let now = DRIVER.ticks.borrow(section).get() + 1;
        DRIVER.ticks.borrow(section).set(now);
        DRIVER.queue.borrow_ref_mut(section).next_expiration(now);
    });
}

pub fn start(timer: &mut SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(CORE_HZ / TICK_HZ as u32 - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}
