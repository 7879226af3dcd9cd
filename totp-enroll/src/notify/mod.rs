//! `notify`: mails users that their second factor changed.
//!
//! The module and the command put notices into the spool. A command that put one there sends it at its end; a timer runs `notify`
//! for the rest.

mod delivery;
pub(crate) mod mail_program;
mod mime_message;

use crate::cli::Notify;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use delivery::{DeliveryReport, NoticeSelection};
use serde::Serialize;
use std::time::Duration;
use totp_core::config::Command;
use totp_core::notice::Notice;
use totp_core::store::Engine;
use totp_core::store::notices::{NoticeSpool, Waiting};

/// At the end of a command: how long to wait for another process that sends, and how long to send.
const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);
/// How long `notify` waits for another process that sends.
const PATIENCE_OF_NOTIFY: Duration = Duration::from_secs(10);

pub(crate) fn run(context: &Context, options: &Notify) -> Result<(), CommandError> {
    if options.list {
        return list(context);
    }
    let which = if options.now { NoticeSelection::All } else { NoticeSelection::Due };
    let report = delivery::send(context, which, PATIENCE_OF_NOTIFY, None)?;
    print(context, &report)
}

/// Sends the waiting notices at the end of a command that put one into the spool.
pub(crate) fn after(context: &Context) {
    if !context.left_a_notice.get() {
        return;
    }
    match delivery::send(context, NoticeSelection::Due, PATIENCE, Some(LONGEST)) {
        Ok(DeliveryReport { failed: 0, given_up: 0, .. }) => {}
        Ok(DeliveryReport { waiting, .. }) => output::remark(&format!(
            "{} could not be sent and will be tried again; to try now, run \"totp-enroll notify --now\"",
            output::count(waiting, "notice")
        )),
        Err(failure) => output::remark(&format!("notices will be sent later: {}", failure.problem)),
    }
}

fn print(context: &Context, report: &DeliveryReport) -> Result<(), CommandError> {
    let DeliveryReport { sent, failed, given_up, waiting } = report;
    match context.format {
        Format::Json => output::document(report)?,
        Format::Text => output::line(&format!(
            "{sent} sent, {failed} failed and will be tried again, {given_up} given up; {waiting} waiting"
        ))?,
    }
    // If notices are turned off, unsent ones are no failure.
    if *failed == 0 && *given_up == 0 || context.config.notify.command == Command::Off {
        return Ok(());
    }
    let failure = CommandError::refused(
        "some notices could not be sent; the log has the reasons (event=notify_failed)",
    );
    Err(output::reported(context.format, failure))
}

#[derive(Serialize)]
struct NoticeList {
    waiting: Vec<ListedNotice>,
    /// Files in the spool that are no notices.
    foreign: Vec<String>,
}

#[derive(Serialize)]
struct ListedNotice {
    /// `null`, like `event`, if the notice cannot be read.
    user: Option<String>,
    event: Option<String>,
    at: String,
    tries: u32,
    /// `null`: not tried yet.
    next_try: Option<String>,
}

fn list(context: &Context) -> Result<(), CommandError> {
    let spool = context.store.notices();
    let (waiting, foreign) = spool.waiting()?;
    let entry = |waiting: &Waiting| {
        let text = spool.read(waiting).ok().flatten();
        let notice = text.and_then(|text| Notice::decode(&text).ok());
        ListedNotice {
            user: notice.as_ref().map(|notice| notice.user().to_owned()),
            event: notice.and_then(|notice| notice.field("event").map(str::to_owned)),
            at: output::date(waiting.at),
            tries: waiting.tries,
            next_try: (waiting.tries > 0).then(|| output::date(waiting.due())),
        }
    };
    let document = NoticeList { waiting: waiting.iter().map(entry).collect(), foreign };
    if context.format == Format::Json {
        return output::document(&document);
    }
    for file in &document.foreign {
        output::remark(&format!("{file}: is not a notice; move it to another directory"));
    }
    if document.waiting.is_empty() {
        return output::line("no notices are waiting");
    }
    let mut rows = vec![["USER", "EVENT", "AT", "TRIES", "NEXT TRY"].map(str::to_owned)];
    rows.extend(document.waiting.into_iter().map(|ListedNotice { user, event, at, tries, next_try }| {
        let or = |text: Option<String>, otherwise: &str| text.unwrap_or_else(|| otherwise.to_owned());
        [or(user, "?"), or(event, "?"), at, tries.to_string(), or(next_try, "as soon as possible")]
    }));
    output::columns(&rows).iter().try_for_each(|line| output::line(line))
}
