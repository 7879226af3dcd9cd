//! `--dry-run`: what an import would do, from the same lines and by the same rules; nothing is written, nor told to the log.

use super::bad_line::BadLine;
use super::intake::Intake;
use super::new_user::NewUser;
use super::place::{Place, by_user};
use crate::failure::Failure;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::enrolment::draft::Draft;
use totp_core::factor::Factor;

/// What would be done, as a document.
#[derive(Serialize)]
struct Foretold {
    dry_run: bool,
    would_import: Vec<User>,
    skipped: Vec<BadLine>,
}

#[derive(Serialize)]
struct User {
    user: String,
    authenticators: Vec<Authenticator>,
}

#[derive(Serialize)]
struct Authenticator {
    algorithm: &'static str,
    digits: u8,
    period: u64,
}

impl Intake<'_> {
    /// Names who would be enrolled, in the order of the file, and with what; no secret.
    pub(super) fn foretell(&self, places: &[Place], bad: Vec<BadLine>) -> Result<(), Failure> {
        let mut users: Vec<&[Place]> = by_user(places).collect();
        users.sort_by_key(|lines| lines.first().map(|place| place.line));
        let mut foretold = Foretold { dry_run: true, would_import: Vec::new(), skipped: bad };
        for lines in users {
            foretold.would_import.extend(self.plan(lines)?.new_users.values().map(User::of));
        }
        match self.terms.context.format {
            Format::Json => output::document(&foretold),
            Format::Text => foretold.print(),
        }
    }
}

impl User {
    fn of(new_user: &NewUser) -> Self {
        let authenticators = new_user.drafts.iter().map(Authenticator::of).collect();
        Self { user: new_user.account.user.as_str().to_owned(), authenticators }
    }
}

impl Authenticator {
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

impl Foretold {
    fn print(&self) -> Result<(), Failure> {
        for User { user, authenticators } in &self.would_import {
            for Authenticator { algorithm, digits, period } in authenticators {
                output::line(&format!("would import {user}: {algorithm}, {digits} digits, {period} s"))?;
            }
        }
        let (users, lines) = (self.would_import.len(), self.skipped.len());
        output::line(&format!("{users} users would be imported, {lines} lines skipped; nothing was changed"))
    }
}
