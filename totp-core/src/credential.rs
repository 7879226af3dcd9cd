//! The credential document: what a user is enrolled with. Written by the desk only, never by a login.

use crate::document::{self, DocumentError};
use crate::keyring::{Binding, Keyring, NONCE_LENGTH, OpenError, SealError, Sealed};
use crate::recovery::{self, Hash};
use crate::secret::{Entropy, NoEntropy, Secret, random_array};
use crate::totp::{Algorithm, LONGEST_SECRET, Parameters, SHORTEST_SECRET};
use crate::user::User;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The most authenticators of one user; the ledger has this many places.
pub const MOST_AUTHENTICATORS: usize = 4;
/// The longest label, in bytes.
pub const LONGEST_LABEL: usize = 32;
/// The version that this program reads and writes.
const VERSION: u32 = 1;

/// What to do about a credential that cannot be read.
const MEND: &str = "restore it from a backup, or enrol the user again";

/// What one user is enrolled with. Every value in it has been checked; its secrets are sealed.
#[derive(Clone)]
pub struct Credential {
    owner: Owner,
    created: Created,
    authenticators: Vec<Authenticator>,
    recovery: Option<RecoverySet>,
}

/// Whose a credential is: what every seal in it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The canonical account name.
    pub user: User,
    /// The account's uid; `None` for an account that the system did not know at enrolment, which is bound by name only.
    pub uid: Option<u32>,
    /// This enrolment.
    pub id: Id,
}

/// A random 128-bit identifier, hexadecimal in documents. All zero stands for "none" in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id([u8; 16]);

/// One authenticator: a phone, a spare.
#[derive(Clone)]
pub struct Authenticator {
    label: Label,
    parameters: Parameters,
    created: Created,
    sealed: Sealed,
}

/// A set of recovery codes, by their hashes.
#[derive(Clone)]
pub(crate) struct RecoverySet {
    pub(crate) id: Id,
    created: Created,
    sealed: Sealed,
    pub(crate) hashes: Vec<Hash>,
}

/// The name of an authenticator: short, printable, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

/// A moment as RFC 3339 writes it, in UTC, for people to read; no rule depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Created(toml::value::Datetime);

/// Why an authenticator cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// See [`Label`].
    #[error("a label is 1 to {LONGEST_LABEL} printable characters")]
    Label,
    /// Two of one name could not be told apart in the log.
    #[error("there is an authenticator of that label already: choose another with --label")]
    LabelTaken,
    /// See [`MOST_AUTHENTICATORS`].
    #[error("there are {MOST_AUTHENTICATORS} authenticators already, which is the most")]
    TooMany,
}

impl Credential {
    /// A credential of no authenticator yet.
    #[must_use]
    pub fn new(owner: Owner, created: Created) -> Self {
        Self { owner, created, authenticators: Vec::new(), recovery: None }
    }

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

    /// The text of the document.
    #[must_use]
    pub fn to_document(&self) -> String {
        let raw = Raw {
            version: VERSION,
            user: self.owner.user.as_str().to_owned(),
            uid: self.owner.uid,
            id: self.owner.id,
            created: self.created,
            authenticators: self.authenticators.iter().map(RawAuthenticator::from).collect(),
            recovery: self.recovery.as_ref().map(RawRecovery::from),
        };
        // Serialising a struct of strings, numbers and dates into a String has no way to fail.
        toml::to_string(&raw).unwrap_or_default()
    }

    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// When the user was first enrolled.
    #[must_use]
    pub fn created(&self) -> Created {
        self.created
    }

    /// The authenticators, in the order of their places in the ledger.
    #[must_use]
    pub fn authenticators(&self) -> &[Authenticator] {
        &self.authenticators
    }

    /// When the recovery codes were made, if there are any.
    #[must_use]
    pub fn recovery_created(&self) -> Option<Created> {
        self.recovery.as_ref().map(|set| set.created)
    }

    /// How many recovery codes there are, used and unused.
    #[must_use]
    pub fn recovery_codes(&self) -> usize {
        self.recovery.as_ref().map_or(0, |set| set.hashes.len())
    }

    pub(crate) fn recovery(&self) -> Option<&RecoverySet> {
        self.recovery.as_ref()
    }

    /// Seals `secret` as a further authenticator.
    pub(crate) fn add(
        &mut self,
        new: NewAuthenticator<'_>,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<(), AddError> {
        self.room_for(&new.label)?;
        let binding = authenticator_binding(&self.owner, keyring.active(), &new.label, new.parameters);
        let sealed = keyring.seal(new.secret, binding.bytes(), entropy)?;
        let NewAuthenticator { label, parameters, created, .. } = new;
        self.authenticators.push(Authenticator { label, parameters, created, sealed });
        Ok(())
    }

