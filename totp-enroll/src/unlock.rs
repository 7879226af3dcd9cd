//! `unlock`: clears wrong codes and locks; with `--repair`, creates a new ledger.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use totp_core::audit_event::Name;
use totp_core::enrolment;
use totp_core::store::{Engine, EnrolmentAttempts};
use totp_host::machine;

pub(crate) fn run(context: &Context, user: &str, repair: bool) -> Result<(), CommandError> {
    let account = context.any_account(Some(user))?;
    if context.operator.is(&account) && !context.operator.is_root() {
        return Err(CommandError::not_permitted(
            "you cannot unlock your own enrolment; use a recovery code, or ask another administrator",
        ));
    }
    let uid = account.uid;
    let cleared = uid.map_or(Ok(false), |uid| context.store.enrolment_attempts().forget(uid));
    // An error here must not keep the lock of the enrolment.
    let cleared = cleared.inspect_err(|error| output::remark(&error.to_string())).unwrap_or(false);
    if !context.is_enrolled(&account) {
        if cleared {
            context.audit(&context.event(Name::Unlocked, &account).field("way", "enroll"));
            return output::done(
                context.format,
                &account,
                "unlocked",
                "wrong codes during enrolment are cleared",
            );
        }
        return Err(CommandError::not_enrolled(account.user.as_str()));
    }
    let (entry, now, windows) = (context.entry(&account)?, machine::now()?, context.config.windows());
    // An intact ledger is kept: a new one voids the recovery codes.
    let repaired = repair && enrolment::needs_repair(&entry);
    if repaired {
        enrolment::repair(entry, &windows, now)?;
    } else {
        enrolment::unlock(entry, &windows, now)?;
    }
    context.audit(&context.event(Name::Unlocked, &account).field("repaired", repaired));
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
