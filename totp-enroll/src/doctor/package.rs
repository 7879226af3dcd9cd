//! The package: one module, the one that is in use.

use super::finding::Finding;
use super::stack;
use std::fs;

pub(super) fn examine(findings: &mut Vec<Finding>) {
    let mut different: Vec<_> = stack::directories()
        .into_iter()
        .filter_map(|directory| fs::canonicalize(directory.join("pam_totp.so")).ok())
        .collect();
    different.sort();
    different.dedup();
    if let [first, second, ..] = different.as_slice() {
        findings.push(
            Finding::warning(
                "two_modules",
                format!("{} and {} are both there", first.display(), second.display()),
            )
            .why("libpam takes one of them, and a new version may have come to the other")
            .mend("remove the one that no package owns (\"dpkg -S\", \"rpm -qf\")"),
        );
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut stale: Vec<String> = processes
        .filter(|process| {
            let maps = fs::read_to_string(process.path().join("maps")).unwrap_or_default();
            maps.lines().any(|line| line.contains("/pam_totp.so") && line.ends_with(" (deleted)"))
        })
        .map(|process| {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            format!("{} ({})", name.trim_end(), process.file_name().to_string_lossy())
        })
        .collect();
    stale.sort();
    if !stale.is_empty() {
        findings.push(
            Finding::warning(
                "stale_module",
                format!("the module was replaced since these began: {}", stale.join(", ")),
            )
            .why("they go on with the old one until they are started again")
            .mend("start them again; a session of sshd ends by itself"),
        );
    }
}
