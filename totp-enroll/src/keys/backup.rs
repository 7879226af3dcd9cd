//! The backup of the keyring: writing it (in age format, complete or not at all), opening it, and its passphrase.

use super::sealed_keyring::split_options;
use crate::cli::Passphrase;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use crate::terminal::Terminal;
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
use totp_core::random::Secret;
use totp_core::store::StoreError;
use totp_host::documents::{Access, read_document};

/// The largest backup that is read, in bytes; a keyring with sixteen keys has about 3000.
const LARGEST_BACKUP: u64 = 1 << 20;
/// The work factor of scrypt, as a power of two: that of age(1), about a second and 256 MiB. The crate would measure it, and a busy
/// machine would then make a weak backup.
const WORK: u8 = if cfg!(feature = "small-backup-work") { 4 } else { 18 };
#[cfg(all(feature = "small-backup-work", not(debug_assertions)))]
compile_error!("small-backup-work is for tests: a passphrase would protect nothing");
/// The largest work factor that is accepted when a backup is opened; that of age(1).
const MOST_WORK: u8 = 22;

pub(super) fn run(context: &Context, file: &Path, from: &Passphrase) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct BackupReport {
        file: String,
        keys: Vec<String>,
    }
    if file.symlink_metadata().is_ok() {
        return Err(exists(file));
    }
    let (source, text) = context.keyring_text()?;
    let keyring = Keyring::parse(&source, text.expose()).map_err(StoreError::from)?;
    let passphrase = obtain_passphrase(context, from, PassphraseUse::Choose)?;
    let (_, bare) = split_options(&text);
    write(file, &bare, &passphrase)?;
    let keys = key_ids(&keyring);
    context.audit(&context.keyring_event(Name::KeyringBackedUp, file).field("keys", keys.join(",")));
    match context.format {
        Format::Json => output::document(&BackupReport { file: file.display().to_string(), keys }),
        Format::Text => output::line(&format!(
            "wrote {} with the keys {}; keep it apart from the backups of the enrolments, and the passphrase apart from both. \
             \"totp-enroll keys restore\" restores it; age(1) can decrypt it",
            file.display(),
            keys.join(", ")
        )),
    }
}

/// Writes a temporary file, reads it back, and then renames it.
fn write(file: &Path, text: &Secret, passphrase: &SecretString) -> Result<(), CommandError> {
    let sealed = encrypted(text, passphrase).map_err(|error| failed(file, &error))?;
    let draft = draft_of(file)?;
    let written = put(&draft, file, &sealed, text, passphrase);
    if written.is_err() {
        // It may not exist.
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
) -> Result<(), CommandError> {
    let mut opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)
        .map_err(|error| failed(draft, &error))?;
    opened.write_all(sealed).and_then(|()| opened.sync_all()).map_err(|error| failed(draft, &error))?;
    if decrypted(draft, passphrase)?.expose() != text.expose() {
        return Err(CommandError::refused(
            "does not contain what was written; no backup was made: check the disk",
        )
        .at(draft, None));
    }
    match renameat2(AT_FDCWD, draft, AT_FDCWD, file, RenameFlags::RENAME_NOREPLACE) {
        Ok(()) => {}
        Err(nix::errno::Errno::EEXIST) => return Err(exists(file)),
        Err(error) => return Err(failed(file, &error.into())),
    }
    let directory =
        file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(|error| failed(directory, &error))
}

fn draft_of(file: &Path) -> Result<PathBuf, CommandError> {
    let name =
        file.file_name().ok_or_else(|| CommandError::usage("is not the name of a file").at(file, None))?;
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

/// Does not use `EncryptError`'s own messages: their macro orders two arguments differently in each build, so builds would not be
/// reproducible.
fn not_sealed(error: EncryptError) -> io::Error {
    match error {
        EncryptError::Io(error) => error,
        // These cannot happen with a passphrase as the only recipient.
        EncryptError::EncryptedIdentities(_)
        | EncryptError::IncompatibleRecipients { .. }
        | EncryptError::InvalidRecipientLabels(_)
        | EncryptError::MissingRecipients
        | EncryptError::MixedRecipientAndPassphrase => {
            io::Error::other("the backup cannot be encrypted with this passphrase")
        }
    }
}

/// Decrypts a backup. A truncated or changed one is refused.
pub(super) fn decrypted(file: &Path, passphrase: &SecretString) -> Result<Secret, CommandError> {
    let refused = |problem: String| CommandError::refused(problem).at(file, None);
    let opened = File::open(file).map_err(|error| failed(file, &error))?;
    if opened.metadata().map_err(|error| failed(file, &error))?.len() > LARGEST_BACKUP {
        return Err(refused("is too large to be a backup of a keyring; nothing was changed".to_owned()));
    }
    let damaged = "is not a backup of a keyring, or is incomplete or was changed";
    let decryptor = Decryptor::new(opened)
        .map_err(|error| refused(format!("{damaged}: {error}; nothing was changed")))?;
    if !decryptor.is_scrypt() {
        return Err(refused(format!(
            "{damaged}: it is not encrypted with a passphrase; nothing was changed"
        )));
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
                | age::DecryptError::UnknownFormat) => format!("{damaged}: {error}; nothing was changed"),
            };
            refused(problem)
        })?;
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(1 << 14));
    reader
        .read_to_end(&mut text)
        .map_err(|error| refused(format!("{damaged}: {error}; nothing was changed")))?;
    Ok(Secret::new(std::mem::take(&mut *text)))
}

