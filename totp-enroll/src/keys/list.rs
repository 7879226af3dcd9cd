//! `keys list`: the keys by id, and how many enrolments name each.

use super::broken::Broken;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::keyring::rotation::Census;

#[derive(Serialize)]
struct Document {
    keys: Vec<Key>,
    /// Keys that enrolments name and the keyring does not have.
    missing: Vec<Missing>,
    /// Enrolments that cannot be read: they may name any key.
    broken: Vec<Broken>,
}

#[derive(Serialize)]
struct Key {
    id: String,
    active: bool,
    /// `null` in a keyring of a version that did not note it.
    created: Option<String>,
    enrolments: usize,
}

#[derive(Serialize)]
struct Missing {
    id: String,
    enrolments: usize,
}

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let keyring = context.keyring()?;
    let Census { mut named, unreadable } = Census::of(&context.store, |_| {})?;
    let key = |key: &totp_core::keyring::Key| Key {
        id: key.id().to_owned(),
        active: key.id() == keyring.active(),
        created: key.created().map(|created| created.to_string()),
        enrolments: named.remove(key.id()).unwrap_or(0),
    };
    let document = Document {
        keys: keyring.keys().iter().map(key).collect(),
        missing: named.into_iter().map(|(id, enrolments)| Missing { id, enrolments }).collect(),
        broken: unreadable.iter().map(|left| Broken::of(context, left)).collect(),
    };
    match context.format {
        Format::Json => output::document(&document)?,
        Format::Text => {
            document.keys.iter().try_for_each(|key| output::line(&key.line()))?;
            document.broken.iter().for_each(Broken::remark);
        }
    }
    document.failure(context)
}

impl Key {
    fn line(&self) -> String {
        let Self { id, active, created, enrolments } = self;
        let active = if *active { " (active)" } else { "" };
        let created = created.as_ref().map_or_else(String::new, |created| format!(", made {created}"));
        format!("{id}{active}: {enrolments} enrolments{created}")
    }
}

impl Document {
    fn failure(&self, context: &Context) -> Result<(), Failure> {
        let missing = self.missing.iter().map(|Missing { id, enrolments }| {
            format!("{enrolments} enrolments name the key \"{id}\", which is not in it; restore the keyring that they were sealed with")
        });
        let broken = (!self.broken.is_empty())
            .then(|| format!("{} enrolments cannot be read, and may name any key", self.broken.len()));
        let problems: Vec<String> = missing.chain(broken).collect();
        if problems.is_empty() {
            return Ok(());
        }
        let failure = Failure::refused(problems.join("; ")).at(context.keyring_text()?.0, None);
        Err(if context.format == Format::Json { failure.told() } else { failure })
    }
}
