//! The login itself enrols, in its own conversation: by `[require] enroll_at_login`, or by a reset token typed in place of a
//! code, whatever `enroll_at_login` says.
//!
//! Show a new key → have a code of it typed → make the recovery codes → show them → have it confirmed that they are saved →
//! only then commit. A login that ends before the commit has changed nothing. No lock is held and no signal blocked while
//! the user is asked; what was true before is checked again afterwards.
//!
//! The policy comes here only if a first factor is known to have been passed (`PolicyInput::introduced`). With
//! `after_first_factor` it is the service file that says so, and it must be true: the line before must be `requisite`. After a
//! `required` line, anyone who typed a wrong password would come here too, and could enrol a phone of their own.

use crate::attempt::{self, Attempt, PATIENCE};
use crate::ffi::libpam;
use crate::messages;
use crate::outcome::{EnrolmentAborted, LoginError, Outcome};
use otpauth::{Card, Drawing, Issuer};
use pam::constants::{PAM_ERROR_MSG, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO, PamMessageStyle};
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use std::time::{Duration, Instant};
use totp_core::account_recovery::{self, AdmissionError, Authorised, TokenOutcome, TokenRefused};
use totp_core::code::Answer;
use totp_core::credential::Label;
use totp_core::enrolment::attempts::TRIES;
use totp_core::enrolment::draft::{Confirmed, Draft};
use totp_core::enrolment::{ChangeInputs, Enrolled, EnrolmentError, Prepared, prepare};
use totp_core::factor::totp::Parameters;
use totp_core::login::Reason;
use totp_core::policy::Unenrolled;
use totp_core::random::Secret;
use totp_core::store::{Engine, EnrolmentAttempts};
use totp_core::user::Account;
use totp_host::machine::{self, OsEntropy};

/// What the authenticator is called; `totp-enroll` can add others.
const LABEL: &str = "phone";
/// How often the card may be shown again, or the user be asked whether the recovery codes are saved.
const REPEATS: usize = 10;

/// Enrols an account that the policy has enrol at login. `excuse`: proof that it lets the user in without an enrolment, too.
pub(crate) fn by_policy(
    pamh: &PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    excuse: Option<&Unenrolled>,
) -> Result<Outcome, LoginError> {
    let new_user = NewUser { excuse, authorised: Authorised::ByThemselves };
    enroll(pamh, attempt, store, account, &new_user)
}

/// Enrols an account that is not enrolled, if the answer is its reset token. `None`: the refusal of the answer stands.
///
/// A first factor must have been passed: without one, an overheard token would be enough to enrol.
pub(crate) fn by_token(
    pamh: &PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    typed: &[u8],
) -> Result<Option<Outcome>, LoginError> {
    let Some(Answer::Recovery(code)) = Answer::recognise(typed) else { return Ok(None) };
    if !attempt.has_first_factor() || attempt.is_silent || store.reset(&account.user)?.is_none() {
        return Ok(None);
    }
    let Some(entry) = store.entry(&account.user, PATIENCE)? else {
        return Ok(Some(Outcome::Refused(Reason::Busy.into())));
    };
    let tried = account_recovery::try_token(&entry, account, &code, machine::now()?.realtime)?;
    drop(entry);
    // The guard is there since the judging; nobody is asked while it exists.
    attempt.restore_caller()?;
    match tried {
        TokenOutcome::NoReset => Ok(None),
        TokenOutcome::Refused(why) => {
            log_token(attempt, store, account, Err(why));
            Ok(Some(Outcome::EnrolmentAborted(EnrolmentAborted::NotAuthorised(why))))
        }
        TokenOutcome::TokenAccepted(accepted) => {
            let new_user = NewUser { excuse: None, authorised: Authorised::ByToken(accepted) };
            enroll(pamh, attempt, store, account, &new_user).map(Some)
        }
    }
}

/// The user who is to be enrolled.
struct NewUser<'a> {
    /// Proof that the policy lets the user in without an enrolment, too.
    excuse: Option<&'a Unenrolled>,
    authorised: Authorised,
}

/// What ends an enrolment early.
enum Stop {
    Aborted(EnrolmentAborted),
    Busy,
    LoginError(LoginError),
}

