use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use mtaio_core::Instant;
use mtaio_core::alarm::SleepAlarm;
use mtaio_core::runtime::{Clock, Sleep, Spawn, SystemClock, Tick, Timer};
use mtaio_core::time::ClockId;

/// Threads and nothing else. All values are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnRuntime;

/// When a sleep ends, and its number.
type Key = (Instant, u64);

static SLEEPERS: Mutex<BTreeMap<Key, Waker>> = Mutex::new(BTreeMap::new());

/// The thread that wakes them.
static WATCH: LazyLock<Thread> = LazyLock::new(|| thread::spawn(keep_watch).thread().clone());

fn keep_watch() {
    loop {
        let mut sleepers = SLEEPERS.lock().unwrap();
        let due = sleepers.first_entry().filter(|first| first.key().0 <= SystemClock.now()).map(|first| first.remove());
        let next = sleepers.keys().next().map(|&(at, _)| at.since(SystemClock.now()));
        // MUST 7: nobody is woken under the lock.
        drop(sleepers);
        match (due, next) {
            (Some(waker), _) => waker.wake(),
            (None, Some(wait)) => thread::park_timeout(wait),
            (None, None) => thread::park(),
        }
    }
}

pub struct OwnSleep(Key);

impl OwnSleep {
    fn until(at: Instant) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Self((at, NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    /// Takes the place of whoever polled it before, and drops that waker outside the lock.
    fn register(&self, waker: Option<Waker>) {
        let mut sleepers = SLEEPERS.lock().unwrap();
        let old = sleepers.remove(&self.0);
        sleepers.extend(waker.map(|waker| (self.0, waker)));
        drop(sleepers);
        drop(old);
    }
}

impl Future for OwnSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (at, _) = self.0;
        // MUST 2 and 4: the clock decides, and the far end of time does not come.
        let is_due = || SystemClock.now() >= at && at != Instant::FAR;
        let waker = (!is_due()).then(|| context.waker().clone());
        let poll = if waker.is_some() { Poll::Pending } else { Poll::Ready(()) };
        self.register(waker);
        WATCH.unpark();
        poll
    }
}

impl Sleep for OwnSleep {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.register(None);
        self.0.0 = at;
    }
}

impl Drop for OwnSleep {
    fn drop(&mut self) {
        self.register(None);
    }
}

impl Clock for OwnRuntime {
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn clock_id(&self) -> ClockId {
        ClockId::SYSTEM
    }
}

impl Timer for OwnRuntime {
    type Sleep = OwnSleep;
    type Alarm = SleepAlarm<Self>;

    fn sleep_until(&self, at: Instant) -> OwnSleep {
        OwnSleep::until(at)
    }

    fn granularity(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn alarm(&self, target: Weak<dyn Tick>) -> SleepAlarm<Self> {
        SleepAlarm::new(*self, target)
    }
}

impl Spawn for OwnRuntime {
    fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(thread::spawn(|| block_on(task)));
    }

    fn spawn_blocking_detached(&self, job: impl FnOnce() + Send + 'static) {
        drop(thread::spawn(job));
    }
}

/// Runs `future` on this thread, which parks while there is nothing to do.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
