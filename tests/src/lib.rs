//! What the tests in `tests/` share; and every code block of the documentation, which the documentation tests compile and run.

extern crate alloc;

mod executor;
mod interpreter;
mod mailer;
mod panicky;
mod watchdog;

pub use executor::{CountingWaker, park_on, poll_once};
pub use interpreter::{MACHINES, interpret};
pub use mailer::Mailer;
pub use panicky::{Panicky, message_of, panic_of};
pub use watchdog::{until, within_a_minute};

/// Runs a future of the documentation on a tokio runtime whose time is paused, so that sleeping takes none.
#[macro_export]
macro_rules! paused {
    ($future:expr) => {
        ::tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on($future)
    };
}

/// Declares a page whose code blocks are tests.
macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(#[cfg(doctest)]
        #[doc = include_str!($path)]
        mod $name {})*
    };
}

pages! {
    readme: "../../README.md",
    adaptive: "../../docs/adaptive.md",
    choosing_an_adapter: "../../docs/choosing-an-adapter.md",
    testing_with_clocks: "../../docs/testing-with-clocks.md",
    embedding: "../../docs/embedding.md",
    observing: "../../docs/observing.md",
    policies: "../../docs/policies.md",
    from_python: "../../docs/from-python.md",
    keyed: "../../docs/keyed.md",
    leases: "../../docs/leases.md",
    writing_a_runtime: "../../docs/writing-a-runtime.md",
}
