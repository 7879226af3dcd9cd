//! Plans an import: the new users in some lines with their authenticators, and the lines that cannot be imported.

use super::file_format::FileFormat;
use super::imported_authenticator::ImportedAuthenticator;
use super::lines::{BadLine, RawLine, user_hash};
use super::new_user::{self, NewUser};
use crate::account::{self, Unknown};
use crate::context::Context;
use std::collections::BTreeMap;
use totp_core::credential::{Label, MOST_AUTHENTICATORS};
use totp_core::enrolment::draft::Draft;
use totp_core::user::Account;
use totp_core::user::User;

/// What decides whether a line can be imported.
pub(super) struct ImportRules<'a> {
    pub(super) context: &'a Context,
    pub(super) format: FileFormat,
    pub(super) unknown: Unknown,
    /// There is no state directory yet, so no account is enrolled.
    pub(super) no_state_yet: bool,
}

/// The plan for some lines. Conflicts between lines of one user are found if all of them are in one plan.
pub(super) struct ImportPlan<'a> {
    rules: &'a ImportRules<'a>,
    /// The user to plan for; `None`: every user.
    only: Option<u64>,
    pub(super) new_users: BTreeMap<User, NewUser>,
    pub(super) bad: Vec<BadLine>,
}

impl<'a> ImportPlan<'a> {
    pub(super) fn new(rules: &'a ImportRules<'a>) -> Self {
        Self { rules, only: None, new_users: BTreeMap::new(), bad: Vec::new() }
    }

    /// A plan for one user; other users in the same lines are ignored.
    pub(super) fn of_user(rules: &'a ImportRules<'a>, user: u64) -> Self {
        Self { only: Some(user), ..Self::new(rules) }
    }

    /// Adds the line with this number.
    pub(super) fn add(&mut self, number: usize, line: &RawLine) {
        let parsed = self.rules.format.parse(&line.text).into_iter();
        let mut parsed: Vec<Result<(Account, ImportedAuthenticator), String>> = parsed
            .map(|parsed| parsed.and_then(|imported| Ok((self.account_of(&imported)?, imported))))
            .collect();
        if let Some(only) = self.only {
            let is_wanted = |one: &Result<(Account, ImportedAuthenticator), String>| {
                one.as_ref().is_ok_and(|(account, _)| user_hash(&account.user) == only)
            };
            if parsed.iter().any(is_wanted) {
                parsed.retain(is_wanted);
            }
        }
        for one in parsed {
            if let Err(problem) =
                one.and_then(|(account, imported)| self.add_authenticator(account, imported))
            {
                self.bad.push(BadLine { line: number, problem });
            }
        }
    }

    fn account_of(&self, imported: &ImportedAuthenticator) -> Result<Account, String> {
        let unknown = self.rules.unknown;
        account::canonical(&imported.user, unknown).map_err(|error| match unknown {
            Unknown::Refused => format!("{}; to import it anyway, use --allow-unknown", error.problem),
            Unknown::Allowed => error.problem,
        })
    }

    fn add_authenticator(&mut self, account: Account, imported: ImportedAuthenticator) -> Result<(), String> {
        let ImportRules { context, ref format, no_state_yet, .. } = *self.rules;
        let is_checked = no_state_yet || self.new_users.contains_key(&account.user);
        if let Some(problem) = (!is_checked).then(|| new_user::check_new(context, &account)).flatten() {
            return Err(problem);
        }
        let known = self.new_users.get(&account.user).map_or(&[][..], |new_user| &new_user.drafts);
        let label = match known.len() {
            0 => format.name().to_owned(),
            before => format!("{}-{}", format.name(), before.saturating_add(1)),
        };
        let label = Label::parse(&label).map_err(|error| error.to_string())?;
        let draft =
            Draft::import(label, imported.parameters, imported.secret).map_err(|error| error.to_string())?;
        if !known.is_empty() && !format.allows_several_per_user() {
            return Err("the file has this user twice; keep only the entry that is in use".to_owned());
        }
        if known.len() >= MOST_AUTHENTICATORS {
            return Err(format!(
                "earlier lines have {MOST_AUTHENTICATORS} authenticators of this user, which is the maximum"
            ));
        }
        if known.iter().any(|known| known.same_secret(&draft)) {
            return Err("an earlier line has the same user and secret; remove one of them".to_owned());
        }
        // Only now: a user with only bad lines is not in the plan.
        let new_user = NewUser::new(account.clone());
        self.new_users.entry(account.user).or_insert(new_user).drafts.push(draft);
        Ok(())
    }
}
