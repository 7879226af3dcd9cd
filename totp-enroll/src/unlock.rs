//! `unlock`: forgive wrong codes; with `--repair`, make a new ledger.

use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;
use crate::report;
use totp_core::audit_event::Name;
use totp_core::enrolment;
use totp_core::store::{Engine, EnrolmentAttempts};

pub(crate) fn run(context: &Context, user: &str, repair: bool) -> Result<(), Failure> {
    let account = context.any_account(Some(user))?;
    if context.operator.is(&account) && !context.operator.is_root() {
        return Err(Failure::not_permitted(
            "nobody fixes or unlocks their own enrolment; use a recovery code, or ask another administrator",
        ));
    }
    let uid = account.uid;
    let forgiven = uid.map_or(Ok(false), |uid| context.store.enrolment_attempts().forget(uid));
    // A lock is lifted whatever is wrong with these.
    let forgiven = forgiven.inspect_err(|error| output::remark(&error.to_string())).unwrap_or(false);
    if !context.is_enrolled(&account) {
        if forgiven {
            context.audit(&context.event(Name::Unlocked, &account).field("way", "enroll"));
            return report::done(
                context.format,
                &account,
                "unlocked",
                "wrong codes at enrolling are forgiven",
            );
        }
        return Err(Failure::not_enrolled(account.user.as_str()));
    }
    let (entry, now, windows) = (context.entry(&account)?, clock::now()?, context.config.windows());
    // A ledger that is whole is never thrown away: only a broken one may cost the recovery codes.
    let repaired = repair && enrolment::needs_repair(&entry);
    if repaired {
        enrolment::repair(entry, &windows, now)?;
    } else {
        enrolment::unlock(entry, &windows, now)?;
    }
    context.audit(&context.event(Name::Unlocked, &account).field("repaired", repaired));
    if repaired {
        let said =
            "the ledger is new; the recovery codes are void: \"totp-enroll recovery-codes\" makes new ones";
        return report::done(context.format, &account, "repaired", said);
    }
    let said = if repair {
        "the ledger is whole, so nothing was repaired; wrong codes are forgiven"
    } else {
        "wrong codes are forgiven"
    };
    report::done(context.format, &account, "unlocked", said)
}
