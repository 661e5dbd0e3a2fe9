//! The end of something, and those who wait for it.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use event_listener::{Event, EventListener};

use crate::primitive::{AtomicBool, Ordering, const_fn};

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

    pub(crate) fn is_closed(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `close`.
        self.is_closed.load(Ordering::Acquire)
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
        poll_until(&mut self.listener, context, &closing.event, || closing.is_closed())
    }
}

impl core::fmt::Debug for Closed<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Closed").field("is_closed", &self.closing.is_closed()).finish_non_exhaustive()
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
                ready!(Pin::new(heard).poll(context));
                *listener = None;
            }
        }
    }
    Poll::Ready(())
}
