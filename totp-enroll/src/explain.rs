//! `explain`: shows, rule by rule, what a login would require and why. Changes nothing.

use crate::authenticator_report::AuthenticatorReport;
use crate::cli::{Cli, Explain};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::doctor::idle_settings::{self, IdleSetting};
use crate::doctor::services::{self, OwnConfig};
use crate::next_code::NextCode;
use crate::output;
use serde::Serialize;
use totp_core::config::Config;
use totp_core::lockout::{Place, ReportInput, Source};
use totp_core::login::{JudgeError, Rules};
use totp_core::network;
use totp_core::policy::device::Traits;
use totp_core::policy::{Decision, Exempted, Policy, PolicyInput, remembered_device};
use totp_core::store::{Held, Resets};
use totp_core::user::Account;
use totp_host::config_and_keyring::read_config;
use totp_host::machine;

#[derive(Serialize)]
struct Explanation {
    user: String,
    service: String,
    rules: Vec<RuleReport>,
    /// `code`, `exempt`, `fresh`, `security_key`, `remembered_device`, `not_yet_required`, `token` or `enroll`.
    outcome: &'static str,
    sentence: String,
    /// Those whose codes are accepted; empty: not enrolled.
    authenticators: Vec<AuthenticatorReport>,
    /// Settings that are on, and can match no login at this service.
    without_effect: Vec<IdleSetting>,
    /// What the limits say of a code; `null`: not enrolled, or it is not said where the login comes from.
    limits: Option<NextCode>,
}

#[derive(Serialize)]
struct RuleReport {
    rule: &'static str,
    decides: bool,
    why: String,
}

pub(crate) fn run(context: &Context, cli: &Cli, asked: &Explain) -> Result<(), CommandError> {
    let account = context.any_account(Some(&asked.user))?;
    let config = read_config(cli.config.as_deref(), Some(&asked.service))?;
    let policy = config.policy.with_line(asked.nullok, asked.fresh);
    let input = policy_input(context, &policy, &account, asked)?;
    let mut decision = None;
    let mut rules = Vec::new();
    for finding in policy.findings(&input) {
        rules.push(RuleReport { rule: finding.rule, decides: finding.decision.is_some(), why: finding.why });
        if finding.decision.is_some() {
            decision = finding.decision;
            break;
        }
    }
    let (outcome, sentence) = outcome(decision.as_ref().unwrap_or(&Decision::Ask), &input);
    let user = account.user.as_str().to_owned();
    let limits = limits(context, &config, &account, asked, input.introduced)?;
    let authenticators = context.hold(&account)?.map_or_else(Vec::new, |held| {
        AuthenticatorReport::all(held.credential(), held.ledger(), &config.windows())
    });
    let service = asked.service.clone();
    let without_effect = without_effect(cli, &config, &service);
    let document =
        Explanation { user, service, rules, outcome, sentence, authenticators, without_effect, limits };
    output::report(context.format, &document, lines)
}

/// By the service file of this machine; nothing, if that does not ask for a code.
fn without_effect(cli: &Cli, config: &Config, service: &str) -> Vec<IdleSetting> {
    let own = OwnConfig { config, named: cli.config.as_deref() };
    let examined = services::examine(&[service.to_owned()], &own, &mut Vec::new());
    let asking = examined.iter().find(|service| service.asks);
    asking.map_or_else(Vec::new, |service| idle_settings::at(service, config))
}

/// What would become of a code; without a remote address, of one that the account types into its own sudo.
fn limits(
    context: &Context,
    config: &Config,
    account: &Account,
    asked: &Explain,
    has_first_factor: bool,
) -> Result<Option<NextCode>, CommandError> {
    let Some((source, place)) = source(config, account, asked) else { return Ok(None) };
    let Some(held) = context.hold(account)? else { return Ok(None) };
    let (credential, now) = (held.credential(), machine::now()?.realtime);
    if !credential.owner().is(account) {
        return Err(JudgeError::OtherAccount.into());
    }
    let Rules { windows, limit, risk } = &Rules::from(config);
    let input = ReportInput { credential, windows, limit, risk, now };
    let (guesses, keyring) = (held.ledger().guesses(), context.keyring()?);
    let next = guesses.next_try(&input, account, (&source, has_first_factor), &keyring);
    let next = next.map_err(JudgeError::from)?;
    Ok(Some(NextCode::of(&next, &place, guesses.report(&input).budget.tries())))
}

/// The source, and the same in words. `None`: an SSH key without an address, or an account without a uid.
fn source(config: &Config, account: &Account, asked: &Explain) -> Option<(Source, String)> {
    match (&asked.rhost, &asked.key) {
        (Some(text), key) => {
            let place = Place::of(text, &config.sources)?;
            let name = match key {
                Some(_) => format!("{} with this SSH key", place.name()),
                None => format!("{} without an SSH key", place.name()),
            };
            Some((Source::Remote { key: key.clone(), place }, name))
        }
        (None, Some(_)) => None,
        (None, None) => account.uid.map(|uid| {
            (Source::Local(uid), "a program that the account itself started, such as sudo".to_owned())
        }),
    }
}

