//! `keys restore --merge`: adds the keys of a backup to the keyring in use, so that what either of them sealed opens.

use super::restore::{audit, read_backup, report};
use super::restore_check::RestoreCheck;
use super::{rotate, sealed_keyring};
use crate::cli::Passphrase;
use crate::command_error::CommandError;
use crate::context::Context;
use std::path::Path;
use totp_core::audit_event::Name;
use totp_core::keyring::Keyring;
use totp_core::store::StoreError;

/// A key of the backup may have the id of a different key in use: earlier versions called the first key of every machine
/// `k1`. All that the keyring in use opens is then sealed anew with a new key first, so that no seal needs the old one.
pub(super) fn run(context: &Context, backup_file: &Path, from: &Passphrase) -> Result<(), CommandError> {
    let (backup, _) = read_backup(context, backup_file, from)?;
    let _rotating = context.lock_to_rotate()?;
    let used = context.keyring()?;
    if used.lacks(&backup).is_none() {
        let problem = "has no key that the keyring in use lacks; nothing was changed";
        return Err(CommandError::refused(problem).at(backup_file, None));
    }
    let check = RestoreCheck::of(context, &backup, Some(&used))?;
    check.opens_some(backup_file)?;
    if !check.opens_any() {
        let problem = "opens nothing here, because nothing is sealed; nothing was changed";
        return Err(CommandError::refused(problem).at(backup_file, None));
    }
    let clashes = used.clashes(&backup);
    if !clashes.is_empty() {
        // First: afterwards something was changed already.
        check.reads_all(backup_file)?;
        rotate::free_keys(context, &clashes)?;
    }
    let _lock = context.lock_to_change_keys()?;
    let used = context.keyring()?;
    let text = used.merged(&backup).map_err(|error| {
        CommandError::refused(format!("{error}; nothing was merged")).at(backup_file, None)
    })?;
    let merged = Keyring::parse(backup_file, text.expose()).map_err(StoreError::from)?;
    let check = RestoreCheck::of(context, &merged, Some(&used))?;
    check.keeps_all(backup_file)?;
    sealed_keyring::replace(context, &text)?;
    let (file, _) = context.keyring_text()?;
    let event = context.keyring_event(Name::KeyringRestored, &file).field("merged", "true");
    audit(context, event, backup_file, &merged, &check);
    report(context, "merged the backup into", &file, &merged, &check)
}
