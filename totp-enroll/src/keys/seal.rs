//! `keys seal`, `keys open`, `keys unseal`: keeps the keyring as a systemd credential that only this machine can open.
//!
//! A keyring is in use at every moment: the clear file is removed only after the sealed one was opened and compared, and it is
//! written again before the sealed one is removed.

use super::seal_options::{SealOptions, split_options, with_options};
use super::{creds, unit};
use crate::cli::Seal;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use totp_core::audit_event::{Event, Name};
use totp_core::keyring::rotation::Census;
use totp_core::keyring::{Key, Keyring};
use totp_core::secret::Secret;
use totp_core::store::{Engine, KeyringLocks, StoreError};
use totp_host::documents::{
    Access, create_document, destroy_document, destroy_drafts, read_document, replace_document,
};
use totp_host::settings::KeyringFiles;

#[derive(Serialize)]
struct SealReport<'a> {
    /// `sealed`, `opened`, `unsealed` or `unchanged`.
    state: &'a str,
    sealed: String,
    /// The file in use.
    keyring: String,
}

pub(super) fn seal(context: &Context, options: &Seal) -> Result<(), CommandError> {
    context.store.prepare()?;
    let Some(_rotating) = context.store.lock_to_rotate()? else { return Err(rotating()) };
    let _lock = context.lock_to_change_keys()?;
    let files = KeyringFiles::of(&context.config.paths);
    if files.clear == files.opened {
        let problem = "is where the opened keyring is kept until the machine stops; set paths.keyring in the config to another path";
        return Err(CommandError::usage(problem).at(files.clear, None));
    }
    let (file, text) = context.keyring_text()?;
    let in_force = Keyring::parse(&file, text.expose()).map_err(StoreError::from)?;
    check_no_key_is_lost(context, &files, &in_force, options.discard_unopened)?;
    let (before, bare) = split_options(&text);
    let seal_options = SealOptions::of(options, before)?;
    replace_sealed(&files, bare, &seal_options)?;
    destroy_drafts(&files.clear)?;
    destroy_drafts(&files.opened)?;
    if file == files.clear {
        destroy_document(&files.clear).map_err(|error| {
            CommandError::from(error).explained(|problem| {
                format!(
                    "{problem}; the keyring is sealed, but the unencrypted file may still exist: remove it"
                )
            })
        })?;
    }
    audit(context, Name::KeyringSealed, &files.sealed(), |event| {
        event.field("with", seal_options.with.as_str())
    });
    report(context, &files, "sealed", &files.opened)?;
    unit::remark_on(&context.config.paths);
    if context.format == Format::Text {
        output::line(
            "the unencrypted keyring was overwritten and removed, but flash memory, snapshots and backups may still have copies: run \
             \"totp-enroll keys rotate\" to make them useless. pam-totp-keyring.service opens the sealed keyring when the machine starts; \
             without systemd, run \"totp-enroll keys open\" then. It cannot be opened on another machine or after its TPM was replaced: \
             make a backup with \"totp-enroll keys backup FILE\"",
        )?;
    }
    Ok(())
}

/// Refuses if the sealed keyring that would be replaced has a needed key that the one in use lacks.
fn check_no_key_is_lost(
    context: &Context,
    files: &KeyringFiles,
    in_force: &Keyring,
    discard_unopened: bool,
) -> Result<(), CommandError> {
    let sealed = match opened(files) {
        Ok(None) => return Ok(()),
        Ok(Some(text)) => Keyring::parse(&files.sealed(), text.expose()).map_err(StoreError::from)?,
        Err(_) if discard_unopened => return Ok(()),
        Err(failure) => {
            return Err(failure.explained(|problem| {
                format!(
                    "{problem}; it may have keys that the keyring in use lacks, so it was not replaced; if no enrolment needs them, \
                     run \"totp-enroll keys seal --discard-unopened\""
                )
            }));
        }
    };
    let Some(key) = needed(context, &sealed, in_force)? else { return Ok(()) };
    let problem = format!(
        "holds the key \"{}\", which the keyring in use lacks; nothing was changed; to use this one, make a backup with \
         \"totp-enroll keys backup FILE\", move the keyring in use away, and run \"totp-enroll keys open\"",
        key.id()
    );
    Err(CommandError::refused(problem).at(files.sealed(), None))
}

