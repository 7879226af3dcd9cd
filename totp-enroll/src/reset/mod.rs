//! `reset`: re-enrols a user who lost phone and recovery codes. By default it takes two operators and a cool-down, and the owner is notified.
//!
//! The two-person rule binds operators whose sudo rules allow only this command. A root shell can pretend to be any operator and
//! can change the files directly; what remains is the log, with its `loginuid`.

mod complete;
mod list;
mod operator_step;
mod reset_report;

use crate::authorise::{Consent, authorise};
use crate::cli::Reset;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use crate::report;
use operator_step::{account_in_question, log_refusal, step_by_operator};
use reset_report::ResetReport;
use totp_core::account_recovery::{self, AccountRecoveryError, Cancelled, ResetReason};
use totp_core::audit_event::Name;
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::store::{Resets, Users};

pub(crate) fn run(context: &Context, command: &Reset) -> Result<(), CommandError> {
    match command {
        Reset::Request { user, reason } => request(context, user, reason),
        Reset::Approve { user } => approve(context, user),
        Reset::Cancel { user, yes } => cancel(context, user.as_deref(), (*yes).into()),
        Reset::Complete { user, end_sessions, yes } => {
            complete::run(context, user, *end_sessions, (*yes).into())
        }
        Reset::List => list::run(context),
    }
}

fn request(context: &Context, user: &str, reason: &str) -> Result<(), CommandError> {
    let grounds =
        ResetReason::parse(reason).map_err(|error| CommandError::usage(format!("--reason: {error}")))?;
    let account = account_in_question(context, Some(user))?;
    let asked = step_by_operator(context, &account, "request")?;
    let done = account_recovery::request(context.entry_to_withdraw(&account)?, asked, grounds);
    let reset = done.map_err(|error| log_refusal(context, &account, "request", error))?;
    let terms = &context.config.reset;
    context.audit(
        &context
            .event(Name::ResetRequested, &account)
            .field("reason", reset.reason().as_str())
            .field("approvals", reset.approvals_needed(terms))
            .field("cooldown_seconds", terms.cooldown.0)
            .field("expires", output::date(reset.expires_at(terms))),
    );
    print_report(context, "reset_requested", &ResetReport::of(context, &reset)?)
}

fn approve(context: &Context, user: &str) -> Result<(), CommandError> {
    let account = account_in_question(context, Some(user))?;
    let asked = step_by_operator(context, &account, "approve")?;
    let done = account_recovery::approve(context.entry_to_withdraw(&account)?, asked);
    let reset = done.map_err(|error| log_refusal(context, &account, "approve", error))?;
    let ready = reset.ready_at(&context.config.reset).map(output::date);
    context.audit(
        &context
            .event(Name::ResetApproved, &account)
            .field("requested_by", &reset.requested().by.name)
            .field("reason", reset.reason().as_str())
            .maybe("ready", ready),
    );
    print_report(context, "reset_approved", &ResetReport::of(context, &reset)?)
}

fn cancel(context: &Context, user: Option<&str>, consent: Consent) -> Result<(), CommandError> {
    let account = account_in_question(context, user)?;
    // Checked before the owner uses up a code. A reset that cannot be read can be cancelled too.
    let reset = context.store.reset(&account.user);
    let noticed = || context.hold(&account).is_ok_and(|held| held.is_some_and(|held| has_notice(&held)));
    if matches!(reset, Ok(None)) && !noticed() {
        return Err(AccountRecoveryError::NoReset.into());
    }
    let effect = match context.store.expected(&account.user)? {
        ExpectedEnrolment::Nothing => {
            "voids the reset token: the account stays unenrolled until an operator enrols it"
        }
        ExpectedEnrolment::Unreadable | ExpectedEnrolment::Enrolment(_) => {
            "cancels the reset: the enrolment stays as it is"
        }
    };
    authorise(context, &account, consent, effect)?;
    let cancelled = account_recovery::cancel(context.entry_to_withdraw(&account)?, &account)?;
    let requested = reset.ok().flatten().map(|reset| reset.requested().by.name.clone());
    context.audit(&context.event(Name::ResetCancelled, &account).maybe("requested_by", requested));
    let message = match cancelled {
        Cancelled::Gone => "the reset is cancelled; the enrolment stays as it is".to_owned(),
        Cancelled::Barred => format!(
            "the reset token is void; the account is not enrolled and can neither enrol itself nor log in without a code; \
             an operator has to enrol it (\"totp-enroll enroll {}\") or request a reset",
            account.user
        ),
    };
    report::done(context.format, &account, "reset_cancelled", &message)
}

fn has_notice(held: &impl totp_core::store::Held) -> bool {
    held.ledger().notice().is_some()
}

fn print_report(context: &Context, done: &'static str, report: &ResetReport) -> Result<(), CommandError> {
    match context.format {
        Format::Json => output::document(&report.done(done)),
        Format::Text => report.lines().iter().try_for_each(|line| output::line(line)),
    }
}
