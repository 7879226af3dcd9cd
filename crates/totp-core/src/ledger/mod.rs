//! The ledger: the document of what has happened to a user's codes. [`slot`] has its layout in the file.

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod capacity_tests;
mod fields;
mod records;
pub mod slot;
mod slot_v1;
pub mod slots;
mod source_records;

use crate::account_recovery::ResetNotice;
use crate::credential::Credential;
use crate::factor::Durability;
use crate::factor::{Factor, FactorKind};
use crate::lockout::Guesses;
use crate::lost_lines::LostLines;
use crate::policy::device::Device;
use crate::random::Id;
use crate::recovery::{self, MOST_CODES};

/// A user's ledger. The default belongs to no credential: nobody is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The credential that it belongs to, or [`Id::NONE`].
    pub(crate) credential: Id,
    /// The progress of each authenticator, in the order of the credential.
    pub(crate) progress: Vec<Progress>,
    /// The wrong codes and the budgets of all sources.
    pub(crate) guesses: Guesses,
    pub(crate) recovery: RecoveryMarks,
    pub(crate) last_login: Option<LastLogin>,
    /// At most [`crate::policy::device::MOST_DEVICES`].
    pub(crate) devices: Vec<Device>,
    /// A requested reset. Without one, the slot has the bytes that it had before resets existed.
    pub(crate) notice: Option<ResetNotice>,
    /// Lines about the account that the log did not take.
    pub(crate) lost_lines: LostLines,
}

/// How far one authenticator has been used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// What is used up, in the factor's own count: the last accepted time step, or the next counter ([`crate::factor::hotp`]). A login
    /// only moves it forward.
    pub(crate) used_up_to: u64,
    /// When a code of it was first accepted, seconds since 1970; zero: never.
    pub(crate) confirmed_at: u64,
}

/// Which codes of one recovery set were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecoveryMarks {
    pub(crate) set: Id,
    /// When each was used, seconds since 1970; zero: not yet.
    pub(crate) used: [u64; MOST_CODES],
}

impl RecoveryMarks {
    /// Marks with all of `set` used.
    pub(crate) fn all_used(set: Id, now: u64) -> Self {
        Self { set, used: [now.max(1); MOST_CODES] }
    }

    /// The marks with the code `at` used at `now`, in seconds since 1970; `None`: it was used before.
    pub(crate) fn with_used(mut self, at: usize, now: u64) -> Option<Self> {
        recovery::mark_used(&mut self.used, at, now)?;
        Some(self)
    }

    /// How many codes of a set of `codes` are unused.
    pub(crate) fn left(&self, codes: usize) -> usize {
        self.used.iter().take(codes).filter(|&&used| used == 0).count()
    }
}

/// The last accepted login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastLogin {
    /// Seconds since 1970.
    pub at: u64,
    /// How the login was accepted.
    pub method: LoginMethod,
}

/// How a login was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// A code of a factor of this kind.
    Code(FactorKind),
    /// A recovery code.
    RecoveryCode,
}

impl LoginMethod {
    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code(kind) => kind.as_str(),
            Self::RecoveryCode => "recovery_code",
        }
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::of(Id::NONE, Vec::new())
    }
}

impl Ledger {
    pub(crate) fn of(credential: Id, progress: Vec<Progress>) -> Self {
        let recovery = RecoveryMarks { set: Id::NONE, used: [0; MOST_CODES] };
        Self {
            credential,
            progress,
            guesses: Guesses::default(),
            recovery,
            last_login: None,
            devices: Vec::new(),
            notice: None,
            lost_lines: LostLines::default(),
        }
    }

    /// Whether it has an entry for each authenticator.
    pub(crate) fn fits(&self, credential: &Credential) -> bool {
        self.progress.len() >= credential.authenticators().len()
    }

    /// The marks of `set`; those of an earlier set do not apply to it.
    pub(crate) fn marks_of(&self, set: Id) -> RecoveryMarks {
        if self.recovery.set == set { self.recovery } else { RecoveryMarks { set, used: [0; MOST_CODES] } }
    }

    /// The wrong codes and the budgets of all sources.
    #[must_use]
    pub fn guesses(&self) -> &Guesses {
        &self.guesses
    }

    /// When a code of the authenticator at this position was first accepted, seconds since 1970; `None`: never.
    #[must_use]
    pub fn confirmed_at(&self, place: usize) -> Option<u64> {
        self.progress.get(place).map(|progress| progress.confirmed_at).filter(|&at| at != 0)
    }

    /// What is used up of the authenticator at this position, in its factor's count; `None`: it has no such authenticator.
    #[must_use]
    pub fn used_up_to(&self, place: usize) -> Option<u64> {
        self.progress.get(place).map(|progress| progress.used_up_to)
    }

    /// The last accepted login.
    #[must_use]
    pub fn last_login(&self) -> Option<LastLogin> {
        self.last_login
    }

    /// A requested reset, expired or not.
    #[must_use]
    pub fn notice(&self) -> Option<ResetNotice> {
        self.notice
    }

    /// How many lines about this account the log did not take, at least, and was not told of since.
    #[must_use]
    pub fn lost_lines(&self) -> u32 {
        self.lost_lines.count
    }

    /// The remembered devices, expired or not.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }
}

/// What happened, which decides how durable the record has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// Timestamps from the future were moved to now, and nothing else.
    PulledBack,
    /// An attempt was charged as a wrong code.
    Charged,
    /// A wrong code started a lock.
    Locked,
    /// The charge of a code that was used before was taken back.
    Refunded,
    /// A code of this factor was used.
    CodeUsed(Factor),
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// A remembered device logged in.
    DeviceUsed,
    /// A device was remembered.
    DeviceRemembered,
    /// Lines that the log did not take were counted.
    LinesCounted,
    /// The source of an accepted code became known.
    SourceKnown,
}

impl Happened {
    /// What the record has to outlast before an answer is given.
    pub(crate) fn durability(self) -> Durability {
        match self {
            // If a crash of the machine loses one of these, a guesser gains a few attempts, or a use is forgotten that
            // opens nothing by itself.
            Self::PulledBack
            | Self::Charged
            | Self::Refunded
            | Self::DeviceUsed
            | Self::LinesCounted
            | Self::SourceKnown => Durability::Process,
            Self::CodeUsed(factor) => factor.durability_of_use(),
            Self::Locked | Self::RecoveryCodeUsed | Self::DeviceRemembered => Durability::Machine,
        }
    }
}

/// The next ledger and how durable its record has to be. Made only of what happened.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    ledger: Ledger,
    durability: Durability,
}

impl Record {
    /// The ledger after `happened`.
    pub(crate) fn of(ledger: Ledger, happened: Happened) -> Self {
        Self { ledger, durability: happened.durability() }
    }

    /// The ledger to be recorded.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// How durable the record has to be.
    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_never() {
        let used = [(1, 5), (0, 0)].map(|(used_up_to, confirmed_at)| Progress { used_up_to, confirmed_at });
        let ledger = Ledger::of(Id::new([1; 16]), used.to_vec());
        assert_eq!([0, 1, 2].map(|place| ledger.confirmed_at(place)), [Some(5), None, None]);
        assert_eq!(ledger.last_login(), None);
    }
}
