//! One step of a reset, as the rules want it: about whom, by whom, and in the log where it was refused.

use crate::clock;
use crate::desk::Desk;
use crate::failure::Failure;
use totp_core::account::Account;
use totp_core::event::Name;
use totp_core::readmission::{Asked, ReadmissionError};
use totp_core::store::Resets;

/// An account that is enrolled, soundly or not, or has a reset.
pub(super) fn concerned(desk: &Desk, user: Option<&str>) -> Result<Account, Failure> {
    let account = desk.any_account(user)?;
    if !desk.is_enrolled(&account) && matches!(desk.store.reset(&account.user), Ok(None)) {
        return Err(Failure::not_enrolled(account.user.as_str()));
    }
    Ok(account)
}

/// The step as the rules want it: by one person.
pub(super) fn asked<'a>(desk: &Desk, account: &'a Account, step: &'static str) -> Result<Asked<'a>, Failure> {
    let by = desk.operator.person().inspect_err(|_| {
        let event = desk.event(Name::ResetRefused, account).field("step", step);
        desk.audit(&event.field("reason", "not_one_person"));
    })?;
    Ok(Asked { account, by, terms: desk.config.reset, now: clock::now()?.realtime })
}

/// What the rule refuses is in the log.
pub(super) fn refused(
    desk: &Desk,
    account: &Account,
    step: &'static str,
    error: ReadmissionError,
) -> Failure {
    if let ReadmissionError::Refused(refused) = &error {
        let event = desk.event(Name::ResetRefused, account).field("step", step);
        desk.audit(&event.field("reason", refused.as_str()));
    }
    error.into()
}
