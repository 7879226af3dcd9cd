//! Tokens of the inventory as authenticators: added to enrolments, many at once, and taken out of one.

use super::{ChangeInputs, EnrolmentError, ExpectedEnrolment, append, check, newly, present, sound};
use crate::credential::Credential;
use crate::enrolment::draft::Confirmed;
use crate::keyring::Keyring;
use crate::ledger::Ledger;
use crate::random::{Entropy, Id};
use crate::store::Entry;
use crate::user::Account;

/// An enrolment with a token as a further authenticator, not stored yet.
pub struct PreparedAssignment<E> {
    entry: E,
    credential: Credential,
    ledger: Ledger,
}

/// Seals a confirmed token as an authenticator of `account`, which is enrolled with it alone if it was not enrolled, without recovery
/// codes. Nothing is stored.
///
/// # Errors
/// [`EnrolmentError`] if the token cannot be added, or the enrolment is not the one that was `permitted` to be changed.
pub fn prepare_assignment<E: Entry>(
    entry: E,
    account: &Account,
    confirmed: &Confirmed,
    permitted: ExpectedEnrolment,
    inputs: &mut ChangeInputs<'_>,
) -> Result<PreparedAssignment<E>, EnrolmentError> {
    check(permitted, &entry)?;
    if permitted == ExpectedEnrolment::Nothing {
        let (credential, ledger) = newly(account, std::slice::from_ref(confirmed), inputs)?;
        return Ok(PreparedAssignment { entry, credential, ledger });
    }
    let (mut credential, mut ledger) = present(&entry, account)?;
    // Entries beyond the credential's authenticators are left from an addition that was killed.
    ledger.progress.truncate(credential.authenticators().len());
    credential.upgrade(inputs.keyring, inputs.entropy)?;
    append(&mut credential, &mut ledger, confirmed, inputs)?;
    Ok(PreparedAssignment { entry, credential, ledger })
}

/// Stores enrolments with their tokens, each completely or not at all.
///
/// # Errors
/// [`EnrolmentError`]; some are stored then, and some are not.
pub fn commit_assignments<E: Entry>(prepared: Vec<PreparedAssignment<E>>) -> Result<(), EnrolmentError> {
    let batch = prepared.into_iter().map(|one| (one.entry, one.credential, one.ledger)).collect();
    Ok(E::commit_all(batch)?)
}

/// Takes the authenticator at this position out of the enrolment that was `permitted` to be changed, which gets a new id: so a
/// ledger whose positions have moved up is never read beside the old credential, whatever a crash leaves. Remembered devices are
/// forgotten, because they are bound to the id; recovery codes, wrong codes and budgets stay.
///
/// # Errors
/// [`EnrolmentError`]; the enrolment is then as it was. The last authenticator is not taken out, nor one of an enrolment that is
/// being reset.
pub fn take_out<E: Entry>(
    entry: E,
    at: usize,
    permitted: ExpectedEnrolment,
    keyring: &Keyring,
    entropy: &mut dyn Entropy,
) -> Result<(), EnrolmentError> {
    can_take_out(&entry, permitted)?;
    let (credential, mut ledger) = sound(&entry)?;
    if at >= ledger.progress.len() {
        return Err(EnrolmentError::BrokenLedger);
    }
    let id = Id::random(entropy)?;
    let credential = credential.without(at, id, keyring, entropy)?;
    ledger.progress.remove(at);
    ledger.credential = id;
    ledger.devices.clear();
    ledger.notice = None;
    Ok(entry.commit(&credential, &ledger)?)
}

/// Whether an authenticator could be taken out of the enrolment that was `permitted` to be changed.
///
/// # Errors
/// [`EnrolmentError`] says why not.
pub fn can_take_out<E: Entry>(entry: &E, permitted: ExpectedEnrolment) -> Result<(), EnrolmentError> {
    check(permitted, entry)?;
    let (credential, ledger) = sound(entry)?;
    if credential.authenticators().len() <= 1 {
        return Err(EnrolmentError::LastAuthenticator);
    }
    if entry.reset()?.is_some() {
        return Err(EnrolmentError::BeingReset);
    }
    if ledger.fits(&credential) { Ok(()) } else { Err(EnrolmentError::BrokenLedger) }
}
