//! The completions for bash, zsh and fish, by the names under which shells look for them.

mod bash;
mod fish;

use super::cli::Cli;
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use std::error::Error;

/// The name and text of each file.
pub(super) fn all() -> Result<[(&'static str, String); 3], Box<dyn Error>> {
    Ok([
        ("totp-enroll.bash", bash::completions()?),
        ("_totp-enroll", by_clap(Shell::Zsh)?),
        ("totp-enroll.fish", fish::completions(by_clap(Shell::Fish)?)?),
    ])
}

fn by_clap(shell: Shell) -> Result<String, Box<dyn Error>> {
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "totp-enroll", &mut text);
    Ok(String::from_utf8(text)?)
}
