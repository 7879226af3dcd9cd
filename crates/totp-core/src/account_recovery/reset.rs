//! One reset: who may take which step of it, and when. Never one person alone, never at once.
//!
//! An operator requests the reset, others approve it, and nothing happens before a cool-down in which the owner can
//! object. The cool-down counts from the last approval that was needed: counted from the request, a late approval would
//! leave the owner no time. The rules are those of the request or of the present config, whichever are stricter, so a
//! config that is loosened for a moment changes no reset that was already requested.
//!
//! A clock that is set back never shortens a cool-down: timestamps from the future are moved back to now, as those of
//! failures are ([`crate::lockout`]), so the cool-down starts again. For the same reason a request may then live
//! longer, at most by its own length.

use super::reset_step::{Person, ResetError, ResetNotice, ResetReason, ResetRules, ResetStep};
use super::reset_token::{ResetToken, TokenState};
use crate::enrolment::ExpectedEnrolment;
use crate::random::Id;
use crate::random::{Entropy, EntropyError, Secret};
use crate::time::Seconds;
use crate::user::Account;

/// A reset, from its request to the use of its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    pub(super) account: Account,
    /// The enrolment that it withdraws, and no other.
    pub(super) of: ExpectedEnrolment,
    pub(super) rules: ResetRules,
    pub(super) request: ResetStep,
    pub(super) reason: ResetReason,
    pub(super) approvals: Vec<ResetStep>,
    /// Who completed it, and when.
    pub(super) completed: Option<ResetStep>,
    pub(super) token: Option<ResetToken>,
    /// An operator cancelled it while nobody was enrolled. What remains keeps the account from enrolling by itself.
    pub(super) called_off: bool,
}

/// How far a reset has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// This number of approvals is missing.
    Unapproved(usize),
    /// The cool-down lasts this much longer.
    Cooling(Seconds),
    /// It can be completed.
    Ready,
    /// It was not completed in time.
    Expired,
    /// The enrolment or the account is not the one that it was requested for.
    Void,
    /// The enrolment is withdrawn, and the token is in this state.
    Withdrawn(TokenState),
    /// Nobody is enrolled, and an operator cancelled it.
    CalledOff,
}

impl Reset {
    /// Requests the reset of what is `in_place` for `account`. It replaces `before` if that can no longer be completed.
    ///
    /// # Errors
    /// [`ResetError`] for the owner of the account, and while another reset is pending.
    pub fn request(
        account: &Account,
        in_place: ExpectedEnrolment,
        before: Option<&Self>,
        (by, reason): (Person, ResetReason),
        rules: ResetRules,
        now: u64,
    ) -> Result<Self, ResetError> {
        if is_owner(account, &by) {
            return Err(ResetError::Own);
        }
        match before.map(|before| before.stage(account, in_place, &rules, now)) {
            Some(Stage::Unapproved(_) | Stage::Cooling(_) | Stage::Ready) => {
                return Err(ResetError::Requested);
            }
            Some(Stage::Withdrawn(TokenState::Open(_))) => return Err(ResetError::TokenOut),
            None
            | Some(
                Stage::Expired
                | Stage::Void
                | Stage::CalledOff
                | Stage::Withdrawn(TokenState::Expired | TokenState::Dead),
            ) => {}
        }
        let request = ResetStep { by, at: now };
        Ok(Self {
            account: account.clone(),
            of: in_place,
            rules,
            request,
            reason,
            approvals: Vec::new(),
            completed: None,
            token: None,
            called_off: false,
        })
    }

    /// The stage of the reset at `now`, if `in_place` is what `account` is enrolled with.
    #[must_use]
    pub fn stage(
        &self,
        account: &Account,
        in_place: ExpectedEnrolment,
        rules: &ResetRules,
        now: u64,
    ) -> Stage {
        let is_theirs = self.account.user == account.user && self.account.uid == account.uid;
        if self.called_off {
            let is_barred = is_theirs && in_place == ExpectedEnrolment::Nothing;
            return if is_barred { Stage::CalledOff } else { Stage::Void };
        }
        match &self.token {
            Some(token) if is_theirs && in_place == ExpectedEnrolment::Nothing => {
                return Stage::Withdrawn(token.state(now));
            }
            Some(_) | None => {}
        }
        if !is_theirs || in_place != self.of {
            return Stage::Void;
        }
        match self.admissible(rules, now) {
            Ok(()) => Stage::Ready,
            Err(Wait::Expired) => Stage::Expired,
            Err(Wait::Unapproved(missing)) => Stage::Unapproved(missing),
            Err(Wait::Cooling(wait)) => Stage::Cooling(wait),
        }
    }

