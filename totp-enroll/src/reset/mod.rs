//! `reset`: the way back for somebody who lost everything. Never one person alone, never at once, never silent.
//!
//! The two-person rule binds operators whose sudo rules end at this command. Whoever has a root shell can say to be anybody,
//! and can do without: what it leaves is a line in the log, and `loginuid` in that line.

mod complete;
mod list;
mod sessions;
mod shown;
mod step;

use crate::cli::Reset;
use crate::clock;
use crate::desk::Desk;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::report;
use shown::Shown;
use step::{asked, concerned, refused};
use totp_core::event::Name;
use totp_core::expected_enrolment::ExpectedEnrolment;
use totp_core::readmission::{self, Cancelled, ReadmissionError};
use totp_core::reset::Grounds;
use totp_core::store::{Resets, Users};

pub(crate) fn run(desk: &Desk, command: &Reset) -> Result<(), Failure> {
    match command {
        Reset::Request { user, reason } => request(desk, user, reason),
        Reset::Approve { user } => approve(desk, user),
        Reset::Cancel { user, yes } => cancel(desk, user.as_deref(), (*yes).into()),
        Reset::Complete { user, end_sessions, yes } => {
            complete::run(desk, user, *end_sessions, (*yes).into())
        }
        Reset::List => list::run(desk),
    }
}

fn request(desk: &Desk, user: &str, reason: &str) -> Result<(), Failure> {
    let grounds = Grounds::parse(reason).map_err(|error| Failure::usage(format!("--reason: {error}")))?;
    let account = concerned(desk, Some(user))?;
    let asked = asked(desk, &account, "request")?;
    let done = readmission::request(desk.entry_to_withdraw(&account)?, asked, grounds);
    let reset = done.map_err(|error| refused(desk, &account, "request", error))?;
    let terms = &desk.config.reset;
    desk.audit(
        &desk
            .event(Name::ResetRequested, &account)
            .field("reason", reset.grounds().as_str())
            .field("approvals", reset.approvals_needed(terms))
            .field("cooldown_seconds", terms.cooldown.0)
            .field("expires", clock::date(reset.expires_at(terms))),
    );
    said(desk, "reset_requested", &Shown::of(desk, &reset)?)
}

fn approve(desk: &Desk, user: &str) -> Result<(), Failure> {
    let account = concerned(desk, Some(user))?;
    let asked = asked(desk, &account, "approve")?;
    let done = readmission::approve(desk.entry_to_withdraw(&account)?, asked);
    let reset = done.map_err(|error| refused(desk, &account, "approve", error))?;
    let ready = reset.ready_at(&desk.config.reset).map(clock::date);
    desk.audit(
        &desk
            .event(Name::ResetApproved, &account)
            .field("requested_by", &reset.requested().by.name)
            .field("reason", reset.grounds().as_str())
            .maybe("ready", ready),
    );
    said(desk, "reset_approved", &Shown::of(desk, &reset)?)
}

fn cancel(desk: &Desk, user: Option<&str>, consent: Consent) -> Result<(), Failure> {
    let account = concerned(desk, user)?;
    // Before anybody spends a code on it. What cannot be read is there to be cancelled.
    let unread = desk.store.reset(&account.user);
    let noticed = || desk.hold(&account).is_ok_and(|held| held.is_some_and(|held| has_notice(&held)));
    if matches!(unread, Ok(None)) && !noticed() {
        return Err(ReadmissionError::NoReset.into());
    }
    let purpose = match desk.store.expected(&account.user)? {
        ExpectedEnrolment::Nothing => {
            "voids the ticket: nobody is enrolled, and it takes an operator to enrol them"
        }
        ExpectedEnrolment::Unreadable | ExpectedEnrolment::Enrolment(_) => {
            "calls the reset off: the enrolment stays as it is"
        }
    };
    authorise(desk, &account, consent, purpose)?;
    let cancelled = readmission::cancel(desk.entry_to_withdraw(&account)?, &account)?;
    let requested = unread.ok().flatten().map(|reset| reset.requested().by.name.clone());
    desk.audit(&desk.event(Name::ResetCancelled, &account).maybe("requested_by", requested));
    let said = match cancelled {
        Cancelled::Gone => "the reset is called off; the enrolment stays as it is".to_owned(),
        Cancelled::Barred => format!(
            "the ticket is void; nobody is enrolled, and nobody enrols or is let past by themselves: an operator enrols them \
             (\"totp-enroll enroll {}\"), or requests a reset",
            account.user
        ),
    };
    report::done(desk.format, &account, "reset_cancelled", &said)
}

fn has_notice(held: &impl totp_core::store::Held) -> bool {
    held.ledger().notice().is_some()
}

fn said(desk: &Desk, done: &'static str, shown: &Shown) -> Result<(), Failure> {
    match desk.format {
        Format::Json => output::document(&shown.done(done)),
        Format::Text => shown.lines().iter().try_for_each(|line| output::line(line)),
    }
}
