//! What is judged: the question, and the account as a try finds it.

use super::sealed_verdict::{Decided, SealedVerdict};
use super::verdict::Refusal;
use crate::code::Answer;
use crate::credential::Credential;
use crate::factor::Windows;
use crate::keyring::Keyring;
use crate::ledger::{Happened, Ledger, Record};
use crate::lockout::guesses::Try;
use crate::lockout::source::Identity;
use crate::lockout::{CountedIn, Limit, RiskRules, Source};
use crate::random::Secret;
use crate::time::Now;
use crate::user::Account;

/// Everything that is judged, besides the ledger.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) credential: &'a Credential,
    pub(super) account: &'a Account,
    pub(super) answer: &'a Answer,
    pub(super) source: &'a Source,
    pub(super) has_first_factor: bool,
    pub(super) now: Now,
    pub(super) windows: &'a Windows,
    pub(super) limit: &'a Limit,
    pub(super) risk: &'a RiskRules,
    pub(super) keyring: &'a Keyring,
}

impl<'a> Question<'a> {
    pub(super) fn this_try(&self, identity: &'a Identity) -> Try<'a> {
        Try { identity, is_proven: self.has_first_factor, risk: self.risk, now: self.now.realtime }
    }
}

/// The ledger as if nothing had been typed.
pub(super) struct Before {
    pub(super) ledger: Ledger,
    /// The source of the try, as this ledger knows sources.
    pub(super) identity: Identity,
    /// Whether it differs from the held one because the clock was set back.
    was_ahead: bool,
}

impl Before {
    /// Also returns the secret of the first authenticator, if it was needed.
    pub(super) fn of(held: &Ledger, question: &Question<'_>) -> (Self, Option<Secret>) {
        let (credential, now) = (question.credential, question.now.realtime);
        let mut ledger = held.clone();
        // Without rows there is nothing to find it by, and without a first factor it does not become known.
        let is_looked_for = question.has_first_factor || !ledger.guesses.rows.is_empty();
        let first = match question.source {
            Source::Remote { .. } if is_looked_for => credential.authenticators().first(),
            Source::Remote { .. } | Source::Local(_) | Source::Foreign => None,
        };
        // If it does not open, the source is not known; a guess is then refused with that error, and a recovery code is judged.
        let secret = first.and_then(|first| credential.open(first, question.keyring).ok());
        let owner = credential.owner();
        let identity = question.source.identity(question.account.uid, owner.id, secret.as_ref());
        let units = || credential.guess_units(question.windows);
        let was_ahead = ledger.guesses.at_moment(&identity, question.risk, units, now);
        (Self { ledger, identity, was_ahead }, secret)
    }

    /// Records nothing, except timestamps from the future, which were moved to now: otherwise they would be moved at
    /// every look and a lock would never end. The next refusal finds none, so this is at most one record for each
    /// charged code.
    pub(super) fn refused(self, refusal: impl Into<Refusal>) -> SealedVerdict {
        let refusal = Refusal { row: Some(self.row()), ..refusal.into() };
        let record = self.was_ahead.then(|| Record::of(self.ledger, Happened::PulledBack));
        SealedVerdict::until(record, Decided::Refused(refusal))
    }

    /// The row that a try is counted in.
    pub(super) fn row(&self) -> CountedIn {
        self.ledger.guesses.counted_in(&self.identity)
    }
}
