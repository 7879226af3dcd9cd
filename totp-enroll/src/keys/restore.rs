//! `keys restore`: restores the keyring from a backup, if it opens enrolments of this machine and no needed key is lost.

use super::backup::{PassphraseUse, decrypted, key_ids, obtain_passphrase};
use super::restore_check::RestoreCheck;
use super::sealed_keyring::opened;
use crate::cli::Passphrase;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use totp_core::audit_event::{Event, Name};
use totp_core::keyring::Keyring;
use totp_core::random::Secret;
use totp_core::store::{Engine, StoreError};
use totp_host::config_and_keyring::KeyringFiles;
use totp_host::documents::{create_document, replace_document};

#[derive(Serialize)]
struct RestoreReport {
    keyring: String,
    keys: Vec<String>,
    /// Enrolments that can be opened with it.
    open: usize,
    /// Enrolments that cannot: they were sealed with another key, or cannot be read.
    shut: usize,
}

pub(super) fn run(
    context: &Context,
    file: &Path,
    from: &Passphrase,
    replace: bool,
) -> Result<(), CommandError> {
    let (keyring, text) = read_backup(context, file, from)?;
    let _rotating = context.lock_to_rotate()?;
    let _lock = context.lock_to_change_keys()?;
    let files = KeyringFiles::of(&context.config.paths);
    // A keyring that cannot be read, as with a wrong owner, may still be good: it has to be fixed first.
    let in_force = files.read()?;
    let present = in_force.as_ref().and_then(|(file, text)| Keyring::parse(file, text.expose()).ok());
    // If none is in use, a sealed keyring that opens comes first. One that does not open is what backups are for.
    let sealed = if present.is_none() { opened(&files).ok().flatten() } else { None };
    let hint = if sealed.is_some() {
        "; the sealed keyring can be opened: run \"totp-enroll keys open\" first"
    } else {
        ""
    };
    let present = match sealed {
        Some(text) => Some(Keyring::parse(&files.sealed(), text.expose()).map_err(StoreError::from)?),
        None => present,
    };
    let check = RestoreCheck::of(context, &keyring, present.as_ref())?;
    check
        .keeps_all(file)
        .map_err(|failure| failure.explained(|problem| format!("{problem}; --merge keeps the keys of both")))
        .and_then(|()| check.opens_some(file))
        .map_err(|failure| failure.explained(|problem| format!("{problem}{hint}")))?;
    match &in_force {
        Some((file, _)) if *file == files.opened => {
            let problem = "is sealed and in use; run \"totp-enroll keys unseal\" first";
            return Err(CommandError::refused(problem).at(files.sealed(), None));
        }
        Some((file, _)) if !replace => {
            let problem = match &present {
                Some(present) if present.lacks(&keyring).is_none() && keyring.lacks(present).is_none() => {
                    "exists already with the same keys and was not changed; use --replace to replace it"
                }
                Some(_) => {
                    "exists already with other keys and was not changed; use --replace to replace it, which is refused if an enrolment needs them, or --merge to have the keys of both"
                }
                None => "exists but is corrupt; use --replace to replace it",
            };
            return Err(CommandError::refused(problem).at(*file, None));
        }
        Some(_) | None => {}
    }
    if !create_document(&files.clear, &text)? {
        replace_document(&files.clear, &text)?;
    }
    let event = context.keyring_event(Name::KeyringRestored, &files.clear);
    audit(context, event, file, &keyring, &check);
    if files.is_sealed() {
        // It may not open, and then this can be refused.
        let what_to_do = if check.opens_all() {
            "run \"totp-enroll keys seal\" to seal the restored keyring, or \"totp-enroll keys unseal\" to remove the old sealed one"
        } else {
            "it may have the keys of enrolments and tokens that the restored keyring does not open, so keep it until each of them opens"
        };
        output::remark(&format!(
            "{} still exists, but is no longer in use: {what_to_do}",
            files.sealed().display()
        ));
    }
    report(context, "restored", &files.clear, &keyring, &check)
}

/// The keyring of a backup, and its text.
pub(super) fn read_backup(
    context: &Context,
    file: &Path,
    from: &Passphrase,
) -> Result<(Keyring, Secret), CommandError> {
    context.store.prepare()?;
    if file.symlink_metadata().is_err() {
        return Err(CommandError::refused("does not exist; name the backup file").at(file, None));
    }
    let passphrase = obtain_passphrase(context, from, PassphraseUse::Give)?;
    let text = decrypted(file, &passphrase)?;
    let keyring = Keyring::parse(file, text.expose()).map_err(StoreError::from)?;
    Ok((keyring, text))
}

/// Logs which keys of which backup are in use now.
pub(super) fn audit(context: &Context, event: Event, backup: &Path, keyring: &Keyring, check: &RestoreCheck) {
    let event = event.field("from", backup.display()).field("keys", key_ids(keyring).join(","));
    context.audit(&event.field("shut", check.shut));
}

/// Says what the `keyring` in use opens.
pub(super) fn report(
    context: &Context,
    done: &str,
    file: &Path,
    keyring: &Keyring,
    check: &RestoreCheck,
) -> Result<(), CommandError> {
    let RestoreCheck { open, shut, .. } = *check;
    let document = RestoreReport { keyring: file.display().to_string(), keys: key_ids(keyring), open, shut };
    match context.format {
        Format::Json => output::document(&document),
        Format::Text => {
            let RestoreReport { keyring, keys, .. } = &document;
            output::line(&format!(
                "{done} {keyring} with the keys {}; it opens {}",
                keys.join(", "),
                output::count(open, "enrolment")
            ))?;
            if shut > 0 {
                output::line(&format!(
                    "{} cannot be opened (sealed later, or not readable); \"totp-enroll keys list\" has the details",
                    output::count(shut, "enrolment")
                ))?;
            }
            Ok(())
        }
    }
}
