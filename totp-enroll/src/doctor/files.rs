//! Owners and modes of what is stored, and what lies about that nobody needs.

use super::finding::Finding;
use crate::{context, keys};
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, os::unix::fs::MetadataExt};
use totp_core::config::Config;
use totp_core::keyring::Keyring;
use totp_core::notice::Notice;
use totp_core::store::notices::NoticeSpool;
use totp_core::store::{Engine, Resets, StoreError, Users};
use totp_store::STATE_DIRECTORIES;
use totp_store::keyring_files::KeyringFiles;
use totp_store::timestamp_records::TimestampRecords;

/// A draft that is younger may be someone's at this moment.
const ABANDONED: Duration = Duration::from_secs(600);

pub(super) fn examine(config: &Config, findings: &mut Vec<Finding>) {
    let paths = &config.paths;
    keyring(&KeyringFiles::of(paths), findings);
    let store = context::store(config);
    match store.enrolled() {
        Ok(_) => {
            let broken =
                STATE_DIRECTORIES.iter().filter_map(|directory| store.check_directory(directory).err());
            findings.extend(broken.map(|error| unusable("state_unusable", &error)));
        }
        Err(error) => findings.push(unusable("state_unusable", &error)),
    }
    stray(&paths.state, findings);
    for directory in STATE_DIRECTORIES {
        drafts(&paths.state.join(directory), findings);
    }
    resets(&store, findings);
    notices(&store.notices(), findings);
    if let Some(parent) = paths.keyring.parent() {
        drafts(parent, findings);
    }
    drafts(&paths.runtime, findings);
    runtime(&paths.runtime, findings);
}

fn keyring(files: &KeyringFiles, findings: &mut Vec<Finding>) {
    match files.read() {
        Ok(Some((file, text))) => {
            match Keyring::parse(file, text.expose()) {
                Ok(in_force) if *file == files.opened => findings.extend(not_kept(files, &in_force)),
                Ok(_) => {}
                Err(error) => findings.push(unusable("keyring_unreadable", &error.into())),
            }
        }
        Ok(None) if files.is_sealed() => findings.push(
            Finding::serious("keyring_not_opened", format!("{}: is sealed, and was not opened since this machine started", files.sealed().display()))
                .why("no code can be checked: everybody who is enrolled is refused")
                .fix("\"systemctl start pam-totp-keyring\", or \"totp-enroll keys open\""),
        ),
        Ok(None) => findings.push(
            Finding::serious("keyring_missing", format!("{}: is missing", files.clear.display()))
                .why("no code can be checked: everybody who is enrolled is refused")
                .fix("restore it from its backup; where nobody is enrolled yet, \"totp-enroll keys init\" makes one"),
        ),
        Err(error) => findings.push(unusable("keyring_unreadable", &error)),
    }
}

/// What was opened is gone when the machine stops: then the sealed one has to open, and be the same.
fn not_kept(files: &KeyringFiles, in_force: &Keyring) -> Option<Finding> {
    let sealed = files.sealed();
    let (problem, fix) = match keys::sealed(files) {
        Ok(Some(text)) => {
            let kept = Keyring::parse(&sealed, text.expose()).ok()?;
            let lost = kept.lacks(in_force)?;
            (format!("does not hold the key \"{}\" of it", lost.id()), "\"totp-enroll keys seal\"")
        }
        Ok(None) => ("is missing".to_owned(), "\"totp-enroll keys seal\" makes it anew"),
        Err(failure) => (
            failure.problem,
            "\"totp-enroll keys backup FILE\" now; then \"totp-enroll keys unseal\", or \"keys seal --discard-unopened\"",
        ),
    };
    Some(
        Finding::serious(
            "keyring_not_kept",
            format!(
                "{} is the keyring in force, and {}: {problem}",
                files.opened.display(),
                sealed.display()
            ),
        )
        .why("when the machine stops the keys are lost: everybody who is enrolled is refused from then on")
        .fix(fix),
    )
}

