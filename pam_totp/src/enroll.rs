//! `[require] enroll_at_login`: the login itself enrols, in its own conversation.
//!
//! Show a new key → have a code of it typed → make the recovery codes → show them → have it said that they are saved →
//! only then commit. Whoever leaves before the commit, in whatever way, has changed nothing. No lock is held and no
//! signal blocked while the person thinks; what was true when they were asked is looked at again afterwards.
//!
//! The policy lets nobody come here of whom no first factor is known (`Facts::introduced`). With `after_first_factor` it is
//! the service file that says so, and it has to keep its word: the line before must be `requisite`. After one that is
//! `required`, whoever typed a wrong password would come here as well, and enrol a phone of their own.

mod texts;

use crate::call::{Call, PATIENCE, Store, ask};
use crate::facts::Required;
use crate::ffi::conversation;
use crate::outcome::{Broken, Outcome};
use crate::unfinished::Unfinished;
use pam::constants::{PAM_ERROR_MSG, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO};
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use std::time::{Duration, Instant};
use totp_card::{Card, Drawing, Issuer};
use totp_core::account::Account;
use totp_core::code::Answer;

use totp_core::credential::Label;
use totp_core::draft::{Confirmed, Draft};
use totp_core::enrolment::{Desk, Enrolled, EnrolmentError, Prepared, prepare};
use totp_core::enrolment_attempts::TRIES;
use totp_core::factor::totp::Parameters;
use totp_core::login::Reason;
use totp_core::policy::{Decision, Unenrolled};
use totp_core::readmission::{self, Entitled, NotAdmitted, NotTaken, Tried};
use totp_core::secret::Secret;
use totp_core::store::{Engine, EnrolmentAttempts, Entries, KeyringLocks, Resets};
use totp_host::clock;
use totp_host::entropy::OsEntropy;

/// What the authenticator is called; the desk can add others.
const LABEL: &str = "phone";
/// How often the card may be shown once more, or the saving of the recovery codes be asked for.
const REPEATS: usize = 10;

/// Somebody who is to be enrolled.
pub(crate) struct Newcomer<'a> {
    /// What the policy said before, for whoever may put it off.
    excuse: Option<&'a Unenrolled>,
    entitled: Entitled,
}

impl<'a> Newcomer<'a> {
    /// Whom the policy lets enrol themselves.
    pub(crate) fn unasked(excuse: Option<&'a Unenrolled>) -> Self {
        Self { excuse, entitled: Entitled::ByThemselves }
    }
}

/// What ends an enrolment early.
enum Stop {
    Unfinished(Unfinished),
    Busy,
    Broken(Broken),
}

impl From<Unfinished> for Stop {
    fn from(why: Unfinished) -> Self {
        Self::Unfinished(why)
    }
}

impl<E: Into<Broken>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

