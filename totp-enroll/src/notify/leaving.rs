//! Leaves a notice in the spool; anyone who sends takes it from there.

use super::program::command;
use crate::account::{self, Unknown};
use crate::failure::Failure;
use crate::{audit, clock, output};
use totp_core::audit_event::{Event, Name};
use totp_core::config::{Command, Config};
use totp_core::notice::Notice;
use totp_core::store::Engine;
use totp_core::store::notices::{NoticeSpool, Origin};
use totp_host::entropy::OsEntropy;

/// Leaves a notice of what was just logged, if that is told to anybody, and returns whether it did. The work that it tells
/// about is done, whatever becomes of it.
pub(crate) fn leave(config: &Config, store: &impl Engine, event: &Event) -> bool {
    let left = clock::now().map_err(Failure::from).and_then(|now| {
        let Some(notice) = Notice::of(event, None, now.realtime) else { return Ok(false) };
        if command(config).is_none() {
            nobody_is_told(config, event.name(), notice.user());
            return Ok(false);
        }
        let uid = account::canonical(notice.user(), Unknown::Allowed).ok().and_then(|account| account.uid);
        store.notices().put(&notice, uid, Origin::Command, &mut OsEntropy)?;
        Ok(true)
    });
    left.unwrap_or_else(|Failure { problem, file, .. }| {
        output::remark(&format!("nobody is told of this: {problem}"));
        let event = Event::new(Name::NotifyFailed)
            .field("about", event.name().as_str())
            .maybe("file", file.as_ref().map(|file| file.display()))
            .field("problem", problem);
        audit::write(&config.paths.syslog, &event);
        false
    })
}

/// The mail is what gives a reset's owner the time to object: without one, anyone who does it is to know. That nobody set a mail
/// program up, where none was switched off, is in the log each time.
fn nobody_is_told(config: &Config, about: Name, user: &str) {
    let is_off = config.notify.command == Command::Off;
    if !is_off {
        let event = Event::new(Name::NotifyFailed)
            .field("user", user)
            .field("about", about.as_str())
            .field("problem", "no mail program");
        audit::write(&config.paths.syslog, &event);
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
