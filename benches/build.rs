//! Tells the programs which compiler built them: instructions are counted for one compiler.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = std::env::var("RUSTC").expect("cargo names its compiler");
    let version = Command::new(rustc).arg("--version").output().expect("the compiler says its version");
    println!("cargo::rustc-env=COMPILER={}", String::from_utf8_lossy(&version.stdout).trim());
}
