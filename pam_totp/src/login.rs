//! The login's sequence: arguments and config, who, ask, clock, hold and judge.

use crate::account::{self, Who};
use crate::arguments::Arguments;
use crate::audit::Audit;
use crate::clock;
use crate::ffi::libpam;
use crate::outcome::{Broken, Outcome, Unenrolled};
use crate::request::Request;
use crate::shield::Shield;
use pam::constants::{PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_SILENT, PAM_TEXT_INFO, PamFlag};
use pam::conv::Conv;
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use totp_core::code::Answer;
use totp_core::config::{Config, DEFAULT_FILE};
use totp_core::keyring::Keyring;
use totp_core::login::{Account, Method, Reason, Rules, Verdict, judge};
use totp_core::store::files::Files;
use totp_core::store::guard::{Guard, read_document};
use totp_core::store::{Hold, Store, StoreError};
use totp_core::time::Seconds;

/// How long a login waits for others of the same user.
const PATIENCE: Duration = Duration::from_secs(3);

/// One call of `pam_sm_authenticate`, logged.
pub(crate) fn authenticate(pamh: &mut PamHandle, words: &[&CStr], flags: PamFlag) -> Outcome {
    let request = Request::read(pamh, "auth");
    let (arguments, config) = match settings(words, &request) {
        Ok(settings) => settings,
        Err(broken) => {
            let outcome = Outcome::Broken(broken);
            let socket = syslog_of(Arguments::config_file(words).as_deref(), &request);
            Audit::open(&socket, &request).outcome(&outcome, None);
            return outcome;
        }
    };
    let mut user = None;
    let mut audit = Audit::open(&config.paths.syslog, &request);
    let mut login = Login { arguments, config, audit: &mut audit, shield: None };
    // The border would refuse as well, but nobody would hear of it.
    let run = catch_unwind(AssertUnwindSafe(|| login.run(pamh, &mut user)));
    let outcome = run.unwrap_or(Err(Broken::Panic)).unwrap_or_else(Outcome::Broken);
    let Login { config, shield, .. } = login;
    let (delay, warn_below) = (config.fail_delay, config.warn_below);
    audit.outcome(&outcome, user.as_deref());
    if let Some(Err(error)) = shield.map(Shield::lower) {
        let outcome = Outcome::Broken(error.into());
        audit.outcome(&outcome, user.as_deref());
        return outcome;
    }
    if flags & PAM_SILENT == 0 {
        warn_of_few_codes(pamh, &outcome, warn_below);
    }
    if matches!(outcome, Outcome::Refused(_)) && delay > Seconds(0) {
        libpam::fail_delay(pamh, Duration::from_secs(delay.0));
    }
    outcome
}

/// The socket for a line about settings that could not be read: the config's if that much can be read, else the default.
pub(crate) fn syslog_of(file: Option<&Path>, request: &Request) -> PathBuf {
    read_config(file, request)
        .or_else(|_| Config::defaults().map_err(StoreError::from))
        .map_or_else(|_| PathBuf::from("/dev/log"), |config| config.paths.syslog)
}

fn settings(words: &[&CStr], request: &Request) -> Result<(Arguments, Config), Broken> {
    let arguments = Arguments::parse(words)?;
    let config = read_config(arguments.config.as_deref(), request).map_err(Broken::Config)?;
    Ok((arguments, config))
}

/// A config that is named must be there; the default one may be missing.
fn read_config(named: Option<&Path>, request: &Request) -> Result<Config, StoreError> {
    let file = named.unwrap_or(Path::new(DEFAULT_FILE));
    match (read_document(file, Guard::Public)?, named) {
        (Some(text), _) => Ok(Config::parse(file, text.expose(), Some(&request.service))?),
        (None, None) => Ok(Config::defaults()?),
        (None, Some(_)) => {
            let problem = "is missing: create it, or correct conf= in the service file";
            Err(StoreError::Unsafe { file: file.to_owned(), problem })
        }
    }
}

/// Tells who came in by one of their last recovery codes to renew them. What the application makes of it changes nothing.
fn warn_of_few_codes(pamh: &PamHandle, outcome: &Outcome, warn_below: usize) {
    let Outcome::Accepted(verified) = outcome else { return };
    let Method::RecoveryCode { left } = verified.method() else { return };
    if *left >= warn_below {
        return;
    }
    let text = format!("{left} recovery codes are left; \"sudo totp-enroll recovery-codes\" makes new ones");
    if let Ok(Some(conversation)) = pamh.get_item::<Conv<'_>>() {
        drop(conversation.send(PAM_TEXT_INFO, &text));
    }
}

