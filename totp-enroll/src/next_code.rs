//! What `explain` says of the limits: what would become of a code from one place.

use crate::limit_words::{seconds, state_word, until};
use serde::Serialize;
use totp_core::lockout::{LockState, NextTry, Paid, RowKind};

/// A part of the JSON of `explain`.
#[derive(Serialize)]
pub(crate) struct NextCode {
    /// The kind of the row that it is counted in; `foreign`: that of all unknown places.
    source: &'static str,
    settled: bool,
    /// `open`, `limited`, `locked`, `disabled` or `budget`.
    state: &'static str,
    /// Zero: now, or never by itself.
    wait_seconds: u64,
    /// Whose budget pays for it: `own` or `foreign`; `null`: neither has room.
    paid_by: Option<&'static str>,
    tries_left: u64,
    pub(crate) sentence: String,
}

impl NextCode {
    /// `place`: where the code comes from, in words. `tries`: how many the budget of unknown places has room for when it is unused.
    pub(crate) fn of(next: &NextTry, place: &str, tries: u64) -> Self {
        Self {
            source: next.row.map_or("foreign", RowKind::as_str),
            settled: next.is_settled,
            state: state_word(next.state),
            wait_seconds: seconds(next.wait),
            paid_by: next.payer.map(|payer| match payer {
                Paid::Own => "own",
                Paid::Foreign => "foreign",
            }),
            tries_left: next.tries_left,
            sentence: format!("from {place}: {}; {}{}", source(next), left(next, tries), refused(next)),
        }
    }
}

fn source(next: &NextTry) -> &'static str {
    match (next.row, next.is_settled) {
        (Some(RowKind::Own), _) => "the account's own uid",
        (Some(RowKind::KeyElsewhere), _) => "a known SSH key at an unknown place",
        (Some(RowKind::Address | RowKind::KeyAtAddress | RowKind::LocalUid), true) => {
            "a known place, settled"
        }
        (Some(RowKind::Address | RowKind::KeyAtAddress | RowKind::LocalUid), false) => {
            "a known place, not settled yet"
        }
        (None, _) => "an unknown place",
    }
}

fn left(next: &NextTry, tries: u64) -> String {
    match next.payer {
        Some(Paid::Own) => format!("{} of its own left", tries_of(next.tries_left)),
        Some(Paid::Foreign) => format!(
            "{} left, of {tries} for all unknown and unsettled places together",
            tries_of(next.tries_left)
        ),
        None => "no tries left".to_owned(),
    }
}

fn tries_of(count: u64) -> String {
    if count == 1 { "1 try".to_owned() } else { format!("{count} tries") }
}

fn refused(next: &NextTry) -> String {
    let how = match next.state {
        LockState::Open => return String::new(),
        LockState::Limited(_) => "too many wrong codes at once",
        LockState::Locked(_) => "locked after wrong codes",
        LockState::Disabled => {
            let or_login = match next.row {
                Some(RowKind::Address | RowKind::KeyAtAddress | RowKind::LocalUid | RowKind::Own) => "",
                // An accepted answer from anywhere ends it.
                Some(RowKind::KeyElsewhere) | None => "the owner logs in at a known place, ",
            };
            return format!(
                "; codes are refused until {or_login}a recovery code is used or an administrator unlocks the account"
            );
        }
        LockState::OverBudget => "the budget is used up",
    };
    match next.wait {
        Some(_) => format!("; codes are refused {} ({how}), a recovery code works", until(next.wait)),
        None => format!("; codes are refused ({how}), a recovery code works"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::time::Seconds;

    #[test]
    fn each_source_and_each_state_has_its_sentence() {
        let next = NextTry {
            row: None,
            is_settled: false,
            state: LockState::Open,
            wait: Some(Seconds(0)),
            payer: Some(Paid::Foreign),
            tries_left: 120,
        };
        let settled = NextTry {
            row: Some(RowKind::Address),
            is_settled: true,
            payer: Some(Paid::Own),
            tries_left: 38,
            ..next
        };
        let locked = NextTry { state: LockState::Locked(Seconds(60)), wait: Some(Seconds(60)), ..next };
        let empty = NextTry {
            state: LockState::OverBudget,
            wait: Some(Seconds(7200)),
            payer: None,
            tries_left: 0,
            ..next
        };
        let disabled = NextTry { state: LockState::Disabled, wait: None, ..next };
        let ends = "a recovery code is used or an administrator unlocks the account";
        for (disabled, until) in [
            (disabled, format!("the owner logs in at a known place, {ends}")),
            (NextTry { row: settled.row, ..disabled }, ends.to_owned()),
        ] {
            let said = NextCode::of(&disabled, "192.0.2.7", 133).sentence;
            assert!(said.ends_with(&format!("; codes are refused until {until}")), "{said}");
        }
        for (next, sentence) in [
            (next, "an unknown place; 120 tries left, of 133 for all unknown and unsettled places together"),
            (settled, "a known place, settled; 38 tries of its own left"),
            (
                locked,
                "an unknown place; 120 tries left, of 133 for all unknown and unsettled places together; \
                 codes are refused for 60 seconds (locked after wrong codes), a recovery code works",
            ),
            (
                empty,
                "an unknown place; no tries left; codes are refused for 2 hours (the budget is used up), a recovery code works",
            ),
        ] {
            let said = NextCode::of(&next, "192.0.2.7", 133).sentence;
            assert_eq!(said, format!("from 192.0.2.7: {sentence}"));
        }
    }
}
