//! What a person is told of a login is left in the spool, to be sent by the command: nothing is started from inside sshd.

use crate::call::Attempt;
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

impl Attempt<'_> {
    /// Leaves a notice of what was just logged, if that is told to anybody. Nothing here changes what the login came to, and
    /// what everyday logins come to is told to nobody: they make no system call for it.
    pub(crate) fn notify(&mut self, event: &Event) {
        // The border would refuse as well, which a notice is not worth.
        let left = catch_unwind(AssertUnwindSafe(|| self.leave_notice(event)));
        let problem = match left {
            Ok(Ok(())) => return,
            Ok(Err(problem)) => problem,
            Err(_) => "a bug was met while a notice was written: report it".to_owned(),
        };
        let user = self.who.as_ref().map(Who::name).unwrap_or_default().to_owned();
        self.audit.trouble(&user, problem);
    }

    fn leave_notice(&self, event: &Event) -> Result<(), String> {
        let Some(mut notice) = Notice::of(event, Some(&self.request.service), 0) else { return Ok(()) };
        let is_wanted = match &self.config.notify.command {
            Command::Off => false,
            Command::Program(_) => true,
            Command::Sendmail => SENDMAIL.first().is_some_and(|program| Path::new(program).exists()),
        };
        if !is_wanted {
            return Ok(());
        }
        notice.at = clock::now().map_err(|error| error.to_string())?.realtime;
        let uid = match &self.who {
            Some(Who::Account(account)) => account.uid,
            Some(Who::Impossible(_)) | None => None,
        };
        self.store()
            .notices()
            .put(&notice, uid, Origin::Login, &mut OsEntropy)
            .map_err(|error| format!("nobody is told of this: {error}"))
    }
}
