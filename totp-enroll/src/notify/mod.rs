//! `notify`: people are told that their factor changed. What the command and the module have to tell lies in the spool; it is sent
//! at the end of each command that left something there, and by `notify`, which a timer runs.

pub(crate) mod leaving;
mod message;
mod program;
mod sender;
mod sending;

use crate::cli::Notify;
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use sending::{Tally, Which};
use serde::Serialize;
use std::time::Duration;
use totp_core::config::Command;
use totp_core::notice::Notice;
use totp_core::store::Engine;
use totp_core::store::notices::{NoticeSpool, Waiting};

/// How long the end of a command waits for another that sends, and how long it goes on to send.
const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);
/// How long `notify` waits for another that sends.
const PATIENCE_OF_NOTIFY: Duration = Duration::from_secs(10);

pub(crate) fn run(context: &Context, options: &Notify) -> Result<(), Failure> {
    if options.list {
        return list(context);
    }
    let which = if options.now { Which::All } else { Which::Due };
    let tally = sending::send(context, which, PATIENCE_OF_NOTIFY, None)?;
    report(context, &tally)
}

/// Sends what waits, at the end of a command that left something.
pub(crate) fn after(context: &Context) {
    if !context.left_a_notice.get() {
        return;
    }
    match sending::send(context, Which::Due, PATIENCE, Some(LONGEST)) {
        Ok(Tally { failed: 0, given_up: 0, .. }) => {}
        Ok(Tally { waiting, .. }) => output::remark(&format!(
            "{waiting} notices could not be sent and are tried again later; \"totp-enroll notify --now\" tries now"
        )),
        Err(failure) => output::remark(&format!("notices are sent later: {}", failure.problem)),
    }
}

fn report(context: &Context, tally: &Tally) -> Result<(), Failure> {
    let Tally { sent, failed, given_up, waiting } = tally;
    match context.format {
        Format::Json => output::document(tally)?,
        Format::Text => output::line(&format!(
            "{sent} sent, {failed} failed and tried again later, {given_up} given up; {waiting} wait"
        ))?,
    }
    // Switched off, nothing is meant to be sent.
    if *failed == 0 && *given_up == 0 || context.config.notify.command == Command::Off {
        return Ok(());
    }
    let failure = Failure::refused("not every notice could be sent; the log says why (event=notify_failed)");
    Err(if context.format == Format::Json { failure.told() } else { failure })
}

#[derive(Serialize)]
struct List {
    waiting: Vec<Entry>,
    /// Files in the spool that are no notices.
    foreign: Vec<String>,
}

#[derive(Serialize)]
struct Entry {
    /// `null`, as is `event`: it cannot be read.
    user: Option<String>,
    event: Option<String>,
    at: String,
    tries: u32,
    /// `null`: it was not tried yet.
    next_try: Option<String>,
}

fn list(context: &Context) -> Result<(), Failure> {
    let spool = context.store.notices();
    let (waiting, foreign) = spool.waiting()?;
    let entry = |waiting: &Waiting| {
        let text = spool.read(waiting).ok().flatten();
        let notice = text.and_then(|text| Notice::decode(&text).ok());
        Entry {
            user: notice.as_ref().map(|notice| notice.user().to_owned()),
            event: notice.and_then(|notice| notice.field("event").map(str::to_owned)),
            at: clock::date(waiting.at),
            tries: waiting.tries,
            next_try: (waiting.tries > 0).then(|| clock::date(waiting.due())),
        }
    };
    let document = List { waiting: waiting.iter().map(entry).collect(), foreign };
    if context.format == Format::Json {
        return output::document(&document);
    }
    for file in &document.foreign {
        output::remark(&format!("{file}: is not a notice of ours: move it away"));
    }
    if document.waiting.is_empty() {
        return output::line("no notice waits");
    }
    let mut rows = vec![["USER", "EVENT", "AT", "TRIES", "NEXT TRY"].map(str::to_owned)];
    rows.extend(document.waiting.into_iter().map(|Entry { user, event, at, tries, next_try }| {
        let or = |text: Option<String>, otherwise: &str| text.unwrap_or_else(|| otherwise.to_owned());
        [or(user, "?"), or(event, "?"), at, tries.to_string(), or(next_try, "as soon as possible")]
    }));
    output::columns(&rows).iter().try_for_each(|line| output::line(line))
}
