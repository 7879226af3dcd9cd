//! For fish: what clap makes of it, and the names of accounts, which clap leaves out where they are arguments.

use crate::commands;
use clap::ValueHint;
use std::fmt::{Error, Write};

pub(super) fn completions(mut text: String) -> Result<String, Error> {
    for (path, command) in commands() {
        if command.get_positionals().all(|argument| argument.get_value_hint() != ValueHint::Username) {
            continue;
        }
        let Some((first, rest)) = path.split_first() else { continue };
        let mut when = format!("__fish_totp_enroll_using_subcommand {first}");
        for word in rest {
            write!(when, "; and __fish_seen_subcommand_from {word}")?;
        }
        writeln!(text, "complete -c totp-enroll -n \"{when}\" -f -a \"(__fish_complete_users)\"")?;
    }
    Ok(text)
}
