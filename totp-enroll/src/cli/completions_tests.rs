//! The completions in `packaging/completions` are what the definition of the command line makes of them.
//!
//! To write them anew: `cargo test -p totp-enroll write_the_completions -- --ignored`.

mod bash;
mod fish;

use super::Cli;
use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use std::fs;
use std::path::{Path, PathBuf};

/// Makes the completions of one shell.
type Maker = fn() -> String;

/// As packages install them.
const FILES: [(&str, Maker); 3] =
    [("totp-enroll.bash", bash::completions), ("_totp-enroll", zsh), ("totp-enroll.fish", fish::completions)];

fn zsh() -> String {
    of_library(Shell::Zsh)
}

fn of_library(shell: Shell) -> String {
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "totp-enroll", &mut text);
    String::from_utf8(text).unwrap()
}

/// Every command with the words that lead to it, those that only lead to others included.
pub(super) fn commands() -> Vec<(Vec<String>, Command)> {
    fn below(path: &[String], command: &Command, found: &mut Vec<(Vec<String>, Command)>) {
        found.push((path.to_vec(), command.clone()));
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            below(&[path, &[inner.get_name().to_owned()]].concat(), inner, found);
        }
    }
    let mut whole = Cli::command();
    // What holds for all of them is in each of them.
    whole.build();
    let mut found = Vec::new();
    below(&[], &whole, &mut found);
    found
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/completions")
}

#[test]
fn the_completions_are_those_of_the_command_line() {
    for (name, made) in FILES {
        let shipped = fs::read_to_string(directory().join(name)).unwrap_or_default();
        assert!(
            shipped == made(),
            "packaging/completions/{name} is out of date: cargo test -p totp-enroll write_the_completions -- --ignored"
        );
    }
}

#[test]
#[ignore = "changes packaging/completions"]
fn write_the_completions() {
    for (name, made) in FILES {
        fs::write(directory().join(name), made()).unwrap();
    }
}
