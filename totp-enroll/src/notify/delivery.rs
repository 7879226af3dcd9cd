//! Sends the waiting notices, one after the other. Only the process that holds the lock sends.

use super::mail_program::{self, SendError, command};
use super::mime_message::Message;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use totp_core::audit_event::{Event, Name};
use totp_core::config::Command;
use totp_core::notice::{LostAccount, Notice, NoticeError};
use totp_core::store::Engine;
use totp_core::store::notices::{NoticeSpool, SendLock, Sending, Source, Waiting};
use totp_host::machine;

/// Which notices to send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NoticeSelection {
    /// Those whose next try is due.
    Due,
    /// All that are waiting.
    All,
}

/// The counts that `notify` prints.
#[derive(Serialize, Default)]
pub(super) struct DeliveryReport {
    pub(super) sent: usize,
    /// Not sent; they are tried again.
    pub(super) failed: usize,
    /// Not sent for days; they were dropped.
    pub(super) given_up: usize,
    /// Still in the spool.
    pub(super) waiting: usize,
}

/// How long to wait for another process that sends.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two mails of an import: thousands at once would look like spam, and fill the queue of the mail system.
const PAUSE_OF_BULK: Duration = Duration::from_secs(1);

/// systemd does not see what happens in the spool while its unit runs. So a notice whose change is being made is waited for, a little
/// longer than until it is sent in any case.
const LONGEST_WAIT: Duration = Duration::from_secs(65);
const PAUSE_FOR_A_CHANGE: Duration = Duration::from_millis(20);

/// Sends until nothing is left that can be sent now.
pub(super) fn send(context: &Context, which: NoticeSelection) -> Result<DeliveryReport, CommandError> {
    let spool = context.store.notices();
    let mut report = DeliveryReport::default();
    let is_off = context.config.notify.command == Command::Off;
    let Some(words) = command(&context.config).or_else(|| is_off.then(Vec::new)) else {
        report.waiting = spool.waiting()?.0.len();
        if report.waiting == 0 {
            return Ok(report);
        }
        let problem = "there is no program to send notices with; name one in the config ([notify] command), or install a mail system";
        return Err(CommandError::refused(problem));
    };
    let sending = match spool.lock_to_send(PATIENCE, machine::now()?.realtime)? {
        SendLock::Sending(sending) => sending,
        SendLock::NothingThere => return Ok(report),
        SendLock::Busy => {
            output::remark("another command is already sending the notices");
            report.waiting = spool.waiting()?.0.len();
            return Ok(report);
        }
    };
    let tried = BTreeSet::new();
    let mut run = Run { context, spool: &spool, sending, words, which, report, tried, last_bulk: None };
    if is_off {
        run.drop_old()?;
    } else {
        run.all()?;
    }
    run.report.waiting = spool.waiting()?.0.len();
    Ok(run.report)
}

struct Run<'a, S: NoticeSpool> {
    context: &'a Context,
    spool: &'a S,
    sending: S::Sending,
    words: Vec<String>,
    which: NoticeSelection,
    report: DeliveryReport,
    /// The ids of those tried in this run: each is tried once.
    tried: BTreeSet<String>,
    /// When the last mail of an import was sent.
    last_bulk: Option<Instant>,
}

