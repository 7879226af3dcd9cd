//! The words and numbers in which the command reports limits: states, waits, sources, probabilities.

use crate::output;
use totp_core::lockout::{LockState, RowKind};
use totp_core::time::Seconds;

/// How long codes are refused, to be put after "refused".
pub(crate) fn until(wait: Option<Seconds>) -> String {
    wait.map_or_else(|| "until".to_owned(), |wait| format!("for {}", output::duration(wait.0)))
}

/// A source in the words of messages.
pub(crate) fn source_name(kind: RowKind, uid: Option<u32>) -> String {
    let of_uid = |text: &str| uid.map_or_else(|| text.to_owned(), |uid| format!("{text} {uid}"));
    match kind {
        RowKind::Address => "address".to_owned(),
        RowKind::KeyAtAddress => "SSH key at an address".to_owned(),
        RowKind::KeyElsewhere => "known SSH key elsewhere".to_owned(),
        RowKind::LocalUid => of_uid("local uid"),
        RowKind::Own => of_uid("own uid"),
    }
}

/// The word of `--json`.
pub(crate) fn state_word(state: LockState) -> &'static str {
    match state {
        LockState::Open => "open",
        LockState::Limited(_) => "limited",
        LockState::Locked(_) => "locked",
        LockState::Disabled => "disabled",
        LockState::OverBudget => "budget",
    }
}

/// The state and its length in words.
pub(crate) fn state_text(state: LockState, wait: Option<Seconds>) -> String {
    let word = match state {
        LockState::OverBudget => "no tries left",
        LockState::Open | LockState::Limited(_) | LockState::Locked(_) | LockState::Disabled => {
            state_word(state)
        }
    };
    match wait {
        None | Some(Seconds(0)) => word.to_owned(),
        Some(wait) => format!("{word} for {}", output::duration(wait.0)),
    }
}

/// Zero: now, or never by itself.
pub(crate) fn seconds(wait: Option<Seconds>) -> u64 {
    wait.map_or(0, |wait| wait.0)
}

/// A probability in units of 10⁻⁹, in percent.
pub(crate) fn percent(units: u64) -> String {
    format!("{} %", decimal(units, 7))
}

/// `units` divided by a power of ten, without needless zeros.
pub(crate) fn decimal(units: u64, places: usize) -> String {
    let digits = format!("{units:0width$}", width = places.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_shown_in_percent_without_needless_zeros() {
        let shown = [0, 1, 1_000_000, 1_200_000, 10_000_000, 1_234_567_890].map(percent);
        assert_eq!(shown, ["0 %", "0.0000001 %", "0.1 %", "0.12 %", "1 %", "123.456789 %"]);
        assert_eq!(decimal(400_000, 9), "0.0004");
    }
}
