//! `keys`: make this machine's keyring, list its keys by id, rotate them; seal it to the machine; back it up.

mod backup;
mod broken;
mod creds;
mod how;
mod list;
mod passphrase;
mod restore;
mod rotate;
mod seal;
mod unit;

pub(crate) use seal::opened as sealed;

use crate::cli::Keys;
use crate::clock;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use totp_core::event::{Event, Name};
use totp_core::keyring::Keyring;
use totp_host::entropy::OsEntropy;
use totp_core::store::Engine;
use totp_store::documents::create_document;
use totp_store::keyring_files::KeyringFiles;

pub(crate) fn run(desk: &Desk, command: &Keys) -> Result<(), Failure> {
    match command {
        Keys::Init { if_missing } => init(desk, *if_missing),
        Keys::List => list::run(desk),
        Keys::Rotate { new_key } => rotate::run(desk, *new_key),
        Keys::Seal(options) => seal::seal(desk, options),
        Keys::Open => seal::open(desk),
        Keys::Unseal => seal::unseal(desk),
        Keys::Backup { file, passphrase } => backup::run(desk, file, passphrase),
        Keys::Restore { file, passphrase, replace } => restore::run(desk, file, passphrase, *replace),
    }
}

fn init(desk: &Desk, if_missing: bool) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document {
        keyring: String,
        made: bool,
    }
    let stays = |file: &Path| match desk.format {
        Format::Text => {
            output::line(&format!("{} is this machine's keyring, and stays as it is", file.display()))
        }
        Format::Json => output::document(&Document { keyring: file.display().to_string(), made: false }),
    };
    desk.store.prepare()?;
    let file = &desk.config.paths.keyring;
    let files = KeyringFiles::of(&desk.config.paths);
    if files.is_sealed() {
        if if_missing {
            return stays(&files.sealed());
        }
        let problem = "is this machine's keyring, sealed; without it no enrolment of this machine would open";
        return Err(Failure::refused(problem).at(files.sealed(), None));
    }
    let text = Keyring::generate(clock::created(clock::now()?)?, &mut OsEntropy)
        .map_err(|error| Failure::refused(error.to_string()))?;
    if !create_document(file, &text)? {
        if if_missing {
            return stays(file);
        }
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
        Format::Json => output::document(&Document { keyring, made: true })?,
    }
    Ok(())
}
