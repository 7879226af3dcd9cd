//! What `status` and `list` show of wrong codes, locks and budgets.

use crate::limit_words::{percent, seconds, source_name, state_text, state_word, until};
use crate::output;
use serde::Serialize;
use totp_core::lockout::{BudgetReport, ForeignReport, GuessReport, LockState, RowKind, RowReport};
use totp_core::time::Seconds;

/// The most rows that are shown to a person.
const MOST_SHOWN: usize = 10;

/// A part of the JSON of `status` and `list`.
#[derive(Serialize)]
pub(crate) struct GuessDocument {
    /// Those of unknown places.
    wrong_in_a_row: u32,
    /// Whether a code from an unknown place would be checked: `open`, `limited`, `locked`, `disabled` or `budget`.
    pub(crate) state: &'static str,
    /// Zero: now, or never by itself.
    wait_seconds: u64,
    /// From everywhere.
    wrong_since_login: u32,
    foreign: ForeignDocument,
    sources: Vec<SourceDocument>,
    budget: BudgetDocument,
    #[serde(skip)]
    report: GuessReport,
}

#[derive(Serialize)]
struct ForeignDocument {
    wrong_in_a_row: u32,
    wrong_since_login: u32,
    /// At least so many places that those came from.
    places: u32,
    state: &'static str,
    wait_seconds: u64,
}

#[derive(Serialize)]
struct SourceDocument {
    kind: &'static str,
    uid: Option<u32>,
    /// `null`: no answer was accepted there yet.
    first_seen: Option<String>,
    last_seen: Option<String>,
    days: u8,
    settled: bool,
    /// `null`: its tries are paid from the budget of unknown places.
    tries_left: Option<u32>,
    wrong_in_a_row: u32,
    state: &'static str,
    wait_seconds: u64,
}

/// Risks are in units of 10⁻⁹.
#[derive(Serialize)]
struct BudgetDocument {
    used: u64,
    capacity: u64,
    used_percent: u8,
    one_try: u64,
    tries: u64,
    tries_left: u64,
    wait_seconds: Option<u64>,
    tries_left_before_first_factor: u64,
    wait_seconds_before_first_factor: Option<u64>,
    yearly_risk: u64,
    configured_yearly_risk: u64,
    settled_yearly_risk: u64,
}

impl GuessDocument {
    pub(crate) fn of(report: GuessReport) -> Self {
        let ForeignReport { wrong, wrong_since_accepted, places, state, wait } = report.foreign;
        let (state, wait_seconds) = (state_word(state), seconds(wait));
        let foreign = ForeignDocument {
            wrong_in_a_row: wrong,
            wrong_since_login: wrong_since_accepted,
            places,
            state,
            wait_seconds,
        };
        Self {
            wrong_in_a_row: wrong,
            state,
            wait_seconds,
            wrong_since_login: report.wrong_since_accepted,
            foreign,
            sources: report.rows.iter().map(SourceDocument::of).collect(),
            budget: BudgetDocument::of(&report),
            report,
        }
    }

    /// The state of unknown places in words, as `list` shows it.
    pub(crate) fn state_text(&self) -> String {
        state_text(self.report.foreign.state, self.report.foreign.wait)
    }

