//! `restored`: makes void what a state that was restored from a backup could bring back, and lets logins go on.

use crate::command_error::CommandError;
use crate::context::{Context, PATIENCE};
use crate::output::{self, Format};
use crate::terminal::Terminal;
use crate::tokens;
use serde::Serialize;
use totp_core::account_recovery::Cancellation;
use totp_core::audit_event::{Event, Name};
use totp_core::enrolment;
use totp_core::store::{Entries, Maintenance, Resets, Users};
use totp_core::user::User;
use totp_host::machine;

/// What was done.
#[derive(Serialize)]
struct RestoredReport {
    /// The enrolments whose used codes are void now.
    users: usize,
    /// The tokens of the inventory that need two codes at their next assignment now.
    tokens: usize,
    /// The enrolments and tokens that could not be changed, and why.
    left: Vec<String>,
}

pub(crate) fn run(context: &Context, yes: bool, force: bool) -> Result<(), CommandError> {
    if !force && !context.store.is_restored()? {
        let problem = "this state is not known to be restored; nothing was changed. If it was restored all the same (single files, a \
                       snapshot of the machine, another machine), add --force";
        return Err(CommandError::refused(problem));
    }
    let users = context.store.users()?;
    consent(context, yes, users.len())?;
    let (now, windows) = (machine::now()?, context.config.windows());
    let mut report = RestoredReport { users: 0, tokens: 0, left: Vec::new() };
    for user in &users {
        let voided = match context.store.entry_to_withdraw(user, PATIENCE) {
            Ok(Some(entry)) => {
                enrolment::void_after_restore(entry, &windows, now).map_err(|error| error.to_string())
            }
            Ok(None) => Err("another login or command is using it".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match voided {
            Ok(()) => report.users = report.users.saturating_add(1),
            Err(problem) => report.left.push(format!("{}: {problem}", user.as_str())),
        }
    }
    // The inventory as well: tokens may have gone back to it since the backup.
    let (tokens, mut problems) = tokens::void_after_restore(context, now)?;
    report.tokens = tokens;
    report.left.append(&mut problems);
    void_resets(context, &users, &mut report.left)?;
    // What could not be voided could live again later, when its file can be written or its key is restored.
    if !report.left.is_empty() && !force {
        return Err(CommandError::refused(format!(
            "{}; logins are still refused: fix this, or remove these enrolments with \"totp-enroll disable USER\", and run this again; \
             --force accepts the state as it is",
            report.left.join("; ")
        )));
    }
    context.store.accept_restored()?;
    context.log(
        &Event::new(Name::StateRestored)
            .field("by", &context.operator.name)
            .field("enrolments", report.users)
            .field("tokens", report.tokens)
            .field("left", report.left.len()),
    );
    print(context, &report)
}

/// Calls off the resets of accounts that are not enrolled: their reset tokens would be good again.
fn void_resets(context: &Context, enrolled: &[User], left: &mut Vec<String>) -> Result<(), CommandError> {
    for user in context.store.resets()?.into_iter().flatten() {
        let user = user?;
        if enrolled.contains(&user) {
            continue;
        }
        let voided = context.store.reset(&user).and_then(|reset| {
            reset.map_or(Ok(()), |reset| context.store.call_off(&user, Cancellation::of(&reset)))
        });
        if let Err(error) = voided {
            left.push(format!("{}: {error}", user.as_str()));
        }
    }
    Ok(())
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
        "some enrolments could not be changed; the state is accepted all the same, as --force asks",
    );
    Err(if context.format == Format::Json { failure.reported() } else { failure })
}
