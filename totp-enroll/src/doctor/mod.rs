//! `doctor`: checks this machine's configuration and prints what is wrong, why it matters and how to fix it. It changes nothing.
//!
//! ```text
//!  services      the PAM stacks (stack)            sshd        what sshd requires besides PAM
//!  stack_lines   the lines of one stack            matches     the Match blocks of sshd's configuration
//!  settings      the config file                   enrolments  every credential and ledger
//!  files         owners, modes, stale files        command_keys  keys for one command whose login would enrol
//!  clock · sandbox · package                       sudo_rules  rules for this command with a wildcard
//!  guessing      sources, risk and budgets         counter_tokens  tokens whose codes are refused
//!  accepted      findings that are wanted          idle_settings   settings that can match no login
//!  method_lists  sshd's AuthenticationMethods      missing_module  a module that libpam does not find
//!  token_holders  people with a token that the inventory does not assign to them
//!  shared_secrets  secrets that two tokens have, or a token and a person
//!  tokens        the inventory of tokens           unused_tokens  tokens whose people are not enrolled with them
//! ```

mod accepted;
mod clock;
mod command_keys;
mod counter_tokens;
mod enrolments;
mod files;
pub(crate) mod finding;
mod finding_names;
mod guessing;
pub(crate) mod idle_settings;
mod matches;
mod method_lists;
mod missing_module;
mod mistakes;
mod package;
mod root_key;
mod sandbox;
pub(crate) mod services;
mod settings;
mod shared_secrets;
mod sshd;
mod sshd_program;
mod sshd_weakness;
pub(crate) mod stack;
mod stack_lines;
mod sudo_rules;
mod token_holders;
mod tokens;
mod unused_tokens;

use crate::cli::{Cli, Doctor};
use crate::command_error::CommandError;
use crate::output::{self, Format};
use finding::{Finding, Severity};
pub(crate) use guessing::is_reached_with_address;
use serde::Serialize;
use std::path::Path;
use totp_core::config::{Config, DEFAULT_FILE};
use totp_core::store::StoreError;
use totp_host::config_and_keyring::read_config;

#[derive(Serialize)]
struct DoctorReport<'a> {
    serious: usize,
    findings: &'a [Finding],
}

pub(crate) fn run(cli: &Cli, options: &Doctor) -> Result<(), CommandError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(CommandError::not_permitted(
            "doctor has to read files that only root can read; run it again with sudo",
        ));
    }
    if let Some(name) = options.services.iter().find(|name| name.is_empty() || name.contains('/')) {
        return Err(CommandError::usage(format!(
            "\"{}\" is not the name of a file in /etc/pam.d",
            name.escape_debug()
        )));
    }
    let (mut findings, config) = examine(cli, options)?;
    accepted::mark(cli.config.as_deref(), &config, &options.services, &mut findings);
    findings.sort();
    findings.sort_by_key(|finding| finding.name != "state_restored");
    findings.dedup();
    let findings = Finding::merged(findings);
    let is_serious = |finding: &&Finding| finding.severity == Severity::Serious && !finding.accepted;
    let serious = findings.iter().filter(is_serious).count();
    let report = DoctorReport { serious, findings: &findings };
    output::report(Format::of(cli.json), &report, |report| lines(report.findings))?;
    match serious {
        0 => Ok(()),
        _ => Err(CommandError::refused("serious findings").reported()),
    }
}

fn examine(cli: &Cli, options: &Doctor) -> Result<(Vec<Finding>, Config), CommandError> {
    let mut findings = Vec::new();
    let named = cli.config.as_deref();
    let config = match read_config(named, None) {
        Ok(config) => config,
        Err(error) => {
            findings.push(settings::unreadable(error.into(), named.unwrap_or(Path::new(DEFAULT_FILE))));
            Config::defaults().map_err(StoreError::from)?
        }
    };
    let own = services::OwnConfig { config: &config, named };
    let services = services::examine(&options.services, &own, &mut findings);
    settings::examine(named, &config, &services, &mut findings);
    idle_settings::examine(&config, &services, &mut findings);
    guessing::examine(&config, &services, &mut findings);
    files::examine(&config, &mut findings);
    let (inventory, secrets) = tokens::examine(&config, &mut findings);
    unused_tokens::examine(&config, &inventory, &mut findings);
    let enrolled = enrolments::examine(&config, inventory, secrets, &mut findings);
    sshd::examine(&services, &enrolled, &mut findings);
    sudo_rules::examine(&mut findings);
    clock::examine(&mut findings);
    sandbox::examine(&services, &config, &mut findings);
    package::examine(&services, &mut findings);
    Ok((findings, config))
}

fn lines(findings: &[Finding]) -> Vec<String> {
    if findings.is_empty() {
        return vec!["nothing to fix".to_owned()];
    }
    let lines = findings.iter().flat_map(|finding| {
        let word = match (finding.accepted, finding.severity) {
            (true, _) => "accepted",
            (false, Severity::Serious) => "SERIOUS",
            (false, Severity::Warning) => "warning",
            (false, Severity::Info) => "note",
        };
        let services: Vec<&str> =
            finding.service.iter().chain(&finding.services).map(String::as_str).collect();
        let service = if services.is_empty() { String::new() } else { format!(" [{}]", services.join(", ")) };
        [
            format!("{word}{service} {}: {}", finding.name, finding.what),
            format!("    why: {}", finding.why),
            format!("    fix: {}", finding.fix),
        ]
    });
    lines.collect()
}
