//! What fixes an enrolment without its owner: lifting a lock, and a new ledger in the place of a broken one.

use super::{EnrolmentError, credential_of, sound};
use crate::credential::Authenticator;
use crate::factor::Windows;
use crate::ledger::{Ledger, Progress, RecoveryMarks};
use crate::store::Entry;
use crate::time::Now;

/// Forgives all wrong tries and lifts a lock. If the machine's clock ran ahead and was set back, what was used
/// up meanwhile is freed but for what a login of now may have used.
///
/// # Errors
/// [`EnrolmentError`]; the ledger is then as it was.
pub fn unlock<E: Entry>(entry: E, windows: &Windows, now: Now) -> Result<(), EnrolmentError> {
    let (credential, mut ledger) = sound(&entry)?;
    ledger.failures.forgive();
    for (progress, authenticator) in ledger.progress.iter_mut().zip(credential.authenticators()) {
        let usable = authenticator.factor().usable_by(windows, now);
        progress.used_up_to = progress.used_up_to.min(usable);
    }
    Ok(entry.record(&ledger)?)
}

/// Whether the ledger of an enrolment is missing, broken, or has no place for one of its authenticators.
pub fn needs_repair<E: Entry>(entry: &E) -> bool {
    let Some(Ok(credential)) = entry.credential() else { return false };
    entry.ledger().is_none_or(|ledger| !ledger.fits(credential))
}

/// Makes a new ledger for an enrolment whose ledger is missing or broken. Nobody knows any more which codes were used:
/// all up to now counts as used, and the recovery codes are void.
///
/// # Errors
/// [`EnrolmentError`]; the enrolment is then as it was, or its recovery codes count as used.
pub fn repair<E: Entry>(entry: E, windows: &Windows, now: Now) -> Result<(), EnrolmentError> {
    let mut credential = credential_of(&entry)?;
    let used = |authenticator: &Authenticator| Progress {
        used_up_to: authenticator.factor().usable_by(windows, now),
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
