//! A crate that needs std, and for that reason must not link into a program without it.

/// Anything that only std has.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
