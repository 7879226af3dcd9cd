//! Tokens of the inventory as authenticators: added to enrolments, many at once, and taken out of one.

use super::{ChangeInputs, EnrolmentError, append, newly, present, sound};
use crate::enrolment::draft::Confirmed;
use crate::keyring::Keyring;
use crate::random::{Entropy, Id};
use crate::store::Entry;
use crate::user::Account;

/// One token that becomes an authenticator.
pub struct Assignment<E> {
    /// The user's entry in the store, enrolled or not.
    pub entry: E,
    /// The account.
    pub account: Account,
    /// The token, confirmed by a code.
    pub confirmed: Confirmed,
}

/// Adds a token to each of these enrolments, and enrols those who are not enrolled, without recovery codes. Each enrolment is
/// changed completely or not at all.
///
/// # Errors
/// [`EnrolmentError`], before anything is written, if a token cannot be added.
pub fn assign_all<E: Entry>(
    assignments: Vec<Assignment<E>>,
    inputs: &mut ChangeInputs<'_>,
) -> Result<(), EnrolmentError> {
    let mut batch = Vec::with_capacity(assignments.len());
    for Assignment { entry, account, confirmed } in assignments {
        if !entry.is_enrolled() {
            let (credential, ledger) = newly(&account, std::slice::from_ref(&confirmed), inputs)?;
            batch.push((entry, credential, ledger));
            continue;
        }
        let (mut credential, mut ledger) = present(&entry, &account)?;
        // Entries beyond the credential's authenticators are left from an addition that was killed.
        ledger.progress.truncate(credential.authenticators().len());
        credential.upgrade(inputs.keyring, inputs.entropy)?;
        append(&mut credential, &mut ledger, &confirmed, inputs)?;
        batch.push((entry, credential, ledger));
    }
    Ok(E::commit_all(batch)?)
}

/// Takes the authenticator at this position out of an enrolment, which gets a new id: so a ledger whose positions have moved up is
/// never read beside the old credential, whatever a crash leaves. Remembered devices are forgotten, because they are bound to the
/// id; recovery codes, wrong codes and budgets stay.
///
/// # Errors
/// [`EnrolmentError`]; the enrolment is then as it was. The last authenticator is not taken out, nor one of an enrolment that is
/// being reset.
pub fn take_out<E: Entry>(
    entry: E,
    at: usize,
    keyring: &Keyring,
    entropy: &mut dyn Entropy,
) -> Result<(), EnrolmentError> {
    let (credential, mut ledger) = sound(&entry)?;
    if credential.authenticators().len() <= 1 {
        return Err(EnrolmentError::LastAuthenticator);
    }
    if entry.reset()?.is_some() {
        return Err(EnrolmentError::BeingReset);
    }
    if !ledger.fits(&credential) || at >= ledger.progress.len() {
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
