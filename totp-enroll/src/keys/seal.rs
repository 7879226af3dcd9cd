//! `keys seal`, `keys open`, `keys unseal`: keeps the keyring as a systemd credential that only this machine can open.
//!
//! A keyring is in use at every moment: the clear file is removed only after the sealed one was opened and compared, and it is
//! written again before the sealed one is removed.

use super::sealed_keyring::{SealOptions, opened, replace_sealed, split_options};
use crate::cli::Seal;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use std::process::{Command, Stdio};
use totp_core::audit_event::Name;
use totp_core::config::{Config, Paths};
use totp_core::keyring::each_token;
use totp_core::keyring::rotation::Census;
use totp_core::keyring::{Key, Keyring};
use totp_core::random::Secret;
use totp_core::store::{Engine, StoreError};
use totp_host::config_and_keyring::KeyringFiles;
use totp_host::documents::{Access, create_document, destroy_document, destroy_drafts, read_document};

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
    let _rotating = context.lock_to_rotate()?;
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
    let event = context.keyring_event(Name::KeyringSealed, &files.sealed());
    context.audit(&event.field("with", seal_options.with.as_str()));
    report(context, &files, "sealed", &files.opened)?;
    remark_on_unit(&context.config.paths);
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
        Err(_) if discard_unopened || opens_everything(context, in_force)? => return Ok(()),
        Err(failure) => {
            return Err(failure.explained(|problem| {
                format!(
                    "{problem}; the keyring in use does not open every enrolment and token, or there is none here, and this one may have \
                     the keys that it lacks, so it was not replaced: \"totp-enroll keys list\" names the keys; to give up what it may \
                     open, run \"totp-enroll keys seal --discard-unopened\""
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
    each_token(&context.store, |token| {
        is_needed |= token.map_or(true, |token| token.would_lose(sealed, in_force));
    })?;
    Ok((is_needed || !census.unreadable.is_empty()).then_some(key))
}

/// Whether a keyring opens every enrolment and every token of the inventory. Then no other one can be needed, whatever is in it. Where
/// there is nothing to open, the state may yet be restored from a backup, and nothing is known.
pub(super) fn opens_everything(context: &Context, keyring: &Keyring) -> Result<bool, CommandError> {
    let (mut found, mut opens) = (false, true);
    let census = Census::of(&context.store, |credential| {
        found = true;
        opens &= credential.check_seals(keyring).is_ok();
    })?;
    each_token(&context.store, |token| {
        found = true;
        opens &= token.is_ok_and(|token| token.check_seal(keyring).is_ok());
    })?;
    Ok(found && opens && census.unreadable.is_empty())
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
    let _rotating = context.lock_to_rotate()?;
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
    let sealed = match opened(files) {
        Ok(sealed) => sealed,
        Err(_) if opens_everything(context, &in_force)? => return Ok(()),
        Err(failure) => {
            return Err(failure.explained(|problem| {
                format!(
                    "{problem}; the unencrypted keyring is in use, and does not open every enrolment and token, or there is none here; \
                     to give up what the sealed keyring may open, remove it"
                )
            }));
        }
    };
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
    context.audit(&context.keyring_event(Name::KeyringUnsealed, &files.clear));
    report(context, files, "unsealed", &files.clear)
}

fn destroy_opened(files: &KeyringFiles) -> Result<(), CommandError> {
    // The first login or the first opening creates the directory.
    match files.opened.parent().map(Path::try_exists) {
        Some(Ok(false)) | None => Ok(()),
        Some(Ok(true) | Err(_)) => Ok(destroy_document(&files.opened)?),
    }
}

fn differs(files: &KeyringFiles) -> CommandError {
    let problem = format!(
        "differs from {}, the keyring in use; to seal that one, run \"totp-enroll keys seal\"",
        files.opened.display()
    );
    CommandError::refused(problem).at(files.sealed(), None)
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

const UNIT: &str = "pam-totp-keyring.service";
/// Exists if systemd runs (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";

/// Warns when pam-totp-keyring.service would not open the sealed keyring at boot: it is written for the default paths and has to be
/// enabled.
fn remark_on_unit(paths: &Paths) {
    if let Some(lines) = Config::defaults().ok().and_then(|by_default| drop_in(paths, &by_default.paths)) {
        output::remark(&format!(
            "{UNIT} does not know the paths in your config and will not open the keyring when the machine starts; run \"systemctl edit {UNIT}\" \
             and add these lines (and your --config to ExecStart=, if you use one):"
        ));
        lines.iter().for_each(|line| output::remark(&format!("    {line}")));
    }
    if Path::new(SYSTEMD).exists() && !is_enabled() {
        output::remark(&format!(
            "{UNIT} is not enabled: after a restart every enrolled user would be refused; run \"systemctl enable {UNIT}\""
        ));
    }
}

/// The lines of a drop-in for other paths than the default ones; `None`: none are needed.
fn drop_in(paths: &Paths, by_default: &Paths) -> Option<Vec<String>> {
    let is_same = paths.keyring == by_default.keyring
        && paths.runtime == by_default.runtime
        && paths.state == by_default.state;
    if is_same {
        return None;
    }
    let sealed = KeyringFiles::of(paths).sealed();
    let directory_of = |path: &Path| path.parent().unwrap_or(path).display().to_string();
    let (state, runtime) = (paths.state.display(), directory_of(&paths.runtime));
    Some(vec![
        "[Unit]".to_owned(),
        "ConditionPathExists=".to_owned(),
        format!("ConditionPathExists={}", sealed.display()),
        format!("RequiresMountsFor={} {state} {runtime}", directory_of(&sealed)),
        "[Service]".to_owned(),
        format!("ReadWritePaths={runtime} {state}"),
    ])
}

fn is_enabled() -> bool {
    let status = Command::new("/usr/bin/systemctl")
        .args(["is-enabled", "--quiet", UNIT])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_not_the_default_need_a_drop_in() {
        let by_default = Config::defaults().unwrap().paths;
        assert_eq!(drop_in(&by_default, &by_default), None);
        let elsewhere = Paths {
            state: "/srv/totp/state".into(),
            keyring: "/srv/keys/ring.toml".into(),
            runtime: "/dev/shm/totp".into(),
            ..by_default.clone()
        };
        let lines = drop_in(&elsewhere, &by_default).unwrap();
        assert!(lines.contains(&"ConditionPathExists=/srv/keys/ring.cred".to_owned()), "{lines:?}");
        assert!(lines.contains(&"ReadWritePaths=/dev/shm /srv/totp/state".to_owned()), "{lines:?}");
        for one in [
            Paths { state: elsewhere.state.clone(), ..by_default.clone() },
            Paths { keyring: elsewhere.keyring.clone(), ..by_default.clone() },
            Paths { runtime: elsewhere.runtime, ..by_default.clone() },
        ] {
            assert!(drop_in(&one, &by_default).is_some(), "{one:?}");
        }
    }

    #[test]
    fn the_shipped_unit_has_the_default_paths() {
        let unit = include_str!("../../../packaging/systemd/pam-totp-keyring.service");
        let paths = Config::defaults().unwrap().paths;
        let sealed = KeyringFiles::of(&paths).sealed();
        let state = paths.state.display();
        for line in
            [format!("ConditionPathExists={}\n", sealed.display()), format!("ReadWritePaths=/run {state}\n")]
        {
            assert!(unit.contains(&line), "{line}");
        }
        assert!(paths.runtime.starts_with("/run"));
    }
}