/// A key that only the sealed keyring has, if an enrolment needs it or may need it. A key that a rotation dropped is not needed.
fn needed<'a>(
    context: &Context,
    sealed: &'a Keyring,
    in_force: &Keyring,
) -> Result<Option<&'a Key>, CommandError> {
    let Some(key) = in_force.lacks(sealed) else { return Ok(None) };
    let mut is_needed = false;
    let census = Census::of(&context.store, |credential| {
        is_needed |= credential.would_lose(sealed, in_force);
    })?;
    Ok((is_needed || !census.unreadable.is_empty()).then_some(key))
}

pub(super) fn open(context: &Context) -> Result<(), CommandError> {
    context.store.prepare()?;
    let _lock = context.lock_to_change_keys()?;
    let files = KeyringFiles::of(&context.config.paths);
    if read_document(&files.clear, Access::RootOnly)?.is_some() {
        return report(context, &files, "unchanged", &files.clear);
    }
    let text = opened(&files)?.ok_or_else(|| {
        CommandError::refused("is missing: there is no sealed keyring; \"totp-enroll keys seal\" creates it")
            .at(files.sealed(), None)
    })?;
    match read_document(&files.opened, Access::RootOnly)? {
        Some(present) if present.expose() == text.expose() => {
            return report(context, &files, "unchanged", &files.opened);
        }
        Some(_) => return Err(differs(&files)),
        None => drop(create_document(&files.opened, &text)?),
    }
    report(context, &files, "opened", &files.opened)
}

pub(super) fn unseal(context: &Context) -> Result<(), CommandError> {
    context.store.prepare()?;
    let Some(_rotating) = context.store.lock_to_rotate()? else { return Err(rotating()) };
    let _lock = context.lock_to_change_keys()?;
    let files = KeyringFiles::of(&context.config.paths);
    if let Some(clear) = read_document(&files.clear, Access::RootOnly)? {
        nothing_would_be_lost(context, &files, &clear)?;
        return finish(context, &files);
    }
    let present = read_document(&files.opened, Access::RootOnly)?;
    let text = match (opened(&files), present) {
        (Ok(Some(text)), Some(present)) if text.expose() != present.expose() => return Err(differs(&files)),
        (Ok(Some(text)), _) => text,
        (Ok(None), _) => {
            return Err(
                CommandError::refused("is missing: there is no sealed keyring").at(files.sealed(), None)
            );
        }
        // The machine's key may be lost; the keyring that was opened at boot is the same.
        (Err(failure), Some(present)) => {
            output::remark(&format!(
                "{}: {}; continuing with the keyring that was opened when this machine started",
                files.sealed().display(),
                failure.problem
            ));
            present
        }
        (Err(failure), None) => return Err(failure),
    };
    Keyring::parse(&files.opened, text.expose()).map_err(StoreError::from)?;
    let (_, bare) = split_options(&text);
    create_document(&files.clear, &bare)?;
    finish(context, &files)
}

/// A clear and a sealed keyring both exist, as after a killed unsealing: the sealed one may go only if no needed key is lost.
fn nothing_would_be_lost(
    context: &Context,
    files: &KeyringFiles,
    clear: &Secret,
) -> Result<(), CommandError> {
    let in_force = Keyring::parse(&files.clear, clear.expose()).map_err(StoreError::from)?;
    let sealed = opened(files).map_err(|failure| {
        failure.explained(|problem| {
            format!(
                "{problem}; the unencrypted keyring is in use: remove the sealed one if no enrolment needs its keys"
            )
        })
    })?;
    let Some(sealed) = sealed else {
        let problem = "is not sealed: there is nothing to unseal";
        return Err(CommandError::refused(problem).at(&files.clear, None));
    };
    let sealed = Keyring::parse(&files.sealed(), sealed.expose()).map_err(StoreError::from)?;
    if let Some(key) = needed(context, &sealed, &in_force)? {
        let problem = format!(
            "holds the key \"{}\", which the unencrypted keyring in use lacks; nothing was changed; to use this one, make a backup with \
             \"totp-enroll keys backup FILE\", move the unencrypted keyring away, and run \"totp-enroll keys open\"",
            key.id()
        );
        return Err(CommandError::refused(problem).at(files.sealed(), None));
    }
    Ok(())
}

