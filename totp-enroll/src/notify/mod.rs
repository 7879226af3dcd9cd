//! `notify`: people are told that their factor changed. What the desk and the door have to tell lies in the spool; it is sent
//! at the end of each command that left something there, and by `notify`, which a timer runs.

mod message;
mod sender;
mod sending;

use crate::account::{self, Unknown};
use crate::cli::Notify;
use crate::desk::{Desk, Kernel};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::{audit, clock};
use sending::{Tally, Which};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use totp_core::config::{Command, SENDMAIL};
use totp_core::event::{Event, Name};
use totp_core::notice::Notice;
use totp_core::store::spool::{Origin, Spool};

/// How long the end of a command waits for another that sends, and how long it goes on to send.
const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);
/// How long `notify` waits for another that sends.
const PATIENCE_OF_NOTIFY: Duration = Duration::from_secs(10);

pub(crate) fn run(desk: &Desk, options: &Notify) -> Result<(), Failure> {
    if options.list {
        return list(desk);
    }
    let which = if options.now { Which::All } else { Which::Due };
    let tally = sending::send(desk, which, PATIENCE_OF_NOTIFY, None)?;
    report(desk, &tally)
}

/// Leaves a notice of what was just logged, if that is told to anybody. The work that it tells about is done, whatever
/// becomes of it.
pub(crate) fn leave(desk: &Desk, event: &Event) {
    let left = clock::now().and_then(|now| {
        let Some(notice) = Notice::of(event, None, now.realtime) else { return Ok(()) };
        if command(desk).is_none() {
            nobody_is_told(desk, event.name(), notice.user());
            return Ok(());
        }
        let uid = account::canonical(notice.user(), Unknown::Allowed).ok().and_then(|account| account.uid);
        Spool::new(&desk.config.paths.state).put(&notice, uid, Origin::Desk, &mut Kernel)?;
        desk.left_a_notice.set(true);
        Ok(())
    });
    if let Err(failure) = left {
        let Failure { problem, file, .. } = failure;
        output::remark(&format!("nobody is told of this: {problem}"));
        let event = Event::new(Name::NotifyFailed)
            .field("about", event.name().as_str())
            .maybe("file", file.as_ref().map(|file| file.display()))
            .field("problem", problem);
        audit::write(&desk.config.paths.syslog, &event);
    }
}

/// The mail is what gives a reset's owner the time to object: without one, whoever does it is to know. That nobody set a mail
/// program up, where none was switched off, is in the log each time.
fn nobody_is_told(desk: &Desk, about: Name, user: &str) {
    let is_off = desk.config.notify.command == Command::Off;
    if !is_off {
        let event = Event::new(Name::NotifyFailed)
            .field("user", user)
            .field("about", about.as_str())
            .field("problem", "no mail program");
        audit::write(&desk.config.paths.syslog, &event);
    }
    let is_step = matches!(
        about,
        Name::ResetRequested | Name::ResetApproved | Name::ResetCancelled | Name::ResetCompleted
    );
    if is_step {
        let why = if is_off {
            "notices are switched off in the config ([notify] command)"
        } else {
            "there is no mail program; name one in the config ([notify] command), or install a mail system"
        };
        output::remark(&format!("its owner is not told by mail: {why}"));
    }
}

/// Sends what waits, at the end of a command that left something.
pub(crate) fn after(desk: &Desk) {
    if !desk.left_a_notice.get() {
        return;
    }
    match sending::send(desk, Which::Due, PATIENCE, Some(LONGEST)) {
        Ok(Tally { failed: 0, given_up: 0, .. }) => {}
        Ok(Tally { waiting, .. }) => output::remark(&format!(
            "{waiting} notices could not be sent and are tried again later; \"totp-enroll notify --now\" tries now"
        )),
        Err(failure) => output::remark(&format!("notices are sent later: {}", failure.problem)),
    }
}

/// What sends; `None`: nothing does.
fn command(desk: &Desk) -> Option<Vec<String>> {
    match &desk.config.notify.command {
        Command::Off => None,
        Command::Program(words) => Some(words.clone()),
        Command::Sendmail => {
            let is_there = SENDMAIL.first().is_some_and(|program| Path::new(program).exists());
            is_there.then(|| SENDMAIL.map(str::to_owned).to_vec())
        }
    }
}

fn report(desk: &Desk, tally: &Tally) -> Result<(), Failure> {
    let Tally { sent, failed, given_up, waiting } = tally;
    match desk.format {
        Format::Json => output::document(tally)?,
        Format::Text => output::line(&format!(
            "{sent} sent, {failed} failed and tried again later, {given_up} given up; {waiting} wait"
        ))?,
    }
    // Switched off, nothing is meant to be sent.
    if *failed == 0 && *given_up == 0 || desk.config.notify.command == Command::Off {
        return Ok(());
    }
    let failure = Failure::refused("not every notice could be sent; the log says why (event=notify_failed)");
    Err(if desk.format == Format::Json { failure.told() } else { failure })
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

fn list(desk: &Desk) -> Result<(), Failure> {
    let spool = Spool::new(&desk.config.paths.state);
    let (waiting, foreign) = spool.waiting()?;
    let entry = |waiting: &totp_core::store::spool::Waiting| {
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
    let document = List {
        waiting: waiting.iter().map(entry).collect(),
        foreign: foreign.iter().map(|file| file.display().to_string()).collect(),
    };
    if desk.format == Format::Json {
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
