//! What is to be made of the lines of one user: their authenticators, or what is wrong with each line.

use super::form::Form;
use super::newcomer::Newcomer;
use super::token::Token;
use super::{BadLine, lines::Line};
use crate::account::{self, Unknown};
use crate::desk::Desk;
use std::collections::BTreeMap;
use totp_core::credential::{Label, MOST_AUTHENTICATORS};
use totp_core::draft::Draft;
use totp_core::user::User;

/// What decides whether a line is good.
pub(super) struct Terms<'a> {
    pub(super) desk: &'a Desk,
    pub(super) form: Form,
    pub(super) unknown: Unknown,
    /// There is no place yet that enrolments would lie in.
    pub(super) nobody_enrolled: bool,
}

/// Some lines, taken over as far as they can be. What two lines of one user are to each other is seen by one plan only.
pub(super) struct Plan<'a> {
    terms: &'a Terms<'a>,
    pub(super) newcomers: BTreeMap<User, Newcomer>,
    pub(super) bad: Vec<BadLine>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(terms: &'a Terms<'a>) -> Self {
        Self { terms, newcomers: BTreeMap::new(), bad: Vec::new() }
    }

    /// Takes a line; `number` is its own.
    pub(super) fn take(&mut self, number: usize, line: &Line) {
        let taken = match self.terms.form.parse(&line.text) {
            Ok(None) => Ok(()),
            Ok(Some(token)) => self.take_token(token),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = taken {
            self.bad.push(BadLine { line: number, problem });
        }
    }

    fn take_token(&mut self, token: Token) -> Result<(), String> {
        let Terms { desk, ref form, unknown, nobody_enrolled } = *self.terms;
        let account = account::canonical(&token.user, unknown).map_err(|failure| match unknown {
            Unknown::Refused => format!("{}; --allow-unknown takes it all the same", failure.problem),
            Unknown::Allowed => failure.problem,
        })?;
        // An enrolment that is not whole counts too: trouble is not absence.
        let is_known = nobody_enrolled || self.newcomers.contains_key(&account.user);
        if !is_known && desk.is_enrolled(&account) {
            return Err(format!(
                "{} is enrolled already; \"totp-enroll disable\" withdraws that",
                account.user
            ));
        }
        let known = self.newcomers.get(&account.user).map_or(&[][..], |newcomer| &newcomer.drafts);
        let label = match known.len() {
            0 => form.name().to_owned(),
            before => format!("{}-{}", form.name(), before.saturating_add(1)),
        };
        let label = Label::parse(&label).map_err(|error| error.to_string())?;
        let draft =
            Draft::import(label, token.parameters, token.secret).map_err(|error| error.to_string())?;
        if !known.is_empty() && !form.has_several_of_one_user() {
            return Err("the user is enrolled by a line above; keep the one that is in use".to_owned());
        }
        if known.len() >= MOST_AUTHENTICATORS {
            return Err(format!(
                "the user has {MOST_AUTHENTICATORS} authenticators by the lines above, which is the most"
            ));
        }
        if known.iter().any(|known| known.same_secret(&draft)) {
            return Err("the user has this secret by a line above; remove one".to_owned());
        }
        // Only now: a user whose every line is bad is no newcomer.
        let newcomer = Newcomer::new(account.clone());
        self.newcomers.entry(account.user).or_insert(newcomer).drafts.push(draft);
        Ok(())
    }
}
