//! Checks that one pam_totp.so is installed, in this command's version, and that running programs have loaded it.

use super::finding::Finding;
use super::services::Service;
use super::stack;
use std::fs;
use std::path::PathBuf;

/// The text around the version in the module's file; it is the first message that it logs with `debug`.
const BEFORE: &[u8] = b"begun (pam_totp ";
const AFTER: u8 = b')';

pub(super) fn examine(services: &[Service], findings: &mut Vec<Finding>) {
    two_modules(findings);
    let mut modules: Vec<&PathBuf> = services.iter().flat_map(|service| &service.modules).collect();
    modules.sort();
    modules.dedup();
    for module in modules {
        let commands = env!("CARGO_PKG_VERSION");
        // A module without a version text is skipped.
        if let Some(modules) =
            fs::read(module).ok().and_then(|bytes| version(&bytes)).filter(|modules| modules != commands)
        {
            findings.push(
                Finding::warning(
                    "other_version",
                    format!(
                        "{} is version {modules}, but this command is version {commands}",
                        module.display()
                    ),
                )
                .why("the newer one may write files that the older one refuses to read")
                .fix("reinstall libpam-totp, and remove copies that were installed by hand"),
            );
        }
    }
    stale_module(findings);
}

fn version(bytes: &[u8]) -> Option<String> {
    let at = bytes.windows(BEFORE.len()).position(|window| window == BEFORE)?;
    let rest = bytes.get(at.checked_add(BEFORE.len())?..)?;
    let version: Vec<u8> = rest.iter().copied().take(32).take_while(|byte| *byte != AFTER).collect();
    String::from_utf8(version).ok().filter(|version| version.chars().all(|char| char.is_ascii_graphic()))
}

/// Two files of which libpam could load either.
fn two_modules(findings: &mut Vec<Finding>) {
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
                format!("{} and {} are both installed", first.display(), second.display()),
            )
            .why("libpam loads one of them, and an upgrade may replace only the other")
            .fix("remove the one that belongs to no package (\"dpkg -S FILE\", \"rpm -qf FILE\")"),
        );
    }
}

/// Programs that still have a replaced module loaded.
fn stale_module(findings: &mut Vec<Finding>) {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut stale: Vec<String> = processes
        .filter(|process| {
            // A container has a module of its own.
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
                format!("pam_totp.so was replaced after these programs loaded it: {}", stale.join(", ")),
            )
            .why("they use the old version until they are restarted")
            .fix("restart them; processes of open ssh sessions end with their session"),
        );
    }
}
