//! `keys restore`: restores the keyring from a backup, if it opens enrolments of this machine and no needed key is lost.

use super::backup::{PassphraseUse, decrypted, key_ids, obtain_passphrase};
use super::sealed_keyring::opened;
use crate::cli::Passphrase;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use totp_core::audit_event::Name;
use totp_core::keyring::Keyring;
use totp_core::keyring::each_token;
use totp_core::keyring::rotation::Census;
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

/// How many enrolments the restored keyring opens.
#[derive(Default)]
struct RestoreCheck {
    open: usize,
    shut: usize,
    /// Those that the keyring in use opens and the restored one does not.
    lost: usize,
    /// The same for tokens of the inventory.
    lost_tokens: usize,
    /// Tokens of the inventory that the restored keyring opens.
    open_tokens: usize,
    /// Tokens that it does not.
    shut_tokens: usize,
}

pub(super) fn run(
    context: &Context,
    file: &Path,
    from: &Passphrase,
    replace: bool,
) -> Result<(), CommandError> {
    context.store.prepare()?;
    if file.symlink_metadata().is_err() {
        return Err(CommandError::refused("does not exist; name the backup file").at(file, None));
    }
    let passphrase = obtain_passphrase(context, from, PassphraseUse::Give)?;
    let text = decrypted(file, &passphrase)?;
    drop(passphrase);
    let keyring = Keyring::parse(file, text.expose()).map_err(StoreError::from)?;
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
    check.check(file).map_err(|failure| failure.explained(|problem| format!("{problem}{hint}")))?;
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
                    "exists already with other keys and was not changed; use --replace to replace it, which is refused if an enrolment needs them"
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
    let keys = key_ids(&keyring);
    let event = context.keyring_event(Name::KeyringRestored, &files.clear);
    let event = event.field("from", file.display()).field("keys", keys.join(","));
    context.audit(&event.field("shut", check.shut));
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
    let RestoreCheck { open, shut, .. } = check;
    let document = RestoreReport { keyring: files.clear.display().to_string(), keys, open, shut };
    match context.format {
        Format::Json => output::document(&document),
        Format::Text => {
            let RestoreReport { keyring, keys, .. } = &document;
            output::line(&format!(
                "restored {keyring} with the keys {}; it opens {}",
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

impl RestoreCheck {
    fn of(context: &Context, restored: &Keyring, present: Option<&Keyring>) -> Result<Self, CommandError> {
        let mut check = Self::default();
        let census = Census::of(&context.store, |credential| {
            if credential.check_seals(restored).is_ok() {
                check.open = check.open.saturating_add(1);
                return;
            }
            check.shut = check.shut.saturating_add(1);
            if present.is_some_and(|present| credential.would_lose(present, restored)) {
                check.lost = check.lost.saturating_add(1);
            }
        })?;
        check.shut = check.shut.saturating_add(census.unreadable.len());
        each_token(&context.store, |token| {
            let opens = token.as_ref().is_ok_and(|token| token.check_seal(restored).is_ok());
            let count = if opens { &mut check.open_tokens } else { &mut check.shut_tokens };
            *count = count.saturating_add(1);
            let is_lost = |present| token.as_ref().is_ok_and(|token| token.would_lose(present, restored));
            if present.is_some_and(is_lost) {
                check.lost_tokens = check.lost_tokens.saturating_add(1);
            }
        })?;
        Ok(check)
    }

    /// Whether something is sealed here, and all of it opens.
    fn opens_all(&self) -> bool {
        let (open, shut) = (self.open.max(self.open_tokens), self.shut.max(self.shut_tokens));
        open > 0 && shut == 0
    }

    fn check(&self, file: &Path) -> Result<(), CommandError> {
        let Self { open, shut, lost, lost_tokens, open_tokens, shut_tokens } = self;
        if *lost_tokens > 0 {
            let problem = format!(
                "lacks keys: {} of the inventory that can be opened now could not be opened any more; nothing was changed",
                output::count(*lost_tokens, "token")
            );
            return Err(CommandError::refused(problem).at(file, None));
        }
        if *lost > 0 {
            let problem = format!(
                "lacks keys: {} that can be opened now could not be opened any more; nothing was changed",
                output::count(*lost, "enrolment")
            );
            return Err(CommandError::refused(problem).at(file, None));
        }
        if *open == 0 && *shut > 0 {
            let problem = format!(
                "belongs to another machine, or is too old: it opens none of the enrolments here ({shut}); nothing was changed"
            );
            return Err(CommandError::refused(problem).at(file, None));
        }
        // Where nobody is enrolled yet, the tokens show whose keyring it is.
        if open.saturating_add(*shut).saturating_add(*open_tokens) == 0 && *shut_tokens > 0 {
            let problem = format!(
                "belongs to another machine, or is too old: it opens none of the tokens here ({shut_tokens}); nothing was changed"
            );
            return Err(CommandError::refused(problem).at(file, None));
        }
        Ok(())
    }
}
