//! `prune`: removes the enrolments of accounts that are gone, and the stale files of killed programs.

mod prunable;

use crate::cli::Prune;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use crate::terminal::Terminal;
use crate::tokens::EndingTokens;
use prunable::{AccountLookup, Prunable, PruneReason, StaleEnrolment, lookup};
use serde::Serialize;
use std::path::PathBuf;
use totp_core::audit_event::{Event, Name};
use totp_core::enrolment;
use totp_core::store::{Entries, Entry as _};

/// What was removed, or would be.
#[derive(Serialize)]
struct PruneReport<'a> {
    dry_run: bool,
    /// The enrolments that are removed, and why.
    users: Vec<&'a StaleEnrolment>,
    /// The stale files that are removed.
    files: &'a [PathBuf],
    /// The enrolments that are kept although something is wrong with them.
    kept: Vec<&'a StaleEnrolment>,
}

pub(crate) fn run(context: &Context, options: &Prune) -> Result<(), CommandError> {
    let prunable = Prunable::of(context)?;
    if !options.trust_database {
        prunable.check_database(options.unknown)?;
    }
    let (enrolments, kept): (Vec<&StaleEnrolment>, Vec<&StaleEnrolment>) =
        prunable.enrolments.iter().partition(|enrolment| enrolment.is_removed(options.unknown));
    let document = PruneReport { dry_run: options.dry_run, users: enrolments, files: &prunable.files, kept };
    if options.dry_run {
        document.print(context, "would be removed")?;
        return document.all_read();
    }
    if !document.users.is_empty() || !document.files.is_empty() {
        if context.format == Format::Text && !options.yes {
            document.lines("will be removed")?;
        }
        consent(context, options, document.users.len())?;
    }
    let mut done = 0usize;
    for enrolment in &document.users {
        remove(context, enrolment).map_err(|failure| {
            failure.explained(|problem| {
                format!(
                    "{}: {problem}; {} removed before it",
                    enrolment.user.as_str(),
                    output::count_with(done, "enrolment", ("was", "were"))
                )
            })
        })?;
        done = done.saturating_add(1);
    }
    prunable.remove_files(context)?;
    document.print(context, "removed")?;
    document.all_read()
}

fn consent(context: &Context, options: &Prune, enrolments: usize) -> Result<(), CommandError> {
    if options.yes {
        return Ok(());
    }
    let terminal = Terminal::open(context.format, "check the list with --dry-run, then add --yes")?;
    let question = format!("type the number of enrolments ({enrolments}) to continue: ");
    if terminal.ask(&question)?.expose() == enrolments.to_string().as_bytes() {
        return Ok(());
    }
    Err(CommandError::refused("the number does not match; nothing was changed"))
}

/// Removes an enrolment, unless the account came back or was enrolled again after the search.
fn remove(context: &Context, enrolment: &StaleEnrolment) -> Result<(), CommandError> {
    let StaleEnrolment { user, permitted, uid, .. } = enrolment;
    let found = lookup(user.as_str())?;
    let is_back = match enrolment.why {
        PruneReason::OtherUid { .. } => {
            matches!((found, uid), (AccountLookup::Uid(now), Some(uid)) if now == *uid)
        }
        PruneReason::Gone | PruneReason::GoneUnreadable { .. } | PruneReason::Unknown => {
            found != AccountLookup::Nobody
        }
        // Nobody can log in with it, so it does not matter who has the name.
        PruneReason::StrayLedger | PruneReason::Unreadable { .. } => false,
    };
    if is_back {
        return Err(CommandError::refused("the account exists again; run prune again"));
    }
    let tokens = EndingTokens::hold(context, user);
    let Some(entry) = context.store.entry(user, crate::context::PATIENCE)? else {
        return Err(CommandError::refused("another login or command is using this enrolment; try again"));
    };
    if matches!(enrolment.why, PruneReason::StrayLedger) && entry.reset()?.is_some() {
        return Err(CommandError::refused("the account was reset in the meantime; run prune again"));
    }
    let event = Event::new(Name::Pruned).field("user", user).field("by", &context.operator.name);
    let event = event.field("reason", enrolment.why.as_str()).maybe("uid", *uid);
    let tokens = tokens.read(&entry)?;
    let remark = context.make(|change| {
        // Nobody is mailed: the account is gone.
        change.announce(None, event)?;
        enrolment::withdraw(entry, *permitted)?;
        Ok(tokens.store())
    })?;
    remark.iter().for_each(|remark| output::remark(remark));
    Ok(())
}

impl PruneReport<'_> {
    /// An error if an enrolment could not be read: it was listed, but a timer sees only the exit status.
    fn all_read(&self) -> Result<(), CommandError> {
        if self.kept.iter().any(|enrolment| matches!(enrolment.why, PruneReason::Unreadable { .. })) {
            return Err(CommandError::refused("some enrolments could not be read").reported());
        }
        Ok(())
    }

    fn print(&self, context: &Context, what: &str) -> Result<(), CommandError> {
        match context.format {
            Format::Json => output::document(self),
            Format::Text => {
                self.lines(what)?;
                let (users, files, kept) = (self.users.len(), self.files.len(), self.kept.len());
                let (users, files) = (output::count(users, "enrolment"), output::count(files, "stale file"));
                output::line(&format!("{users} and {files} {what}; {kept} kept"))
            }
        }
    }

    fn lines(&self, what: &str) -> Result<(), CommandError> {
        for enrolment in &self.users {
            output::line(&format!("{}: {}; {what}", enrolment.user, enrolment.why))?;
        }
        for file in self.files {
            output::line(&format!("{}: stale file of a killed program; {what}", file.display()))?;
        }
        for enrolment in &self.kept {
            output::line(&format!("{}: {}; kept", enrolment.user, enrolment.why))?;
        }
        Ok(())
    }
}
