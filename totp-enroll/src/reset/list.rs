//! `reset list`: the resets that are on their way, and the tokens that were not used. One that cannot be read is a row of
//! its own and does not hide the others.

use super::shown::Shown;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::store::Resets;
use totp_core::user::User;

#[derive(Serialize)]
struct Document {
    resets: Vec<Shown>,
    broken: Vec<Broken>,
}

#[derive(Serialize)]
struct Broken {
    user: String,
    problem: String,
}

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let mut document = Document { resets: Vec::new(), broken: Vec::new() };
    let mut users = match context.store.resets()? {
        Some(names) => names.collect::<Result<Vec<User>, _>>()?,
        None => Vec::new(),
    };
    users.sort();
    for user in users {
        let shown = context.store.reset(&user).map_err(Failure::from);
        match shown.and_then(|reset| reset.map(|reset| Shown::of(context, &reset)).transpose()) {
            Ok(Some(shown)) => document.resets.push(shown),
            // Ended since the names were read.
            Ok(None) => {}
            Err(failure) => document.broken.push(Broken::of(&user, &failure)),
        }
    }
    match context.format {
        Format::Json => output::document(&document)?,
        Format::Text => lines(&document).iter().try_for_each(|line| output::line(line))?,
    }
    match document.broken.len() {
        0 => Ok(()),
        count => {
            let failure = Failure::refused(format!("resets that cannot be read: {count}"));
            Err(if context.format == Format::Json { failure.told() } else { failure })
        }
    }
}

fn lines(document: &Document) -> Vec<String> {
    if document.resets.is_empty() && document.broken.is_empty() {
        return vec!["no reset is on its way".to_owned()];
    }
    let mut lines: Vec<String> = document.resets.iter().flat_map(Shown::lines).collect();
    lines.extend(document.broken.iter().map(|broken| format!("{}: BROKEN: {}", broken.user, broken.problem)));
    lines
}

impl Broken {
    fn of(user: &User, failure: &Failure) -> Self {
        let file = failure.file.as_ref().map_or_else(String::new, |file| format!("{}: ", file.display()));
        Self { user: user.as_str().to_owned(), problem: format!("{file}{}", failure.problem) }
    }
}
