//! One login attempt: what every step of it works with.

use crate::audit::Audit;
use crate::caller_guard::CallerGuard;
use crate::outcome::LoginError;
use crate::request::Request;
use pam::constants::{PAM_SILENT, PamFlag, PamMessageStyle};
use pam::conv::Conv;
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use std::time::Duration;
use totp_core::config::Config;
use totp_core::keyring::Keyring;
use totp_core::login::{Host, JudgeError};
use totp_core::module_arguments::Arguments;
use totp_core::policy::Policy;
use totp_core::store::Users;
use totp_core::time::Now;
use totp_core::user::Account;
use totp_host::accounts::Who;
use totp_host::{clock, settings};

/// How long a login waits for other logins to the same account.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// One login attempt.
pub(crate) struct Attempt<'r> {
    pub(crate) arguments: Arguments,
    pub(crate) config: Config,
    /// The config's policy, with what the arguments change.
    pub(crate) policy: Policy,
    pub(crate) request: &'r Request,
    /// `PAM_SILENT`: only prompts are shown.
    pub(crate) is_silent: bool,
    pub(crate) audit: Audit<'r>,
    /// The account, as soon as it is known: each log line names it.
    pub(crate) who: Option<Who>,
    /// Since a ledger was held, until the log line about it is written.
    caller_guard: Option<CallerGuard>,
}

impl<'r> Attempt<'r> {
    /// Connects to the log.
    pub(crate) fn new(arguments: Arguments, config: Config, request: &'r Request, flags: PamFlag) -> Self {
        Self {
            audit: Audit::open(&config.paths.syslog, request),
            policy: config.policy.clone().with_line(arguments.nullok, arguments.fresh),
            is_silent: flags & PAM_SILENT != 0,
            request,
            arguments,
            config,
            who: None,
            caller_guard: None,
        }
    }

    /// Whether a first factor is known to have been passed: sshd or the service file says so.
    pub(crate) fn has_first_factor(&self) -> bool {
        self.request.first_factor.is_some() || self.arguments.after_first_factor
    }

    /// Whether sshd asks PAM before it has seen a key or a password. If another line of the stack asks for a password, that
    /// line decides; if none does, an exemption would let in anyone who knows a name.
    pub(crate) fn has_nothing_but_pam(&self) -> bool {
        self.request.is_sshd() && !self.has_first_factor()
    }

    /// Whether the code came together with a password that no module has checked yet: then nobody knows who typed it.
    pub(crate) fn has_unchecked_password(&self) -> bool {
        self.arguments.forward_pass && !self.has_first_factor()
    }

    /// Keeps the caller from stopping the process, until [`Attempt::restore_caller`].
    pub(crate) fn guard_from_caller(&mut self) {
        // A guard that exists stays: it knows what to restore.
        if self.caller_guard.is_none() {
            self.caller_guard = Some(CallerGuard::new());
        }
    }

    /// Ends what [`Attempt::guard_from_caller`] began. It comes before every question: nobody is asked while the guard exists.
    pub(crate) fn restore_caller(&mut self) -> Result<(), LoginError> {
        self.caller_guard.take().map_or(Ok(()), CallerGuard::restore).map_err(LoginError::from)
    }

    pub(crate) fn keyring(&self) -> Result<Keyring, LoginError> {
        settings::read_keyring(&self.config.paths).map_err(LoginError::Keyring)
    }

    /// Logs a step, with the argument `debug`.
    pub(crate) fn debug(&mut self, step: &str) {
        if self.arguments.debug {
            self.audit.debug(step);
        }
    }

    /// Shows one message, unless messages are suppressed. If the application does not show it, nothing changes.
    pub(crate) fn say(&self, pamh: &PamHandle, style: PamMessageStyle, text: &str) {
        if self.is_silent || self.config.quiet {
            return;
        }
        if let Ok(Some(conversation)) = pamh.get_item::<Conv<'_>>() {
            drop(conversation.send(style, text));
        }
    }
}

/// Asks one question through the application. `None`: there was no answer.
pub(crate) fn ask(pamh: &PamHandle, style: PamMessageStyle, prompt: &str) -> Option<SecretBytes> {
    pamh.get_item::<Conv<'_>>().ok().flatten()?.send(style, prompt).ok().flatten()
}

/// What the rules read of this machine while they hold the ledger of `account`.
pub(crate) struct ModuleHost<'a, 'r, S> {
    pub(crate) attempt: &'a Attempt<'r>,
    pub(crate) store: &'a S,
    pub(crate) account: &'a Account,
    /// The keyring, if it was read before the ledger was held: so the ledger is held for a shorter time.
    pub(crate) keyring: Option<Keyring>,
}

impl<S: Users> Host for ModuleHost<'_, '_, S> {
    type Error = LoginError;

    fn now(&mut self) -> Result<Now, LoginError> {
        Ok(clock::now()?)
    }

    fn keyring(&mut self) -> Result<&Keyring, LoginError> {
        match &mut self.keyring {
            Some(known) => Ok(known),
            none @ None => Ok(none.insert(self.attempt.keyring()?)),
        }
    }

    fn reread_keyring(&mut self) -> Result<(), LoginError> {
        self.keyring = Some(self.attempt.keyring()?);
        Ok(())
    }

    fn error(&self, error: JudgeError) -> LoginError {
        LoginError::judging(error, |document| self.store.name_of(document, &self.account.user))
    }
}