impl<S: NoticeSpool> Run<'_, S> {
    fn all(&mut self) -> Result<(), CommandError> {
        // Notices that arrive in the meantime are sent as well: their process may have found this lock held.
        let started = Instant::now();
        loop {
            let notice = match self.next()? {
                Candidate::Notice(notice) => notice,
                Candidate::SoonReady if started.elapsed() < LONGEST_WAIT => {
                    std::thread::sleep(PAUSE_FOR_A_CHANGE);
                    continue;
                }
                Candidate::SoonReady | Candidate::None => return Ok(()),
            };
            if matches!(notice.source, Source::Bulk(_)) && self.pause() {
                // Another may have arrived, which is not to wait.
                continue;
            }
            self.tried.insert(notice.id().to_owned());
            if self.one(&notice)? == Next::Stop {
                return Ok(());
            }
        }
    }

    /// Waits until the next mail of an import may be sent; `false`: it may be sent now.
    fn pause(&mut self) -> bool {
        let left = self.last_bulk.map_or(Duration::ZERO, |last| PAUSE_OF_BULK.saturating_sub(last.elapsed()));
        if left.is_zero() {
            self.last_bulk = Some(Instant::now());
            return false;
        }
        std::thread::sleep(left);
        true
    }

    /// Notices are turned off: drops those that are older than notices may get.
    fn drop_old(&mut self) -> Result<(), CommandError> {
        let now = machine::now()?.realtime;
        for waiting in self.spool.waiting()?.0.iter().filter(|waiting| waiting.is_old(now)) {
            let notice = match self.spool.read(waiting).map(|text| text.map(|text| Notice::decode(&text))) {
                Ok(Some(Ok(notice))) => Some(notice),
                Ok(Some(Err(NoticeError::Broken))) => None,
                // From a newer version, already gone, or not readable: it stays.
                Ok(Some(Err(NoticeError::OtherVersion)) | None) | Err(_) => continue,
            };
            self.sending.done(waiting)?;
            self.report.given_up = self.report.given_up.saturating_add(1);
            self.log(
                waiting,
                notice.as_ref(),
                waiting.tries,
                "given_up",
                "notices are turned off in the config",
            );
        }
        Ok(())
    }

    fn next(&self) -> Result<Candidate, CommandError> {
        let now = machine::now()?.realtime;
        let is_due = |notice: &Waiting| {
            !self.tried.contains(notice.id()) && (self.which == NoticeSelection::All || notice.is_due(now))
        };
        let mut due: Vec<Waiting> = self.spool.waiting()?.0.into_iter().filter(is_due).collect();
        // Oldest last try first, so that a notice that always fails does not block the others.
        due.sort_by_key(|notice| (matches!(notice.source, Source::Bulk(_)), notice.last));
        let mut candidate = Candidate::None;
        for notice in due {
            if self.spool.is_ready(&notice, now)? {
                return Ok(Candidate::Notice(notice));
            }
            candidate = Candidate::SoonReady;
        }
        Ok(candidate)
    }

    fn one(&mut self, waiting: &Waiting) -> Result<Next, CommandError> {
        let text = match self.spool.read(waiting) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Next::GoOn),
            Err(error) => {
                // It is kept for the administrator to look at.
                self.report.failed = self.report.failed.saturating_add(1);
                self.log(waiting, None, tries(waiting), "unreadable", &error.to_string());
                return Ok(Next::GoOn);
            }
        };
        let notice = match Notice::decode(&text) {
            Ok(notice) => notice,
            Err(NoticeError::Broken) => match self.lost(waiting)? {
                Some(lost) => lost,
                None => return Ok(Next::GoOn),
            },
            // A newer version can read it, so it is never given up.
            Err(error @ NoticeError::OtherVersion) => {
                self.sending.later(waiting, machine::now()?.realtime)?;
                self.report.failed = self.report.failed.saturating_add(1);
                self.log(waiting, None, tries(waiting), "waits", &error.to_string());
                return Ok(Next::GoOn);
            }
        };
        let message = Message::of(&notice, waiting, &self.context.config.notify)?;
        match mail_program::send(&self.words, message.as_bytes(), self.context.config.notify.timeout) {
            Ok(()) => {
                self.sending.done(waiting)?;
                self.report.sent = self.report.sent.saturating_add(1);
                Ok(Next::GoOn)
            }
            Err(SendError::Refused(problem)) => {
                self.failed(waiting, Some(&notice), &problem).map(|()| Next::GoOn)
            }
            // The other messages would fail in the same way.
            Err(SendError::Program(problem)) => {
                self.failed(waiting, Some(&notice), &problem).map(|()| Next::Stop)
            }
        }
    }

    /// What is sent in place of a notice that a power cut tore. Its name, which outlasted that, says when it was and whom it is for.
    /// `None`: it is tried again, because the account has no name now, as where a directory service does not answer yet.
    fn lost(&mut self, waiting: &Waiting) -> Result<Option<Notice>, CommandError> {
        let now = machine::now()?.realtime;
        let (account, waits) = match (waiting.uid, waiting.uid.and_then(machine::account_name)) {
            (None, _) => (LostAccount::Unknown, false),
            (Some(_), Some(user)) if waiting.is_about(&user) => (LostAccount::Named(user), false),
            // A renamed account, or another person: what happened to the one before is not for them.
            (Some(uid), Some(user)) => (LostAccount::Uid { uid, now: Some(user) }, false),
            (Some(uid), None) => (LostAccount::Uid { uid, now: None }, !waiting.is_of_yesterday(now)),
        };
        let lost = Notice::lost(&account, waiting.at);
        let mut problem = NoticeError::Broken.to_string();
        if let LostAccount::Uid { uid, now } = &account {
            problem.push_str(&match now {
                Some(user) => format!("; the uid {uid} now belongs to {user}, who had another name then or is another person"),
                None => format!("; the uid {uid} has no name now: the directory service does not answer, or the account was removed"),
            });
        }
        if waits {
            self.sending.later(waiting, now)?;
            self.report.failed = self.report.failed.saturating_add(1);
            self.log(
                waiting,
                None,
                tries(waiting),
                "waits",
                &format!("{problem}; it is tried again for a day"),
            );
            return Ok(None);
        }
        // Once, and not at each try of the mail.
        if waiting.tries == 0 || matches!(account, LostAccount::Uid { now: None, .. }) {
            self.log(waiting, Some(&lost), tries(waiting), "torn", &problem);
        }
        Ok(Some(lost))
    }

    fn failed(
        &mut self,
        waiting: &Waiting,
        notice: Option<&Notice>,
        problem: &str,
    ) -> Result<(), CommandError> {
        let state = match self.sending.failed(waiting, machine::now()?.realtime)? {
            Some(_) => {
                self.report.failed = self.report.failed.saturating_add(1);
                "waits"
            }
            None => {
                self.report.given_up = self.report.given_up.saturating_add(1);
                "given_up"
            }
        };
        self.log(waiting, notice, tries(waiting), state, problem);
        Ok(())
    }

    fn log(&self, waiting: &Waiting, notice: Option<&Notice>, tries: u32, state: &str, problem: &str) {
        let event = Event::new(Name::NotifyFailed)
            .maybe("user", notice.map(Notice::user))
            .maybe("about", notice.and_then(|notice| notice.field("event")))
            .field("notice", waiting.id())
            .field("at", output::date(waiting.at))
            .field("tries", tries)
            .field("state", state)
            .field("problem", problem);
        self.context.log(&event);
    }
}

/// The number of tries including this one.
fn tries(waiting: &Waiting) -> u32 {
    waiting.tries.saturating_add(1)
}

/// What to send next.
enum Candidate {
    Notice(Waiting),
    /// Only notices of changes that are being made.
    SoonReady,
    None,
}

#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}
