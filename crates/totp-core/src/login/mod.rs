//! Judging a login after the answer: hold the enrolment, read the clock, judge, record, and only then [`Verified`].
//!
//! `judging` is the pure step, `sealed_verdict` what it returns, [`verdict`] has the words of its result, and this file is the sequence around both.

mod before;
#[cfg(test)]
mod counter_history_tests;
#[cfg(test)]
mod counter_tests;
mod judging;
mod line_count;
#[cfg(test)]
mod moved_in_tests;
mod sealed_verdict;
mod source_confirmed;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod tests;
mod verdict;

pub use line_count::count_lines;
pub use source_confirmed::{UnconfirmedSource, confirm_source};
pub use verdict::{ForeignTries, JudgeError, Method, Reason, Refusal, SinceLast, TokenAdvice, Unrecorded};
pub use verified::Verified;

use crate::code::Answer;
use crate::config::Config;
use crate::credential::Credential;
use crate::factor::Windows;
use crate::keyring::Keyring;
use crate::ledger::LoginMethod;
use crate::lockout::{Limit, RiskRules, Source};
use crate::store::{Charging, Durability, Held, Hold, Store, StoreError};
use crate::time::Now;
use crate::user::{Account, User};
use before::Question;
use judging::{Begun, begin};
use std::time::Duration;
use verified::commit;

/// How often a login is judged anew after another process changed the enrolment first. Each time one of them succeeded.
const MOST_ROUNDS: usize = 8;

/// The rules of the config.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How far the windows of the factors reach.
    pub windows: Windows,
    /// The limit on attempts.
    pub limit: Limit,
    /// How much guessing is allowed within a year.
    pub risk: RiskRules,
}

impl From<&Config> for Rules {
    fn from(config: &Config) -> Self {
        Self { windows: config.windows(), limit: config.limit, risk: config.risk }
    }
}

/// An answer to be judged.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// The account that wants to log in.
    pub account: &'a Account,
    /// What was typed.
    pub answer: &'a Answer,
    /// Where it comes from.
    pub source: &'a Source,
    /// Whether a first factor is known to have passed.
    pub has_first_factor: bool,
    /// The rules that apply.
    pub rules: &'a Rules,
    /// How long to wait for another process that holds the user.
    pub patience: Duration,
}

/// What the sequence asks of the machine.
pub trait Host {
    /// An error that ends the sequence without a verdict.
    type Error;

    /// Reads the clocks. Called after each hold, because the previous holder may have recorded a later time than that
    /// of the prompt.
    ///
    /// # Errors
    /// The clock cannot be used.
    fn now(&mut self) -> Result<Now, Self::Error>;

    /// The keyring as last read, which may have been before the hold.
    ///
    /// # Errors
    /// The keyring is missing or cannot be read.
    fn keyring(&mut self) -> Result<&Keyring, Self::Error>;

    /// Reads the keyring again. Called if a held credential names a key that [`Host::keyring`] lacks: keys may have
    /// been rotated since, and a key is in the keyring before a credential names it.
    ///
    /// # Errors
    /// As [`Host::keyring`].
    fn reread_keyring(&mut self) -> Result<(), Self::Error>;

    /// How many lines about the account the log did not take before, as the ledger has it. Called after each hold.
    fn lost_lines(&mut self, count: u32);

    /// Turns an error of the sequence into the front end's.
    fn error(&self, error: JudgeError) -> Self::Error;
}

/// The verdict on a login.
pub enum Verdict {
    /// The code was right and its use is recorded.
    Accepted(Verified),
    /// The login is refused.
    Refused(Refusal),
    /// The login is refused like one with a wrong code, because the result could not be recorded.
    Unrecorded(Unrecorded),
}

impl From<Reason> for Verdict {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}

/// The proof, in a module of its own: a private field can be named in the modules below the one that has it, so in `login`
/// itself the pure step could make one.
mod verified {
    use super::sealed_verdict::{Decided, SealedVerdict};
    use super::{JudgeError, Method, Reason, Refusal, SinceLast, Verdict};
    use crate::lockout::guesses::Charged;
    use crate::random::Id;
    use crate::store::Held;

    /// Proof that a code was right and its use is recorded. Made in one place, after the ledger was replaced.
    pub struct Verified {
        method: Method,
        credential: Id,
        since_last: SinceLast,
        is_new_source: bool,
    }

    impl Verified {
        /// How the login was accepted.
        #[must_use]
        pub fn method(&self) -> &Method {
            &self.method
        }

        /// What happened since the login before it.
        #[must_use]
        pub fn since_last(&self) -> SinceLast {
            self.since_last
        }

        /// Whether its source was not known before, and is now.
        #[must_use]
        pub fn is_new_source(&self) -> bool {
            self.is_new_source
        }

        /// The enrolment of the code.
        #[must_use]
        pub fn credential(&self) -> Id {
            self.credential
        }
    }

