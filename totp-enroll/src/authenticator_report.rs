//! What `status`, `list` and `explain` show of an authenticator; never its secret.

use crate::output;
use serde::Serialize;
use totp_core::credential::Credential;
use totp_core::factor::hotp::Counter;
use totp_core::factor::{FactorKind, Unusable, Windows};
use totp_core::ledger::Ledger;

/// One authenticator, as the JSON has it.
#[derive(Serialize)]
pub(crate) struct AuthenticatorReport {
    pub(crate) label: String,
    r#type: &'static str,
    algorithm: &'static str,
    pub(crate) digits: u8,
    /// Seconds; `null`: time moves none of its codes.
    period: Option<u64>,
    /// Of a counter token; `null` for other kinds.
    counter: Option<CounterReport>,
    created: String,
    /// When its first code was accepted; `null`: not yet.
    pub(crate) confirmed: Option<String>,
}

/// The counter of a token.
#[derive(Serialize)]
struct CounterReport {
    /// The next one that is accepted.
    next: u64,
    /// How many after it are accepted.
    look_ahead: u64,
    /// `in_step`, or a reason of the log: `out_of_step`, two codes are needed once, or `counter_ended`.
    state: &'static str,
    #[serde(skip)]
    unusable: Option<Unusable>,
}

impl From<Counter> for CounterReport {
    fn from(counter: Counter) -> Self {
        let state = match counter.unusable {
            None => "in_step",
            Some(Unusable::OutOfStep) => "out_of_step",
            Some(Unusable::Ended) => "counter_ended",
        };
        Self { next: counter.next, look_ahead: counter.look_ahead, state, unusable: counter.unusable }
    }
}

impl AuthenticatorReport {
    /// Those of an enrolment, in its order.
    pub(crate) fn all(credential: &Credential, ledger: &Ledger, windows: &Windows) -> Vec<Self> {
        let all = credential.authenticators().iter().enumerate();
        all.map(|(place, authenticator)| {
            let factor = authenticator.factor();
            let counter = ledger.used_up_to(place).and_then(|used| factor.counter(used, windows));
            Self {
                label: authenticator.label().as_str().to_owned(),
                r#type: factor.kind().as_str(),
                algorithm: factor.algorithm().as_str(),
                digits: factor.digits(),
                period: factor.period(),
                counter: counter.map(CounterReport::from),
                created: authenticator.created().to_string(),
                confirmed: ledger.confirmed_at(place).map(output::date),
            }
        })
        .collect()
    }

    /// The line of `status`.
    pub(crate) fn line(&self) -> String {
        let Self { label, r#type, algorithm, digits, created, .. } = self;
        let moving = match (self.period, &self.counter) {
            (Some(period), _) => format!(", {period} s"),
            (None, Some(counter)) => {
                format!(", next counter {}, look-ahead {}", counter.next, counter.look_ahead)
            }
            (None, None) => String::new(),
        };
        let confirmed = self
            .confirmed
            .as_ref()
            .map_or("no code accepted yet".to_owned(), |at| format!("first code accepted {at}"));
        let unusable = match self.unusable() {
            None => "",
            Some(Unusable::OutOfStep) => {
                "; OUT OF STEP: resynchronise it first: type \"sync\" in place of a code, then two codes"
            }
            Some(Unusable::Ended) => "; ENDED: it has no further code; enrol another token",
        };
        format!(
            "authenticator \"{label}\": {type}, {algorithm}, {digits} digits{moving}, since {created}, {confirmed}{unusable}"
        )
    }

    /// The label, for a list; with the kind and the state of a counter token.
    pub(crate) fn name(&self) -> String {
        if self.counter.is_none() {
            return self.label.clone();
        }
        let hotp = FactorKind::Hotp.as_str();
        match self.unusable() {
            None => format!("{} ({hotp})", self.label),
            Some(Unusable::OutOfStep) => format!("{} ({hotp}, out of step)", self.label),
            Some(Unusable::Ended) => format!("{} ({hotp}, ended)", self.label),
        }
    }

    /// What `explain` says of it in place of its codes, if a single code of it is not accepted now.
    pub(crate) fn instead_of_a_code(&self) -> Option<String> {
        let label = &self.label;
        self.unusable().map(|unusable| match unusable {
            Unusable::OutOfStep => format!(
                "\"{label}\" has to be resynchronised first: type \"sync\" in place of a code, then two of its codes"
            ),
            Unusable::Ended => format!("\"{label}\" has no further code: its counter has ended"),
        })
    }

    fn unusable(&self) -> Option<Unusable> {
        self.counter.as_ref().and_then(|counter| counter.unusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fob(unusable: Option<Unusable>) -> AuthenticatorReport {
        AuthenticatorReport {
            label: "fob".to_owned(),
            r#type: "hotp",
            algorithm: "SHA1",
            digits: 6,
            period: None,
            counter: Some(Counter { next: 5, look_ahead: 10, unusable }.into()),
            created: "2026-11-30".to_owned(),
            confirmed: None,
        }
    }

    #[test]
    fn a_counter_token_has_its_line_its_name_and_its_state() {
        let (good, lost, ended) = (fob(None), fob(Some(Unusable::OutOfStep)), fob(Some(Unusable::Ended)));
        let line = "authenticator \"fob\": hotp, SHA1, 6 digits, next counter 5, look-ahead 10, since 2026-11-30, no code accepted yet";
        assert_eq!(good.line(), line);
        assert!(lost.line().starts_with(&format!("{line}; OUT OF STEP: ")), "{}", lost.line());
        assert!(ended.line().starts_with(&format!("{line}; ENDED: ")), "{}", ended.line());
        assert_eq!(
            [&good, &lost, &ended].map(AuthenticatorReport::name),
            ["fob (hotp)", "fob (hotp, out of step)", "fob (hotp, ended)"]
        );
        assert_eq!(good.instead_of_a_code(), None);
        assert!(lost.instead_of_a_code().unwrap().contains("type \"sync\""));
        assert!(ended.instead_of_a_code().unwrap().contains("no further code"));
    }

    #[test]
    fn the_json_has_the_counter_and_the_state_in_a_word() {
        let json = |one: &AuthenticatorReport| serde_json::to_value(one).unwrap();
        let counter = |unusable| json(&fob(unusable))["counter"].clone();
        assert_eq!(counter(None), serde_json::json!({"next": 5, "look_ahead": 10, "state": "in_step"}));
        assert_eq!(counter(Some(Unusable::OutOfStep))["state"], "out_of_step");
        assert_eq!(counter(Some(Unusable::Ended))["state"], "counter_ended");
        let app = AuthenticatorReport { r#type: "totp", period: Some(30), counter: None, ..fob(None) };
        assert_eq!(json(&app)["counter"], serde_json::Value::Null);
        assert_eq!((app.name(), app.line().contains("6 digits, 30 s, since")), ("fob".to_owned(), true));
    }
}