fn unusable(name: &'static str, error: &StoreError) -> Finding {
    Finding::serious(name, told(error))
        .why("what cannot be trusted is not used: everybody who is enrolled is refused")
        .fix("find out who changed it; put owner and mode right, or restore it from a backup. Where nothing was stored yet, \"totp-enroll keys init\" makes what is missing")
}

/// What is none of the store's directories.
fn stray(state: &Path, findings: &mut Vec<Finding>) {
    for entry in fs::read_dir(state).into_iter().flatten().flatten() {
        if !STATE_DIRECTORIES.iter().any(|directory| entry.file_name() == *directory) {
            findings.push(not_pam_totp(&entry.path()));
        }
    }
}

fn not_pam_totp(path: &Path) -> Finding {
    Finding::warning("stray_file", format!("{}: is none of ours", path.display()))
        .why("nothing reads it; a copy of someone's enrolment may lie in it")
        .fix("move it away")
}

/// A reset that cannot be read keeps its person out. It must not be moved away: without it no token is asked for.
fn resets(store: &impl Resets, findings: &mut Vec<Finding>) {
    // A directory that cannot be opened is told of above.
    for user in store.resets().into_iter().flatten().flatten() {
        match user.map(|user| store.reset(&user)) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => findings.push(
                Finding::serious("reset_unreadable", told(&error))
                    .why("whose reset it is cannot use the token, nor enrol without it")
                    .fix("leave it where it is; \"totp-enroll reset cancel USER\" forgets it, \"totp-enroll reset request USER\" begins anew; where nobody of that name is enrolled, \"totp-enroll disable USER\" takes it away"),
            ),
            Err(error) => findings.push(not_pam_totp(Path::new(error.about()))),
        }
    }
}

fn notices(spool: &impl NoticeSpool, findings: &mut Vec<Finding>) {
    // A directory that cannot be opened is told of above.
    let Ok((waiting, foreign)) = spool.waiting() else { return };
    findings.extend(foreign.iter().map(|name| not_pam_totp(Path::new(name))));
    for notice in waiting {
        let problem = match spool.read(&notice) {
            Ok(None) => continue,
            Ok(Some(text)) => match Notice::decode(&text) {
                Ok(_) => continue,
                Err(error) => format!("{}: {error}", spool.name()),
            },
            Err(error) => told(&error),
        };
        findings.push(
            Finding::warning("notice_unreadable", problem)
                .why("someone is not told that their factor changed")
                .fix("find out who changed it; \"totp-enroll notify\" says what becomes of those that wait"),
        );
    }
}

fn told(error: &StoreError) -> String {
    let line = error.line().map_or_else(String::new, |line| format!(" line {line}"));
    format!("{}{line}: {}", error.about(), error.problem())
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
                .fix("remove it"),
            );
        }
    }
}

const NOT_REMEMBERED: &str =
    "who gave a code a moment ago cannot be remembered there: [fresh] asks each time";

/// It is made when it is needed; one that others can write is refused.
fn runtime(directory: &Path, findings: &mut Vec<Finding>) {
    let Ok(data) = fs::symlink_metadata(directory) else { return };
    if !data.is_dir() || data.uid() != 0 || data.mode() & 0o022 != 0 {
        // Not to be removed: a keyring that was unsealed at the boot may lie in it.
        let fix = if data.is_dir() {
            "chown root and chmod go-w"
        } else {
            "move it away; a directory is made when it is needed"
        };
        findings.push(
            Finding::warning(
                "runtime_unusable",
                format!("{}: must be a directory of root's that nobody else can write", directory.display()),
            )
            .why(NOT_REMEMBERED)
            .fix(fix),
        );
    } else if let Err(error) = TimestampRecords::new(directory).expired(|_| true) {
        findings.push(
            Finding::warning("runtime_unusable", told(&error))
                .why(NOT_REMEMBERED)
                .fix("move it away; it is made when it is needed"),
        );
    }
}
