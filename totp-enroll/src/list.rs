//! `list`: who is enrolled. An enrolment that cannot be read is a row of its own and does not hide the others.

use crate::account::{self, Unknown};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::report::Report;
use serde::Serialize;
use totp_core::store::Users;
use totp_core::user::User;

#[derive(Serialize)]
struct Document {
    users: Vec<Report>,
    broken: Vec<Broken>,
}

#[derive(Serialize)]
struct Broken {
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    problem: String,
}

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let mut document = Document { users: Vec::new(), broken: Vec::new() };
    for user in context.store.users()? {
        match account::canonical(user.as_str(), Unknown::Allowed)
            .and_then(|account| Report::of(context, &account))
        {
            Ok(Some(report)) => document.users.push(report),
            // Withdrawn since the names were read.
            Ok(None) => {}
            Err(failure) => document.broken.push(Broken::of(&user, failure)),
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
            let failure = Failure::refused(problem);
            Err(if context.format == Format::Json { failure.told() } else { failure })
        }
    }
}

impl Broken {
    fn of(user: &User, failure: Failure) -> Self {
        let file = failure.file.map(|file| file.display().to_string());
        Self { user: user.as_str().to_owned(), file, line: failure.line, problem: failure.problem }
    }
}

fn table(document: &Document) -> Vec<String> {
    if document.users.is_empty() && document.broken.is_empty() {
        return vec!["nobody is enrolled".to_owned()];
    }
    let head = ["USER", "AUTHENTICATORS", "RECOVERY", "STATE", "LAST LOGIN"].map(str::to_owned);
    let mut rows = vec![head];
    for report in &document.users {
        let labels: Vec<&str> = report.authenticators.iter().map(|one| one.label.as_str()).collect();
        let login = report.last_login.as_ref().map_or_else(|| "never".to_owned(), |login| login.at.clone());
        let left = report.recovery_left.to_string();
        rows.push([report.user.clone(), labels.join(", "), left, report.standing(), login]);
    }
    let mut lines = output::columns(&rows);
    for broken in &document.broken {
        let place = broken.file.as_ref().map_or_else(String::new, |file| format!("{file}: "));
        lines.push(format!("{}: BROKEN: {place}{}", broken.user, broken.problem));
    }
    lines
}