impl From<EnrolmentAborted> for Stop {
    fn from(why: EnrolmentAborted) -> Self {
        Self::Aborted(why)
    }
}

impl<E: Into<LoginError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::LoginError(error.into())
    }
}

fn enroll(
    pamh: &PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    new_user: &NewUser<'_>,
) -> Result<Outcome, LoginError> {
    match enrolled(pamh, attempt, store, account, new_user) {
        Ok(enrolled) => {
            if matches!(new_user.authorised, Authorised::ByToken(_)) {
                log_token(attempt, store, account, Ok(()));
            }
            Ok(Outcome::Enrolled(enrolled))
        }
        Err(Stop::Aborted(why)) => Ok(Outcome::EnrolmentAborted(why)),
        Err(Stop::Busy) => Ok(Outcome::Refused(Reason::Busy.into())),
        Err(Stop::LoginError(login_error)) => Err(login_error),
    }
}

fn enrolled(
    pamh: &PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    new_user: &NewUser<'_>,
) -> Result<Enrolled, Stop> {
    // What can fail at the commit is tried before the user scans anything.
    drop(attempt.keyring()?);
    store.prepare()?;
    attempt.debug("enrolling");
    let label = Label::parse(LABEL).map_err(EnrolmentError::from)?;
    let draft =
        Draft::generate(label, Parameters::EVERY_APP, &mut OsEntropy).map_err(EnrolmentError::from)?;
    let confirmed = confirm(pamh, attempt, store, draft, account, new_user.excuse)?;
    let prepared = seal(attempt, account, confirmed)?;
    show_recovery_codes(pamh, attempt, &prepared)?;
    commit(attempt, store, account, new_user, prepared)
}

/// Shows the card until a code of it is typed.
fn confirm(
    pamh: &PamHandle,
    attempt: &Attempt<'_>,
    store: &impl Engine,
    mut draft: Draft,
    account: &Account,
    excuse: Option<&Unenrolled>,
) -> Result<Confirmed, Stop> {
    let (attempts, uid) = (store.enrolment_attempts(), account.uid);
    let uid = uid.ok_or(EnrolmentAborted::Cancelled)?;
    if let Some(wait) = attempts.wait(uid, machine::now()?.boottime)? {
        // A user whom the policy excuses is not kept out by the limit.
        let limited = EnrolmentAborted::Limited(wait);
        return Err(if excuse.is_some() { EnrolmentAborted::Cancelled } else { limited }.into());
    }
    let issuer = issuer();
    let card = Card::of(&draft, &issuer, account);
    say_secret(pamh, &messages::enrolment_opening(&card, &issuer, account, excuse))?;
    let (mut codes, mut repeats) = (TRIES, REPEATS);
    loop {
        let typed = ask(pamh, attempt, &messages::first_code_prompt(excuse))?;
        match typed.as_bytes().trim_ascii() {
            b"" => return Err(EnrolmentAborted::Cancelled.into()),
            word @ (b"ascii" | b"uri") => {
                repeats = repeats.checked_sub(1).ok_or(EnrolmentAborted::Cancelled)?;
                let again = match word {
                    b"uri" => messages::uri(&card),
                    _ => messages::qr(&card, Drawing::Ascii),
                };
                say_secret(pamh, &again)?;
            }
            code => {
                codes = codes.saturating_sub(1);
                let now = machine::now()?;
                // Before the code is looked at: other logins may try at the same time.
                if let Err(wait) = attempts.charge(uid, now.boottime)? {
                    return Err(EnrolmentAborted::Limited(wait).into());
                }
                match draft.confirm(code, now) {
                    Ok(confirmed) => {
                        // If this fails, the account's next enrolment may have to wait; nothing worse.
                        let _ = attempts.forget(uid);
                        return Ok(confirmed);
                    }
                    Err((_, why)) if codes == 0 => return Err(EnrolmentAborted::NotConfirmed(why).into()),
                    Err((back, why)) => {
                        draft = back;
                        say(pamh, PAM_ERROR_MSG, &messages::not_confirmed(why, codes))?;
                    }
                }
            }
        }
    }
}

