//! The login's sequence: arguments and config, who, what is required of them, ask, clock, hold and judge.

use crate::account::{self, Who};
use crate::arguments::{Arguments, FirstPass};
use crate::audit::Audit;
use crate::clock;
use crate::enroll::Newcomer;
use crate::facts::Required;
use crate::ffi::libpam;
use crate::first_pass::{self, Parted};
use crate::outcome::{Broken, Outcome};
use crate::request::Request;
use crate::shield::Shield;
use crate::words;
use pam::constants::{
    PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_SILENT, PAM_TEXT_INFO, PamFlag, PamMessageStyle,
};
use pam::conv::Conv;
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use totp_core::account::Account;
use totp_core::code::Answer;
use totp_core::config::{Config, DEFAULT_FILE};
use totp_core::keyring::Keyring;
use totp_core::login::{Reason, Rules, Trouble, Verdict, judge};
use totp_core::policy::{Decision, Policy};
use totp_core::reset::Notice;
use totp_core::secret::wipe_stack;
use totp_core::store::files::Files;
use totp_core::store::guard::{Guard, read_document};
use totp_core::store::keyring::KeyringFiles;
use totp_core::store::{Held, Hold, Store, StoreError};
use totp_core::time::Seconds;

/// How long a login waits for others of the same user.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// The first step that the argument `debug` logs. The desk looks for it in the module's file, to tell which version that is.
const BEGUN: &str = concat!("begun (pam_totp ", env!("CARGO_PKG_VERSION"), ")");

/// One call of `pam_sm_authenticate`, logged. It leaves no secret behind in the application's memory.
pub(crate) fn authenticate(pamh: &mut PamHandle, words: &[&CStr], flags: PamFlag) -> Outcome {
    let outcome = attempt(pamh, words, flags);
    wipe_stack();
    outcome
}

