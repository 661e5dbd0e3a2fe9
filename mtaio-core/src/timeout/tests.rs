//! The machinery of timeouts, where the conformance suite cannot get at it.

mod interleavings;
#[cfg(feature = "test-util")]
mod properties;
#[cfg(feature = "test-util")]
mod sequential;
#[cfg(feature = "test-util")]
mod strict;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::Future;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::runtime::tests::held::{Calls, Held};

const SECOND: Duration = Duration::from_secs(1);
