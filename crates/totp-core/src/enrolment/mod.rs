//! The command's sequence after the first code: seal, put in place; and what else changes an enrolment.
//!
//! Nothing touches the store before a draft is confirmed, and then the credential changes in one rename.

pub mod attempts;
pub mod draft;
mod expected;
mod repair;

pub use expected::ExpectedEnrolment;
pub use repair::{needs_repair, repair, unlock};

use crate::credential::{AddError, Credential, CredentialError, Label, NewAuthenticator, Owner};
use crate::enrolment::draft::{Confirmed, Draft};
use crate::id::Id;
use crate::keyring::{Keyring, SealError};
use crate::ledger::{LastLogin, Ledger, LoginMethod};
use crate::recovery::ScratchCode;
use crate::secret::{Entropy, EntropyError, Secret};
use crate::store::{Entry, StoreError};
use crate::time::Created;
use crate::time::Now;
use crate::user::Account;

/// Why an enrolment was not changed. The old one, if there was one, is whole.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The authenticator has no place.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// Nothing could be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// An enrolment without an authenticator would lock its user out.
    #[error("no authenticator was given to enrol")]
    NoAuthenticator,
    /// Nobody showed a code of an authenticator that was to let them in at once.
    #[error("no code of the new authenticator was entered")]
    Unconfirmed,
    /// The user is enrolled, and nobody said to replace that.
    #[error("the user is already enrolled")]
    AlreadyEnrolled,
    /// Another process changed the enrolment while this change was being permitted.
    #[error("another process changed the enrolment: check it with \"totp-enroll status\", then start again")]
    Changed,
    /// There is nothing to change.
    #[error("the user is not enrolled")]
    NotEnrolled,
    /// The ledger is broken; only a repair may touch it.
    #[error(
        "the ledger is missing or broken: \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes"
    )]
    BrokenLedger,
    /// The account of that name is not the one that was enrolled.
    #[error("the account's uid differs from the enrolled one: enrol again with --replace")]
    OtherAccount,
}

impl From<AddError> for EnrolmentError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Credential(error) => Self::Credential(error),
            AddError::Seal(error) => Self::Seal(error),
        }
    }
}

impl From<EntropyError> for EnrolmentError {
    fn from(error: EntropyError) -> Self {
        Self::Seal(error.into())
    }
}

/// What every change to an enrolment needs from outside.
pub struct ChangeInputs<'a> {
    /// Seals with its active key.
    pub keyring: &'a Keyring,
    /// Where random bytes come from.
    pub entropy: &'a mut dyn Entropy,
    /// Now, for people.
    pub created: Created,
    /// Now, for the rules.
    pub now: Now,
}

/// Refuses where `entry` is not as it was when the change was permitted.
fn check<E: Entry>(permitted: ExpectedEnrolment, entry: &E) -> Result<(), EnrolmentError> {
    match (permitted, ExpectedEnrolment::of(entry.credential())) {
        (permitted, found) if permitted == found => Ok(()),
        (ExpectedEnrolment::Nothing, ExpectedEnrolment::Unreadable | ExpectedEnrolment::Enrolment(_)) => {
            Err(EnrolmentError::AlreadyEnrolled)
        }
        (_, ExpectedEnrolment::Nothing) => Err(EnrolmentError::NotEnrolled),
        (_, ExpectedEnrolment::Unreadable | ExpectedEnrolment::Enrolment(_)) => Err(EnrolmentError::Changed),
    }
}

/// Enrols `account` with these authenticators, and with `recovery_codes` recovery codes, which are returned to be shown
/// once. With `recovery_codes` zero there are none. What was `permitted` to be replaced is: new id, no marks, no tries,
/// no recovery codes of the old.
///
/// # Errors
/// [`EnrolmentError`]; the old enrolment is then whole.
pub fn enrol<E: Entry>(
    entry: E,
    account: &Account,
    confirmed: &[Confirmed],
    recovery_codes: usize,
    permitted: ExpectedEnrolment,
    inputs: &mut ChangeInputs<'_>,
) -> Result<Vec<Secret>, EnrolmentError> {
    check(permitted, &entry)?;
    prepare(account, confirmed, recovery_codes, inputs)?.commit(entry, permitted)
}

/// An enrolment that is sealed and in no store yet: its recovery codes can be shown before it counts. Dropped, it never
/// was.
pub struct Prepared {
    credential: Credential,
    ledger: Ledger,
    codes: Vec<Secret>,
}

