//! The errors of a document: the file, the line, and what to do.

use std::path::{Path, PathBuf};

/// Why a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {problem}", file.display(), Line(*line))]
pub struct DocumentError {
    /// The file, as the caller named it.
    pub file: PathBuf,
    /// The line, counted from one, if there is one to name.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub problem: String,
}

struct Line(Option<usize>);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, " line {line}"))
    }
}

impl DocumentError {
    /// An error about the whole document.
    #[must_use]
    pub fn new(file: &Path, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, problem: problem.into() }
    }
}

/// An error at a position of a document.
#[derive(Debug)]
pub(crate) struct ParseError {
    pub(super) at: Option<usize>,
    pub(super) problem: String,
    /// Whether `problem` says what to do.
    pub(super) says_what_to_do: bool,
}

impl ParseError {
    pub(super) fn at(offset: usize, problem: impl Into<String>) -> Self {
        Self { at: Some(offset), problem: problem.into(), says_what_to_do: false }
    }

    /// An error whose text says what to do.
    pub(crate) fn complete(problem: impl Into<String>) -> Self {
        Self { at: None, problem: problem.into(), says_what_to_do: true }
    }
}
