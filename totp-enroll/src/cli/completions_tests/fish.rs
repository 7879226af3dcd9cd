//! For fish: what the library makes of it, which leaves out the names of users that stand alone.

use super::{commands, of_library};
use clap::ValueHint;
use clap_complete::Shell;
use std::fmt::Write;

pub(super) fn completions() -> String {
    let mut text = of_library(Shell::Fish);
    for (path, command) in commands() {
        if command.get_positionals().all(|argument| argument.get_value_hint() != ValueHint::Username) {
            continue;
        }
        let (first, rest) = path.split_first().unwrap();
        let mut when = format!("__fish_totp_enroll_using_subcommand {first}");
        for word in rest {
            write!(when, "; and __fish_seen_subcommand_from {word}").unwrap();
        }
        writeln!(text, "complete -c totp-enroll -n \"{when}\" -f -a \"(__fish_complete_users)\"").unwrap();
    }
    text
}
