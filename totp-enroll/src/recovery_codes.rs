//! `recovery-codes`: replaces the recovery codes of an account, and shows the new ones once.

use crate::authorise::{Consent, authorise};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use crate::terminal::{SignalsBlocked, Terminal};
use serde::Serialize;
use totp_core::audit_event::Name;
use totp_core::enrolment;
use totp_core::random::Secret;
use totp_core::recovery::grouped;
use totp_core::store::Users;
use zeroize::Zeroizing;

pub(crate) fn run(context: &Context, user: Option<&str>, consent: Consent) -> Result<(), CommandError> {
    let account = context.any_account(user)?;
    if !context.is_enrolled(&account) {
        return Err(CommandError::not_enrolled(account.user.as_str()));
    }
    let terminal =
        Terminal::for_result(context.format, "to print the codes for a program, use --json --yes")?;
    let expected = context.store.expected(&account.user)?;
    authorise(
        context,
        &account,
        consent,
        "replaces the recovery codes; the old ones become void immediately",
    )?;
    let _signals_blocked = SignalsBlocked::begin();
    let count = context.config.recovery_codes;
    let event = context.event(Name::CodesRegenerated, &account).field("codes", count);
    let codes = context.make(|change| {
        context.change(|rules| {
            let entry = change.announcing(context.entry(&account)?, &account, vec![event]);
            Ok(enrolment::renew_recovery(entry, &account, count, expected, rules)?)
        })
    })?;
    match terminal {
        Some(terminal) => show(&terminal, &codes),
        None => document(account.user.as_str(), &codes).map_err(not_shown),
    }
}

/// Adds that the codes were replaced but not shown.
fn not_shown(error: CommandError) -> CommandError {
    error.explained(|problem| {
        format!("{problem}; the new recovery codes are valid but were not shown; run \"totp-enroll recovery-codes\" again")
    })
}

/// Shows the codes on the terminal; only their hashes are stored.
pub(crate) fn show(terminal: &Terminal, codes: &[Secret]) -> Result<(), CommandError> {
    terminal.say("recovery codes, each good for one login when the phone is gone:");
    for code in codes {
        terminal.say_secret("  ", &grouped(code)).map_err(not_shown)?;
    }
    terminal.say("write them on paper or print them; they are not shown again");
    Ok(())
}

fn document(user: &str, codes: &[Secret]) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct CodesDocument<'a> {
        user: &'a str,
        recovery_codes: Vec<&'a str>,
    }
    let shown: Vec<Zeroizing<String>> =
        codes.iter().map(|code| output::secret_text(&grouped(code))).collect();
    output::document(&CodesDocument {
        user,
        recovery_codes: shown.iter().map(|code| code.as_str()).collect(),
    })
}
