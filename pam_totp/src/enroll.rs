//! `[require] enroll_at_login`: the login itself enrols, in its own conversation.
//!
//! Show a new key → have a code of it typed → make the recovery codes → show them → have it said that they are saved →
//! only then commit. Anyone who leaves before the commit, in whatever way, has changed nothing. No lock is held and no
//! signal blocked while the person thinks; what was true when they were asked is looked at again afterwards.
//!
//! The policy lets nobody come here of whom no first factor is known (`PolicyInput::introduced`). With `after_first_factor` it is
//! the service file that says so, and it has to keep its word: the line before must be `requisite`. After one that is
//! `required`, anyone who typed a wrong password would come here as well, and enrol a phone of their own.

mod messages;

use crate::call::{Attempt, PATIENCE, Store, ask};
use crate::enrolment_aborted::EnrolmentAborted;
use crate::ffi::conversation;
use crate::outcome::{LoginError, Outcome};
use crate::policy_input::Required;
use otpauth::{Card, Drawing, Issuer};
use pam::constants::{PAM_ERROR_MSG, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO};
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use std::time::{Duration, Instant};
use totp_core::code::Answer;
use totp_core::user::Account;

use totp_core::account_recovery::{self, AdmissionError, Authorised, TokenOutcome, TokenRefused};
use totp_core::credential::Label;
use totp_core::enrolment::attempts::TRIES;
use totp_core::enrolment::draft::{Confirmed, Draft};
use totp_core::enrolment::{ChangeInputs, Enrolled, EnrolmentError, Prepared, prepare};
use totp_core::factor::totp::Parameters;
use totp_core::login::Reason;
use totp_core::policy::{Decision, Unenrolled};
use totp_core::secret::Secret;
use totp_core::store::{Engine, EnrolmentAttempts, Entries, KeyringLocks, Resets};
use totp_host::clock;
use totp_host::entropy::OsEntropy;

/// What the authenticator is called; the command can add others.
const LABEL: &str = "phone";
/// How often the card may be shown once more, or the saving of the recovery codes be asked for.
const REPEATS: usize = 10;

/// Someone who is to be enrolled.
pub(crate) struct NewUser<'a> {
    /// What the policy said before, for anyone who may put it off.
    excuse: Option<&'a Unenrolled>,
    authorised: Authorised,
}

impl<'a> NewUser<'a> {
    /// Whom the policy lets enrol themselves.
    pub(crate) fn unasked(excuse: Option<&'a Unenrolled>) -> Self {
        Self { excuse, authorised: Authorised::ByThemselves }
    }
}

/// What ends an enrolment early.
enum Stop {
    EnrolmentAborted(EnrolmentAborted),
    Busy,
    LoginError(LoginError),
}

impl From<EnrolmentAborted> for Stop {
    fn from(why: EnrolmentAborted) -> Self {
        Self::EnrolmentAborted(why)
    }
}

impl<E: Into<LoginError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::LoginError(error.into())
    }
}

