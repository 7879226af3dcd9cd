//! `unlock`: clears wrong codes and locks; with `--repair`, creates a new ledger.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use totp_core::audit_event::Name;
use totp_core::enrolment;
use totp_core::store::{Engine, EnrolmentAttempts, StoreError};
use totp_core::user::Account;
use totp_host::machine;

pub(crate) fn run(context: &Context, user: &str, repair: bool) -> Result<(), CommandError> {
    let account = context.any_account(Some(user))?;
    if context.operator.is(&account) && !context.operator.is_root() {
        return Err(CommandError::not_permitted(
            "you cannot unlock your own enrolment; use a recovery code, or ask another administrator",
        ));
    }
    if !context.is_enrolled(&account) {
        return unlock_enrolment(context, &account);
    }
    let repaired = context.make(|change| {
        let (entry, now, windows) = (context.entry(&account)?, machine::now()?, context.config.windows());
        // An intact ledger is kept: a new one voids the recovery codes.
        let repaired = repair && enrolment::needs_repair(&entry);
        let event = context.event(Name::Unlocked, &account).field("repaired", repaired);
        let entry = change.announcing(entry, &account, vec![event]);
        if repaired {
            enrolment::repair(entry, &windows, now)?;
        } else {
            enrolment::unlock(entry, &windows, now)?;
        }
        // An error here must not keep the lock of the enrolment.
        let _ = forget_attempts(context, &account).inspect_err(|error| output::remark(&error.to_string()));
        Ok(repaired)
    })?;
    if repaired {
        let message = "a new ledger was created and the recovery codes are void; create new ones with \"totp-enroll recovery-codes\"";
        return output::done(context.format, &account, "repaired", message);
    }
    let message = if repair {
        "the ledger is intact and was kept; wrong codes and locks are cleared"
    } else {
        "wrong codes and locks are cleared"
    };
    output::done(context.format, &account, "unlocked", message)
}

/// Clears the wrong codes of an account that is not enrolled but tried to be.
fn unlock_enrolment(context: &Context, account: &Account) -> Result<(), CommandError> {
    let cleared = context.make(|change| {
        change.announce(Some(account), context.event(Name::Unlocked, account).field("way", "enroll"))?;
        let cleared = forget_attempts(context, account)?;
        if !cleared {
            change.retract();
        }
        Ok(cleared)
    })?;
    if !cleared {
        return Err(CommandError::not_enrolled(account.user.as_str()));
    }
    output::done(context.format, account, "unlocked", "wrong codes during enrolment are cleared")
}

fn forget_attempts(context: &Context, account: &Account) -> Result<bool, StoreError> {
    account.uid.map_or(Ok(false), |uid| context.store.enrolment_attempts().forget(uid))
}
