//! One login attempt, as every step of it sees it: settings, request, log and mail, and the guard against the caller.

use crate::ffi::signals;
use crate::first_pass;
use crate::login_audit::Audit;
use crate::messages;
use crate::outcome::LoginError;
use crate::request::Request;
use crate::source;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::{ResUid, getresuid, setresuid};
use pam::constants::{PAM_SILENT, PAM_TEXT_INFO, PamFlag, PamMessageStyle};
use pam::conv::Conv;
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use totp_core::account_recovery::ResetNotice;
use totp_core::audit_event::{Event, Severity};
use totp_core::config::{Command, Config, SENDMAIL};
use totp_core::keyring::Keyring;
use totp_core::lockout::Source;
use totp_core::login::{Host, JudgeError};
use totp_core::lost_lines::{NewCount, Pace};
use totp_core::module_arguments::{Arguments, FirstPass};
use totp_core::notice::Notice;
use totp_core::policy::{Policy, PolicyInput};
use totp_core::store::notices::{NoticeSpool, Origin};
use totp_core::store::{Engine, Users};
use totp_core::time::Now;
use totp_core::user::Account;
use totp_host::config_and_keyring;
use totp_host::config_and_keyring::KeyringReader;
use totp_host::machine::{self, OsEntropy, Who};

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
    keyring: Arc<KeyringReader>,
    /// The account, as soon as it is known: each log line names it.
    pub(crate) who: Option<Who>,
    /// Where its answers come from, as soon as one is judged.
    source: Option<Source>,
    /// While a ledger is held, and until the log line about it is written; while a timestamp record is made.
    caller_guard: Option<CallerGuard>,
}

impl<'r> Attempt<'r> {
    /// Connects to the log.
    pub(crate) fn new(
        arguments: Arguments,
        config: Config,
        keyring: Arc<KeyringReader>,
        request: &'r Request,
        flags: PamFlag,
    ) -> Self {
        Self {
            audit: Audit::open(&config.paths.syslog, request),
            policy: config.policy.with_line(arguments.nullok, arguments.fresh),
            is_silent: flags & PAM_SILENT != 0,
            request,
            arguments,
            config,
            keyring,
            who: None,
            source: None,
            caller_guard: None,
        }
    }

    /// Whether a first factor is known to have been passed: sshd or the service file says so.
    pub(crate) fn has_first_factor(&self) -> bool {
        self.request.first_factor.is_some() || self.arguments.after_first_factor
    }

