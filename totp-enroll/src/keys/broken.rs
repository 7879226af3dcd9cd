//! An enrolment that `keys` cannot count or seal anew, for people and as a document.

use crate::context::Context;
use crate::output;
use serde::Serialize;
use totp_core::keyring::rotation::{Skipped, SkippedError};
use totp_core::store::{Document, Users};

/// An enrolment that cannot be read, or was left as it is.
#[derive(Serialize)]
pub(super) struct Broken {
    /// `null`: a file that is nobody's.
    user: Option<String>,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    problem: String,
}

impl Broken {
    pub(super) fn of(context: &Context, left: &Skipped) -> Self {
        let Skipped { user, why } = left;
        let credential = user.as_ref().map(|user| context.store.name_of(Document::Credential, user));
        let (file, line, problem) = match why {
            SkippedError::Store(error) => {
                (error.about().to_owned(), error.line(), error.problem().to_owned())
            }
            SkippedError::Open(_) | SkippedError::Busy | SkippedError::Changing | SkippedError::NoLedger => {
                (credential.unwrap_or_default(), None, why.to_string())
            }
        };
        let user = user.as_ref().map(|user| user.as_str().to_owned());
        Self { user, file, line, problem }
    }

    pub(super) fn remark(&self) {
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{user}: "));
        let line = self.line.map_or_else(String::new, |line| format!(" line {line}"));
        output::remark(&format!("{user}{}{line}: {}", self.file, self.problem));
    }
}
