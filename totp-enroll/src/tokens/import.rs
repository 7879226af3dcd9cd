//! `import pskc` and `import tokens`: add the tokens of a vendor's file to the inventory, all or none.
//!
//! A token that is in the inventory already, with the same secret and parameters, is not changed, even if it was assigned or revoked
//! since. So running a killed import again completes it.

use super::new_tokens::{SeedLine, UnknownToken, new_tokens, unimported};
use crate::cli::{PskcFile, SeedFile};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use data_encoding::HEXLOWER_PERMISSIVE;
use seed_files::{Seed, SeedFileError, Unlock};
use serde::Serialize;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use totp_core::audit_event::{Event, Name};
use totp_core::random::Secret;
use totp_core::store::{Engine, Inventory as _};
use totp_core::token::NewToken;
use totp_host::documents::{Access, read_document};
use totp_host::machine;
use zeroize::Zeroizing;

/// The largest file that is read, in bytes: about 50,000 tokens as PSKC.
const LARGEST_FILE: u64 = 64 << 20;

pub(crate) fn import_pskc(context: &Context, asked: &PskcFile) -> Result<(), CommandError> {
    let PskcFile { seeds, key_file, passphrase_file } = asked;
    let text = read(&seeds.file)?;
    let key = key_file.as_deref().map(read_key).transpose()?;
    let passphrase = passphrase_file.as_deref().map(read_passphrase).transpose()?;
    let unlock = match (&key, &passphrase) {
        (Some(key), _) => Unlock::Key(key),
        (None, Some(passphrase)) => Unlock::Passphrase(passphrase),
        (None, None) => Unlock::None,
    };
    import(context, seeds, "pskc", seed_files::read_pskc(&text, unlock))
}

pub(crate) fn import_csv(context: &Context, asked: &SeedFile) -> Result<(), CommandError> {
    let text = read(&asked.file)?;
    import(context, asked, "csv", seed_files::read_csv(&text))
}

fn import(
    context: &Context,
    asked: &SeedFile,
    format: &'static str,
    seeds: Result<Vec<Seed>, SeedFileError>,
) -> Result<(), CommandError> {
    let SeedFile { file, dry_run } = asked;
    let bad = |line: usize, problem: &str| CommandError::refused(unimported(problem)).at(file, Some(line));
    let seeds = seeds.map_err(|error| bad(error.line, &error.problem))?;
    let seeds: Vec<_> = seeds.into_iter().map(SeedLine::from).collect();
    let keyring = context.keyring()?;
    if *dry_run {
        let new = new_tokens(context, &keyring, (file, &seeds))?;
        return print(context, &seeds, &new, true);
    }
    context.store.prepare()?;
    let event = Event::new(Name::TokensImported)
        .field("by", &context.operator.name)
        .maybe("loginuid", context.operator.login())
        .field("from", format);
    let added = context.make_interruptibly(|change| {
        context.change(|inputs| {
            let mut inventory = context.hold_tokens()?;
            let new = new_tokens(context, inputs.keyring, (file, &seeds))?;
            let tokens = new
                .iter()
                .map(|new| new.seal(context, inputs))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| CommandError::refused(error.to_string()))?;
            if !tokens.is_empty() {
                change.announce(None, event.field("tokens", tokens.len()))?;
                inventory
                    .add(&tokens)
                    .map_err(CommandError::from)
                    .map_err(|error| error.explained(unimported))?;
            }
            Ok(new)
        })
    })?;
    print(context, &seeds, &added, false)
}

impl From<Seed> for SeedLine {
    fn from(seed: Seed) -> Self {
        let Seed { serial, maker, model, factor, next_counter, secret, valid_from, expires, line } = seed;
        let new =
            NewToken { serial, maker, model, factor, used_up_to: next_counter, secret, valid_from, expires };
        Self { line, new }
    }
}

#[derive(Serialize)]
struct ImportReport {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    imported: usize,
    /// In the inventory already, and left as they are.
    unchanged: usize,
    /// Of those that are imported: assigned to the persons who are enrolled with them.
    assigned: usize,
    expired: usize,
}

fn print(
    context: &Context,
    seeds: &[SeedLine],
    new: &[UnknownToken<'_>],
    dry_run: bool,
) -> Result<(), CommandError> {
    let now = machine::now()?.realtime;
    let expired = seeds.iter().filter(|seed| seed.new.expires.is_some_and(|date| date <= now)).count();
    let (imported, unchanged) = (new.len(), seeds.len().saturating_sub(new.len()));
    let assigned = new.iter().filter(|token| token.holder.is_some()).count();
    let report = ImportReport { dry_run, imported, unchanged, assigned, expired };
    output::report(context.format, &report, |_| {
        let would = if dry_run { "would be " } else { "" };
        let tokens = output::count(imported, "token");
        let mut lines = vec![format!("{tokens} {would}imported, {unchanged} unchanged")];
        if assigned > 0 {
            lines.push(format!(
                "{} {would}assigned to the persons who are enrolled with them",
                output::count(assigned, "token")
            ));
        }
        if expired > 0 {
            lines.push(format!(
                "{} expired by the dates of the file; \"tokens assign\" takes them only with --expired",
                output::count_with(expired, "token", ("has", "have"))
            ));
        }
        lines
    })
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let error =
        |error: std::io::Error| CommandError::refused(format!("cannot be read: {error}")).at(file, None);
    let input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let opened = File::open(file).map_err(error)?;
        warn_if_readable(file, &opened.metadata().map_err(error)?);
        Box::new(opened)
    };
    let mut text = Zeroizing::new(Vec::new());
    // One byte more, to notice a file that is too long.
    input.take(LARGEST_FILE.saturating_add(1)).read_to_end(&mut text).map_err(error)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(CommandError::refused("is larger than 64 MiB: import it in parts").at(file, None));
    }
    Ok(text)
}

/// Warns about a vendor's file that others than its owner can read: that is every secret in it.
fn warn_if_readable(file: &Path, found: &Metadata) {
    if found.is_file() && found.mode() & 0o044 != 0 {
        output::remark(&format!(
            "{name}: other users of this machine can read the secrets in this file: make it 0600 now, and delete it after the import (\"shred -u {name}\")",
            name = file.display()
        ));
    }
}

fn read_secret(file: &Path) -> Result<Secret, CommandError> {
    read_document(file, Access::RootOnly)?
        .ok_or_else(|| CommandError::refused("does not exist").at(file, None))
}

/// The key as hexadecimal digits, or as bytes.
fn read_key(file: &Path) -> Result<Secret, CommandError> {
    let text = read_secret(file)?;
    match HEXLOWER_PERMISSIVE.decode(text.expose().trim_ascii()) {
        Ok(key) if !key.is_empty() => Ok(Secret::new(key)),
        Ok(_) | Err(_) => Ok(text),
    }
}

fn read_passphrase(file: &Path) -> Result<Secret, CommandError> {
    let text = read_secret(file)?;
    let line = text.expose();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    Ok(Secret::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}
