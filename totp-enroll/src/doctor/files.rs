//! Checks the stored files: the keyring, owners and modes, resets and notices that cannot be read, and stale files.

use super::finding::{Finding, described};
use crate::context;
use crate::keys;
use crate::output;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;
use totp_core::config::{Command, Config, Notify};
use totp_core::keyring::Keyring;
use totp_core::notice::Notice;
use totp_core::store::notices::NoticeSpool;
use totp_core::store::{Engine, Maintenance, Resets, StorageProblem, StoreError};
use totp_core::time::Seconds;
use totp_host::config_and_keyring::KeyringFiles;
use totp_host::machine;
use totp_host::store::TimestampRecords;

/// The timer sends every ten minutes what the path unit did not.
const OVERDUE: Seconds = Seconds(900);
/// A younger draft may belong to a running command.
const ABANDONED: Seconds = Seconds(600);

pub(super) fn examine(config: &Config, findings: &mut Vec<Finding>) {
    let paths = &config.paths;
    keyring(&KeyringFiles::of(paths), findings);
    let store = context::store(config);
    storage(&store, findings);
    resets(&store, findings);
    notices(&store.notices(), &config.notify, findings);
    if let Some(parent) = paths.keyring.parent() {
        drafts(parent, findings);
    }
    drafts(&paths.runtime, findings);
    runtime(&paths.runtime, findings);
}

fn keyring(files: &KeyringFiles, findings: &mut Vec<Finding>) {
    match files.read() {
        Ok(Some((file, text))) => match Keyring::parse(file, text.expose()) {
            Ok(in_force) if *file == files.opened => findings.extend(not_kept(files, &in_force)),
            Ok(_) if files.is_sealed() => findings.push(
                Finding::warning(
                    "keyring_not_sealed",
                    format!(
                        "{} is in use and is not encrypted; {} is not in use",
                        file.display(),
                        files.sealed().display()
                    ),
                )
                .why("the keys are unencrypted on the disk, as after \"totp-enroll keys restore\"")
                .fix(
                    "run \"totp-enroll keys seal\", or \"totp-enroll keys unseal\" to remove the sealed keyring",
                ),
            ),
            Ok(_) => {}
            Err(error) => findings.push(unusable("keyring_unreadable", &error.into())),
        },
        Ok(None) if files.is_sealed() => findings.push(not_opened(files)),
        Ok(None) => findings.push(
            Finding::serious("keyring_missing", format!("{}: is missing", files.clear.display()))
                .why("no code can be checked: every enrolled user is refused")
                .fix("restore it with \"totp-enroll keys restore FILE\"; on a new machine, where nobody is enrolled, run \"totp-enroll keys init\""),
        ),
        Err(error) => findings.push(unusable("keyring_unreadable", &error)),
    }
}

/// The sealed keyring was not opened, or it cannot be opened now.
fn not_opened(files: &KeyringFiles) -> Finding {
    let sealed = files.sealed();
    let (problem, fix) = match keys::sealed(files) {
        Ok(_) => (
            "is sealed, and has not been opened since this machine started".to_owned(),
            "run \"systemctl start pam-totp-keyring\", or \"totp-enroll keys open\"",
        ),
        Err(failure) => (failure.problem, "do what the message says"),
    };
    Finding::serious("keyring_not_opened", format!("{}: {problem}", sealed.display()))
        .why("no code can be checked: every enrolled user is refused")
        .fix(fix)
}

/// The opened keyring is lost when the machine stops; the sealed one has to open then, and hold the same keys.
fn not_kept(files: &KeyringFiles, in_force: &Keyring) -> Option<Finding> {
    let sealed = files.sealed();
    let (problem, fix) = match keys::sealed(files) {
        Ok(Some(text)) => {
            let kept = Keyring::parse(&sealed, text.expose()).ok()?;
            let lost = kept.lacks(in_force)?;
            (format!("lacks its key \"{}\"", lost.id()), "run \"totp-enroll keys seal\"")
        }
        Ok(None) => ("is missing".to_owned(), "run \"totp-enroll keys seal\""),
        Err(failure) => (
            failure.problem,
            "run \"totp-enroll keys backup FILE\" now; then \"totp-enroll keys seal\" to seal it anew, or \"totp-enroll keys unseal\"",
        ),
    };
    Some(
        Finding::serious(
            "keyring_not_kept",
            format!(
                "{} is the keyring in use, but its sealed copy {}: {problem}",
                files.opened.display(),
                sealed.display()
            ),
        )
        .why("the keys are lost when the machine stops: from then on every enrolled user is refused")
        .fix(fix),
    )
}

fn unusable(name: &'static str, error: &StoreError) -> Finding {
    Finding::serious(name, described(error))
        .why("pam_totp.so does not use files that are damaged or that others could have changed: every enrolled user is refused")
        .fix("find out who changed it, then correct owner and mode or restore it from a backup")
}