/// Removes the sealed keyring and its opened copy; the clear one is in use.
fn finish(context: &Context, files: &KeyringFiles) -> Result<(), CommandError> {
    destroy_document(&files.sealed())?;
    destroy_opened(files)?;
    destroy_drafts(&files.clear)?;
    destroy_drafts(&files.opened)?;
    audit(context, Name::KeyringUnsealed, &files.clear, |event| event);
    report(context, files, "unsealed", &files.clear)
}

fn destroy_opened(files: &KeyringFiles) -> Result<(), CommandError> {
    // The first login or the first opening creates the directory.
    match files.opened.parent().map(Path::try_exists) {
        Some(Ok(false)) | None => Ok(()),
        Some(Ok(true) | Err(_)) => Ok(destroy_document(&files.opened)?),
    }
}

/// Replaces the keyring in use, sealed or clear. The caller holds the lock.
pub(super) fn replace(context: &Context, text: &Secret) -> Result<(), CommandError> {
    let files = KeyringFiles::of(&context.config.paths);
    let (file, before) = context.keyring_text()?;
    if file == files.clear {
        return Ok(replace_document(&file, text)?);
    }
    let (seal_options, _) = split_options(&before);
    let (_, bare) = split_options(text);
    replace_sealed(&files, bare, &seal_options.unwrap_or_else(SealOptions::auto))
}

/// Writes the sealed keyring, then its opened copy: the keyring in use is never newer than the one that a reboot opens.
fn replace_sealed(
    files: &KeyringFiles,
    bare: Secret,
    seal_options: &SealOptions,
) -> Result<(), CommandError> {
    let text = with_options(seal_options, &bare);
    drop(bare);
    let sealed = creds::encrypt(&text, seal_options)?;
    if creds::decrypt(&sealed)?.expose() != text.expose() {
        let problem = "the sealed keyring does not open to the same text; nothing was changed";
        return Err(CommandError::refused(problem));
    }
    if !create_document(&files.sealed(), &sealed)? {
        replace_document(&files.sealed(), &sealed)?;
    }
    let written = read_document(&files.sealed(), Access::RootOnly)?;
    if written.is_none_or(|written| written.expose() != sealed.expose()) {
        let problem = "does not contain what was written; the keyring in use was not changed; check the disk";
        return Err(CommandError::refused(problem).at(files.sealed(), None));
    }
    if !create_document(&files.opened, &text)? {
        replace_document(&files.opened, &text)?;
    }
    Ok(())
}

/// The content of the sealed keyring; `None`: there is none.
pub(crate) fn opened(files: &KeyringFiles) -> Result<Option<Secret>, CommandError> {
    let Some(sealed) = read_document(&files.sealed(), Access::RootOnly)? else { return Ok(None) };
    let text = creds::decrypt(&sealed).map_err(|failure| failure.at(files.sealed(), None))?;
    Keyring::parse(&files.sealed(), text.expose()).map_err(StoreError::from)?;
    Ok(Some(text))
}

fn rotating() -> CommandError {
    CommandError::refused("another command is changing the keys; nothing was changed: try again later")
}

fn differs(files: &KeyringFiles) -> CommandError {
    let problem = format!(
        "differs from {}, the keyring in use; to seal that one, run \"totp-enroll keys seal\"",
        files.opened.display()
    );
    CommandError::refused(problem).at(files.sealed(), None)
}

pub(super) fn audit(context: &Context, name: Name, file: &Path, more: impl FnOnce(Event) -> Event) {
    let event = Event::new(name).field("by", &context.operator.name).field("file", file.display());
    context.audit(&more(event));
}

fn report(context: &Context, files: &KeyringFiles, state: &str, keyring: &Path) -> Result<(), CommandError> {
    let document = SealReport {
        state,
        sealed: files.sealed().display().to_string(),
        keyring: keyring.display().to_string(),
    };
    match context.format {
        Format::Json => output::document(&document),
        Format::Text => {
            let SealReport { sealed, keyring, .. } = &document;
            output::line(&match state {
                "sealed" => format!("sealed: {sealed}; in use until the machine stops: {keyring}"),
                "opened" => format!("opened: {sealed}; in use until the machine stops: {keyring}"),
                "unsealed" => format!("unsealed: {keyring} is in use, and not encrypted"),
                _ => format!("in use already: {keyring}"),
            })
        }
    }
}
