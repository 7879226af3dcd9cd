//! `tokens list`: every token with its parameters and its person; never a secret.

use super::assignment::is_held_by;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use serde::Serialize;
use std::sync::Arc;
use totp_core::keyring::{Keyring, each_token};
use totp_core::token::{Token, Validity};
use totp_host::machine;

/// Which tokens are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    Assigned,
    Unassigned,
}

impl Wanted {
    /// By the options, which exclude each other.
    pub(super) fn of(assigned: bool, unassigned: bool) -> Self {
        match (assigned, unassigned) {
            (true, _) => Self::Assigned,
            (false, true) => Self::Unassigned,
            (false, false) => Self::All,
        }
    }

    fn includes(self, token: &ListedToken) -> bool {
        match self {
            Self::All => true,
            Self::Assigned => token.assigned_to.is_some(),
            Self::Unassigned => token.can_be_assigned,
        }
    }
}

#[derive(Serialize)]
struct TokenList {
    tokens: Vec<ListedToken>,
    broken: Vec<BrokenToken>,
}

#[derive(Serialize)]
struct BrokenToken {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    problem: String,
}

#[derive(Serialize)]
struct ListedToken {
    serial: String,
    maker: Option<String>,
    model: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    algorithm: &'static str,
    digits: u8,
    period: Option<u64>,
    imported: String,
    expires: Option<String>,
    expired: bool,
    assigned_to: Option<String>,
    assigned: Option<String>,
    /// Whether the person is enrolled with it; `null`: it is not assigned, or that cannot be told.
    enrolled: Option<bool>,
    revoked: Option<String>,
    #[serde(skip)]
    can_be_assigned: bool,
    #[serde(skip)]
    problem: Option<String>,
}

pub(super) fn run(context: &Context, wanted: Wanted) -> Result<(), CommandError> {
    let (keyring, now) = (context.keyring()?, machine::now()?.realtime);
    let mut list = TokenList { tokens: Vec::new(), broken: Vec::new() };
    each_token(&context.store, |token| match token {
        Ok(token) => list.tokens.push(ListedToken::of(context, &keyring, &token, now)),
        Err(error) => {
            let (file, line, problem) = (error.about(), error.line(), error.problem());
            list.broken.push(BrokenToken { file: file.to_owned(), line, problem: problem.to_owned() });
        }
    })?;
    list.tokens.retain(|token| wanted.includes(token));
    list.tokens.sort_by(|one, other| one.serial.cmp(&other.serial));
    output::report(context.format, &list, table)?;
    if list.broken.is_empty() {
        return Ok(());
    }
    let problem = format!("{} cannot be read", output::count(list.broken.len(), "token"));
    Err(output::reported(context.format, CommandError::refused(problem)))
}

impl ListedToken {
    fn of(context: &Context, keyring: &Arc<Keyring>, token: &Token, now: u64) -> Self {
        let held = token.holder().map(|holder| is_held_by(context, keyring, token, &holder.user));
        let (enrolled, problem) = match held {
            None => (None, None),
            Some(Ok(is_enrolled)) => (Some(is_enrolled), None),
            Some(Err(error)) => (None, Some(error.problem)),
        };
        let is_free = token.holder().is_none() || enrolled == Some(false);
        Self {
            serial: token.serial().to_string(),
            maker: token.maker().map(str::to_owned),
            model: token.model().map(str::to_owned),
            kind: token.factor().kind().as_str(),
            algorithm: token.factor().algorithm().as_str(),
            digits: token.factor().digits(),
            period: token.factor().period(),
            imported: token.imported_at().to_string(),
            expires: token.expires().map(|date| date.to_string()),
            expired: token.validity(now) == Validity::Expired,
            assigned_to: token.holder().map(|holder| holder.user.as_str().to_owned()),
            assigned: token.holder().map(|holder| holder.since.to_string()),
            enrolled,
            revoked: token.revoked_at().map(|date| date.to_string()),
            can_be_assigned: is_free && token.revoked_at().is_none(),
            problem,
        }
    }

    fn state(&self) -> String {
        match (&self.revoked, &self.assigned_to) {
            (Some(revoked), Some(user)) => {
                return format!("being revoked since {revoked}, assigned to {user}: revoke it again");
            }
            (Some(revoked), None) => return format!("revoked {revoked}"),
            (None, _) => {}
        }
        let state = match (&self.assigned_to, self.enrolled, &self.problem) {
            (None, _, _) => "not assigned".to_owned(),
            (Some(user), Some(true), _) => format!("assigned to {user}"),
            (Some(user), Some(false), _) => format!("assigned to {user}, who is not enrolled with it"),
            (Some(user), None, problem) => {
                format!("assigned to {user}: {}", problem.as_deref().unwrap_or_default())
            }
        };
        if self.expired { format!("{state}; EXPIRED") } else { state }
    }
}

fn table(list: &TokenList) -> Vec<String> {
    let mut lines = Vec::new();
    if list.tokens.is_empty() && list.broken.is_empty() {
        lines.push("no token".to_owned());
    }
    if !list.tokens.is_empty() {
        let mut rows = vec![["SERIAL", "TYPE", "CODES", "MODEL", "STATE"].map(str::to_owned)];
        for token in &list.tokens {
            let moving = token.period.map_or("by counter".to_owned(), |period| format!("{period} s"));
            let model = [&token.maker, &token.model].into_iter().flatten().map(String::as_str);
            rows.push([
                token.serial.clone(),
                token.kind.to_owned(),
                format!("{} digits, {moving}", token.digits),
                model.collect::<Vec<_>>().join(" "),
                token.state(),
            ]);
        }
        lines.extend(output::columns(&rows));
    }
    for BrokenToken { file, line, problem } in &list.broken {
        lines.push(format!("UNREADABLE: {}: {problem}", output::location(file, *line)));
    }
    lines
}
