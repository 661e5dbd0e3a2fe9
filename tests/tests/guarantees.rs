//! `docs/guarantees.md` names checks, unsafe code, mutants and dependencies that exist, and leaves none of the last three out.

extern crate alloc;

use alloc::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../docs/guarantees.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rows of the one table under a heading, without those that say what the columns are.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let section = PAGE.split("\n## ").find_map(|section| section.strip_prefix(heading)).expect(heading);
    let rows: Vec<_> = section.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 2, "{heading} has no table");
    rows[2..].iter().map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// All files under a folder whose names end so.
fn files(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy();
        match entry.is_dir() {
            true if name != "target" => files(&entry, end, found),
            false if name.ends_with(end) => found.push(entry),
            _ => {}
        }
    }
}

fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let (root, mut found) = (root(), Vec::new());
    folders.iter().for_each(|folder| files(&root.join(folder), ".rs", &mut found));
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        (name, fs::read_to_string(path).unwrap())
    };
    found.into_iter().map(read).collect()
}

/// Every function that is declared in the libraries and in the tests.
fn functions() -> BTreeSet<String> {
    let sources = sources(&["mtaio-core", "mtaio-tokio", "mtaio-smol", "mtaio-std-compat", "tests"]);
    let name = |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    sources.iter().flat_map(|(_, source)| source.split("fn ").skip(1).map(name).collect::<Vec<_>>()).collect()
}

/// How often code, which is no comment, says `unsafe`.
fn count_unsafe(source: &str) -> usize {
    let code = source.lines().map(|line| line.split("//").next().unwrap());
    code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| *word == "unsafe")
        .count()
}

/// The dependencies that a manifest names in any of its tables.
fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let (mut inside, mut found) = (false, BTreeSet::new());
    for line in manifest.lines() {
        match line.strip_prefix('[') {
            Some(table) => inside = table.trim_end_matches(']').ends_with("dependencies"),
            None if inside && line.starts_with(|c: char| c.is_ascii_lowercase()) => {
                found.extend(line.split(['=', '.', ' ']).next());
            }
            None => {}
        }
    }
    found
}

#[test]
fn each_check_that_is_named_exists() {
    let functions = functions();
    let columns = [("Promises", 1), ("Protocols", 1), ("Unsafe code", 4), ("Mutants", 3)];
    for (heading, column) in columns {
        for row in rows(heading) {
            assert!(names(row[column]).next().is_some(), "no check: {}", row[0]);
            for name in names(row[column]) {
                assert!(functions.contains(name), "{}: there is no {name}", row[0]);
            }
        }
    }
}

#[test]
fn each_model_stands_beside_its_protocol() {
    let models: BTreeSet<_> = functions().into_iter().filter(|name| name.starts_with("loom_")).collect();
    let listed: Vec<_> = rows("Protocols").iter().flat_map(|row| names(row[1])).map(str::to_owned).collect();
    assert_eq!(listed.len(), models.len(), "a model is missing, or stands beside two");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), models);
}

#[test]
fn each_unsafe_of_the_libraries_is_listed() {
    let mut listed = BTreeMap::<_, usize>::new();
    for row in rows("Unsafe code") {
        let file = names(row[0]).next().expect("a file").to_owned();
        *listed.entry(file).or_default() += row[2].parse::<usize>().expect("a number");
    }
    let libraries = ["mtaio-core/src", "mtaio-tokio/src", "mtaio-smol/src", "mtaio-std-compat/src"];
    let counted = sources(&libraries).into_iter().map(|(name, source)| (name, count_unsafe(&source)));
    assert_eq!(listed, counted.filter(|(_, count)| *count > 0).collect());
}

#[test]
fn each_mutant_has_its_row() {
    let mut patches = Vec::new();
    files(&root().join("tests/mutants"), ".patch", &mut patches);
    let mut mutants = BTreeSet::new();
    for patch in patches {
        let number = patch.file_name().unwrap().to_string_lossy()[..2].to_owned();
        let text = fs::read_to_string(&patch).unwrap();
        let killer = text.lines().find_map(|line| line.strip_prefix("Killed by: ")).expect("who kills it");
        let (how, test) = killer.split_once(": ").expect("how, and by which test");
        mutants.insert((number, how.to_owned(), test.rsplit("::").next().unwrap().to_owned()));
    }
    let rows = rows("Mutants").into_iter();
    let rows = rows.map(|row| (row[0].to_owned(), row[2].to_owned(), names(row[3]).next().unwrap().to_owned()));
    assert_eq!(mutants, rows.collect());
}

#[test]
fn each_direct_dependency_is_explained() {
    let explained: BTreeSet<_> = rows("Dependencies").into_iter().flat_map(|row| names(row[0])).collect();
    let root = root();
    // Programs for other machines have workspaces and dependencies of their own.
    let crates = ["mtaio-core", "mtaio-tokio", "mtaio-smol", "mtaio-std-compat", "benches", "tests", "fuzz"];
    let texts = crates.map(|name| fs::read_to_string(root.join(name).join("Cargo.toml")).unwrap());
    let used: BTreeSet<_> = texts.iter().flat_map(|text| dependencies(text)).collect();
    assert!(used.contains("tokio") && used.contains("loom"), "the manifests cannot be read");
    assert_eq!(explained, used);
}

#[test]
fn comments_and_names_are_not_unsafe() {
    assert_eq!(count_unsafe("unsafe { f() } // unsafe\n#[allow(unsafe_code)] unsafe fn g() {}"), 2);
}