    /// What `status` shows of the account of `user`.
    pub(crate) fn lines(&self, user: &str) -> Vec<String> {
        let GuessReport { rows, foreign, budget, settled_risk, .. } = &self.report;
        let mut lines = vec![self.unknown_places()];
        let (known, settled) = (rows.iter().filter(|row| is_place(row)), |row: &&RowReport| row.is_settled);
        let (known, settled, shut) = (
            known.clone().count(),
            known.clone().filter(settled).count(),
            known.filter(|row| row.state != LockState::Open).count(),
        );
        let shut =
            if shut == 0 { String::new() } else { format!("; codes are refused at {shut} of them now") };
        lines.push(format!("known places: {known}, {settled} of them settled{shut}"));
        lines.push(budget_text(budget));
        if *settled_risk > 0 {
            lines.push(format!(
                "settled places: their own tries together add a risk of {} a year",
                percent(*settled_risk)
            ));
        }
        if budget.yearly_risk < budget.configured_risk {
            lines.push(format!(
                "yearly risk: {}, because a stricter config was in force before; \"totp-enroll unlock --budget {user}\" applies the {} of this config",
                percent(budget.yearly_risk),
                percent(budget.configured_risk)
            ));
        }
        lines.extend(output::columns(&table(rows)));
        if let more @ 1.. = rows.len().saturating_sub(MOST_SHOWN) {
            lines.push(format!("and {more} more; --json lists all"));
        }
        if rows.iter().any(|row| is_place(row) && row.uid.is_none()) {
            lines.push(format!(
                "which place that is: \"totp-enroll explain {user} --service sshd --rhost ADDRESS --key FINGERPRINT\" tells"
            ));
        }
        lines.push(next_code(foreign, user));
        lines
    }

    fn unknown_places(&self) -> String {
        let ForeignReport { wrong, wrong_since_accepted, places, .. } = self.report.foreign;
        let since = match (wrong_since_accepted, places) {
            (0, _) => String::new(),
            (count, 0) => format!("; {} since the last login", output::count(count, "wrong code")),
            (count, _) => format!(
                "; {} from at least {} since the last login",
                output::count(count, "wrong code"),
                output::count(places, "place")
            ),
        };
        format!(
            "unknown places: {}, {} in a row{since}",
            self.state_text(),
            output::count(wrong, "wrong code")
        )
    }
}

impl SourceDocument {
    fn of(row: &RowReport) -> Self {
        let seen = |at: u64| (row.days > 0).then(|| output::date(at));
        Self {
            kind: row.kind.as_str(),
            uid: row.uid,
            first_seen: seen(row.first_seen),
            last_seen: seen(row.last_seen),
            days: row.days,
            settled: row.is_settled,
            tries_left: row.tries_left,
            wrong_in_a_row: row.wrong,
            state: state_word(row.state),
            wait_seconds: seconds(row.wait),
        }
    }
}

impl BudgetDocument {
    fn of(report: &GuessReport) -> Self {
        let budget = &report.budget;
        let seconds = |wait: Option<Seconds>| wait.map(|wait| wait.0);
        Self {
            used: budget.used,
            capacity: budget.capacity,
            used_percent: budget.used_percent(),
            one_try: budget.charge,
            tries: budget.tries(),
            tries_left: budget.tries_left,
            wait_seconds: seconds(budget.wait),
            tries_left_before_first_factor: budget.unproven_tries_left,
            wait_seconds_before_first_factor: seconds(budget.unproven_wait),
            yearly_risk: budget.yearly_risk,
            configured_yearly_risk: budget.configured_risk,
            settled_yearly_risk: report.settled_risk,
        }
    }
}

fn is_place(row: &RowReport) -> bool {
    match row.kind {
        RowKind::Address | RowKind::KeyAtAddress | RowKind::LocalUid => true,
        RowKind::KeyElsewhere | RowKind::Own => false,
    }
}

fn budget_text(budget: &BudgetReport) -> String {
    let wait = match (budget.tries_left, budget.wait) {
        (0, Some(wait)) => format!(", the next one in {}", output::duration(wait.0)),
        (0, None) => ", and there will be none: the yearly risk is smaller than that of one try".to_owned(),
        (_, Some(_) | None) => String::new(),
    };
    format!(
        "budget of unknown places: {} % used; {} left of {}{wait}; {} before a first factor",
        budget.used_percent(),
        output::count(budget.tries_left, "wrong code"),
        budget.tries(),
        budget.unproven_tries_left
    )
}

