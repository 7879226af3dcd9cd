//! What an import that reads line by line prints: who was or would be imported, who is enrolled already, and which lines are bad.

use super::lines::{BadLine, EnrolledLine};
use super::new_users::NewUser;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use std::path::Path;
use totp_core::enrolment::draft::Draft;

/// The result of a dry run.
#[derive(Serialize)]
pub(super) struct LineDryRun {
    dry_run: bool,
    would_import: Vec<PlannedUser>,
    already_enrolled: Vec<EnrolledLine>,
    skipped: Vec<BadLine>,
}

#[derive(Serialize)]
struct PlannedUser {
    user: String,
    authenticators: Vec<PlannedAuthenticator>,
}

#[derive(Serialize)]
struct PlannedAuthenticator {
    algorithm: &'static str,
    digits: u8,
    /// Seconds; none for a counter token.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    /// The next counter of a counter token.
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<u64>,
}

impl PlannedUser {
    fn of(new_user: &NewUser) -> Self {
        let authenticators = new_user.drafts.iter().map(PlannedAuthenticator::of).collect();
        Self { user: new_user.account.user.as_str().to_owned(), authenticators }
    }
}

impl PlannedAuthenticator {
    fn of(draft: &Draft) -> Self {
        let factor = draft.factor();
        Self {
            algorithm: factor.algorithm().as_str(),
            digits: factor.digits(),
            period: factor.period(),
            counter: factor.period().is_none().then(|| draft.begins_at()),
        }
    }
}

impl LineDryRun {
    pub(super) fn of(already_enrolled: Vec<EnrolledLine>, skipped: Vec<BadLine>) -> Self {
        Self { dry_run: true, would_import: Vec::new(), already_enrolled, skipped }
    }

    /// Adds a user who would be enrolled.
    pub(super) fn add(&mut self, new_user: &NewUser) {
        self.would_import.push(PlannedUser::of(new_user));
    }

    /// Prints it. An error if there are bad lines: the import would end with one.
    pub(super) fn print(&self, context: &Context, file: &Path, keep_going: bool) -> Result<(), CommandError> {
        if context.format == Format::Json {
            output::document(self)?;
        } else {
            self.print_text(context)?;
        }
        let Some(bad) = bad_lines(&self.skipped) else { return Ok(()) };
        let problem = match keep_going {
            true => format!("{bad} would not be imported; correct them"),
            false => format!(
                "{bad}: the import would stop, and import no one; correct them, or skip them with --keep-going"
            ),
        };
        Err(output::reported(context.format, CommandError::refused(problem).at(file, None)))
    }

    fn print_text(&self, context: &Context) -> Result<(), CommandError> {
        for PlannedUser { user, authenticators } in &self.would_import {
            for PlannedAuthenticator { algorithm, digits, period, counter } in authenticators {
                let period = period.map(|period| format!(", {period} s"));
                let moving = period.or(counter.map(|counter| format!(", counter {counter}")));
                let moving = moving.unwrap_or_default();
                output::line(&format!("would import {user}: {algorithm}, {digits} digits{moving}"))?;
            }
        }
        remark_enrolled(context, &self.already_enrolled);
        let users = output::count(self.would_import.len(), "user");
        let others = others(self.already_enrolled.len(), self.skipped.len());
        output::line(&format!("{users} would be imported{others}; nothing was changed"))
    }
}

/// Says what is bad about each line; `unit` is what a line was in the file.
pub(super) fn remark_bad(context: &Context, file: &Path, unit: &str, bad: &[BadLine]) {
    if context.format == Format::Text {
        for BadLine { line, problem } in bad {
            output::remark(&format!("{} {unit} {line}: {problem}", file.display()));
        }
    }
}

/// The result of an import. An error if lines were skipped: a script sees only the exit status.
pub(super) fn print_result(
    context: &Context,
    file: &Path,
    imported: usize,
    (already_enrolled, skipped): (Vec<EnrolledLine>, Vec<BadLine>),
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct ImportedLines {
        imported: usize,
        already_enrolled: Vec<EnrolledLine>,
        skipped: Vec<BadLine>,
    }
    let bad = bad_lines(&skipped);
    let others = others(already_enrolled.len(), skipped.len());
    match context.format {
        Format::Json => output::document(&ImportedLines { imported, already_enrolled, skipped })?,
        Format::Text => {
            remark_enrolled(context, &already_enrolled);
            output::line(&format!("{} imported{others}", output::count(imported, "user")))?;
            if imported > 0 {
                output::line(
                    "they have no recovery codes yet; create them with \"totp-enroll recovery-codes USER\"",
                )?;
            }
        }
    }
    let Some(bad) = bad else { return Ok(()) };
    let problem = format!(
        "{bad} not imported; correct them, and run the import again: accounts that are enrolled already are not changed"
    );
    Err(output::reported(context.format, CommandError::refused(problem).at(file, None)))
}

fn bad_lines(bad: &[BadLine]) -> Option<String> {
    (!bad.is_empty()).then(|| output::count(bad.len(), "bad line"))
}

/// Behind the number of users that were or would be imported.
fn others(enrolled: usize, bad: usize) -> String {
    let enrolled = (enrolled > 0).then(|| format!(", {enrolled} already enrolled"));
    let bad = (bad > 0).then(|| format!(", {} skipped", output::count(bad, "line")));
    [enrolled, bad].into_iter().flatten().collect()
}

fn remark_enrolled(context: &Context, enrolled: &[EnrolledLine]) {
    if context.format != Format::Text {
        return;
    }
    for EnrolledLine { line, user, same_secret } in enrolled {
        let with = if *same_secret { ", with the same secret" } else { ", and not with this secret" };
        output::remark(&format!("line {line}: {user} is already enrolled{with}; nothing was changed"));
    }
}
