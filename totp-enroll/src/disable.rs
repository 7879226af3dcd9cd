//! `disable`: removes an enrolment.

use crate::authorise::{Consent, authorise};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use crate::tokens::EndingTokens;
use totp_core::audit_event::Name;
use totp_core::enrolment::{self, ExpectedEnrolment};
use totp_core::store::{Resets, Users};
use totp_core::user::Account;

pub(crate) fn run(context: &Context, user: Option<&str>, consent: Consent) -> Result<(), CommandError> {
    let account = context.any_account(user)?;
    if !context.is_enrolled(&account) {
        return Err(cancel_pending_reset(context, &account, consent)?);
    }
    let expected = context.store.expected(&account.user)?;
    authorise(
        context,
        &account,
        consent,
        "removes the enrolment: authenticators and recovery codes stop working",
    )?;
    withdraw(context, &account, Name::Disabled, expected)?;
    output::done(context.format, &account, "disabled", "the enrolment is removed")
}

fn withdraw(
    context: &Context,
    account: &Account,
    what: Name,
    expected: ExpectedEnrolment,
) -> Result<(), CommandError> {
    let remark = context.make(|change| {
        let tokens = EndingTokens::hold(context, &account.user);
        let entry = context.entry_to_withdraw(account)?;
        let tokens = tokens.read(&entry)?;
        let entry = change.announcing(entry, account, vec![context.event(what, account)]);
        enrolment::withdraw(entry, expected)?;
        Ok(tokens.store())
    })?;
    // Nothing is held any more: writing may block.
    remark.iter().for_each(|remark| output::remark(remark));
    Ok(())
}

/// Cancels the pending reset of an account that is not enrolled, readable or not, so that a new account of that name does not
/// inherit it. The owner may not cancel it: that would bypass the reset token. Returns the error "not enrolled".
fn cancel_pending_reset(
    context: &Context,
    account: &Account,
    consent: Consent,
) -> Result<CommandError, CommandError> {
    let not_enrolled = CommandError::not_enrolled(account.user.as_str());
    let is_owner = context.operator.is_owner_of(account);
    if is_owner || matches!(context.store.reset(&account.user), Ok(None)) {
        return Ok(not_enrolled);
    }
    authorise(
        context,
        account,
        consent,
        "cancels the pending reset: enrolling this account no longer needs the reset token",
    )?;
    withdraw(context, account, Name::ResetCancelled, ExpectedEnrolment::Nothing)?;
    Ok(not_enrolled.explained(|problem| format!("{problem}; its pending reset was cancelled")))
}
