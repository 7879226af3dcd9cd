//! The login's sequence: arguments and config, who, what is required of them, ask, clock, hold and judge.

use crate::arguments::{Arguments, FirstPass};
use crate::audit::Audit;
use crate::call::{self, Attempt, CallHost, PATIENCE, ask};
use crate::enroll::NewUser;
use crate::ffi::libpam;
use crate::first_pass::{self, SplitAnswer};
use crate::messages;
use crate::outcome::{LoginError, Outcome};
use crate::policy_input::Required;
use crate::request::Request;
use pam::constants::{PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_SILENT, PAM_TEXT_INFO, PamFlag};
use pam::module::PamHandle;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use totp_core::code::Answer;
use totp_core::config::Config;
use totp_core::keyring::Keyring;
use totp_core::login::{Reason, Rules, Submission, Verdict, judge};
use totp_core::policy::Decision;
use totp_core::secret::wipe_stack;
use totp_core::time::Seconds;
use totp_core::user::Account;
use totp_host::accounts::{self, Who};
use totp_host::settings;

/// The first step that the argument `debug` logs. The command looks for it in the module's file, to tell which version that is.
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
    let (arguments, config) = match read_settings(words, &request) {
        Ok(settings) => settings,
        Err(login_error) => {
            let outcome = Outcome::LoginError(login_error);
            let socket =
                settings::log_socket(Arguments::config_file(words).as_deref(), Some(&request.service));
            Audit::open(&socket, &request).outcome(&outcome, None);
            return outcome;
        }
    };
    let mut call = Attempt {
        audit: Audit::open(&config.paths.syslog, &request),
        policy: config.policy.clone().with_line(arguments.nullok, arguments.fresh),
        is_silent: flags & PAM_SILENT != 0,
        request: &request,
        arguments,
        config,
        who: None,
        notice: None,
        waits_for_token: false,
        caller_guard: None,
    };
    // The border would refuse as well, but nobody would hear of it.
    let run = catch_unwind(AssertUnwindSafe(|| call.run(pamh)));
    let outcome = run.unwrap_or(Err(LoginError::Panic)).unwrap_or_else(Outcome::LoginError);
    if let Err(login_error) = call.tell(&outcome) {
        return login_error;
    }
    // The outcome stands, whatever becomes of this.
    let _ = catch_unwind(AssertUnwindSafe(|| call.part(pamh, &outcome)));
    if matches!(outcome, Outcome::Refused(_)) && call.config.fail_delay > Seconds(0) {
        libpam::fail_delay(pamh, Duration::from_secs(call.config.fail_delay.0));
    }
    outcome
}

fn read_settings(words: &[&CStr], request: &Request) -> Result<(Arguments, Config), LoginError> {
    let arguments = Arguments::parse(words)?;
    let config = settings::read_config(arguments.config.as_deref(), Some(&request.service))
        .map_err(LoginError::Config)?;
    Ok((arguments, config))
}

impl Attempt<'_> {
    fn run(&mut self, pamh: &mut PamHandle) -> Result<Outcome, LoginError> {
        self.debug(BEGUN);
        let name = pamh.get_user(None).map_err(|code| LoginError::NoUser(code as i32))?;
        let who = accounts::canonical(&name)?;
        self.who = Some(who.clone());
        let store = self.store();
        if let Who::Account(account) = &who {
            match self.required(&store, account)? {
                Required::Remembered(exemption) | Required::Decided(Decision::Exempt(exemption)) => {
                    return Ok(if self.would_be_all() {
                        Outcome::Ignored(exemption)
                    } else {
                        Outcome::Exempted(exemption)
                    });
                }
                Required::Decided(Decision::NotYetRequired(unenrolled)) => {
                    return Ok(Outcome::NotEnrolled(unenrolled));
                }
                Required::Decided(Decision::Enroll(excuse)) => {
                    return self.enroll(pamh, &store, account, &NewUser::unasked(excuse.as_ref()));
                }
                // From here on a stranger sees what everybody sees: one prompt, and one answer.
                Required::Decided(Decision::Ask | Decision::Recognised) => {}
            }
        }
        if let Some(outcome) = self.try_first_pass(pamh, &store, &who)? {
            return Ok(outcome);
        }
        if self.waits_for_token && self.is_introduced() {
            self.say(pamh, PAM_TEXT_INFO, messages::TOKEN);
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
                let by_token = self.by_token(pamh, &store, account, typed.as_bytes())?;
                Ok(by_token.unwrap_or(outcome))
            }
            _ => Ok(outcome),
        }
    }

    /// Tries what a module before this one was given. `None`: the person is to be asked.
    fn try_first_pass(
        &mut self,
        pamh: &mut PamHandle,
        store: &call::Store,
        who: &Who,
    ) -> Result<Option<Outcome>, LoginError> {
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
                    self.tell(&outcome).map_or_else(|login_error| Ok(Some(login_error)), |()| Ok(None))
                } else {
                    // Nobody is asked anything while it is up.
                    self.restore_caller()?;
                    Ok(None)
                }
            }
            _ => Ok(Some(outcome)),
        }
    }

    fn answered(
        &mut self,
        pamh: &mut PamHandle,
        store: &call::Store,
        who: &Who,
        typed: &[u8],
    ) -> Result<Outcome, LoginError> {
        let Some(split) = SplitAnswer::of(typed, self.arguments.forward_pass) else {
            return Ok(refused(Reason::Malformed));
        };
        let Who::Account(account) = who else { return Ok(refused(Reason::UnknownUser)) };
        let keyring = self.keyring()?;
        self.debug("judging");
        // Until the line about it is written: what was charged must not go unheard.
        self.guard_from_caller();
        let verdict = self.judged(store, account, &split.answer, keyring)?;
        if self.arguments.forward_pass
            && let Some(password) = split.password(typed, &verdict)
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
        store: &call::Store,
        account: &Account,
        answer: &Answer,
        keyring: Keyring,
    ) -> Result<Verdict, LoginError> {
        let rules = Rules::from(&self.config);
        let submission = Submission { account, answer, rules: &rules, patience: PATIENCE };
        judge(store, &submission, &mut CallHost { call: self, account, keyring: Some(keyring) })
    }

    /// The one line about an outcome, and the notice of it; then anyone who started the program may stop it again.
    fn tell(&mut self, outcome: &Outcome) -> Result<(), Outcome> {
        let user = self.who.as_ref().map(Who::name);
        let event = self.audit.outcome(outcome, user);
        self.notify(&event);
        self.restore_caller().map_err(|login_error| {
            let login_error = Outcome::LoginError(login_error);
            self.audit.outcome(&login_error, self.who.as_ref().map(Who::name));
            login_error
        })
    }
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Refused(reason.into())
}
