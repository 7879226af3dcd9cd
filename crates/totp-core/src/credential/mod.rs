//! The credential: the document of what a user is enrolled with. Enrolments write it; logins by a code only read it.

mod changing;

pub(crate) use changing::NewAuthenticator;
pub use changing::{AddError, ResealError};

use crate::document::{self, Base64, DocumentError, Field, ParseError, Table, Value, word};
use crate::factor::totp::{LONGEST_SECRET, SHORTEST_SECRET};
use crate::factor::{Factor, Windows};
use crate::keyring::{Binding, Keyring, NONCE_LENGTH, OpenError, Sealed};
use crate::random::Id;
use crate::random::Secret;
use crate::recovery::{self, Hash};
use crate::time::Created;
use crate::user::{Account, User};
use std::path::Path;

/// The most authenticators of one user; the ledger has as many entries.
pub const MOST_AUTHENTICATORS: usize = 4;
/// The longest label, in bytes.
pub const LONGEST_LABEL: usize = 32;
/// The version that is written. All versions from 1 are read; the next command that changes an older one writes this
/// version.
///
/// 1: authenticators and a set of recovery codes. 2: an authenticator may have its own window, and the set may be
/// another program's scratch codes; every seal is bound to both. 3: the seal of a set is bound to the hashes of its
/// codes, and the ledger has a MAC.
const VERSION: u32 = 3;
/// The first version whose ledger has a MAC.
const BINDS_LEDGER: u32 = 3;
/// The first version in which the hashes of recovery codes are bound to their set.
const BINDS_HASHES: u32 = 3;

/// Advice that follows an error about a credential.
const WHAT_TO_DO: &str = "restore it from a backup, or enrol the user again";

/// A user's credential. Every value in it has been checked; its secrets are sealed.
#[derive(Clone)]
pub struct Credential {
    /// The version of the document, to which its seals are bound.
    version: u32,
    owner: Owner,
    created: Created,
    authenticators: Vec<Authenticator>,
    recovery: Option<RecoverySet>,
}

/// One authenticator, such as a phone.
#[derive(Clone)]
pub struct Authenticator {
    label: Label,
    factor: Factor,
    created: Created,
    sealed: Sealed,
}

/// A set of recovery codes, by their hashes.
#[derive(Clone)]
pub(crate) struct RecoverySet {
    pub(crate) id: Id,
    pub(crate) kind: recovery::RecoveryKind,
    created: Created,
    sealed: Sealed,
    pub(crate) hashes: Vec<Hash>,
}

/// The name of an authenticator: short, printable, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(pub(crate) String);
/// The owner of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The canonical account name.
    pub user: User,
    /// The account's uid; `None` if the system did not know the account at enrolment. Such a credential is bound by
    /// name only.
    pub uid: Option<u32>,
    /// The id of this enrolment.
    pub id: Id,
}

impl Owner {
    /// Whether `account` is the one that was enrolled. An account that was deleted and created again under the same name has
    /// another uid, and does not inherit the enrolment.
    #[must_use]
    pub fn is(&self, account: &Account) -> bool {
        self.uid.is_none_or(|uid| account.uid == Some(uid))
    }
}

/// Why an authenticator cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// See [`Label`].
    #[error("a label is 1 to {LONGEST_LABEL} printable characters")]
    Label,
    /// Two with the same label could not be told apart in the log.
    #[error("an authenticator with this label exists: choose another label with --label")]
    LabelTaken,
    /// See [`MOST_AUTHENTICATORS`].
    #[error("the user already has {MOST_AUTHENTICATORS} authenticators, the maximum: remove one first")]
    TooMany,
    /// A document of that version cannot express it, and could not be converted because a seal does not open.
    #[error(
        "the credential is of an earlier version and cannot be converted without its keys: restore the keyring"
    )]
    EarlierVersion,
}

impl Credential {
    /// Reads the document. `file` is only named in errors.
    ///
    /// # Errors
    /// [`DocumentError`] with the line where there is one; also where the document is another user's.
    pub fn parse(file: &Path, bytes: &[u8], user: &User) -> Result<Self, DocumentError> {
        document::read(file, bytes, WHAT_TO_DO, |table| read(table, user))
    }

    /// A credential without authenticators.
    #[must_use]
    pub fn new(owner: Owner, created: Created) -> Self {
        Self { version: VERSION, owner, created, authenticators: Vec::new(), recovery: None }
    }

    /// Its owner.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// When the user was first enrolled.
    #[must_use]
    pub fn created(&self) -> Created {
        self.created
    }

    /// The same as a document of an earlier version; its seals do not open.
    #[cfg(test)]
    pub(crate) fn of_version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    /// Whether its ledger has a MAC: the programs that wrote earlier versions knew none.
    #[must_use]
    pub fn binds_ledger(&self) -> bool {
        self.version >= BINDS_LEDGER
    }

    /// The authenticators, in the order of their entries in the ledger.
    #[must_use]
    pub fn authenticators(&self) -> &[Authenticator] {
        &self.authenticators
    }

    /// When the recovery codes were made, if there are any.
    #[must_use]
    pub fn recovery_created(&self) -> Option<Created> {
        self.recovery.as_ref().map(|set| set.created)
    }

    /// Who made the recovery codes, if there are any.
    #[must_use]
    pub fn recovery_kind(&self) -> Option<recovery::RecoveryKind> {
        self.recovery.as_ref().map(|set| set.kind)
    }