/// What the store's engine finds wrong with its own storage.
fn storage(store: &impl Maintenance, findings: &mut Vec<Finding>) {
    // Without a clock no draft is old.
    let now = machine::now().map_or(0, |now| now.realtime);
    findings.extend(store.check(ABANDONED, now).iter().map(|problem| match problem {
        StorageProblem::Unusable(error) => unusable("state_unusable", error),
        StorageProblem::Foreign(name) => not_pam_totp(name),
        StorageProblem::StaleDraft(name) => stale_draft(name),
        StorageProblem::EarlierVersion(count) => Finding::warning(
            "not_converted",
            format!("{} stored in the form of an earlier version", output::count_with(*count, "enrolment", ("is", "are"))),
        )
        .why("a login converts its own, but needs 4096 bytes of free disk space for that; without them its user is refused")
        .fix("run \"totp-enroll keys upgrade\""),
        StorageProblem::Restored(error) => Finding::serious("state_restored", described(error))
            .why("codes and recovery codes that were used since the backup could be accepted again, so every enrolled user is refused; the ledgers are checked after \"totp-enroll restored\"")
            .fix("run \"totp-enroll restored\"; from then on phones show a right code within a minute, counter tokens need two codes (\"sync\"), and everyone needs new recovery codes (\"totp-enroll recovery-codes USER\")"),
        StorageProblem::RestoreUnnoticed(name) => {
            Finding::warning("restore_unnoticed", format!("{name}: is older than the state, or missing"))
                .why("if an old backup is restored, this may not be noticed, and used codes would be accepted again")
                .fix("the next login writes it; if this finding stays, find out why the file cannot be written (a full or read-only file system)")
        }
    }));
}

fn not_pam_totp(name: &str) -> Finding {
    Finding::warning("stray_file", format!("{name}: does not belong to pam_totp"))
        .why("nothing reads it, and it may be a copy of an enrolment")
        .fix("move it to another directory")
}

/// A reset that cannot be read keeps its user out. Moving it away is no fix: without it no reset token would be required.
fn resets(store: &impl Resets, findings: &mut Vec<Finding>) {
    // `examine` reports a directory that cannot be opened.
    for user in store.resets().into_iter().flatten().flatten() {
        match user.map(|user| store.reset(&user)) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => findings.push(
                Finding::serious("reset_unreadable", described(&error))
                    .why("the user cannot use the reset token, and cannot enrol without it")
                    .fix("do not move the file; cancel the reset with \"totp-enroll reset cancel USER\" and start again with \"totp-enroll reset request USER\"; if the user is not enrolled, \"totp-enroll disable USER\" removes it"),
            ),
            Err(error) => findings.push(not_pam_totp(error.about())),
        }
    }
}

fn notices(spool: &impl NoticeSpool, notify: &Notify, findings: &mut Vec<Finding>) {
    // `examine` reports a directory that cannot be opened.
    let Ok((waiting, foreign)) = spool.waiting() else { return };
    findings.extend(foreign.iter().map(|name| not_pam_totp(name)));
    let now = machine::now().map_or(0, |now| now.realtime);
    let overdue =
        waiting.iter().filter(|one| one.tries == 0 && now.saturating_sub(one.at) > OVERDUE.0).count();
    if overdue > 0 && notify.command != Command::Off {
        findings.push(
            Finding::warning(
                "notices_not_sent",
                format!(
                    "{} been waiting for more than 15 minutes",
                    output::count_with(overdue, "notice", ("has", "have"))
                ),
            )
            .why("nothing sends mail about changes to enrolments, so their owners are not told")
            .fix("run \"systemctl enable --now pam-totp-notify.path pam-totp-notify.timer\", or start cron"),
        );
    }
    for notice in waiting {
        let problem = match spool.read(&notice) {
            Ok(None) => continue,
            Ok(Some(text)) => match Notice::decode(&text) {
                Ok(_) => continue,
                Err(error) => format!("{}: {error}", spool.name()),
            },
            Err(error) => described(&error),
        };
        findings.push(
            Finding::warning("notice_unreadable", problem)
                .why("a user was not told that their second factor changed")
                .fix(
                    "find out who changed the file; \"totp-enroll notify --list\" shows the waiting notices",
                ),
        );
    }
}

/// Drafts in a directory of the keyring.
fn drafts(directory: &Path, findings: &mut Vec<Finding>) {
    let is_old = |entry: &fs::DirEntry| {
        let modified = entry.metadata().and_then(|data| data.modified()).ok();
        modified
            .and_then(|at| SystemTime::now().duration_since(at).ok())
            .is_some_and(|age| age.as_secs() >= ABANDONED.0)
    };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(".new.") && is_old(&entry) {
            findings.push(stale_draft(&entry.path().display().to_string()));
        }
    }
}

fn stale_draft(name: &str) -> Finding {
    Finding::warning("stale_draft", format!("{name}: is a temporary file of a command that was killed"))
        .why("nothing reads it, and it may contain a sealed secret or a key")
        .fix("remove it")
}

const NOT_REMEMBERED: &str =
    "timestamp records cannot be kept there: [fresh] has no effect, and a code is asked for each time";

/// The runtime directory is created when it is needed; one that others can write is not used.
fn runtime(directory: &Path, findings: &mut Vec<Finding>) {
    let Ok(data) = fs::symlink_metadata(directory) else { return };
    if !data.is_dir() || data.uid() != 0 || data.mode() & 0o022 != 0 {
        // Removing the directory would remove the opened keyring in it.
        let fix = if data.is_dir() {
            "correct its owner and mode (chown root, chmod go-w)"
        } else {
            "move it away; pam_totp creates the directory when it is needed"
        };
        findings.push(
            Finding::warning(
                "runtime_unusable",
                format!(
                    "{}: must be a directory that belongs to root and that nobody else can write",
                    directory.display()
                ),
            )
            .why(NOT_REMEMBERED)
            .fix(fix),
        );
    } else if let Err(error) = TimestampRecords::new(directory).expired(|_| true) {
        findings.push(
            Finding::warning("runtime_unusable", described(&error))
                .why(NOT_REMEMBERED)
                .fix("move it away; pam_totp creates it when it is needed"),
        );
    }
}
