//! Checks the counter tokens of all enrolments: those whose codes are refused, and those whose codes `yearly_risk` never lets be checked.

use super::finding::{Finding, some_of};
use super::guessing;
use crate::output;
use totp_core::config::Config;
use totp_core::credential::Credential;
use totp_core::factor::{FactorKind, Unusable};
use totp_core::ledger::Ledger;

/// The tokens with a finding, each named with its user.
#[derive(Default)]
pub(super) struct CounterTokens {
    ended: Vec<String>,
    out_of_step: Vec<String>,
    /// Users with a counter token, for whom the budget allows no try.
    never_checked: Vec<String>,
    /// The smallest `yearly_risk` that allows a try for each of them, in units of 10⁻⁹.
    least_risk: u64,
}

impl CounterTokens {
    /// Notes those of one user.
    pub(super) fn note(&mut self, config: &Config, user: &str, (credential, ledger): (&Credential, &Ledger)) {
        let windows = config.windows();
        let authenticators = credential.authenticators();
        for (place, authenticator) in authenticators.iter().enumerate() {
            let counter =
                ledger.used_up_to(place).and_then(|used| authenticator.factor().counter(used, &windows));
            let name = || format!("\"{}\" of {user}", authenticator.label().as_str());
            match counter.and_then(|counter| counter.unusable) {
                None => {}
                Some(Unusable::Ended) => self.ended.push(name()),
                Some(Unusable::OutOfStep) => self.out_of_step.push(name()),
            }
        }
        let has_counter = authenticators.iter().any(|one| one.factor().kind() == FactorKind::Hotp);
        let least_risk = guessing::least_risk(credential.guess_units(&windows));
        if has_counter && config.risk.yearly_risk < least_risk {
            self.never_checked.push(user.to_owned());
            self.least_risk = self.least_risk.max(least_risk);
        }
    }

    /// The findings, each about all tokens that have it.
    pub(super) fn report(&self, findings: &mut Vec<Finding>) {
        if !self.ended.is_empty() {
            let count = output::count_with(self.ended.len(), "counter token", ("has", "have"));
            findings.push(
                Finding::warning(
                    "counter_ended",
                    format!("{count} no further code: {}", some_of(&self.ended)),
                )
                .why("the counter is at its end, so every code of it is refused")
                .fix("enrol another token with \"totp-enroll enroll --add --type hotp\", or replace all authenticators with --replace"),
            );
        }
        if !self.out_of_step.is_empty() {
            let count = output::count_with(self.out_of_step.len(), "counter token", ("needs", "need"));
            findings.push(
                Finding::info(
                    "out_of_step",
                    format!("{count} two codes once: {}", some_of(&self.out_of_step)),
                )
                .why("after a restored or repaired state it is not known how far a token was used, so a single code of it is refused")
                .fix("ask the owners to type \"sync\" in place of a code at the next login, and then two codes of the token"),
            );
        }
        if !self.never_checked.is_empty() {
            findings.push(
                Finding::warning(
                    "counter_never_checked",
                    format!(
                        "limit.yearly_risk does not allow a single try for {} with a counter token: {}",
                        output::count(self.never_checked.len(), "user"),
                        some_of(&self.never_checked)
                    ),
                )
                .why("a try is charged for every code that is right at the time, for a token the next one and the whole look-ahead; so at an unknown place, no code of these users is ever checked")
                .fix(format!(
                    "set limit.yearly_risk to {} or more, make hotp.look_ahead smaller, or use tokens with eight digits",
                    guessing::decimal(self.least_risk)
                )),
            );
        }
    }
}