/// The first half of [`enrol`], which needs no place in the store and holds no lock.
///
/// # Errors
/// [`EnrolmentError`] where there is no authenticator or nothing could be sealed.
pub fn prepare(
    account: &Account,
    confirmed: &[Confirmed],
    recovery_codes: usize,
    inputs: &mut ChangeInputs<'_>,
) -> Result<Prepared, EnrolmentError> {
    let (mut credential, ledger) = newly(account, confirmed, inputs)?;
    let codes = match recovery_codes {
        0 => Vec::new(),
        count => credential.renew_recovery(count, inputs.created, inputs.keyring, inputs.entropy)?,
    };
    Ok(Prepared { credential, ledger, codes })
}

impl Prepared {
    /// The recovery codes, in canonical form.
    #[must_use]
    pub fn recovery_codes(&self) -> &[Secret] {
        &self.codes
    }

    /// Whether the active key of `keyring` sealed all of it. Looked at with the lock to seal ([`crate::store::KeyringLocks`]), which is
    /// kept until the commit: a key that was replaced while a person thought may be gone soon.
    #[must_use]
    pub fn is_sealed_with(&self, keyring: &Keyring) -> bool {
        self.credential.keys().all(|key| key == keyring.active())
    }

    /// Puts it in place over what was `permitted` to be replaced; returns the recovery codes.
    ///
    /// # Errors
    /// [`EnrolmentError`]; the old enrolment is then whole.
    pub fn commit<E: Entry>(
        self,
        entry: E,
        permitted: ExpectedEnrolment,
    ) -> Result<Vec<Secret>, EnrolmentError> {
        check(permitted, &entry)?;
        entry.commit(&self.credential, &self.ledger)?;
        Ok(self.codes)
    }

    /// Puts it in place for someone who was not enrolled and showed a code of every authenticator, as their login of
    /// `now`.
    ///
    /// # Errors
    /// [`EnrolmentError`]; anyone who enrolled them meanwhile stays enrolled by that.
    pub fn commit_at_login<E: Entry>(mut self, entry: E, now: Now) -> Result<Enrolled, EnrolmentError> {
        let credential = self.credential.owner().id;
        let Some(first) = self.credential.authenticators().first() else {
            return Err(EnrolmentError::NoAuthenticator);
        };
        let (authenticator, kind) = (first.label().clone(), first.factor().kind());
        if self.ledger.progress.iter().any(|progress| progress.confirmed_at == 0) {
            return Err(EnrolmentError::Unconfirmed);
        }
        self.ledger.last_login = Some(LastLogin { at: now.realtime, method: LoginMethod::Code(kind) });
        let recovery_codes = self.commit(entry, ExpectedEnrolment::Nothing)?.len();
        // The one place where success by enrolling is made.
        Ok(Enrolled { credential, authenticator, recovery_codes })
    }
}

/// Proof that someone who was not enrolled showed a code of a new authenticator, is enrolled with it, and that the use of
/// that code is recorded. It is made in one place, after the commit returned.
pub struct Enrolled {
    credential: Id,
    authenticator: Label,
    recovery_codes: usize,
}

impl Enrolled {
    /// The enrolment.
    #[must_use]
    pub fn credential(&self) -> Id {
        self.credential
    }

    /// The authenticator that the code was one of.
    #[must_use]
    pub fn authenticator(&self) -> &Label {
        &self.authenticator
    }

    /// How many recovery codes there are.
    #[must_use]
    pub fn recovery_codes(&self) -> usize {
        self.recovery_codes
    }
}

/// One of many who are enrolled together.
pub struct NewUser<E> {
    /// Their place in the store.
    pub entry: E,
    /// Their account.
    pub account: Account,
    /// Their authenticators.
    pub confirmed: Vec<Confirmed>,
    /// Their single-use codes of another program, to be their recovery codes.
    pub scratch: Vec<ScratchCode>,
}

/// Enrols many at once, without recovery codes of our making; each is enrolled whole or not at all.
///
/// # Errors
/// [`EnrolmentError`]; before anything is written if someone is enrolled already or has no authenticator.
pub fn enrol_all<E: Entry>(
    new_users: Vec<NewUser<E>>,
    inputs: &mut ChangeInputs<'_>,
) -> Result<(), EnrolmentError> {
    if new_users.iter().any(|new_user| new_user.entry.is_enrolled()) {
        return Err(EnrolmentError::AlreadyEnrolled);
    }
    let mut batch = Vec::with_capacity(new_users.len());
    for NewUser { entry, account, confirmed, scratch } in new_users {
        let (mut credential, ledger) = newly(&account, &confirmed, inputs)?;
        if !scratch.is_empty() {
            credential.take_scratch(&scratch, inputs.created, inputs.keyring, inputs.entropy)?;
        }
        batch.push((entry, credential, ledger));
    }
    Ok(E::commit_all(batch)?)
}

