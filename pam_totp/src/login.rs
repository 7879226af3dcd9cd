//! A login from its first step to its last: prepare, ask, judge, log, and what follows ([`after_login`]).

use crate::attempt::{Attempt, ModuleHost, PATIENCE};
use crate::ffi::libpam;
use crate::outcome::{CallerAtMaxTries, EnrolmentAborted, LoginError, Outcome, Unanswered};
use crate::reply::{self, Typed};
use crate::request::Request;
use crate::{
    enroll, first_pass, freshness, login_audit, messages, remembered_device, requirement, source_confirmation,
};
use pam::constants::{PAM_ERROR_MSG, PAM_TEXT_INFO, PamFlag};
use pam::module::PamHandle;
use std::ops::ControlFlow::{self, Break, Continue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use totp_core::code::Answer;
use totp_core::config::Config;
use totp_core::login::{Method, Reason, Refusal, Rules, Submission, Verdict};
use totp_core::module_arguments::{Arguments, FirstPass};
use totp_core::policy::Decision;
use totp_core::policy::device::RememberMode;
use totp_core::random::wipe_stack;
use totp_core::store::Engine;
use totp_core::time::Seconds;
use totp_host::config_and_keyring::KeyringReader;
use totp_host::machine::{self, Who};
use totp_host::{config_and_keyring, store};

/// The first step that the argument `debug` logs. `doctor` looks for it in the module's file, to tell which version that is.
const BEGUN: &str = concat!("begun (pam_totp ", env!("CARGO_PKG_VERSION"), ")");

/// One call of `pam_sm_authenticate`, logged. It leaves no secret behind in the application's memory.
pub(crate) fn authenticate(pamh: &mut PamHandle, words: &[&[u8]], flags: PamFlag) -> Outcome {
    let outcome = log_in(pamh, words, flags);
    wipe_stack();
    outcome
}

/// In a frame of its own, so that all of it can be wiped.
#[inline(never)]
fn log_in(pamh: &mut PamHandle, words: &[&[u8]], flags: PamFlag) -> Outcome {
    source_confirmation::forget(pamh);
    let request = Request::read(pamh, "auth");
    let (arguments, config) = match read_settings(words, &request) {
        Ok(settings) => settings,
        Err(login_error) => {
            let outcome = Outcome::LoginError(login_error);
            login_audit::log_without_settings(words, &request, &outcome);
            return outcome;
        }
    };
    let keyring = KeyringReader::new(&config.paths);
    let store = store::open(&config.paths, keyring.clone());
    let attempt = &mut Attempt::new(arguments, config, keyring, &request, flags);
    let mut outcome = caught(|| decide(pamh, attempt, &store));
    if let Err(login_error) = log(attempt, &store, &outcome) {
        return *login_error;
    }
    if let Some(refusal) = locked_after_first_factor(attempt, &outcome) {
        outcome = caught(|| ask_for_recovery_code(pamh, attempt, &store, &refusal));
        // Without an answer nothing has happened since the line about the lock.
        if !matches!(outcome, Outcome::Unanswered(Unanswered::RecoveryCode))
            && let Err(login_error) = log(attempt, &store, &outcome)
        {
            return *login_error;
        }
    }
    // Nothing that happens from here on changes the outcome, except that the program cannot be left with root's real uid.
    let _ = catch_unwind(AssertUnwindSafe(|| after_login(pamh, attempt, &store, &outcome)));
    attempt.audit.send_again();
    attempt.count_lost_lines(&store, outcome.pace_of_lost_lines());
    if let Err(login_error) = restore_caller(attempt) {
        return *login_error;
    }
    if (outcome.refusal().is_some() || matches!(outcome, Outcome::Unanswered(_)))
        && attempt.config.fail_delay > Seconds(0)
    {
        libpam::fail_delay(pamh, Duration::from_secs(attempt.config.fail_delay.0));
    }
    outcome
}

/// pam_hooks would refuse after a panic as well, but without a line in the log.
fn caught(step: impl FnOnce() -> Result<Outcome, LoginError>) -> Outcome {
    let done = catch_unwind(AssertUnwindSafe(step));
    done.unwrap_or(Err(LoginError::Panic)).unwrap_or_else(Outcome::LoginError)
}

fn read_settings(words: &[&[u8]], request: &Request) -> Result<(Arguments, Config), LoginError> {
    let arguments = Arguments::parse(words)?;
    let config = config_and_keyring::read_config(arguments.config.as_deref(), Some(&request.service))
        .map_err(LoginError::Config)?;
    Ok((arguments, config))
}

fn decide(
    pamh: &mut PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
) -> Result<Outcome, LoginError> {
    let prepared = match prepare(pamh, attempt, store)? {
        Continue(prepared) => prepared,
        Break(outcome) => return Ok(asked_like_others(pamh, attempt, outcome)),
    };
    match attempt.arguments.first_pass {
        FirstPass::Ignore => {}
        FirstPass::Try | FirstPass::Use => {
            let given = first_pass::given(pamh);
            let typed = Typed::alone(given.expose(), &attempt.arguments);
            let outcome = judge(pamh, attempt, store, &prepared.who, typed)?;
            if let Break(outcome) = after_first_pass(attempt, store, outcome)? {
                return Ok(outcome);
            }
        }
    }
    if prepared.awaits_token && attempt.has_first_factor() {
        attempt.say(pamh, PAM_TEXT_INFO, messages::TOKEN);
    }
    attempt.debug("asking");
    let reply = match reply::ask_for_code(pamh, attempt) {
        Ok(reply) => reply,
        Err(why) => return Ok(Outcome::Unanswered(why)),
    };
    let typed = reply.typed(&attempt.arguments);
    let bytes = typed.bytes;
    let outcome = judge(pamh, attempt, store, &prepared.who, typed)?;
    match (&outcome, &prepared.who) {
        (Outcome::Refused(Refusal { reason: Reason::NotEnrolled, .. }), Who::Account(account)) => {
            let enrolled = enroll::by_token(pamh, attempt, store, account, bytes)?;
            Ok(enrolled.unwrap_or(outcome))
        }
        (_, Who::Account(_) | Who::Impossible(_)) => Ok(outcome),
    }
}

/// Who is asked for a code.
struct Prepared {
    who: Who,
    /// The account was reset, and its reset token is asked for.
    awaits_token: bool,
}

/// Finds out who logs in and what is required of them. `Break`: they are not asked for a code.
fn prepare(
    pamh: &mut PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
) -> Result<ControlFlow<Outcome, Prepared>, LoginError> {
    attempt.debug(BEGUN);
    let name = pamh.get_user(None).map_err(|code| LoginError::NoUser(code as i32))?;
    let who = machine::canonical(&name)?;
    attempt.who = Some(who.clone());
    let Who::Account(account) = &who else {
        return Ok(Continue(Prepared { who, awaits_token: false }));
    };
    let required = requirement::of(attempt, store, account)?;
    Ok(match required.decision {
        Decision::Exempt(exemption) if attempt.has_nothing_but_pam() => Break(Outcome::Ignored(exemption)),
        Decision::Exempt(exemption) => {
            Break(Outcome::Exempted { exemption, reset_notice: required.reset_notice })
        }
        Decision::NotYetRequired(unenrolled) => Break(Outcome::NotEnrolled(unenrolled)),
        Decision::Enroll(excuse) => {
            let outcome = enroll::by_policy(pamh, attempt, store, account, excuse.as_ref())?;
            let is_cancelled = matches!(outcome, Outcome::EnrolmentAborted(EnrolmentAborted::Cancelled));
            Break(match is_cancelled {
                true => requirement::after_cancelled_enrolment(attempt, store, account)?,
                false => outcome,
            })
        }
        // From here on a stranger sees what everybody sees: one prompt and one answer.
        Decision::Ask | Decision::Recognised => {
            Continue(Prepared { who, awaits_token: required.awaits_token })
        }
    })
}

/// Before any first factor a stranger must not see whose account needs no code: the question is asked, and the answer not looked at.
fn asked_like_others(pamh: &PamHandle, attempt: &mut Attempt<'_>, outcome: Outcome) -> Outcome {
    let asks = outcome.shows_who_needs_no_code()
        && attempt.arguments.first_pass != FirstPass::Use
        && attempt.is_first_question(pamh);
    if !asks {
        return outcome;
    }
    match reply::ask_for_code(pamh, attempt) {
        Ok(_) => outcome,
        Err(why) => Outcome::Unanswered(why),
    }
}

/// Judges an answer. The caller cannot stop the process from here until the outcome is logged.
fn judge(
    pamh: &mut PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    who: &Who,
    typed: Typed<'_>,
) -> Result<Outcome, LoginError> {
    let Some((answer, behind_password)) = typed.code else { return Ok(refused(Reason::Malformed)) };
    let Who::Account(account) = who else { return Ok(refused(Reason::UnknownUser)) };
    let keyring = Some(attempt.keyring()?);
    let source = attempt.source(pamh, account);
    attempt.debug("judging");
    // What was charged must reach the log.
    attempt.guard_from_caller();
    let rules = Rules::from(&attempt.config);
    let has_first_factor = attempt.has_first_factor();
    let submission = Submission {
        account,
        answer: &answer,
        source: &source,
        has_first_factor,
        rules: &rules,
        patience: PATIENCE,
    };
    let verdict =
        totp_core::login::judge(store, &submission, &mut ModuleHost { attempt, store, account, keyring })?;
    if let Some(behind) = behind_password {
        first_pass::pass_on(pamh, behind, typed.bytes, &verdict);
    }
    if let (Verdict::Accepted(verified), false) = (&verdict, has_first_factor) {
        source_confirmation::keep(pamh, account, verified.credential(), &source);
    }
    Ok(match verdict {
        Verdict::Accepted(verified) => Outcome::Accepted(verified),
        Verdict::Refused(refusal) => Outcome::Refused(refusal),
        Verdict::Unrecorded(unrecorded) => Outcome::Unrecorded { unrecorded, caller: None },
    })
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Refused(reason.into())
}

/// The refusal of a login to a locked account, if the user is asked for a recovery code: only after a first factor, because a
/// stranger must not see which accounts are locked. Otherwise a recovery code has to answer the first question.
fn locked_after_first_factor(attempt: &Attempt<'_>, outcome: &Outcome) -> Option<Refusal> {
    let Outcome::Refused(refusal) = outcome else { return None };
    // With `forward_pass` the password in front of the refused code was passed on, and its length was a guess.
    let may_ask = attempt.arguments.first_pass != FirstPass::Use && !attempt.arguments.forward_pass;
    (refusal.reason.is_lock() && may_ask && attempt.has_first_factor()).then_some(*refusal)
}

/// Says that the account is locked and asks once more in the same call, for a recovery code and nothing else: not every program
/// calls the module again.
fn ask_for_recovery_code(
    pamh: &mut PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    refusal: &Refusal,
) -> Result<Outcome, LoginError> {
    if let Some(why) = messages::refusal(refusal, &attempt.arguments) {
        attempt.say(pamh, PAM_ERROR_MSG, &why);
    }
    attempt.debug("asking for a recovery code");
    let shows_messages = attempt.shows_messages();
    let question = if shows_messages { messages::PROMPT_LOCKED } else { messages::PROMPT_LOCKED_ALONE };
    let typed = match reply::ask(pamh, attempt, question) {
        Ok(typed) => typed,
        Err(Unanswered::Late) => return Ok(Outcome::Unanswered(Unanswered::Late)),
        Err(Unanswered::Conversation | Unanswered::RecoveryCode) => {
            return Ok(Outcome::Unanswered(Unanswered::RecoveryCode));
        }
    };
    // Never asked with `forward_pass`.
    let typed = Typed::alone(typed.as_bytes(), &attempt.arguments);
    let outcome = match (&typed.code, attempt.who.clone()) {
        (Some((Answer::Recovery(_), _)), Some(who)) => judge(pamh, attempt, store, &who, typed)?,
        (
            Some((Answer::Recovery(_) | Answer::Code(_) | Answer::Pair(..) | Answer::Trailing(_), _)) | None,
            _,
        ) => refused(Reason::Malformed),
    };
    Ok(outcome.after_lock(CallerAtMaxTries::of(&attempt.request.service)))
}

/// Whether the user is asked after the answer of an earlier module was judged. `Break`: its outcome is that of the login.
fn after_first_pass(
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    outcome: Outcome,
) -> Result<ControlFlow<Outcome>, LoginError> {
    let (Some(refusal), FirstPass::Try) = (outcome.refusal(), attempt.arguments.first_pass) else {
        return Ok(Break(outcome));
    };
    if refusal.reason == Reason::Malformed {
        // What cannot be a code was not judged, and is not worth a log line.
        attempt.restore_caller()?;
        return Ok(Continue(()));
    }
    Ok(log(attempt, store, &outcome).map_or_else(|login_error| Break(*login_error), Continue))
}

/// Writes the line about an outcome and its notice, and the same about guessing if there is some; then the caller may stop the process
/// again.
fn log(attempt: &mut Attempt<'_>, store: &impl Engine, outcome: &Outcome) -> Result<(), Box<Outcome>> {
    let event = attempt.audit.outcome(outcome, attempt.who.as_ref().map(Who::name));
    attempt.leave_notice(store, &event);
    if let (Some(warning), Some(who)) = (outcome.refusal().and_then(|refusal| refusal.warning), &attempt.who)
    {
        let event = attempt.audit.guessing(warning, who.name());
        attempt.leave_notice(store, &event);
    }
    // Before the caller may stop the process: what cannot be sent later is counted.
    attempt.count_lost_lines(store, outcome.pace_of_lost_lines());
    restore_caller(attempt)
}

/// Lets the caller stop the process again. If that fails, the login is refused, and the log says so.
fn restore_caller(attempt: &mut Attempt<'_>) -> Result<(), Box<Outcome>> {
    attempt.restore_caller().map_err(|login_error| {
        let login_error = Outcome::LoginError(login_error);
        attempt.audit.outcome(&login_error, attempt.who.as_ref().map(Who::name));
        Box::new(login_error)
    })
}

/// Shows and records what follows from an outcome. Nothing here changes it.
fn after_login(pamh: &PamHandle, attempt: &mut Attempt<'_>, store: &impl Engine, outcome: &Outcome) {
    let account = match attempt.who.clone() {
        Some(Who::Account(account)) => Some(account),
        Some(Who::Impossible(_)) | None => None,
    };
    match outcome {
        Outcome::Accepted(verified) => {
            // With a password that was not checked yet, it may be a stranger who reads this.
            if attempt.has_unchecked_password() {
                return;
            }
            attempt.warn_of_reset(pamh, verified.since_last().reset);
            let Some(account) = account else { return };
            if attempt.leaves_timestamp() {
                freshness::leave(attempt, &account, verified.credential());
            }
            let is_by_code = matches!(verified.method(), Method::Code { .. });
            if !is_by_code || verified.since_last().is_news() {
                let now = machine::now().ok();
                if let Some(text) =
                    now.and_then(|now| messages::welcome(verified, &attempt.config, now.realtime))
                {
                    attempt.say(pamh, PAM_TEXT_INFO, &text);
                }
            }
            if !matches!(attempt.policy.remember.mode, RememberMode::Off) {
                remembered_device::offer(pamh, attempt, store, &account, verified);
            }
        }
        Outcome::Exempted { reset_notice, .. } => {
            if !attempt.has_unchecked_password() {
                attempt.warn_of_reset(pamh, *reset_notice);
            }
        }
        Outcome::Enrolled(enrolled) => {
            if let Some(account) = account
                && attempt.leaves_timestamp()
            {
                freshness::leave(attempt, &account, enrolled.credential());
            }
            attempt.say(pamh, PAM_TEXT_INFO, messages::ENROLLED);
        }
        Outcome::EnrolmentAborted(why) => {
            if let Some(text) = messages::enrolment_aborted(*why) {
                attempt.say(pamh, PAM_ERROR_MSG, &text);
            }
        }
        Outcome::NotEnrolled(unenrolled) => {
            if let Some(days_left) = unenrolled.days_left().filter(|_| !attempt.is_first_question(pamh)) {
                attempt.say(pamh, PAM_TEXT_INFO, &messages::reminder(days_left));
            }
        }
        Outcome::Refused(_) | Outcome::StillLocked { .. } | Outcome::Unrecorded { .. } => {
            if attempt.has_first_factor()
                && let Some(refusal) = outcome.refusal_to_tell()
                && let Some(why) = messages::refusal(refusal, &attempt.arguments)
            {
                attempt.say(pamh, PAM_ERROR_MSG, &why);
            }
        }
        Outcome::Unanswered(Unanswered::Late) if attempt.has_first_factor() => {
            attempt.say(pamh, PAM_ERROR_MSG, messages::LATE);
        }
        Outcome::Unanswered(_) | Outcome::Ignored(_) | Outcome::LoginError(_) | Outcome::Misplaced { .. } => {
        }
    }
}
