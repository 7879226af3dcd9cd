//! `disable`: withdraw an enrolment.

use crate::desk::Desk;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::report;
use totp_core::enrolment;
use totp_core::event::Name;

pub(crate) fn run(desk: &Desk, user: Option<&str>, consent: Consent) -> Result<(), Failure> {
    let account = desk.any_account(user)?;
    if !desk.is_enrolled(&account) {
        return Err(Failure::not_enrolled(account.user.as_str()));
    }
    let permitted = desk.store.in_place(&account.user)?;
    authorise(
        desk,
        &account,
        consent,
        "withdraws the enrolment: authenticators and recovery codes stop working",
    )?;
    enrolment::withdraw(desk.entry(&account)?, permitted)?;
    desk.audit(&desk.event(Name::Disabled, &account));
    report::done(desk.format, &account, "disabled", "the enrolment is withdrawn")
}
