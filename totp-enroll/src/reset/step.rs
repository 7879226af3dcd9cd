//! One step of a reset, as the rules want it: about whom, by whom, and in the log where it was refused.

use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use totp_core::account_recovery::{AccountRecoveryError, StepInputs};
use totp_core::audit_event::Name;
use totp_core::store::Resets;
use totp_core::user::Account;

/// An account that is enrolled, soundly or not, or has a reset.
pub(super) fn concerned(context: &Context, user: Option<&str>) -> Result<Account, Failure> {
    let account = context.any_account(user)?;
    if !context.is_enrolled(&account) && matches!(context.store.reset(&account.user), Ok(None)) {
        return Err(Failure::not_enrolled(account.user.as_str()));
    }
    Ok(account)
}

/// The step as the rules want it: by one person.
pub(super) fn asked<'a>(
    context: &Context,
    account: &'a Account,
    step: &'static str,
) -> Result<StepInputs<'a>, Failure> {
    let by = context.operator.person().inspect_err(|_| {
        let event = context.event(Name::ResetRefused, account).field("step", step);
        context.audit(&event.field("reason", "not_one_person"));
    })?;
    Ok(StepInputs { account, by, rules: context.config.reset, now: clock::now()?.realtime })
}

/// What the rule refuses is in the log.
pub(super) fn refused(
    context: &Context,
    account: &Account,
    step: &'static str,
    error: AccountRecoveryError,
) -> Failure {
    if let AccountRecoveryError::Refused(refused) = &error {
        let event = context.event(Name::ResetRefused, account).field("step", step);
        context.audit(&event.field("reason", refused.as_str()));
    }
    error.into()
}