    /// Whether an authenticator of that label could be added.
    ///
    /// # Errors
    /// [`CredentialError`] says why not.
    pub fn room_for(&self, label: &Label) -> Result<(), CredentialError> {
        if self.authenticators.len() >= MOST_AUTHENTICATORS {
            return Err(CredentialError::TooMany);
        }
        if self.authenticators.iter().any(|known| known.label == *label) {
            return Err(CredentialError::LabelTaken);
        }
        Ok(())
    }

    /// Replaces the recovery codes by `count` new ones and returns those, in canonical form. The old set is gone.
    pub(crate) fn renew_recovery(
        &mut self,
        count: usize,
        created: Created,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Secret>, SealError> {
        let id = Id::random(entropy)?;
        let pepper = Secret::random(recovery::PEPPER_LENGTH, entropy)?;
        let sealed =
            keyring.seal(&pepper, recovery_binding(&self.owner, keyring.active(), id).bytes(), entropy)?;
        let codes = (0..count.min(recovery::MOST_CODES))
            .map(|_| recovery::generate(entropy))
            .collect::<Result<Vec<_>, NoEntropy>>()?;
        let set = recovery::Set { pepper: &pepper, user: &self.owner.user, id };
        let hashes = codes.iter().map(|code| set.hash(code)).collect();
        self.recovery = Some(RecoverySet { id, created, sealed, hashes });
        Ok(codes)
    }

    /// Drops the recovery codes: after a repair nobody knows which were used.
    pub(crate) fn void_recovery(&mut self) {
        self.recovery = None;
    }

    pub(crate) fn open(&self, authenticator: &Authenticator, keyring: &Keyring) -> Result<Secret, OpenError> {
        let Authenticator { label, parameters, sealed, .. } = authenticator;
        keyring.open(sealed, authenticator_binding(&self.owner, &sealed.key, label, *parameters).bytes())
    }

    pub(crate) fn open_pepper(&self, set: &RecoverySet, keyring: &Keyring) -> Result<Secret, OpenError> {
        keyring.open(&set.sealed, recovery_binding(&self.owner, &set.sealed.key, set.id).bytes())
    }
}

/// What [`Credential::add`] seals.
pub(crate) struct NewAuthenticator<'a> {
    pub(crate) label: Label,
    pub(crate) parameters: Parameters,
    pub(crate) created: Created,
    pub(crate) secret: &'a Secret,
}

/// Why an authenticator was not added.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum AddError {
    /// There is no place for it.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// It could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Authenticator {
    /// Its name.
    #[must_use]
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// What its codes are computed with.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// When it was enrolled.
    #[must_use]
    pub fn created(&self) -> Created {
        self.created
    }
}

impl Id {
    /// "None", in a ledger.
    pub(crate) const NONE: Self = Self([0; 16]);

    pub(crate) const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A new one.
    ///
    /// # Errors
    /// [`NoEntropy`] where the source has none to give.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, NoEntropy> {
        random_array(entropy).map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        match bytes.map(Self) {
            Some(id) if id != Self::NONE => Ok(id),
            _ => Err(serde::de::Error::custom("is not an id of 32 hexadecimal digits")),
        }
    }
}

impl Label {
    /// Parses a label.
    ///
    /// # Errors
    /// [`CredentialError::Label`] where it is empty, too long or not printable.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        let printable = !text.chars().any(char::is_control) && text.trim() == text;
        if text.is_empty() || text.len() > LONGEST_LABEL || !printable {
            return Err(CredentialError::Label);
        }
        Ok(Self(text.to_owned()))
    }

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Created {
    type Err = toml::value::DatetimeParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn authenticator_binding(owner: &Owner, key: &str, label: &Label, parameters: Parameters) -> Binding {
    owner_binding(owner, key, "totp")
        .text(label.as_str())
        .text(parameters.algorithm().as_str())
        .number(u64::from(parameters.digits()))
        .number(parameters.period())
}

fn recovery_binding(owner: &Owner, key: &str, set: Id) -> Binding {
    owner_binding(owner, key, "recovery").text(&HEXLOWER.encode(set.bytes()))
}

fn owner_binding(owner: &Owner, key: &str, kind: &str) -> Binding {
    Binding::default()
        .text("pam_totp credential")
        .number(u64::from(VERSION))
        .text(kind)
        .text(owner.user.as_str())
        // No uid has 33 bits.
        .number(owner.uid.map_or(u64::MAX, u64::from))
        .text(&HEXLOWER.encode(owner.id.bytes()))
        .text(key)
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

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
