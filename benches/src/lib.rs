//! The benches are in `benches/`, one file a subject.
