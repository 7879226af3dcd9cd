//! The names of all findings, by which the config accepts one (`[doctor] accepted`).

use super::mistakes::mistakes;

/// A name with at most so many mistakes is taken for the one that is meant.
const MOST_MISTAKES: usize = 3;

/// Sorted. They are the same in every version.
pub(super) const NAMES: [&str; 107] = [
    "accepted_unknown",
    "accepted_unused",
    "account_gone",
    "account_other_uid",
    "after_no_first_factor",
    "apparmor_enforces",
    "asked_twice",
    "bad_argument",
    "budget_ahead",
    "budget_low",
    "clock_back",
    "clock_unsynchronised",
    "code_first_tells_accounts_apart",
    "code_ignored",
    "code_not_counted",
    "code_skipped",
    "code_wasted",
    "command_key_enrols",
    "config_unreadable",
    "counter_ended",
    "counter_never_checked",
    "credential_missing",
    "credential_unreadable",
    "exempt_everybody",
    "exempt_from_everything",
    "few_recovery_codes",
    "forwarded_password_unused",
    "fresh_on_the_line_alone",
    "guessed_before_password",
    "ignored_is_refused",
    "keyring_missing",
    "keyring_not_kept",
    "keyring_not_opened",
    "keyring_not_sealed",
    "keyring_unreadable",
    "known_tries_high",
    "ledger_unreadable",
    "line_unreadable",
    "match_not_asked",
    "misplaced_line",
    "module_missing",
    "network_service_local",
    "no_mail_program",
    "no_recovery_codes",
    "no_such_group",
    "no_such_service",
    "no_time_service",
    "nobody_gets_in",
    "not_converted",
    "not_in_stack",
    "not_switched_on",
    "nothing_asked",
    "nothing_to_use",
    "notice_unreadable",
    "notices_not_sent",
    "old_module",
    "one_factor",
    "other_store",
    "other_version",
    "out_of_step",
    "paired_service_unprotected",
    "password_like_a_code",
    "reset_unreadable",
    "restore_unnoticed",
    "runtime_unusable",
    "sandboxed",
    "seal_broken",
    "selinux_enforces",
    "setting_without_effect",
    "source_not_confirmed",
    "source_unknown",
    "sshd_asked_for_some",
    "sshd_asks_nothing",
    "sshd_cannot_ask",
    "sshd_dead_list",
    "sshd_empty_passwords",
    "sshd_grace_too_short",
    "sshd_missing",
    "sshd_nobody_gets_in",
    "sshd_not_asked",
    "sshd_not_reloaded",
    "sshd_one_factor",
    "sshd_other_service",
    "sshd_password_method",
    "sshd_refuses_config",
    "sshd_root_locked_out",
    "sshd_skips_pam",
    "sshd_without_pam",
    "stack_too_large",
    "stack_unreadable",
    "stale_draft",
    "stale_module",
    "state_restored",
    "state_unusable",
    "stray_file",
    "sudo_rule_with_wildcard",
    "token_expired",
    "token_not_enrolled",
    "token_of_another",
    "token_revocation_unfinished",
    "token_seal_broken",
    "token_secret_twice",
    "token_unreadable",
    "two_modules",
    "yearly_risk_high",
    "yearly_risk_kept",
    "yearly_risk_low",
];

/// The name that is meant by a misspelt one.
pub(super) fn nearest(written: &str) -> Option<&'static str> {
    let by_mistakes = NAMES.iter().map(|name| (mistakes(written.as_bytes(), name.as_bytes()), *name));
    by_mistakes.min().filter(|(count, _)| *count <= MOST_MISTAKES).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// What stands before a name in the sources.
    const BEFORE_A_NAME: [&str; 8] = [
        "Finding::serious(",
        "Finding::warning(",
        "Finding::info(",
        "Finding::new(severity,",
        "unusable(",
        "unreadable(",
        "(Severity::Serious,",
        "false => (severity,",
    ];

    fn names_in(directory: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                names_in(&path, names);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let program = text.split("#[cfg(test)]").next().unwrap();
            for before in BEFORE_A_NAME {
                let behind =
                    program.split(before).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
                names.extend(behind.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_finding_has_its_name_in_the_list() {
        let mut names = BTreeSet::new();
        names_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/doctor"), &mut names);
        let listed: BTreeSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names, listed);
        assert!(NAMES.is_sorted());
    }
}
