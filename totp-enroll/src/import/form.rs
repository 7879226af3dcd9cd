//! The kinds of file that enrolments are taken over from, and what is different about each.

use super::token::Token;
use super::{migration, oath, uri};

/// What a line is, and whose.
pub(super) enum Form {
    /// The users file of pam_oath.
    Oath,
    /// `otpauth://` and `otpauth-migration://` URIs. Where there is a name it stands in for that in the label.
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

    /// Parses a line: what it says, each by itself; nothing where it says nothing. A problem repeats no value of the line.
    pub(super) fn parse(&self, line: &[u8]) -> Vec<Result<Token, String>> {
        match self {
            Self::Oath => one(oath::parse(line)),
            Self::Uri(user) if migration::is_export(line) => match migration::parse(line, user.as_deref()) {
                Ok(tokens) => {
                    tokens.into_iter().map(|token| token.map_err(|problem| problem.to_string())).collect()
                }
                Err(problem) => vec![Err(problem.to_string())],
            },
            Self::Uri(user) => one(uri::parse(line, user.as_deref())),
        }
    }

    /// Which part of an export a line is, where it is one of several.
    pub(super) fn part(&self, line: &[u8]) -> Option<migration::Part> {
        match self {
            Self::Oath => None,
            Self::Uri(_) => migration::is_export(line).then(|| migration::part(line))?,
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

fn one<P: std::fmt::Display>(parsed: Result<Option<Token>, P>) -> Vec<Result<Token, String>> {
    parsed.map_err(|problem| problem.to_string()).transpose().into_iter().collect()
}
