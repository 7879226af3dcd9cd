//! `keys restore`: a keyring comes back from a backup, if it is this machine's, and if nobody loses by it.

use super::backup::decrypted;
use super::passphrase::{self, Use};
use super::seal::{note, opened};
use crate::cli::Passphrase;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use totp_core::audit_event::Name;
use totp_core::keyring::rotation::Census;
use totp_core::keyring::{Key, Keyring};
use totp_core::store::{Engine, KeyringLocks, StoreError};
use totp_store::documents::{create_document, replace_document};
use totp_store::keyring_files::KeyringFiles;

#[derive(Serialize)]
struct Document {
    keyring: String,
    keys: Vec<String>,
    /// Enrolments that open now.
    open: usize,
    /// Enrolments that do not: they were sealed with another key, or cannot be read.
    shut: usize,
}

/// What becomes of the enrolments.
#[derive(Default)]
struct Prospect {
    open: usize,
    shut: usize,
    /// Those that open with the keyring in force and would not with this one.
    lost: usize,
}

pub(super) fn run(context: &Context, file: &Path, from: &Passphrase, replace: bool) -> Result<(), Failure> {
    context.store.prepare()?;
    if file.symlink_metadata().is_err() {
        return Err(Failure::refused("is missing; name the file of the backup").at(file, None));
    }
    let passphrase = passphrase::obtain(context, from, Use::Give)?;
    let text = decrypted(file, &passphrase)?;
    drop(passphrase);
    let keyring = Keyring::parse(file, text.expose()).map_err(StoreError::from)?;
    let Some(_rotating) = context.store.lock_to_rotate()? else {
        return Err(Failure::refused("the keys are being changed already; this one changed nothing"));
    };
    let _lock = context.lock_to_change_keys()?;
    let files = KeyringFiles::of(&context.config.paths);
    // One that cannot be read, as of a wrong owner, may be as good as any: it is fixed first.
    let in_force = files.read()?;
    let present = in_force.as_ref().and_then(|(file, text)| Keyring::parse(file, text.expose()).ok());
    // Where none is in force, a sealed one that opens is what people can be let in with. One that does not is why there are backups.
    let sealed = if present.is_none() { opened(&files).ok().flatten() } else { None };
    let hint =
        if sealed.is_some() { "; the sealed keyring opens: \"totp-enroll keys open\" first" } else { "" };
    let present = match sealed {
        Some(text) => Some(Keyring::parse(&files.sealed(), text.expose()).map_err(StoreError::from)?),
        None => present,
    };
    let prospect = Prospect::of(context, &keyring, present.as_ref())?;
    prospect.check(file).map_err(|failure| failure.explained(|problem| format!("{problem}{hint}")))?;
    match &in_force {
        Some((place, _)) if *place == files.opened => {
            let problem = "is sealed, and in force; \"totp-enroll keys unseal\" first";
            return Err(Failure::refused(problem).at(files.sealed(), None));
        }
        Some((place, _)) if !replace => {
            let problem = match &present {
                Some(present) if present.lacks(&keyring).is_none() && keyring.lacks(present).is_none() => {
                    "is there already, with the same keys, and stays as it is; --replace replaces it"
                }
                Some(_) => {
                    "is there already, and holds other keys; --replace replaces it, as long as nobody loses by it"
                }
                None => "is there, but broken; --replace replaces it",
            };
            return Err(Failure::refused(problem).at(*place, None));
        }
        Some(_) | None => {}
    }
    if !create_document(&files.clear, &text)? {
        replace_document(&files.clear, &text)?;
    }
    let keys = ids(&keyring);
    note(context, Name::KeyringRestored, &files.clear, |event| {
        event.field("from", file.display()).field("keys", keys.join(",")).field("shut", prospect.shut)
    });
    if files.is_sealed() {
        output::remark(&format!(
            "{} is still there, and no longer in force: \"totp-enroll keys seal\" makes it anew",
            files.sealed().display()
        ));
    }
    let Prospect { open, shut, .. } = prospect;
    let document = Document { keyring: files.clear.display().to_string(), keys, open, shut };
    match context.format {
        Format::Json => output::document(&document),
        Format::Text => {
            let Document { keyring, keys, .. } = &document;
            output::line(&format!("{keyring}: the keys {}; {open} enrolments open", keys.join(", ")))?;
            if shut > 0 {
                output::line(&format!(
                    "{shut} enrolments do not: they were sealed later, or cannot be read; \"totp-enroll keys list\" counts them"
                ))?;
            }
            Ok(())
        }
    }
}

fn ids(keyring: &Keyring) -> Vec<String> {
    keyring.keys().iter().map(Key::id).map(str::to_owned).collect()
}

impl Prospect {
    fn of(context: &Context, restored: &Keyring, present: Option<&Keyring>) -> Result<Self, Failure> {
        let mut prospect = Self::default();
        let census = Census::of(&context.store, |credential| {
            if credential.check_seals(restored).is_ok() {
                prospect.open = prospect.open.saturating_add(1);
                return;
            }
            prospect.shut = prospect.shut.saturating_add(1);
            if present.is_some_and(|present| credential.would_lose(present, restored)) {
                prospect.lost = prospect.lost.saturating_add(1);
            }
        })?;
        prospect.shut = prospect.shut.saturating_add(census.unreadable.len());
        Ok(prospect)
    }

    fn check(&self, file: &Path) -> Result<(), Failure> {
        let Self { open, shut, lost } = self;
        if *lost > 0 {
            let problem = format!(
                "lacks keys: {lost} enrolments that open now would not open any more; nothing was changed"
            );
            return Err(Failure::refused(problem).at(file, None));
        }
        if *open == 0 && *shut > 0 {
            let problem = format!(
                "is another machine's, or too old: none of the {shut} enrolments here opens with it; nothing was changed"
            );
            return Err(Failure::refused(problem).at(file, None));
        }
        Ok(())
    }
}
