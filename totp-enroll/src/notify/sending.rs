//! Sends what waits, one after the other, each at most once by anyone who has the right to send.

use super::message::Message;
use super::program::command;
use super::sender::{self, Stop};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;
use crate::{audit, clock};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use totp_core::audit_event::{Event, Name};
use totp_core::config::Command;
use totp_core::notice::{Notice, NoticeError};
use totp_core::store::Engine;
use totp_core::store::notices::{NoticeSpool, SendLock, Sending, Waiting};
use totp_core::time::Seconds;

/// What is to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// What is due.
    Due,
    /// All that waits.
    All,
}

/// What came of it.
#[derive(Serialize, Default)]
pub(super) struct Tally {
    pub(super) sent: usize,
    /// Tried in vain; each is tried again.
    pub(super) failed: usize,
    /// Tried in vain for days, or unreadable; nobody is told.
    pub(super) given_up: usize,
    /// Left in the spool, for whatever reason.
    pub(super) waiting: usize,
}

/// Sends until nothing is left that can be sent now, or `longest` is over.
pub(super) fn send(
    context: &Context,
    which: Which,
    patience: Duration,
    longest: Option<Duration>,
) -> Result<Tally, Failure> {
    let spool = context.store.notices();
    let mut tally = Tally::default();
    let is_off = context.config.notify.command == Command::Off;
    let Some(words) = command(&context.config).or_else(|| is_off.then(Vec::new)) else {
        tally.waiting = spool.waiting()?.0.len();
        if tally.waiting == 0 {
            return Ok(tally);
        }
        let problem = "there is no program to send notices with; name one in the config ([notify] command), or install a mail system";
        return Err(Failure::refused(problem));
    };
    let sending = match spool.lock_to_send(patience, clock::now()?.realtime)? {
        SendLock::Sending(sending) => sending,
        SendLock::NothingThere => return Ok(tally),
        SendLock::Busy => {
            output::remark("another process sends the notices right now");
            tally.waiting = spool.waiting()?.0.len();
            return Ok(tally);
        }
    };
    let mut run = Run { context, spool: &spool, sending, words, which, tally, tried: BTreeSet::new() };
    let deadline = longest.and_then(|longest| Instant::now().checked_add(longest));
    if is_off {
        run.let_go()?;
    } else {
        run.all(deadline)?;
    }
    run.tally.waiting = spool.waiting()?.0.len();
    Ok(run.tally)
}

struct Run<'a, S: NoticeSpool> {
    context: &'a Context,
    spool: &'a S,
    sending: S::Sending,
    words: Vec<String>,
    which: Which,
    tally: Tally,
    /// One try each.
    tried: BTreeSet<String>,
}

impl<S: NoticeSpool> Run<'_, S> {
    fn all(&mut self, deadline: Option<Instant>) -> Result<(), Failure> {
        // What comes meanwhile is sent as well: anyone who left it may have met us busy.
        while let Some(notice) = self.next()? {
            let Some(timeout) = self.timeout(deadline) else { return Ok(()) };
            self.tried.insert(notice.id().to_owned());
            if self.one(&notice, timeout)? == Next::Stop {
                return Ok(());
            }
        }
        Ok(())
    }

    /// How long the program may take for the next one; `None`: there is no time left for it.
    fn timeout(&self, deadline: Option<Instant>) -> Option<Seconds> {
        let timeout = self.context.config.notify.timeout;
        let Some(deadline) = deadline else { return Some(timeout) };
        let left = Seconds(deadline.saturating_duration_since(Instant::now()).as_secs());
        (left > Seconds(0)).then_some(timeout.min(left))
    }

    /// Nobody is to be told any more: what was left before that goes when it has waited for as long as notices do.
    fn let_go(&mut self) -> Result<(), Failure> {
        let now = clock::now()?.realtime;
        for waiting in self.spool.waiting()?.0.iter().filter(|waiting| waiting.is_old(now)) {
            let notice = match self.spool.read(waiting).map(|text| text.map(|text| Notice::decode(&text))) {
                Ok(Some(Ok(notice))) => Some(notice),
                Ok(Some(Err(NoticeError::Broken))) => None,
                // A later version's, gone, or not ours to judge.
                Ok(Some(Err(NoticeError::OtherVersion)) | None) | Err(_) => continue,
            };
            self.sending.done(waiting)?;
            self.tally.given_up = self.tally.given_up.saturating_add(1);
            self.log(
                waiting,
                notice.as_ref(),
                waiting.tries,
                "given_up",
                "notices are switched off in the config",
            );
        }
        Ok(())
    }

    fn next(&self) -> Result<Option<Waiting>, Failure> {
        let now = clock::now()?.realtime;
        let is_next = |notice: &Waiting| {
            !self.tried.contains(notice.id()) && (self.which == Which::All || notice.is_due(now))
        };
        // In the order in which they came, but for those that were tried: one that hangs is not in the way of the others.
        Ok(self.spool.waiting()?.0.into_iter().filter(is_next).min_by_key(|notice| notice.last))
    }

    fn one(&mut self, waiting: &Waiting, timeout: Seconds) -> Result<Next, Failure> {
        let text = match self.spool.read(waiting) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Next::GoOn),
            Err(error) => {
                // Anyone who changed it may have meant something by it: it stays as it is.
                self.tally.failed = self.tally.failed.saturating_add(1);
                self.log(waiting, None, tries(waiting), "unreadable", &error.to_string());
                return Ok(Next::GoOn);
            }
        };
        let notice = match Notice::decode(&text) {
            Ok(notice) => notice,
            Err(error @ NoticeError::Broken) => {
                self.sending.done(waiting)?;
                self.tally.given_up = self.tally.given_up.saturating_add(1);
                self.log(waiting, None, tries(waiting), "given_up", &error.to_string());
                return Ok(Next::GoOn);
            }
            // For anyone who can read it: it is never given up.
            Err(error @ NoticeError::OtherVersion) => {
                self.sending.later(waiting, clock::now()?.realtime)?;
                self.tally.failed = self.tally.failed.saturating_add(1);
                self.log(waiting, None, tries(waiting), "waits", &error.to_string());
                return Ok(Next::GoOn);
            }
        };
        let message = Message::of(&notice, waiting, &self.context.config.notify)?;
        match sender::send(&self.words, message.as_bytes(), timeout) {
            Ok(()) => {
                self.sending.done(waiting)?;
                self.tally.sent = self.tally.sent.saturating_add(1);
                Ok(Next::GoOn)
            }
            Err(Stop::Refused(problem)) => self.failed(waiting, Some(&notice), &problem).map(|()| Next::GoOn),
            // The others would meet the same.
            Err(Stop::Stuck(problem)) => self.failed(waiting, Some(&notice), &problem).map(|()| Next::Stop),
        }
    }

    fn failed(&mut self, waiting: &Waiting, notice: Option<&Notice>, problem: &str) -> Result<(), Failure> {
        let state = match self.sending.failed(waiting, clock::now()?.realtime)? {
            Some(_) => {
                self.tally.failed = self.tally.failed.saturating_add(1);
                "waits"
            }
            None => {
                self.tally.given_up = self.tally.given_up.saturating_add(1);
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
            .field("at", clock::date(waiting.at))
            .field("tries", tries)
            .field("state", state)
            .field("problem", problem);
        audit::write(&self.context.config.paths.syslog, &event);
    }
}

/// Its tries with this one.
fn tries(waiting: &Waiting) -> u32 {
    waiting.tries.saturating_add(1)
}

#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}
