//! The keyring's TOML: what each field must be, and its text anew. No error repeats a key, and no copy of one is left behind.

use super::{KEY_LENGTH, Key, Keyring};
use crate::created::Created;
use crate::document::{self, DocumentError};
use crate::secret::Secret;
use data_encoding::BASE64;
use serde::Deserialize;
use std::fmt::Write;
use std::path::Path;
use zeroize::Zeroizing;

/// The version that this program reads and writes.
const VERSION: u32 = 1;

/// What to do about a keyring that cannot be read.
const MEND: &str = "restore the keyring from a backup";

const HEAD: &str = "# The keys of pam_totp on this machine. Whoever has this file and the credentials can make codes.\n\
                    # Back it up apart from them; do not copy it to another machine.\n";

/// More than the lines of a key take up beside its id.
const ROOM_FOR_A_KEY: usize = 160;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: u32,
    active: String,
    #[serde(default, rename = "key")]
    keys: Vec<RawKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    id: String,
    #[serde(default)]
    created: Option<Created>,
    #[serde(deserialize_with = "secret_text::deserialize")]
    secret: Secret,
}

impl Keyring {
    /// Reads the document. `file` is only named in errors, which never repeat a key.
    ///
    /// # Errors
    /// [`DocumentError`] with the line where there is one.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, DocumentError> {
        let raw: Raw = document::parse(file, bytes, MEND).map_err(without_names)?;
        let error = |problem: String| Err(DocumentError::new(file, format!("{problem}; {MEND}")));
        if raw.version != VERSION {
            return error(format!("version {} is not one that this program reads ({VERSION})", raw.version));
        }
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
        let key = |RawKey { id, created, secret }| Key { id, created, secret };
        let keys = raw.keys.into_iter().map(key).collect();
        Ok(Self { file: file.to_owned(), active: raw.active, keys })
    }
}

/// The text of the document.
pub(super) fn document(active: &str, keys: &[&Key]) -> Secret {
    let room = |key: &&Key| key.id.len().saturating_add(ROOM_FOR_A_KEY);
    let room = keys.iter().map(room).sum::<usize>().saturating_add(HEAD.len()).saturating_add(ROOM_FOR_A_KEY);
    // Large enough from the start: a text that grows leaves copies of the keys in it behind.
    let mut text = Zeroizing::new(String::with_capacity(room.saturating_add(active.len())));
    // Writing to a String cannot fail.
    let _ = write!(text, "{HEAD}version = {VERSION}\nactive = \"{active}\"\n");
    for Key { id, created, secret } in keys {
        let _ = write!(text, "\n[[key]]\nid = \"{id}\"\n");
        if let Some(created) = created {
            let _ = writeln!(text, "created = {created}");
        }
        text.push_str("secret = \"");
        BASE64.encode_append(secret.expose(), &mut text);
        text.push_str("\"\n");
    }
    Secret::new(std::mem::take(&mut *text).into_bytes())
}

/// A field's name may be a key that slipped to the left of its `=`.
fn without_names(error: DocumentError) -> DocumentError {
    if error.problem.starts_with("unknown field") {
        let problem = format!("there is a field that no keyring has; {MEND}");
        return DocumentError { problem, ..error };
    }
    error
}

/// A secret as base64 in a document; decoded from the borrowed text, so that no second copy is left behind.
mod secret_text {
    use super::{BASE64, Secret};
    use serde::{Deserializer, de::Error, de::Visitor};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("base64 text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                BASE64
                    .decode(text.as_bytes())
                    .map(Secret::new)
                    .map_err(|_| E::custom("is not base64 (RFC 4648)"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
