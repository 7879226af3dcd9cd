//! A line that cannot be taken over.

use serde::Serialize;

/// Which, and why.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) line: usize,
    pub(super) problem: String,
}