struct Login<'a, 'r> {
    arguments: Arguments,
    config: Config,
    audit: &'a mut Audit<'r>,
    /// Raised when the ledger is held.
    shield: Option<Shield>,
}

impl Login<'_, '_> {
    fn run(&mut self, pamh: &mut PamHandle, user: &mut Option<String>) -> Result<Outcome, Broken> {
        let name = pamh.get_user(None).map_err(|code| Broken::NoUser(code as i32))?;
        let who = account::canonical(&name)?;
        *user = Some(who.name().to_owned());
        let store = Files::new(&self.config.paths.state);
        if self.arguments.nullok && is_provably_not_enrolled(&store, &who)? {
            return Ok(Outcome::NotEnrolled(Unenrolled::allowed()));
        }
        // From here on a stranger sees what everybody sees: one prompt, and one answer.
        let asked = Instant::now();
        let Some(typed) = self.ask(pamh) else { return Ok(refused(Reason::Conversation)) };
        if asked.elapsed() > Duration::from_secs(self.config.answer_within.0) {
            return Ok(refused(Reason::Late));
        }
        self.answered(&store, &who, &typed)
    }

    fn ask(&mut self, pamh: &PamHandle) -> Option<SecretBytes> {
        let style = if self.arguments.echo { PAM_PROMPT_ECHO_ON } else { PAM_PROMPT_ECHO_OFF };
        self.debug("asking");
        pamh.get_item::<Conv<'_>>().ok().flatten()?.send(style, &self.arguments.prompt).ok().flatten()
    }

    fn answered(&mut self, store: &Files, who: &Who, typed: &SecretBytes) -> Result<Outcome, Broken> {
        let Some(answer) = Answer::recognise(typed.as_bytes()) else { return Ok(refused(Reason::Malformed)) };
        let Who::Account(account) = who else { return Ok(refused(Reason::UnknownUser)) };
        let keyring = self.keyring()?;
        self.debug("judging");
        // Until the line about it is written: what was charged must not go unheard.
        self.shield = Some(Shield::raise());
        self.judged(store, account, &answer, &keyring)
    }

    fn judged(
        &self,
        store: &Files,
        account: &Account,
        answer: &Answer,
        keyring: &Keyring,
    ) -> Result<Outcome, Broken> {
        let held = match store.hold(&account.user, PATIENCE)? {
            Hold::Held(held) => held,
            Hold::NotEnrolled => return Ok(refused(absent(account))),
            Hold::Busy => return Ok(refused(Reason::Busy)),
        };
        // Only now: whoever held it before may have recorded a later time than that of our asking.
        let now = clock::now()?;
        let Config { drift_steps, greatest_drift_steps, limit, .. } = self.config;
        let rules = Rules { drift_steps, greatest_drift_steps, limit };
        let judged = judge(held, account, answer, now, &rules, keyring).map_err(|trouble| {
            Broken::judging(trouble, store.credential_file(&account.user), store.ledger_file(&account.user))
        })?;
        Ok(match judged {
            Verdict::Accepted(verified) => Outcome::Accepted(verified),
            Verdict::Refused(refusal) => Outcome::Refused(refusal),
        })
    }

    fn keyring(&self) -> Result<Keyring, Broken> {
        let file = &self.config.paths.keyring;
        let text = read_document(file, Guard::Secret)?.ok_or_else(|| Broken::NoKeyring(file.clone()))?;
        Ok(Keyring::parse(file, text.expose()).map_err(StoreError::from)?)
    }

    fn debug(&mut self, step: &str) {
        if self.arguments.debug {
            self.audit.debug(step);
        }
    }
}

/// Only for an account that the system knows, and only where the store says so under the lock.
fn is_provably_not_enrolled(store: &Files, who: &Who) -> Result<bool, Broken> {
    match who {
        Who::Account(account @ Account { uid: Some(_), .. }) => {
            let shield = Shield::raise();
            let held = store.hold(&account.user, PATIENCE);
            shield.lower()?;
            Ok(matches!(held?, Hold::NotEnrolled))
        }
        Who::Account(Account { uid: None, .. }) | Who::Impossible(_) => Ok(false),
    }
}

fn absent(account: &Account) -> Reason {
    if account.uid.is_some() { Reason::NotEnrolled } else { Reason::UnknownUser }
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Refused(reason.into())
}
