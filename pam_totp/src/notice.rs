//! Leaves the mail about a login in the spool, where `totp-enroll` finds and sends it: no program is started inside sshd.

use crate::attempt::Attempt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use totp_core::audit_event::Event;
use totp_core::config::{Command, SENDMAIL};
use totp_core::notice::Notice;
use totp_core::store::Engine;
use totp_core::store::notices::{NoticeSpool, Origin};
use totp_host::accounts::Who;
use totp_host::clock;
use totp_host::entropy::OsEntropy;

/// Leaves a notice of what was just logged, if there is one for such an event. An error is logged, and changes no outcome.
/// Nobody is told of ordinary logins: they make no system call here.
pub(crate) fn leave(attempt: &mut Attempt<'_>, store: &impl Engine, event: &Event) {
    // A bug in here must not refuse a login.
    let left = catch_unwind(AssertUnwindSafe(|| put(attempt, store, event)));
    let problem = match left {
        Ok(Ok(())) => return,
        Ok(Err(problem)) => problem,
        Err(_) => "a bug in pam_totp kept a notice from being written: please report it".to_owned(),
    };
    attempt.audit.error(attempt.who.as_ref().map(Who::name).unwrap_or_default(), problem);
}

fn put(attempt: &Attempt<'_>, store: &impl Engine, event: &Event) -> Result<(), String> {
    let Some(mut notice) = Notice::of(event, Some(&attempt.request.service), 0) else { return Ok(()) };
    let is_wanted = match &attempt.config.notify.command {
        Command::Off => false,
        Command::Program(_) => true,
        Command::Sendmail => SENDMAIL.first().is_some_and(|program| Path::new(program).exists()),
    };
    if !is_wanted {
        return Ok(());
    }
    notice.at = clock::now().map_err(|error| error.to_string())?.realtime;
    let uid = match &attempt.who {
        Some(Who::Account(account)) => account.uid,
        Some(Who::Impossible(_)) | None => None,
    };
    store
        .notices()
        .put(&notice, uid, Origin::Login, &mut OsEntropy)
        .map_err(|error| format!("the user gets no mail about this: {error}"))
}