fn newly(
    account: &Account,
    confirmed: &[Confirmed],
    inputs: &mut ChangeInputs<'_>,
) -> Result<(Credential, Ledger), EnrolmentError> {
    if confirmed.is_empty() {
        return Err(EnrolmentError::NoAuthenticator);
    }
    let owner = Owner { user: account.user.clone(), uid: account.uid, id: Id::random(inputs.entropy)? };
    let mut ledger = Ledger::of(owner.id, Vec::new());
    let mut credential = Credential::new(owner, inputs.created);
    for confirmed in confirmed {
        append(&mut credential, &mut ledger, confirmed, inputs)?;
    }
    Ok((credential, ledger))
}

/// Adds an authenticator to an enrolment.
///
/// # Errors
/// [`EnrolmentError`]; the enrolment is then as it was.
pub fn add<E: Entry>(
    entry: E,
    account: &Account,
    confirmed: &Confirmed,
    permitted: ExpectedEnrolment,
    inputs: &mut ChangeInputs<'_>,
) -> Result<(), EnrolmentError> {
    check(permitted, &entry)?;
    let (mut credential, mut ledger) = present(&entry, account)?;
    // Places beyond the credential's are left from an addition that was killed before it was done.
    ledger.progress.truncate(credential.authenticators().len());
    credential.upgrade(inputs.keyring, inputs.entropy)?;
    append(&mut credential, &mut ledger, confirmed, inputs)?;
    Ok(entry.commit(&credential, &ledger)?)
}

/// Replaces the recovery codes and returns the new ones; the old set is dead from then on.
///
/// # Errors
/// [`EnrolmentError`]; the old set is then the one in force.
pub fn renew_recovery<E: Entry>(
    entry: E,
    account: &Account,
    count: usize,
    permitted: ExpectedEnrolment,
    inputs: &mut ChangeInputs<'_>,
) -> Result<Vec<Secret>, EnrolmentError> {
    check(permitted, &entry)?;
    let (mut credential, ledger) = present(&entry, account)?;
    credential.upgrade(inputs.keyring, inputs.entropy)?;
    let codes = credential.renew_recovery(count, inputs.created, inputs.keyring, inputs.entropy)?;
    entry.commit(&credential, &ledger)?;
    Ok(codes)
}

/// Withdraws an enrolment.
///
/// # Errors
/// [`EnrolmentError`]; the enrolment is then as it was, or gone.
pub fn withdraw<E: Entry>(entry: E, permitted: ExpectedEnrolment) -> Result<(), EnrolmentError> {
    check(permitted, &entry)?;
    // Before the enrolment: without one, a token that is left would let in by itself.
    entry.forget_reset()?;
    Ok(entry.withdraw()?)
}

/// How many recovery codes are left.
#[must_use]
pub fn recovery_left(credential: &Credential, ledger: &Ledger) -> usize {
    let Some(set) = credential.recovery() else { return 0 };
    ledger.marks_of(set.id).left(set.hashes.len())
}

fn append(
    credential: &mut Credential,
    ledger: &mut Ledger,
    confirmed: &Confirmed,
    inputs: &mut ChangeInputs<'_>,
) -> Result<(), EnrolmentError> {
    let Confirmed { draft: Draft { label, factor, secret }, progress } = confirmed;
    let new = NewAuthenticator { label: label.clone(), factor: *factor, created: inputs.created, secret };
    credential.add(new, inputs.keyring, inputs.entropy)?;
    ledger.progress.push(*progress);
    Ok(())
}

fn present<E: Entry>(entry: &E, account: &Account) -> Result<(Credential, Ledger), EnrolmentError> {
    let (credential, ledger) = sound(entry)?;
    if credential.owner().uid.is_some_and(|uid| account.uid != Some(uid)) {
        return Err(EnrolmentError::OtherAccount);
    }
    Ok((credential, ledger))
}

fn sound<E: Entry>(entry: &E) -> Result<(Credential, Ledger), EnrolmentError> {
    let credential = credential_of(entry)?;
    Ok((credential, entry.ledger().ok_or(EnrolmentError::BrokenLedger)?.clone()))
}

fn credential_of<E: Entry>(entry: &E) -> Result<Credential, EnrolmentError> {
    match entry.credential() {
        None => Err(EnrolmentError::NotEnrolled),
        Some(Ok(credential)) => Ok(credential.clone()),
        Some(Err(error)) => Err(StoreError::from(error.clone()).into()),
    }
}
