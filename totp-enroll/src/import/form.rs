//! The kinds of file that enrolments are taken over from, and what is different about each.

use super::token::Token;
use super::{oath, uri};

/// What a line is, and whose.
pub(super) enum Form {
    /// The users file of pam_oath.
    Oath,
    /// `otpauth://` URIs. Where there is a name it stands in for that in the label.
    Uri(Option<String>),
}

impl Form {
    /// As the log and the authenticators' labels name it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Oath => "oath",
            Self::Uri(_) => "uri",
        }
    }

    /// Parses a line; `None` where it says nothing. A problem repeats no value of the line.
    pub(super) fn parse(&self, line: &[u8]) -> Result<Option<Token>, String> {
        match self {
            Self::Oath => oath::parse(line).map_err(|problem| problem.to_string()),
            Self::Uri(user) => uri::parse(line, user.as_deref()).map_err(|problem| problem.to_string()),
        }
    }

    /// Whether several lines of one user are several authenticators. pam_oath accepts the codes of each; of two URIs of one
    /// account nobody knows which is the app that is in use.
    pub(super) fn has_several_of_one_user(&self) -> bool {
        match self {
            Self::Oath => true,
            Self::Uri(_) => false,
        }
    }
}