    /// Adds an approval.
    ///
    /// # Errors
    /// [`ResetError`]; the reset is then unchanged.
    pub fn approve(
        &mut self,
        account: &Account,
        in_place: ExpectedEnrolment,
        by: Person,
        rules: &ResetRules,
        now: u64,
    ) -> Result<(), ResetError> {
        // Permissions are checked before the stage, because these are the refusals that an auditor looks for.
        if is_owner(account, &by) || is_owner(&self.account, &by) {
            return Err(ResetError::Own);
        }
        if by.uid == self.request.by.uid {
            return Err(ResetError::SamePerson);
        }
        if by.uid == 0 {
            return Err(ResetError::NobodyInPerson);
        }
        if self.approvals.iter().any(|step| step.by.uid == by.uid) {
            return Err(ResetError::ApprovedBefore);
        }
        let missing = match self.stage(account, in_place, rules, now) {
            Stage::Unapproved(missing) => missing,
            Stage::Cooling(_) | Stage::Ready => return Err(ResetError::Enough),
            Stage::Expired => return Err(ResetError::Expired),
            Stage::Void => return Err(ResetError::Void),
            Stage::Withdrawn(_) => return Err(ResetError::Withdrawn),
            Stage::CalledOff => return Err(ResetError::CalledOff),
        };
        let strict = self.strictest(rules);
        if missing == 1 && now.saturating_add(strict.cooldown.0) >= self.expires_at(rules) {
            return Err(ResetError::TooLate);
        }
        self.approvals.push(ResetStep { by, at: now });
        Ok(())
    }

    /// Allows the enrolment to be withdrawn and makes the token. It replaces an earlier token: a completion that was
    /// killed can be given again. If the enrolment is already withdrawn, only an operator who requested, approved or
    /// completed the reset may do so, because the owner may already have the token.
    ///
    /// # Errors
    /// [`CompletionError`]; the reset is then unchanged.
    pub fn complete(
        &mut self,
        account: &Account,
        in_place: ExpectedEnrolment,
        by: &Person,
        rules: &ResetRules,
        (now, entropy): (u64, &mut dyn Entropy),
    ) -> Result<Secret, CompletionError> {
        if is_owner(account, by) {
            return Err(ResetError::Own.into());
        }
        let stage = self.stage(account, in_place, rules, now);
        match stage {
            Stage::Void => return Err(ResetError::Void.into()),
            Stage::CalledOff => return Err(ResetError::CalledOff.into()),
            Stage::Withdrawn(_) if !self.had_a_part(by) => return Err(ResetError::NoPart.into()),
            Stage::Withdrawn(_)
            | Stage::Unapproved(_)
            | Stage::Cooling(_)
            | Stage::Ready
            | Stage::Expired => self.admissible(rules, now).map_err(ResetError::from)?,
        }
        let (token, code) = ResetToken::new(&self.account.user, rules.token_for, now, entropy)?;
        self.token = Some(token);
        if stage == Stage::Ready {
            self.completed = Some(ResetStep { by: by.clone(), at: now });
        }
        Ok(code)
    }

    /// Cancels it where nobody is enrolled. The document stays and keeps the account from enrolling by itself: one
    /// operator alone cannot undo what two have done.
    pub(crate) fn call_off(&mut self) {
        self.token = None;
        self.called_off = true;
    }

    /// Whether it was cancelled; the document remains.
    pub(super) fn is_called_off(&self) -> bool {
        self.called_off
    }

    /// Whether it belongs to an earlier account of the same name; known only if both have a uid.
    #[must_use]
    pub fn is_anothers(&self, account: &Account) -> bool {
        let uids = (self.account.uid, account.uid);
        matches!(uids, (Some(then), Some(now)) if then != now)
    }

    /// Whether this person requested, approved or completed it. Uid 0 (a root shell) counts as if it had.
    fn had_a_part(&self, by: &Person) -> bool {
        let mut steps = self.approvals.iter().chain([&self.request]).chain(&self.completed);
        by.uid == 0 || steps.any(|step| step.by.uid == by.uid)
    }

    /// Moves timestamps from the future back to `now`. Returns whether there were any. They must then be recorded;
    /// otherwise they would be moved at every look and the wait would never end.
    pub fn settle(&mut self, now: u64) -> bool {
        let steps = self.approvals.iter_mut().chain([&mut self.request]);
        let token = self.token.as_mut().map(|token| &mut token.at);
        let mut settled = false;
        for at in steps.map(|step| &mut step.at).chain(token) {
            settled |= *at > now;
            *at = (*at).min(now);
        }
        settled
    }

