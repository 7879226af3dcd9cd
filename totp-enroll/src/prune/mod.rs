//! `prune`: withdraw the enrolments of people who left, and take away what killed programs left behind.

mod database;
mod findings;

use crate::cli::Prune;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::terminal::Terminal;
use database::{Known, lookup};
use findings::{Findings, Leaver, Why};
use serde::Serialize;
use std::path::PathBuf;
use totp_core::audit_event::{Event, Name};
use totp_core::enrolment;
use totp_core::store::{Entries, Entry as _};

/// What was removed, or would be.
#[derive(Serialize)]
struct Document<'a> {
    dry_run: bool,
    /// Whose enrolments, and why.
    users: Vec<&'a Leaver>,
    /// Files that killed programs left behind.
    files: &'a [PathBuf],
    /// Left as they are, and why.
    kept: Vec<&'a Leaver>,
}

pub(crate) fn run(context: &Context, options: &Prune) -> Result<(), Failure> {
    let findings = Findings::of(context)?;
    if !options.trust_database {
        findings.check_database(options.unknown)?;
    }
    let (leavers, kept): (Vec<&Leaver>, Vec<&Leaver>) =
        findings.leavers.iter().partition(|leaver| leaver.goes(options.unknown));
    let document = Document { dry_run: options.dry_run, users: leavers, files: &findings.files, kept };
    if options.dry_run {
        document.print(context, "would be removed")?;
        return document.all_read();
    }
    if !document.users.is_empty() || !document.files.is_empty() {
        if context.format == Format::Text && !options.yes {
            document.lines("is to be removed")?;
        }
        consent(context, options, document.users.len())?;
    }
    let mut done = 0usize;
    for leaver in &document.users {
        withdraw(context, leaver).map_err(|failure| {
            failure.explained(|problem| {
                format!("{}: {problem}; {done} enrolments were removed before it", leaver.user.as_str())
            })
        })?;
        done = done.saturating_add(1);
    }
    findings.remove_files(context)?;
    document.print(context, "removed")?;
    document.all_read()
}

fn consent(context: &Context, options: &Prune, enrolments: usize) -> Result<(), Failure> {
    if options.yes {
        return Ok(());
    }
    let terminal = Terminal::open(context.format, "look with --dry-run, and add --yes if you are sure")?;
    let question = format!("type the number of enrolments ({enrolments}) to go on: ");
    if terminal.ask(&question)?.expose() == enrolments.to_string().as_bytes() {
        return Ok(());
    }
    Err(Failure::refused("that is not the number; nothing was changed"))
}

/// The account may be back since it was looked for, and someone may have enrolled it.
fn withdraw(context: &Context, leaver: &Leaver) -> Result<(), Failure> {
    let Leaver { user, permitted, uid, .. } = leaver;
    let found = lookup(user.as_str())?;
    let is_back = match leaver.why {
        Why::OtherUid { .. } => matches!((found, uid), (Known::Uid(now), Some(uid)) if now == *uid),
        Why::Gone | Why::GoneBroken { .. } | Why::Unknown => found != Known::Nobody,
        // Nobody is enrolled by it, anyone who has the name.
        Why::StrayLedger | Why::Broken { .. } => false,
    };
    if is_back {
        return Err(Failure::refused("the account is back; look again"));
    }
    let Some(entry) = context.store.entry(user, crate::context::PATIENCE)? else {
        return Err(Failure::refused("another process uses this enrolment right now; try again"));
    };
    if matches!(leaver.why, Why::StrayLedger) && entry.reset()?.is_some() {
        return Err(Failure::refused("the account was reset meanwhile; look again"));
    }
    enrolment::withdraw(entry, *permitted)?;
    let event = Event::new(Name::Pruned).field("user", user).field("by", &context.operator.name);
    context.audit(&event.field("reason", leaver.why.as_str()).maybe("uid", *uid));
    Ok(())
}

impl Document<'_> {
    /// An error where someone's enrolment could not be read: it was listed, and a timer reads nothing but the exit status.
    fn all_read(&self) -> Result<(), Failure> {
        if self.kept.iter().any(|leaver| matches!(leaver.why, Why::Broken { .. })) {
            return Err(Failure::refused("not everybody's enrolment could be read").told());
        }
        Ok(())
    }

    fn print(&self, context: &Context, what: &str) -> Result<(), Failure> {
        match context.format {
            Format::Json => output::document(self),
            Format::Text => {
                self.lines(what)?;
                let (users, files, kept) = (self.users.len(), self.files.len(), self.kept.len());
                output::line(&format!("{users} enrolments and {files} leftovers {what}; {kept} kept"))
            }
        }
    }

    fn lines(&self, what: &str) -> Result<(), Failure> {
        for leaver in &self.users {
            output::line(&format!("{}: {}; {what}", leaver.user, leaver.why))?;
        }
        for file in self.files {
            output::line(&format!("{}: left by a program that ended; {what}", file.display()))?;
        }
        for leaver in &self.kept {
            output::line(&format!("{}: {}; kept", leaver.user, leaver.why))?;
        }
        Ok(())
    }
}
