//! Owners and modes of what is stored, and what lies about that nobody needs.

use super::finding::Finding;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, os::unix::fs::MetadataExt};
use totp_core::config::Config;
use totp_core::keyring::Keyring;
use totp_core::store::StoreError;
use totp_core::store::files::Files;
use totp_core::store::guard::{Guard, read_document};

/// A draft that is younger may be somebody's at this moment.
const ABANDONED: Duration = Duration::from_secs(600);

pub(super) fn examine(config: &Config, findings: &mut Vec<Finding>) {
    let paths = &config.paths;
    match read_document(&paths.keyring, Guard::Secret) {
        Ok(Some(text)) => {
            if let Err(error) = Keyring::parse(&paths.keyring, text.expose()) {
                findings.push(unusable("keyring_unreadable", &error.into()));
            }
        }
        Ok(None) => findings.push(
            Finding::serious("keyring_missing", format!("{}: is missing", paths.keyring.display()))
                .why("no code can be checked: everybody who is enrolled is refused")
                .mend("restore it from its backup; where nobody is enrolled yet, \"totp-enroll keys init\" makes one"),
        ),
        Err(error) => findings.push(unusable("keyring_unreadable", &error)),
    }
    if let Err(error) = Files::new(&paths.state).enrolled() {
        findings.push(unusable("state_unusable", &error));
    }
    stray(&paths.state, findings);
    for directory in [paths.state.join("credentials"), paths.state.join("ledgers")] {
        drafts(&directory, findings);
    }
    if let Some(parent) = paths.keyring.parent() {
        drafts(parent, findings);
    }
    runtime(&paths.runtime, findings);
}

fn unusable(name: &'static str, error: &StoreError) -> Finding {
    let line = error.line().map_or_else(String::new, |line| format!(" line {line}"));
    Finding::serious(name, format!("{}{line}: {}", error.file().display(), error.problem()))
        .why("what cannot be trusted is not used: everybody who is enrolled is refused")
        .mend("find out who changed it; put owner and mode right, or restore it from a backup. Where nothing was stored yet, \"totp-enroll keys init\" makes what is missing")
}

/// The state holds two directories and nothing else.
fn stray(state: &Path, findings: &mut Vec<Finding>) {
    for entry in fs::read_dir(state).into_iter().flatten().flatten() {
        if entry.file_name() != "credentials" && entry.file_name() != "ledgers" {
            findings.push(
                Finding::warning("stray_file", format!("{}: is none of ours", entry.path().display()))
                    .why("nothing reads it; a copy of somebody's enrolment may lie in it")
                    .mend("move it away"),
            );
        }
    }
}

fn drafts(directory: &Path, findings: &mut Vec<Finding>) {
    let is_old = |entry: &fs::DirEntry| {
        let modified = entry.metadata().and_then(|data| data.modified()).ok();
        modified.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > ABANDONED)
    };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(".new.") && is_old(&entry) {
            findings.push(
                Finding::warning(
                    "left_draft",
                    format!("{}: was left behind by a command that was ended", entry.path().display()),
                )
                .why("nothing reads it, and it may hold what is sealed, or a key")
                .mend("remove it"),
            );
        }
    }
}

/// It is made when it is needed; one that others can write is refused.
fn runtime(directory: &Path, findings: &mut Vec<Finding>) {
    let Ok(data) = fs::symlink_metadata(directory) else { return };
    if !data.is_dir() || data.uid() != 0 || data.mode() & 0o022 != 0 {
        findings.push(
            Finding::warning(
                "runtime_unusable",
                format!("{}: must be a directory of root's that nobody else can write", directory.display()),
            )
            .why("who gave a code a moment ago cannot be remembered there: [fresh] asks each time")
            .mend("remove it; the next login makes it anew"),
        );
    }
}