fn exists(file: &Path) -> CommandError {
    CommandError::refused("exists already and was not changed; name another file").at(file, None)
}

fn failed(file: &Path, error: &io::Error) -> CommandError {
    CommandError::refused(format!("cannot be written or read: {error}; no backup was made")).at(file, None)
}

pub(super) fn key_ids(keyring: &Keyring) -> Vec<String> {
    keyring.keys().iter().map(Key::id).map(str::to_owned).collect()
}

/// The shortest passphrase, in characters: what NIST SP 800-63B-4 section 3.1.1.2 requires of a password that is the only factor.
/// Guessing against a stolen backup file is not limited by anything else.
const SHORTEST: usize = 15;
/// The longest passphrase, in bytes.
const LONGEST: usize = 1024;
/// Fewer distinct characters are a pattern.
const LEAST_VARIED: usize = 6;

/// What the passphrase is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PassphraseUse {
    /// A new passphrase: it is typed twice and has to be strong.
    Choose,
    /// The passphrase of an existing backup.
    Give,
}

/// Reads a passphrase from the terminal (without echo), a file or a file descriptor.
pub(super) fn obtain_passphrase(
    context: &Context,
    from: &Passphrase,
    to: PassphraseUse,
) -> Result<SecretString, CommandError> {
    let given = match (&from.passphrase_file, from.passphrase_fd) {
        (Some(file), _) => read_document(file, Access::RootOnly)?.ok_or_else(|| {
            CommandError::refused("is missing; name the file with the passphrase").at(file, None)
        })?,
        (None, Some(number)) => from_descriptor(number)?,
        (None, None) => asked(context, to)?,
    };
    let passphrase = checked(&given)?;
    if to == PassphraseUse::Choose {
        is_strong(passphrase)
            .map_err(|problem| CommandError::refused(format!("{problem}; nothing was written")))?;
    }
    Ok(SecretString::from(passphrase.to_owned()))
}

fn asked(context: &Context, to: PassphraseUse) -> Result<Secret, CommandError> {
    let terminal = Terminal::open(context.format, "name --passphrase-file or --passphrase-fd")?;
    let first = terminal.ask_hidden("passphrase: ")?;
    if to == PassphraseUse::Choose
        && terminal.ask_hidden("the same passphrase again: ")?.expose() != first.expose()
    {
        return Err(CommandError::refused("the two passphrases differ; nothing was written: try again"));
    }
    Ok(first)
}

/// Opens the descriptor again through /proc, which works for files, pipes and terminals (proc(5)).
fn from_descriptor(number: u32) -> Result<Secret, CommandError> {
    let name = format!("/proc/self/fd/{number}");
    let unreadable =
        |error: std::io::Error| CommandError::refused(format!("cannot read descriptor {number}: {error}"));
    let mut file = File::open(Path::new(&name)).map_err(unreadable)?;
    let mut text = zeroize::Zeroizing::new(vec![0; LONGEST.saturating_add(3)]);
    let mut filled = 0;
    while let Some(free) = text.get_mut(filled..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    text.truncate(filled);
    Ok(Secret::new(std::mem::take(&mut *text)))
}

/// Checks that it is one line of text, and removes the newline.
fn checked(given: &Secret) -> Result<&str, CommandError> {
    let refused = |problem: &str| Err(CommandError::refused(problem));
    let Ok(text) = std::str::from_utf8(given.expose()) else {
        return refused("the passphrase is not UTF-8 text");
    };
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return refused("the passphrase is empty; nothing was done");
    }
    if text.len() > LONGEST {
        return Err(CommandError::refused(format!("the passphrase is longer than {LONGEST} bytes")));
    }
    if text.contains(char::is_control) {
        return refused("the passphrase has more than one line, or contains control characters");
    }
    Ok(text)
}

fn is_strong(passphrase: &str) -> Result<(), String> {
    let length = passphrase.chars().count();
    if length < SHORTEST {
        return Err(format!(
            "the passphrase has {} but needs at least {SHORTEST}: use five random words",
            output::count(length, "character")
        ));
    }
    let mut seen: Vec<char> = passphrase.chars().collect();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() < LEAST_VARIED {
        return Err(format!(
            "the passphrase has only {}: use five random words",
            output::count(seen.len(), "different character")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_repetitive_passphrases_are_refused() {
        for weak in
            ["", "fourteen chars", "aaaaaaaaaaaaaaaaaaaa", "ababcabcabcabcabcabc", "äöüäöüäöüäöüäöüäöü"]
        {
            assert!(is_strong(weak).is_err(), "{weak}");
        }
        for strong in ["fifteen chars..", "correct horse battery staple", "ÄÖÜäöüß12345678"] {
            assert_eq!(is_strong(strong), Ok(()), "{strong}");
        }
    }

    #[test]
    fn a_passphrase_is_one_line_of_text() {
        let checked = |bytes: &[u8]| checked(&Secret::new(bytes.to_vec())).map(str::to_owned).ok();
        assert_eq!(checked(b"two words\n").as_deref(), Some("two words"));
        assert_eq!(checked(b" two words \r\n").as_deref(), Some(" two words "));
        for bytes in [&b""[..], b"\n", b"one\ntwo\n", b"\xff", b"a\x00b", &[b'a'; 1025]] {
            assert_eq!(checked(bytes), None);
        }
        assert!(checked(&[b'a'; 1024]).is_some());
    }
}
