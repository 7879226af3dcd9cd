//! `keys seal`, `keys open`, `keys unseal`: the keyring as a systemd credential that only this machine opens. At every moment a
//! keyring is in force: the clear one goes when the sealed one was opened and compared, and comes back before that one goes.

use super::how::{How, joined, parted};
use super::{creds, unit};
use crate::cli::Seal;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use totp_core::event::{Event, Name};
use totp_core::keyring::{Key, Keyring};
use totp_core::rotation::Census;
use totp_core::secret::Secret;
use totp_core::store::{Engine, KeyringLocks, StoreError};
use totp_store::access::Access;
use totp_store::documents::{
    create_document, destroy_document, destroy_drafts, read_document, replace_document,
};
use totp_store::keyring_files::KeyringFiles;

#[derive(Serialize)]
struct Document<'a> {
    /// `sealed`, `opened`, `unsealed` or `unchanged`.
    state: &'a str,
    sealed: String,
    /// The file in force.
    keyring: String,
}

pub(super) fn seal(context: &Context, options: &Seal) -> Result<(), Failure> {
    context.store.prepare()?;
    let Some(_rotating) = context.store.lock_to_rotate()? else { return Err(rotating()) };
    let _lock = context.lock_to_change_keys()?;
    let files = KeyringFiles::of(&context.config.paths);
    if files.clear == files.opened {
        let problem = "is where a sealed keyring is opened to; in the config, let paths.keyring name the place where it is to lie sealed";
        return Err(Failure::usage(problem).at(files.clear, None));
    }
    let (file, text) = context.keyring_text()?;
    let in_force = Keyring::parse(&file, text.expose()).map_err(StoreError::from)?;
    no_key_goes(context, &files, &in_force, options.discard_unopened)?;
    let (before, bare) = parted(&text);
    let how = How::of(options, before)?;
    replace_sealed(&files, bare, &how)?;
    destroy_drafts(&files.clear)?;
    destroy_drafts(&files.opened)?;
    if file == files.clear {
        destroy_document(&files.clear).map_err(|error| {
            Failure::from(error).explained(|problem| {
                format!("{problem}; the keyring is sealed, but look whether the clear one is still there, and remove it")
            })
        })?;
    }
    note(context, Name::KeyringSealed, &files.sealed(), |event| event.field("with", how.with.as_str()));
    report(context, &files, "sealed", &files.opened)?;
    unit::remark_on(&context.config.paths);
    if context.format == Format::Text {
        output::line(
            "the clear one is removed and written over, which flash, snapshots and backups do not take part in: \"totp-enroll keys rotate\" \
             makes what they kept worthless. pam-totp-keyring.service opens it when the machine starts; without systemd run \
             \"totp-enroll keys open\" then. On another machine, or when its TPM is lost, it opens never again: \"totp-enroll keys backup FILE\"",
        )?;
    }
    Ok(())
}

/// A sealed keyring that is replaced may be the only one to hold a key that something was sealed with.
fn no_key_goes(
    context: &Context,
    files: &KeyringFiles,
    in_force: &Keyring,
    discard_unopened: bool,
) -> Result<(), Failure> {
    let sealed = match opened(files) {
        Ok(None) => return Ok(()),
        Ok(Some(text)) => Keyring::parse(&files.sealed(), text.expose()).map_err(StoreError::from)?,
        Err(_) if discard_unopened => return Ok(()),
        Err(failure) => {
            return Err(failure.explained(|problem| {
                format!(
                    "{problem}; it may hold keys that the keyring in force lacks, so it stays as it is; where nobody needs them, \
                     \"totp-enroll keys seal --discard-unopened\" seals the one in force in its place"
                )
            }));
        }
    };
    let Some(key) = needed(context, &sealed, in_force)? else { return Ok(()) };
    let problem = format!(
        "holds the key \"{}\", which the keyring in force does not; nothing was changed; take the keyring in force away \
         (\"totp-enroll keys backup FILE\" first), and \"totp-enroll keys open\" puts this one in force",
        key.id()
    );
    Err(Failure::refused(problem).at(files.sealed(), None))
}

/// A key of the sealed keyring that the one in force lacks, where someone is enrolled who needs it, or may. One that a rotation
/// has dropped since is nobody's.
fn needed<'a>(
    context: &Context,
    sealed: &'a Keyring,
    in_force: &Keyring,
) -> Result<Option<&'a Key>, Failure> {
    let Some(key) = in_force.lacks(sealed) else { return Ok(None) };
    let mut is_needed = false;
    let census = Census::of(&context.store, |credential| {
        is_needed |= credential.would_lose(sealed, in_force);
    })?;
    Ok((is_needed || !census.unreadable.is_empty()).then_some(key))
}

