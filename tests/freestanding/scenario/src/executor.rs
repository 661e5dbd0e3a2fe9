//! An executor made by hand: no heap, as many tasks as it is given, each polled when it was woken.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// How many tasks there can be.
const TASKS: usize = 4;

/// Which of them were woken. A waker lives as long as anybody keeps it, so what it points to is static: the executors of this
/// program, one after the other, share it, and a waker that is left over from an earlier one wakes for nothing.
static WOKEN: [AtomicBool; TASKS] = [const { AtomicBool::new(false) }; TASKS];

const VTABLE: RawWakerVTable = RawWakerVTable::new(|flag| RawWaker::new(flag, &VTABLE), wake, wake, |_| ());

unsafe fn wake(flag: *const ()) {
    // SAFETY: the pointer was made from a reference to a static in `waker_of`.
    let flag = unsafe { &*flag.cast::<AtomicBool>() };
    flag.store(true, Relaxed);
}

fn waker_of(flag: &'static AtomicBool) -> Waker {
    // SAFETY: the table's functions only store to the flag, which is static and may be used from any thread.
    unsafe { Waker::new(core::ptr::from_ref(flag).cast(), &VTABLE) }
}

pub type Task<'a> = Pin<&'a mut dyn Future<Output = ()>>;

pub struct Executor<'a, const N: usize> {
    tasks: [Option<Task<'a>>; N],
}

impl<'a, const N: usize> Executor<'a, N> {
    pub fn new(tasks: [Task<'a>; N]) -> Self {
        const { assert!(N <= TASKS) };
        WOKEN.iter().for_each(|flag| flag.store(true, Relaxed));
        Self { tasks: tasks.map(Some) }
    }

    /// Polls whoever was woken, in turn, until nobody is. Returns how many tasks are left.
    pub fn run(&mut self) -> usize {
        while self.poll_each_once() {}
        self.tasks.iter().flatten().count()
    }

    fn poll_each_once(&mut self) -> bool {
        let mut any = false;
        for (place, flag) in self.tasks.iter_mut().zip(&WOKEN) {
            let Some(task) = place.as_mut() else { continue };
            if !flag.load(Relaxed) {
                continue;
            }
            any = true;
            flag.store(false, Relaxed);
            if task.as_mut().poll(&mut Context::from_waker(&waker_of(flag))).is_ready() {
                *place = None;
            }
        }
        any
    }
}

/// Lets the others go first.
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if core::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
