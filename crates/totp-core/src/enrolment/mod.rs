//! The sequences that change an enrolment: enrol, add, renew recovery codes, withdraw, unlock, repair.
//!
//! The store is not touched before a draft is confirmed. Then the credential changes in one step.

pub mod attempts;
pub mod draft;
mod expected;
mod tokens;
mod unlocking;

pub use expected::{EnrolmentError, ExpectedEnrolment};
pub use tokens::{PreparedAssignment, can_take_out, commit_assignments, prepare_assignment, take_out};
pub use unlocking::{ToLift, refill_budget, unlock};

use crate::credential::{Authenticator, Credential, Label, NewAuthenticator, Owner};
use crate::enrolment::draft::{Confirmed, Draft};
use crate::factor::{FactorKind, Windows};
use crate::keyring::Keyring;
use crate::ledger::{LastLogin, Ledger, LoginMethod, Progress, RecoveryMarks};
use crate::lockout::Guesses;
use crate::random::Id;
use crate::random::{Entropy, Secret};
use crate::recovery::ScratchCode;
use crate::store::{Entry, StoreError};
use crate::time::{Created, Now};
use crate::user::Account;

/// What every change to an enrolment needs.
pub struct ChangeInputs<'a> {
    /// Its active key seals the secrets.
    pub keyring: &'a Keyring,
    /// The source of random bytes.
    pub entropy: &'a mut dyn Entropy,
    /// Now, as documents show it.
    pub created: Created,
    /// Now, for the rules.
    pub now: Now,
}

/// Refuses if `entry` is not as it was when the change was permitted.
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

/// Enrols `account` with these authenticators and returns `recovery_codes` new recovery codes, to be shown once; none
/// if zero. It replaces what was `permitted`: a new id, and no marks, failures or recovery codes of the old enrolment.
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

/// A sealed enrolment that is not in the store yet, so that its recovery codes can be shown first. Dropped, it has no
/// effect.
pub struct Prepared {
    credential: Credential,
    ledger: Ledger,
    codes: Vec<Secret>,
}

/// The first half of [`enrol`]: it needs no entry of the store and holds no lock.
///
/// # Errors
/// [`EnrolmentError`] if there is no authenticator or nothing could be sealed.
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

    /// Whether the active key of `keyring` sealed all of it. Checked under the keyring's lock
    /// ([`crate::store::KeyringLocks`]), which is kept until the commit, because the key may have been replaced while
    /// the person was reading.
    #[must_use]
    pub fn is_sealed_with(&self, keyring: &Keyring) -> bool {
        self.credential.keys().all(|key| key == keyring.active())
    }

    /// Commits it over what was `permitted` to be replaced; returns the recovery codes.
    ///
    /// # Errors
    /// [`EnrolmentError`]; the old enrolment is then whole.
    pub fn commit<E: Entry>(
        self,
        entry: E,
        permitted: ExpectedEnrolment,
    ) -> Result<Vec<Secret>, EnrolmentError> {
        check(permitted, &entry)?;
        // The secret is another, but what was guessed within a year counts for the account.
        let guesses = entry.ledger().map_or_else(Guesses::default, |old| old.guesses.carried_over());
        entry.commit(&self.credential, &Ledger { guesses, ..self.ledger })?;
        Ok(self.codes)
    }

    /// Commits it for someone who was not enrolled and has given a code of every authenticator, as their login at
    /// `now`.
    ///
    /// # Errors
    /// [`EnrolmentError`]; if another process enrolled them in the meantime, that enrolment stays.
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
        // The only place where this proof is made.
        Ok(Enrolled { credential, authenticator, kind, recovery_codes })
    }
}

/// Proof that a person who was not enrolled gave a code of a new authenticator, is enrolled with it, and that the use
/// of the code is recorded. Made in one place, after the commit.
pub struct Enrolled {
    credential: Id,
    authenticator: Label,
    kind: FactorKind,
    recovery_codes: usize,
}

impl Enrolled {
    /// The enrolment.
    #[must_use]
    pub fn credential(&self) -> Id {
        self.credential
    }

    /// The authenticator of the code.
    #[must_use]
    pub fn authenticator(&self) -> &Label {
        &self.authenticator
    }

    /// The kind of its factor.
    #[must_use]
    pub fn kind(&self) -> FactorKind {
        self.kind
    }

    /// How many recovery codes there are.
    #[must_use]
    pub fn recovery_codes(&self) -> usize {
        self.recovery_codes
    }
}