fn policy_input(
    context: &Context,
    policy: &Policy,
    account: &Account,
    asked: &Explain,
) -> Result<PolicyInput, CommandError> {
    let address = match &asked.rhost {
        None => None,
        Some(text) => Some(network::address(text).ok_or_else(|| {
            CommandError::usage(format!(
                "--rhost {}: not an IP address; host names are not resolved",
                text.escape_debug()
            ))
        })?),
    };
    let needs_groups = policy.named_groups().next().is_some() && account.uid.is_some();
    let groups = match needs_groups {
        true => machine::groups_of(account.user.as_str(), policy.named_groups())
            .map_err(|error| error.to_string()),
        false => Ok(Vec::new()),
    };
    let traits = Traits { key: asked.key.as_deref(), address };
    let now = machine::now()?;
    let held = context.hold(account)?;
    let remembered = match &held {
        Some(held) if policy.remember.can_tell(&traits) => {
            let keyring = context.keyring()?;
            remembered_device::recognise(held, account, &traits, &policy.remember, now, &keyring)?.is_some()
        }
        Some(_) | None => false,
    };
    Ok(PolicyInput {
        known: account.uid.is_some(),
        groups,
        address,
        security_key: asked.security_key,
        introduced: asked.key.is_some() || asked.security_key || asked.after_first_factor,
        may_converse: true,
        enrolled: Some(held.is_some()),
        reset: held.is_none()
            && context.store.reset(&account.user)?.is_some_and(|reset| !reset.is_anothers(account)),
        since_code: asked.since_code,
        remembered,
        now: now.realtime,
    })
}

fn outcome(decision: &Decision, input: &PolicyInput) -> (&'static str, String) {
    match decision {
        Decision::Ask if input.reset => {
            ("token", "a reset token is required: the enrolment of this account was reset".to_owned())
        }
        Decision::Ask if input.enrolled == Some(false) => {
            ("code", "a code is required, and every login is refused: the account is not enrolled".to_owned())
        }
        Decision::Ask => ("code", "a code is required".to_owned()),
        Decision::Exempt(exemption) => match exemption.why() {
            Exempted::Exempt(rule) => ("exempt", format!("no code is required: exempt by {rule}")),
            Exempted::Fresh(age) => ("fresh", format!("no code is required: one was accepted {age} ago")),
            Exempted::SecurityKey => {
                ("security_key", "no code is required: the SSH key is on a security key".to_owned())
            }
            Exempted::RememberedDevice(_) => {
                ("remembered_device", "no code is required: the device is remembered".to_owned())
            }
        },
        Decision::Recognised => {
            ("remembered_device", "no code is required: the device is remembered".to_owned())
        }
        Decision::NotYetRequired(unenrolled) => match unenrolled.days_left() {
            Some(days) => (
                "not_yet_required",
                format!(
                    "no code is required yet; {} left to enrol",
                    output::count_with(days, "day", ("is", "are"))
                ),
            ),
            None => (
                "not_yet_required",
                "no code is required: the account is not enrolled, and nullok allows that".to_owned(),
            ),
        },
        Decision::Enroll(None) => {
            ("enroll", "the account must enrol during the login, or the login is refused".to_owned())
        }
        Decision::Enroll(Some(_)) => (
            "enroll",
            "the login offers to enrol the account, and continues without a code if the user declines"
                .to_owned(),
        ),
    }
}

fn lines(document: &Explanation) -> Vec<String> {
    let Explanation { user, service, rules, sentence, authenticators, without_effect, limits, .. } = document;
    let mut lines = vec![format!("{user} at {service}: {sentence}")];
    let rows: Vec<_> = rules
        .iter()
        .map(|rule| {
            let mark = if rule.decides { "->" } else { "  " };
            [mark.to_owned(), rule.rule.to_owned(), rule.why.clone()]
        })
        .collect();
    lines.extend(output::columns(&rows));
    if !authenticators.is_empty() {
        let names: Vec<String> = authenticators.iter().map(AuthenticatorReport::name).collect();
        lines.push(format!("authenticators: {}", names.join(", ")));
    }
    lines.extend(authenticators.iter().filter_map(AuthenticatorReport::instead_of_a_code));
    let no_effect = without_effect.iter().map(|IdleSetting { setting, why, .. }| (setting, why));
    lines.extend(no_effect.map(|(setting, why)| format!("no effect at {service}: {setting}: {why}")));
    lines.extend(limits.as_ref().map(|limits| format!("limits: {}", limits.sentence)));
    lines
}
