//! The end of something, and those who wait for it.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

use event_listener::{Event, EventListener};

use crate::primitive::{AtomicBool, Ordering, catch, const_fn};

/// Whether something is closed. It stays so.
pub(crate) struct Closing {
    is_closed: AtomicBool,
    event: Event,
}

impl Closing {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { is_closed: AtomicBool::new(false), event: Event::new() }
        }
    }

    pub(crate) fn close(&self) {
        // ORDERING: Release, pairs with the Acquire in `is_closed`: who sees the end sees what came before it.
        self.is_closed.store(true, Ordering::Release);
        self.event.notify(usize::MAX);
    }

    /// Closes after `last`, also if that panics.
    pub(crate) fn close_after(&self, last: impl FnOnce()) {
        struct Close<'a>(&'a Closing);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                self.0.close();
            }
        }
        let _close = Close(self);
        last();
    }

    pub(crate) fn is_closed(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `close`.
        self.is_closed.load(Ordering::Acquire)
    }

    /// Ready when it is closed; until then `listener` hears of it.
    pub(crate) fn poll(&self, listener: &mut Option<EventListener>, context: &mut Context<'_>) -> Poll<()> {
        poll_until(listener, context, &self.event, || self.is_closed())
    }

    pub(crate) fn closed(&self) -> Closed<'_> {
        Closed { closing: self, listener: None }
    }
}

/// Completes when what it came from is closed.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Closed<'a> {
    closing: &'a Closing,
    listener: Option<EventListener>,
}

impl Future for Closed<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let closing = self.closing;
        closing.poll(&mut self.listener, context)
    }
}

impl core::fmt::Debug for Closed<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Closed").field("is_closed", &self.closing.is_closed()).finish_non_exhaustive()
    }
}

/// A waker that keeps its panics to itself: events call and drop wakers under their lock, and would not survive one.
struct Quiet(Option<Waker>);

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The panic hook has told of it.
        let _ = catch(|| self.0.iter().for_each(Waker::wake_by_ref));
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = catch(|| drop(self.0.take()));
    }
}

/// Waits for `event` until `done`. A listener is made before the last look, so that no notice is missed.
pub(super) fn poll_until(
    listener: &mut Option<EventListener>,
    context: &mut Context<'_>,
    event: &Event,
    mut done: impl FnMut() -> bool,
) -> Poll<()> {
    while !done() {
        match listener {
            None => *listener = Some(event.listen()),
            Some(heard) => {
                let quiet = Waker::from(Arc::new(Quiet(Some(context.waker().clone()))));
                ready!(Pin::new(heard).poll(&mut Context::from_waker(&quiet)));
                *listener = None;
            }
        }
    }
    Poll::Ready(())
}