impl Call<'_> {
    /// Enrols the account, or not; whoever may put it off and does is let past. `excuse` is what the policy said before.
    pub(crate) fn enroll(
        &mut self,
        pamh: &PamHandle,
        store: &Store,
        account: &Account,
        newcomer: &Newcomer<'_>,
    ) -> Result<Outcome, Broken> {
        let by_ticket = matches!(newcomer.entitled, Entitled::ByTicket(_));
        match self.enrolled(pamh, store, account, newcomer) {
            Ok(enrolled) => {
                if by_ticket {
                    self.tell_of_ticket(account, Ok(()));
                }
                Ok(Outcome::Enrolled(enrolled))
            }
            Err(Stop::Unfinished(why)) if by_ticket => Ok(Outcome::Unfinished(why)),
            Err(Stop::Unfinished(Unfinished::Cancelled)) => self.cancelled(store, account),
            Err(Stop::Unfinished(why)) => Ok(Outcome::Unfinished(why)),
            Err(Stop::Busy) => Ok(Outcome::Refused(Reason::Busy.into())),
            Err(Stop::Broken(broken)) => Err(broken),
        }
    }

    /// Enrols somebody whose answer was the ticket of a reset, whatever `enroll_at_login` says: that is what it was made for.
    /// Whoever types it has passed a first factor; without one a ticket that was overheard would be all there is. `None`: it
    /// was not, and the refusal stands.
    pub(crate) fn by_ticket(
        &mut self,
        pamh: &PamHandle,
        store: &Store,
        account: &Account,
        typed: &[u8],
    ) -> Result<Option<Outcome>, Broken> {
        let Some(Answer::Recovery(code)) = Answer::recognise(typed) else { return Ok(None) };
        if !self.is_introduced() || self.is_silent || store.reset(&account.user)?.is_none() {
            return Ok(None);
        }
        let Some(entry) = store.entry(&account.user, PATIENCE)? else {
            return Ok(Some(Outcome::Refused(Reason::Busy.into())));
        };
        let tried = readmission::try_ticket(&entry, account, &code, clock::now()?.realtime)?;
        drop(entry);
        // It was raised for the judging; nobody is asked anything while it is up.
        self.lower_shield()?;
        match tried {
            Tried::NoReset => Ok(None),
            Tried::Refused(why) => {
                self.tell_of_ticket(account, Err(why));
                Ok(Some(Outcome::Unfinished(Unfinished::NotAdmitted(why))))
            }
            Tried::Admitted(admitted) => {
                let entitled = Entitled::ByTicket(admitted);
                self.enroll(pamh, store, account, &Newcomer { excuse: None, entitled }).map(Some)
            }
        }
    }

    /// The line about a ticket, and the notice of it, beside those of the login.
    fn tell_of_ticket(&mut self, account: &Account, taken: Result<(), NotTaken>) {
        let event = self.audit.ticket(account.user.as_str(), taken);
        if taken.err().is_none_or(NotTaken::is_judged) {
            self.notify(&event);
        }
    }

    /// The policy decides once more: an excuse of minutes ago would let past whoever kept a connection open until the
    /// account was enrolled elsewhere.
    fn cancelled(&mut self, store: &Store, account: &Account) -> Result<Outcome, Broken> {
        Ok(match self.required(store, account)? {
            Required::Decided(Decision::Enroll(Some(unenrolled))) => Outcome::NotEnrolled(unenrolled),
            Required::Decided(Decision::Enroll(None)) => Outcome::Unfinished(Unfinished::Cancelled),
            Required::Decided(
                Decision::Ask | Decision::Waive(_) | Decision::Recognised | Decision::LetPast(_),
            )
            | Required::Remembered(_) => Outcome::Unfinished(Unfinished::Meanwhile),
        })
    }

    fn enrolled(
        &mut self,
        pamh: &PamHandle,
        store: &Store,
        account: &Account,
        newcomer: &Newcomer<'_>,
    ) -> Result<Enrolled, Stop> {
        // Before a person scans anything: what could fail afterwards and can be known now.
        drop(self.keyring()?);
        store.prepare()?;
        self.debug("enrolling");
        let label = Label::parse(LABEL).map_err(EnrolmentError::from)?;
        let draft =
            Draft::generate(label, Parameters::EVERY_APP, &mut OsEntropy).map_err(EnrolmentError::from)?;
        let confirmed = self.confirmed(pamh, draft, account, newcomer.excuse)?;
        let prepared = self.prepared(account, confirmed)?;
        self.saved(pamh, &prepared)?;
        self.debug("committing");
        // Until the line about it is written, as where a code is judged.
        self.raise_shield();
        let _lock = store.lock_to_seal(PATIENCE)?.ok_or(Stop::Busy)?;
        if !prepared.is_sealed_with(&self.keyring()?) {
            return Err(Unfinished::KeysRotated.into());
        }
        let entry = store.entry(&account.user, PATIENCE)?.ok_or(Stop::Busy)?;
        let now = clock::now()?;
        match readmission::admit(&entry, account, &newcomer.entitled, now.realtime) {
            Ok(()) => {}
            Err(NotAdmitted::Store(error)) => return Err(error.into()),
            Err(NotAdmitted::Ticket(why)) => {
                self.tell_of_ticket(account, Err(why));
                return Err(Unfinished::NotAdmitted(why).into());
            }
        }
        match prepared.commit_at_login(entry, now) {
            Ok(enrolled) => Ok(enrolled),
            Err(EnrolmentError::AlreadyEnrolled) => Err(Unfinished::Meanwhile.into()),
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
        let uid = uid.ok_or(Unfinished::Cancelled)?;
        if let Some(wait) = counted.wait(uid, clock::now()?.boottime)? {
            // Whoever may put it off is not kept out by it.
            let may_wait = Unfinished::Limited(wait);
            return Err(if excuse.is_some() { Unfinished::Cancelled } else { may_wait }.into());
        }
        let issuer = issuer();
        let card = Card::of(&draft, &issuer, account);
        tell(pamh, &texts::opening(&card, &issuer, account, excuse))?;
        let (mut codes, mut repeats) = (TRIES, REPEATS);
        loop {
            let typed = self.answer(pamh, &texts::code_prompt(excuse))?;
            match typed.as_bytes().trim_ascii() {
                b"" => return Err(Unfinished::Cancelled.into()),
                shown @ (b"ascii" | b"uri") => {
                    repeats = repeats.checked_sub(1).ok_or(Unfinished::Cancelled)?;
                    let once_more =
                        if shown == b"uri" { texts::uri(&card) } else { texts::qr(&card, Drawing::Ascii) };
                    tell(pamh, &once_more)?;
                }
                code => {
                    codes = codes.saturating_sub(1);
                    let now = clock::now()?;
                    // Before it is looked at: others may try at the same time.
                    if let Err(wait) = counted.charge(uid, now.boottime)? {
                        return Err(Unfinished::Limited(wait).into());
                    }
                    match draft.confirm(code, now) {
                        Ok(confirmed) => {
                            // Where it fails the next enrolment waits, at most.
                            let _ = counted.forget(uid);
                            return Ok(confirmed);
                        }
                        Err((_, why)) if codes == 0 => return Err(Unfinished::NotConfirmed(why).into()),
                        Err((back, why)) => {
                            draft = back;
                            say(pamh, PAM_ERROR_MSG, &texts::not_confirmed(why, codes))?;
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
        let mut desk = Desk { keyring: &keyring, entropy: &mut OsEntropy, created, now };
        Ok(prepare(account, &[confirmed], self.config.recovery_codes, &mut desk)?)
    }

    /// Shows the recovery codes until it is said that they are saved.
    fn saved(&self, pamh: &PamHandle, prepared: &Prepared) -> Result<(), Stop> {
        tell(pamh, &texts::recovery_codes(prepared.recovery_codes()))?;
        for _ in 0..REPEATS {
            let typed = self.answer(pamh, texts::SAVED_PROMPT)?;
            match typed.as_bytes().trim_ascii() {
                b"" => break,
                yes if yes.eq_ignore_ascii_case(b"yes") => return Ok(()),
                _ => {}
            }
        }
        Err(Unfinished::Cancelled.into())
    }

    /// Shown while it is typed: the card is on the same screen, and the code is used up by it.
    fn answer(&self, pamh: &PamHandle, prompt: &str) -> Result<SecretBytes, Stop> {
        let asked = Instant::now();
        let typed = ask(pamh, PAM_PROMPT_ECHO_ON, prompt).ok_or(Unfinished::Conversation)?;
        if asked.elapsed() > Duration::from_secs(self.config.answer_within.0) {
            return Err(Unfinished::Late.into());
        }
        Ok(typed)
    }
}

/// The card and the codes are shown also where `quiet` is set: without them there is no enrolment.
fn tell(pamh: &PamHandle, text: &Secret) -> Result<(), Stop> {
    Ok(conversation::say(pamh, PAM_TEXT_INFO, text).map_err(|_| Unfinished::Conversation)?)
}

fn say(pamh: &PamHandle, style: pam::constants::PamMessageStyle, text: &str) -> Result<(), Stop> {
    let text = Secret::new(text.as_bytes().to_vec());
    Ok(conversation::say(pamh, style, &text).map_err(|_| Unfinished::Conversation)?)
}

/// The name of this machine, as at the desk.
fn issuer() -> Issuer {
    let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    host.ok().and_then(|host| Issuer::parse(&host).ok()).unwrap_or_else(Issuer::nameless)
}
