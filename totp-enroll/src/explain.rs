//! `explain`: rule by rule, what would be asked of a user, and why. Nothing is used up by it.

use crate::cli::{Cli, Explain};
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::network;
use totp_core::policy::device::Traits;
use totp_core::policy::remembered_device;
use totp_core::policy::{Decision, Exempted, Policy, PolicyInput};
use totp_core::store::Resets;
use totp_core::user::Account;
use totp_host::accounts;
use totp_host::settings::read_config;

#[derive(Serialize)]
struct Document {
    user: String,
    service: String,
    rules: Vec<Rule>,
    /// `code`, `exempt`, `fresh`, `security_key`, `remembered_device`, `not_yet_required`, `token` or `enroll`.
    outcome: &'static str,
    sentence: String,
}

#[derive(Serialize)]
struct Rule {
    rule: &'static str,
    decides: bool,
    why: String,
}

pub(crate) fn run(context: &Context, cli: &Cli, asked: &Explain) -> Result<(), Failure> {
    let account = context.any_account(Some(&asked.user))?;
    let config = read_config(cli.config.as_deref(), Some(&asked.service))?;
    let policy = config.policy.with_line(asked.nullok, asked.fresh);
    let input = input(context, &policy, &account, asked)?;
    let mut decision = None;
    let mut rules = Vec::new();
    for finding in policy.findings(&input) {
        rules.push(Rule { rule: finding.rule, decides: finding.decision.is_some(), why: finding.why });
        if finding.decision.is_some() {
            decision = finding.decision;
            break;
        }
    }
    let (outcome, sentence) = outcome(decision.as_ref().unwrap_or(&Decision::Ask), &input);
    let user = account.user.as_str().to_owned();
    let document = Document { user, service: asked.service.clone(), rules, outcome, sentence };
    match context.format {
        Format::Json => output::document(&document),
        Format::Text => lines(&document).iter().try_for_each(|line| output::line(line)),
    }
}

fn input(
    context: &Context,
    policy: &Policy,
    account: &Account,
    asked: &Explain,
) -> Result<PolicyInput, Failure> {
    let address = match &asked.rhost {
        None => None,
        Some(text) => Some(network::address(text).ok_or_else(|| {
            Failure::usage(format!("--rhost {}: not an address; a name never counts", text.escape_debug()))
        })?),
    };
    let named = policy.named_groups().next().is_some() && account.uid.is_some();
    let groups = match named {
        true => accounts::groups_of(account.user.as_str(), policy.named_groups())
            .map_err(|error| error.to_string()),
        false => Ok(Vec::new()),
    };
    let traits = Traits { key: asked.key.as_deref(), address };
    let now = clock::now()?;
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
            ("token", "the token is asked for that the reset of the account has left".to_owned())
        }
        Decision::Ask if input.enrolled == Some(false) => {
            ("code", "a code is asked for, and none is right: the account is not enrolled".to_owned())
        }
        Decision::Ask => ("code", "a code is asked for".to_owned()),
        Decision::Exempt(exemption) => match exemption.why() {
            Exempted::Exempt(rule) => ("exempt", format!("nothing is asked for: exempt by {rule}")),
            Exempted::Fresh(age) => ("fresh", format!("nothing is asked for: a code was accepted {age} ago")),
            Exempted::SecurityKey => {
                ("security_key", "nothing is asked for: the SSH key is two factors".to_owned())
            }
            Exempted::RememberedDevice(_) => ("remembered_device", "nothing is asked for".to_owned()),
        },
        Decision::Recognised => {
            ("remembered_device", "nothing is asked for: the device is a remembered one".to_owned())
        }
        Decision::NotYetRequired(unenrolled) => match unenrolled.days_left() {
            Some(days) => ("let_past", format!("nothing is asked for yet; {days} days are left to enrol")),
            None => ("let_past", "nothing is asked for: not enrolled, and allowed to be (nullok)".to_owned()),
        },
        Decision::Enroll(None) => ("enroll", "the login enrols the account, or refuses it".to_owned()),
        Decision::Enroll(Some(_)) => {
            ("enroll", "the login offers to enrol the account, and lets it past otherwise".to_owned())
        }
    }
}

fn lines(document: &Document) -> Vec<String> {
    let Document { user, service, rules, sentence, .. } = document;
    let mut lines = vec![format!("{user} at {service}: {sentence}")];
    let rows: Vec<_> = rules
        .iter()
        .map(|rule| {
            let mark = if rule.decides { "->" } else { "  " };
            [mark.to_owned(), rule.rule.to_owned(), rule.why.clone()]
        })
        .collect();
    lines.extend(output::columns(&rows));
    lines
}
