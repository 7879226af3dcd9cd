//! The login's sequence after the answer: hold, limit, judge, record, and only then [`Verified`].

use crate::code::Answer;
use crate::credential::{Label, RecoverySet};
use crate::keyring::{Keyring, OpenError};
use crate::ledger::{LastLogin, Ledger, LoginMethod};
use crate::limit::{Limit, Standing};
use crate::recovery;
use crate::secret::Secret;
use crate::store::{Durability, Held, StoreError};
use crate::time::{Now, Seconds};
use crate::totp::{Match, Window, match_code};
use crate::user::User;

/// Who asks to be let in, as the system knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The canonical name.
    pub user: User,
    /// The uid; `None` where the system does not know the account.
    pub uid: Option<u32>,
}

/// What the config asks for.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Steps accepted each side of the clock's.
    pub drift_steps: u64,
    /// How many tries, how fast.
    pub limit: Limit,
}

/// What a login came to.
pub enum Verdict {
    /// The code was right and its use is recorded.
    Accepted(Verified),
    /// It was not let in.
    Refused(Refusal),
}

/// Proof that a code was right and that its use is recorded. It is made in one place, after the ledger was replaced.
pub struct Verified {
    method: Method,
}

/// What a login was accepted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A TOTP code of this authenticator.
    Totp {
        /// Its label.
        authenticator: Label,
    },
    /// A recovery code.
    RecoveryCode {
        /// How many are left.
        left: usize,
    },
}

impl Verified {
    /// What it was accepted by.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }
}

/// Why a login was not let in, and what followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The length of the lock that this try started.
    pub lock: Option<Seconds>,
}

/// Why a login was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No code near is this one.
    Wrong,
    /// Right for a clock this many steps ahead, or behind if negative: the phone's clock, or this machine's, is off.
    ClockOff {
        /// Steps.
        steps: i64,
    },
    /// The code was used before.
    Replayed,
    /// The machine's clock stands before the last accepted code by this time.
    ClockBack(Seconds),
    /// The code may have been used before this boot; a later one is good in this time.
    BeforeBoot(Seconds),
    /// The answer came too late.
    Late,
    /// The answer cannot be a code; nothing was charged.
    Malformed,
    /// Too many tries in a short time; again in this time.
    Limited(Seconds),
    /// Locked for this time.
    Locked(Seconds),
    /// Disabled after too many wrong codes in a row.
    Disabled,
    /// The user has no enrolment.
    NotEnrolled,
    /// Neither the system nor the store knows the name.
    UnknownUser,
    /// Somebody else held the ledger all the time.
    Busy,
    /// The conversation gave no answer.
    Conversation,
}

impl Reason {
    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::ClockOff { .. } => "clock_off",
            Self::Replayed => "replayed",
            Self::ClockBack(_) => "clock_back",
            Self::BeforeBoot(_) => "before_boot",
            Self::Late => "late",
            Self::Malformed => "malformed",
            Self::Limited(_) => "limited",
            Self::Locked(_) => "locked",
            Self::Disabled => "disabled",
            Self::NotEnrolled => "not_enrolled",
            Self::UnknownUser => "unknown_user",
            Self::Busy => "busy",
            Self::Conversation => "conversation",
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, lock: None }
    }
}

impl From<Reason> for Verdict {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}

/// Why nothing could be judged. Nobody is let in, and nobody is taken for not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A seal does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The account of that name is not the one that was enrolled.
    #[error(
        "the account has another uid than the one that was enrolled: if it is the same person, enrol again with --replace"
    )]
    OtherAccount,
    /// The ledger has no place for an authenticator of the credential.
    #[error(
        "the ledger does not fit the credential: \"totp-enroll unlock --repair\" makes a new one and voids the recovery codes"
    )]
    LedgerDoesNotFit,
}

/// Judges an answer and records what came of it. The hold is used up: there is no looking without spending.
///
/// `now` was read after the answer came.
///
/// # Errors
/// [`Trouble`] where no judgement could be made or recorded.
pub fn judge<H: Held>(
    held: H,
    account: &Account,
    answer: &Answer,
    now: Now,
    rules: &Rules,
    keyring: &Keyring,
) -> Result<Verdict, Trouble> {
    if held.credential().owner().uid.is_some_and(|uid| account.uid != Some(uid)) {
        return Err(Trouble::OtherAccount);
    }
    let standing = rules.limit.standing(&held.ledger().tries, now.realtime);
    match (answer, standing) {
        (Answer::Totp(code), Standing::Open) => Attempt { held, now, rules, keyring }.totp(code),
        (Answer::Totp(_), barred) => Ok(barred.into()),
        // 80 bits are not guessed: a recovery code is judged whatever the lock says, so that nobody can be locked out.
        (Answer::Recovery(code), standing) => Attempt { held, now, rules, keyring }.recovery(code, standing),
    }
}

impl From<Standing> for Verdict {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Open => Reason::Wrong,
            Standing::Limited(wait) => Reason::Limited(wait),
            Standing::Locked(wait) => Reason::Locked(wait),
            Standing::Disabled => Reason::Disabled,
        }
        .into()
    }
}

