//! `keys init`: creates this machine's keyring, unless there is one or something here needs another one.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use totp_core::audit_event::Name;
use totp_core::keyring::{Keyring, each_token};
use totp_core::store::{Engine, StoreError, Users};
use totp_host::config_and_keyring::KeyringFiles;
use totp_host::documents::create_document;
use totp_host::machine::{self, OsEntropy};

pub(super) fn run(context: &Context, if_missing: bool, force: bool) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct InitReport {
        keyring: String,
        made: bool,
    }
    let unchanged = |file: &Path| match context.format {
        Format::Text => output::line(&format!(
            "{} is this machine's keyring already; nothing was changed",
            file.display()
        )),
        Format::Json => output::document(&InitReport { keyring: file.display().to_string(), made: false }),
    };
    context.store.prepare()?;
    let file = &context.config.paths.keyring;
    let files = KeyringFiles::of(&context.config.paths);
    if files.is_sealed() {
        if if_missing {
            return unchanged(&files.sealed());
        }
        let problem = "is this machine's sealed keyring already; nothing was changed, because the enrolments cannot be opened without it";
        return Err(CommandError::refused(problem).at(files.sealed(), None));
    }
    if file.symlink_metadata().is_err() {
        if files.opened.symlink_metadata().is_ok() {
            let problem = "is the keyring in use, but the sealed keyring that it was opened from is gone; nothing was changed: run \"totp-enroll keys unseal\" to store it";
            return Err(CommandError::refused(problem).at(files.opened, None));
        }
        if !force {
            check_nothing_is_sealed(context, file)?;
        }
    }
    let text = Keyring::generate(machine::created(machine::now()?)?, &mut OsEntropy)
        .map_err(|error| CommandError::refused(error.to_string()))?;
    if !create_document(file, &text)? {
        if if_missing {
            return unchanged(file);
        }
        let problem =
            "exists already; nothing was changed, because the enrolments cannot be opened without it";
        return Err(CommandError::refused(problem).at(file, None));
    }
    context.audit(&context.keyring_event(Name::KeyringCreated, file));
    let keyring = file.display().to_string();
    match context.format {
        Format::Text => output::line(&format!(
            "created {keyring}; back it up, and keep it apart from the backups of the enrolments"
        ))?,
        Format::Json => output::document(&InitReport { keyring, made: true })?,
    }
    Ok(())
}

/// A keyring that is missing where people are enrolled was lost. A new one in its place would hide that, and what is enrolled with
/// it stands in the way of the lost one when it is found.
fn check_nothing_is_sealed(context: &Context, file: &Path) -> Result<(), CommandError> {
    // A file of another name than an enrolment's is none; one that cannot be read is.
    let is_enrolment = |user: &Result<_, StoreError>| !matches!(user, Err(StoreError::Unsafe { .. }));
    let enrolments = context.store.enrolled()?.filter(is_enrolment).count();
    let mut tokens = 0_usize;
    each_token(&context.store, |_| tokens = tokens.saturating_add(1))?;
    let sealed = match (enrolments, tokens) {
        (0, 0) => return Ok(()),
        (_, 0) => output::count(enrolments, "enrolment"),
        (0, _) => output::count(tokens, "token"),
        _ => format!("{} and {}", output::count(enrolments, "enrolment"), output::count(tokens, "token")),
    };
    let problem = format!(
        "is missing, and a new keyring could not decrypt what the missing one sealed ({sealed}); nothing was changed: restore it with \"totp-enroll keys restore FILE\"; if there is no backup, --force creates a new keyring, and then everyone has to be enrolled again"
    );
    Err(CommandError::refused(problem).at(file, None))
}