    /// How many recovery codes there are, used and unused.
    #[must_use]
    pub fn recovery_codes(&self) -> usize {
        self.recovery.as_ref().map_or(0, |set| set.hashes.len())
    }

    pub(crate) fn recovery(&self) -> Option<&RecoverySet> {
        self.recovery.as_ref()
    }

    /// Checks that an authenticator with that label could be added.
    ///
    /// # Errors
    /// [`CredentialError`] says why not.
    pub fn space_for(&self, label: &Label) -> Result<(), CredentialError> {
        if self.authenticators.len() >= MOST_AUTHENTICATORS {
            return Err(CredentialError::TooMany);
        }
        if self.authenticators.iter().any(|known| known.label == *label) {
            return Err(CredentialError::LabelTaken);
        }
        Ok(())
    }

    /// The ids of the keys of its seals, one for each seal.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let seals = self.authenticators.iter().map(|authenticator| &authenticator.sealed);
        seals.chain(self.recovery.as_ref().map(|set| &set.sealed)).map(|sealed| sealed.key.as_str())
    }

    /// Whether `keyring` has every key that its seals name. Keys may have been rotated since the keyring was read.
    #[must_use]
    pub fn has_keys_in(&self, keyring: &Keyring) -> bool {
        self.keys().all(|key| keyring.has(key))
    }

    /// The probability that a guess is a code of one of the authenticators, in units of 10⁻⁹.
    #[must_use]
    pub fn guess_units(&self, windows: &Windows) -> u64 {
        self.authenticators().iter().map(|one| one.factor().guess_units(windows)).sum()
    }

    pub(crate) fn open(&self, authenticator: &Authenticator, keyring: &Keyring) -> Result<Secret, OpenError> {
        let Authenticator { label, factor, sealed, .. } = authenticator;
        keyring.open(sealed, self.bound(&sealed.key).authenticator(label.as_str(), *factor).bytes())
    }

    pub(crate) fn open_pepper(&self, set: &RecoverySet, keyring: &Keyring) -> Result<Secret, OpenError> {
        keyring.open(&set.sealed, self.bound(&set.sealed.key).recovery(set.kind, set.id, &set.hashes).bytes())
    }

    fn bound<'a>(&'a self, key: &'a str) -> Bound<'a> {
        Bound { version: self.version, owner: &self.owner, key }
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
    if version == 1 && credential.recovery_kind().is_some_and(|kind| kind != recovery::RecoveryKind::Own) {
        return Err(table.wrong("has a kind of recovery codes, which version 1 does not know"));
    }
    if credential.authenticators.iter().any(|one| one.factor.since_version() > version) {
        let problem =
            format!("has drift_steps or a type of authenticator, which version {version} does not know");
        return Err(table.wrong(problem));
    }
    Ok(credential)
}

fn read_authenticator(table: &mut Table<'_>) -> Result<Authenticator, ParseError> {
    let factor = Factor::read(table)?;
    let label = Label::parse(table.required("label")?).map_err(|error| table.wrong(error.to_string()))?;
    let created = table.required("created")?;
    let sealed = read_secret_seal(table)?;
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

/// Reads the seal of a factor's secret.
pub(crate) fn read_secret_seal(table: &mut Table<'_>) -> Result<Sealed, ParseError> {
    read_seal(table, SHORTEST_SECRET..=LONGEST_SECRET)
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

/// The additional data of every seal of a credential: a seal that is moved elsewhere, or with other parameters beside it,
/// does not open.
struct Bound<'a> {
    version: u32,
    owner: &'a Owner,
    key: &'a str,
}

impl Bound<'_> {
    /// For the seal of an authenticator's secret.
    fn authenticator(&self, label: &str, factor: Factor) -> Binding {
        factor.bind(self.kind(factor.kind().as_str()).text(label), self.version)
    }

    /// For the seal of a set's pepper.
    fn recovery(&self, kind: recovery::RecoveryKind, set: Id, hashes: &[Hash]) -> Binding {
        let kind = match kind {
            recovery::RecoveryKind::Own => "recovery",
            recovery::RecoveryKind::Scratch => "scratch",
        };
        let binding = self.kind(kind).text(&set.to_hex());
        // The ledger names used codes by their position.
        if self.version < BINDS_HASHES { binding } else { binding.field(hashes.as_flattened()) }
    }

    fn kind(&self, kind: &str) -> Binding {
        Binding::default()
            .text("pam_totp credential")
            .number(u64::from(self.version))
            .text(kind)
            .text(self.owner.user.as_str())
            // No uid has 33 bits.
            .number(self.owner.uid.map_or(u64::MAX, u64::from))
            .text(&self.owner.id.to_hex())
            .text(self.key)
    }
}

impl Authenticator {
    /// Its name.
    #[must_use]
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// The parameters of its codes, without the secret.
    #[must_use]
    pub fn factor(&self) -> Factor {
        self.factor
    }

    /// When it was enrolled.
    #[must_use]
    pub fn created(&self) -> Created {
        self.created
    }
}

impl Label {
    /// Parses a label.
    ///
    /// # Errors
    /// [`CredentialError::Label`] if it is empty, too long or not printable.
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

#[cfg(test)]
mod counter_tests;
#[cfg(test)]
mod resealed_tests;
#[cfg(test)]
mod tests;
