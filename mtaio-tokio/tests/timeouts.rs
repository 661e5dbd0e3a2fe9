//! Timeouts on a tokio built as users build it: without its `test-util`, on real time.

use core::future::{Future, pending};
use core::time::Duration;

use mtaio_tokio::{ElapsedKind, TimeoutManager, timeout};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::consume_budget;

const SHORT: Duration = Duration::from_millis(2);

fn flavours() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_time().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap(),
    ]
}

/// Runs what `scenario` makes on both flavours of runtime, each within a minute.
fn on_both<F: Future<Output = ()>>(scenario: impl Fn() -> F) {
    for runtime in flavours() {
        let outcome = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), scenario()).await });
        outcome.expect("not done after a minute: it hangs");
    }
}

/// Never waits for anything, and uses up all that the task may do in a poll.
async fn greedy() {
    let permits = Semaphore::new(1);
    loop {
        drop(permits.acquire().await);
        consume_budget().await;
    }
}

#[test]
fn a_timeout_fires_although_what_it_limits_uses_up_the_tasks_budget() {
    on_both(|| async {
        assert_eq!(timeout(SHORT, greedy()).await.unwrap_err().kind(), ElapsedKind::Own);
        let tm = TimeoutManager::new(SHORT);
        assert_eq!(tm.run(greedy()).await.unwrap_err().kind(), ElapsedKind::Own);
        assert_eq!(tm.scope(greedy()).await.unwrap_err().kind(), ElapsedKind::Own);
        assert_eq!(tm.pending(), 0);
    });
}

#[test]
fn many_tasks_share_one_manager() {
    on_both(|| async {
        let tm = TimeoutManager::new(SHORT);
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let tm = tm.clone();
                tokio::spawn(async move { tm.run(pending::<()>()).await })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap().is_err());
        }
        assert_eq!(tm.pending(), 0);
    });
}