    /// Records what belongs to the verdict and then opens it. The hold and the seal are used up.
    pub(super) fn commit<H: Held>(sealed: SealedVerdict, held: H) -> Result<Verdict, JudgeError> {
        Ok(match sealed.open(held)? {
            // The only place where this proof is made.
            Decided::Right { method, credential, since_last, is_new_source } => {
                Verdict::Accepted(Verified { method, credential, since_last, is_new_source })
            }
            Decided::Refused(refusal) => Verdict::Refused(refusal),
            Decided::Failed(error) => return Err(error),
            Decided::Unrecorded(unrecorded) => Verdict::Unrecorded(unrecorded),
            // Done after the record: it only tells the log whether a clock is off.
            Decided::Wrong { charged: Charged { row, lock, warning }, search, token, unusable } => {
                let clock_off = search.run().map(Reason::ClockOff);
                let reason = clock_off.or(unusable.map(Reason::from)).unwrap_or(Reason::Wrong);
                Verdict::Refused(Refusal { reason, lock, warning, next_code: None, token, row: Some(row) })
            }
        })
    }
}

impl SinceLast {
    /// Whether there is something that the user has to check.
    #[must_use]
    pub fn is_news(&self) -> bool {
        let by_recovery = self.login.is_some_and(|login| login.method == LoginMethod::RecoveryCode);
        self.wrong > 0 || self.device || by_recovery
    }
}

/// Judges an answer and records the result. No code is looked at without being charged.
///
/// A code that can be guessed is charged as a wrong one before the look, or in the same record as the result of the
/// look, as the engine states ([`Store::CHARGING`]); a right one gets its charge back. An engine that charges before the look has
/// also shown by then that it can write the record. A refusal by limit, lock or disabling records nothing. After a lost comparison the login is judged anew, with a fresh clock.
///
/// # Errors
/// [`Host::Error`] if no judgement could be made or recorded.
pub fn judge<S: Store, H: Host>(
    store: &S,
    submission: &Submission<'_>,
    host: &mut H,
) -> Result<Verdict, H::Error> {
    let Submission { account, patience, .. } = *submission;
    let verdict = with_hold(store, &account.user, patience, host, |held, now, keyring| {
        judge_held(held, S::CHARGING, submission, now, keyring)
    })?;
    Ok(match verdict {
        Hold::Held(verdict) => verdict,
        Hold::NotEnrolled if account.uid.is_some() => Reason::NotEnrolled.into(),
        Hold::NotEnrolled => Reason::UnknownUser.into(),
        Hold::Busy => Reason::Busy.into(),
    })
}

fn judge_held<H: Held>(
    mut held: H,
    charging: Charging,
    submission: &Submission<'_>,
    now: Now,
    keyring: &Keyring,
) -> Result<Verdict, JudgeError> {
    let sealed = match begin(&question(submission, held.credential(), now, keyring), held.ledger())? {
        Begun::Judged(sealed) => *sealed,
        Begun::Recovery(attempt) => {
            match charging {
                Charging::BeforeLook => held.check_writable()?,
                Charging::WithCommit => {}
            }
            attempt.look(&question(submission, held.credential(), now, keyring))?
        }
        Begun::Attempt(attempt) => {
            match charging {
                Charging::BeforeLook => {
                    match attempt.durability(held.credential()) {
                        Durability::Machine => held.check_writable()?,
                        // It goes to where the charge goes.
                        Durability::Process => {}
                    }
                    held.replace(attempt.charge().ledger(), attempt.charge().durability())?;
                }
                // The charge is part of what is committed below.
                Charging::WithCommit => {}
            }
            attempt.look(&question(submission, held.credential(), now, keyring), charging)
        }
    };
    commit(sealed, held)
}

fn question<'a>(
    submission: &Submission<'a>,
    credential: &'a Credential,
    now: Now,
    keyring: &'a Keyring,
) -> Question<'a> {
    let Submission {
        account, answer, source, has_first_factor, rules: Rules { windows, limit, risk }, ..
    } = *submission;
    Question { credential, account, answer, source, has_first_factor, now, windows, limit, risk, keyring }
}

/// Runs `act` with the held enrolment of `user`, with the clock and the keyring read after the hold. If another process
/// changed the enrolment first, starts again from the hold; [`Hold::Busy`] if that does not end.
pub(crate) fn with_hold<S: Store, H: Host, T>(
    store: &S,
    user: &User,
    patience: Duration,
    host: &mut H,
    mut act: impl FnMut(S::Held, Now, &Keyring) -> Result<T, JudgeError>,
) -> Result<Hold<T>, H::Error> {
    for _ in 0..MOST_ROUNDS {
        let held = match store.hold(user, patience).map_err(|error| host.error(error.into()))? {
            Hold::Held(held) => held,
            Hold::NotEnrolled => return Ok(Hold::NotEnrolled),
            Hold::Busy => return Ok(Hold::Busy),
        };
        host.lost_lines(held.ledger().lost_lines());
        let now = host.now()?;
        if !held.credential().has_keys_in(host.keyring()?) {
            host.reread_keyring()?;
        }
        match act(held, now, host.keyring()?) {
            Ok(done) => return Ok(Hold::Held(done)),
            Err(JudgeError::Store(StoreError::Conflict)) => {}
            Err(error) => return Err(host.error(error)),
        }
    }
    Ok(Hold::Busy)
}
