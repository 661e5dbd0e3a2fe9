//! Holds the sources to the architecture: imports point down, adapters stay apart, and what is dangerous or
//! depends on the platform has one place.
//!
//! The rules look at every path that begins with a crate, `crate` or `super`, in a `use` or anywhere else. Code
//! that only tests compile is exempt, except from the rule on `unsafe`.

use std::{fs, path::Path};

use source::{Named, paths, starts_with, tokens, without_tests};

mod source;

/// The modules of `mtaio-core`, lowest layer first. A module may name those of its own layer and below.
const LAYERS: &[&[&str]] = &[
    &["primitive"],
    &["sync", "time"],
    &["runtime", "alarm"],
    &["limit", "timeout"],
    &[
        "resource",
        "task",
        "event",
        "data",
        "cache",
        "monitor",
        "ext",
        "io",
        "names",
        "keyed_names",
        "adaptive_names",
        "tower",
    ],
    &["conformance", "costs", "schedules", "sim"],
];

const ADAPTERS: &[&str] = &["mtaio-tokio", "mtaio-smol", "mtaio-std-compat"];

/// The only files of `mtaio-core` that may say `unsafe`.
const UNSAFE: &[&str] = &["primitive.rs", "sync/list.rs"];

/// What only `primitive.rs` may name, so that one file chooses between std, critical-section and loom.
const PLATFORM: &[&str] = &[
    "core::sync::atomic",
    "std::sync::atomic",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "critical_section",
    "portable_atomic",
    "loom",
    "shuttle",
];

const CORE: &str = "mtaio-core";

/// The suite is a user of the core that happens to live in it: it needs std, and may count and lock as it likes.
const SUITE: &str = "conformance";

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The top-level module of a file; `lib` for the root.
fn module(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The top-level module that `path` leads into from `file`, if it leaves the file's own.
fn target<'a>(file: &str, path: &[&'a str]) -> Option<&'a str> {
    let steps_up = path.iter().take_while(|segment| **segment == "super").count();
    match path {
        ["crate", module, ..] => Some(module),
        // So many steps reach the root of the crate, unless an inner module takes some of them.
        _ if steps_up >= file.split('/').count() => path.get(steps_up).copied().filter(|name| layer(name).is_some()),
        _ => None,
    }
}

/// What is wrong with a path in a file of the core.
fn core_rule(file: &str, path: &[&str]) -> Option<&'static str> {
    if path.first()?.starts_with("mtaio_") {
        return Some("is another crate of the workspace");
    }
    let name = path.join("::");
    let chooses = PLATFORM.iter().any(|item| name == *item || name.starts_with(&format!("{item}::")));
    if chooses && !["primitive", SUITE].contains(&module(file)) {
        return Some("belongs in primitive.rs");
    }
    let own = layer(module(file))?;
    match layer(target(file, path)?) {
        Some(named) if named > own => Some("is in a layer above"),
        None if module(file) != SUITE => Some("does not tell the module, and so not the layer"),
        _ => None,
    }
}

/// What is wrong with a path in a file of an adapter.
fn adapter_rule(path: &[&str]) -> Option<&'static str> {
    match path {
        ["mtaio_core", module, ..] if *module == SUITE => Some("is for tests"),
        [krate, ..] if krate.starts_with("mtaio_") && *krate != "mtaio_core" => Some("is not the core"),
        _ => None,
    }
}

/// What is wrong with one file, given its path below the `src` of its package.
fn complaints(package: &str, file: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut complain = |line, what: &str| found.push(format!("{package}/src/{file}:{line}: {what}"));
    let all = tokens(source);

    if package == CORE {
        for token in all.iter().filter(|token| token.text == "unsafe" && !UNSAFE.contains(&file)) {
            complain(token.line, "`unsafe` is kept out of this file");
        }
        if module(file) != "lib" && layer(module(file)).is_none() {
            complain(1, "the module is in no layer");
        }
    } else if file == "lib.rs" && !(0..all.len()).any(|at| starts_with(&all[at..], "#![forbid(unsafe_code)]")) {
        complain(1, "no `#![forbid(unsafe_code)]`");
    }

    if !file.split('/').any(|part| part == "tests" || part == "tests.rs") {
        for Named { line, path } in paths(&without_tests(&all)) {
            let broken = if package == CORE { core_rule(file, &path) } else { adapter_rule(&path) };
            if let Some(rule) = broken {
                complain(line, &format!("`{}` {rule}", path.join("::")));
            }
        }
    }
    found
}

