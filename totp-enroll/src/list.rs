//! `list`: lists the enrolled accounts. An enrolment that cannot be read has its own line and does not hide the others.

use crate::account::{self, Unknown};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use crate::report::EnrolmentReport;
use serde::Serialize;
use totp_core::store::Users;
use totp_core::user::User;

#[derive(Serialize)]
struct EnrolmentList {
    users: Vec<EnrolmentReport>,
    broken: Vec<UnreadableEnrolment>,
}

#[derive(Serialize)]
struct UnreadableEnrolment {
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    problem: String,
}

pub(crate) fn run(context: &Context) -> Result<(), CommandError> {
    let mut document = EnrolmentList { users: Vec::new(), broken: Vec::new() };
    for user in context.store.users()? {
        match account::canonical(user.as_str(), Unknown::Allowed)
            .and_then(|account| EnrolmentReport::of(context, &account))
        {
            Ok(Some(report)) => document.users.push(report),
            // Withdrawn after the names were read.
            Ok(None) => {}
            Err(error) => document.broken.push(UnreadableEnrolment::of(&user, error)),
        }
    }
    match context.format {
        Format::Json => output::document(&document)?,
        Format::Text => table(&document).iter().try_for_each(|line| output::line(line))?,
    }
    match document.broken.len() {
        0 => Ok(()),
        count => {
            let problem = format!(
                "{count} of {} enrolments cannot be read",
                count.saturating_add(document.users.len())
            );
            let error = CommandError::refused(problem);
            Err(if context.format == Format::Json { error.reported() } else { error })
        }
    }
}

impl UnreadableEnrolment {
    fn of(user: &User, error: CommandError) -> Self {
        let file = error.file.map(|file| file.display().to_string());
        Self { user: user.as_str().to_owned(), file, line: error.line, problem: error.problem }
    }
}

fn table(document: &EnrolmentList) -> Vec<String> {
    if document.users.is_empty() && document.broken.is_empty() {
        return vec!["no account is enrolled".to_owned()];
    }
    let head = ["USER", "AUTHENTICATORS", "RECOVERY", "STATE", "LAST LOGIN"].map(str::to_owned);
    let mut rows = vec![head];
    for report in &document.users {
        let labels: Vec<&str> = report.authenticators.iter().map(|one| one.label.as_str()).collect();
        let login = report.last_login.as_ref().map_or_else(|| "never".to_owned(), |login| login.at.clone());
        let left = report.recovery_left.to_string();
        rows.push([report.user.clone(), labels.join(", "), left, report.state_text(), login]);
    }
    let mut lines = output::columns(&rows);
    for unreadable in &document.broken {
        let file = unreadable.file.as_ref().map_or_else(String::new, |file| format!("{file}: "));
        lines.push(format!("{}: UNREADABLE: {file}{}", unreadable.user, unreadable.problem));
    }
    lines
}
