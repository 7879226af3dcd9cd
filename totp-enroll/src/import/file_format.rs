//! The file formats that are imported line by line, and how they differ.

use super::imported_authenticator::ImportedAuthenticator;
use super::lines::BadLine;
use super::name_map::Naming;
use super::{migration, oath, uri};
use std::collections::{BTreeMap, BTreeSet};

/// The format of a file.
pub(super) enum FileFormat {
    /// The users file of pam_oath.
    Oath,
    /// `otpauth://` and `otpauth-migration://` URIs; the name, if any, replaces the account in the label.
    Uri(Option<String>),
}

impl FileFormat {
    /// The name in the log and in the authenticators' labels.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Oath => "oath",
            Self::Uri(_) => "uri",
        }
    }

    /// Parses a line: each authenticator in it, or why it cannot be imported. Errors do not repeat values of the line.
    pub(super) fn parse(&self, line: &[u8]) -> Vec<Result<ImportedAuthenticator, String>> {
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

    /// How the account of a line can be named.
    pub(super) fn naming(&self) -> Naming {
        match self {
            Self::Oath => Naming::Map,
            Self::Uri(None) => Naming::UserOrMap,
            Self::Uri(Some(_)) => Naming::Given,
        }
    }

    /// Which part of an export the line is, if the export has several.
    pub(super) fn part(&self, line: &[u8]) -> Option<migration::ExportPart> {
        match self {
            Self::Oath => None,
            Self::Uri(_) => migration::is_export(line).then(|| migration::part(line))?,
        }
    }

    /// Whether several lines of one user and one kind of factor are several authenticators. pam_oath accepts codes of all of them;
    /// of two URIs of one account, one may be outdated. A phone beside a counter token is not.
    pub(super) fn allows_several_of_a_kind(&self) -> bool {
        match self {
            Self::Oath => true,
            Self::Uri(_) => false,
        }
    }
}

fn one<P: std::fmt::Display>(
    parsed: Result<Option<ImportedAuthenticator>, P>,
) -> Vec<Result<ImportedAuthenticator, String>> {
    parsed.map_err(|problem| problem.to_string()).transpose().into_iter().collect()
}

/// The exports of one file, to find those of which a QR code is missing.
#[derive(Default)]
pub(super) struct Exports(BTreeMap<i32, PartialExport>);

struct PartialExport {
    first_line: usize,
    of: usize,
    seen: BTreeSet<usize>,
}

impl Exports {
    /// Counts the QR code in `line`.
    pub(super) fn note(&mut self, part: migration::ExportPart, line: usize) {
        let export = PartialExport { first_line: line, of: part.of, seen: BTreeSet::new() };
        self.0.entry(part.id).or_insert(export).seen.insert(part.index);
    }

    /// The first line of each export that is incomplete.
    pub(super) fn incomplete(self) -> impl Iterator<Item = BadLine> {
        self.0.into_values().filter(|export| export.seen.len() < export.of).map(|export| {
            let PartialExport { first_line, of, seen } = export;
            let missing = of.saturating_sub(seen.len());
            let problem = format!(
                "is one of {of} QR codes of an export, of which this file lacks {missing}; add the rest, or export again"
            );
            BadLine { line: first_line, problem }
        })
    }
}
