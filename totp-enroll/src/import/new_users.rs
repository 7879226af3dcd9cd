//! The users that an import enrols: planned from the lines of a file, checked, and enrolled in batches.

use super::file_format::FileFormat;
use super::imported_authenticator::ImportedAuthenticator;
use super::lines::{BadLine, EnrolledLine, RawLine, user_hash};
use super::name_map::NameMap;
use crate::account::Unknown;
use crate::command_error::CommandError;
use crate::context::{Context, Inventory};
use crate::output;
use crate::reset_token;
use crate::tokens::{Holding, SecretsOfPeople, SecretsOfTokens};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use totp_core::audit_event::{Event, Name};
use totp_core::credential::{Label, MOST_AUTHENTICATORS};
use totp_core::enrolment;
use totp_core::enrolment::draft::Draft;
use totp_core::factor::FactorKind;
use totp_core::keyring::Keyring;
use totp_core::recovery::ScratchCode;
use totp_core::store::Users;
use totp_core::store::notices::Origin;
use totp_core::time::Now;
use totp_core::user::{Account, User};

/// What decides whether a line can be imported.
pub(super) struct ImportRules<'a> {
    pub(super) format: FileFormat,
    pub(super) names: NameMap,
    pub(super) unknown: Unknown,
    pub(super) enrolled: Enrolled<'a>,
    pub(super) now: Now,
}

/// What is done with accounts that are already enrolled.
pub(super) struct Enrolled<'a> {
    context: &'a Context,
    keyring: Arc<Keyring>,
    /// There is no state directory yet, so no account is enrolled.
    no_state_yet: bool,
    /// `--skip-enrolled`.
    skip: bool,
    /// Held until the import ends, so that no other command gives someone else a secret of the file meanwhile.
    _inventory: Option<Inventory>,
    tokens: Option<SecretsOfTokens>,
    /// Read once, when it is needed first.
    people: OnceCell<Result<SecretsOfPeople, String>>,
}

/// What an import may do with an account.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    New,
    /// It is enrolled and stays as it is.
    Enrolled {
        /// With what the file has.
        same_secret: bool,
    },
}

/// The plan for some lines. Conflicts between lines of one user are found if all of them are in one plan.
pub(super) struct ImportPlan<'a> {
    rules: &'a ImportRules<'a>,
    /// The user to plan for; `None`: every user.
    only: Option<u64>,
    pub(super) new_users: BTreeMap<User, NewUser>,
    /// What is enrolled already, and stays as it is.
    pub(super) enrolled: Vec<EnrolledLine>,
    pub(super) bad: Vec<BadLine>,
}

impl<'a> ImportPlan<'a> {
    pub(super) fn new(rules: &'a ImportRules<'a>) -> Self {
        Self { rules, only: None, new_users: BTreeMap::new(), enrolled: Vec::new(), bad: Vec::new() }
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
                let ImportRules { names, unknown, format, .. } = self.rules;
                parsed.and_then(|imported| {
                    Ok((names.account(&imported.user, *unknown, format.naming())?, imported))
                })
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
                one.and_then(|(account, imported)| self.add_authenticator(number, account, imported))
            {
                self.bad.push(BadLine { line: number, problem });
            }
        }
    }

    fn add_authenticator(
        &mut self,
        line: usize,
        account: Account,
        imported: ImportedAuthenticator,
    ) -> Result<(), String> {
        let ImportRules { format, enrolled, now, .. } = self.rules;
        let known = self.new_users.get(&account.user).map_or(&[][..], |new_user| &new_user.drafts);
        let label = match known.len() {
            0 => format.name().to_owned(),
            before => format!("{}-{}", format.name(), before.saturating_add(1)),
        };
        let label = Label::parse(&label).map_err(|error| error.to_string())?;
        let draft = Draft::import(label, imported.factor, imported.secret)
            .map_err(|error| error.to_string())?
            .beginning_at(imported.used_up_to);
        // A code that the other program accepted a moment ago is not accepted here as well.
        let used_there = imported.last_code.and_then(|code| draft.step_near(&code, *now));
        let draft = match used_there {
            Some(step) => draft.beginning_at(step),
            None => draft,
        };
        if known.is_empty()
            && let Standing::Enrolled { same_secret } = enrolled.standing(&account, &draft)?
        {
            self.enrolled.push(EnrolledLine { line, user: account.user.as_str().to_owned(), same_secret });
            return Ok(());
        }
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
        enrolled.admit(&account.user, &draft)?;
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
        format!("{problem}; at least {users} imported, see \"totp-enroll list\"; correct the problem and run the import again: accounts that are enrolled already are not changed")
    })
}

