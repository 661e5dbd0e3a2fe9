//! One suite that any runtime can be held against, and with it every limiter that waits on it.
//!
//! It checks the numbered MUSTs of [`runtime`](crate::runtime), what the limiters promise, vectors whose outcome is known, the
//! defects that other limiters have, and bad input. A test file of a few lines runs all of it:
//!
//! ```
//! use core::future::Future;
//! use mtaio_core::conformance::Harness;
//! use mtaio_core::runtime::VirtualRuntime;
//!
//! #[derive(Default)]
//! struct Virtual(VirtualRuntime);
//!
//! impl Harness for Virtual {
//!     type Runtime = VirtualRuntime;
//!     const VIRTUAL: bool = true;
//!
//!     fn runtime(&self) -> VirtualRuntime {
//!         self.0.clone()
//!     }
//!
//!     fn block_on<F: Future>(&self, future: F) -> F::Output {
//!         self.0.block_on(future)
//!     }
//! }
//!
//! mtaio_core::conformance! { mod virtual_time = Virtual }
//! # fn main() {}
//! ```
//!
//! Each check is a `#[test]` of the module that the macro makes, and stands in the list at the top of its file. On a real runtime no check asserts a time; a watchdog ends those
//! that hang.

mod gate;
mod hand;
mod pipe;
mod probe;
mod rig;

#[doc(hidden)]
pub mod adaptive;
#[doc(hidden)]
pub mod bad_input;
#[doc(hidden)]
pub mod cascade;
#[doc(hidden)]
pub mod combined;
#[doc(hidden)]
pub mod concurrency;
#[doc(hidden)]
pub mod crowd;
#[doc(hidden)]
pub mod debt;
#[doc(hidden)]
pub mod group;
#[doc(hidden)]
pub mod io;
#[doc(hidden)]
pub mod keyed;
#[doc(hidden)]
pub mod keyed_slots;
#[doc(hidden)]
pub mod keyed_snapshots;
#[doc(hidden)]
pub mod lease;
#[doc(hidden)]
pub mod moved;
#[doc(hidden)]
pub mod peers;
#[doc(hidden)]
pub mod policies;
#[doc(hidden)]
pub mod rate;
#[doc(hidden)]
pub mod resource;
#[doc(hidden)]
pub mod runtime;
#[doc(hidden)]
pub mod scope;
#[doc(hidden)]
pub mod shield;
#[doc(hidden)]
pub mod snapshots;
#[doc(hidden)]
pub mod timeout;
#[doc(hidden)]
pub mod vectors;
#[doc(hidden)]
pub mod ways;

use alloc::string::String;
use core::future::Future;
use core::time::Duration;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

pub use rig::Rig;

use crate::runtime::Runtime;

/// How long a check may take. It says nothing about speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the suite gets at a runtime. Each check makes a harness of its own, on a thread of its own.
pub trait Harness: Default + 'static {
    /// The runtime under test.
    type Runtime: Runtime;

    /// Whether time is virtual: it stands still while anything runs and goes on by itself when nothing does. Then times are
    /// asserted too, to the [granularity](crate::runtime::Timer::granularity).
    const VIRTUAL: bool = false;

    /// The runtime that limiters are made with.
    fn runtime(&self) -> Self::Runtime;

    /// Drives the runtime until `future` is done.
    fn block_on<F: Future>(&self, future: F) -> F::Output;
}

/// Runs one check: what the tests of [`conformance!`](crate::conformance!) do.
///
/// # Panics
///
/// If the check fails, or does not end within a minute.
#[doc(hidden)]
pub fn check<H, F>(name: &'static str, check: fn(Rig<H>) -> F)
where
    H: Harness,
    F: Future<Output = ()> + 'static,
{
    let (ends, end) = channel::<()>();
    let body = thread::Builder::new().name(String::from(name)).spawn(move || {
        let _ends = ends;
        let harness = H::default();
        harness.block_on(check(Rig::new(&harness)));
    });
    let body = body.expect("a thread can be started");
    // Nothing is ever sent: the channel closes when the body ends, also by a panic.
    if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        panic!("{name}: not done after {PATIENCE:?}");
    }
    if let Err(panic) = body.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Makes a module with a test for each check of the suite: `conformance! { mod name = MyHarness }`.
///
/// See the [module](mod@crate::conformance) for an example.
#[macro_export]
macro_rules! conformance {
    (mod $name:ident = $harness:ty) => {
        mod $name {
            #[allow(unused_imports, reason = "the harness may be named by its full path")]
            use super::*;

            type Held = $harness;

            $crate::conformance_runtime! { Held }
            $crate::conformance_concurrency! { Held }
            $crate::conformance_combined! { Held }
            $crate::conformance_ways! { Held }
            $crate::conformance_debt! { Held }
            $crate::conformance_io! { Held }
            $crate::conformance_lease! { Held }
            $crate::conformance_rate! { Held }
            $crate::conformance_policies! { Held }
            $crate::conformance_snapshots! { Held }
            $crate::conformance_timeout! { Held }
            $crate::conformance_cascade! { Held }
            $crate::conformance_scope! { Held }
            $crate::conformance_moved! { Held }
            $crate::conformance_shield! { Held }
            $crate::conformance_crowd! { Held }
            $crate::conformance_vectors! { Held }
            $crate::conformance_peers! { Held }
            $crate::conformance_resource! { Held }
            $crate::conformance_group! { Held }
            $crate::conformance_keyed! { Held }
            $crate::conformance_keyed_slots! { Held }
            $crate::conformance_keyed_snapshots! { Held }
            $crate::conformance_adaptive! { Held }
            $crate::conformance_bad_input! { Held }
        }
    };
    (@checks $harness:ident $subject:ident { $($check:ident)* }) => {
        mod $subject {
            use super::$harness;

            $(#[test]
            fn $check() {
                $crate::conformance::check(
                    ::core::stringify!($check),
                    $crate::conformance::$subject::$check::<$harness>,
                );
            })*
        }
    };
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::string::String;
    use alloc::{format, vec::Vec};
    use std::fs;

    /// The files with checks, by name.
    fn subjects() -> Vec<(String, String)> {
        let folder =
            fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/conformance")).expect("the sources are here");
        let files = folder.map(|file| file.expect("a folder can be read").path());
        let sources = files.map(|path| {
            let source = fs::read_to_string(&path).expect("a source is text");
            (String::from(path.file_stem().and_then(|name| name.to_str()).expect("a plain name")), source)
        });
        sources.filter(|(_, source)| source.contains("\npub async fn ")).collect()
    }

    fn checks(source: &str) -> BTreeSet<&str> {
        let names = source.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split_once('<'));
        names.map(|(name, _)| name).collect()
    }

    #[test]
    fn every_check_is_in_the_list_of_its_file() {
        for (subject, source) in subjects() {
            let begins = format!("$crate::conformance! {{ @checks $harness {subject} {{");
            let (_, rest) = source.split_once(&begins).unwrap_or_else(|| panic!("{subject} has no list"));
            let (list, _) = rest.split_once('}').expect("a list ends");
            let listed: Vec<_> = list.split_whitespace().collect();
            assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), checks(&source), "{subject}");
            assert_eq!(listed.len(), checks(&source).len(), "{subject}: one is there twice");
        }
    }

    #[test]
    fn every_file_with_checks_is_in_the_suite() {
        let suite = include_str!("conformance.rs");
        for (subject, _) in subjects() {
            assert!(suite.contains(&format!("$crate::conformance_{subject}! {{ Held }}")), "{subject}");
        }
    }
}
