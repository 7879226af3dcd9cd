//! The TOML format of the keyring. No error repeats a key, and no copy of a key stays in memory.

use super::{KEY_LENGTH, Key, Keyring};
use crate::document::{self, Base64, DocumentError, Field, ParseError, Table, Value};
use crate::secret::Secret;
use std::fmt::Write;
use std::path::Path;
use zeroize::Zeroizing;

/// The version that this program reads and writes.
const VERSION: u32 = 1;

/// Advice that follows an error about the keyring.
const WHAT_TO_DO: &str = "restore the keyring from a backup";

const HEAD: &str = "# The keys of pam_totp on this machine. Anyone who has this file and the credentials can make codes.\n\
                    # Back it up apart from them; do not copy it to another machine.\n";

/// More bytes than the lines of a key need besides its id.
const ROOM_FOR_A_KEY: usize = 160;

struct RawKeyring {
    active: String,
    keys: Vec<Key>,
}

impl RawKeyring {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        table.version(VERSION..=VERSION)?;
        Ok(Self {
            active: table.required("active")?,
            keys: table.sections("key", |key| {
                Ok(Key {
                    id: key.required("id")?,
                    created: key.optional("created")?,
                    secret: key.required("secret")?,
                })
            })?,
        })
    }
}

impl Keyring {
    /// Reads the document. `file` is only named in errors, which never repeat a key.
    ///
    /// # Errors
    /// [`DocumentError`] with the line where there is one.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, DocumentError> {
        let raw = document::read(file, bytes, WHAT_TO_DO, RawKeyring::read).map_err(without_names)?;
        let error = |problem: String| Err(DocumentError::new(file, format!("{problem}; {WHAT_TO_DO}")));
        for (at, key) in raw.keys.iter().enumerate() {
            if key.id.is_empty() || !key.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                return error("a key's id must be letters, digits and dashes".to_owned());
            }
            if key.secret.expose().len() != KEY_LENGTH {
                return error(format!("key \"{}\" is not {KEY_LENGTH} bytes long", key.id));
            }
            if raw.keys.iter().skip(at.saturating_add(1)).any(|other| other.id == key.id) {
                return error(format!("key \"{}\" is there twice", key.id));
            }
        }
        if !raw.keys.iter().any(|key| key.id == raw.active) {
            return error("the active key is not among the keys".to_owned());
        }
        Ok(Self { file: file.to_owned(), active: raw.active, keys: raw.keys })
    }
}

/// The text of the document.
pub(super) fn document(active: &str, keys: &[&Key]) -> Secret {
    let room = |key: &&Key| key.id.len().saturating_add(ROOM_FOR_A_KEY);
    let room = keys.iter().map(room).sum::<usize>().saturating_add(HEAD.len()).saturating_add(ROOM_FOR_A_KEY);
    // Allocated at its full size: a text that grows leaves copies of its keys behind.
    let mut text = Zeroizing::new(String::with_capacity(room.saturating_add(active.len())));
    // Writing to a String cannot fail.
    let _ = write!(text, "{HEAD}version = {VERSION}\nactive = \"{active}\"\n");
    for Key { id, created, secret } in keys {
        let _ = write!(text, "\n[[key]]\nid = \"{id}\"\n");
        if let Some(created) = created {
            let _ = writeln!(text, "created = {created}");
        }
        text.push_str("secret = \"");
        text.push_str(&Zeroizing::new(Base64::text(secret.expose())));
        text.push_str("\"\n");
    }
    Secret::new(std::mem::take(&mut *text).into_bytes())
}

/// The name of a field may be a key that was typed left of its `=`, so it is not repeated.
fn without_names(error: DocumentError) -> DocumentError {
    if error.problem.starts_with("unknown field") {
        let problem = format!("it contains an unknown field; {WHAT_TO_DO}");
        return DocumentError { problem, ..error };
    }
    error
}

impl<'t> Field<'t> for Secret {
    /// Base64, decoded from the document's text, so that no second copy is made.
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Base64::read(value).map(|Base64(bytes)| Self::new(bytes))
    }
}
