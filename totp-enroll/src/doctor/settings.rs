//! The config: what it says that opens more than was meant, or that nothing listens to.

use super::finding::Finding;
use super::services::Service;
use super::stack::{self};
use crate::failure::Failure;
use nix::unistd::Group;
use std::net::IpAddr;
use std::path::Path;
use totp_core::config::{Command, Config, DEFAULT_FILE, SENDMAIL};
use totp_store::access::Access;
use totp_store::documents::read_document;

/// The command's own config cannot be read.
pub(super) fn broken(failure: Failure, file: &Path) -> Finding {
    let file = failure.file.unwrap_or_else(|| file.to_owned());
    let line = failure.line.map_or_else(String::new, |line| format!(" line {line}"));
    Finding::serious("config_unreadable", format!("{}{line}: {}", file.display(), failure.problem))
        .why("every login that reads it is refused, and so is every command; the rest was looked at by the defaults")
        .fix("fix that line; /usr/share/doc/libpam-totp has the file as it was shipped")
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
                format!("{sendmail} is not there, and [notify] names no command"),
            )
            .why("nobody is told when someone changes their second factor")
            .fix(
                "install a mail system, or set [notify] command; command = [] says that nobody is to be told",
            ),
        );
    }
    let file = named.unwrap_or(Path::new(DEFAULT_FILE));
    for name in overridden(file) {
        let is_examined = services.iter().any(|service| service.name == name);
        if !is_examined && stack::asks_nothing(&name) {
            findings.push(
                Finding::warning(
                    "not_in_stack",
                    format!(
                        "{}: [service.{name}], and no auth line of {name} names pam_totp.so",
                        file.display()
                    ),
                )
                .why("nobody is asked for a code there: an update may have put the file back")
                .fix(format!("\"totp-enroll pam-snippet {name}\" prints the lines"))
                .at(&name),
            );
        }
        if !stack::services().contains(&name) {
            findings.push(
                Finding::warning(
                    "no_such_service",
                    format!("{}: [service.{name}], and there is no /etc/pam.d/{name}", file.display()),
                )
                .why("what it says counts for nobody: a rule that was meant to hold does not")
                .fix("correct the name (it is that of the file in /etc/pam.d), or take the section out"),
            );
        }
    }
}

fn overridden(file: &Path) -> Vec<String> {
    let text = read_document(file, Access::RootWrites).ok().flatten();
    text.and_then(|text| Config::services(file, text.expose()).ok()).unwrap_or_default()
}

/// Whether several networks leave no address of their kind out; one alone is told of by its name.
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
    let halves: Vec<String> = policy.exempt_networks.iter().map(ToString::to_string).collect();
    for (kind, is_six) in [("IPv4", false), ("IPv6", true)] {
        if covers_all(&halves, is_six) {
            push(
                Finding::serious(
                    "exempt_everybody",
                    format!("the networks of require.exempt_networks are together every {kind} address"),
                )
                .why("nobody is asked for a code")
                .fix("name the networks that are meant"),
            );
        }
    }
    for network in &policy.exempt_networks {
        if network.to_string().ends_with("/0") {
            push(
                Finding::serious("exempt_everybody", format!("require.exempt_networks holds {network}"))
                    .why("that is every address: nobody is asked for a code")
                    .fix("name the networks that are meant"),
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
                .fix("correct the name, or make the group"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_that_are_together_everybody_are_known() {
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
