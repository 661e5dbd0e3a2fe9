//! Until `timeout` is there.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use crate::runtime::Timer;

pub(super) async fn timeout<R: Timer, F: Future>(runtime: R, limit: Duration, future: F) -> Result<F::Output, ()> {
    let sleep = runtime.sleep_until(runtime.now() + limit);
    let (mut sleep, mut future) = (pin!(sleep), pin!(future));
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        sleep.as_mut().poll(context).map(Err)
    })
    .await
}
