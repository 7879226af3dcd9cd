//! `keys rotate`: creates a new active key, reseals all secrets with it and removes the old key; continues an unfinished rotation.

use super::sealed_keyring;
use crate::command_error::CommandError;
use crate::context::{Context, PATIENCE};
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::audit_event::{Event, Name};
use totp_core::keyring::rotation::{Rotated, Rotation, RotationError, RotationStep, Skipped, SkippedError};
use totp_core::keyring::{Key, Keyring};
use totp_core::store::{Document, Engine, Users};
use totp_host::documents::sync_document;
use totp_host::machine::{self, OsEntropy};

/// What was done, and what is left to do.
#[derive(Serialize)]
struct RotationReport {
    /// The active key.
    active: String,
    /// An unfinished rotation was continued: no new key was made.
    resumed: bool,
    resealed: usize,
    resealed_tokens: usize,
    dropped: Vec<String>,
    /// Old keys that are still in the keyring.
    kept: Vec<String>,
    /// Enrolments that were not resealed.
    left: Vec<SkippedEnrolment>,
}

pub(super) fn run(context: &Context, new_key: bool) -> Result<(), CommandError> {
    context.store.prepare()?;
    let _lock = context.lock_to_rotate()?;
    let before = context.keyring()?;
    // The keyring has old keys only during a rotation.
    let resumed = before.keys().len() > 1 && !new_key;
    if resumed {
        // A sealed keyring was synced before it was opened.
        sync_document(&context.keyring_text()?.0)?;
        if context.format == Format::Text {
            output::line(&format!(
                "an earlier rotation is not finished: continuing it with its key {}; no new key is created",
                before.active()
            ))?;
        }
    } else {
        make_new_key(context)?;
    }
    let keyring = context.keyring()?;
    let old = old_keys(&keyring);
    audit(context, &keyring, &old, |event| event.field("state", if resumed { "resumed" } else { "begun" }));
    let rotated = reseal(context, &keyring).map_err(|(stopped, resealed)| {
        audit(context, &keyring, &old, |event| event.field("state", "stopped").field("enrolments", resealed));
        failed(stopped, resealed)
    })?;
    let Rotated { resealed, resealed_tokens, left, unnamed } = rotated;
    if !unnamed.is_empty() {
        sealed_keyring::replace(context, &keyring.without(&unnamed))?;
    }
    let kept: Vec<String> = old.iter().filter(|id| !unnamed.contains(id)).cloned().collect();
    let state = if kept.is_empty() && left.is_empty() { "done" } else { "unfinished" };
    audit(context, &keyring, &old, |event| {
        let event = event.field("state", state).field("enrolments", resealed);
        event.field("tokens", resealed_tokens).field("left", left.len())
    });
    let left = left.iter().map(|left| SkippedEnrolment::of(context, left)).collect();
    let active = keyring.active().to_owned();
    report(
        context,
        &RotationReport { active, resumed, resealed, resealed_tokens, dropped: unnamed, kept, left },
    )
}

/// Seals anew all that keys of these ids seal and that opens, if necessary with a new key. The caller holds the rotation's lock.
pub(super) fn free_keys(context: &Context, ids: &[String]) -> Result<(), CommandError> {
    let active = context.keyring()?.active().to_owned();
    if ids.contains(&active) {
        make_new_key(context)?;
    }
    let keyring = context.keyring()?;
    audit(context, &keyring, ids, |event| event.field("state", "begun"));
    let rotated = reseal(context, &keyring).map_err(|(stopped, resealed)| {
        audit(context, &keyring, ids, |event| event.field("state", "stopped").field("enrolments", resealed));
        failed(stopped, resealed)
    })?;
    audit(context, &keyring, ids, |event| {
        let event = event.field("state", "unfinished").field("enrolments", rotated.resealed);
        event.field("tokens", rotated.resealed_tokens).field("left", rotated.left.len())
    });
    // Others are left because they need a key that is not here yet.
    let in_use = |left: &&Skipped| matches!(left.why, SkippedError::Busy | SkippedError::Changing);
    let in_use: Vec<&Skipped> = rotated.left.iter().filter(in_use).collect();
    if in_use.is_empty() {
        return Ok(());
    }
    in_use.iter().for_each(|left| SkippedEnrolment::of(context, left).remark());
    let count = output::count_with(in_use.len(), "enrolment", ("is", "are"));
    Err(CommandError::refused(format!("{count} in use: run this again")))
}

