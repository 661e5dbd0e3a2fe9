//! The page on firmware, held to the program that runs on the emulated board.

#![allow(missing_docs)]

#[test]
fn the_page_shows_the_code_that_runs_on_the_board() {
    let page = include_str!("../../docs/embedding.md");
    let tested =
        [include_str!("../freestanding/embassy/src/runtime.rs"), include_str!("../freestanding/embassy/src/rate.rs")];
    let blocks = page.split("```rust,ignore\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks = Vec::from_iter(blocks);
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        assert!(tested.iter().any(|code| code.contains(block)), "this is not what is tested:\n{block}");
    }
}
