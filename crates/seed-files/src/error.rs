//! Why a file of seeds is refused.

/// Why a file of seeds is refused. It repeats no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SeedFileError {
    /// The line of the file, from 1.
    pub line: usize,
    /// What is wrong, and what to do about it; one line.
    pub problem: String,
}

impl SeedFileError {
    pub(crate) fn new(line: usize, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}
