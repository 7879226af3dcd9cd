//! A token of the inventory: a fob or a key whose secret came in a vendor's file, and the account that it is assigned to.
//!
//! While a token is assigned, the ledger of its person says which codes are used. Its document then has a position that requires two
//! codes, or a later time step. When the enrolment with it has ended, the ledger's position is written into the document, and not
//! before: a position that is known while the person can still log in would become outdated. If that is not done, because of a crash or
//! a full disk, for example, the document still says that the ledger has the position, and the token is treated as one whose position
//! is not known ([`Token::settled`]). So a token that goes to another person never accepts a code that was used before.

mod document;
mod document_mac;
mod fingerprint;
mod first_code;
mod serial;
mod wrong_codes;

pub use fingerprint::{Fingerprint, Fingerprinter};
pub use first_code::FirstCodeError;
pub use serial::{Serial, SerialError};

use crate::credential::Credential;
use crate::factor::{Factor, Windows};
use crate::keyring::{Binding, Keyring, OpenError, SealError, Sealed};
use crate::random::{Entropy, Secret};
use crate::time::{Created, Now};
use crate::user::User;
use document_mac::ReadText;
use wrong_codes::WrongCodes;

/// The version of the document that is written and read.
const VERSION: u32 = 1;
/// The version of a credential whose parameters the seal is bound to, in the same form.
const BINDS_AS: u32 = 3;
/// The most characters of a maker and of a model.
pub const LONGEST_DESCRIPTION: usize = 64;

/// A token of the inventory. Every value in it has been checked; its secret is sealed.
#[derive(Clone)]
pub struct Token {
    serial: Serial,
    maker: Option<String>,
    model: Option<String>,
    factor: Factor,
    imported_at: Created,
    valid_from: Option<Created>,
    expires: Option<Created>,
    /// What is used up, in the factor's count, as a ledger has it.
    position: u64,
    holder: Option<Holder>,
    /// If it still has a holder, it may not have been taken out of that enrolment yet.
    revoked_at: Option<Created>,
    /// Whether it was ever assigned. Its codes may be used up since then, which a further import does not know.
    was_assigned: bool,
    /// `None`: no first code was wrong since the last that was right.
    wrong: Option<WrongCodes>,
    sealed: Sealed,
    /// `None`: it was not read from a document.
    read: Option<ReadText>,
}

/// The person that a token is assigned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The canonical account name.
    pub user: User,
    /// When it was assigned.
    pub since: Created,
    /// Whether the ledger of the person has what is used up of it, from when the enrolment with it was stored until its position came
    /// back. Otherwise the position of the document counts, unless the command that assigned it was killed and the person has it.
    pub is_enrolled: bool,
}

/// A token as a vendor's file describes it.
pub struct NewToken {
    /// What is printed on it.
    pub serial: Serial,
    /// Who made it.
    pub maker: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// The parameters of its codes.
    pub factor: Factor,
    /// What is used up, in the factor's count: for a counter, the next one.
    pub used_up_to: u64,
    /// The secret.
    pub secret: Secret,
    /// When it begins to be valid, in seconds since 1970.
    pub valid_from: Option<u64>,
    /// From when it is not valid any more, in seconds since 1970.
    pub expires: Option<u64>,
}

/// Whether a token is valid, by the dates of its vendor's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It is.
    Valid,
    /// Not yet.
    NotYet,
    /// Not any more.
    Expired,
}

/// Whether a token is one of a person's authenticators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InEnrolment {
    /// No authenticator has its secret.
    No,
    /// The authenticator at this position has.
    At(usize),
}

impl Token {
    /// Seals a new token, which is not assigned.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(
        new: &NewToken,
        imported_at: Created,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, SealError> {
        let NewToken { serial, maker, model, factor, used_up_to, secret, valid_from, expires } = new;
        let binding = binding(serial, *factor, keyring.active());
        let sealed = keyring.seal(secret, binding.bytes(), entropy)?;
        Ok(Self {
            serial: serial.clone(),
            maker: maker.clone(),
            model: model.clone(),
            factor: *factor,
            imported_at,
            valid_from: valid_from.and_then(Created::at),
            expires: expires.and_then(Created::at),
            position: *used_up_to,
            holder: None,
            revoked_at: None,
            was_assigned: false,
            wrong: None,
            sealed,
            read: None,
        })
    }

