//! A login after the answer: hold the enrolment, read the clock, judge, record, and only then [`Verified`].
//!
//! [`judging`] is pure; what stands around it is here, and the seal between the two is [`verdict`]'s.

mod judging;
mod submission;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use judging::check_owner;
pub use submission::{JudgeError, Rules, Submission};
pub use verdict::{Method, Reason, Refusal, SinceLast, Verdict, Verified};

use crate::keyring::Keyring;
use crate::store::{Charging, Held, Hold, Store, StoreError};
use crate::time::Now;
use crate::user::User;
use judging::{Begun, Question, begin};
use std::time::Duration;

/// How often an enrolment that others change at the same time is judged anew. Each time one of them got through.
const MOST_ROUNDS: usize = 8;

/// What a sequence reads of the machine that it runs on.
pub trait Host {
    /// What ends the sequence without a verdict.
    type Error;

    /// The clocks. Asked for once after each hold: who held before may have recorded a later time than that of the question.
    ///
    /// # Errors
    /// There is no clock to go by.
    fn now(&mut self) -> Result<Now, Self::Error>;

    /// The keyring as it was last read; it may have been before the hold.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    fn keyring(&mut self) -> Result<&Keyring, Self::Error>;

    /// Reads the keyring anew. Asked for where a held credential names a key that [`Host::keyring`] lacks: keys may have been rotated
    /// since that was read, and those of a credential were in the keyring before it named them.
    ///
    /// # Errors
    /// As [`Host::keyring`].
    fn reread_keyring(&mut self) -> Result<(), Self::Error>;

    /// What this front end makes of an error of the sequence itself.
    fn error(&self, error: JudgeError) -> Self::Error;
}

/// Judges an answer and records what came of it: there is no looking without spending.
///
/// A code that can be guessed is charged as a wrong one before it is looked at, or in the same record as what came of the look,
/// as the engine states ([`Store::CHARGING`]); a right one is not charged in the end. A refusal by limit, lock or disabling
/// records nothing. An engine that lost a comparison to another process is asked anew, with a fresh clock.
///
/// # Errors
/// [`Host::Error`] where no judgement could be made or recorded.
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
    let sealed = match begin(&Question::of(submission, held.credential(), now, keyring), held.ledger())? {
        Begun::Judged(sealed) => *sealed,
        Begun::Attempt(attempt) => {
            match charging {
                Charging::BeforeLook => {
                    held.replace(attempt.charge().ledger(), attempt.charge().durability())?;
                }
                // It is part of what is committed below.
                Charging::WithCommit => {}
            }
            attempt.look(&Question::of(submission, held.credential(), now, keyring), charging)?
        }
    };
    Ok(sealed.commit(held)?)
}

/// Lets `act` have the enrolment of `user`, held, with the clock and the keyring read after the hold; anew from the hold on where
/// another process changed it first. [`Hold::Busy`] also where that went on all the time.
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
