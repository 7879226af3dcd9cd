//! A verdict that nobody has seen yet, and what it says once its record is made.

use super::verdict::{JudgeError, Method, Refusal, SinceLast, TokenAdvice, Unrecorded};
use crate::code::ClockOff;
use crate::factor::{Codes, Typed, Unusable, Windows};
use crate::ledger::Record;
use crate::lockout::guesses::Charged;
use crate::random::Id;
use crate::store::{Held, StoreError};
use crate::time::Now;

/// A verdict that nobody has seen. It is opened only by recording what belongs to it.
pub(super) struct SealedVerdict {
    record: Option<Record>,
    decided: Decided,
    /// The answer to a wrong code; `None`: no code was looked at.
    as_wrong: Option<Refusal>,
}

/// The content of a sealed verdict.
pub(super) enum Decided {
    /// The code was right.
    Right { method: Method, credential: Id, since_last: SinceLast, is_new_source: bool },
    /// The code was refused for this reason.
    Refused(Refusal),
    /// It is no code of this user.
    Wrong { charged: Charged, search: ClockSearch, token: Option<TokenAdvice>, unusable: Option<Unusable> },
    /// The look began and could not be finished.
    Failed(JudgeError),
    /// A code was looked at, and the result could not be recorded.
    Unrecorded(Unrecorded),
}

impl SealedVerdict {
    /// Seals a decision until `record` is recorded. `None`: there is nothing to record, or nothing that is not recorded
    /// already.
    pub(super) fn until(record: Option<Record>, decided: Decided) -> Self {
        Self { record, decided, as_wrong: None }
    }

    /// The verdict on a code that was looked at.
    pub(super) fn looked_at(self, as_wrong: Refusal) -> Self {
        Self { as_wrong: Some(as_wrong), ..self }
    }

    /// Records what belongs to the verdict, and only then opens the seal. The hold is used up. If the record fails, the verdict is
    /// dropped unseen: from another answer, a caller who can make it fail would learn what the code is.
    ///
    /// # Errors
    /// [`StoreError`]: the record failed, and either no code was looked at or the login is to be judged anew.
    pub(super) fn open<H: Held>(self, mut held: H) -> Result<Decided, StoreError> {
        let Some(record) = &self.record else { return Ok(self.decided) };
        match (held.replace(record.ledger(), record.durability()), self.as_wrong) {
            (Ok(()), _) => Ok(self.decided),
            (Err(error @ StoreError::Conflict), _) | (Err(error), None) => Err(error),
            (Err(error), Some(as_wrong)) => Ok(Decided::Unrecorded(Unrecorded { as_wrong, error })),
        }
    }
}

/// What is needed to search whether a wrong code is right by a clock that is off.
pub(super) struct ClockSearch {
    tried: Vec<(Codes, Option<Typed>)>,
    windows: Windows,
    now: Now,
}

impl ClockSearch {
    pub(super) fn new(tried: Vec<(Codes, Option<Typed>)>, windows: Windows, now: Now) -> Self {
        Self { tried, windows, now }
    }

    /// How far the clock would be off.
    pub(super) fn run(&self) -> Option<ClockOff> {
        self.tried.iter().find_map(|(codes, typed)| codes.clock_off(typed.as_ref()?, &self.windows, self.now))
    }
}