impl Attempt<'_> {
    /// Enrols the account, or not; anyone who may put it off and does is let past. `excuse` is what the policy said before.
    pub(crate) fn enroll(
        &mut self,
        pamh: &PamHandle,
        store: &Store,
        account: &Account,
        new_user: &NewUser<'_>,
    ) -> Result<Outcome, LoginError> {
        let by_token = matches!(new_user.authorised, Authorised::ByToken(_));
        match self.enrolled(pamh, store, account, new_user) {
            Ok(enrolled) => {
                if by_token {
                    self.tell_of_token(account, Ok(()));
                }
                Ok(Outcome::Enrolled(enrolled))
            }
            Err(Stop::EnrolmentAborted(why)) if by_token => Ok(Outcome::EnrolmentAborted(why)),
            Err(Stop::EnrolmentAborted(EnrolmentAborted::Cancelled)) => self.cancelled(store, account),
            Err(Stop::EnrolmentAborted(why)) => Ok(Outcome::EnrolmentAborted(why)),
            Err(Stop::Busy) => Ok(Outcome::Refused(Reason::Busy.into())),
            Err(Stop::LoginError(login_error)) => Err(login_error),
        }
    }

    /// Enrols someone whose answer was the token of a reset, whatever `enroll_at_login` says: that is what it was made for.
    /// Anyone who types it has passed a first factor; without one a token that was overheard would be all there is. `None`: it
    /// was not, and the refusal stands.
    pub(crate) fn by_token(
        &mut self,
        pamh: &PamHandle,
        store: &Store,
        account: &Account,
        typed: &[u8],
    ) -> Result<Option<Outcome>, LoginError> {
        let Some(Answer::Recovery(code)) = Answer::recognise(typed) else { return Ok(None) };
        if !self.is_introduced() || self.is_silent || store.reset(&account.user)?.is_none() {
            return Ok(None);
        }
        let Some(entry) = store.entry(&account.user, PATIENCE)? else {
            return Ok(Some(Outcome::Refused(Reason::Busy.into())));
        };
        let tried = account_recovery::try_token(&entry, account, &code, clock::now()?.realtime)?;
        drop(entry);
        // It was raised for the judging; nobody is asked anything while it is up.
        self.restore_caller()?;
        match tried {
            TokenOutcome::NoReset => Ok(None),
            TokenOutcome::Refused(why) => {
                self.tell_of_token(account, Err(why));
                Ok(Some(Outcome::EnrolmentAborted(EnrolmentAborted::NotAuthorised(why))))
            }
            TokenOutcome::TokenAccepted(token_accepted) => {
                let authorised = Authorised::ByToken(token_accepted);
                self.enroll(pamh, store, account, &NewUser { excuse: None, authorised }).map(Some)
            }
        }
    }

    /// The line about a token, and the notice of it, beside those of the login.
    fn tell_of_token(&mut self, account: &Account, taken: Result<(), TokenRefused>) {
        let event = self.audit.token(account.user.as_str(), taken);
        if taken.err().is_none_or(TokenRefused::is_judged) {
            self.notify(&event);
        }
    }

    /// The policy decides once more: an excuse of minutes ago would let past anyone who kept a connection open until the
    /// account was enrolled elsewhere.
    fn cancelled(&mut self, store: &Store, account: &Account) -> Result<Outcome, LoginError> {
        Ok(match self.required(store, account)? {
            Required::Decided(Decision::Enroll(Some(unenrolled))) => Outcome::NotEnrolled(unenrolled),
            Required::Decided(Decision::Enroll(None)) => {
                Outcome::EnrolmentAborted(EnrolmentAborted::Cancelled)
            }
            Required::Decided(
                Decision::Ask | Decision::Exempt(_) | Decision::Recognised | Decision::NotYetRequired(_),
            )
            | Required::Remembered(_) => Outcome::EnrolmentAborted(EnrolmentAborted::Meanwhile),
        })
    }

    fn enrolled(
        &mut self,
        pamh: &PamHandle,
        store: &Store,
        account: &Account,
        new_user: &NewUser<'_>,
    ) -> Result<Enrolled, Stop> {
        // Before a person scans anything: what could fail afterwards and can be known now.
        drop(self.keyring()?);
        store.prepare()?;
        self.debug("enrolling");
        let label = Label::parse(LABEL).map_err(EnrolmentError::from)?;
        let draft =
            Draft::generate(label, Parameters::EVERY_APP, &mut OsEntropy).map_err(EnrolmentError::from)?;
        let confirmed = self.confirmed(pamh, draft, account, new_user.excuse)?;
        let prepared = self.prepared(account, confirmed)?;
        self.saved(pamh, &prepared)?;
        self.debug("committing");
        // Until the line about it is written, as where a code is judged.
        self.guard_from_caller();
        let _lock = store.lock_to_seal(PATIENCE)?.ok_or(Stop::Busy)?;
        if !prepared.is_sealed_with(&self.keyring()?) {
            return Err(EnrolmentAborted::KeysRotated.into());
        }
        let entry = store.entry(&account.user, PATIENCE)?.ok_or(Stop::Busy)?;
        let now = clock::now()?;
        match account_recovery::admit(&entry, account, &new_user.authorised, now.realtime) {
            Ok(()) => {}
            Err(AdmissionError::Store(error)) => return Err(error.into()),
            Err(AdmissionError::ResetToken(why)) => {
                self.tell_of_token(account, Err(why));
                return Err(EnrolmentAborted::NotAuthorised(why).into());
            }
        }
        match prepared.commit_at_login(entry, now) {
            Ok(enrolled) => Ok(enrolled),
            Err(EnrolmentError::AlreadyEnrolled) => Err(EnrolmentAborted::Meanwhile.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Shows the card until a code of it is typed.
    fn confirmed(
        &self,
        pamh: &PamHandle,
        mut draft: Draft,
        account: &Account,
        excuse: Option<&Unenrolled>,
    ) -> Result<Confirmed, Stop> {
        let (counted, uid) = (self.store().enrolment_attempts(), account.uid);
        let uid = uid.ok_or(EnrolmentAborted::Cancelled)?;
        if let Some(wait) = counted.wait(uid, clock::now()?.boottime)? {
            // Anyone who may put it off is not kept out by it.
            let may_wait = EnrolmentAborted::Limited(wait);
            return Err(if excuse.is_some() { EnrolmentAborted::Cancelled } else { may_wait }.into());
        }
        let issuer = issuer();
        let card = Card::of(&draft, &issuer, account);
        tell(pamh, &messages::opening(&card, &issuer, account, excuse))?;
        let (mut codes, mut repeats) = (TRIES, REPEATS);
        loop {
            let typed = self.answer(pamh, &messages::code_prompt(excuse))?;
            match typed.as_bytes().trim_ascii() {
                b"" => return Err(EnrolmentAborted::Cancelled.into()),
                shown @ (b"ascii" | b"uri") => {
                    repeats = repeats.checked_sub(1).ok_or(EnrolmentAborted::Cancelled)?;
                    let once_more = if shown == b"uri" {
                        messages::uri(&card)
                    } else {
                        messages::qr(&card, Drawing::Ascii)
                    };
                    tell(pamh, &once_more)?;
                }
                code => {
                    codes = codes.saturating_sub(1);
                    let now = clock::now()?;
                    // Before it is looked at: others may try at the same time.
                    if let Err(wait) = counted.charge(uid, now.boottime)? {
                        return Err(EnrolmentAborted::Limited(wait).into());
                    }
                    match draft.confirm(code, now) {
                        Ok(confirmed) => {
                            // Where it fails the next enrolment waits, at most.
                            let _ = counted.forget(uid);
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

    fn prepared(&self, account: &Account, confirmed: Confirmed) -> Result<Prepared, Stop> {
        let keyring = self.keyring()?;
        let now = clock::now()?;
        let created = clock::created(now)?;
        let mut desk = ChangeInputs { keyring: &keyring, entropy: &mut OsEntropy, created, now };
        Ok(prepare(account, &[confirmed], self.config.recovery_codes, &mut desk)?)
    }

    /// Shows the recovery codes until it is said that they are saved.
    fn saved(&self, pamh: &PamHandle, prepared: &Prepared) -> Result<(), Stop> {
        tell(pamh, &messages::recovery_codes(prepared.recovery_codes()))?;
        for _ in 0..REPEATS {
            let typed = self.answer(pamh, messages::SAVED_PROMPT)?;
            match typed.as_bytes().trim_ascii() {
                b"" => break,
                yes if yes.eq_ignore_ascii_case(b"yes") => return Ok(()),
                _ => {}
            }
        }
        Err(EnrolmentAborted::Cancelled.into())
    }

    /// Shown while it is typed: the card is on the same screen, and the code is used up by it.
    fn answer(&self, pamh: &PamHandle, prompt: &str) -> Result<SecretBytes, Stop> {
        let asked = Instant::now();
        let typed = ask(pamh, PAM_PROMPT_ECHO_ON, prompt).ok_or(EnrolmentAborted::Conversation)?;
        if asked.elapsed() > Duration::from_secs(self.config.answer_within.0) {
            return Err(EnrolmentAborted::Late.into());
        }
        Ok(typed)
    }
}

/// The card and the codes are shown also where `quiet` is set: without them there is no enrolment.
fn tell(pamh: &PamHandle, text: &Secret) -> Result<(), Stop> {
    Ok(conversation::say(pamh, PAM_TEXT_INFO, text).map_err(|_| EnrolmentAborted::Conversation)?)
}

fn say(pamh: &PamHandle, style: pam::constants::PamMessageStyle, text: &str) -> Result<(), Stop> {
    let text = Secret::new(text.as_bytes().to_vec());
    Ok(conversation::say(pamh, style, &text).map_err(|_| EnrolmentAborted::Conversation)?)
}

/// The name of this machine, as in the command.
fn issuer() -> Issuer {
    let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    host.ok().and_then(|host| Issuer::parse(&host).ok()).unwrap_or_else(Issuer::nameless)
}
