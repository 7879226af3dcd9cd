//! `disable`: withdraw an enrolment.

use crate::context::Context;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::report;
use totp_core::audit_event::Name;
use totp_core::enrolment;
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::store::{Resets, Users};
use totp_core::user::Account;

pub(crate) fn run(context: &Context, user: Option<&str>, consent: Consent) -> Result<(), Failure> {
    let account = context.any_account(user)?;
    if !context.is_enrolled(&account) {
        return Err(absent(context, &account, consent)?);
    }
    let permitted = context.store.expected(&account.user)?;
    authorise(
        context,
        &account,
        consent,
        "withdraws the enrolment: authenticators and recovery codes stop working",
    )?;
    enrolment::withdraw(context.entry_to_withdraw(&account)?, permitted)?;
    context.audit(&context.event(Name::Disabled, &account));
    report::done(context.format, &account, "disabled", "the enrolment is withdrawn")
}

/// Forgets a reset that waits for its token, readable or not: anyone who gets the name next inherits nothing. Its owner does not
/// lift the bar that they are behind. What is returned says that nobody is enrolled.
fn absent(context: &Context, account: &Account, consent: Consent) -> Result<Failure, Failure> {
    let absent = Failure::not_enrolled(account.user.as_str());
    let is_owner = context.operator.is_owner_of(account);
    if is_owner || matches!(context.store.reset(&account.user), Ok(None)) {
        return Ok(absent);
    }
    authorise(
        context,
        account,
        consent,
        "forgets the reset: nobody has to show a token in this name any more",
    )?;
    enrolment::withdraw(context.entry_to_withdraw(account)?, ExpectedEnrolment::Nothing)?;
    context.audit(&context.event(Name::ResetCancelled, account));
    Ok(absent.explained(|problem| format!("{problem}; the reset that was kept in this name is forgotten")))
}
