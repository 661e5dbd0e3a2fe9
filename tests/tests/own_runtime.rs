//! The runtime of `docs/writing-a-runtime.md`, held against the conformance suite.

#[allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "it reads as in a crate of its own"
)]
#[path = "own_runtime/documented.rs"]
mod documented;

use std::future::Future;

use documented::{OwnRuntime, block_on};
use mtaio_core::conformance::Harness;

#[derive(Default)]
struct Own;

impl Harness for Own {
    type Runtime = OwnRuntime;

    fn runtime(&self) -> OwnRuntime {
        OwnRuntime
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(future)
    }
}

mtaio_core::conformance! { mod own = Own }

#[test]
fn the_document_shows_the_code_that_is_tested() {
    let document = include_str!("../../docs/writing-a-runtime.md");
    let tested = include_str!("own_runtime/documented.rs");
    assert!(document.contains(&format!("```rust\n{tested}```\n")), "docs/writing-a-runtime.md shows other code");
}
