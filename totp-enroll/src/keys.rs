//! `keys`: make this machine's keyring, list its keys by id.

use crate::cli::Keys;
use crate::desk::{Desk, Kernel};
use crate::failure::Failure;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::event::{Event, Name};
use totp_core::keyring::Keyring;
use totp_core::store::guard::create_document;

pub(crate) fn run(desk: &Desk, command: &Keys) -> Result<(), Failure> {
    match command {
        Keys::Init => init(desk),
        Keys::List => list(desk),
    }
}

fn init(desk: &Desk) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document {
        keyring: String,
    }
    desk.store.prepare()?;
    let file = &desk.config.paths.keyring;
    let text = Keyring::generate(&mut Kernel).map_err(|error| Failure::refused(error.to_string()))?;
    if !create_document(file, &text)? {
        let problem =
            "is there already and stays as it is; without it no enrolment of this machine would open";
        return Err(Failure::refused(problem).at(file, None));
    }
    desk.audit(
        &Event::new(Name::KeyringCreated).field("by", &desk.operator.name).field("file", file.display()),
    );
    let keyring = file.display().to_string();
    match desk.format {
        Format::Text => output::line(&format!("made {keyring}; back it up apart from the enrolments"))?,
        Format::Json => output::document(&Document { keyring })?,
    }
    Ok(())
}

fn list(desk: &Desk) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Key<'a> {
        id: &'a str,
        active: bool,
    }
    #[derive(Serialize)]
    struct Document<'a> {
        keys: Vec<Key<'a>>,
    }
    let keyring = desk.keyring()?;
    let keys: Vec<Key<'_>> = keyring.ids().map(|(id, active)| Key { id, active }).collect();
    match desk.format {
        Format::Json => output::document(&Document { keys }),
        Format::Text => keys.iter().try_for_each(|key| {
            output::line(&format!("{}{}", key.id, if key.active { " (active)" } else { "" }))
        }),
    }
}
