//! The errors of a store, the same for every engine: each variant asks for a different reaction.

use crate::document::DocumentError;

/// Why the store has no answer. Never the same as "not enrolled".
///
/// `about` is the engine's name of the thing: a path, say, or a key. `problem` is what is wrong with it and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process held it for all of the patience. Nothing was changed: try again.
    #[error("{about}: {problem}")]
    Busy {
        /// What it is about.
        about: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The store could not be reached. Nothing was changed: try again, or try another server.
    #[error("{about}: {problem}")]
    Unreachable {
        /// What it is about.
        about: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Another process changed the enrolment since it was read. Nothing was recorded: read it again and decide anew.
    #[error("the enrolment was changed at the same time: try again")]
    Conflict,
    /// The store was asked for a change, and it is unknown whether the change was made. Only the same request may be repeated.
    #[error("{about}: {problem}")]
    OutcomeUnknown {
        /// What it is about.
        about: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The content cannot be used: repair it, replace it, or restore it from a backup.
    #[error("{about}{}: {problem}", .line.map(|line| format!(" line {line}")).unwrap_or_default())]
    Corrupt {
        /// The document.
        about: String,
        /// The line, counted from one, if it is known.
        line: Option<usize>,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A user other than root could have changed it, or it does not belong to the store: an administrator has to look.
    #[error("{about}: {problem}")]
    Unsafe {
        /// What it is about.
        about: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A system call failed: a full disk, say, or a limit.
    #[error("{about}: {problem}")]
    System {
        /// What it is about.
        about: String,
        /// What was attempted and why it failed.
        problem: String,
    },
}

impl StoreError {
    /// The engine's name of what it is about.
    #[must_use]
    pub fn about(&self) -> &str {
        let (about, _) = self.parts();
        about
    }

    /// The line, if it is known.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Corrupt { line, .. } => *line,
            Self::Busy { .. }
            | Self::Unreachable { .. }
            | Self::Conflict
            | Self::OutcomeUnknown { .. }
            | Self::Unsafe { .. }
            | Self::System { .. } => None,
        }
    }

    /// What is wrong and what to do, without what it is about.
    #[must_use]
    pub fn problem(&self) -> &str {
        let (_, problem) = self.parts();
        problem
    }

    fn parts(&self) -> (&str, &str) {
        match self {
            Self::Busy { about, problem }
            | Self::Unreachable { about, problem }
            | Self::OutcomeUnknown { about, problem }
            | Self::Corrupt { about, problem, .. }
            | Self::Unsafe { about, problem }
            | Self::System { about, problem } => (about, problem),
            Self::Conflict => ("the enrolment", "was changed at the same time: try again"),
        }
    }
}

impl From<DocumentError> for StoreError {
    fn from(DocumentError { about, line, problem }: DocumentError) -> Self {
        Self::Corrupt { about, line, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_it_is_about_the_line_and_the_problem() {
        let (about, problem) = (|| "/f".to_owned(), || "is odd".to_owned());
        let document = DocumentError { about: about(), line: Some(7), problem: problem() };
        for (error, line) in [
            (StoreError::Busy { about: about(), problem: problem() }, None),
            (StoreError::Unreachable { about: about(), problem: problem() }, None),
            (StoreError::OutcomeUnknown { about: about(), problem: problem() }, None),
            (StoreError::Corrupt { about: about(), line: None, problem: problem() }, None),
            (StoreError::from(document), Some(7)),
            (StoreError::Unsafe { about: about(), problem: problem() }, None),
            (StoreError::System { about: about(), problem: problem() }, None),
        ] {
            assert_eq!((error.about(), error.line(), error.problem()), ("/f", line, "is odd"));
            let line = line.map(|line| format!(" line {line}")).unwrap_or_default();
            assert_eq!(error.to_string(), format!("/f{line}: is odd"));
        }
        let conflict = StoreError::Conflict;
        assert_eq!(conflict.to_string(), format!("{} {}", conflict.about(), conflict.problem()));
    }
}
