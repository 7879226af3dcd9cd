//! What `unlock` says that it lifted.

use crate::command_error::CommandError;
use crate::limit_words::{percent, source_name, state_word};
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::enrolment::ToLift;
use totp_core::lockout::{LockState, RowKind};
use totp_core::time::Seconds;
use totp_core::user::Account;

/// What was lifted.
pub(crate) struct Lifted {
    rows: Vec<LiftedRow>,
    wrong_since_login: u32,
    frees_codes: bool,
    restarts_budgets: bool,
    attempts: bool,
    /// The risk that a refill adds, in units of 10⁻⁹.
    added_risk: Option<u64>,
    /// The budget of unknown places has no room for a try, and stays so.
    is_over_budget: bool,
    /// Nor have the tries of the account's own uid.
    is_own_uid_over_budget: bool,
    now: u64,
}

struct LiftedRow {
    /// `None`: unknown places.
    source: Option<(RowKind, Option<u32>)>,
    wrong: u32,
    state: LockState,
}

#[derive(Serialize)]
struct LiftedDocument<'a> {
    user: &'a str,
    /// `unlocked`, `budget_refilled` or `nothing`.
    done: &'static str,
    lifted: Vec<LiftedRowDocument>,
    wrong_since_login: u32,
    /// Codes that a clock which ran ahead had used up are allowed again.
    freed_codes: bool,
    /// Budgets that stood still, because the clock ran ahead, come back again.
    restarted_budgets: bool,
    enrolment_attempts: bool,
    /// In units of 10⁻⁹; `null`: no budget was refilled.
    added_risk: Option<u64>,
}

#[derive(Serialize)]
struct LiftedRowDocument {
    source: &'static str,
    uid: Option<u32>,
    wrong_in_a_row: u32,
    /// `open`: there was no lock.
    state: &'static str,
    /// When the lock would have ended; `null`: there was none, or it had no end.
    until: Option<String>,
}

impl Lifted {
    pub(crate) fn of(to_lift: &ToLift, attempts: bool, now: u64) -> Self {
        let guesses = &to_lift.guesses;
        let foreign = LiftedRow { source: None, wrong: guesses.foreign.wrong, state: guesses.foreign.state };
        let sources = guesses.rows.iter().map(|row| LiftedRow {
            source: Some((row.kind, row.uid)),
            wrong: row.wrong,
            state: row.state,
        });
        let rows = [foreign].into_iter().chain(sources).filter(|row| row.wrong > 0 || is_lock(row.state));
        Self {
            rows: rows.collect(),
            wrong_since_login: guesses.wrong_since_accepted,
            frees_codes: to_lift.frees_codes,
            restarts_budgets: to_lift.restarts_budgets,
            attempts,
            added_risk: None,
            is_over_budget: guesses.budget.tries_left == 0,
            is_own_uid_over_budget: guesses
                .rows
                .iter()
                .any(|row| row.kind == RowKind::Own && row.tries_left == Some(0)),
            now,
        }
    }

    /// The same with the risk that a refill adds; `None`: there was nothing to refill.
    pub(crate) fn with_refill(self, added_risk: Option<u64>) -> Self {
        let is_kept = added_risk.is_none();
        let is_over_budget = self.is_over_budget && is_kept;
        let is_own_uid_over_budget = self.is_own_uid_over_budget && is_kept;
        Self { added_risk, is_over_budget, is_own_uid_over_budget, ..self }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.rows.is_empty()
            && self.wrong_since_login == 0
            && !self.frees_codes
            && !self.restarts_budgets
            && !self.attempts
            && self.added_risk.is_none()
    }

    /// Reports it. `kept`: what was kept, in words.
    pub(crate) fn print(
        &self,
        format: Format,
        account: &Account,
        done: &'static str,
        kept: Option<&str>,
    ) -> Result<(), CommandError> {
        let user = account.user.as_str();
        match format {
            Format::Text => self.lines(user, kept).iter().try_for_each(|line| output::line(line)),
            Format::Json => output::document(&LiftedDocument {
                user,
                done: if self.is_nothing() { "nothing" } else { done },
                lifted: self.rows.iter().map(|row| row.document(self.now)).collect(),
                wrong_since_login: self.wrong_since_login,
                freed_codes: self.frees_codes,
                restarted_budgets: self.restarts_budgets,
                enrolment_attempts: self.attempts,
                added_risk: self.added_risk,
            }),
        }
    }

