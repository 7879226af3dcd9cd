//! `unlock`: clears wrong codes and locks; with `--budget`, refills the budgets; with `--repair`, creates a new ledger.

use crate::authorise::{Consent, authorise};
use crate::cli::Unlock;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::lifted::Lifted;
use crate::limit_words::{decimal, percent};
use crate::output;
use totp_core::audit_event::Name;
use totp_core::enrolment::{self, ToLift};
use totp_core::store::{Engine, EnrolmentAttempts, StoreError};
use totp_core::user::Account;
use totp_host::machine;

pub(crate) fn run(context: &Context, asked: &Unlock) -> Result<(), CommandError> {
    let account = context.any_account(Some(&asked.user))?;
    if context.operator.is(&account) && !context.operator.is_root() {
        return Err(CommandError::not_permitted(
            "you cannot unlock your own enrolment; use a recovery code, or ask another administrator",
        ));
    }
    if !context.is_enrolled(&account) {
        return unlock_enrolment(context, &account);
    }
    if asked.budget {
        return refill(context, &account, asked.yes.into());
    }
    // An intact ledger is kept: a new one voids the recovery codes.
    if asked.repair && enrolment::needs_repair(&context.entry(&account)?) {
        return repair(context, &account);
    }
    let lifted = context.make(|change| {
        let (entry, now, rules) = (context.entry(&account)?, machine::now()?, context.rules());
        let to_lift = ToLift::of(&entry, &rules, now)?;
        let attempts = has_attempts(context, &account);
        let lifted = Lifted::of(&to_lift, attempts, now.realtime);
        if lifted.is_nothing() {
            return Ok(lifted);
        }
        let event = context.event(Name::Unlocked, &account).field("repaired", false);
        enrolment::unlock(change.announcing(entry, &account, vec![event]), &rules, now)?;
        forget_attempts_of_enrolled(context, &account);
        Ok(lifted)
    })?;
    let kept = asked.repair.then_some("the ledger is intact and was kept");
    lifted.print(context.format, &account, "unlocked", kept)
}

fn refill(context: &Context, account: &Account, consent: Consent) -> Result<(), CommandError> {
    let to_lift = ToLift::of(&context.entry(account)?, &context.rules(), machine::now()?)?;
    if to_lift.refills {
        let budget = &to_lift.guesses.budget;
        let effect = format!(
            "lifts all locks of {} and refills the budget for guesses: this adds at most {} to this year's risk of {}",
            account.user,
            percent(to_lift.added_risk),
            percent(budget.configured_risk)
        );
        authorise(context, account, consent, &effect)?;
    }
    let (lifted, added) = context.make(|change| {
        let (entry, now, rules) = (context.entry(account)?, machine::now()?, context.rules());
        let to_lift = ToLift::of(&entry, &rules, now)?;
        let added = to_lift.refills.then_some(to_lift.added_risk);
        let lifted = Lifted::of(&to_lift, has_attempts(context, account), now.realtime).with_refill(added);
        if lifted.is_nothing() {
            return Ok((lifted, added));
        }
        let event = match added {
            Some(added) => {
                context.event(Name::BudgetRefilled, account).field("added_risk", decimal(added, 9))
            }
            None => context.event(Name::Unlocked, account).field("repaired", false),
        };
        enrolment::refill_budget(change.announcing(entry, account, vec![event]), &rules, now)?;
        forget_attempts_of_enrolled(context, account);
        Ok((lifted, added))
    })?;
    lifted.print(context.format, account, if added.is_some() { "budget_refilled" } else { "unlocked" }, None)
}

fn repair(context: &Context, account: &Account) -> Result<(), CommandError> {
    context.make(|change| {
        let (entry, now, windows) = (context.entry(account)?, machine::now()?, context.config.windows());
        let event = context.event(Name::Unlocked, account).field("repaired", true);
        enrolment::repair(change.announcing(entry, account, vec![event]), &windows, now)?;
        forget_attempts_of_enrolled(context, account);
        Ok(())
    })?;
    let message = "a new ledger was created and the recovery codes are void; create new ones with \"totp-enroll recovery-codes\"; \
                   a counter token needs \"sync\" and two codes at its next login";
    output::done(context.format, account, "repaired", message)
}

/// Clears the wrong codes of an account that is not enrolled but tried to be.
fn unlock_enrolment(context: &Context, account: &Account) -> Result<(), CommandError> {
    if !attempts(context, account)? {
        return Err(CommandError::not_enrolled(account.user.as_str()));
    }
    context.make(|change| {
        change.announce(Some(account), context.event(Name::Unlocked, account).field("way", "enroll"))?;
        Ok(forget_attempts(context, account)?)
    })?;
    output::done(context.format, account, "unlocked", "wrong codes during enrolment are cleared")
}

/// An error here must not keep the lock of an enrolment.
fn forget_attempts_of_enrolled(context: &Context, account: &Account) {
    let _ = forget_attempts(context, account).inspect_err(|error| output::remark(&error.to_string()));
}

fn has_attempts(context: &Context, account: &Account) -> bool {
    attempts(context, account).inspect_err(|error| output::remark(&error.to_string())).unwrap_or(false)
}

fn attempts(context: &Context, account: &Account) -> Result<bool, StoreError> {
    account.uid.map_or(Ok(false), |uid| context.store.enrolment_attempts().any(uid))
}

fn forget_attempts(context: &Context, account: &Account) -> Result<bool, StoreError> {
    account.uid.map_or(Ok(false), |uid| context.store.enrolment_attempts().forget(uid))
}
