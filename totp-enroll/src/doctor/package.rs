//! The package: one module, the one that is in use.

use super::finding::Finding;
use super::services::Service;
use super::stack;
use std::fs;
use std::path::PathBuf;

/// What stands before the version in the module's file, and behind it: the first step that it logs with `debug`.
const BEFORE: &[u8] = b"begun (pam_totp ";
const BEHIND: u8 = b')';

pub(super) fn examine(services: &[Service], findings: &mut Vec<Finding>) {
    two(findings);
    let mut modules: Vec<&PathBuf> = services.iter().flat_map(|service| &service.modules).collect();
    modules.sort();
    modules.dedup();
    for module in modules {
        let ours = env!("CARGO_PKG_VERSION");
        // One that does not say is told nothing of.
        if let Some(theirs) =
            fs::read(module).ok().and_then(|bytes| version(&bytes)).filter(|theirs| theirs != ours)
        {
            findings.push(
                Finding::warning(
                    "other_version",
                    format!("{} is version {theirs}, and this command {ours}", module.display()),
                )
                .why("the newer of them may store what the other does not know, and refuses")
                .fix("install libpam-totp anew, and remove what was copied by hand"),
            );
        }
    }
    replaced(findings);
}

fn version(bytes: &[u8]) -> Option<String> {
    let at = bytes.windows(BEFORE.len()).position(|window| window == BEFORE)?;
    let rest = bytes.get(at.checked_add(BEFORE.len())?..)?;
    let version: Vec<u8> = rest.iter().copied().take(32).take_while(|byte| *byte != BEHIND).collect();
    String::from_utf8(version).ok().filter(|version| version.chars().all(|char| char.is_ascii_graphic()))
}

/// Two files that libpam could take.
fn two(findings: &mut Vec<Finding>) {
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
            .fix("remove the one that no package owns (\"dpkg -S\", \"rpm -qf\")"),
        );
    }
}

/// Programs that have a module which is no longer on the disk.
fn replaced(findings: &mut Vec<Finding>) {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut stale: Vec<String> = processes
        .filter(|process| {
            // In a container lies a module of its own.
            if fs::read_link(process.path().join("ns/mnt")).ok() != fs::read_link("/proc/self/ns/mnt").ok() {
                return false;
            }
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
            .fix("start them again; a session of sshd ends by itself"),
        );
    }
}
