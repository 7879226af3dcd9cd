//! The config: what it says that opens more than was meant, or that nothing listens to.

use super::finding::Finding;
use super::services::Service;
use super::stack::{self};
use crate::failure::Failure;
use nix::unistd::Group;
use std::path::Path;
use totp_core::config::{Config, DEFAULT_FILE};
use totp_core::store::guard::{Guard, read_document};

/// The desk's own config cannot be read.
pub(super) fn broken(failure: Failure, file: &Path) -> Finding {
    let file = failure.file.unwrap_or_else(|| file.to_owned());
    let line = failure.line.map_or_else(String::new, |line| format!(" line {line}"));
    Finding::serious("config_unreadable", format!("{}{line}: {}", file.display(), failure.problem))
        .why("every login that reads it is refused, and so is every command; the rest was looked at by the defaults")
        .mend("mend that line; /usr/share/doc/libpam-totp has the file as it was shipped")
}

pub(super) fn examine(named: Option<&Path>, own: &Config, services: &[Service], findings: &mut Vec<Finding>) {
    exempt(own, None, findings);
    for service in services {
        if let Some(config) = &service.config {
            exempt(config, Some(&service.name), findings);
        }
    }
    let file = named.unwrap_or(Path::new(DEFAULT_FILE));
    for name in overridden(file) {
        if !stack::services().contains(&name) {
            findings.push(
                Finding::warning(
                    "no_such_service",
                    format!("{}: [service.{name}], and there is no /etc/pam.d/{name}", file.display()),
                )
                .why("what it says counts for nobody: a rule that was meant to hold does not")
                .mend("correct the name (it is that of the file in /etc/pam.d), or take the section out"),
            );
        }
    }
}

fn overridden(file: &Path) -> Vec<String> {
    let text = read_document(file, Guard::Public).ok().flatten();
    text.and_then(|text| Config::services(file, text.expose()).ok()).unwrap_or_default()
}

fn exempt(config: &Config, service: Option<&str>, findings: &mut Vec<Finding>) {
    let policy = &config.policy;
    let mut push = |finding: Finding| {
        findings.push(match service {
            Some(service) => finding.at(service),
            None => finding,
        });
    };
    for network in &policy.exempt_networks {
        if network.to_string().ends_with("/0") {
            push(
                Finding::serious("exempt_everybody", format!("require.exempt_networks holds {network}"))
                    .why("that is every address: nobody is asked for a code")
                    .mend("name the networks that are meant"),
            );
        }
    }
    for name in policy.named_groups() {
        if matches!(Group::from_name(name), Ok(None)) {
            push(
                Finding::warning(
                    "no_such_group",
                    format!("[require] names the group \"{name}\", which the system does not know"),
                )
                .why("then everybody is asked, and each login writes a line about it")
                .mend("correct the name, or make the group"),
            );
        }
    }
}
