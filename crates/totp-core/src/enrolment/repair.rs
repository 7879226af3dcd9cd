//! Repairs of an enrolment by an administrator: lifting a lock, and replacing a broken ledger.

use super::{EnrolmentError, credential_of, sound};
use crate::credential::Authenticator;
use crate::factor::Windows;
use crate::ledger::{Ledger, Progress, RecoveryMarks};
use crate::store::Entry;
use crate::time::Now;

/// Forgives all failures and lifts a lock. If the machine's clock ran ahead and was set back, codes that were used up
/// in that time are allowed again, except those that a login of now may have used.
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

/// Whether the ledger of an enrolment is missing, broken, or lacks an entry for one of its authenticators.
pub fn needs_repair<E: Entry>(entry: &E) -> bool {
    let Some(Ok(credential)) = entry.credential() else { return false };
    entry.ledger().is_none_or(|ledger| !ledger.fits(credential))
}

/// Makes a new ledger for an enrolment whose ledger is missing or broken. It is not known which codes were used, so all
/// up to now count as used and the recovery codes are void.
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
    // If this is stopped before the credential is replaced, the codes of the old set are void too.
    if let Some(set) = credential.recovery() {
        ledger.recovery = RecoveryMarks::all_used(set.id, now.realtime);
    }
    // The owner is still told of a reset. A reset that cannot be read is announced to nobody and cannot be completed.
    ledger.notice = entry.reset().ok().flatten().and_then(|reset| reset.notice_for(credential.owner().id));
    credential.void_recovery();
    Ok(entry.commit(&credential, &ledger)?)
}
