//! The errors of this crate, with path and errno. Outside of it they are a `StoreError`, which has the same in words.

use nix::errno::Errno;
use std::path::PathBuf;
use totp_core::DocumentError;
use totp_core::store::StoreError;

/// Why a file or a directory cannot be used.
#[derive(Debug)]
pub(crate) enum FileError {
    /// A system call failed.
    System {
        /// The file or directory.
        file: PathBuf,
        /// What was attempted, as an infinitive.
        action: &'static str,
        /// The system's error.
        source: Errno,
    },
    /// Another user than root could have changed it, or it is of the wrong kind.
    Unsafe {
        /// The file or directory.
        file: PathBuf,
        /// What is wrong with it and what to do.
        problem: &'static str,
    },
    /// Another process held it for all of the patience.
    Busy {
        /// The file.
        file: PathBuf,
        /// What to do.
        problem: &'static str,
    },
    /// Its content cannot be used.
    Document(DocumentError),
}

impl From<DocumentError> for FileError {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        let about = |file: PathBuf| file.display().to_string();
        match error {
            FileError::System { file, action, source } => {
                Self::System { about: about(file), problem: format!("cannot {action}: {}", source.desc()) }
            }
            FileError::Unsafe { file, problem } => {
                Self::Unsafe { about: about(file), problem: problem.to_owned() }
            }
            FileError::Busy { file, problem } => {
                Self::Busy { about: about(file), problem: problem.to_owned() }
            }
            FileError::Document(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_error_says_which_file_and_what_is_wrong() {
        let file = || PathBuf::from("/f");
        for (error, said) in [
            (
                FileError::System { file: file(), action: "read", source: Errno::EIO },
                "/f: cannot read: I/O error",
            ),
            (FileError::Unsafe { file: file(), problem: "is loose" }, "/f: is loose"),
            (FileError::Busy { file: file(), problem: "is held" }, "/f: is held"),
            (
                DocumentError { about: "/f".to_owned(), line: Some(7), problem: "is odd".to_owned() }.into(),
                "/f line 7: is odd",
            ),
        ] {
            assert_eq!(StoreError::from(error).to_string(), said);
        }
    }
}