    fn lines(&self, user: &str, kept: Option<&str>) -> Vec<String> {
        let mut parts: Vec<String> = self.rows.iter().map(|row| row.text(self.now)).collect();
        if self.rows.is_empty() && self.wrong_since_login > 0 {
            let wrong = output::count(self.wrong_since_login, "wrong code");
            parts.push(format!("{wrong} since the last login"));
        }
        if self.frees_codes {
            parts.push("codes that were used up while the clock ran ahead are allowed again".to_owned());
        }
        if self.restarts_budgets {
            parts.push("the budgets for guesses, which stood still because the clock ran ahead".to_owned());
        }
        if self.attempts {
            parts.push("wrong codes during enrolment".to_owned());
        }
        parts.extend(self.added_risk.map(|added| {
            format!(
                "the budget for guesses is full again, which adds at most {} to this year's risk",
                percent(added)
            )
        }));
        let said = if parts.is_empty() {
            "nothing to lift: there are no wrong codes and no lock".to_owned()
        } else {
            format!("lifted: {}", parts.join("; "))
        };
        let kept = kept.map_or_else(String::new, |kept| format!("{kept}; "));
        let mut lines = vec![format!("{user}: {kept}{said}")];
        if self.is_over_budget {
            lines.push(format!(
                "{user}: the budget for guesses from unknown places is still used up; \"totp-enroll unlock --budget {user}\" refills it"
            ));
        }
        if self.is_own_uid_over_budget {
            lines.push(format!(
                "{user}: the tries of the account's own uid, as in sudo, are still used up; \"totp-enroll unlock --budget {user}\" refills them"
            ));
        }
        lines
    }
}

impl LiftedRow {
    fn text(&self, now: u64) -> String {
        let name = self.source.map_or_else(
            || "unknown places".to_owned(),
            |(kind, uid)| format!("a place ({})", source_name(kind, uid)),
        );
        let wrong = output::count(self.wrong, "wrong code");
        match (is_lock(self.state), end(self.state, now)) {
            (true, Some(end)) => format!("the lock of {name} (until {end}), {wrong} in a row there"),
            (true, None) => format!("the lock of {name} (without end), {wrong} in a row there"),
            (false, _) => format!("{wrong} in a row from {name}"),
        }
    }

    fn document(&self, now: u64) -> LiftedRowDocument {
        let state = if is_lock(self.state) { self.state } else { LockState::Open };
        LiftedRowDocument {
            source: self.source.map_or("foreign", |(kind, _)| kind.as_str()),
            uid: self.source.and_then(|(_, uid)| uid),
            wrong_in_a_row: self.wrong,
            state: state_word(state),
            until: end(state, now),
        }
    }
}

/// Whether `unlock` lifts it.
fn is_lock(state: LockState) -> bool {
    match state {
        LockState::Limited(_) | LockState::Locked(_) | LockState::Disabled => true,
        LockState::Open | LockState::OverBudget => false,
    }
}

fn end(state: LockState, now: u64) -> Option<String> {
    match state {
        LockState::Limited(Seconds(wait)) | LockState::Locked(Seconds(wait)) => {
            Some(output::date(now.saturating_add(wait)))
        }
        LockState::Open | LockState::Disabled | LockState::OverBudget => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifted(rows: Vec<LiftedRow>) -> Lifted {
        Lifted {
            rows,
            wrong_since_login: 0,
            frees_codes: false,
            restarts_budgets: false,
            attempts: false,
            added_risk: None,
            is_over_budget: false,
            is_own_uid_over_budget: false,
            now: 1_800_000_000,
        }
    }

    #[test]
    fn each_lock_is_named_with_its_end() {
        let rows = vec![
            LiftedRow { source: None, wrong: 12, state: LockState::Locked(Seconds(60)) },
            LiftedRow { source: Some((RowKind::Own, Some(1001))), wrong: 100, state: LockState::Disabled },
            LiftedRow { source: Some((RowKind::Address, None)), wrong: 1, state: LockState::Open },
        ];
        assert_eq!(
            lifted(rows).lines("alice", None),
            [
                "alice: lifted: the lock of unknown places (until 2027-01-15T08:01:00Z), 12 wrong codes in a row there; \
              the lock of a place (own uid 1001) (without end), 100 wrong codes in a row there; \
              1 wrong code in a row from a place (address)"
            ]
        );
    }

    #[test]
    fn that_there_is_nothing_to_lift_is_said() {
        let nothing = lifted(Vec::new());
        assert!(nothing.is_nothing());
        assert_eq!(
            nothing.lines("alice", None),
            ["alice: nothing to lift: there are no wrong codes and no lock"]
        );
    }

    #[test]
    fn a_budget_that_stays_used_up_is_said_until_it_is_refilled() {
        let over = Lifted { is_over_budget: true, ..lifted(Vec::new()) };
        assert!(over.lines("alice", None)[1].contains("unlock --budget alice"));
        let refilled = over.with_refill(Some(400_000));
        assert!(!refilled.is_nothing());
        assert_eq!(
            refilled.lines("alice", None),
            [
                "alice: lifted: the budget for guesses is full again, which adds at most 0.04 % to this year's risk"
            ]
        );
    }
}
