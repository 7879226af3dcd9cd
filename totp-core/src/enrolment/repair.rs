//! What mends an enrolment without its owner: lifting a lock, and a new ledger in the place of a broken one.

use super::{EnrolmentError, credential_of, sound};
use crate::credential::Authenticator;
use crate::ledger::{Ledger, Progress, RecoveryMarks};
use crate::store::Entry;
use crate::time::Now;
use crate::totp::Drift;

/// Forgives all wrong tries and lifts a lock. If the machine's clock ran ahead and was set back, the steps used up
/// meanwhile are freed but for those that a login of today may have used. `greatest_drift_steps` is that of all
/// services.
///
/// # Errors
/// [`EnrolmentError`]; the ledger is then as it was.
pub fn unlock<E: Entry>(entry: E, greatest_drift_steps: u64, now: Now) -> Result<(), EnrolmentError> {
    let (credential, mut ledger) = sound(&entry)?;
    ledger.tries.forgive();
    for (progress, authenticator) in ledger.progress.iter_mut().zip(credential.authenticators()) {
        let newest = newest_step(authenticator, greatest_drift_steps, now);
        progress.last_step = progress.last_step.min(newest);
    }
    Ok(entry.record(&ledger)?)
}

/// Whether the ledger of an enrolment is missing, broken, or has no place for one of its authenticators.
pub fn needs_repair<E: Entry>(entry: &E) -> bool {
    let Some(Ok(credential)) = entry.credential() else { return false };
    entry.ledger().is_none_or(|ledger| !ledger.fits(credential))
}

/// Makes a new ledger for an enrolment whose ledger is missing or broken. Nobody knows any more which codes were used:
/// the steps up to now count as used, and the recovery codes are void.
///
/// # Errors
/// [`EnrolmentError`]; the enrolment is then as it was, or its recovery codes count as used.
pub fn repair<E: Entry>(entry: E, greatest_drift_steps: u64, now: Now) -> Result<(), EnrolmentError> {
    let mut credential = credential_of(&entry)?;
    let used = |authenticator: &Authenticator| Progress {
        last_step: newest_step(authenticator, greatest_drift_steps, now),
        confirmed_at: 0,
    };
    let progress = credential.authenticators().iter().map(used).collect();
    let mut ledger = Ledger::of(credential.owner().id, progress);
    // Should the credential with the old set stay in place, whatever stops this: its codes are dead all the same.
    if let Some(set) = credential.recovery() {
        ledger.recovery = RecoveryMarks::all_used(set.id, now.realtime);
    }
    // The owner goes on being told; one that cannot be read is told by nobody, and completed by nobody.
    ledger.notice = entry.reset().ok().flatten().and_then(|reset| reset.notice_for(credential.owner().id));
    credential.void_recovery();
    Ok(entry.commit(&credential, &ledger)?)
}

/// The newest step of which a code may have been accepted by now.
fn newest_step(authenticator: &Authenticator, greatest_drift_steps: u64, now: Now) -> u64 {
    let own = authenticator.drift().map_or(0, Drift::steps);
    authenticator.parameters().step(now.realtime).saturating_add(greatest_drift_steps.max(own))
}