pub(super) fn open(context: &Context) -> Result<(), Failure> {
    context.store.prepare()?;
    let _lock = context.lock_to_change_keys()?;
    let files = KeyringFiles::of(&context.config.paths);
    if read_document(&files.clear, Access::RootOnly)?.is_some() {
        return report(context, &files, "unchanged", &files.clear);
    }
    let text = opened(&files)?.ok_or_else(|| {
        Failure::refused("is missing: there is no sealed keyring; \"totp-enroll keys seal\" makes one")
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

pub(super) fn unseal(context: &Context) -> Result<(), Failure> {
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
            return Err(Failure::refused("is missing: there is no sealed keyring").at(files.sealed(), None));
        }
        // The machine's key may be lost; what it opened when it started is as good.
        (Err(failure), Some(present)) => {
            output::remark(&format!(
                "{}: {}; the keyring that was opened when this machine started takes its place",
                files.sealed().display(),
                failure.problem
            ));
            present
        }
        (Err(failure), None) => return Err(failure),
    };
    Keyring::parse(&files.opened, text.expose()).map_err(StoreError::from)?;
    let (_, bare) = parted(&text);
    create_document(&files.clear, &bare)?;
    finish(context, &files)
}

/// A clear keyring is in force beside a sealed one, as when an unsealing was killed: that may go only if all its keys stay.
fn nothing_would_be_lost(context: &Context, files: &KeyringFiles, clear: &Secret) -> Result<(), Failure> {
    let in_force = Keyring::parse(&files.clear, clear.expose()).map_err(StoreError::from)?;
    let sealed = opened(files).map_err(|failure| {
        failure.explained(|problem| {
            format!("{problem}; the clear keyring is in force: remove the sealed one if nobody needs it")
        })
    })?;
    let Some(sealed) = sealed else {
        let problem = "lies in the clear: there is nothing to unseal";
        return Err(Failure::refused(problem).at(&files.clear, None));
    };
    let sealed = Keyring::parse(&files.sealed(), sealed.expose()).map_err(StoreError::from)?;
    if let Some(key) = needed(context, &sealed, &in_force)? {
        let problem = format!(
            "holds the key \"{}\", which the clear keyring in force does not; nothing was changed; take the clear one away \
             (\"totp-enroll keys backup FILE\" first), and \"totp-enroll keys open\" puts the sealed one in force",
            key.id()
        );
        return Err(Failure::refused(problem).at(files.sealed(), None));
    }
    Ok(())
}

/// Takes the sealed keyring away, and what was opened of it: a clear one is in force.
fn finish(context: &Context, files: &KeyringFiles) -> Result<(), Failure> {
    destroy_document(&files.sealed())?;
    destroy_opened(files)?;
    destroy_drafts(&files.clear)?;
    destroy_drafts(&files.opened)?;
    note(context, Name::KeyringUnsealed, &files.clear, |event| event);
    report(context, files, "unsealed", &files.clear)
}

fn destroy_opened(files: &KeyringFiles) -> Result<(), Failure> {
    // The directory is made by the first login or the first opening.
    match files.opened.parent().map(Path::try_exists) {
        Some(Ok(false)) | None => Ok(()),
        Some(Ok(true) | Err(_)) => Ok(destroy_document(&files.opened)?),
    }
}

/// Replaces the keyring in force, however it lies. One command at a time, which the caller sees to.
pub(super) fn replace(context: &Context, text: &Secret) -> Result<(), Failure> {
    let files = KeyringFiles::of(&context.config.paths);
    let (file, before) = context.keyring_text()?;
    if file == files.clear {
        return Ok(replace_document(&file, text)?);
    }
    let (how, _) = parted(&before);
    let (_, bare) = parted(text);
    replace_sealed(&files, bare, &how.unwrap_or_else(How::auto))
}

/// Makes the sealed keyring and what is opened of it, in this order: what is in force is never newer than what a reboot opens.
fn replace_sealed(files: &KeyringFiles, bare: Secret, how: &How) -> Result<(), Failure> {
    let text = joined(how, &bare);
    drop(bare);
    let sealed = creds::encrypt(&text, how)?;
    if creds::decrypt(&sealed)?.expose() != text.expose() {
        let problem = "what was sealed does not open as it was; the keyring in force stays as it is";
        return Err(Failure::refused(problem));
    }
    if !create_document(&files.sealed(), &sealed)? {
        replace_document(&files.sealed(), &sealed)?;
    }
    let written = read_document(&files.sealed(), Access::RootOnly)?;
    if written.is_none_or(|written| written.expose() != sealed.expose()) {
        let problem = "does not hold what was written; the keyring in force stays as it is";
        return Err(Failure::refused(problem).at(files.sealed(), None));
    }
    if !create_document(&files.opened, &text)? {
        replace_document(&files.opened, &text)?;
    }
    Ok(())
}

/// What the sealed keyring holds; `None`: there is none.
pub(crate) fn opened(files: &KeyringFiles) -> Result<Option<Secret>, Failure> {
    let Some(sealed) = read_document(&files.sealed(), Access::RootOnly)? else { return Ok(None) };
    let text = creds::decrypt(&sealed).map_err(|failure| failure.at(files.sealed(), None))?;
    Keyring::parse(&files.sealed(), text.expose()).map_err(StoreError::from)?;
    Ok(Some(text))
}

fn rotating() -> Failure {
    Failure::refused("the keys are being changed already; this one changed nothing")
}

fn differs(files: &KeyringFiles) -> Failure {
    let problem = format!(
        "holds another keyring than {}, which is in force: \"totp-enroll keys seal\" seals that one",
        files.opened.display()
    );
    Failure::refused(problem).at(files.sealed(), None)
}

pub(super) fn note(context: &Context, name: Name, file: &Path, more: impl FnOnce(Event) -> Event) {
    let event = Event::new(name).field("by", &context.operator.name).field("file", file.display());
    context.audit(&more(event));
}

fn report(context: &Context, files: &KeyringFiles, state: &str, keyring: &Path) -> Result<(), Failure> {
    let document = Document {
        state,
        sealed: files.sealed().display().to_string(),
        keyring: keyring.display().to_string(),
    };
    match context.format {
        Format::Json => output::document(&document),
        Format::Text => {
            let Document { sealed, keyring, .. } = &document;
            output::line(&match state {
                "sealed" => format!("sealed: {sealed}; in force until the machine stops: {keyring}"),
                "opened" => format!("opened: {sealed}; in force until the machine stops: {keyring}"),
                "unsealed" => format!("unsealed: {keyring} is in force, and in the clear"),
                _ => format!("in force already: {keyring}"),
            })
        }
    }
}
