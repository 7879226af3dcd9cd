//! Checks for SSH keys that may run one command only, where their login would enrol the account: who has such a key, a program as a
//! rule, would then set the second factor of its account.

use super::enrolments::EnrolledUsers;
use super::finding::Finding;
use crate::homes::home_owner::{HomeFile, HomeOwner, home_owners};
use crate::homes::reader;
use totp_core::config::Config;
use totp_core::policy::{Decision, PolicyInput};
use totp_host::machine;

/// At most this many accounts are named.
const MOST_NAMES: usize = 5;

/// `asks_pam`: whether sshd asks PAM at a login of this account.
pub(super) fn examine(
    config: &Config,
    enrolled: &EnrolledUsers,
    asks_pam: &dyn Fn(&str) -> bool,
    found: &mut Vec<Finding>,
) {
    if !config.policy.enroll_at_login {
        return;
    }
    let is_concerned = |owner: &HomeOwner| {
        !enrolled.names.contains(&owner.name)
            && would_enrol(config, owner)
            && has_command_key(owner)
            && asks_pam(&owner.name)
    };
    let owners = home_owners().unwrap_or_default();
    let names: Vec<String> = owners.into_iter().filter(is_concerned).map(|owner| owner.name).collect();
    if names.is_empty() {
        return;
    }
    let mut shown = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST_NAMES {
        shown.push_str(", ...");
    }
    let what =
        format!("an SSH key with command= could enrol its account, which is not enrolled yet: {shown}");
    found.push(
        Finding::warning("command_key_enrols", what)
            .why("[require] enroll_at_login enrols at any login, and pam_totp.so is not told what a key may do: anyone who has the key could set the second factor of the account")
            .fix("exempt a group of such accounts ([require] exempt_groups), or give them a Match User block with \"AuthenticationMethods publickey\"; enrol people who have such a key"),
    );
}

fn would_enrol(config: &Config, owner: &HomeOwner) -> bool {
    let now = machine::now().map_or(0, |now| now.realtime);
    let groups = machine::groups_of(&owner.name, config.policy.named_groups());
    let input = PolicyInput {
        known: true,
        groups: groups.map_err(|error| error.to_string()),
        address: None,
        security_key: false,
        introduced: true,
        may_converse: true,
        enrolled: Some(false),
        reset: false,
        since_code: None,
        remembered: false,
        now,
    };
    matches!(config.policy.decide(&input), Decision::Enroll(_))
}

/// In the default place (sshd_config(5), `AuthorizedKeysFile`). A file that cannot be read is none that sshd would use, or the home does not
/// answer.
fn has_command_key(owner: &HomeOwner) -> bool {
    let text = reader::read(owner, HomeFile::AuthorizedKeys).ok().flatten();
    text.is_some_and(|text| String::from_utf8_lossy(&text).lines().any(is_for_one_command))
}

/// Whether the options of the line, before the type of its key, name a command (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").
fn is_for_one_command(line: &str) -> bool {
    let line = line.trim_start();
    let key = ["ssh-", "ecdsa-", "sk-"].iter().filter_map(|kind| line.find(&format!(" {kind}"))).min();
    let options = key.and_then(|at| line.get(..at)).unwrap_or_default().to_ascii_lowercase();
    !line.starts_with('#') && options.split(',').any(|option| option.trim().starts_with("command="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_command_is_told_from_others() {
        for line in [
            "restrict,command=\"/usr/bin/backup\" ssh-ed25519 AAAA backup",
            "command=\"a b, c\",no-pty ecdsa-sha2-nistp256 AAAA",
            "  Command=\"x\" sk-ssh-ed25519@openssh.com AAAA",
        ] {
            assert!(is_for_one_command(line), "{line}");
        }
        for line in [
            "ssh-ed25519 AAAA command=\"x\"",
            "# command=\"x\" ssh-ed25519 AAAA",
            "restrict ssh-ed25519 AAAA",
            "",
            "environment=\"command=x\" ssh-rsa AAAA",
        ] {
            assert!(!is_for_one_command(line), "{line}");
        }
    }
}
