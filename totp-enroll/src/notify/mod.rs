//! `notify`: mails users that their second factor changed.
//!
//! The module and the commands put notices into the spool. This command alone sends them: systemd or cron runs it, or root.

mod delivery;
pub(crate) mod mail_program;
mod mime_message;

use crate::cli::Notify;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use delivery::{DeliveryReport, NoticeSelection};
use serde::Serialize;
use std::path::Path;
use std::process::{Command as Program, Stdio};
use totp_core::config::Command;
use totp_core::notice::Notice;
use totp_core::store::Engine;
use totp_core::store::notices::{NoticeSpool, Waiting};

/// The unit that sends, and the program that starts it.
const UNIT: &str = "pam-totp-notify.service";
const SYSTEMCTL: &str = "/usr/bin/systemctl";
/// Exists if systemd is the init system (sd_booted(3)).
const SYSTEMD_RUNTIME: &str = "/run/systemd/system";

pub(crate) fn run(context: &Context, options: &Notify) -> Result<(), CommandError> {
    if options.list {
        return list(context);
    }
    // The limits of an operator would make the mail program fail, and an operator who stops this process while it sends keeps all mail
    // back. So it is another process that sends.
    if !context.operator.is_root() {
        return start_unit(context, options);
    }
    let which = if options.now { NoticeSelection::All } else { NoticeSelection::Due };
    let report = delivery::send(context, which)?;
    print(context, &report)
}

/// Has systemd send the notices that are due.
fn start_unit(context: &Context, options: &Notify) -> Result<(), CommandError> {
    if options.now {
        return Err(CommandError::not_permitted(
            "--now needs a root shell; without --now, systemd sends the notices that are due",
        ));
    }
    if !Path::new(SYSTEMD_RUNTIME).is_dir() {
        return Err(CommandError::not_permitted(
            "only cron or a root shell can send notices here; run this in a root shell",
        ));
    }
    let failed = |problem: &str| CommandError::refused(format!("{UNIT} was not started: {problem}"));
    let started = Program::new(SYSTEMCTL)
        .args(["start", "--", UNIT])
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(&error.to_string()))?;
    if !started.status.success() {
        return Err(failed(String::from_utf8_lossy(&started.stderr).trim()));
    }
    let report = StartedUnit { started: UNIT, waiting: context.store.notices().waiting()?.0.len() };
    output::report(context.format, &report, |report| {
        vec![format!("{UNIT} has run; {} waiting", output::count(report.waiting, "notice"))]
    })
}

#[derive(Serialize)]
struct StartedUnit {
    started: &'static str,
    /// Still in the spool.
    waiting: usize,
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
    if context.config.notify.command == Command::Off {
        return Ok(());
    }
    // Nothing is left to be done about those that were given up. As a failure they would keep the unit failed until the next notice.
    if *failed == 0 {
        if *given_up > 0 {
            output::remark("some notices were given up; the log has the reasons (event=notify_failed)");
        }
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
