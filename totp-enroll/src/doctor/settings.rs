//! Checks the config file: settings that exempt more logins than intended, and sections that have no effect.

use super::finding::Finding;
use super::missing_module::has_no_pam_totp_line;
use super::services::Service;
use super::stack::{self};
use crate::command_error::CommandError;
use crate::output;
use nix::unistd::Group;
use std::net::IpAddr;
use std::path::Path;
use totp_core::config::{Command, Config, DEFAULT_FILE, SENDMAIL};
use totp_host::documents::{Access, read_document};

/// This command's config cannot be read.
pub(super) fn unreadable(failure: CommandError, file: &Path) -> Finding {
    let file = failure.file.unwrap_or_else(|| file.to_owned());
    let file = output::location(file.display(), failure.line);
    Finding::serious("config_unreadable", format!("{file}: {}", failure.problem))
        .why("every login and every command that uses it is refused; doctor continued with the defaults")
        .fix("correct that line; the original file is in /usr/share/doc/libpam-totp")
}

pub(super) fn examine(named: Option<&Path>, own: &Config, services: &[Service], findings: &mut Vec<Finding>) {
    exempt(own, None, findings);
    for service in services {
        if let Some(config) = &service.config {
            exempt(config, Some(&service.name), findings);
        }
    }
    let [sendmail, ..] = SENDMAIL;
    if own.notify.command == Command::Sendmail && !services.is_empty() && !Path::new(sendmail).exists() {
        findings.push(
            Finding::warning(
                "no_mail_program",
                format!("{sendmail} is not installed, and [notify] names no command"),
            )
            .why("users get no mail when their second factor is changed")
            .fix("install a mail system, or set command in [notify]; command = [] turns the mails off"),
        );
    }
    let file = named.unwrap_or(Path::new(DEFAULT_FILE));
    for name in overridden(file) {
        let is_examined = services.iter().any(|service| service.name == name);
        if !is_examined && has_no_pam_totp_line(&name) {
            findings.push(
                Finding::warning(
                    "not_in_stack",
                    format!(
                        "{} has a section [service.{name}], but no auth line of {name} names pam_totp.so",
                        file.display()
                    ),
                )
                .why("this service does not ask for a code; an update may have restored the original file")
                .fix(format!("\"totp-enroll pam-snippet {name}\" prints the lines to add"))
                .at(&name),
            );
        }
        if !stack::services().contains(&name) {
            findings.push(
                Finding::warning(
                    "no_such_service",
                    format!(
                        "{} has a section [service.{name}], but there is no /etc/pam.d/{name}",
                        file.display()
                    ),
                )
                .why("the section has no effect, so a rule in it is not enforced")
                .fix("correct the name (use the name of the file in /etc/pam.d), or remove the section"),
            );
        }
    }
}

fn overridden(file: &Path) -> Vec<String> {
    let text = read_document(file, Access::RootWrites).ok().flatten();
    text.and_then(|text| Config::services(file, text.expose()).ok()).unwrap_or_default()
}

/// Whether the networks together contain every address of their kind. A single /0 is left to its own finding.
fn covers_all(networks: &[String], is_six: bool) -> bool {
    let networks = networks.iter().filter_map(|network| network.split_once('/'));
    let networks =
        networks.filter_map(|(address, bits)| Some((address.parse().ok()?, bits.parse::<u32>().ok()?)));
    let mut ranges: Vec<(u128, u128)> = networks
        .filter_map(|(address, bits)| {
            let (first, length) = match (address, is_six) {
                (IpAddr::V4(four), false) => (u128::from(four.to_bits()), 32_u32),
                (IpAddr::V6(six), true) => (six.to_bits(), 128),
                (IpAddr::V4(_), true) | (IpAddr::V6(_), false) => return None,
            };
            let rest = length.checked_sub(bits).filter(|_| bits > 0)?;
            Some((first, first.checked_add(1_u128.checked_shl(rest)?.checked_sub(1)?)?))
        })
        .collect();
    ranges.sort_unstable();
    let last = if is_six { u128::MAX } else { u128::from(u32::MAX) };
    let mut next = 0_u128;
    for (first, end) in ranges {
        if first > next {
            return false;
        }
        if end >= last {
            return true;
        }
        next = next.max(end.saturating_add(1));
    }
    false
}

fn exempt(config: &Config, service: Option<&str>, findings: &mut Vec<Finding>) {
    let policy = &config.policy;
    let mut push = |finding: Finding| {
        findings.push(match service {
            Some(service) => finding.at(service),
            None => finding,
        });
    };
    let networks: Vec<String> = policy.exempt_networks.iter().map(ToString::to_string).collect();
    for (kind, is_six) in [("IPv4", false), ("IPv6", true)] {
        if covers_all(&networks, is_six) {
            push(
                Finding::serious(
                    "exempt_everybody",
                    format!("the networks in require.exempt_networks together contain every {kind} address"),
                )
                .why("no login from such an address is asked for a code")
                .fix("list only the networks to exempt"),
            );
        }
    }
    for network in &policy.exempt_networks {
        if network.to_string().ends_with("/0") {
            push(
                Finding::serious("exempt_everybody", format!("require.exempt_networks contains {network}"))
                    .why("that is every address of its kind: no login from such an address is asked for a code")
                    .fix("list only the networks to exempt"),
            );
        }
    }
    for name in policy.named_groups() {
        if matches!(Group::from_name(name), Ok(None)) {
            push(
                Finding::warning(
                    "no_such_group",
                    format!("[require] names the group \"{name}\", which does not exist"),
                )
                .why("every user is asked for a code, and each login logs a warning about it")
                .fix("correct the name, or create the group"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_that_together_contain_every_address_are_found() {
        let all =
            |text: &str, is_six| covers_all(&text.split(' ').map(str::to_owned).collect::<Vec<_>>(), is_six);
        assert!(all("128.0.0.0/1 0.0.0.0/1", false));
        assert!(all("0.0.0.0/2 64.0.0.0/2 128.0.0.0/1 10.0.0.0/8", false));
        assert!(all("::/1 8000::/1", true));
        for text in ["0.0.0.0/1 128.0.0.0/2", "128.0.0.0/1", "10.0.0.0/8 10.0.0.0/9", "0.0.0.0/2 128.0.0.0/1"]
        {
            assert!(!all(text, false) && !all(text, true), "{text}");
        }
    }
}