    /// What is printed on it.
    #[must_use]
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// Who made it, if the vendor's file says so.
    #[must_use]
    pub fn maker(&self) -> Option<&str> {
        self.maker.as_deref()
    }

    /// Its model, if the vendor's file says so.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The parameters of its codes.
    #[must_use]
    pub fn factor(&self) -> Factor {
        self.factor
    }

    /// When it was imported.
    #[must_use]
    pub fn imported_at(&self) -> Created {
        self.imported_at
    }

    /// From when it is not valid any more.
    #[must_use]
    pub fn expires(&self) -> Option<Created> {
        self.expires
    }

    /// The person that it is assigned to.
    #[must_use]
    pub fn holder(&self) -> Option<&Holder> {
        self.holder.as_ref()
    }

    /// When it was revoked; with a holder as well, it may still be an authenticator of theirs.
    #[must_use]
    pub fn revoked_at(&self) -> Option<Created> {
        self.revoked_at
    }

    /// Whether it is or was assigned to a person, or may have been.
    #[must_use]
    pub fn was_assigned(&self) -> bool {
        self.was_assigned
    }

    /// The id of the key of its seal.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.sealed.key
    }

    /// Whether it is valid now, in seconds since 1970.
    #[must_use]
    pub fn validity(&self, now: u64) -> Validity {
        let is_past = |date: &Created| date.realtime().is_none_or(|date| date <= now);
        match (&self.valid_from, &self.expires) {
            (_, Some(expires)) if is_past(expires) => Validity::Expired,
            (Some(from), _) if !is_past(from) => Validity::NotYet,
            (Some(_) | None, Some(_) | None) => Validity::Valid,
        }
    }

    /// Whether it has the secret of `new`: one key to the algorithm of its codes.
    ///
    /// # Errors
    /// [`OpenError`] if the seal does not open.
    pub fn has_secret_of(&self, new: &NewToken, keyring: &Keyring) -> Result<bool, OpenError> {
        let of = |secret: &Secret, by: &Fingerprinter| by.of(new.factor, secret);
        let (by, own) = (Fingerprinter::default(), self.open(keyring)?);
        Ok(of(&own, &by) == of(&new.secret, &by))
    }

    /// Whether `new` is this token: the same parameters and secret.
    ///
    /// # Errors
    /// [`OpenError`] if the seal does not open.
    pub fn is(&self, new: &NewToken, keyring: &Keyring) -> Result<bool, OpenError> {
        Ok(self.has_secret_of(new, keyring)? && self.serial == new.serial && self.factor == new.factor)
    }

    /// The fingerprint of its secret.
    ///
    /// # Errors
    /// [`OpenError`] if the seal does not open.
    pub fn fingerprint(&self, by: &Fingerprinter, keyring: &Keyring) -> Result<Fingerprint, OpenError> {
        self.open(keyring).map(|secret| by.of(self.factor, &secret))
    }

    /// Looks for it among the authenticators of a credential: one with its serial number as the label and with its secret.
    ///
    /// # Errors
    /// [`OpenError`] if a seal does not open.
    pub fn find_in(&self, credential: &Credential, keyring: &Keyring) -> Result<InEnrolment, OpenError> {
        let label = self.serial.label();
        let known = credential.authenticators().iter().position(|known| *known.label() == label);
        let Some((at, authenticator)) = known.and_then(|at| Some((at, credential.authenticators().get(at)?)))
        else {
            return Ok(InEnrolment::No);
        };
        let by = Fingerprinter::default();
        let known = by.of_authenticator(credential, authenticator, keyring)?;
        Ok(if self.fingerprint(&by, keyring)? == known { InEnrolment::At(at) } else { InEnrolment::No })
    }

    /// After a wrong first code. The document is stored before the person is told that it was wrong.
    #[must_use]
    pub fn with_wrong_code(self, now: Created) -> Self {
        Self { wrong: Some(WrongCodes::one_more(self.wrong.as_ref(), now)), ..self }
    }

    /// From when its codes were not used before, in seconds since 1970; `None`: it goes by a counter.
    #[must_use]
    pub fn unused_from(&self) -> Option<u64> {
        self.factor.period().map(|period| self.position.saturating_add(1).saturating_mul(period))
    }

    /// Assigned to `user`, before the enrolment with it is stored. No code of it is used up by that.
    #[must_use]
    pub fn claimed_by(self, user: &User, since: Created) -> Self {
        let holder = Some(Holder { user: user.clone(), since, is_enrolled: false });
        Self { holder, was_assigned: true, wrong: None, ..self }
    }

    /// Assigned, after the enrolment with it was stored. From now on the ledger has what is used up.
    #[must_use]
    pub fn enrolled(mut self, windows: &Windows, now: Now) -> Self {
        if let Some(holder) = &mut self.holder {
            holder.is_enrolled = true;
        }
        self.position_unknown(windows, now)
    }

    /// The same without knowledge of what was used up: a code that was used before now is refused, and a counter needs two codes.
    #[must_use]
    pub fn position_unknown(self, windows: &Windows, now: Now) -> Self {
        Self { position: self.factor.voided(self.position, windows, now), ..self }
    }

    /// After the enrolment with it ended: with what the ledger had used up of it; `None`: that is not known.
    #[must_use]
    pub fn back(mut self, used_up_to: Option<u64>, windows: &Windows, now: Now) -> Self {
        if let Some(holder) = &mut self.holder {
            holder.is_enrolled = false;
        }
        match used_up_to {
            Some(position) => Self { position, ..self },
            None => self.position_unknown(windows, now),
        }
    }

    /// The same where its holder is not enrolled with it: if its position never came back, it is not known. The second value says
    /// whether that is so, and the document has to be written before a code is accepted.
    #[must_use]
    pub fn settled(self, windows: &Windows, now: Now) -> (Self, bool) {
        let is_lost = self.holder.as_ref().is_some_and(|holder| holder.is_enrolled);
        if is_lost { (self.back(None, windows, now), true) } else { (self, false) }
    }

    /// Not assigned any more.
    #[must_use]
    pub fn released(self) -> Self {
        Self { holder: None, ..self }
    }

    /// Never to be assigned again. Its holder is removed with [`Token::released`], after the enrolment with it has ended.
    #[must_use]
    pub fn revoked(self, at: Created) -> Self {
        Self { revoked_at: self.revoked_at.or(Some(at)), ..self }
    }

    /// The same under the active key; `None` if it is that already.
    ///
    /// # Errors
    /// [`crate::credential::ResealError`] if the seal does not open or none can be made.
    pub fn resealed(
        &self,
        keyring: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Self>, crate::credential::ResealError> {
        if self.sealed.key == keyring.active() {
            return Ok(None);
        }
        let secret = self.open(keyring)?;
        let binding = binding(&self.serial, self.factor, keyring.active());
        let sealed = keyring.seal(&secret, binding.bytes(), entropy)?;
        Ok(Some(Self { sealed, ..self.clone() }))
    }

    /// Whether its seal opens, and its document was not modified.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn check_seal(&self, keyring: &Keyring) -> Result<(), OpenError> {
        self.open(keyring).map(drop)
    }

    /// Whether `before` opens its seal and `after` does not.
    #[must_use]
    pub fn would_lose(&self, before: &Keyring, after: &Keyring) -> bool {
        self.open(before).is_ok() && self.open(after).is_err()
    }

    fn open(&self, keyring: &Keyring) -> Result<Secret, OpenError> {
        self.read.as_ref().map_or(Ok(()), |read| read.verify(keyring))?;
        let binding = binding(&self.serial, self.factor, &self.sealed.key);
        keyring.open(&self.sealed, binding.bytes()).map_err(OpenError::of_token)
    }
}

/// The additional data of the seal: a secret that is moved to another token, or beside other parameters, does not open.
fn binding(serial: &Serial, factor: Factor, key: &str) -> Binding {
    let bound = Binding::default().text("pam_totp token").number(u64::from(VERSION));
    let bound = bound.text(factor.kind().as_str()).text(serial.as_str()).text(key);
    factor.bind(bound, BINDS_AS)
}

#[cfg(test)]
mod tests;
