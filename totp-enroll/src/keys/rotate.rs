//! `keys rotate`: a new active key, everybody's secrets under it, the old key dropped; or the same from where it stopped.

use super::broken::Broken;
use super::seal;
use crate::clock;
use crate::context::{Context, PATIENCE};
use crate::failure::Failure;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::event::{Event, Name};
use totp_core::keyring::{Key, Keyring};
use totp_core::rotation::{Rotated, Rotation, Step, Stopped};
use totp_core::store::{Engine, KeyringLocks, Users};
use totp_host::entropy::OsEntropy;
use totp_store::documents::sync_document;

/// What was done, and what is left to do.
#[derive(Serialize)]
struct Document {
    /// The active key.
    active: String,
    /// An earlier rotation was gone on with: no new key was made.
    resumed: bool,
    resealed: usize,
    dropped: Vec<String>,
    /// Old keys that are still there.
    kept: Vec<String>,
    /// Enrolments that were left as they are.
    left: Vec<Broken>,
}

pub(super) fn run(context: &Context, new_key: bool) -> Result<(), Failure> {
    context.store.prepare()?;
    let Some(_lock) = context.store.lock_to_rotate()? else {
        return Err(Failure::refused("the keys are being rotated already; this one changed nothing"));
    };
    let before = context.keyring()?;
    // Old keys are there only while a rotation is not finished.
    let resumed = before.keys().len() > 1 && !new_key;
    if resumed {
        // A sealed one was synced before it was opened.
        sync_document(&context.keyring_text()?.0)?;
        if context.format == Format::Text {
            output::line(&format!(
                "an earlier rotation is not finished: going on with its key {}; no new key is made",
                before.active()
            ))?;
        }
    } else {
        make_new_key(context)?;
    }
    let keyring = context.keyring()?;
    let old = old_keys(&keyring);
    note(context, &keyring, &old, |event| event.field("state", if resumed { "resumed" } else { "begun" }));
    let rotated = reseal(context, &keyring).map_err(|(stopped, resealed)| {
        note(context, &keyring, &old, |event| event.field("state", "stopped").field("enrolments", resealed));
        failed(stopped, resealed)
    })?;
    let Rotated { resealed, left, unnamed } = rotated;
    if !unnamed.is_empty() {
        seal::replace(context, &keyring.without(&unnamed))?;
    }
    let kept: Vec<String> = old.iter().filter(|id| !unnamed.contains(id)).cloned().collect();
    let state = if kept.is_empty() && left.is_empty() { "done" } else { "unfinished" };
    note(context, &keyring, &old, |event| {
        event.field("state", state).field("enrolments", resealed).field("left", left.len())
    });
    let left = left.iter().map(|left| Broken::of(context, left)).collect();
    let active = keyring.active().to_owned();
    report(context, &Document { active, resumed, resealed, dropped: unnamed, kept, left })
}

fn make_new_key(context: &Context) -> Result<(), Failure> {
    // Nobody seals with the old key from here on, nor with the new one before it is on the disk.
    let _lock = context.lock_to_change_keys()?;
    let (file, _) = context.keyring_text()?;
    let text =
        context.keyring()?.with_new_key(clock::created(clock::now()?)?, &mut OsEntropy).map_err(|error| {
            let problem = format!(
                "{error}; \"totp-enroll keys list\" shows what they seal: fix or disable those enrolments"
            );
            Failure::refused(problem).at(file, None)
        })?;
    seal::replace(context, &text)
}

fn old_keys(keyring: &Keyring) -> Vec<String> {
    let ids = keyring.keys().iter().map(Key::id);
    ids.filter(|id| *id != keyring.active()).map(str::to_owned).collect()
}

fn reseal(context: &Context, keyring: &Keyring) -> Result<Rotated, (Stopped, usize)> {
    // Only for the bar; whatever is wrong there is met again.
    let everybody = if output::shows_progress(context.format) {
        context.store.known().map_or(0, Iterator::count)
    } else {
        0
    };
    let sealing = output::progress_bar(context.format, "sealing", everybody);
    let counting = output::progress_bar(context.format, "counting", everybody);
    let rotation = Rotation { store: &context.store, keyring, entropy: &mut OsEntropy, patience: PATIENCE };
    let rotated = rotation.run(&mut |step| match step {
        Step::Sealing => sealing.inc(1),
        Step::Counting => {
            sealing.finish_and_clear();
            counting.inc(1);
        }
    });
    sealing.finish_and_clear();
    counting.finish_and_clear();
    rotated
}

fn failed(stopped: Stopped, resealed: usize) -> Failure {
    let failure = match stopped {
        Stopped::Store(error) => error.into(),
        Stopped::Seal(error) => Failure::refused(error.to_string()),
    };
    failure.explained(|problem| {
        format!("{problem}; {resealed} enrolments were sealed anew, all others are as they were, and nobody is locked out: fix it and run this again")
    })
}

fn note(context: &Context, keyring: &Keyring, old: &[String], more: impl FnOnce(Event) -> Event) {
    let event = Event::new(Name::KeyRotated)
        .field("by", &context.operator.name)
        .field("old", old.join(","))
        .field("new", keyring.active());
    context.audit(&more(event));
}

fn report(context: &Context, document: &Document) -> Result<(), Failure> {
    match context.format {
        Format::Json => output::document(document)?,
        Format::Text => {
            document.left.iter().for_each(Broken::remark);
            let Document { active, resealed, dropped, .. } = document;
            output::line(&format!("{resealed} enrolments were sealed anew, with the key {active}"))?;
            if !dropped.is_empty() {
                let (dropped, keyring) =
                    (dropped.join(", "), context.keyring_text()?.0.display().to_string());
                output::line(&format!(
                    "dropped: {dropped}; back up {keyring} now: what is in an older backup opens with the older keyring only"
                ))?;
            }
        }
    }
    let Document { kept, left, .. } = document;
    if left.is_empty() && kept.is_empty() {
        return Ok(());
    }
    let kept = if kept.is_empty() { String::new() } else { format!(", and kept: {}", kept.join(", ")) };
    let problem = format!(
        "{} enrolments were left as they are{kept}; fix or disable those, then run this again (--new-key makes another key all the same)",
        left.len(),
    );
    let failure = Failure::refused(problem);
    Err(if context.format == Format::Json { failure.told() } else { failure })
}
