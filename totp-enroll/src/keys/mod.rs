//! `keys`: creates this machine's keyring, lists and rotates its keys, seals it to the machine, and backs it up.

mod backup;
mod creds;
mod list;
mod passphrase;
mod restore;
mod rotate;
mod seal;
mod seal_options;
mod unit;

pub(crate) use seal::opened as sealed;

use crate::cli::Keys;
use crate::clock;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use totp_core::audit_event::{Event, Name};
use totp_core::keyring::Keyring;
use totp_core::store::Engine;
use totp_host::documents::create_document;
use totp_host::entropy::OsEntropy;
use totp_host::settings::KeyringFiles;

pub(crate) fn run(context: &Context, command: &Keys) -> Result<(), CommandError> {
    match command {
        Keys::Init { if_missing } => init(context, *if_missing),
        Keys::List => list::run(context),
        Keys::Rotate { new_key } => rotate::run(context, *new_key),
        Keys::Seal(options) => seal::seal(context, options),
        Keys::Open => seal::open(context),
        Keys::Unseal => seal::unseal(context),
        Keys::Backup { file, passphrase } => backup::run(context, file, passphrase),
        Keys::Restore { file, passphrase, replace } => restore::run(context, file, passphrase, *replace),
    }
}

fn init(context: &Context, if_missing: bool) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct InitReport {
        keyring: String,
        made: bool,
    }
    let unchanged = |file: &Path| match context.format {
        Format::Text => output::line(&format!(
            "{} is this machine's keyring already; nothing was changed",
            file.display()
        )),
        Format::Json => output::document(&InitReport { keyring: file.display().to_string(), made: false }),
    };
    context.store.prepare()?;
    let file = &context.config.paths.keyring;
    let files = KeyringFiles::of(&context.config.paths);
    if files.is_sealed() {
        if if_missing {
            return unchanged(&files.sealed());
        }
        let problem = "is this machine's sealed keyring already; nothing was changed, because the enrolments cannot be opened without it";
        return Err(CommandError::refused(problem).at(files.sealed(), None));
    }
    let text = Keyring::generate(clock::created(clock::now()?)?, &mut OsEntropy)
        .map_err(|error| CommandError::refused(error.to_string()))?;
    if !create_document(file, &text)? {
        if if_missing {
            return unchanged(file);
        }
        let problem =
            "exists already; nothing was changed, because the enrolments cannot be opened without it";
        return Err(CommandError::refused(problem).at(file, None));
    }
    context.audit(
        &Event::new(Name::KeyringCreated).field("by", &context.operator.name).field("file", file.display()),
    );
    let keyring = file.display().to_string();
    match context.format {
        Format::Text => output::line(&format!(
            "created {keyring}; back it up, and keep it apart from the backups of the enrolments"
        ))?,
        Format::Json => output::document(&InitReport { keyring, made: true })?,
    }
    Ok(())
}
