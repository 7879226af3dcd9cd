//! Checks what may deny the module access to its files: the sandbox of a systemd unit, AppArmor, SELinux.

use super::finding::Finding;
use super::services::Service;
use std::fs;
use std::path::{Path, PathBuf};
use totp_core::config::Config;

/// Where systemd reads units and their drop-ins; the first directory that has a unit wins (systemd.unit(5)).
const DIRECTORIES: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// The units whose processes call PAM for a service. Not polkit.service: polkitd does not call PAM, and before polkit 127 the agent
/// starts its helper in the user's session.
const UNITS: [(&str, &[&str]); 2] = [
    ("polkit-1", &["polkit-agent-helper@.service"]),
    ("sshd", &["ssh.service", "sshd.service", "ssh@.service", "sshd@.service"]),
];

pub(super) fn examine(services: &[Service], own: &Config, findings: &mut Vec<Finding>) {
    for service in services.iter().filter(|service| service.asks) {
        let units = UNITS.iter().filter(|(name, _)| *name == service.name).flat_map(|(_, units)| *units);
        let config = service.config.as_ref().unwrap_or(own);
        for unit in units {
            if let Some(settings) = settings(unit) {
                findings.extend(read_only(unit, &settings, config).map(|finding| finding.at(&service.name)));
            }
        }
    }
    let profiles = fs::read_to_string("/sys/kernel/security/apparmor/profiles").unwrap_or_default();
    let confined = confined(&profiles);
    if !services.is_empty() && !confined.is_empty() {
        findings.push(
            Finding::info("apparmor_enforces", format!("AppArmor confines {}", confined.join(", ")))
                .why("a profile that does not allow /etc/pam_totp, /var/lib/pam_totp and /run/pam_totp makes every login fail; the log then says \"Permission denied\"")
                .fix("look for denials with \"journalctl -k -g apparmor\", and allow the paths in /etc/apparmor.d/local"),
        );
    }
    if !services.is_empty()
        && fs::read_to_string("/sys/fs/selinux/enforce").is_ok_and(|text| text.trim() == "1")
    {
        findings.push(
            Finding::info("selinux_enforces", "SELinux enforces its policy")
                .why("a policy without rules for pam_totp may deny sshd access to its files; the log then says \"Permission denied\"")
                .fix("look for denials with \"ausearch -m avc -ts recent\"; \"restorecon -R /etc/pam_totp /var/lib/pam_totp\" sets the labels"),
        );
    }
}

/// The programs that call PAM among the profiles that AppArmor enforces; one line each, `NAME (enforce)`.
fn confined(profiles: &str) -> Vec<&str> {
    let enforced = profiles.lines().filter_map(|line| line.strip_suffix(" (enforce)"));
    let programs = ["sshd", "sudo", "su", "login", "polkit-agent-helper-1"];
    enforced.filter(|name| programs.contains(&name.rsplit('/').next().unwrap_or_default())).collect()
}

/// The settings of a unit and its drop-ins, in systemd's order; `None`: there is no such unit.
fn settings(unit: &str) -> Option<Vec<(String, String)>> {
    let main =
        DIRECTORIES.iter().find_map(|directory| fs::read_to_string(Path::new(directory).join(unit)).ok())?;
    let mut drop_ins: Vec<PathBuf> = DIRECTORIES
        .iter()
        .flat_map(|directory| {
            fs::read_dir(Path::new(directory).join(format!("{unit}.d"))).into_iter().flatten().flatten()
        })
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .collect();
    drop_ins.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    let texts = std::iter::once(main).chain(drop_ins.iter().filter_map(|path| fs::read_to_string(path).ok()));
    let pairs = texts.flat_map(|text| pairs(&text));
    Some(pairs.collect())
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';', '[']));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// A finding if the unit cannot write the state directory.
fn read_only(unit: &str, settings: &[(String, String)], config: &Config) -> Option<Finding> {
    let last =
        |wanted: &str| settings.iter().rev().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
    if last("ProtectSystem") != Some("strict") {
        return None;
    }
    // An empty value discards those before it.
    let mut writable: Vec<PathBuf> = Vec::new();
    for (key, value) in
        settings.iter().filter(|(key, _)| matches!(key.as_str(), "ReadWritePaths" | "StateDirectory"))
    {
        if value.is_empty() {
            writable.clear();
        }
        let paths = value.split_ascii_whitespace().map(|path| path.trim_start_matches(['-', '+']));
        let root = if key == "StateDirectory" { "/var/lib" } else { "/" };
        writable.extend(paths.map(|path| Path::new(root).join(path)));
    }
    let state = &config.paths.state;
    if writable.iter().any(|path| state.starts_with(path)) {
        return None;
    }
    let state = state.display();
    Some(
        Finding::serious(
            "sandboxed",
            format!("{unit} has ProtectSystem=strict, so {state} is read-only for it"),
        )
        .why("the use of a code cannot be recorded, so every code is refused")
        .fix(format!(
            "run \"systemctl edit {unit}\", and add to [Service]: ReadWritePaths={state} -{}",
            config.paths.runtime.display()
        )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str) -> bool {
        read_only("x.service", &pairs(text), &Config::defaults().unwrap()).is_some()
    }

    #[test]
    fn a_strict_sandbox_without_the_state_directory_is_found() {
        assert!(finds("[Service]\nProtectSystem=strict\n"));
        assert!(finds(
            "[Service]\nProtectSystem=strict\nReadWritePaths=/var/lib/pam_totp\nReadWritePaths=\n"
        ));
        assert!(finds("[Service]\nProtectSystem=strict\nReadWritePaths=/var/lib/other -/run\n"));
    }

    #[test]
    fn only_confined_programs_that_call_pam_are_reported() {
        let profiles = "/usr/bin/man (enforce)\n/usr/sbin/sshd (enforce)\nsudo (complain)\nsu (enforce)\n";
        assert_eq!(confined(profiles), ["/usr/sbin/sshd", "su"]);
    }

    #[test]
    fn a_sandbox_that_can_write_the_state_directory_is_no_finding() {
        assert!(!finds("[Service]\nProtectSystem=strict\nReadWritePaths=/run -/var/lib/pam_totp\n"));
        assert!(!finds("[Service]\nProtectSystem=strict\nStateDirectory=pam_totp\n"));
        assert!(!finds("[Service]\nProtectSystem=strict\n[Service]\nProtectSystem=no\n"));
        assert!(!finds("[Service]\n#ProtectSystem=strict\n"));
    }
}
