//! The keyring: the machine's AES-256 keys, its document, and sealing and opening with them.

mod ledger_key;
mod open_error;
pub mod rotation;
mod token_rotation;

pub use ledger_key::LedgerKey;
pub use open_error::{OpenError, SealOf};
pub use token_rotation::{SkippedToken, count_tokens, each_token};

use crate::document::{self, Base64, DocumentError, Field, ParseError, Table, Value};
use crate::random::{Entropy, EntropyError, Secret, random_array};
use crate::time::Created;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base16ct::lower;
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Bytes of an AES-256 key.
const KEY_LENGTH: usize = 32;
/// Bytes of a nonce: 96 bits, the length that NIST SP 800-38D section 5.2.1.1 recommends.
pub(crate) const NONCE_LENGTH: usize = 12;
/// The most keys of a keyring. Every login reads them all, and there are more than two only if old ones could not be
/// dropped.
pub const MOST_KEYS: usize = 16;
/// The version of the document that this program reads and writes.
const VERSION: u32 = 1;

/// Advice that follows an error about the keyring.
const WHAT_TO_DO: &str = "restore the keyring from a backup";

const HEAD: &str = "# The keys of pam_totp on this machine. Anyone who has this file and the credentials can make codes.\n\
                    # Back it up apart from them; do not copy it to another machine.\n";

/// More bytes than the lines of a key need besides its id.
const ROOM_FOR_A_KEY: usize = 160;

/// The keys, and which of them seals.
pub struct Keyring {
    /// For errors: its file, say.
    name: String,
    active: String,
    keys: Vec<Key>,
}

/// A key, without its bytes.
pub struct Key {
    id: String,
    created: Option<Created>,
    secret: Secret,
    /// The ledger key under this key, once it was asked for.
    ledger: OnceLock<LedgerKey>,
}

/// A seal: a ciphertext, its nonce and the id of its key, as a credential has them. It opens only with the same
/// additional data.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) key: String,
    pub(crate) nonce: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum SealError {
    /// The system provided no random bytes.
    #[error(transparent)]
    NoEntropy(#[from] EntropyError),
    /// AES-GCM refused: the active key is gone, or the message is beyond 64 GiB.
    #[error(
        "encryption with the active key of the keyring failed: check the keyring with \"totp-enroll doctor\""
    )]
    Cipher,
}

/// Why no key was added.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum NewKeyError {
    /// The system provided no random bytes.
    #[error(transparent)]
    NoEntropy(#[from] EntropyError),
    /// See [`MOST_KEYS`].
    #[error(
        "the keyring already has {MOST_KEYS} keys, the maximum: run \"totp-enroll keys rotate\" to drop old ones"
    )]
    TooMany,
}

