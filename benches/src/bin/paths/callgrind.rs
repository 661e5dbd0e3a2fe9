//! Counting by callgrind: it runs this program, counts from zero in each call of [`begin_to_count`], and writes a file in each of
//! [`end_of_count`].
//!
//! Each path is walked in two lengths. What it costs to begin and to end is in both, so the difference is what the rest costs.

use core::hint::black_box;
use std::fs;
use std::path::Path as File;
use std::process::Command;

use crate::{Counted, Path};

/// The shorter of the two walks; the other one is so many times longer.
const TIMES: u32 = 1_000;
const LONGER: u32 = 3;

/// Runs `step` so often. Callgrind counts what happens in here.
#[inline(never)]
pub(crate) fn counted(times: u32, mut step: impl FnMut()) {
    begin_to_count();
    for _ in 0..times {
        step();
    }
    end_of_count();
}

// Callgrind knows both by name, however that is mangled: no other name contains theirs. They differ, so that the compiler does not
// make one of them.

#[inline(never)]
fn begin_to_count() {
    black_box("begin");
}

#[inline(never)]
fn end_of_count() {
    black_box("end");
}

/// Runs `walk`, which calls [`counted`] once.
#[inline(never)]
pub(crate) fn walk(paths: &[Path], times: u32) {
    for walk in walks(paths) {
        walk(times);
        walk(times * LONGER);
    }
}

/// All ways, in the order in which they are walked.
fn walks(paths: &[Path]) -> impl Iterator<Item = fn(u32)> {
    paths.iter().flat_map(|path| [path.ours].into_iter().chain(path.peer.as_ref().map(|peer| peer.walk)))
}

/// Counts all paths.
pub(crate) fn count(paths: &'static [Path]) -> Result<Vec<Counted>, String> {
    let folder = std::env::temp_dir().join(format!("mtaio-paths-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let result = watch(&folder).and_then(|()| read(&folder, 2 * walks(paths).count()));
    // What is left of it is in a folder for such things.
    let _ = fs::remove_dir_all(&folder);
    let each: Vec<_> =
        result?.chunks(2).map(|two| (two[1] - two[0]) as f64 / f64::from(TIMES * (LONGER - 1))).collect();
    let mut each = each.into_iter();
    let mut next = || each.next().expect("a count for each walk");
    let counted = paths.iter().map(|path| {
        let ours = next();
        Counted { name: path.name, ours, peer: path.peer.as_ref().map(|peer| (peer, next())) }
    });
    Ok(counted.collect())
}

/// Runs this program under callgrind.
fn watch(folder: &File) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--zero-before=*begin_to_count*", "--dump-before=*end_of_count*"])
        .arg(format!("--callgrind-out-file={}/out", folder.display()))
        .arg(program)
        .arg(format!("--walk={TIMES}"))
        .output()
        .map_err(|error| format!("valgrind does not run: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// What was counted in each call: `out.1`, `out.2` and so on.
fn read(folder: &File, calls: usize) -> Result<Vec<u64>, String> {
    let total = |call: usize| {
        let file = folder.join(format!("out.{call}"));
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        total(&text).ok_or_else(|| format!("{}: no count", file.display()))
    };
    let counts = (1..=calls).map(total).collect::<Result<Vec<_>, _>>()?;
    // One more, and numbers belong to other calls than it seems.
    match folder.join(format!("out.{}", calls + 1)).exists() {
        true => Err("callgrind saw more calls than there are".into()),
        false => Ok(counts),
    }
}

/// The instructions of one call.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals: ")).and_then(|count| count.trim().parse().ok())
}

#[test]
fn the_total_of_a_call_is_found() {
    assert_eq!(total("desc: Trigger: --dump-before=x\n\nfn=(1) x\n1 2\n\ntotals: 4711\n"), Some(4711));
    assert_eq!(total("totals: \n"), None);
}
