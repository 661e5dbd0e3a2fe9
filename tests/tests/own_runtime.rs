//! The runtime of `docs/writing-a-runtime.md`, held against the conformance suite.

#![allow(
    unreachable_pub,
    dead_code,
    missing_docs,
    missing_debug_implementations,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "it reads as in a crate of its own"
)]

#[path = "own_runtime/documented.rs"]
mod documented;

use documented::{OwnRuntime, block_on};

use std::future::Future;

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

pub type RateLimiter = mtaio_core::limit::RateLimiter<OwnRuntime>;
pub type ConcurrencyLimiter = mtaio_core::limit::ConcurrencyLimiter<OwnRuntime>;

#[test]
fn the_document_shows_the_code_that_is_tested() {
    let document = include_str!("../../docs/writing-a-runtime.md");
    let tested = [include_str!("own_runtime/documented.rs"), include_str!("own_runtime.rs")];
    let blocks = document.split("```rust").skip(1).filter_map(|rest| rest.split_once('\n')?.1.split("```").next());
    let blocks = Vec::from_iter(blocks);
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        assert!(tested.iter().any(|code| code.contains(block)), "this is not what is tested:\n{block}");
    }
}
