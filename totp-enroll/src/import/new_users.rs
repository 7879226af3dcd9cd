//! The users that an import enrols: planned from the lines of a file, checked, and enrolled in batches.

use super::file_format::FileFormat;
use super::imported_authenticator::ImportedAuthenticator;
use super::lines::{BadLine, RawLine, user_hash};
use crate::account::{self, Unknown};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use crate::reset_token;
use std::collections::BTreeMap;
use totp_core::audit_event::{Event, Name};
use totp_core::credential::{Label, MOST_AUTHENTICATORS};
use totp_core::enrolment;
use totp_core::enrolment::draft::Draft;
use totp_core::recovery::ScratchCode;
use totp_core::store::notices::Origin;
use totp_core::user::{Account, User};

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
            .map(|parsed| {
                parsed.and_then(|imported| Ok((account_of(&imported.user, self.rules.unknown)?, imported)))
            })
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

    fn add_authenticator(&mut self, account: Account, imported: ImportedAuthenticator) -> Result<(), String> {
        let ImportRules { context, ref format, no_state_yet, .. } = *self.rules;
        let is_checked = no_state_yet || self.new_users.contains_key(&account.user);
        if let Some(problem) = (!is_checked).then(|| check_new(context, &account)).flatten() {
            return Err(problem);
        }
        let known = self.new_users.get(&account.user).map_or(&[][..], |new_user| &new_user.drafts);
        let label = match known.len() {
            0 => format.name().to_owned(),
            before => format!("{}-{}", format.name(), before.saturating_add(1)),
        };
        let label = Label::parse(&label).map_err(|error| error.to_string())?;
        let draft = Draft::import(label, imported.factor, imported.secret)
            .map_err(|error| error.to_string())?
            .beginning_at(imported.used_up_to);
        let is_second = known.iter().any(|known| known.factor().kind() == draft.factor().kind());
        if is_second && !format.allows_several_of_a_kind() {
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

/// Users per batch; each keeps three files open.
pub(super) const BATCH: usize = 200;

/// One user, with authenticators in the order of the file.
pub(super) struct NewUser {
    pub(super) account: Account,
    pub(super) drafts: Vec<Draft>,
    pub(super) scratch: Vec<ScratchCode>,
}

impl NewUser {
    /// A user without authenticators.
    pub(super) fn new(account: Account) -> Self {
        Self { account, drafts: Vec::new(), scratch: Vec::new() }
    }
}

/// Who gets a mail about an import, beside the one summary for the administrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Summary,
    /// With `--notify`.
    EachPerson,
}

impl From<bool> for Told {
    fn from(notify: bool) -> Self {
        if notify { Self::EachPerson } else { Self::Summary }
    }
}

/// One import: what is logged and mailed about all its batches.
#[derive(Clone, Copy)]
pub(super) struct ImportRun<'a> {
    pub(super) context: &'a Context,
    /// The name of the file format in the log.
    pub(super) from: &'a str,
    pub(super) told: Told,
}

impl ImportRun<'_> {
    /// Enrols `users` persons by `enrol_all`, announced as one change.
    pub(super) fn announced<T>(
        self,
        users: usize,
        enrol_all: impl FnOnce() -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let Self { context, from, told } = self;
        if users > 0 && told == Told::EachPerson {
            context.check_room(users, Origin::Bulk, "import them in parts, or without --notify")?;
        }
        let event = Event::new(Name::Imported)
            .field("by", &context.operator.name)
            .maybe("loginuid", context.operator.login())
            .field("from", from)
            .field("users", users);
        context.make_interruptibly(|change| {
            if users > 0 {
                change.announce(None, event)?;
            }
            enrol_all()
        })
    }
}

/// Enrols a batch under the keyring's lock.
pub(super) fn enrol(run: ImportRun<'_>, batch: &mut Vec<NewUser>) -> Result<(), CommandError> {
    let ImportRun { context, from, told } = run;
    let mut events = Vec::with_capacity(batch.len());
    context.change(|inputs| {
        let mut new_users = Vec::with_capacity(batch.len());
        for NewUser { account, drafts, scratch } in batch.drain(..) {
            let event = context.event(Name::Imported, &account).field("from", from);
            let event = event.field("authenticators", drafts.len());
            let event = if scratch.is_empty() { event } else { event.field("scratch_codes", scratch.len()) };
            events.push((event, account.clone()));
            let confirmed = drafts.into_iter().map(|draft| {
                // What was used up with the other program is used up here.
                let used_up_to = draft.begins_at();
                draft.confirm_without_code(used_up_to)
            });
            let confirmed = confirmed.collect();
            // No recovery codes are created: there is no one to show them to.
            let entry = context.entry(&account)?;
            reset_token::admit(context, &entry, &account, &reset_token::without_token(context, &account))?;
            new_users.push(enrolment::NewUser { entry, account, confirmed, scratch });
        }
        Ok(enrolment::enrol_all(new_users, inputs)?)
    })?;
    for (event, account) in &events {
        context.log(event);
        if told == Told::EachPerson {
            context.leave_import_notice(event, account);
        }
    }
    Ok(())
}

/// Adds to an error how many users had been imported.
pub(super) fn interrupted(error: CommandError, imported: usize) -> CommandError {
    error.explained(|problem| {
        let users = output::count_with(imported, "user", ("was", "were"));
        format!("{problem}; at least {users} imported, see \"totp-enroll list\"; correct the problem and run the import again with --keep-going")
    })
}

/// The account that a file names.
pub(super) fn account_of(user: &str, unknown: Unknown) -> Result<Account, String> {
    account::canonical(user, unknown).map_err(|error| match unknown {
        Unknown::Refused => format!("{}; to import it anyway, use --allow-unknown", error.problem),
        Unknown::Allowed => error.problem,
    })
}

/// Whether there is no state directory yet, so that no account is enrolled.
pub(super) fn no_state_yet(context: &Context) -> bool {
    matches!(context.config.paths.state.try_exists(), Ok(false))
}

/// Why an import may not enrol this account; `None`: it may.
pub(super) fn check_new(context: &Context, account: &Account) -> Option<String> {
    // A corrupt enrolment counts as enrolled: an error is not absence.
    if context.is_enrolled(account) {
        return Some(format!(
            "{} is already enrolled; to import it anew, run \"totp-enroll disable {0}\" first",
            account.user
        ));
    }
    match reset_token::is_missing(context, account) {
        Ok(false) => None,
        Ok(true) => Some(format!(
            "{} was reset, and you need the reset token to enrol: \"totp-enroll enroll --token\"",
            account.user
        )),
        Err(error) => Some(error.problem),
    }
}
