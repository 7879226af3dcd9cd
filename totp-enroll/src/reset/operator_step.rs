//! Prepares one step of a reset (request, approve, complete, cancel): the account, the operator, and the log line if it is refused.

use crate::command_error::CommandError;
use crate::context::Context;
use totp_core::account_recovery::{AccountRecoveryError, StepInputs};
use totp_core::audit_event::Name;
use totp_core::store::Resets;
use totp_core::user::Account;
use totp_host::clock;

/// The account of the step: it must be enrolled, intact or corrupt, or have a pending reset.
pub(super) fn account_in_question(context: &Context, user: Option<&str>) -> Result<Account, CommandError> {
    let account = context.any_account(user)?;
    if !context.is_enrolled(&account) && matches!(context.store.reset(&account.user), Ok(None)) {
        return Err(CommandError::not_enrolled(account.user.as_str()));
    }
    Ok(account)
}

/// The step with its operator, who must be one identified person.
pub(super) fn step_by_operator<'a>(
    context: &Context,
    account: &'a Account,
    step: &'static str,
) -> Result<StepInputs<'a>, CommandError> {
    let by = context.operator.person().inspect_err(|_| {
        let event = context.event(Name::ResetRefused, account).field("step", step);
        context.audit(&event.field("reason", "not_one_person"));
    })?;
    Ok(StepInputs { account, by, rules: context.config.reset, now: clock::now()?.realtime })
}

/// Logs a step that the rules refuse.
pub(super) fn log_refusal(
    context: &Context,
    account: &Account,
    step: &'static str,
    error: AccountRecoveryError,
) -> CommandError {
    if let AccountRecoveryError::Refused(refused) = &error {
        let event = context.event(Name::ResetRefused, account).field("step", step);
        context.audit(&event.field("reason", refused.as_str()));
    }
    error.into()
}