/// One of many users who are enrolled together.
pub struct NewUser<E> {
    /// The user's entry in the store.
    pub entry: E,
    /// The account.
    pub account: Account,
    /// The authenticators.
    pub confirmed: Vec<Confirmed>,
    /// Single-use codes of another program, which become the recovery codes.
    pub scratch: Vec<ScratchCode>,
}

/// Enrols many users at once, without recovery codes made by this program. Each is enrolled whole or not at all.
///
/// # Errors
/// [`EnrolmentError`], before anything is written, if one of them is already enrolled or has no authenticator.
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
    // Entries beyond the credential's authenticators are left from an addition that was killed.
    ledger.progress.truncate(credential.authenticators().len());
    credential.upgrade(inputs.keyring, inputs.entropy)?;
    append(&mut credential, &mut ledger, confirmed, inputs)?;
    Ok(entry.commit(&credential, &ledger)?)
}

/// Replaces the recovery codes and returns the new ones. The old set is void from then on.
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
    // Before the enrolment: with no enrolment, a remaining token would be enough to enrol.
    entry.forget_reset()?;
    Ok(entry.withdraw()?)
}

/// Whether the ledger of an enrolment is missing, broken, or lacks an entry for one of its authenticators.
pub fn needs_repair<E: Entry>(entry: &E) -> bool {
    let Some(Ok(credential)) = entry.credential() else { return false };
    entry.ledger().is_none_or(|ledger| !ledger.fits(credential))
}

/// Makes a new ledger for an enrolment whose ledger is missing or broken. It is not known which codes were used, so all
/// up to now count as used and the recovery codes are void. Counters are to be resynchronised, from what the ledger says of them if
/// it can be read.
///
/// # Errors
/// [`EnrolmentError`]; the enrolment is then as it was, or its recovery codes count as used.
pub fn repair<E: Entry>(entry: E, windows: &Windows, now: Now) -> Result<(), EnrolmentError> {
    let mut credential = credential_of(&entry)?;
    // One that lacks an authenticator's entry is right about the others.
    let known = entry.ledger().map_or(&[][..], |ledger| &ledger.progress);
    let used = |(place, authenticator): (usize, &Authenticator)| {
        let known = known.get(place).map_or(0, |progress| progress.used_up_to);
        let factor = authenticator.factor();
        // What a clock that ran ahead has used up does not stay so.
        let used_up_to = factor.voided(factor.freed(known, windows, now), windows, now);
        Progress { used_up_to, confirmed_at: 0 }
    };
    let progress = credential.authenticators().iter().enumerate().map(used).collect();
    let mut ledger = Ledger::of(credential.owner().id, progress);
    // If this is stopped before the credential is replaced, the codes of the old set are void too.
    if let Some(set) = credential.recovery() {
        ledger.recovery = RecoveryMarks::all_used(set.id, now.realtime);
    }
    // The owner is still told of a reset. A reset that cannot be read is announced to nobody and cannot be completed.
    ledger.notice = entry.reset().ok().flatten().and_then(|reset| reset.notice_for(credential.owner().id));
    credential.void_recovery();
    Ok(entry.commit(&credential, &ledger)?)
}

/// Makes void what a restored state could bring back: every code up to now, the recovery codes, the remembered devices and a
/// reset. Counters are to be resynchronised. Wrong codes and locks stay as they are.
///
/// # Errors
/// [`EnrolmentError`]; the enrolment is then as it was, or without its reset.
pub fn void_after_restore<E: Entry>(entry: E, windows: &Windows, now: Now) -> Result<(), EnrolmentError> {
    let (credential, mut ledger) = sound(&entry)?;
    for (progress, authenticator) in ledger.progress.iter_mut().zip(credential.authenticators()) {
        progress.used_up_to = authenticator.factor().voided(progress.used_up_to, windows, now);
    }
    if let Some(set) = credential.recovery() {
        ledger.recovery = RecoveryMarks::all_used(set.id, now.realtime);
    }
    ledger.devices.clear();
    ledger.notice = None;
    entry.forget_reset()?;
    Ok(entry.record(&ledger)?)
}

/// The number of unused recovery codes.
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
    let Confirmed { draft: Draft { label, factor, secret, .. }, progress } = confirmed;
    let new = NewAuthenticator { label: label.clone(), factor: *factor, created: inputs.created, secret };
    credential.add(new, inputs.keyring, inputs.entropy)?;
    ledger.progress.push(*progress);
    Ok(())
}

fn present<E: Entry>(entry: &E, account: &Account) -> Result<(Credential, Ledger), EnrolmentError> {
    let (credential, ledger) = sound(entry)?;
    if !credential.owner().is(account) {
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
