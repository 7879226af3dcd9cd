//! Puts a notice of a change into the spool, from which `delivery` sends it.

use super::mail_program::command;
use crate::account::{self, Unknown};
use crate::failure::Failure;
use crate::{audit, clock, output};
use totp_core::audit_event::{Event, Name};
use totp_core::config::{Command, Config};
use totp_core::notice::Notice;
use totp_core::store::Engine;
use totp_core::store::notices::{NoticeSpool, Origin};
use totp_host::entropy::OsEntropy;

/// Puts a notice of the event that was just logged into the spool, if users are told of such events; returns whether it did. The change
/// has been made already, so a failure here is only reported.
pub(crate) fn add(config: &Config, store: &impl Engine, event: &Event) -> bool {
    let left = clock::now().map_err(Failure::from).and_then(|now| {
        let Some(notice) = Notice::of(event, None, now.realtime) else { return Ok(false) };
        if command(config).is_none() {
            report_no_mail(config, event.name(), notice.user());
            return Ok(false);
        }
        let uid = account::canonical(notice.user(), Unknown::Allowed).ok().and_then(|account| account.uid);
        store.notices().put(&notice, uid, Origin::Command, &mut OsEntropy)?;
        Ok(true)
    });
    left.unwrap_or_else(|Failure { problem, file, .. }| {
        output::remark(&format!("no notice of this change can be sent: {problem}"));
        let event = Event::new(Name::NotifyFailed)
            .field("about", event.name().as_str())
            .maybe("file", file.as_ref().map(|file| file.display()))
            .field("problem", problem);
        audit::write(&config.paths.syslog, &event);
        false
    })
}

/// Reports that no mail will be sent. The mail gives the owner of an account the time to object to a reset, so the operator of a reset is
/// warned. A missing mail program is logged each time, unless notices are turned off.
fn report_no_mail(config: &Config, about: Name, user: &str) {
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
            "notices are turned off in the config ([notify] command)"
        } else {
            "there is no mail program; name one in the config ([notify] command), or install a mail system"
        };
        output::remark(&format!("the owner of the account gets no mail about this: {why}"));
    }
}
