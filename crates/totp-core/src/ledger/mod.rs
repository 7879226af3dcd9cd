//! The ledger document: what has happened to one user's codes. How it lies in its file is [`slots`]'s.

pub mod slot;
pub mod slots;

use crate::account_recovery::ResetNotice;
use crate::credential::Credential;
use crate::factor::Durability;
use crate::factor::{Factor, FactorKind};
use crate::id::Id;
use crate::lockout::Failures;
use crate::policy::device::Device;
use crate::recovery::MOST_CODES;

/// What has happened. The default belongs to no credential: nobody is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The credential that it belongs to, or [`Id::NONE`].
    pub(crate) credential: Id,
    /// One for each authenticator of the credential, in its order.
    pub(crate) progress: Vec<Progress>,
    pub(crate) failures: Failures,
    pub(crate) recovery: RecoveryMarks,
    pub(crate) last_login: Option<LastLogin>,
    /// At most [`crate::policy::device::MOST_DEVICES`].
    pub(crate) devices: Vec<Device>,
    /// That a reset was requested. Where none was, a slot is what it was before there were resets.
    pub(crate) notice: Option<ResetNotice>,
}

/// How far one authenticator has been used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// All up to this is used up, in the factor's own count: time steps. A login only moves it forward.
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
    /// All of `set` counts as used.
    pub(crate) fn all_used(set: Id, now: u64) -> Self {
        Self { set, used: [now.max(1); MOST_CODES] }
    }

    /// How many of a set of `codes` are not used yet.
    pub(crate) fn left(&self, codes: usize) -> usize {
        self.used.iter().take(codes).filter(|&&used| used == 0).count()
    }
}

/// The last accepted login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastLogin {
    /// Seconds since 1970.
    pub at: u64,
    /// How.
    pub method: LoginMethod,
}

/// What a login was accepted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// A code of a factor of this kind.
    Code(FactorKind),
    /// A recovery code.
    RecoveryCode,
}

impl LoginMethod {
    /// As the log says it.
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
            failures: Failures::default(),
            recovery,
            last_login: None,
            devices: Vec::new(),
            notice: None,
        }
    }

    /// Whether there is a place for each authenticator.
    pub(crate) fn fits(&self, credential: &Credential) -> bool {
        self.progress.len() >= credential.authenticators().len()
    }

    /// The marks of `set`. Those of a set before it mean nothing for this one.
    pub(crate) fn marks_of(&self, set: Id) -> RecoveryMarks {
        if self.recovery.set == set { self.recovery } else { RecoveryMarks { set, used: [0; MOST_CODES] } }
    }

    /// The wrong codes.
    #[must_use]
    pub fn failures(&self) -> &Failures {
        &self.failures
    }

    /// When a code of the authenticator at this place was first accepted, seconds since 1970; `None`: never.
    #[must_use]
    pub fn confirmed_at(&self, place: usize) -> Option<u64> {
        self.progress.get(place).map(|progress| progress.confirmed_at).filter(|&at| at != 0)
    }

    /// The last accepted login.
    #[must_use]
    pub fn last_login(&self) -> Option<LastLogin> {
        self.last_login
    }

    /// That a reset was requested, also where the request has expired.
    #[must_use]
    pub fn notice(&self) -> Option<ResetNotice> {
        self.notice
    }

    /// The remembered devices, also those whose time is over.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }
}

/// What happened, and so what its record has to outlast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// Times from the future were brought back to now, and nothing else.
    Settled,
    /// A try was charged as a wrong code.
    Charged,
    /// A wrong code started a lock.
    Locked,
    /// The charge of a code that was used before was taken back.
    Refunded,
    /// A code of this factor was used.
    CodeUsed(Factor),
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// A remembered device came back.
    DeviceUsed,
    /// A device was remembered.
    DeviceRemembered,
}

impl Happened {
    /// What its record has to outlast before an answer is given on the strength of it.
    pub(crate) fn durability(self) -> Durability {
        match self {
            // A crash of the machine that loses one of these gives a guesser a few guesses more, or forgets a use that opens
            // nothing by itself.
            Self::Settled | Self::Charged | Self::Refunded | Self::DeviceUsed => Durability::Process,
            Self::CodeUsed(factor) => factor.durability_of_use(),
            Self::Locked | Self::RecoveryCodeUsed | Self::DeviceRemembered => Durability::Machine,
        }
    }
}

/// The next ledger, and what its record has to outlast: made of what happened, and of nothing else.
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

    /// What it has to outlast.
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
