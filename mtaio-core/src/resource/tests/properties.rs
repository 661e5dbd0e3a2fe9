//! Stacks against lists.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use crate::primitive::Lock;
use crate::resource::{AsyncClose, CloseErrorKind, ExitStack};
use crate::runtime::VirtualRuntime;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Well,
    Badly,
    Never,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Push(usize, Way),
    Defer(usize, Way),
    PopAll(usize),
    Close(usize),
    Drop(usize),
}

const STACKS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    let way = || prop_oneof![4 => Just(Way::Well), 1 => Just(Way::Badly), 1 => Just(Way::Never)];
    prop_oneof![
        6 => (0..STACKS, way()).prop_map(|(at, way)| Step::Push(at, way)),
        6 => (0..STACKS, way()).prop_map(|(at, way)| Step::Defer(at, way)),
        2 => (0..STACKS).prop_map(Step::PopAll),
        2 => (0..STACKS).prop_map(Step::Close),
        1 => (0..STACKS).prop_map(Step::Drop),
    ]
}

/// What has become of finalizers: whether it was run, and which one it was.
type Log = Arc<Lock<Vec<(bool, u32)>>>;

struct Resource {
    id: u32,
    way: Way,
    is_run: bool,
    log: Log,
}

impl Resource {
    async fn run(mut self) -> Result<(), &'static str> {
        self.is_run = true;
        match self.way {
            Way::Well => Ok(()),
            Way::Badly => Err("badly"),
            Way::Never => core::future::pending().await,
        }
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        self.log.with(|entries| entries.push((self.is_run, self.id)));
    }
}

impl AsyncClose for Resource {
    type Error = &'static str;

    async fn close(self) -> Result<(), &'static str> {
        self.run().await
    }
}

fn new_stack(runtime: &VirtualRuntime) -> ExitStack<VirtualRuntime> {
    ExitStack::with_runtime(runtime.clone()).time_limit(Duration::from_secs(1))
}

fn errors_of(model: &[(u32, Way)]) -> Vec<CloseErrorKind> {
    let kind = |&(_, way): &(u32, Way)| match way {
        Way::Well => None,
        Way::Badly => Some(CloseErrorKind::Failed),
        Way::Never => Some(CloseErrorKind::TimedOut),
    };
    model.iter().rev().filter_map(kind).collect()
}

/// Takes `steps` with stacks and with lists, and compares what has become of the finalizers.
fn compare(steps: Vec<Step>) {
    let runtime = VirtualRuntime::new();
    let log = Log::new(Lock::new(Vec::new()));
    let mut stacks = [(); STACKS].map(|()| new_stack(&runtime));
    let mut models = [(); STACKS].map(|()| Vec::new());
    let mut expected = Vec::new();
    for (id, step) in (0..).zip(steps) {
        let resource = |way| Resource { id, way, is_run: false, log: log.clone() };
        match step {
            Step::Push(at, way) => {
                stacks[at].push(resource(way));
                models[at].push((id, way));
            }
            Step::Defer(at, way) => {
                let resource = resource(way);
                stacks[at].defer(|| resource.run());
                models[at].push((id, way));
            }
            Step::PopAll(at) => {
                let moved = stacks[at].pop_all();
                assert!(stacks[at].is_empty());
                // The next stack is replaced, and so dropped.
                let next = (at + 1) % STACKS;
                let model = core::mem::take(&mut models[at]);
                stacks[next] = moved;
                let replaced = core::mem::replace(&mut models[next], model);
                expected.extend(replaced.iter().rev().map(|&(id, _)| (false, id)));
            }
            Step::Close(at) => {
                let stack = core::mem::replace(&mut stacks[at], new_stack(&runtime));
                let errors = runtime.block_on(stack.close()).err();
                let model = core::mem::take(&mut models[at]);
                let kinds: Vec<_> = errors.iter().flatten().map(|error| error.kind()).collect();
                assert_eq!(kinds, errors_of(&model));
                expected.extend(model.iter().rev().map(|&(id, _)| (true, id)));
            }
            Step::Drop(at) => {
                stacks[at] = new_stack(&runtime);
                let model = core::mem::take(&mut models[at]);
                expected.extend(model.iter().rev().map(|&(id, _)| (false, id)));
            }
        }
        assert_eq!(stacks[0].len(), models[0].len());
        assert_eq!(log.with(|entries| entries.clone()), expected);
    }
}

proptest! {
    #[test]
    fn stacks_do_what_lists_do(steps in proptest::collection::vec(step(), 0..60)) {
        compare(steps);
    }
}
