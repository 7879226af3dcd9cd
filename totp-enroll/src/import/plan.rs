//! What is to be made of the lines of one user: their authenticators, or what is wrong with each line.

use super::oath::Token;
use super::{BadLine, lines::Line, oath};
use crate::account::{self, Unknown};
use crate::desk::Desk;
use std::collections::BTreeMap;
use totp_core::credential::{Label, MOST_AUTHENTICATORS};
use totp_core::draft::Draft;
use totp_core::login::Account;
use totp_core::user::User;

/// One user's authenticators, in the order of the file.
pub(super) struct Newcomer {
    pub(super) account: Account,
    pub(super) drafts: Vec<Draft>,
}

/// Some lines, taken over as far as they can be. What two lines of one user are to each other is seen by one plan only.
pub(super) struct Plan<'a> {
    desk: &'a Desk,
    unknown: Unknown,
    pub(super) newcomers: BTreeMap<User, Newcomer>,
    pub(super) bad: Vec<BadLine>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(desk: &'a Desk, unknown: Unknown) -> Self {
        Self { desk, unknown, newcomers: BTreeMap::new(), bad: Vec::new() }
    }

    /// Takes a line; `number` is its own.
    pub(super) fn take(&mut self, number: usize, line: &Line) {
        let taken = match oath::parse(&line.text) {
            Ok(None) => Ok(()),
            Ok(Some(token)) => self.take_token(token),
            Err(problem) => Err(problem.to_string()),
        };
        if let Err(problem) = taken {
            self.bad.push(BadLine { line: number, problem });
        }
    }

    fn take_token(&mut self, token: Token) -> Result<(), String> {
        let account =
            account::canonical(&token.user, self.unknown).map_err(|failure| match self.unknown {
                Unknown::Refused => format!("{}; --allow-unknown takes it all the same", failure.problem),
                Unknown::Allowed => failure.problem,
            })?;
        // An enrolment that is not whole counts too: trouble is not absence.
        if !self.newcomers.contains_key(&account.user) && self.desk.is_enrolled(&account) {
            return Err(format!(
                "{} is enrolled already; \"totp-enroll disable\" withdraws that",
                account.user
            ));
        }
        let known = self.newcomers.get(&account.user).map_or(&[][..], |newcomer| &newcomer.drafts);
        let label = match known.len() {
            0 => "oath".to_owned(),
            before => format!("oath-{}", before.saturating_add(1)),
        };
        let label = Label::parse(&label).map_err(|error| error.to_string())?;
        let draft =
            Draft::import(label, token.parameters, token.secret).map_err(|error| error.to_string())?;
        if known.len() >= MOST_AUTHENTICATORS {
            return Err(format!(
                "the user has {MOST_AUTHENTICATORS} authenticators by the lines above, which is the most"
            ));
        }
        if known.iter().any(|known| known.same_secret(&draft)) {
            return Err("the user has this secret by a line above; remove one".to_owned());
        }
        // Only now: a user whose every line is bad is no newcomer.
        let newcomer = Newcomer { account: account.clone(), drafts: Vec::new() };
        self.newcomers.entry(account.user).or_insert(newcomer).drafts.push(draft);
        Ok(())
    }
}
