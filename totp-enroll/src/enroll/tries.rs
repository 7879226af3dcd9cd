//! The codes that may be tried for an account, whatever is started anew.

use crate::clock;
use crate::context::{Context, Store};
use crate::failure::Failure;
use totp_core::audit_event::Name;
use totp_core::store::{Engine, EnrolmentAttempts};
use totp_core::time::Seconds;
use totp_core::user::Account;

/// Those of one account.
pub(super) struct Tries<'a> {
    context: &'a Context,
    account: &'a Account,
    counted: <Store as Engine>::Attempts,
}

impl<'a> Tries<'a> {
    pub(super) fn of(context: &'a Context, account: &'a Account) -> Self {
        Self { context, account, counted: context.store.enrolment_attempts() }
    }

    /// Whether there is any left, before a person scans anything.
    pub(super) fn wait(&self) -> Result<(), Failure> {
        let Some(uid) = self.account.uid else { return Ok(()) };
        let wait = self.counted.wait(uid, clock::now()?.boottime)?;
        wait.map_or(Ok(()), |wait| Err(self.exhausted(wait)))
    }

    /// Before a code is looked at: others may try at the same time.
    pub(super) fn charge(&self) -> Result<(), Failure> {
        let Some(uid) = self.account.uid else { return Ok(()) };
        let charged = self.counted.charge(uid, clock::now()?.boottime)?;
        charged.map_err(|wait| self.exhausted(wait))
    }

    /// A right code: the wrong ones before it are no news.
    pub(super) fn forget(&self) {
        // Where it fails the next enrolment waits, at most.
        let _ = self.account.uid.map(|uid| self.counted.forget(uid));
    }

    fn exhausted(&self, Seconds(wait): Seconds) -> Failure {
        let event = self.context.event(Name::Refused, self.account).field("reason", "limited");
        self.context.audit(&event.field("way", "enroll").field("wait_seconds", wait));
        Failure::refused(format!(
            "too many wrong codes were typed for enrolments of {}; nothing was changed; try again in {}",
            self.account.user,
            clock::length(wait)
        ))
    }
}
