//! The login's sequence after the answer: hold, limit, judge, record, and only then [`Verified`].

mod refusal;
mod since;
mod typed;

pub use refusal::{Reason, Refusal};
pub use since::SinceLast;

use crate::account::Account;
use crate::code::Answer;
use crate::credential::{Authenticator, Label, RecoverySet};
use crate::id::Id;
use crate::keyring::{Keyring, OpenError};
use crate::ledger::{LastLogin, Ledger, LoginMethod, RecoveryMarks};
use crate::limit::{Limit, Standing};
use crate::recovery::{self, SCRATCH_DIGITS};
use crate::secret::Secret;
use crate::store::{Durability, Held, StoreError};
use crate::time::{Now, Seconds};
use crate::totp::{Drift, Generator, Match, Window};
use typed::Typed;

/// What the config asks for.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Steps accepted each side of the clock's.
    pub drift_steps: u64,
    /// The most that any service of this machine accepts: its logins may have used codes that far ahead.
    pub greatest_drift_steps: u64,
    /// How many tries, how fast.
    pub limit: Limit,
}

impl Rules {
    /// Steps accepted each side of the clock's of this authenticator.
    fn drift_of(&self, authenticator: &Authenticator) -> u64 {
        authenticator.drift().map_or(self.drift_steps, Drift::steps)
    }

    /// The most that any login of it accepts.
    fn greatest_drift_of(&self, authenticator: &Authenticator) -> u64 {
        self.greatest_drift_steps.max(self.drift_of(authenticator))
    }
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
    credential: Id,
    since_last: SinceLast,
}

/// What a login was accepted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A TOTP code of this authenticator.
    Totp {
        /// Its label.
        authenticator: Label,
        /// How many digits it had.
        digits: u8,
    },
    /// A recovery code.
    RecoveryCode {
        /// Whose making it was.
        kind: recovery::Kind,
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

    /// What happened since the login before it.
    #[must_use]
    pub fn since_last(&self) -> SinceLast {
        self.since_last
    }

    /// The enrolment that the code was one of.
    #[must_use]
    pub fn credential(&self) -> Id {
        self.credential
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
        "the ledger does not fit the credential: \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes"
    )]
    LedgerDoesNotFit,
}

/// Judges an answer and records what came of it. The hold is used up: there is no looking without spending.
///
/// A TOTP code is charged as a wrong one *before* it is looked at, and a right one is refunded: whoever starts the host
/// may see to it that it is killed, or cannot write, at a moment of their choosing (`su` keeps its caller's timers and
/// resource limits), and must not get a guess for nothing by it.
///
/// `now` was read while the ledger was held.
///
/// # Errors
/// [`Trouble`] where no judgement could be made or recorded.
pub fn judge<H: Held>(
    mut held: H,
    account: &Account,
    answer: &Answer,
    now: Now,
    rules: &Rules,
    keyring: &Keyring,
) -> Result<Verdict, Trouble> {
    check_owner(&held, account)?;
    let mut ledger = held.ledger().clone();
    if ledger.tries.settle(now.realtime) {
        held.replace(&ledger, Durability::Process)?;
    }
    let standing = rules.limit.standing(&ledger.tries, now.realtime);
    let attempt = Attempt { held, ledger, now, rules, keyring };
    match (answer, standing) {
        (Answer::Totp(code), Standing::Open) => attempt.totp(&Typed::Alone(code)),
        (Answer::Trailing(code), Standing::Open) => attempt.totp(&Typed::BehindPassword(code)),
        (Answer::Totp(_) | Answer::Trailing(_), barred) => Ok(barred.into()),
        // 80 bits are not guessed: a recovery code is judged whatever the lock says, so that nobody can be locked out.
        (Answer::Recovery(code), standing) => attempt.recovery(code, standing),
    }
}

