//! `restored`: makes void what a state that was restored from a backup could bring back, and lets logins go on.

use crate::command_error::CommandError;
use crate::context::{Context, PATIENCE};
use crate::output::{self, Format};
use crate::terminal::Terminal;
use serde::Serialize;
use totp_core::audit_event::{Event, Name};
use totp_core::enrolment;
use totp_core::store::{Entries, Maintenance, Users};
use totp_host::machine;

/// What was done.
#[derive(Serialize)]
struct RestoredReport {
    /// The enrolments whose used codes are void now.
    users: usize,
    /// The enrolments that could not be changed, and why.
    left: Vec<String>,
}

pub(crate) fn run(context: &Context, yes: bool, force: bool) -> Result<(), CommandError> {
    if !context.operator.is_root() && !nix::unistd::geteuid().is_root() {
        return Err(CommandError::not_permitted("only root can accept a restored state"));
    }
    if !force && !context.store.is_restored()? {
        let problem = "this state is not known to be restored; nothing was changed. If it was restored all the same (single files, a \
                       snapshot of the machine, another machine), add --force";
        return Err(CommandError::refused(problem));
    }
    let users = context.store.users()?;
    consent(context, yes, users.len())?;
    let (now, windows) = (machine::now()?, context.config.windows());
    let mut report = RestoredReport { users: 0, left: Vec::new() };
    let mut must_repeat = false;
    for user in &users {
        let voided = match context.store.entry_to_withdraw(user, PATIENCE) {
            Ok(Some(entry)) => {
                enrolment::void_after_restore(entry, &windows, now).map_err(|error| error.to_string())
            }
            Ok(None) => {
                must_repeat = true;
                Err("another login or command is using it".to_owned())
            }
            Err(error) => Err(error.to_string()),
        };
        match voided {
            Ok(()) => report.users = report.users.saturating_add(1),
            // It is damaged, so nobody can log in with it until it is repaired.
            Err(problem) => report.left.push(format!("{}: {problem}", user.as_str())),
        }
    }
    if must_repeat {
        return Err(CommandError::refused(format!(
            "{}; not everything is void yet: run this again",
            report.left.join("; ")
        )));
    }
    context.store.accept_restored()?;
    context.log(
        &Event::new(Name::StateRestored)
            .field("by", &context.operator.name)
            .field("enrolments", report.users)
            .field("left", report.left.len()),
    );
    print(context, &report)
}

fn consent(context: &Context, yes: bool, users: usize) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    let terminal = Terminal::open(context.format, "add --yes")?;
    terminal.say(&format!(
        "All codes up to now, recovery codes, remembered devices and pending resets of {} will be void.",
        output::count(users, "enrolment")
    ));
    let question = format!("type the number of enrolments ({users}) to continue: ");
    if terminal.ask(&question)?.expose() == users.to_string().as_bytes() {
        return Ok(());
    }
    Err(CommandError::refused("the number does not match; nothing was changed"))
}

fn print(context: &Context, report: &RestoredReport) -> Result<(), CommandError> {
    match context.format {
        Format::Json => output::document(report)?,
        Format::Text => {
            report.left.iter().for_each(|left| output::remark(left));
            output::line(&format!(
                "{}: all codes up to now, recovery codes, remembered devices and pending resets are void; logins work again; create new recovery codes",
                output::count(report.users, "enrolment")
            ))?;
        }
    }
    if report.left.is_empty() {
        return Ok(());
    }
    let failure = CommandError::refused(
        "some enrolments could not be changed; they refuse logins until they are repaired",
    );
    Err(if context.format == Format::Json { failure.reported() } else { failure })
}
