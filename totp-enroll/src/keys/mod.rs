//! `keys`: creates this machine's keyring, lists and rotates its keys, stores enrolments again under them, seals it to the machine, and backs it up.

mod backup;
mod init;
mod merge;
mod restore;
mod restore_check;
mod rotate;
mod seal;
mod sealed_keyring;
mod tpm_lockout;
mod upgrade;

pub(crate) use sealed_keyring::opened as sealed;

use crate::cli::Keys;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use rotate::SkippedEnrolment;
use serde::Serialize;
use totp_core::keyring::rotation::{Census, Skipped};
use totp_core::keyring::{OpenError, count_tokens};

pub(crate) fn run(context: &Context, command: &Keys) -> Result<(), CommandError> {
    match command {
        Keys::Init { if_missing, force } => init::run(context, *if_missing, *force),
        Keys::List => list(context),
        Keys::Rotate { new_key } => rotate::run(context, *new_key),
        Keys::Upgrade => upgrade::run(context),
        Keys::Seal(options) => seal::seal(context, options),
        Keys::Open => seal::open(context),
        Keys::Unseal => seal::unseal(context),
        Keys::Backup { file, passphrase } => backup::run(context, file, passphrase),
        Keys::Restore { file, passphrase, merge: true, .. } => merge::run(context, file, passphrase),
        Keys::Restore { file, passphrase, replace, .. } => restore::run(context, file, passphrase, *replace),
    }
}

#[derive(Serialize)]
struct KeyList {
    keys: Vec<ListedKey>,
    /// Keys that enrolments name but the keyring lacks.
    missing: Vec<MissingKey>,
    /// Enrolments that cannot be read, and may name any key, or that their key does not open.
    broken: Vec<SkippedEnrolment>,
}

#[derive(Serialize)]
struct ListedKey {
    id: String,
    active: bool,
    /// `null` in a keyring of a version that did not record it.
    created: Option<String>,
    enrolments: usize,
    /// Tokens of the inventory.
    tokens: usize,
}

#[derive(Serialize)]
struct MissingKey {
    id: String,
    enrolments: usize,
}

fn list(context: &Context) -> Result<(), CommandError> {
    let keyring = context.keyring()?;
    let mut shut = Vec::new();
    let Census { mut named, mut unreadable } = Census::of(&context.store, |credential| {
        // A missing key is listed as such.
        if let Err(error @ OpenError::DoesNotOpen { .. }) = credential.check_seals(&keyring) {
            shut.push(Skipped { user: Some(credential.owner().user.clone()), why: error.into() });
        }
    })?;
    unreadable.append(&mut shut);
    let (mut tokens, unread) = count_tokens(&context.store)?;
    unreadable.extend(unread.into_iter().map(Skipped::from));
    let key = |key: &totp_core::keyring::Key| ListedKey {
        id: key.id().to_owned(),
        active: key.id() == keyring.active(),
        created: key.created().map(|created| created.to_string()),
        enrolments: named.remove(key.id()).unwrap_or(0),
        tokens: tokens.remove(key.id()).unwrap_or(0),
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
        let Self { id, active, created, enrolments, tokens } = self;
        let active = if *active { " (active)" } else { "" };
        let created = created.as_ref().map_or_else(String::new, |created| format!(", created {created}"));
        let tokens = match tokens {
            0 => String::new(),
            tokens => format!(", {}", output::count(*tokens, "token")),
        };
        format!("{id}{active}: {}{tokens}{created}", output::count(*enrolments, "enrolment"))
    }
}

impl KeyList {
    fn failure(&self, context: &Context) -> Result<(), CommandError> {
        let missing = self.missing.iter().map(|MissingKey { id, enrolments }| {
            let enrolments = output::count_with(*enrolments, "enrolment", ("is", "are"));
            format!("lacks the key \"{id}\", with which {enrolments} sealed; restore a keyring that has it")
        });
        let broken = (!self.broken.is_empty()).then(|| {
            format!(
                "{} cannot be read and may need any of the keys",
                output::count(self.broken.len(), "enrolment")
            )
        });
        let problems: Vec<String> = missing.chain(broken).collect();
        if problems.is_empty() {
            return Ok(());
        }
        let failure = CommandError::refused(problems.join("; ")).at(context.keyring_text()?.0, None);
        Err(output::reported(context.format, failure))
    }
}
