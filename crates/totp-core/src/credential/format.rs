//! The TOML format of the credential: reading it, with an error for each wrong field, and writing it.

use super::{Authenticator, Credential, Label, Owner, RecoverySet, VERSION};
use crate::document::{self, Base64, DocumentError, Field, ParseError, Table, Value, word};
use crate::factor::totp::{LONGEST_SECRET, SHORTEST_SECRET};
use crate::factor::{Factor, WrittenFactor};
use crate::id::Id;
use crate::keyring::{NONCE_LENGTH, Sealed};
use crate::recovery::{self, Hash};
use crate::time::Created;
use crate::user::User;
use serde::Serialize;
use std::path::Path;

/// Advice that follows an error about a credential.
const WHAT_TO_DO: &str = "restore it from a backup, or enrol the user again";

impl Credential {
    /// Reads the document. `file` is only named in errors.
    ///
    /// # Errors
    /// [`DocumentError`] with the line where there is one; also where the document is another user's.
    pub fn parse(file: &Path, bytes: &[u8], user: &User) -> Result<Self, DocumentError> {
        document::read(file, bytes, WHAT_TO_DO, |table| read(table, user))
    }

    /// The text of the document. `file` is only named in errors.
    ///
    /// # Errors
    /// [`DocumentError`] if a value cannot be written as TOML, which no credential contains.
    pub fn to_document(&self, file: &Path) -> Result<String, DocumentError> {
        let written = WrittenCredential {
            version: self.version,
            user: self.owner.user.as_str().to_owned(),
            uid: self.owner.uid,
            id: self.owner.id,
            created: self.created,
            authenticators: self.authenticators.iter().map(WrittenAuthenticator::from).collect(),
            recovery: self.recovery.as_ref().map(WrittenRecovery::from),
        };
        toml::to_string(&written).map_err(|error| DocumentError::new(file, error.to_string()))
    }
}

fn read(table: &mut Table<'_>, user: &User) -> Result<Credential, ParseError> {
    let version = table.version(1..=VERSION)?;
    if table.required::<&str>("user")? != user.as_str() {
        return Err(table.wrong("is another user's credential: it was copied or renamed"));
    }
    let owner = Owner { user: user.clone(), uid: table.optional("uid")?, id: table.required("id")? };
    let mut credential = Credential { version, ..Credential::new(owner, table.required("created")?) };
    for authenticator in table.sections("authenticator", read_authenticator)? {
        credential.space_for(&authenticator.label).map_err(|error| table.wrong(error.to_string()))?;
        credential.authenticators.push(authenticator);
    }
    if credential.authenticators.is_empty() {
        return Err(table.wrong("has no authenticator"));
    }
    credential.recovery = table.section("recovery", read_recovery)?;
    // The seals of version 1 are not bound to these fields, so anybody could have added them.
    let beyond = credential.authenticators.iter().any(|one| one.factor.since_version() > version)
        || credential.recovery.as_ref().is_some_and(|set| set.kind != recovery::RecoveryKind::Own);
    if version == 1 && beyond {
        return Err(table.wrong("has drift_steps or a kind of recovery codes, which version 1 does not know"));
    }
    Ok(credential)
}

fn read_authenticator(table: &mut Table<'_>) -> Result<Authenticator, ParseError> {
    let factor = Factor::read(table)?;
    let label = Label::parse(table.required("label")?).map_err(|error| table.wrong(error.to_string()))?;
    let created = table.required("created")?;
    let sealed = read_seal(table, SHORTEST_SECRET..=LONGEST_SECRET)?;
    Ok(Authenticator { label, factor, created, sealed })
}

fn read_recovery(table: &mut Table<'_>) -> Result<RecoverySet, ParseError> {
    let (id, created) = (table.required("id")?, table.required("created")?);
    let kind = table.optional("kind")?.unwrap_or(recovery::RecoveryKind::Own);
    let sealed = read_seal(table, recovery::PEPPER_LENGTH..=recovery::PEPPER_LENGTH)?;
    let written: Vec<Base64> = table.required("hashes")?;
    if written.len() > recovery::MOST_CODES {
        return Err(table.wrong(format!("has more than {} recovery codes", recovery::MOST_CODES)));
    }
    let hashes = written.into_iter().map(|Base64(bytes)| Hash::try_from(bytes)).collect::<Result<_, _>>();
    let hashes = hashes.map_err(|_| table.wrong("a recovery hash is not 32 bytes of base64"))?;
    Ok(RecoverySet { id, kind, created, sealed, hashes })
}

/// Reads a seal and checks its lengths: the nonce, and the ciphertext for its plaintext and the 16 bytes of the tag.
fn read_seal(
    table: &mut Table<'_>,
    plaintext: std::ops::RangeInclusive<usize>,
) -> Result<Sealed, ParseError> {
    let key = table.required("key")?;
    let (Base64(nonce), Base64(ciphertext)) = (table.required("nonce")?, table.required("ciphertext")?);
    if nonce.len() != NONCE_LENGTH {
        return Err(table.wrong(format!("a nonce is not {NONCE_LENGTH} bytes long")));
    }
    if !ciphertext.len().checked_sub(16).is_some_and(|length| plaintext.contains(&length)) {
        return Err(table.wrong("a ciphertext has the wrong length"));
    }
    Ok(Sealed { key, nonce, ciphertext })
}

/// A kind that this version does not know is refused by name. The field is omitted for the program's own codes.
impl<'t> Field<'t> for recovery::RecoveryKind {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(value, &[(SCRATCH, Self::Scratch)])
    }
}

const SCRATCH: &str = "scratch";

/// The document as it is written.
#[derive(Serialize)]
struct WrittenCredential {
    version: u32,
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    id: Id,
    created: Created,
    #[serde(rename = "authenticator")]
    authenticators: Vec<WrittenAuthenticator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<WrittenRecovery>,
}

#[derive(Serialize)]
struct WrittenAuthenticator {
    label: String,
    #[serde(flatten)]
    factor: WrittenFactor,
    created: Created,
    key: String,
    nonce: String,
    ciphertext: String,
}

#[derive(Serialize)]
struct WrittenRecovery {
    id: Id,
    /// Omitted for the program's own codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    created: Created,
    key: String,
    nonce: String,
    ciphertext: String,
    hashes: Vec<String>,
}

impl From<&Authenticator> for WrittenAuthenticator {
    fn from(Authenticator { label, factor, created, sealed }: &Authenticator) -> Self {
        Self {
            label: label.0.clone(),
            factor: factor.written(),
            created: *created,
            key: sealed.key.clone(),
            nonce: Base64::text(&sealed.nonce),
            ciphertext: Base64::text(&sealed.ciphertext),
        }
    }
}

impl From<&RecoverySet> for WrittenRecovery {
    fn from(RecoverySet { id, kind, created, sealed, hashes }: &RecoverySet) -> Self {
        Self {
            id: *id,
            kind: match kind {
                recovery::RecoveryKind::Own => None,
                recovery::RecoveryKind::Scratch => Some(SCRATCH),
            },
            created: *created,
            key: sealed.key.clone(),
            nonce: Base64::text(&sealed.nonce),
            ciphertext: Base64::text(&sealed.ciphertext),
            hashes: hashes.iter().map(|hash| Base64::text(hash)).collect(),
        }
    }
}
