//! `disable`: withdraw an enrolment.

use crate::desk::Desk;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::report;
use totp_core::account::Account;
use totp_core::enrolment;
use totp_core::event::Name;
use totp_core::expected_enrolment::ExpectedEnrolment;
use totp_core::store::{Resets, Users};

pub(crate) fn run(desk: &Desk, user: Option<&str>, consent: Consent) -> Result<(), Failure> {
    let account = desk.any_account(user)?;
    if !desk.is_enrolled(&account) {
        return Err(absent(desk, &account, consent)?);
    }
    let permitted = desk.store.expected(&account.user)?;
    authorise(
        desk,
        &account,
        consent,
        "withdraws the enrolment: authenticators and recovery codes stop working",
    )?;
    enrolment::withdraw(desk.entry_to_withdraw(&account)?, permitted)?;
    desk.audit(&desk.event(Name::Disabled, &account));
    report::done(desk.format, &account, "disabled", "the enrolment is withdrawn")
}

/// Forgets a reset that waits for its ticket, readable or not: whoever gets the name next inherits nothing. Its owner does not
/// lift the bar that they are behind. What is returned says that nobody is enrolled.
fn absent(desk: &Desk, account: &Account, consent: Consent) -> Result<Failure, Failure> {
    let absent = Failure::not_enrolled(account.user.as_str());
    let is_owner = desk.operator.is_owner_of(account);
    if is_owner || matches!(desk.store.reset(&account.user), Ok(None)) {
        return Ok(absent);
    }
    authorise(
        desk,
        account,
        consent,
        "forgets the reset: nobody has to show a ticket in this name any more",
    )?;
    enrolment::withdraw(desk.entry_to_withdraw(account)?, ExpectedEnrolment::Nothing)?;
    desk.audit(&desk.event(Name::ResetCancelled, account));
    Ok(absent.explained(|problem| format!("{problem}; the reset that was kept in this name is forgotten")))
}
