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

/// The files that are not imported.
#[derive(Default, Serialize)]
pub(super) struct OtherFiles {
    already_enrolled: Vec<EnrolledFile>,
    skipped: Vec<SkippedFile>,
}

/// A file whose account is enrolled already, and stays as it is.
#[derive(Serialize)]
struct EnrolledFile {
    user: String,
    file: String,
    /// The file was imported before.
    same_secret: bool,
}

/// A file that cannot be imported.
#[derive(Serialize)]
struct SkippedFile {
    user: String,
    file: String,
    line: Option<usize>,
    problem: String,
}

impl OtherFiles {
    pub(super) fn add_enrolled(&mut self, user: String, file: &Path, same_secret: bool) {
        self.already_enrolled.push(EnrolledFile { user, file: file.display().to_string(), same_secret });
    }

    pub(super) fn add_bad(&mut self, user: String, file: &Path, line: Option<usize>, problem: String) {
        self.skipped.push(SkippedFile { user, file: file.display().to_string(), line, problem });
    }

    /// Says of each file why it is not imported.
    pub(super) fn remark(&self, context: &Context) {
        if context.format != Format::Text {
            return;
        }
        for EnrolledFile { user, file, same_secret } in &self.already_enrolled {
            let with = if *same_secret { ", with the same secret" } else { ", and not with this secret" };
            output::remark(&format!("{user}: {file}: is already enrolled{with}; nothing was changed"));
        }
        for SkippedFile { user, file, line, problem } in &self.skipped {
            output::remark(&format!("{user}: {}: {problem}", output::location(file, *line)));
        }
    }

    /// Without `--keep-going`, one bad file is enough for nothing to be imported.
    pub(super) fn none_bad(&self, context: &Context) -> Result<(), CommandError> {
        let Some(first) = self.skipped.first() else { return Ok(()) };
        if context.format == Format::Json {
            let problem =
                format!("{}; nothing was imported; skip such files with --keep-going", first.problem);
            return Err(CommandError::refused(problem).at(&first.file, first.line));
        }
        let files = output::count_with(self.skipped.len(), "file", ("is", "are"));
        let problem =
            format!("{files} bad; nothing was imported; correct them, or skip them with --keep-going");
        Err(CommandError::refused(problem))
    }

    /// Behind the number of users that were or would be imported.
    fn counted(&self) -> String {
        let enrolled = self.already_enrolled.len();
        let enrolled = (enrolled > 0).then(|| format!(", {enrolled} already enrolled"));
        let bad = output::count(self.skipped.len(), "file");
        let bad = (!self.skipped.is_empty()).then(|| format!(", {bad} skipped"));
        [enrolled, bad].into_iter().flatten().collect()
    }

    /// An error if files were skipped: a script sees only the exit status.
    fn all_good(&self, context: &Context, what: &str) -> Result<(), CommandError> {
        if self.skipped.is_empty() {
            return Ok(());
        }
        let files = output::count(self.skipped.len(), "bad file");
        Err(output::reported(context.format, CommandError::refused(format!("{files} {what}"))))
    }
}

/// Prints what would be imported. An error if there are bad files: the import would end with one.
pub(super) fn print_dry_run(
    context: &Context,
    would_import: Vec<FileReport>,
    others: OtherFiles,
    keep_going: bool,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct FileDryRun {
        dry_run: bool,
        would_import: Vec<FileReport>,
        #[serde(flatten)]
        others: OtherFiles,
    }
    let document = FileDryRun { dry_run: true, would_import, others };
    match context.format {
        Format::Json => output::document(&document)?,
        Format::Text => {
            document.would_import.iter().try_for_each(|one| one.print("would import"))?;
            let users = output::count(document.would_import.len(), "user");
            let others = document.others.counted();
            output::line(&format!("{users} would be imported{others}; nothing was changed"))?;
        }
    }
    document.others.all_good(
        context,
        match keep_going {
            true => "would not be imported; correct them",
            false => "would stop the import; correct them, or skip them with --keep-going",
        },
    )
}

/// Prints what was imported, and what to do with the old files. An error if files were skipped.
pub(super) fn print_result(
    context: &Context,
    users: Vec<FileReport>,
    others: OtherFiles,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct ImportedFiles {
        imported: usize,
        users: Vec<FileReport>,
        #[serde(flatten)]
        others: OtherFiles,
    }
    let document = ImportedFiles { imported: users.len(), users, others };
    match context.format {
        Format::Json => output::document(&document)?,
        Format::Text => print_imported(&document.users, &document.others)?,
    }
    document.others.all_good(
        context,
        "not imported; correct them, and run the import again: accounts that are enrolled already are not changed",
    )
}

fn print_imported(users: &[FileReport], others: &OtherFiles) -> Result<(), CommandError> {
    users.iter().try_for_each(|one| one.print("imported"))?;
    output::line(&format!("{} imported{}", output::count(users.len(), "user"), others.counted()))?;
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