fn seal(attempt: &Attempt<'_>, account: &Account, confirmed: Confirmed) -> Result<Prepared, Stop> {
    let keyring = attempt.reread_keyring()?;
    let now = machine::now()?;
    let created = machine::created(now)?;
    let mut inputs = ChangeInputs { keyring: &keyring, entropy: &mut OsEntropy, created, now };
    Ok(prepare(account, &[confirmed], attempt.config.recovery_codes, &mut inputs)?)
}

/// Shows the recovery codes until the user says that they are saved.
fn show_recovery_codes(pamh: &PamHandle, attempt: &Attempt<'_>, prepared: &Prepared) -> Result<(), Stop> {
    say_secret(pamh, &messages::recovery_codes(prepared.recovery_codes()))?;
    for _ in 0..REPEATS {
        let typed = ask(pamh, attempt, messages::SAVED_PROMPT)?;
        match typed.as_bytes().trim_ascii() {
            b"" => break,
            yes if yes.eq_ignore_ascii_case(b"yes") => return Ok(()),
            _ => {}
        }
    }
    Err(EnrolmentAborted::Cancelled.into())
}

fn commit(
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    new_user: &NewUser<'_>,
    prepared: Prepared,
) -> Result<Enrolled, Stop> {
    attempt.debug("committing");
    // As where a code is judged: until the log line about it is written.
    attempt.guard_from_caller();
    let _lock = store.lock_to_seal(PATIENCE)?.ok_or(Stop::Busy)?;
    if !prepared.is_sealed_with(&*attempt.reread_keyring()?) {
        return Err(EnrolmentAborted::KeysRotated.into());
    }
    let entry = store.entry(&account.user, PATIENCE)?.ok_or(Stop::Busy)?;
    let now = machine::now()?;
    match account_recovery::admit(&entry, account, &new_user.authorised, now.realtime) {
        Ok(()) => {}
        Err(AdmissionError::Store(error)) => return Err(error.into()),
        Err(AdmissionError::ResetToken(why)) => {
            log_token(attempt, store, account, Err(why));
            return Err(EnrolmentAborted::NotAuthorised(why).into());
        }
    }
    match prepared.commit_at_login(entry, now) {
        Ok(enrolled) => Ok(enrolled),
        Err(EnrolmentError::AlreadyEnrolled) => Err(EnrolmentAborted::Meanwhile.into()),
        Err(error) => Err(error.into()),
    }
}

/// The log line about a reset token and its notice, beside those of the login.
fn log_token(
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    taken: Result<(), TokenRefused>,
) {
    let event = attempt.audit.token(account.user.as_str(), taken);
    if taken.err().is_none_or(TokenRefused::is_judged) {
        attempt.leave_notice(store, &event);
    }
}

/// Echoes what is typed: the card is on the same screen, and the code is used up by it.
fn ask(pamh: &PamHandle, attempt: &Attempt<'_>, prompt: &str) -> Result<SecretBytes, Stop> {
    let asked = Instant::now();
    let typed = attempt::ask(pamh, PAM_PROMPT_ECHO_ON, prompt).ok_or(EnrolmentAborted::Conversation)?;
    if asked.elapsed() > Duration::from_secs(attempt.config.answer_within.0) {
        return Err(EnrolmentAborted::Late.into());
    }
    Ok(typed)
}

/// Also where `quiet` is set: without the card and the recovery codes there is no enrolment.
fn say_secret(pamh: &PamHandle, text: &Secret) -> Result<(), Stop> {
    Ok(libpam::say_secret(pamh, PAM_TEXT_INFO, text).map_err(|_| EnrolmentAborted::Conversation)?)
}

fn say(pamh: &PamHandle, style: PamMessageStyle, text: &str) -> Result<(), Stop> {
    let text = Secret::new(text.as_bytes().to_vec());
    Ok(libpam::say_secret(pamh, style, &text).map_err(|_| EnrolmentAborted::Conversation)?)
}

/// The name of this machine, as `totp-enroll` writes it.
fn issuer() -> Issuer {
    let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    host.ok().and_then(|host| Issuer::parse(&host).ok()).unwrap_or_else(Issuer::nameless)
}
