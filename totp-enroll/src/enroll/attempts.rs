//! The limit on wrong codes during enrolment, per account and across runs of the command.

use crate::clock;
use crate::command_error::CommandError;
use crate::context::{Context, Store};
use totp_core::audit_event::Name;
use totp_core::store::{Engine, EnrolmentAttempts};
use totp_core::time::Seconds;
use totp_core::user::Account;

/// The attempts of one account.
pub(super) struct Attempts<'a> {
    context: &'a Context,
    account: &'a Account,
    counter: <Store as Engine>::Attempts,
}

impl<'a> Attempts<'a> {
    pub(super) fn of(context: &'a Context, account: &'a Account) -> Self {
        Self { context, account, counter: context.store.enrolment_attempts() }
    }

    /// Refuses where no attempt is left; before the QR code is shown.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        let Some(uid) = self.account.uid else { return Ok(()) };
        let wait = self.counter.wait(uid, clock::now()?.boottime)?;
        wait.map_or(Ok(()), |wait| Err(self.exhausted(wait)))
    }

    /// Counts an attempt; before the code is checked, because other processes may try at the same time.
    pub(super) fn charge(&self) -> Result<(), CommandError> {
        let Some(uid) = self.account.uid else { return Ok(()) };
        let charged = self.counter.charge(uid, clock::now()?.boottime)?;
        charged.map_err(|wait| self.exhausted(wait))
    }

    /// Clears the count after a correct code.
    pub(super) fn forget(&self) {
        // If this fails, the next enrolment has to wait at most.
        let _ = self.account.uid.map(|uid| self.counter.forget(uid));
    }

    fn exhausted(&self, Seconds(wait): Seconds) -> CommandError {
        let event = self.context.event(Name::Refused, self.account).field("reason", "limited");
        self.context.audit(&event.field("way", "enroll").field("wait_seconds", wait));
        CommandError::refused(format!(
            "too many wrong codes while enrolling {}; nothing was changed; try again in {}",
            self.account.user,
            clock::length(wait)
        ))
    }
}