fn make_new_key(context: &Context) -> Result<(), CommandError> {
    // With this lock no command seals with the old key any more, nor with the new one before it is on disk.
    let _lock = context.lock_to_change_keys()?;
    let (file, _) = context.keyring_text()?;
    let text =
        context.keyring()?.with_new_key(machine::created(machine::now()?)?, &mut OsEntropy).map_err(|error| {
            let problem = format!(
                "{error}; \"totp-enroll keys list\" shows which enrolments need them: fix or disable those, then try again"
            );
            CommandError::refused(problem).at(file, None)
        })?;
    sealed_keyring::replace(context, &text)
}

fn old_keys(keyring: &Keyring) -> Vec<String> {
    let ids = keyring.keys().iter().map(Key::id);
    ids.filter(|id| *id != keyring.active()).map(str::to_owned).collect()
}

pub(super) fn reseal(context: &Context, keyring: &Keyring) -> Result<Rotated, (RotationError, usize)> {
    // Only for the progress bar: errors here are met again below.
    let total = if output::shows_progress(context.format) {
        context.store.known().map_or(0, Iterator::count)
    } else {
        0
    };
    let sealing = output::progress_bar(context.format, "sealing", total);
    let counting = output::progress_bar(context.format, "counting", total);
    let rotation = Rotation { store: &context.store, keyring, entropy: &mut OsEntropy, patience: PATIENCE };
    let rotated = rotation.run(&mut |step| match step {
        RotationStep::Sealing => sealing.inc(1),
        RotationStep::Counting => {
            sealing.finish_and_clear();
            counting.inc(1);
        }
    });
    sealing.finish_and_clear();
    counting.finish_and_clear();
    rotated
}

pub(super) fn failed(stopped: RotationError, resealed: usize) -> CommandError {
    let failure = match stopped {
        RotationError::Store(error) => error.into(),
        RotationError::Seal(error) => CommandError::refused(error.to_string()),
    };
    failure.explained(|problem| {
        let resealed = output::count_with(resealed, "enrolment", ("was", "were"));
        format!("{problem}; {resealed} resealed, the others are unchanged, and all users can still log in: fix this and run the command again")
    })
}

pub(super) fn audit(context: &Context, keyring: &Keyring, old: &[String], more: impl FnOnce(Event) -> Event) {
    let event = Event::new(Name::KeyRotated)
        .field("by", &context.operator.name)
        .field("old", old.join(","))
        .field("new", keyring.active());
    context.audit(&more(event));
}

fn report(context: &Context, document: &RotationReport) -> Result<(), CommandError> {
    match context.format {
        Format::Json => output::document(document)?,
        Format::Text => {
            document.left.iter().for_each(SkippedEnrolment::remark);
            let RotationReport { active, resealed, dropped, .. } = document;
            let resealed = output::count_with(*resealed, "enrolment", ("was", "were"));
            output::line(&format!("{resealed} resealed with the key {active}"))?;
            if document.resealed_tokens > 0 {
                let tokens = output::count_with(document.resealed_tokens, "token", ("was", "were"));
                output::line(&format!("{tokens} resealed with the key {active}"))?;
            }
            if !dropped.is_empty() {
                let (dropped, keyring) =
                    (dropped.join(", "), context.keyring_text()?.0.display().to_string());
                output::line(&format!(
                    "old keys removed: {dropped}; back up {keyring} now, and keep its older backups as long as you keep older backups of the enrolments"
                ))?;
            }
        }
    }
    let RotationReport { kept, left, .. } = document;
    if left.is_empty() && kept.is_empty() {
        return Ok(());
    }
    let kept = if kept.is_empty() {
        String::new()
    } else {
        format!(", so these old keys were kept: {}", kept.join(", "))
    };
    let problem = format!(
        "{} not resealed{kept}; fix or disable those, then run this again (--new-key creates another key anyway)",
        output::count_with(left.len(), "enrolment", ("was", "were")),
    );
    let failure = CommandError::refused(problem);
    Err(output::reported(context.format, failure))
}

/// An enrolment that cannot be read, or was not resealed; also printed by `keys list`.
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
        let name_of = |document| {
            let name = user.as_ref().map(|user| context.store.name_of(document, user));
            name.unwrap_or_default()
        };
        let (file, line, problem) = match why {
            SkippedError::Store(error) => {
                (error.about().to_owned(), error.line(), error.problem().to_owned())
            }
            SkippedError::Token(token) => (token.about.clone(), None, token.problem.clone()),
            SkippedError::NoLedger => (name_of(Document::Ledger), None, why.to_string()),
            SkippedError::Open(_) | SkippedError::Busy | SkippedError::Changing => {
                (name_of(Document::Credential), None, why.to_string())
            }
        };
        let user = user.as_ref().map(|user| user.as_str().to_owned());
        Self { user, file, line, problem }
    }

    pub(super) fn remark(&self) {
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{user}: "));
        output::remark(&format!("{user}{}: {}", output::location(&self.file, self.line), self.problem));
    }
}
