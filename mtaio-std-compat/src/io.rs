//! Limits on bytes: readers and writers of futures-io that wait for a cell for each byte.
//!
//! ```
//! use mtaio_std_compat::io::Limited;
//! use mtaio_std_compat::{Quota, RateLimiter};
//! use async_std::io::{Cursor, ReadExt};
//!
//! let limiter = RateLimiter::new(Quota::bytes_per_second(1_000_000));
//! let mut reader = Limited::new(Cursor::new(b"pong")).limit_reads(&limiter); // a `TcpStream`, usually
//! let mut answer = [0; 4];
//! async_std::task::block_on(reader.read_exact(&mut answer))?;
//! # assert_eq!(&answer, b"pong");
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! What is guaranteed is said in [`mtaio_core::io`].

use crate::AsyncStdRuntime;

/// A reader, a writer or both, whose bytes wait for cells: see [`mtaio_core::io::Limited`].
pub type Limited<S> = mtaio_core::io::Limited<S, AsyncStdRuntime>;

/// The bytes of one direction: see [`mtaio_core::io::Flow`].
pub type Flow = mtaio_core::io::Flow<AsyncStdRuntime>;
