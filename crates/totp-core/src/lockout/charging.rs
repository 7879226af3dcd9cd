//! The steps of one try, in the order that a judgement takes them: what is known at its moment, then the charge before the look.

use super::budget::RiskRules;
use super::guesses::{Charged, Guesses, Try};
use super::source::Identity;
use super::{Limit, LockState};

impl Guesses {
    /// Brings it to the moment of a try from this source. Returns whether timestamps from the future were moved to now.
    pub(crate) fn at_moment(
        &mut self,
        identity: &Identity,
        risk: &RiskRules,
        try_units: impl FnOnce() -> u64,
        now: u64,
    ) -> bool {
        let was_ahead = self.pull_back(now);
        self.bring_up_to(risk, try_units, now);
        self.with_own_row(identity, now);
        was_ahead
    }

    /// Charges a try of this probability as a wrong code, before the look.
    ///
    /// # Errors
    /// It is not judged, and nothing was charged.
    pub(crate) fn begin(&mut self, tried: &Try<'_>, units: u64, limit: &Limit) -> Result<Charged, LockState> {
        match self.state(tried.identity, limit, tried.now) {
            LockState::Open => {}
            closed @ (LockState::Limited(_)
            | LockState::Locked(_)
            | LockState::Disabled
            | LockState::OverBudget) => return Err(closed),
        }
        let payer = self.payer(tried, units).ok_or(LockState::OverBudget)?;
        Ok(self.charge(tried, payer, units, limit))
    }
}
