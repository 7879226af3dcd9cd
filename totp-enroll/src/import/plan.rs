//! What is to be made of the lines of one user: their authenticators, or what is wrong with each line.

use super::bad_line::BadLine;
use super::form::Form;
use super::lines::Line;
use super::new_user::{self, NewUser};
use super::place::mark;
use super::token::Token;
use crate::account::{self, Unknown};
use crate::context::Context;
use std::collections::BTreeMap;
use totp_core::credential::{Label, MOST_AUTHENTICATORS};
use totp_core::enrolment::draft::Draft;
use totp_core::user::Account;
use totp_core::user::User;

/// What decides whether a line is good.
pub(super) struct Terms<'a> {
    pub(super) context: &'a Context,
    pub(super) form: Form,
    pub(super) unknown: Unknown,
    /// There is no place yet that enrolments would lie in.
    pub(super) nobody_enrolled: bool,
}

/// Some lines, taken over as far as they can be. What two lines of one user are to each other is seen by one plan only.
pub(super) struct Plan<'a> {
    terms: &'a Terms<'a>,
    /// The user who is looked for, where a line may be several users'.
    only: Option<u64>,
    pub(super) new_users: BTreeMap<User, NewUser>,
    pub(super) bad: Vec<BadLine>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(terms: &'a Terms<'a>) -> Self {
        Self { terms, only: None, new_users: BTreeMap::new(), bad: Vec::new() }
    }

    /// What the lines are to one user. Of a line that is several users' the others are passed over.
    pub(super) fn of_user(terms: &'a Terms<'a>, user: u64) -> Self {
        Self { only: Some(user), ..Self::new(terms) }
    }

    /// Takes a line; `number` is its own.
    pub(super) fn take(&mut self, number: usize, line: &Line) {
        let said = self.terms.form.parse(&line.text).into_iter();
        let mut said: Vec<Result<(Account, Token), String>> =
            said.map(|token| token.and_then(|token| Ok((self.account_of(&token)?, token)))).collect();
        if let Some(only) = self.only {
            let theirs = |one: &Result<(Account, Token), String>| {
                one.as_ref().is_ok_and(|(account, _)| mark(&account.user) == only)
            };
            if said.iter().any(theirs) {
                said.retain(theirs);
            }
        }
        for one in said {
            if let Err(problem) = one.and_then(|(account, token)| self.take_token(account, token)) {
                self.bad.push(BadLine { line: number, problem });
            }
        }
    }

    fn account_of(&self, token: &Token) -> Result<Account, String> {
        let unknown = self.terms.unknown;
        account::canonical(&token.user, unknown).map_err(|failure| match unknown {
            Unknown::Refused => format!("{}; --allow-unknown takes it all the same", failure.problem),
            Unknown::Allowed => failure.problem,
        })
    }

    fn take_token(&mut self, account: Account, token: Token) -> Result<(), String> {
        let Terms { context, ref form, nobody_enrolled, .. } = *self.terms;
        let is_known = nobody_enrolled || self.new_users.contains_key(&account.user);
        if let Some(why) = (!is_known).then(|| new_user::refused(context, &account)).flatten() {
            return Err(why);
        }
        let known = self.new_users.get(&account.user).map_or(&[][..], |new_user| &new_user.drafts);
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
        let new_user = NewUser::new(account.clone());
        self.new_users.entry(account.user).or_insert(new_user).drafts.push(draft);
        Ok(())
    }
}
