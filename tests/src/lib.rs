//! Nothing: the tests are in `tests/`, one file a subject.
