//! Writes the man page and the completions of `totp-enroll` from the definition of its command line.
//!
//! `packaging/build-release` runs this: `cargo run --package totp-enroll --example generate -- DIRECTORY`.
//! It is an example of the package, so that its dependency `clap_complete` is not a dependency of the command.

mod completions;
mod page;
#[cfg(test)]
mod tests;

#[expect(dead_code, unused_imports, reason = "only the definition is used here; no command line is parsed")]
#[path = "../../src/cli/mod.rs"]
mod cli;

use clap::{Command, CommandFactory};
use cli::Cli;
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args_os().nth(1).map(PathBuf::from).ok_or("usage: generate DIRECTORY")?;
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("totp-enroll.1"), page::page())?;
    for (name, text) in completions::all()? {
        fs::write(directory.join(name), text)?;
    }
    Ok(())
}

/// Every command with its path of words, including those that only have subcommands.
fn commands() -> Vec<(Vec<String>, Command)> {
    fn below(path: &[String], command: &Command, found: &mut Vec<(Vec<String>, Command)>) {
        found.push((path.to_vec(), command.clone()));
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            below(&[path, &[inner.get_name().to_owned()]].concat(), inner, found);
        }
    }
    let mut whole = Cli::command();
    // Adds the global options to each command.
    whole.build();
    let mut found = Vec::new();
    below(&[], &whole, &mut found);
    found
}