/// An account that was deleted and made again under the same name inherits nothing.
pub(crate) fn check_owner<H: Held>(held: &H, account: &Account) -> Result<(), Trouble> {
    match held.credential().owner().uid {
        Some(uid) if account.uid != Some(uid) => Err(Trouble::OtherAccount),
        Some(_) | None => Ok(()),
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
    ledger: Ledger,
    now: Now,
    rules: &'a Rules,
    keyring: &'a Keyring,
}

impl<H: Held> Attempt<'_, H> {
    fn totp(mut self, typed: &Typed<'_>) -> Result<Verdict, Trouble> {
        let generators = self.generators()?;
        let codes: Vec<Option<Secret>> =
            generators.iter().map(|generator| typed.code(generator.parameters().digits())).collect();
        let scratch = typed.code(SCRATCH_DIGITS).filter(|_| self.has_scratch_codes());
        if codes.iter().all(Option::is_none) && scratch.is_none() {
            return Ok(Reason::Malformed.into());
        }
        let mut charged = self.ledger.clone();
        let lock = self.rules.limit.charge(&mut charged.tries, self.now.realtime);
        self.held.replace(&charged, Durability::Process)?;
        match self.find_step(&generators, &codes) {
            Found::Fresh { authenticator, digits } => {
                let since_last = SinceLast::of(&self.ledger);
                self.ledger.tries.succeed();
                self.accept(Method::Totp { authenticator, digits }, since_last, Durability::Process)
            }
            // Not a guess: the code was right once. Charging it would let a replayer lock the person out.
            Found::Stale(refusal) => {
                self.held.replace(&self.ledger, Durability::Process)?;
                Ok(Verdict::Refused(refusal))
            }
            Found::Nothing => {
                if let Some(code) = scratch
                    && let Some((set, at)) = self.find(&code, recovery::Kind::Scratch)?
                {
                    return self.scratch(&set, at);
                }
                if lock.is_some() {
                    self.held.replace(&charged, Durability::Machine)?;
                }
                let drifts: Vec<u64> = self
                    .held
                    .credential()
                    .authenticators()
                    .iter()
                    .map(|one| self.rules.drift_of(one))
                    .collect();
                // Nothing waits for this: it only tells the log whether a clock is off.
                let Self { held, now, .. } = self;
                drop(held);
                let off =
                    generators.iter().zip(&codes).zip(drifts).find_map(|((generator, code), drift)| {
                        generator.clock_off(code.as_ref()?, now, drift)
                    });
                let reason = off.map_or(Reason::Wrong, |steps| Reason::ClockOff { steps });
                Ok(Verdict::Refused(Refusal { reason, lock, next_code: None }))
            }
        }
    }

    fn generators(&self) -> Result<Vec<Generator>, Trouble> {
        let credential = self.held.credential();
        if !self.ledger.fits(credential) {
            return Err(Trouble::LedgerDoesNotFit);
        }
        let opened = credential.authenticators().iter().map(|authenticator| {
            let secret = credential.open(authenticator, self.keyring)?;
            Ok(Generator::new(authenticator.parameters(), &secret))
        });
        opened.collect()
    }

    /// Moves on every authenticator that the code fits, so that one code cannot be used once for each.
    fn find_step(&mut self, generators: &[Generator], codes: &[Option<Secret>]) -> Found {
        let mut found = Found::Nothing;
        let (rules, now) = (self.rules, self.now);
        let authenticators = self.held.credential().authenticators().iter().zip(generators).zip(codes);
        for (((authenticator, generator), code), progress) in authenticators.zip(&mut self.ledger.progress) {
            let Some(code) = code else { continue };
            let window = Window {
                last_step: progress.last_step,
                drift_steps: rules.drift_of(authenticator),
                boot_drift_steps: rules.greatest_drift_of(authenticator),
                now,
            };
            let stale = match generator.find(code, window) {
                Match::Step(step) => {
                    progress.last_step = step;
                    if progress.confirmed_at == 0 {
                        progress.confirmed_at = self.now.realtime;
                    }
                    if !matches!(found, Found::Fresh { .. }) {
                        let digits = authenticator.parameters().digits();
                        found = Found::Fresh { authenticator: authenticator.label().clone(), digits };
                    }
                    continue;
                }
                Match::Replayed => {
                    let next = generator.parameters().starts_after(progress.last_step, self.now.realtime);
                    Refusal { next_code: Some(next), ..Reason::Replayed.into() }
                }
                Match::ClockBack(seconds) => Reason::ClockBack(Seconds(seconds)).into(),
                Match::BeforeBoot(seconds) => Reason::BeforeBoot(Seconds(seconds)).into(),
                Match::Wrong => continue,
            };
            if matches!(found, Found::Nothing) {
                found = Found::Stale(stale);
            }
        }
        found
    }

    fn recovery(mut self, code: &Secret, standing: Standing) -> Result<Verdict, Trouble> {
        let Some((set, at)) = self.find(code, recovery::Kind::Own)? else {
            // Nothing is charged: 80 bits are not guessed, and a password of sixteen characters that sshd passed on looks
            // like a recovery code and must not lock its owner out.
            return Ok(standing.into());
        };
        let mut marks = self.ledger.marks_of(set.id);
        match marks.used.get_mut(at) {
            Some(used) if *used == 0 => *used = self.now.realtime.max(1),
            _ => return Ok(Reason::Replayed.into()),
        }
        let since_last = SinceLast::of(&self.ledger);
        self.ledger.tries.forgive();
        self.spend(&set, marks, since_last)
    }

    /// What was typed is another program's single-use code: 26 bits, which came here only where no lock is and were charged
    /// like a TOTP code's. It ends the row of wrong ones as that does, and forgives nothing.
    fn scratch(mut self, set: &RecoverySet, at: usize) -> Result<Verdict, Trouble> {
        let mut marks = self.ledger.marks_of(set.id);
        match marks.used.get_mut(at) {
            Some(used) if *used == 0 => *used = self.now.realtime.max(1),
            // Not a guess: it was right once.
            _ => {
                self.held.replace(&self.ledger, Durability::Process)?;
                return Ok(Reason::Replayed.into());
            }
        }
        let since_last = SinceLast::of(&self.ledger);
        self.ledger.tries.succeed();
        self.spend(set, marks, since_last)
    }

    fn spend(
        mut self,
        set: &RecoverySet,
        marks: RecoveryMarks,
        since_last: SinceLast,
    ) -> Result<Verdict, Trouble> {
        let left = marks.left(set.hashes.len());
        self.ledger.recovery = marks;
        // Whoever needs one may have lost a device, too.
        self.ledger.devices.clear();
        self.accept(Method::RecoveryCode { kind: set.kind, left }, since_last, Durability::Machine)
    }

    fn has_scratch_codes(&self) -> bool {
        self.held.credential().recovery_kind() == Some(recovery::Kind::Scratch)
    }

    fn find(&self, code: &Secret, kind: recovery::Kind) -> Result<Option<(RecoverySet, usize)>, Trouble> {
        let credential = self.held.credential();
        let Some(set) = credential.recovery().filter(|set| set.kind == kind) else { return Ok(None) };
        let pepper = credential.open_pepper(set, self.keyring)?;
        let of = recovery::Set { pepper: &pepper, user: &credential.owner().user, id: set.id };
        Ok(of.find(code, &set.hashes).map(|at| (set.clone(), at)))
    }

    fn accept(
        mut self,
        method: Method,
        since_last: SinceLast,
        durability: Durability,
    ) -> Result<Verdict, Trouble> {
        let by = match method {
            Method::Totp { .. } => LoginMethod::Totp,
            Method::RecoveryCode { .. } => LoginMethod::RecoveryCode,
        };
        self.ledger.last_login = Some(LastLogin { at: self.now.realtime, method: by });
        self.held.replace(&self.ledger, durability)?;
        let credential = self.held.credential().owner().id;
        // The one place where success by a code is made.
        Ok(Verdict::Accepted(Verified { method, credential, since_last }))
    }
}

/// What the authenticators together make of a code.
enum Found {
    /// It is this one's, and was not used.
    Fresh { authenticator: Label, digits: u8 },
    /// It was right, but is no longer, or not yet.
    Stale(Refusal),
    /// It is nobody's.
    Nothing,
}