    fn admissible(&self, rules: &ResetRules, now: u64) -> Result<(), Wait> {
        if self.age(now) >= self.lasts(rules).0 {
            return Err(Wait::Expired);
        }
        let ResetRules { approvals: needed, cooldown, .. } = self.strictest(rules);
        let needed = needed as usize;
        let missing = needed.saturating_sub(self.approvals.len());
        if missing > 0 {
            return Err(Wait::Unapproved(missing));
        }
        // The latest of them, whatever their order in the document.
        let last = self.approvals.iter().map(|step| step.at).chain([self.request.at]).max();
        let waited = now.saturating_sub(last.unwrap_or(now));
        match cooldown.0.checked_sub(waited) {
            None | Some(0) => Ok(()),
            Some(left) => Err(Wait::Cooling(Seconds(left))),
        }
    }

    fn strictest(&self, rules: &ResetRules) -> ResetRules {
        ResetRules {
            cooldown: self.rules.cooldown.max(rules.cooldown),
            approvals: self.rules.approvals.max(rules.approvals),
            expires: self.lasts(rules),
            token_for: rules.token_for,
        }
    }

    fn lasts(&self, rules: &ResetRules) -> Seconds {
        self.rules.expires.min(rules.expires)
    }

    fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.request.at)
    }

    /// When it expires, seconds since 1970.
    #[must_use]
    pub fn expires_at(&self, rules: &ResetRules) -> u64 {
        self.request.at.saturating_add(self.lasts(rules).0)
    }

    /// When its cool-down is over, seconds since 1970; `None` while approvals are missing.
    #[must_use]
    pub fn ready_at(&self, rules: &ResetRules) -> Option<u64> {
        let ResetRules { approvals, cooldown, .. } = self.strictest(rules);
        let last = self.approvals.iter().map(|step| step.at).chain([self.request.at]).max()?;
        (self.approvals.len() >= approvals as usize).then(|| last.saturating_add(cooldown.0))
    }

    /// The number of approvals that it needs.
    #[must_use]
    pub fn approvals_needed(&self, rules: &ResetRules) -> u32 {
        self.strictest(rules).approvals
    }

    /// The account whose enrolment it resets.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Who requested it, and when.
    #[must_use]
    pub fn requested(&self) -> &ResetStep {
        &self.request
    }

    /// The reason that the operator gave.
    #[must_use]
    pub fn reason(&self) -> &ResetReason {
        &self.reason
    }

    /// Who approved it, and when.
    #[must_use]
    pub fn approvals(&self) -> &[ResetStep] {
        &self.approvals
    }

    /// The token, once it is completed.
    #[must_use]
    pub fn token(&self) -> Option<&ResetToken> {
        self.token.as_ref()
    }

    /// The token, to be charged or refunded.
    pub fn token_mut(&mut self) -> Option<&mut ResetToken> {
        self.token.as_mut()
    }

    /// The notice for the ledger, so that the owner is told.
    #[must_use]
    pub fn notice(&self, rules: &ResetRules) -> ResetNotice {
        ResetNotice { at: self.request.at, until: self.expires_at(rules), by: self.request.by.uid }
    }

    /// The notice by the rules of the request, for the ledger of this enrolment; `None` if it is about another one.
    pub(crate) fn notice_for(&self, enrolment: Id) -> Option<ResetNotice> {
        (self.of() == Some(enrolment)).then(|| self.notice(&self.rules))
    }

    /// The id of the enrolment that it withdraws, if that could be read.
    #[must_use]
    pub fn of(&self) -> Option<Id> {
        match self.of {
            ExpectedEnrolment::Enrolment(id) => Some(id),
            ExpectedEnrolment::Nothing | ExpectedEnrolment::Unreadable => None,
        }
    }
}

/// What keeps a reset of the present enrolment from being completed.
enum Wait {
    Expired,
    Unapproved(usize),
    Cooling(Seconds),
}

impl From<Wait> for ResetError {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Expired => Self::Expired,
            Wait::Unapproved(missing) => Self::Unapproved(missing),
            Wait::Cooling(wait) => Self::Cooling(wait),
        }
    }
}

/// Why a reset was not completed.
#[derive(Debug, thiserror::Error)]
pub enum CompletionError {
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(#[from] ResetError),
    /// No token could be made.
    #[error(transparent)]
    NoEntropy(#[from] EntropyError),
}

/// By uid; by name where the account has no uid.
fn is_owner(account: &Account, by: &Person) -> bool {
    match account.uid {
        Some(uid) => uid == by.uid,
        None => account.user.as_str() == by.name,
    }
}

#[cfg(test)]
#[path = "reset_tests.rs"]
mod tests;
