//! `keys list`: the keys by id, and how many enrolments each has sealed.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::keyring::rotation::{Census, Skipped, SkippedError};
use totp_core::store::{Document, Users};

#[derive(Serialize)]
struct KeyList {
    keys: Vec<ListedKey>,
    /// Keys that enrolments name but the keyring lacks.
    missing: Vec<MissingKey>,
    /// Enrolments that cannot be read; they may name any key.
    broken: Vec<SkippedEnrolment>,
}

#[derive(Serialize)]
struct ListedKey {
    id: String,
    active: bool,
    /// `null` in a keyring of a version that did not record it.
    created: Option<String>,
    enrolments: usize,
}

#[derive(Serialize)]
struct MissingKey {
    id: String,
    enrolments: usize,
}

pub(super) fn run(context: &Context) -> Result<(), CommandError> {
    let keyring = context.keyring()?;
    let Census { mut named, unreadable } = Census::of(&context.store, |_| {})?;
    let key = |key: &totp_core::keyring::Key| ListedKey {
        id: key.id().to_owned(),
        active: key.id() == keyring.active(),
        created: key.created().map(|created| created.to_string()),
        enrolments: named.remove(key.id()).unwrap_or(0),
    };
    let document = KeyList {
        keys: keyring.keys().iter().map(key).collect(),
        missing: named.into_iter().map(|(id, enrolments)| MissingKey { id, enrolments }).collect(),
        broken: unreadable.iter().map(|left| SkippedEnrolment::of(context, left)).collect(),
    };
    match context.format {
        Format::Json => output::document(&document)?,
        Format::Text => {
            document.keys.iter().try_for_each(|key| output::line(&key.line()))?;
            document.broken.iter().for_each(SkippedEnrolment::remark);
        }
    }
    document.failure(context)
}

impl ListedKey {
    fn line(&self) -> String {
        let Self { id, active, created, enrolments } = self;
        let active = if *active { " (active)" } else { "" };
        let created = created.as_ref().map_or_else(String::new, |created| format!(", created {created}"));
        format!("{id}{active}: {enrolments} enrolments{created}")
    }
}

impl KeyList {
    fn failure(&self, context: &Context) -> Result<(), CommandError> {
        let missing = self.missing.iter().map(|MissingKey { id, enrolments }| {
            format!("lacks the key \"{id}\", with which {enrolments} enrolments are sealed; restore a keyring that has it")
        });
        let broken = (!self.broken.is_empty())
            .then(|| format!("{} enrolments cannot be read and may need any of the keys", self.broken.len()));
        let problems: Vec<String> = missing.chain(broken).collect();
        if problems.is_empty() {
            return Ok(());
        }
        let failure = CommandError::refused(problems.join("; ")).at(context.keyring_text()?.0, None);
        Err(if context.format == Format::Json { failure.reported() } else { failure })
    }
}

/// An enrolment that cannot be read, or was not resealed; also printed by `keys rotate`.
#[derive(Serialize)]
pub(super) struct SkippedEnrolment {
    /// `null`: the file's name is not that of a user.
    user: Option<String>,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    problem: String,
}

impl SkippedEnrolment {
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
