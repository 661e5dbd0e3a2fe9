use alloc::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use clap::{Parser as _, ValueEnum as _};

use super::*;
use crate::policies::Kind;

/// A folder that is gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("policy-lab-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lab(arguments: &[&str]) -> Result<(), String> {
    let options = Options::try_parse_from([&["policy_lab"], arguments].concat()).map_err(|error| error.to_string())?;
    run(&options).map_err(|error| error.to_string())
}

fn shipped() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/policy_lab/trace.csv")
}

#[test]
fn the_trace_that_is_shipped_is_that_of_its_generator() {
    assert_eq!(fs::read_to_string(shipped()).unwrap(), recorded::made_up());
}

#[test]
fn a_trace_is_replayed_and_drawn() {
    let folder = Folder::new("replay");
    let (svg, json) = (folder.file("a.svg"), folder.file("a.json"));
    lab(&["--trace", shipped(), "--seeds", "1", "--policies", "fixed,elastic", "--svg", &svg, "--json", &json])
        .unwrap();
    let picture = fs::read_to_string(svg).unwrap();
    for text in
        ["served, per second", "latency, ms (log)", "time, seconds", "Elastic (default)", "what the server can do"]
    {
        assert!(picture.contains(text), "{text}");
    }
    assert!(fs::read_to_string(json).unwrap().contains("\"goodput\""));
}

#[test]
fn files_and_values_that_are_wrong_are_named() {
    let folder = Folder::new("wrong");
    let unsorted = folder.file("unsorted.csv");
    fs::write(&unsorted, "at_ms\n5\n1\n").unwrap();
    let cut = folder.file("cut.jsonl");
    fs::write(&cut, "{\"at_ms\": 1}\n{\"at_ms\": 2, \"serv").unwrap();
    let bytes = folder.file("bytes.csv");
    fs::write(&bytes, b"at_ms\n1\n\xff\n").unwrap();
    let calendar = folder.file("calendar.csv");
    fs::write(&calendar, "at_ms\n1780000000000\n").unwrap();
    let nothing = folder.file("nothing.csv");
    fs::write(&nothing, "at_ms,service_ms\n1,0\n").unwrap();
    for (arguments, message) in [
        (&["--trace", &folder.file("none.csv")][..], "none.csv: "),
        (&["--trace", &unsorted], "unsorted.csv: line 3: at_ms is 1, before the 5 of the row above"),
        (&["--trace", &cut], "cut.jsonl: line 2: "),
        (&["--trace", &bytes], "bytes.csv: line 3: this is no UTF-8"),
        (
            &["--trace", &calendar],
            "calendar.csv: the last request comes after 20601 days; at_ms is since the beginning",
        ),
        (&["--trace", &nothing], "nothing.csv: the mean time of service in seconds is 0"),
        (&["--trace", shipped(), "--scenario", "slow"], "cannot be used with '--scenario"),
        (&["--study", "--svg", "x.svg"], "cannot be used with"),
        (&["--trace", shipped(), "--workers", "0"], "the number of workers is 0"),
        (&["--trace", shipped(), "--service-ms=-1"], "--service-ms -1: "),
        (&["--scenario", "nothing"], "there is no scenario `nothing`; there are overload, slow"),
        (&["--seeds", "0"], "'--seeds <SEEDS>'"),
        (&["--policies", "magic"], "'magic'"),
    ] {
        let error = lab(arguments).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn each_policy_has_a_name_of_its_own() {
    let kinds = Kind::value_variants();
    let names: BTreeSet<_> = kinds.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), kinds.len());
}