/// Why two keyrings were not merged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MergeError {
    /// The active key has the id of a different key of the other keyring.
    #[error("key \"{0}\" seals in one keyring and is a different key in the other: run this again")]
    ActiveClashes(String),
    /// See [`MOST_KEYS`].
    #[error(
        "the two keyrings have more than {MOST_KEYS} keys together: run \"totp-enroll keys rotate\" to drop old ones"
    )]
    TooMany,
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
        Ok(Self { name: file.display().to_string(), active: raw.active, keys: raw.keys })
    }

    /// The document of a new keyring with one key.
    ///
    /// # Errors
    /// [`EntropyError`].
    pub fn generate(created: Created, entropy: &mut dyn Entropy) -> Result<Secret, EntropyError> {
        let key = Key::random(new_id(1, entropy)?, created, entropy)?;
        Ok(document_of(&key.id, &[&key]))
    }

    /// The document of this keyring with a new active key.
    ///
    /// # Errors
    /// [`NewKeyError`]; the keyring is unchanged.
    pub fn with_new_key(&self, created: Created, entropy: &mut dyn Entropy) -> Result<Secret, NewKeyError> {
        if self.keys.len() >= MOST_KEYS {
            return Err(NewKeyError::TooMany);
        }
        let number = |key: &Key| key.id.strip_prefix('k')?.split('-').next()?.parse::<u32>().ok();
        let number = self.keys.iter().filter_map(number).max().unwrap_or(0).saturating_add(1);
        let key = Key::random(new_id(number, entropy)?, created, entropy)?;
        let keys: Vec<&Key> = self.keys.iter().chain([&key]).collect();
        Ok(document_of(&key.id, &keys))
    }

    /// The document of this keyring without the keys of these ids. The active key is always kept.
    #[must_use]
    pub fn without(&self, ids: &[String]) -> Secret {
        let stays = |key: &&Key| key.id == self.active || !ids.contains(&key.id);
        let keys: Vec<&Key> = self.keys.iter().filter(stays).collect();
        document_of(&self.active, &keys)
    }

    /// The document of this keyring with the keys of `other` added before its own. Where both have a different key of one
    /// id, the key of `other` takes the place of the one here; the active key stays what it is.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn merged(&self, other: &Self) -> Result<Secret, MergeError> {
        let replaced = self.clashes(other);
        if replaced.contains(&self.active) {
            return Err(MergeError::ActiveClashes(self.active.clone()));
        }
        let stays = |key: &&Key| !other.keys.iter().any(|added| added.id == key.id);
        let keys: Vec<&Key> = other.keys.iter().chain(self.keys.iter().filter(stays)).collect();
        if keys.len() > MOST_KEYS {
            return Err(MergeError::TooMany);
        }
        Ok(document_of(&self.active, &keys))
    }

    /// The ids that stand for one key here and for a different one in `other`.
    #[must_use]
    pub fn clashes(&self, other: &Self) -> Vec<String> {
        let differs = |key: &&Key| {
            other.keys.iter().any(|one| one.id == key.id && one.secret.expose() != key.secret.expose())
        };
        self.keys.iter().filter(differs).map(|key| key.id.clone()).collect()
    }

    /// The keys, in the order of the document: newer ones come later.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The id of the active key, which seals.
    #[must_use]
    pub fn active(&self) -> &str {
        &self.active
    }

    /// A key of `other` that is missing here, compared by its bytes: earlier versions gave the first key of every machine
    /// the same id.
    #[must_use]
    pub fn lacks<'a>(&self, other: &'a Self) -> Option<&'a Key> {
        let is = |one: &Key, key: &Key| one.id == key.id && one.secret.expose() == key.secret.expose();
        other.keys.iter().find(|key| !self.keys.iter().any(|one| is(one, key)))
    }

    /// The ledger key under the key of this id; `None`: the keyring lacks it.
    #[must_use]
    pub fn ledger_key(&self, id: &str) -> Option<&LedgerKey> {
        let key = self.keys.iter().find(|key| key.id == id)?;
        Some(key.ledger.get_or_init(|| LedgerKey::under(&key.id, &key.secret)))
    }

    /// The ledger key under the active key.
    #[must_use]
    pub fn active_ledger_key(&self) -> Option<&LedgerKey> {
        self.ledger_key(&self.active)
    }

    /// Whether there is a key of this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id == id)
    }

    /// Seals under the active key with a fresh nonce, bound to `additional`.
    pub(crate) fn seal(
        &self,
        plaintext: &Secret,
        additional: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Sealed, SealError> {
        let nonce: [u8; NONCE_LENGTH] = random_array(entropy)?;
        let cipher = self.cipher(&self.active).ok_or(SealError::Cipher)?;
        let ciphertext = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plaintext.expose(), aad: additional })
            .map_err(|_| SealError::Cipher)?;
        Ok(Sealed { key: self.active.clone(), nonce: nonce.to_vec(), ciphertext })
    }

    /// Opens what was sealed under the same `additional`.
    pub(crate) fn open(&self, sealed: &Sealed, additional: &[u8]) -> Result<Secret, OpenError> {
        let id = &sealed.key;
        let what = SealOf::Credential;
        let missing = || self.lacks_key(id, what);
        let refused = || OpenError::DoesNotOpen { id: id.clone(), what };
        let cipher = self.cipher(id).ok_or_else(missing)?;
        let nonce: [u8; NONCE_LENGTH] = sealed.nonce.as_slice().try_into().map_err(|_| refused())?;
        cipher
            .decrypt(&Nonce::from(nonce), Payload { msg: &sealed.ciphertext, aad: additional })
            .map(Secret::new)
            .map_err(|_| refused())
    }

    /// The error about a key that it lacks and that sealed `what`.
    pub(crate) fn lacks_key(&self, id: &str, what: SealOf) -> OpenError {
        OpenError::MissingKey { id: id.to_owned(), keyring: self.name.clone(), what }
    }

    fn cipher(&self, id: &str) -> Option<Aes256Gcm> {
        let key = self.keys.iter().find(|key| key.id == id)?;
        Aes256Gcm::new_from_slice(key.secret.expose()).ok()
    }
}

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
                    ledger: OnceLock::new(),
                })
            })?,
        })
    }
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

/// The id of a new key. It is new for every keyring: with the id of a lost key, credentials of that key would seem to belong
/// to this one, and two keyrings could not be merged.
fn new_id(number: u32, entropy: &mut dyn Entropy) -> Result<String, EntropyError> {
    let mark: [u8; 4] = random_array(entropy)?;
    Ok(format!("k{number}-{}", lower::encode_string(&mark)))
}

/// The text of the document.
fn document_of(active: &str, keys: &[&Key]) -> Secret {
    let room = |key: &&Key| key.id.len().saturating_add(ROOM_FOR_A_KEY);
    let room = keys.iter().map(room).sum::<usize>().saturating_add(HEAD.len()).saturating_add(ROOM_FOR_A_KEY);
    // Allocated at its full size: a text that grows leaves copies of its keys behind.
    let mut text = Zeroizing::new(String::with_capacity(room.saturating_add(active.len())));
    // Writing to a String cannot fail.
    let _ = write!(text, "{HEAD}version = {VERSION}\nactive = \"{active}\"\n");
    for Key { id, created, secret, .. } in keys {
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

impl Key {
    fn random(id: String, created: Created, entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let secret = Secret::random(KEY_LENGTH, entropy)?;
        Ok(Self { id, created: Some(created), secret, ledger: OnceLock::new() })
    }

    /// Its id, which each seal names.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it was made, if the document says so.
    #[must_use]
    pub fn created(&self) -> Option<Created> {
        self.created
    }
}

/// The additional data of a seal: fields in a fixed order, each with its length, so that different fields never give
/// the same bytes.
#[derive(Default)]
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    pub(crate) fn text(self, field: &str) -> Self {
        self.field(field.as_bytes())
    }

    pub(crate) fn field(mut self, field: &[u8]) -> Self {
        self.0.extend((field.len() as u64).to_be_bytes());
        self.0.extend(field);
        self
    }

    pub(crate) fn number(mut self, field: u64) -> Self {
        self.0.extend(8u64.to_be_bytes());
        self.0.extend(field.to_be_bytes());
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
pub(crate) mod tests;
