//! The crates beside their peers, on the same work.
//!
//! A [`Row`] is a work, who does it, and what is promised. Each is written once, in [`rows`], and measured by two programs: criterion
//! looks at one contender long enough to see a change (`cargo bench -p mtaio-benches`), and the report runs all of them in turns, so
//! that what disturbs the machine disturbs everybody (`cargo run --release -p mtaio-benches`).
//!
//! Two more programs count the instructions of the hot paths (`--bin paths`), and measure how cost grows (`--bin scaling`). What more
//! than one of them needs is here.
//!
//! Every contender checks what it did: how many, and in which order where that is promised.

extern crate alloc;

pub mod by_hand;
pub mod cpu;
pub mod crowd;
mod floor;
pub mod heap;
pub mod host;
pub mod limiters;
pub mod numbers;
mod peers;
mod row;
pub mod rows;
pub mod still;

pub use row::{Against, Bound, Contender, Effort, Goal, Role, Row, Scale, Unit, Work};

/// The compiler that built this, as it names itself.
pub const COMPILER: &str = env!("COMPILER");