    /// Whether sshd asks PAM before it has seen a key, and no line above has asked for a password.
    pub(crate) fn is_first_question(&self, pamh: &PamHandle) -> bool {
        self.has_nothing_but_pam() && first_pass::given(pamh).expose().is_empty()
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

    /// What the policy depends on, as far as it is known without the enrolment.
    pub(crate) fn policy_input(&mut self, account: &Account) -> Result<PolicyInput, LoginError> {
        let now = machine::now()?;
        Ok(PolicyInput {
            known: account.uid.is_some(),
            groups: self.groups(account),
            address: self.request.address(),
            security_key: self.request.key().is_some_and(|key| key.is_security_key),
            introduced: self.has_first_factor(),
            may_converse: !self.is_silent && self.arguments.first_pass != FirstPass::Use,
            enrolled: None,
            reset: false,
            since_code: None,
            remembered: false,
            now: now.realtime,
        })
    }

    /// The groups of the account that the policy names. If they cannot be found out, that is logged once, and exempts nobody.
    fn groups(&mut self, account: &Account) -> Result<Vec<String>, String> {
        if account.uid.is_none() || self.policy.named_groups().next().is_none() {
            return Ok(Vec::new());
        }
        machine::groups_of(account.user.as_str(), self.policy.named_groups()).map_err(|error| {
            self.audit.error(account.user.as_str(), &error);
            error.to_string()
        })
    }

    /// Whether an accepted code leaves a timestamp record. Most machines have no use for records, and then nothing is read for
    /// one. A line with `fresh=` has asked for them.
    pub(crate) fn leaves_timestamp(&self) -> bool {
        config_and_keyring::leaves_timestamps(&self.config)
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
        self.caller_guard.take().map_or(Ok(()), CallerGuard::restore).map_err(LoginError::CallerGuard)
    }

    /// Where the answers of this attempt come from.
    pub(crate) fn source(&mut self, pamh: &mut PamHandle, account: &Account) -> Source {
        // Found once, before the first judgement raises the guard, which changes the real uid that is among what is read.
        let rules = &self.config.sources;
        self.source.get_or_insert_with(|| source::of(pamh, self.request, account, rules)).clone()
    }

    /// The keyring as it was read last.
    pub(crate) fn keyring(&self) -> Result<Arc<Keyring>, LoginError> {
        self.keyring.keyring().map_err(LoginError::Keyring)
    }

    /// The keyring as it is now.
    pub(crate) fn reread_keyring(&self) -> Result<Arc<Keyring>, LoginError> {
        self.keyring.reread().map_err(LoginError::Keyring)
    }

    /// Leaves the mail about what was just logged in the spool, if there is one for such an event. `totp-enroll` finds and sends
    /// it: no program is started inside sshd. An error is logged, and changes no outcome. Nobody is told of ordinary logins: they
    /// make no system call here.
    pub(crate) fn leave_notice(&mut self, store: &impl Engine, event: &Event) {
        // A bug in here must not refuse a login.
        let left = catch_unwind(AssertUnwindSafe(|| self.put_notice(store, event)));
        let problem = match left {
            Ok(Ok(())) => return,
            Ok(Err(problem)) => problem,
            Err(_) => "a bug in pam_totp kept a notice from being written: please report it".to_owned(),
        };
        self.audit.error(self.who.as_ref().map(Who::name).unwrap_or_default(), problem);
    }

    fn put_notice(&self, store: &impl Engine, event: &Event) -> Result<(), String> {
        // Nobody is told of an ordinary login, so nothing is looked up for one.
        if event.name().severity() == Severity::Info {
            return Ok(());
        }
        let Some(mut notice) = Notice::of(event, Some(&self.request.service), 0) else { return Ok(()) };
        let is_wanted = match &self.config.notify.command {
            Command::Off => false,
            Command::Program(_) => true,
            Command::Sendmail => SENDMAIL.first().is_some_and(|program| Path::new(program).exists()),
        };
        if !is_wanted {
            return Ok(());
        }
        notice.at = machine::now().map_err(|error| error.to_string())?.realtime;
        let uid = match &self.who {
            Some(Who::Account(account)) => account.uid,
            Some(Who::Impossible(_)) | None => None,
        };
        store
            .notices()
            .put(&notice, uid, Origin::Login, &mut OsEntropy)
            .map_err(|error| format!("the user gets no mail about this: {error}"))
    }

    /// Counts the lines that the log did not take in the account's ledger, and forgets those that it was told of. An ordinary login
    /// has neither. An error changes no outcome: the next line then says too little, or the same again.
    pub(crate) fn count_lost_lines(&mut self, store: &impl Engine, pace: Pace) {
        let Some((lost, told)) = self.audit.uncounted() else { return };
        let Some(Who::Account(account)) = self.who.clone() else { return };
        self.guard_from_caller();
        // A bug in here must not refuse a login.
        let counted = catch_unwind(AssertUnwindSafe(|| {
            let now = machine::now().ok()?.realtime;
            let new = NewCount { lost, told, pace };
            totp_core::login::count_lines(store, &account.user, PATIENCE, new, now).ok().flatten()
        }));
        if let Ok(Some(is_counted)) = counted {
            self.audit.counted(is_counted);
        }
    }

    /// Logs a step, with the argument `debug`.
    pub(crate) fn debug(&mut self, step: &str) {
        if self.arguments.debug {
            self.audit.debug(step);
        }
    }

    /// Whether messages are shown beside the prompts.
    pub(crate) fn shows_messages(&self) -> bool {
        !self.is_silent && !self.config.quiet
    }

    /// Tells the account's owner that someone asked to reset the second factor, until that expires.
    pub(crate) fn warn_of_reset(&self, pamh: &PamHandle, notice: Option<ResetNotice>) {
        if let Some(notice) = notice
            && let Ok(now) = machine::now()
            && notice.until > now.realtime
        {
            let by = machine::name_of(notice.by);
            self.say(pamh, PAM_TEXT_INFO, &messages::reset_requested(&by, notice.at, now.realtime));
        }
    }

    /// Shows one message, unless messages are suppressed. If the application does not show it, nothing changes.
    pub(crate) fn say(&self, pamh: &PamHandle, style: PamMessageStyle, text: &str) {
        if !self.shows_messages() {
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
    pub(crate) keyring: Option<Arc<Keyring>>,
}

impl<S: Users> Host for ModuleHost<'_, '_, S> {
    type Error = LoginError;

    fn now(&mut self) -> Result<Now, LoginError> {
        Ok(machine::now()?)
    }

    fn keyring(&mut self) -> Result<&Keyring, LoginError> {
        match &mut self.keyring {
            Some(known) => Ok(known),
            none @ None => Ok(none.insert(self.attempt.keyring()?)),
        }
    }

    fn reread_keyring(&mut self) -> Result<(), LoginError> {
        self.keyring = Some(self.attempt.reread_keyring()?);
        Ok(())
    }

    fn lost_lines(&mut self, count: u32) {
        self.attempt.audit.lost_before(count);
    }

    fn error(&self, error: JudgeError) -> LoginError {
        LoginError::judging(error, |document| self.store.name_of(document, &self.account.user))
    }
}

/// Keeps the user who started the program from stopping it between holding a ledger and writing the log line: while this
/// exists, only root can signal the process.
///
/// `su` keeps its caller's real uid, so its caller may send it signals (kill(2)). If it were stopped while it holds an
/// account's ledger, that account could not log in. So signals are blocked meanwhile, and the real uid is root's. A frozen
/// cgroup can still stop it; the log line of a login that waited in vain says where to look.
///
/// A write beyond the caller's limit on the size of files (setrlimit(2)) raises SIGXFSZ, which waits while signals are blocked. It is
/// taken before they are unblocked: otherwise it would end the program where only the record of a right code was too long.
struct CallerGuard {
    mask: Option<SigSet>,
    uids: Option<ResUid>,
    /// SIGXFSZ was blocked and waiting before: the program's own.
    had_size_signal: bool,
}

impl CallerGuard {
    /// Blocks signals, then takes on root's real uid. A step that fails is skipped: the login is then as safe as without it.
    fn new() -> Self {
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).ok();
        // What is not blocked does not wait.
        let was_blocked = mask.is_some_and(|mask| mask.contains(Signal::SIGXFSZ));
        let had_size_signal = was_blocked && signals::is_pending(Signal::SIGXFSZ);
        let started_by_user = |uids: &ResUid| uids.effective.is_root() && !uids.real.is_root();
        let uids = getresuid().ok().filter(started_by_user);
        let uids = uids.filter(|uids| setresuid(uids.effective, uids.effective, uids.saved).is_ok());
        Self { mask, uids, had_size_signal }
    }

    /// Restores the uids and the signal mask. On an error the program would go on with root's real uid: the login must be
    /// refused.
    fn restore(mut self) -> Result<(), Errno> {
        self.restore_uids()
    }

    fn restore_uids(&mut self) -> Result<(), Errno> {
        self.uids.take().map_or(Ok(()), |uids| setresuid(uids.real, uids.effective, uids.saved))
    }
}

impl Drop for CallerGuard {
    fn drop(&mut self) {
        // There are uids to restore only where a panic kept `Attempt::restore_caller` from being reached.
        let _ = self.restore_uids();
        if let Some(mask) = &self.mask {
            if !self.had_size_signal {
                signals::take(Signal::SIGXFSZ);
            }
            // It was this thread's own mask, so it is valid.
            let _ = mask.thread_set_mask();
        }
    }
}
