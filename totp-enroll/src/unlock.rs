//! `unlock`: forgive wrong codes; with `--repair`, make a new ledger.

use crate::desk::Desk;
use crate::failure::Failure;
use crate::report;
use totp_core::enrolment;
use totp_core::event::Name;

pub(crate) fn run(desk: &Desk, user: &str, repair: bool) -> Result<(), Failure> {
    let account = desk.any_account(Some(user))?;
    if desk.operator.is(&account) && account.uid != Some(0) {
        return Err(Failure::not_permitted(
            "nobody lifts their own lock; use a recovery code, or ask another administrator",
        ));
    }
    if !desk.is_enrolled(&account) {
        return Err(Failure::not_enrolled(account.user.as_str()));
    }
    let drift_steps = desk.config.drift_steps;
    desk.change(|rules| {
        let entry = desk.entry(&account)?;
        if repair {
            enrolment::repair(entry, drift_steps, rules)?;
        } else {
            enrolment::unlock(entry, drift_steps, rules)?;
        }
        Ok(())
    })?;
    desk.audit(&desk.event(Name::Unlocked, &account).field("repaired", repair));
    if repair {
        let said =
            "the ledger is new; the recovery codes are void: \"totp-enroll recovery-codes\" makes new ones";
        return report::done(desk.format, &account, "repaired", said);
    }
    report::done(desk.format, &account, "unlocked", "wrong codes are forgiven")
}