fn table(rows: &[RowReport]) -> Vec<[String; 7]> {
    let head = ["PLACE", "FIRST LOGIN", "LAST LOGIN", "DAYS", "OWN TRIES LEFT", "WRONG IN A ROW", "STATE"]
        .map(str::to_owned);
    let shown = rows.iter().take(MOST_SHOWN).map(|row| {
        let seen = |at: u64| match row.days {
            0 => "-".to_owned(),
            _ => output::date(at).split('T').next().unwrap_or_default().to_owned(),
        };
        let left = row.tries_left.map_or_else(|| "none of its own".to_owned(), |left| left.to_string());
        [
            source_name(row.kind, row.uid),
            seen(row.first_seen),
            seen(row.last_seen),
            row.days.to_string(),
            left,
            row.wrong.to_string(),
            state_text(row.state, row.wait),
        ]
    });
    [head].into_iter().chain(shown).collect()
}

/// What would happen to the next code from an unknown place, and what to do about it.
fn next_code(foreign: &ForeignReport, user: &str) -> String {
    let refused = format!("the next code from an unknown place: refused {}", until(foreign.wait));
    match foreign.state {
        LockState::Open => "the next code from an unknown place: checked".to_owned(),
        LockState::Limited(_) | LockState::Locked(_) => {
            format!("{refused}; known places are not affected, and a recovery code works")
        }
        LockState::Disabled => {
            format!(
                "{refused} {user} logs in at a known place, a recovery code is used or \"totp-enroll unlock {user}\" is run"
            )
        }
        LockState::OverBudget if foreign.wait.is_none() => {
            "the next code from an unknown place: refused, because one try is more than the yearly risk allows; a recovery code works"
                .to_owned()
        }
        LockState::OverBudget => format!(
            "{refused}; settled places are not affected, and a recovery code works; \"totp-enroll unlock --budget {user}\" refills the budget"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: RowKind, days: u8) -> RowReport {
        RowReport {
            kind,
            uid: None,
            first_seen: 1_800_000_000,
            last_seen: 1_800_086_400,
            days,
            is_settled: days > 2,
            tries_left: (days > 2).then_some(38),
            wrong: 2,
            state: LockState::Open,
            wait: Some(Seconds(0)),
        }
    }

    fn report(rows: Vec<RowReport>, state: LockState, wait: Option<Seconds>) -> GuessReport {
        GuessReport {
            rows,
            foreign: ForeignReport { wrong: 12, wrong_since_accepted: 13, places: 1, state, wait },
            budget: BudgetReport {
                used: 39_000,
                capacity: 400_000,
                charge: 3000,
                tries_left: 120,
                wait: Some(Seconds(0)),
                unproven_tries_left: 53,
                unproven_wait: Some(Seconds(0)),
                yearly_risk: 1_000_000,
                configured_risk: 1_000_000,
            },
            wrong_since_accepted: 13,
            settled_risk: 1_200_000,
        }
    }

    fn text(report: GuessReport) -> String {
        GuessDocument::of(report).lines("alice").join("\n")
    }

    #[test]
    fn status_names_each_state_of_unknown_places_and_what_helps() {
        for (state, wait, words) in [
            (LockState::Open, Some(Seconds(0)), ["unknown places: open,", "place: checked"]),
            (
                LockState::Locked(Seconds(60)),
                Some(Seconds(60)),
                ["locked for 60 seconds", "recovery code works"],
            ),
            (LockState::Disabled, None, ["disabled", "\"totp-enroll unlock alice\""]),
            (
                LockState::OverBudget,
                Some(Seconds(90_000)),
                ["no tries left for 25 hours", "unlock --budget alice"],
            ),
        ] {
            let text = text(report(Vec::new(), state, wait));
            for word in words {
                assert!(text.contains(word), "{word}: {text}");
            }
        }
    }

    #[test]
    fn status_shows_the_budget_and_ten_rows() {
        let mut rows = vec![row(RowKind::Own, 0)];
        rows.extend([3; 12].map(|days| row(RowKind::Address, days)));
        let text = text(report(rows, LockState::Open, Some(Seconds(0))));
        for words in [
            "13 wrong codes from at least 1 place since",
            "10 % used; 120 wrong codes left of 133; 53 before a first factor",
            "known places: 12, 12 of them settled",
            "0.12 % a year",
            "and 3 more",
            "2027-01-15",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(text.matches("\naddress ").count(), 9, "{text}");
    }
}
