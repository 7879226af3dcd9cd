//! What `import google-authenticator` prints about the secret files: those that are imported, and those that cannot be.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;

/// What is printed about a file; no secret.
#[derive(Serialize)]
pub(super) struct FileReport {
    pub(super) user: String,
    pub(super) file: String,
    #[serde(flatten)]
    pub(super) moving: Moving,
    pub(super) scratch_codes: usize,
    /// What is not imported, and what to do about it.
    pub(super) notes: Vec<String>,
}

/// What moves the codes, and the authenticator's own window, if it has one.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Moving {
    /// TOTP.
    Time {
        period: u64,
        /// Time steps accepted before and after the current one.
        drift_steps: Option<u64>,
    },
    /// HOTP.
    Counter {
        /// The next one.
        counter: u64,
        /// Counters accepted after the next one.
        look_ahead: Option<u64>,
    },
}

/// A file that cannot be imported.
#[derive(Serialize)]
pub(super) struct SkippedFile {
    user: String,
    file: String,
    line: Option<usize>,
    problem: String,
}

impl SkippedFile {
    pub(super) fn of(user: String, file: &Path, line: Option<usize>, problem: String) -> Self {
        Self { user, file: file.display().to_string(), line, problem }
    }

    fn remark(&self) {
        let file = output::location(&self.file, self.line);
        output::remark(&format!("{}: {file}: {}", self.user, self.problem));
    }
}

/// Prints every file that cannot be imported; an error unless they are to be skipped.
pub(super) fn report_skipped(
    context: &Context,
    skipped: &[SkippedFile],
    keep_going: bool,
) -> Result<(), CommandError> {
    if context.format == Format::Text {
        skipped.iter().for_each(SkippedFile::remark);
    }
    match skipped.first() {
        Some(first) if !keep_going && context.format == Format::Json => {
            let problem =
                format!("{}; nothing was imported; skip such files with --keep-going", first.problem);
            Err(CommandError::refused(problem).at(&first.file, first.line))
        }
        Some(_) if !keep_going => {
            let files = output::count_with(skipped.len(), "file", ("is", "are"));
            let problem =
                format!("{files} bad; nothing was imported; correct them, or skip them with --keep-going");
            Err(CommandError::refused(problem))
        }
        Some(_) | None => Ok(()),
    }
}

/// Prints what would be imported.
pub(super) fn print_dry_run(
    context: &Context,
    would_import: Vec<FileReport>,
    skipped: Vec<SkippedFile>,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct FileDryRun {
        dry_run: bool,
        would_import: Vec<FileReport>,
        skipped: Vec<SkippedFile>,
    }
    match context.format {
        Format::Json => output::document(&FileDryRun { dry_run: true, would_import, skipped }),
        Format::Text => {
            would_import.iter().try_for_each(|one| one.print("would import"))?;
            let users = output::count(would_import.len(), "user");
            let files = output::count(skipped.len(), "file");
            output::line(&format!("{users} would be imported, {files} skipped; nothing was changed"))
        }
    }
}

/// Prints what was imported, and what to do with the old files.
pub(super) fn print_result(
    context: &Context,
    users: Vec<FileReport>,
    skipped: Vec<SkippedFile>,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct ImportedFiles {
        imported: usize,
        users: Vec<FileReport>,
        skipped: Vec<SkippedFile>,
    }
    if context.format == Format::Json {
        return output::document(&ImportedFiles { imported: users.len(), users, skipped });
    }
    users.iter().try_for_each(|one| one.print("imported"))?;
    let (imported, files) = (output::count(users.len(), "user"), output::count(skipped.len(), "file"));
    output::line(&format!("{imported} imported, {files} skipped"))?;
    if users.iter().any(|one| one.scratch_codes > 0) {
        output::line(
            "each scratch code works once, but not while the account is locked; replace them with \"totp-enroll \
             recovery-codes USER\"",
        )?;
    }
    if !users.is_empty() {
        output::line(
            "the secret files are not encrypted and were kept; when PAM uses pam_totp, remove each as its owner: \
             runuser -u USER -- shred -fu FILE",
        )?;
    }
    Ok(())
}

impl FileReport {
    fn print(&self, verb: &str) -> Result<(), CommandError> {
        let Self { user, file, moving, scratch_codes, notes } = self;
        let codes = output::count(*scratch_codes, "scratch code");
        output::line(&format!("{verb} {user} from {file}: {}, {codes}", moving.described()))?;
        notes.iter().try_for_each(|note| output::line(&format!("  {user}: {note}")))
    }
}

impl Moving {
    fn described(self) -> String {
        match self {
            Self::Time { period, drift_steps } => {
                let drift =
                    drift_steps.map(|steps| format!(", drift of {}", output::count(steps, "time step")));
                format!("{period} s{}", drift.unwrap_or_default())
            }
            Self::Counter { counter, look_ahead } => {
                let ahead =
                    look_ahead.map(|codes| format!(", look-ahead of {}", output::count(codes, "code")));
                format!("counter {counter}{}", ahead.unwrap_or_default())
            }
        }
    }
}
