//! `keys backup`: the keyring in force, behind a passphrase, in a file of the age format, which is whole or not there.

use super::how::parted;
use super::passphrase::{self, Use};
use super::seal::note;
use crate::cli::Passphrase;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use age::secrecy::SecretString;
use age::{Decryptor, EncryptError, Encryptor, scrypt};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use totp_core::audit_event::Name;
use totp_core::keyring::{Key, Keyring};
use totp_core::secret::Secret;
use totp_core::store::StoreError;

/// The most that a backup may hold, in bytes; sixteen keys have some three thousand.
const LARGEST: u64 = 1 << 20;
/// The work that scrypt does for a passphrase, as a power of two: what age(1) asks for, about a second and 256 MiB. Not measured on
/// the spot, as the crate would: a machine that is busy would make a weak backup.
const WORK: u8 = if cfg!(feature = "small-backup-work") { 4 } else { 18 };
#[cfg(all(feature = "small-backup-work", not(debug_assertions)))]
compile_error!("small-backup-work is for tests: a passphrase would protect nothing");
/// The most that a backup may ask of anyone who opens it, as age(1) has it.
const MOST_WORK: u8 = 22;

pub(super) fn run(context: &Context, file: &Path, from: &Passphrase) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document {
        file: String,
        keys: Vec<String>,
    }
    if file.symlink_metadata().is_ok() {
        return Err(there(file));
    }
    let (source, text) = context.keyring_text()?;
    let keyring = Keyring::parse(&source, text.expose()).map_err(StoreError::from)?;
    let passphrase = passphrase::obtain(context, from, Use::Choose)?;
    let (_, bare) = parted(&text);
    write(file, &bare, &passphrase)?;
    let keys: Vec<String> = keyring.keys().iter().map(Key::id).map(str::to_owned).collect();
    note(context, Name::KeyringBackedUp, file, |event| event.field("keys", keys.join(",")));
    match context.format {
        Format::Json => output::document(&Document { file: file.display().to_string(), keys }),
        Format::Text => output::line(&format!(
            "{}: the keys {}; keep it apart from the backups of the enrolments, and the passphrase apart from both. \
             \"totp-enroll keys restore\" takes it back, and age(1) opens it",
            file.display(),
            keys.join(", ")
        )),
    }
}

/// Under another name first, and read back, before it has its own.
fn write(file: &Path, text: &Secret, passphrase: &SecretString) -> Result<(), Failure> {
    let sealed = encrypted(text, passphrase).map_err(|error| failed(file, &error))?;
    let draft = draft_of(file)?;
    let written = put(&draft, file, &sealed, text, passphrase);
    if written.is_err() {
        // It may be there or not.
        let _ = fs::remove_file(&draft);
    }
    written
}

fn put(
    draft: &Path,
    file: &Path,
    sealed: &[u8],
    text: &Secret,
    passphrase: &SecretString,
) -> Result<(), Failure> {
    let mut opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)
        .map_err(|error| failed(draft, &error))?;
    opened.write_all(sealed).and_then(|()| opened.sync_all()).map_err(|error| failed(draft, &error))?;
    if decrypted(draft, passphrase)?.expose() != text.expose() {
        return Err(Failure::refused("does not hold what was written; nothing was made").at(draft, None));
    }
    match renameat2(AT_FDCWD, draft, AT_FDCWD, file, RenameFlags::RENAME_NOREPLACE) {
        Ok(()) => {}
        Err(nix::errno::Errno::EEXIST) => return Err(there(file)),
        Err(error) => return Err(failed(file, &error.into())),
    }
    let place = file.parent().filter(|place| !place.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(place).and_then(|place| place.sync_all()).map_err(|error| failed(place, &error))
}

fn draft_of(file: &Path) -> Result<PathBuf, Failure> {
    let name = file.file_name().ok_or_else(|| Failure::usage("is not the name of a file").at(file, None))?;
    let mut draft = std::ffi::OsString::from(format!(".new.{}.", std::process::id()));
    draft.push(name);
    Ok(file.with_file_name(draft))
}

fn encrypted(text: &Secret, passphrase: &SecretString) -> io::Result<Vec<u8>> {
    let mut sealed = Vec::new();
    let mut recipient = scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK);
    let encryptor =
        Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).map_err(not_sealed)?;
    let mut writer = encryptor.wrap_output(&mut sealed)?;
    writer.write_all(text.expose())?;
    writer.finish()?;
    Ok(sealed)
}

/// Not by `EncryptError`'s own words: the macro that makes them writes two arguments in an order that changes with each build, and
/// no two builds of the command would be the same bytes.
fn not_sealed(error: EncryptError) -> io::Error {
    match error {
        EncryptError::Io(error) => error,
        // One passphrase is the one recipient.
        EncryptError::EncryptedIdentities(_)
        | EncryptError::IncompatibleRecipients { .. }
        | EncryptError::InvalidRecipientLabels(_)
        | EncryptError::MissingRecipients
        | EncryptError::MixedRecipientAndPassphrase => {
            io::Error::other("a backup cannot be sealed with this passphrase")
        }
    }
}

/// What a backup holds. Half of one, or one that was changed, holds nothing.
pub(super) fn decrypted(file: &Path, passphrase: &SecretString) -> Result<Secret, Failure> {
    let refused = |problem: String| Failure::refused(problem).at(file, None);
    let opened = File::open(file).map_err(|error| failed(file, &error))?;
    if opened.metadata().map_err(|error| failed(file, &error))?.len() > LARGEST {
        return Err(refused("is larger than any backup of a keyring; nothing was changed".to_owned()));
    }
    let whole = "is not a whole backup of a keyring, or was changed";
    let decryptor =
        Decryptor::new(opened).map_err(|error| refused(format!("{whole}: {error}; nothing was changed")))?;
    if !decryptor.is_scrypt() {
        return Err(refused(format!("{whole}: no passphrase opens it; nothing was changed")));
    }
    let mut identity = scrypt::Identity::new(passphrase.clone());
    identity.set_max_work_factor(MOST_WORK);
    let mut reader =
        decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(|error| {
            let problem = match error {
                age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
                    "does not open with this passphrase; nothing was changed".to_owned()
                }
                error @ (age::DecryptError::ExcessiveWork { .. }
                | age::DecryptError::InvalidHeader
                | age::DecryptError::InvalidMac
                | age::DecryptError::Io(_)
                | age::DecryptError::NoMatchingKeys
                | age::DecryptError::UnknownFormat) => format!("{whole}: {error}; nothing was changed"),
            };
            refused(problem)
        })?;
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(1 << 14));
    reader
        .read_to_end(&mut text)
        .map_err(|error| refused(format!("{whole}: {error}; nothing was changed")))?;
    Ok(Secret::new(std::mem::take(&mut *text)))
}

fn there(file: &Path) -> Failure {
    Failure::refused("is there already and stays as it is; name another file").at(file, None)
}

fn failed(file: &Path, error: &io::Error) -> Failure {
    Failure::refused(format!("cannot be written or read: {error}; nothing was made")).at(file, None)
}
