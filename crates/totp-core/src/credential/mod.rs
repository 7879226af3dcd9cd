//! The credential: the document of what a user is enrolled with. Enrolments write it; logins by a code do not.

mod format;
mod owner;

pub use owner::Owner;

use crate::factor::Factor;
use crate::id::Id;
use crate::keyring::{Keyring, OpenError, SealError, Sealed};
use crate::recovery::{self, Hash, ScratchCode};
use crate::secret::{Entropy, EntropyError, Secret};
use crate::time::Created;
use owner::Bound;

/// The most authenticators of one user; the ledger has as many entries.
pub const MOST_AUTHENTICATORS: usize = 4;
/// The longest label, in bytes.
pub const LONGEST_LABEL: usize = 32;
/// The version that is written. All versions from 1 are read; the next command that changes an older one writes this
/// version.
///
/// 1: authenticators and a set of recovery codes. 2: an authenticator may have its own window, and the set may be
/// another program's scratch codes; every seal is bound to both.
const VERSION: u32 = 2;

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
pub struct Label(String);

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
}

impl Credential {
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

    /// Seals `secret` as a further authenticator.
    pub(crate) fn add(
        &mut self,
        new: NewAuthenticator<'_>,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<(), AddError> {
        self.space_for(&new.label)?;
        let NewAuthenticator { label, factor, created, secret } = new;
        let binding = self.bound(keyring.active()).authenticator(label.as_str(), factor);
        let sealed = keyring.seal(secret, binding.bytes(), entropy)?;
        self.authenticators.push(Authenticator { label, factor, created, sealed });
        Ok(())
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

    /// Replaces the recovery codes with `count` new ones and returns them in canonical form.
    pub(crate) fn renew_recovery(
        &mut self,
        count: usize,
        created: Created,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Secret>, SealError> {
        let codes = (0..count.min(recovery::MOST_CODES))
            .map(|_| recovery::generate(entropy))
            .collect::<Result<Vec<_>, EntropyError>>()?;
        self.put_recovery(recovery::RecoveryKind::Own, &codes, created, keyring, entropy)?;
        Ok(codes)
    }

    /// Stores another program's scratch codes as the recovery codes; the first ones, if there are too many.
    pub(crate) fn take_scratch(
        &mut self,
        codes: &[ScratchCode],
        created: Created,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SealError> {
        let codes = codes.iter().take(recovery::MOST_CODES).map(|code| &code.0);
        self.put_recovery(recovery::RecoveryKind::Scratch, codes, created, keyring, entropy)
    }

    fn put_recovery<'a>(
        &mut self,
        kind: recovery::RecoveryKind,
        codes: impl IntoIterator<Item = &'a Secret>,
        created: Created,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SealError> {
        let id = Id::random(entropy)?;
        let pepper = Secret::random(recovery::PEPPER_LENGTH, entropy)?;
        let binding = self.bound(keyring.active()).recovery(kind, id);
        let sealed = keyring.seal(&pepper, binding.bytes(), entropy)?;
        let set = recovery::Set { pepper: &pepper, user: &self.owner.user, id };
        let hashes = codes.into_iter().map(|code| set.hash(code)).collect();
        self.recovery = Some(RecoverySet { id, kind, created, sealed, hashes });
        Ok(())
    }

    /// Removes the recovery codes: after a repair it is not known which were used.
    pub(crate) fn void_recovery(&mut self) {
        self.recovery = None;
    }

    /// The ids of the keys of its seals, one for each seal.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let seals = self.authenticators.iter().map(|authenticator| &authenticator.sealed);
        seals.chain(self.recovery.as_ref().map(|set| &set.sealed)).map(|sealed| sealed.key.as_str())
    }

    /// The same credential in the present version with every seal under the active key; `None` if it is that already.
    /// The ledger and the hashes stay valid, because the pepper stays the same.
    ///
    /// # Errors
    /// [`ResealError`] if a seal does not open or none can be made.
    pub fn resealed(
        &self,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Self>, ResealError> {
        let active = keyring.active();
        let is_stale = |sealed: &Sealed| sealed.key != active || self.version != VERSION;
        if self.version == VERSION && self.keys().all(|key| key == active) {
            return Ok(None);
        }
        let mut new = Self { version: VERSION, ..self.clone() };
        let bound = Bound { version: VERSION, owner: &self.owner, key: active };
        for authenticator in new.authenticators.iter_mut().filter(|known| is_stale(&known.sealed)) {
            let secret = self.open(authenticator, keyring)?;
            let Authenticator { label, factor, .. } = &*authenticator;
            let binding = bound.authenticator(label.as_str(), *factor);
            authenticator.sealed = keyring.seal(&secret, binding.bytes(), entropy)?;
        }
        if let Some(set) = new.recovery.as_mut().filter(|set| is_stale(&set.sealed)) {
            let pepper = self.open_pepper(set, keyring)?;
            let binding = bound.recovery(set.kind, set.id);
            set.sealed = keyring.seal(&pepper, binding.bytes(), entropy)?;
        }
        Ok(Some(new))
    }

    /// Converts a credential of an older version to the present one. If a seal does not open, it stays as it is,
    /// because the keyring may be restored later.
    pub(crate) fn upgrade(&mut self, keyring: &Keyring, entropy: &mut dyn Entropy) -> Result<(), SealError> {
        if self.version == VERSION {
            return Ok(());
        }
        match self.resealed(keyring, entropy) {
            Ok(Some(upgraded)) => *self = upgraded,
            Ok(None) | Err(ResealError::Open(_)) => {}
            Err(ResealError::Seal(error)) => return Err(error),
        }
        Ok(())
    }

    /// Whether `keyring` has every key that its seals name. Keys may have been rotated since the keyring was read.
    #[must_use]
    pub fn has_keys_in(&self, keyring: &Keyring) -> bool {
        self.keys().all(|key| keyring.has(key))
    }

    /// Checks that every seal opens, and drops the contents.
    ///
    /// # Errors
    /// [`OpenError`] of the first seal that does not.
    pub fn check_seals(&self, keyring: &Keyring) -> Result<(), OpenError> {
        self.authenticators.iter().try_for_each(|known| self.open(known, keyring).map(drop))?;
        self.recovery.as_ref().map_or(Ok(()), |set| self.open_pepper(set, keyring).map(drop))
    }

    /// Whether `before` opens a seal that `after` does not. Seals that were made at different times may be under
    /// different keys.
    #[must_use]
    pub fn would_lose(&self, before: &Keyring, after: &Keyring) -> bool {
        let is_lost = |opens: &dyn Fn(&Keyring) -> bool| opens(before) && !opens(after);
        self.authenticators.iter().any(|known| is_lost(&|keyring| self.open(known, keyring).is_ok()))
            || self.recovery.iter().any(|set| is_lost(&|keyring| self.open_pepper(set, keyring).is_ok()))
    }

    pub(crate) fn open(&self, authenticator: &Authenticator, keyring: &Keyring) -> Result<Secret, OpenError> {
        let Authenticator { label, factor, sealed, .. } = authenticator;
        keyring.open(sealed, self.bound(&sealed.key).authenticator(label.as_str(), *factor).bytes())
    }

    pub(crate) fn open_pepper(&self, set: &RecoverySet, keyring: &Keyring) -> Result<Secret, OpenError> {
        keyring.open(&set.sealed, self.bound(&set.sealed.key).recovery(set.kind, set.id).bytes())
    }

    fn bound<'a>(&'a self, key: &'a str) -> Bound<'a> {
        Bound { version: self.version, owner: &self.owner, key }
    }
}

/// What [`Credential::add`] seals.
pub(crate) struct NewAuthenticator<'a> {
    pub(crate) label: Label,
    pub(crate) factor: Factor,
    pub(crate) created: Created,
    pub(crate) secret: &'a Secret,
}

/// Why a credential was not resealed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResealError {
    /// A seal does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A new seal cannot be made, for this credential or any other.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Why an authenticator was not added.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum AddError {
    /// The credential has no room for it, or the label is not allowed.
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
mod tests;