struct Attempt<'a, H> {
    held: H,
    now: Now,
    rules: &'a Rules,
    keyring: &'a Keyring,
}

impl<H: Held> Attempt<'_, H> {
    fn totp(self, code: &Secret) -> Result<Verdict, Trouble> {
        let mut ledger = self.held.ledger().clone();
        let mut refused = Reason::Wrong;
        let mut accepted = None;
        for (at, authenticator) in self.held.credential().authenticators().iter().enumerate() {
            let progress = ledger.progress.get_mut(at).ok_or(Trouble::LedgerDoesNotFit)?;
            let secret = self.held.credential().open(authenticator, self.keyring)?;
            let window =
                Window { last_step: progress.last_step, drift_steps: self.rules.drift_steps, now: self.now };
            match match_code(authenticator.parameters(), &secret, code, window) {
                Match::Step(step) => {
                    // Every authenticator that it fits is moved on, so that one code cannot be used once for each.
                    progress.last_step = step;
                    if progress.confirmed_at == 0 {
                        progress.confirmed_at = self.now.realtime;
                    }
                    accepted.get_or_insert_with(|| authenticator.label().clone());
                }
                found @ (Match::Replayed
                | Match::ClockBack(_)
                | Match::BeforeBoot(_)
                | Match::ClockOff(_)
                | Match::Wrong) => refused = more_telling(refused, found),
            }
        }
        match (accepted, refused) {
            (Some(authenticator), _) => {
                ledger.tries.succeed();
                self.accept(ledger, Method::Totp { authenticator }, Durability::Process)
            }
            // Not a guess: the code was right once. Charging it would let a replayer lock the person out.
            (None, Reason::Replayed | Reason::ClockBack(_) | Reason::BeforeBoot(_)) => Ok(refused.into()),
            (None, _) => self.charge(ledger, refused),
        }
    }

    fn recovery(self, code: &Secret, standing: Standing) -> Result<Verdict, Trouble> {
        let Some((set, at)) = self.find(code)? else {
            // Nothing is charged: 80 bits are not guessed, and a password of sixteen characters that sshd passed on looks
            // like a recovery code and must not lock its owner out.
            return Ok(standing.into());
        };
        let mut ledger = self.held.ledger().clone();
        let mut marks = ledger.marks_of(set.id);
        let codes = set.hashes.len();
        match marks.used.get_mut(at) {
            Some(used) if *used == 0 => *used = self.now.realtime.max(1),
            _ => return Ok(Reason::Replayed.into()),
        }
        let spent = marks.used.iter().take(codes).filter(|&&used| used != 0).count();
        ledger.recovery = marks;
        ledger.tries.forgive();
        self.accept(ledger, Method::RecoveryCode { left: codes.saturating_sub(spent) }, Durability::Machine)
    }

    fn find(&self, code: &Secret) -> Result<Option<(RecoverySet, usize)>, Trouble> {
        let credential = self.held.credential();
        let Some(set) = credential.recovery() else { return Ok(None) };
        let pepper = credential.open_pepper(set, self.keyring)?;
        let of = recovery::Set { pepper: &pepper, user: &credential.owner().user, id: set.id };
        Ok(of.find(code, &set.hashes).map(|at| (set.clone(), at)))
    }

    fn charge(self, mut ledger: Ledger, reason: Reason) -> Result<Verdict, Trouble> {
        let lock = self.rules.limit.charge(&mut ledger.tries, self.now.realtime);
        let durability = if lock.is_some() { Durability::Machine } else { Durability::Process };
        self.held.replace(&ledger, durability)?;
        Ok(Verdict::Refused(Refusal { reason, lock }))
    }

    fn accept(self, mut ledger: Ledger, method: Method, durability: Durability) -> Result<Verdict, Trouble> {
        let by = match method {
            Method::Totp { .. } => LoginMethod::Totp,
            Method::RecoveryCode { .. } => LoginMethod::RecoveryCode,
        };
        ledger.last_login = Some(LastLogin { at: self.now.realtime, method: by });
        self.held.replace(&ledger, durability)?;
        // The one place where success is made.
        Ok(Verdict::Accepted(Verified { method }))
    }
}

/// Of two reasons the one that tells the administrator more; a code that was right once outranks a clock that is off.
fn more_telling(known: Reason, found: Match) -> Reason {
    let found = match found {
        Match::Step(_) | Match::Wrong => return known,
        Match::Replayed => Reason::Replayed,
        Match::ClockBack(seconds) => Reason::ClockBack(Seconds(seconds)),
        Match::BeforeBoot(seconds) => Reason::BeforeBoot(Seconds(seconds)),
        Match::ClockOff(steps) => Reason::ClockOff { steps },
    };
    let is_guess = matches!(known, Reason::Wrong) || matches!((known, found), (Reason::ClockOff { .. }, _));
    if is_guess { found } else { known }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