/// In a frame of its own, so that all of it can be wiped.
#[inline(never)]
fn attempt(pamh: &mut PamHandle, words: &[&CStr], flags: PamFlag) -> Outcome {
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
    let mut login = Login {
        audit: Audit::open(&config.paths.syslog, &request),
        policy: config.policy.clone().with_line(arguments.nullok, arguments.fresh),
        is_silent: flags & PAM_SILENT != 0,
        request: &request,
        arguments,
        config,
        who: None,
        notice: None,
        waits_for_ticket: false,
        shield: None,
    };
    // The border would refuse as well, but nobody would hear of it.
    let run = catch_unwind(AssertUnwindSafe(|| login.run(pamh)));
    let outcome = run.unwrap_or(Err(Broken::Panic)).unwrap_or_else(Outcome::Broken);
    if let Err(broken) = login.tell(&outcome) {
        return broken;
    }
    // The outcome stands, whatever becomes of this.
    let _ = catch_unwind(AssertUnwindSafe(|| login.part(pamh, &outcome)));
    if matches!(outcome, Outcome::Refused(_)) && login.config.fail_delay > Seconds(0) {
        libpam::fail_delay(pamh, Duration::from_secs(login.config.fail_delay.0));
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

/// One call, on its way.
pub(crate) struct Login<'r> {
    pub(crate) arguments: Arguments,
    pub(crate) config: Config,
    pub(crate) policy: Policy,
    pub(crate) request: &'r Request,
    /// `PAM_SILENT`: nothing is said beside the prompts.
    pub(crate) is_silent: bool,
    pub(crate) audit: Audit<'r>,
    /// Who asks, as soon as that is known.
    pub(crate) who: Option<Who>,
    /// That somebody asked to reset the enrolment, as far as the ledger was looked at before anybody was asked.
    pub(crate) notice: Option<Notice>,
    /// Whether a reset is known to wait for its ticket.
    pub(crate) waits_for_ticket: bool,
    /// Raised when the ledger is held.
    shield: Option<Shield>,
}

impl Login<'_> {
    fn run(&mut self, pamh: &mut PamHandle) -> Result<Outcome, Broken> {
        self.debug(BEGUN);
        let name = pamh.get_user(None).map_err(|code| Broken::NoUser(code as i32))?;
        let who = account::canonical(&name)?;
        self.who = Some(who.clone());
        let store = Files::new(&self.config.paths.state);
        if let Who::Account(account) = &who {
            match self.required(&store, account)? {
                Required::Remembered(waiver) | Required::Decided(Decision::Waive(waiver)) => {
                    return Ok(if self.would_be_all() {
                        Outcome::PassedOver(waiver)
                    } else {
                        Outcome::Waived(waiver)
                    });
                }
                Required::Decided(Decision::LetPast(unenrolled)) => {
                    return Ok(Outcome::NotEnrolled(unenrolled));
                }
                Required::Decided(Decision::Enroll(excuse)) => {
                    return self.enroll(pamh, &store, account, &Newcomer::unasked(excuse.as_ref()));
                }
                // From here on a stranger sees what everybody sees: one prompt, and one answer.
                Required::Decided(Decision::Ask | Decision::Recognised) => {}
            }
        }
        if let Some(outcome) = self.try_first_pass(pamh, &store, &who)? {
            return Ok(outcome);
        }
        if self.waits_for_ticket && self.is_introduced() {
            self.say(pamh, PAM_TEXT_INFO, words::TICKET);
        }
        let asked = Instant::now();
        let style = if self.arguments.echo { PAM_PROMPT_ECHO_ON } else { PAM_PROMPT_ECHO_OFF };
        self.debug("asking");
        let Some(typed) = ask(pamh, style, &self.arguments.prompt) else {
            return Ok(refused(Reason::Conversation));
        };
        if asked.elapsed() > Duration::from_secs(self.config.answer_within.0) {
            return Ok(refused(Reason::Late));
        }
        let outcome = self.answered(pamh, &store, &who, typed.as_bytes())?;
        match (&outcome, &who) {
            (Outcome::Refused(refusal), Who::Account(account)) if refusal.reason == Reason::NotEnrolled => {
                let by_ticket = self.by_ticket(pamh, &store, account, typed.as_bytes())?;
                Ok(by_ticket.unwrap_or(outcome))
            }
            _ => Ok(outcome),
        }
    }

    /// Tries what a module before this one was given. `None`: the person is to be asked.
    fn try_first_pass(
        &mut self,
        pamh: &mut PamHandle,
        store: &Files,
        who: &Who,
    ) -> Result<Option<Outcome>, Broken> {
        let given = match self.arguments.first_pass {
            FirstPass::Ignore => return Ok(None),
            FirstPass::Try | FirstPass::Use => first_pass::given(pamh),
        };
        let outcome = match given {
            Some(given) => self.answered(pamh, store, who, given.expose())?,
            None => refused(Reason::Malformed),
        };
        match (&outcome, self.arguments.first_pass) {
            (Outcome::Refused(refusal), FirstPass::Try) => {
                // What cannot be a code was not judged, and is not worth a line.
                if refusal.reason != Reason::Malformed {
                    self.tell(&outcome).map_or_else(|broken| Ok(Some(broken)), |()| Ok(None))
                } else {
                    // Nobody is asked anything while it is up.
                    self.lower_shield()?;
                    Ok(None)
                }
            }
            _ => Ok(Some(outcome)),
        }
    }

    fn answered(
        &mut self,
        pamh: &mut PamHandle,
        store: &Files,
        who: &Who,
        typed: &[u8],
    ) -> Result<Outcome, Broken> {
        let Some(parted) = Parted::of(typed, self.arguments.forward_pass) else {
            return Ok(refused(Reason::Malformed));
        };
        let Who::Account(account) = who else { return Ok(refused(Reason::UnknownUser)) };
        let keyring = self.keyring()?;
        self.debug("judging");
        // Until the line about it is written: what was charged must not go unheard.
        self.raise_shield();
        let verdict = self.judged(store, account, &parted.answer, &keyring)?;
        if self.arguments.forward_pass
            && let Some(password) = parted.password(typed, &verdict)
        {
            first_pass::hand_on(pamh, &password);
        }
        Ok(match verdict {
            Verdict::Accepted(verified) => Outcome::Accepted(verified),
            Verdict::Refused(refusal) => Outcome::Refused(refusal),
        })
    }

    fn judged(
        &self,
        store: &Files,
        account: &Account,
        answer: &Answer,
        keyring: &Keyring,
    ) -> Result<Verdict, Broken> {
        let held = match store.hold(&account.user, PATIENCE)? {
            Hold::Held(held) => held,
            Hold::NotEnrolled => return Ok(absent(account).into()),
            Hold::Busy => return Ok(Reason::Busy.into()),
        };
        // Only now: whoever held it before may have recorded a later time than that of our asking.
        let now = clock::now()?;
        let Config { drift_steps, greatest_drift_steps, limit, .. } = self.config;
        let rules = Rules { drift_steps, greatest_drift_steps, limit };
        // The keys may have been rotated between the keyring and the hold. While it is held the credential stays, and its
        // keys were in the keyring before it named them.
        let newer = (!held.credential().has_keys_in(keyring)).then(|| self.keyring()).transpose()?;
        judge(held, account, answer, now, &rules, newer.as_ref().unwrap_or(keyring))
            .map_err(|trouble| self.judging(trouble, account))
    }

    /// What `trouble` is about: what the store names, else the files of the account.
    pub(crate) fn judging(&self, trouble: Trouble, account: &Account) -> Broken {
        let store = Files::new(&self.config.paths.state);
        Broken::judging(trouble, store.credential_file(&account.user), store.ledger_file(&account.user))
    }

    pub(crate) fn keyring(&self) -> Result<Keyring, Broken> {
        let files = KeyringFiles::of(&self.config.paths);
        let (file, text) = files.read()?.ok_or_else(|| {
            if files.is_sealed() {
                Broken::NotOpened(files.sealed.clone())
            } else {
                Broken::NoKeyring(files.clear.clone())
            }
        })?;
        Ok(Keyring::parse(file, text.expose()).map_err(StoreError::from)?)
    }

    pub(crate) fn raise_shield(&mut self) {
        // One that is up stays: what it is to restore was read before it was raised.
        if self.shield.is_none() {
            self.shield = Some(Shield::raise());
        }
    }

    pub(crate) fn lower_shield(&mut self) -> Result<(), Broken> {
        self.shield.take().map_or(Ok(()), Shield::lower).map_err(Broken::from)
    }

    /// The one line about an outcome, and the notice of it; then whoever started the program may stop it again.
    fn tell(&mut self, outcome: &Outcome) -> Result<(), Outcome> {
        let user = self.who.as_ref().map(Who::name);
        let event = self.audit.outcome(outcome, user);
        self.notify(&event);
        self.lower_shield().map_err(|broken| {
            let broken = Outcome::Broken(broken);
            self.audit.outcome(&broken, self.who.as_ref().map(Who::name));
            broken
        })
    }

    /// Whether a first factor is known to have been passed: sshd says so, or the line in the service file.
    pub(crate) fn is_introduced(&self) -> bool {
        self.request.first_factor.is_some() || self.arguments.after_first_factor
    }

    /// Whether sshd asks PAM first of all: its own key or password has not been shown. If another line of the stack asks for a
    /// password, that decides; if none does, a waiver of ours would let in whoever knows a name.
    fn would_be_all(&self) -> bool {
        self.request.is_sshd() && !self.is_introduced()
    }

    pub(crate) fn debug(&mut self, step: &str) {
        if self.arguments.debug {
            self.audit.debug(step);
        }
    }
}

/// Asks the person through the application. `None`: there was no answer.
pub(crate) fn ask(pamh: &PamHandle, style: PamMessageStyle, prompt: &str) -> Option<SecretBytes> {
    pamh.get_item::<Conv<'_>>().ok().flatten()?.send(style, prompt).ok().flatten()
}

fn absent(account: &Account) -> Reason {
    if account.uid.is_some() { Reason::NotEnrolled } else { Reason::UnknownUser }
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Refused(reason.into())
}
