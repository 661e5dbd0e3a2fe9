//! The conformance suite of `mtaio-core`, on every runtime of ours.

use core::future::Future;

use mtaio_core::conformance;
use mtaio_core::conformance::Harness;
use mtaio_core::runtime::VirtualRuntime;
use mtaio_smol::SmolRuntime;
use mtaio_std_compat::AsyncStdRuntime;
use mtaio_std_compat::thread::ThreadRuntime;
use mtaio_tokio::TokioRuntime;
use tokio::runtime::{Builder, Runtime};

/// Declares a harness on a runtime of tokio.
macro_rules! on_tokio {
    ($name:ident, is_virtual: $is_virtual:literal, $builder:expr) => {
        struct $name(Runtime);

        impl Default for $name {
            fn default() -> Self {
                Self($builder.enable_time().build().expect("a runtime"))
            }
        }

        impl Harness for $name {
            type Runtime = TokioRuntime;
            const VIRTUAL: bool = $is_virtual;

            fn runtime(&self) -> TokioRuntime {
                TokioRuntime
            }

            fn block_on<F: Future>(&self, future: F) -> F::Output {
                self.0.block_on(future)
            }
        }
    };
}

on_tokio!(TokioMultiThread, is_virtual: false, Builder::new_multi_thread().worker_threads(2));
on_tokio!(TokioCurrentThread, is_virtual: false, Builder::new_current_thread());
on_tokio!(TokioPaused, is_virtual: true, Builder::new_current_thread().start_paused(true));

/// Declares a harness on a runtime that is everywhere.
macro_rules! on_global {
    ($name:ident, $runtime:ident, $block_on:path) => {
        #[derive(Default)]
        struct $name;

        impl Harness for $name {
            type Runtime = $runtime;

            fn runtime(&self) -> $runtime {
                $runtime
            }

            fn block_on<F: Future>(&self, future: F) -> F::Output {
                $block_on(future)
            }
        }
    };
}

on_global!(Smol, SmolRuntime, smol::block_on);
on_global!(AsyncStd, AsyncStdRuntime, async_std::task::block_on);
on_global!(Threads, ThreadRuntime, mtaio_std_compat::thread::block_on);

/// Virtual time, with what is ready at once permuted by the seed.
struct Virtual<const SEED: u64>(VirtualRuntime);

impl<const SEED: u64> Default for Virtual<SEED> {
    fn default() -> Self {
        Self(VirtualRuntime::with_seed(SEED))
    }
}

impl<const SEED: u64> Harness for Virtual<SEED> {
    type Runtime = VirtualRuntime;
    const VIRTUAL: bool = true;

    fn runtime(&self) -> VirtualRuntime {
        self.0.clone()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

conformance! { mod tokio_multi_thread = TokioMultiThread }
conformance! { mod tokio_current_thread = TokioCurrentThread }
conformance! { mod tokio_paused = TokioPaused }
conformance! { mod smol_global = Smol }
conformance! { mod async_std_global = AsyncStd }
conformance! { mod plain_threads = Threads }
conformance! { mod virtual_in_order = Virtual<0> }
conformance! { mod virtual_seed_1 = Virtual<1> }
conformance! { mod virtual_seed_2 = Virtual<2> }
