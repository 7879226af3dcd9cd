//! `reset`: the way back for someone who lost everything. Never one person alone, never at once, never silent.
//!
//! The two-person rule binds operators whose sudo rules end at this command. Anyone who has a root shell can say to be anybody,
//! and can do without: what it leaves is a line in the log, and `loginuid` in that line.

mod complete;
mod list;
mod sessions;
mod shown;
mod step;

use crate::cli::Reset;
use crate::clock;
use crate::context::Context;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::report;
use shown::Shown;
use step::{asked, concerned, refused};
use totp_core::account_recovery::ResetReason;
use totp_core::account_recovery::{self, AccountRecoveryError, Cancelled};
use totp_core::audit_event::Name;
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::store::{Resets, Users};

pub(crate) fn run(context: &Context, command: &Reset) -> Result<(), Failure> {
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

fn request(context: &Context, user: &str, reason: &str) -> Result<(), Failure> {
    let grounds = ResetReason::parse(reason).map_err(|error| Failure::usage(format!("--reason: {error}")))?;
    let account = concerned(context, Some(user))?;
    let asked = asked(context, &account, "request")?;
    let done = account_recovery::request(context.entry_to_withdraw(&account)?, asked, grounds);
    let reset = done.map_err(|error| refused(context, &account, "request", error))?;
    let terms = &context.config.reset;
    context.audit(
        &context
            .event(Name::ResetRequested, &account)
            .field("reason", reset.reason().as_str())
            .field("approvals", reset.approvals_needed(terms))
            .field("cooldown_seconds", terms.cooldown.0)
            .field("expires", clock::date(reset.expires_at(terms))),
    );
    said(context, "reset_requested", &Shown::of(context, &reset)?)
}

fn approve(context: &Context, user: &str) -> Result<(), Failure> {
    let account = concerned(context, Some(user))?;
    let asked = asked(context, &account, "approve")?;
    let done = account_recovery::approve(context.entry_to_withdraw(&account)?, asked);
    let reset = done.map_err(|error| refused(context, &account, "approve", error))?;
    let ready = reset.ready_at(&context.config.reset).map(clock::date);
    context.audit(
        &context
            .event(Name::ResetApproved, &account)
            .field("requested_by", &reset.requested().by.name)
            .field("reason", reset.reason().as_str())
            .maybe("ready", ready),
    );
    said(context, "reset_approved", &Shown::of(context, &reset)?)
}

fn cancel(context: &Context, user: Option<&str>, consent: Consent) -> Result<(), Failure> {
    let account = concerned(context, user)?;
    // Before anybody spends a code on it. What cannot be read is there to be cancelled.
    let unread = context.store.reset(&account.user);
    let noticed = || context.hold(&account).is_ok_and(|held| held.is_some_and(|held| has_notice(&held)));
    if matches!(unread, Ok(None)) && !noticed() {
        return Err(AccountRecoveryError::NoReset.into());
    }
    let purpose = match context.store.expected(&account.user)? {
        ExpectedEnrolment::Nothing => {
            "voids the token: nobody is enrolled, and it takes an operator to enrol them"
        }
        ExpectedEnrolment::Unreadable | ExpectedEnrolment::Enrolment(_) => {
            "calls the reset off: the enrolment stays as it is"
        }
    };
    authorise(context, &account, consent, purpose)?;
    let cancelled = account_recovery::cancel(context.entry_to_withdraw(&account)?, &account)?;
    let requested = unread.ok().flatten().map(|reset| reset.requested().by.name.clone());
    context.audit(&context.event(Name::ResetCancelled, &account).maybe("requested_by", requested));
    let said = match cancelled {
        Cancelled::Gone => "the reset is called off; the enrolment stays as it is".to_owned(),
        Cancelled::Barred => format!(
            "the token is void; nobody is enrolled, and nobody enrols or is let past by themselves: an operator enrols them \
             (\"totp-enroll enroll {}\"), or requests a reset",
            account.user
        ),
    };
    report::done(context.format, &account, "reset_cancelled", &said)
}

fn has_notice(held: &impl totp_core::store::Held) -> bool {
    held.ledger().notice().is_some()
}

fn said(context: &Context, done: &'static str, shown: &Shown) -> Result<(), Failure> {
    match context.format {
        Format::Json => output::document(&shown.done(done)),
        Format::Text => shown.lines().iter().try_for_each(|line| output::line(line)),
    }
}
