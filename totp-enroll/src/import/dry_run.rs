//! `import --dry-run`: shows what an import would do, by the same rules; nothing is written or logged.

use super::line_import::LineImport;
use super::lines::{BadLine, LinePosition, by_user};
use super::new_user::NewUser;
use crate::command_error::CommandError;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::enrolment::draft::Draft;
use totp_core::factor::Factor;

/// The result of a dry run.
#[derive(Serialize)]
struct DryRunDocument {
    dry_run: bool,
    would_import: Vec<PlannedUser>,
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
    period: u64,
}

impl LineImport<'_> {
    /// Prints which users would be enrolled, in the order of the file, and with which parameters; no secret.
    pub(super) fn dry_run(&self, positions: &[LinePosition], bad: Vec<BadLine>) -> Result<(), CommandError> {
        let mut users: Vec<&[LinePosition]> = by_user(positions).collect();
        users.sort_by_key(|lines| lines.first().map(|position| position.line));
        let mut document = DryRunDocument { dry_run: true, would_import: Vec::new(), skipped: bad };
        for lines in users {
            document.would_import.extend(self.plan(lines)?.new_users.values().map(PlannedUser::of));
        }
        match self.rules.context.format {
            Format::Json => output::document(&document),
            Format::Text => document.print(),
        }
    }
}

impl PlannedUser {
    fn of(new_user: &NewUser) -> Self {
        let authenticators = new_user.drafts.iter().map(PlannedAuthenticator::of).collect();
        Self { user: new_user.account.user.as_str().to_owned(), authenticators }
    }
}

impl PlannedAuthenticator {
    fn of(draft: &Draft) -> Self {
        let Factor::Totp(totp) = draft.factor();
        let parameters = totp.parameters();
        Self {
            algorithm: parameters.algorithm().as_str(),
            digits: parameters.digits(),
            period: parameters.period(),
        }
    }
}

impl DryRunDocument {
    fn print(&self) -> Result<(), CommandError> {
        for PlannedUser { user, authenticators } in &self.would_import {
            for PlannedAuthenticator { algorithm, digits, period } in authenticators {
                output::line(&format!("would import {user}: {algorithm}, {digits} digits, {period} s"))?;
            }
        }
        let (users, lines) = (self.would_import.len(), self.skipped.len());
        output::line(&format!("{users} users would be imported, {lines} lines skipped; nothing was changed"))
    }
}
