//! `reset list`: lists pending resets and unused reset tokens. A reset that cannot be read has its own line and does not hide the
//! others.

use super::reset_report::ResetReport;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::store::Resets;
use totp_core::user::User;

#[derive(Serialize)]
struct ResetList {
    resets: Vec<ResetReport>,
    broken: Vec<UnreadableReset>,
}

#[derive(Serialize)]
struct UnreadableReset {
    user: String,
    problem: String,
}

pub(super) fn run(context: &Context) -> Result<(), CommandError> {
    let mut document = ResetList { resets: Vec::new(), broken: Vec::new() };
    let mut users = match context.store.resets()? {
        Some(names) => names.collect::<Result<Vec<User>, _>>()?,
        None => Vec::new(),
    };
    users.sort();
    for user in users {
        let reset = context.store.reset(&user).map_err(CommandError::from);
        match reset.and_then(|reset| reset.map(|reset| ResetReport::of(context, &reset)).transpose()) {
            Ok(Some(report)) => document.resets.push(report),
            // Ended after the names were read.
            Ok(None) => {}
            Err(error) => document.broken.push(UnreadableReset::of(&user, &error)),
        }
    }
    match context.format {
        Format::Json => output::document(&document)?,
        Format::Text => lines(&document).iter().try_for_each(|line| output::line(line))?,
    }
    match document.broken.len() {
        0 => Ok(()),
        count => {
            let error = CommandError::refused(format!("{count} resets cannot be read"));
            Err(if context.format == Format::Json { error.reported() } else { error })
        }
    }
}

fn lines(document: &ResetList) -> Vec<String> {
    if document.resets.is_empty() && document.broken.is_empty() {
        return vec!["no pending resets".to_owned()];
    }
    let mut lines: Vec<String> = document.resets.iter().flat_map(ResetReport::lines).collect();
    lines
        .extend(document.broken.iter().map(|reset| format!("{}: UNREADABLE: {}", reset.user, reset.problem)));
    lines
}

impl UnreadableReset {
    fn of(user: &User, error: &CommandError) -> Self {
        let file = error.file.as_ref().map_or_else(String::new, |file| format!("{}: ", file.display()));
        Self { user: user.as_str().to_owned(), problem: format!("{file}{}", error.problem) }
    }
}