impl<'a> Enrolled<'a> {
    /// The rules for this run.
    ///
    /// # Errors
    /// If the inventory is in use, or cannot be listed.
    pub(super) fn of(context: &'a Context, keyring: Arc<Keyring>, skip: bool) -> Result<Self, CommandError> {
        let no_state_yet = matches!(context.config.paths.state.try_exists(), Ok(false));
        let inventory = (!no_state_yet).then(|| context.hold_tokens()).transpose()?;
        let tokens = (!no_state_yet).then(|| SecretsOfTokens::read(context, &keyring)).transpose()?;
        Ok(Self {
            context,
            keyring,
            no_state_yet,
            skip,
            _inventory: inventory,
            tokens,
            people: OnceCell::new(),
        })
    }

    /// Whether `--skip-enrolled` passes over this account, whatever the file has for it.
    pub(super) fn passes_over(&self, account: &Account) -> bool {
        self.skip && !self.no_state_yet && self.context.is_enrolled(account)
    }

    /// Whether an import may enrol this account; so that an import that is run again changes nothing and succeeds, one with the same
    /// secret is no error.
    ///
    /// # Errors
    /// It may not, and what to do.
    pub(super) fn standing(&self, account: &Account, draft: &Draft) -> Result<Standing, String> {
        let Self { context, keyring, no_state_yet, skip, .. } = self;
        let user = &account.user;
        if *no_state_yet {
            return Ok(Standing::New);
        }
        // A corrupt enrolment counts as enrolled: an error is not absence.
        if context.is_enrolled(account) {
            let credential = context.store.credential(user).ok().flatten();
            let same_secret = credential.is_some_and(|credential| draft.is_in(&credential, keyring));
            return if same_secret || *skip {
                Ok(Standing::Enrolled { same_secret })
            } else {
                Err(already(user))
            };
        }
        match reset_token::is_missing(context, account) {
            Ok(false) => Ok(Standing::New),
            Ok(true) => Err(format!(
                "{user} was reset, and you need the reset token to enrol: \"totp-enroll enroll --token\""
            )),
            Err(error) => Err(error.problem),
        }
    }
}

impl Enrolled<'_> {
    /// Checks that someone who is not enrolled yet does not get what is another's: a token of the inventory, or a counter. (With one
    /// phone for several accounts, each accepts a code once.)
    ///
    /// # Errors
    /// Whose it is, and what to do.
    pub(super) fn admit(&self, user: &User, draft: &Draft) -> Result<(), String> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        tokens.admit(draft, user)?;
        if draft.factor().kind() != FactorKind::Hotp {
            return Ok(());
        }
        let people = self.people.get_or_init(|| {
            let people = SecretsOfPeople::read_all(self.context, &self.keyring);
            people.inspect(SecretsOfPeople::tell_closed).map_err(|error| error.problem)
        });
        let people = people.as_ref().map_err(Clone::clone)?;
        match people.with_draft(draft) {
            Some(Holding { user: other, .. }) if other != user => Err(shared_counter(
                &format!("{other}, who is enrolled with it"),
                &format!("if {user} has it now, run \"totp-enroll disable {other}\" first"),
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// The message about a counter token that two people would have.
pub(super) fn shared_counter(of: &str, advice: &str) -> String {
    format!("has the secret of {of}, and one code of a counter token would open two accounts; {advice}")
}

fn already(user: &User) -> String {
    format!(
        "{user} is already enrolled, and not with this secret; to leave such accounts as they are, use --skip-enrolled; to \
         import it anew, run \"totp-enroll disable {user}\" first"
    )
}
