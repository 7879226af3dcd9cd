//! `recovery-codes`: a new set in place of the old, shown once.

use crate::context::Context;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::signals::Undisturbed;
use crate::terminal::Terminal;
use serde::Serialize;
use totp_core::audit_event::Name;
use totp_core::enrolment;
use totp_core::recovery::grouped;
use totp_core::secret::Secret;
use totp_core::store::Users;
use zeroize::Zeroizing;

pub(crate) fn run(context: &Context, user: Option<&str>, consent: Consent) -> Result<(), Failure> {
    let account = context.any_account(user)?;
    if !context.is_enrolled(&account) {
        return Err(Failure::not_enrolled(account.user.as_str()));
    }
    // Where nobody would see the new codes, the old ones stay.
    let terminal = match context.format {
        Format::Json => None,
        Format::Text => Some(Terminal::open(context.format, "--json --yes prints the codes for a program")?),
    };
    let permitted = context.store.expected(&account.user)?;
    authorise(context, &account, consent, "replaces the recovery codes; the old ones are dead at once")?;
    let _undisturbed = Undisturbed::begin();
    let codes = context.change(|rules| {
        let entry = context.entry(&account)?;
        Ok(enrolment::renew_recovery(entry, &account, context.config.recovery_codes, permitted, rules)?)
    })?;
    context.audit(&context.event(Name::CodesRegenerated, &account).field("codes", codes.len()));
    match terminal {
        Some(terminal) => show(&terminal, &codes),
        None => document(account.user.as_str(), &codes).map_err(unseen),
    }
}

/// The codes are in force, and nobody has them.
fn unseen(failure: Failure) -> Failure {
    failure.explained(|problem| {
        format!("{problem}; the new recovery codes are in force and were not shown: run recovery-codes again")
    })
}

/// Shows the codes; nothing keeps them afterwards.
pub(crate) fn show(terminal: &Terminal, codes: &[Secret]) -> Result<(), Failure> {
    terminal.say("recovery codes, each good for one login when the phone is gone:");
    for code in codes {
        terminal.say_secret("  ", &grouped(code)).map_err(unseen)?;
    }
    terminal.say("write them on paper or print them; they are not shown again");
    Ok(())
}

fn document(user: &str, codes: &[Secret]) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document<'a> {
        user: &'a str,
        recovery_codes: Vec<&'a str>,
    }
    let shown: Vec<Zeroizing<String>> = codes
        .iter()
        .map(|code| Zeroizing::new(String::from_utf8_lossy(grouped(code).expose()).into_owned()))
        .collect();
    output::document(&Document { user, recovery_codes: shown.iter().map(|code| code.as_str()).collect() })
}
