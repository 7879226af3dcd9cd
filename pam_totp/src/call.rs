//! One call of `pam_sm_authenticate`, on its way: what it was given, what is known by now, and what each step needs.

use crate::arguments::Arguments;
use crate::audit::Audit;
use crate::caller_guard::CallerGuard;
use crate::outcome::LoginError;
use crate::request::Request;
use pam::constants::PamMessageStyle;
use pam::conv::Conv;
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use std::time::Duration;
use totp_core::account_recovery::ResetNotice;
use totp_core::config::Config;
use totp_core::keyring::Keyring;
use totp_core::login::{Host, JudgeError};
use totp_core::policy::Policy;
use totp_core::store::{Document, Users};
use totp_core::time::Now;
use totp_core::user::Account;
use totp_host::accounts::Who;
use totp_host::clock;
use totp_host::settings;

/// How long a login waits for others of the same user.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// The engine that the config names; the only place in the module that knows which.
pub(crate) type Store = totp_store::FilesStore;

/// One call, on its way.
pub(crate) struct Attempt<'r> {
    pub(crate) arguments: Arguments,
    pub(crate) config: Config,
    pub(crate) policy: Policy,
    pub(crate) request: &'r Request,
    /// `PAM_SILENT`: nothing is said beside the prompts.
    pub(crate) is_silent: bool,
    pub(crate) audit: Audit<'r>,
    /// Who asks, as soon as that is known.
    pub(crate) who: Option<Who>,
    /// That someone asked to reset the enrolment, as far as the ledger was looked at before anybody was asked.
    pub(crate) notice: Option<ResetNotice>,
    /// Whether a reset is known to wait for its token.
    pub(crate) waits_for_token: bool,
    /// Raised when the ledger is held.
    pub(crate) caller_guard: Option<CallerGuard>,
}

impl Attempt<'_> {
    /// The store of this machine; nothing is opened yet.
    pub(crate) fn store(&self) -> Store {
        totp_store::open(&self.config.paths)
    }

    /// What `trouble` is about: what the store names, else the files of the account.
    pub(crate) fn judging(&self, trouble: JudgeError, account: &Account) -> LoginError {
        let (store, user) = (self.store(), &account.user);
        let [credential, ledger] =
            [Document::Credential, Document::Ledger].map(|one| store.name_of(one, user));
        LoginError::judging(trouble, credential, ledger)
    }

    pub(crate) fn keyring(&self) -> Result<Keyring, LoginError> {
        settings::read_keyring(&self.config.paths).map_err(LoginError::Keyring)
    }

    pub(crate) fn guard_from_caller(&mut self) {
        // One that is up stays: what it is to restore was read before it was raised.
        if self.caller_guard.is_none() {
            self.caller_guard = Some(CallerGuard::raise());
        }
    }

    pub(crate) fn restore_caller(&mut self) -> Result<(), LoginError> {
        self.caller_guard.take().map_or(Ok(()), CallerGuard::lower).map_err(LoginError::from)
    }

    /// Whether a first factor is known to have been passed: sshd says so, or the line in the service file.
    pub(crate) fn is_introduced(&self) -> bool {
        self.request.first_factor.is_some() || self.arguments.after_first_factor
    }

    /// Whether sshd asks PAM first of all: its own key or password has not been shown. If another line of the stack asks for a
    /// password, that decides; if none does, a exemption of ours would let in anyone who knows a name.
    pub(crate) fn would_be_all(&self) -> bool {
        self.request.is_sshd() && !self.is_introduced()
    }

    pub(crate) fn debug(&mut self, step: &str) {
        if self.arguments.debug {
            self.audit.debug(step);
        }
    }
}

/// What a sequence over the ledger of `account` reads of this machine.
pub(crate) struct CallHost<'c, 'r> {
    pub(crate) call: &'c Attempt<'r>,
    pub(crate) account: &'c Account,
    /// One that was read before the ledger was held, so that it is held for no longer than it must be.
    pub(crate) keyring: Option<Keyring>,
}

impl Host for CallHost<'_, '_> {
    type Error = LoginError;

    fn now(&mut self) -> Result<Now, LoginError> {
        Ok(clock::now()?)
    }

    fn keyring(&mut self) -> Result<&Keyring, LoginError> {
        match &mut self.keyring {
            Some(known) => Ok(known),
            none @ None => Ok(none.insert(self.call.keyring()?)),
        }
    }

    fn reread_keyring(&mut self) -> Result<(), LoginError> {
        self.keyring = Some(self.call.keyring()?);
        Ok(())
    }

    fn error(&self, error: JudgeError) -> LoginError {
        self.call.judging(error, self.account)
    }
}

/// Asks the person through the application. `None`: there was no answer.
pub(crate) fn ask(pamh: &PamHandle, style: PamMessageStyle, prompt: &str) -> Option<SecretBytes> {
    pamh.get_item::<Conv<'_>>().ok().flatten()?.send(style, prompt).ok().flatten()
}
