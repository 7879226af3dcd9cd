//! Changing a credential: what enrolments, renewed recovery codes and new keys do to it, and the document written anew.

use super::{Authenticator, Bound, Credential, CredentialError, Label, Owner, RecoverySet, SCRATCH, VERSION};
use crate::document::{Base64, DocumentError};
use crate::factor::{Factor, WrittenFactor};
use crate::keyring::{Keyring, OpenError, SealError, Sealed};
use crate::random::Id;
use crate::random::{Entropy, EntropyError, Secret};
use crate::recovery::{self, Hash, ScratchCode};
use crate::time::Created;
use serde::Serialize;
use std::path::Path;

impl Credential {
    /// Seals `secret` as a further authenticator.
    pub(crate) fn add(
        &mut self,
        new: NewAuthenticator<'_>,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<(), AddError> {
        self.space_for(&new.label)?;
        let NewAuthenticator { label, factor, created, secret } = new;
        if factor.since_version() > self.version {
            return Err(CredentialError::EarlierVersion.into());
        }
        let binding = self.bound(keyring.active()).authenticator(label.as_str(), factor);
        let sealed = keyring.seal(secret, binding.bytes(), entropy)?;
        self.authenticators.push(Authenticator { label, factor, created, sealed });
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
        let set = recovery::Set { pepper: &pepper, user: &self.owner.user, id };
        let hashes: Vec<Hash> = codes.into_iter().map(|code| set.hash(code)).collect();
        let binding = self.bound(keyring.active()).recovery(kind, id, &hashes);
        let sealed = keyring.seal(&pepper, binding.bytes(), entropy)?;
        self.recovery = Some(RecoverySet { id, kind, created, sealed, hashes });
        Ok(())
    }

    /// Removes the recovery codes: after a repair it is not known which were used.
    pub(crate) fn void_recovery(&mut self) {
        self.recovery = None;
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
            let binding = bound.recovery(set.kind, set.id, &set.hashes);
            set.sealed = keyring.seal(&pepper, binding.bytes(), entropy)?;
        }
        Ok(Some(new))
    }

    /// The same under another id, without the authenticator at this position, with every seal under the active key.
    ///
    /// # Errors
    /// [`ResealError`] if a seal does not open or none can be made.
    pub(crate) fn without(
        &self,
        at: usize,
        id: Id,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, ResealError> {
        let owner = Owner { id, ..self.owner.clone() };
        let mut new =
            Self { version: VERSION, owner: owner.clone(), authenticators: Vec::new(), ..self.clone() };
        let bound = Bound { version: VERSION, owner: &owner, key: keyring.active() };
        for (_, kept) in self.authenticators.iter().enumerate().filter(|(position, _)| *position != at) {
            let secret = self.open(kept, keyring)?;
            let binding = bound.authenticator(kept.label.as_str(), kept.factor);
            let sealed = keyring.seal(&secret, binding.bytes(), entropy)?;
            new.authenticators.push(Authenticator { sealed, ..kept.clone() });
        }
        if let Some(set) = &mut new.recovery {
            let pepper = self.open_pepper(set, keyring)?;
            let binding = bound.recovery(set.kind, set.id, &set.hashes);
            set.sealed = keyring.seal(&pepper, binding.bytes(), entropy)?;
        }
        Ok(new)
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