/// The Rust files below `folder` as pairs of path and text.
fn sources(folder: &Path, below: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a readable folder").path();
        let name = format!("{below}{}", path.file_name().expect("an entry has a name").to_string_lossy());
        if path.is_dir() {
            found.extend(sources(&path, &format!("{name}/")));
        } else if name.ends_with(".rs") {
            found.push((name, fs::read_to_string(&path).expect("a source is text")));
        }
    }
    found
}

fn sources_of(package: &str) -> Vec<(String, String)> {
    let found = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src"), "");
    assert!(found.iter().any(|(file, _)| file == "lib.rs"), "{package} has no lib.rs");
    found
}

fn assert_clean(package: &str) {
    let found: Vec<_> =
        sources_of(package).iter().flat_map(|(file, source)| complaints(package, file, source)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_core_keeps_its_layers() {
    assert_clean(CORE);
}

#[test]
fn adapters_stand_on_the_core_alone() {
    ADAPTERS.iter().for_each(|adapter| assert_clean(adapter));
}

#[test]
fn the_reader_sees_the_imports_of_the_core() {
    let files = sources_of(CORE);
    let mut imports = files.iter().flat_map(|(file, source)| {
        paths(&tokens(source)).into_iter().filter_map(|named| target(file, &named.path).and_then(layer))
    });
    assert!(imports.any(|layer| layer == 0), "nothing imports `primitive`, so the reader must be blind");
}

#[test]
fn bad_sources_are_refused() {
    for (package, file, source) in [
        (CORE, "sync/semaphore.rs", "use crate::limit::Quota;"),
        (CORE, "sync/semaphore.rs", "use crate::{primitive::Lock, runtime::{Clock}};"),
        (CORE, "sync/semaphore.rs", "use super::super::alarm::Alarm;"),
        (CORE, "time.rs", "use super::{runtime};"),
        (CORE, "primitive.rs", "fn f(at: crate::time::Instant) {}"),
        (CORE, "limit/rate.rs", "pub use crate::resource as r;"),
        (CORE, "limit/rate.rs", "use crate::Instant;"),
        (CORE, "runtime.rs", "#[cfg(any(test, unix))]\nuse crate::conformance::Probe;"),
        (CORE, "unknown.rs", ""),
        (CORE, "limit/gcra.rs", "fn f() { unsafe { g() } }"),
        (CORE, "sync/tests/list.rs", "unsafe impl Send for X {}"),
        (CORE, "lib.rs", "use core::sync::{atomic::AtomicU8};"),
        (CORE, "sync/queue.rs", "use std::sync::{Arc, Mutex};"),
        (CORE, "sync/queue.rs", "fn f() { critical_section::with(g) }"),
        (CORE, "alarm.rs", "use mtaio_tokio::TokioRuntime;"),
        ("mtaio-tokio", "lib.rs", "use mtaio_core::Instant;"),
        ("mtaio-tokio", "clock.rs", "use mtaio_smol::SmolRuntime;"),
        ("mtaio-tokio", "clock.rs", "mtaio_core::conformance::suite!();"),
    ] {
        let found = complaints(package, file, source);
        assert_eq!(found.len(), 1, "{package}/{file}: {source}: {found:?}");
    }
}

#[test]
fn good_sources_are_accepted() {
    for (package, file, source) in [
        (CORE, "lib.rs", "#![deny(unsafe_code)]\npub use crate::limit::Quota;\npub mod conformance;"),
        (CORE, "limit/rate.rs", "use crate::{alarm::Alarm, limit::Quota, sync::WaitQueue};"),
        (CORE, "sync/semaphore.rs", "/// Like [`crate::limit::Quota`].\npub(crate) fn f() {} // crate::limit"),
        (CORE, "sync/semaphore.rs", "use super::queue::Queue;\nmod inner { use super::super::list::Node; }"),
        (CORE, "sync/semaphore.rs", "#[cfg(test)]\nmod tests { use crate::runtime::Clock; use loom::thread; }"),
        (CORE, "sync/tests/semaphore.rs", "use loom::sync::atomic::AtomicUsize;\nuse crate::runtime::Clock;"),
        (CORE, "sync/list.rs", "unsafe fn f() {}"),
        (CORE, "primitive.rs", "use core::sync::atomic::AtomicUsize;"),
        (CORE, "conformance.rs", "use crate::{Instant, limit::Quota};\nuse std::sync::Mutex;"),
        ("mtaio-tokio", "lib.rs", "#![forbid(unsafe_code)]\n#[cfg(test)]\nuse mtaio_core::conformance;"),
    ] {
        assert_eq!(complaints(package, file, source), [""; 0], "{package}/{file}: {source}");
    }
}
