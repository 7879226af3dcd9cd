//! The credential's TOML: what each field must be, and what is said of one that is not.

use super::{Authenticator, Credential, Label, Owner, RecoverySet, VERSION};
use crate::created::Created;
use crate::document::{self, DocumentError};
use crate::id::Id;
use crate::keyring::{NONCE_LENGTH, Sealed};
use crate::recovery::{self, Hash};
use crate::totp::{Algorithm, LONGEST_SECRET, Parameters, SHORTEST_SECRET};
use crate::user::User;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What to do about a credential that cannot be read.
const MEND: &str = "restore it from a backup, or enrol the user again";

impl Credential {
    /// Reads the document. `file` is only named in errors.
    ///
    /// # Errors
    /// [`DocumentError`] with the line where there is one; also where the document is another user's.
    pub fn parse(file: &Path, bytes: &[u8], user: &User) -> Result<Self, DocumentError> {
        let raw: Raw =
            document::parse(file, bytes, MEND).map_err(|error| newer(file, bytes).unwrap_or(error))?;
        raw.check(user).map_err(|problem| {
            newer(file, bytes).unwrap_or(DocumentError::new(file, format!("{problem}; {MEND}")))
        })
    }

    /// The text of the document. `file` is only named in errors.
    ///
    /// # Errors
    /// [`DocumentError`] where the values cannot be written as TOML; none of ours cannot.
    pub fn to_document(&self, file: &Path) -> Result<String, DocumentError> {
        let raw = Raw {
            version: VERSION,
            user: self.owner.user.as_str().to_owned(),
            uid: self.owner.uid,
            id: self.owner.id,
            created: self.created,
            authenticators: self.authenticators.iter().map(RawAuthenticator::from).collect(),
            recovery: self.recovery.as_ref().map(RawRecovery::from),
        };
        toml::to_string(&raw).map_err(|error| DocumentError::new(file, error.to_string()))
    }
}

/// A document of a later version fails on its unknown fields first; say what it really is.
fn newer(file: &Path, bytes: &[u8]) -> Option<DocumentError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = document::parse(file, bytes, MEND).ok()?;
    let problem = format!("version {version} is newer than this program reads ({VERSION}): upgrade it");
    (version > VERSION).then(|| DocumentError::new(file, problem))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: u32,
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    id: Id,
    created: Created,
    #[serde(rename = "authenticator")]
    authenticators: Vec<RawAuthenticator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<RawRecovery>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAuthenticator {
    label: String,
    #[serde(rename = "type")]
    kind: Kind,
    algorithm: Algorithm,
    digits: u8,
    period: u64,
    created: Created,
    key: String,
    #[serde(with = "crate::keyring::base64_text")]
    nonce: Vec<u8>,
    #[serde(with = "crate::keyring::base64_text")]
    ciphertext: Vec<u8>,
}

/// A type that this version does not know is refused by name.
#[derive(Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "totp")]
    Totp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRecovery {
    id: Id,
    created: Created,
    key: String,
    #[serde(with = "crate::keyring::base64_text")]
    nonce: Vec<u8>,
    #[serde(with = "crate::keyring::base64_text")]
    ciphertext: Vec<u8>,
    hashes: Vec<String>,
}

impl From<&Authenticator> for RawAuthenticator {
    fn from(from: &Authenticator) -> Self {
        let Sealed { key, nonce, ciphertext } = from.sealed.clone();
        Self {
            label: from.label.0.clone(),
            kind: Kind::Totp,
            algorithm: from.parameters.algorithm(),
            digits: from.parameters.digits(),
            period: from.parameters.period(),
            created: from.created,
            key,
            nonce,
            ciphertext,
        }
    }
}

impl From<&RecoverySet> for RawRecovery {
    fn from(from: &RecoverySet) -> Self {
        let Sealed { key, nonce, ciphertext } = from.sealed.clone();
        let hashes = from.hashes.iter().map(|hash| data_encoding::BASE64.encode(hash)).collect();
        Self { id: from.id, created: from.created, key, nonce, ciphertext, hashes }
    }
}

impl Raw {
    fn check(self, user: &User) -> Result<Credential, String> {
        if self.version != VERSION {
            return Err(format!("version {} is not one that this program reads ({VERSION})", self.version));
        }
        if self.user != user.as_str() {
            return Err("is another user's credential: it was copied or renamed".to_owned());
        }
        if self.authenticators.is_empty() {
            return Err("has no authenticator".to_owned());
        }
        let owner = Owner { user: user.clone(), uid: self.uid, id: self.id };
        let mut credential = Credential::new(owner, self.created);
        for raw in self.authenticators {
            let authenticator = raw.check()?;
            credential.room_for(&authenticator.label).map_err(|error| error.to_string())?;
            credential.authenticators.push(authenticator);
        }
        credential.recovery = self.recovery.map(RawRecovery::check).transpose()?;
        Ok(credential)
    }
}

impl RawAuthenticator {
    fn check(self) -> Result<Authenticator, String> {
        let Kind::Totp = self.kind;
        let label = Label::parse(&self.label).map_err(|error| error.to_string())?;
        let parameters =
            Parameters::new(self.algorithm, self.digits, self.period).map_err(|error| error.to_string())?;
        let sealed = checked_seal(self.key, self.nonce, self.ciphertext, SHORTEST_SECRET..=LONGEST_SECRET)?;
        Ok(Authenticator { label, parameters, created: self.created, sealed })
    }
}

impl RawRecovery {
    fn check(self) -> Result<RecoverySet, String> {
        let length = recovery::PEPPER_LENGTH;
        let sealed = checked_seal(self.key, self.nonce, self.ciphertext, length..=length)?;
        if self.hashes.len() > recovery::MOST_CODES {
            return Err(format!("has more than {} recovery codes", recovery::MOST_CODES));
        }
        let hash = |text: &String| {
            let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok();
            bytes.and_then(|bytes| bytes.try_into().ok()).ok_or("a recovery hash is not 32 bytes of base64")
        };
        let hashes = self.hashes.iter().map(hash).collect::<Result<Vec<Hash>, _>>()?;
        Ok(RecoverySet { id: self.id, created: self.created, sealed, hashes })
    }
}

/// Checks the lengths of a seal: the nonce, and the ciphertext for its plaintext and the 16 bytes of the tag.
fn checked_seal(
    key: String,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
    plaintext: std::ops::RangeInclusive<usize>,
) -> Result<Sealed, String> {
    if nonce.len() != NONCE_LENGTH {
        return Err(format!("a nonce is not {NONCE_LENGTH} bytes long"));
    }
    if !ciphertext.len().checked_sub(16).is_some_and(|length| plaintext.contains(&length)) {
        return Err("a ciphertext has the wrong length".to_owned());
    }
    Ok(Sealed { key, nonce, ciphertext })
}
