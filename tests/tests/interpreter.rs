//! What fuzzing runs, on random bytes and on the inputs that are kept: see `fuzz/`.

use std::fs;
use std::path::Path;

use mtaio_core::limit::Quota;
use mtaio_tests::{MACHINES, interpret};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_program_breaks_a_promise(machine in 0..MACHINES, mut program in prop::collection::vec(any::<u8>(), 0..400)) {
        program.insert(0, machine);
        interpret(&program);
    }

    #[test]
    fn no_text_makes_a_quota_panic_and_what_is_written_is_read(text in r"[0-9_.]{0,12} ?/ ?[0-9_]{0,8} ?[a-zµ]{0,7}( burst [0-9_]{0,11})?|.{0,20}") {
        read_and_write(&text);
    }
}

/// What is read is written so that it is read as the same.
fn read_and_write(text: &str) {
    if let Ok(quota) = text.parse::<Quota>() {
        assert_eq!(quota.to_string().parse(), Ok(quota), "{text}");
    }
}

/// Runs the inputs that are kept for a target.
fn run_corpus(target: &str, run: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let inputs: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty(), "no input is kept for {target}");
    inputs.iter().for_each(|input| run(&fs::read(input).unwrap()));
}

#[test]
fn the_kept_programs_break_no_promise() {
    run_corpus("limiters", interpret);
}

#[test]
fn the_kept_texts_are_read_and_written() {
    run_corpus("quota", |input| read_and_write(&String::from_utf8_lossy(input)));
}
