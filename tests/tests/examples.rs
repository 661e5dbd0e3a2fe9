//! The examples and the page that lists them.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The examples in a folder: files, and folders with a `main.rs`.
fn examples_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let is_example = |path: &PathBuf| path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists();
    let names: Vec<_> =
        paths.filter(is_example).filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    assert!(!names.is_empty(), "{folder} has no examples");
    names
}

#[test]
fn every_example_is_listed_with_its_command() {
    let page = fs::read_to_string(root().join("docs/examples.md")).expect("there is a page of examples");
    let packages = [
        ("mtaio-tokio", "mtaio-tokio/examples"),
        ("mtaio-smol", "mtaio-smol/examples"),
        ("mtaio-std-compat", "mtaio-std-compat/examples"),
        ("mtaio-tests", "tests/examples"),
    ];
    for (package, folder) in packages {
        for name in examples_in(folder) {
            let (package, example) = (format!(" -p {package} "), format!(" --example {name}`"));
            let is_listed = page.lines().any(|line| line.contains(&package) && line.contains(&example));
            assert!(is_listed, "docs/examples.md does not list {name}");
        }
    }
}

#[test]
fn every_example_with_checks_is_a_test() {
    let manifest = fs::read_to_string(root().join("mtaio-tokio/Cargo.toml")).expect("the package has a manifest");
    let sections: Vec<_> = manifest.split("\n\n").filter(|section| section.starts_with("[[example]]")).collect();
    for name in examples_in("mtaio-tokio/examples") {
        let named = format!("\nname = \"{name}\"\n");
        let is_tested = sections.iter().any(|section| section.contains(&named) && section.contains("\ntest = true"));
        assert!(is_tested || name == "hello_tokio", "{name} is not tested");
    }
}
