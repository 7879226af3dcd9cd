//! The program that sends notices.

use std::path::Path;
use totp_core::config::{Command, Config, SENDMAIL};

/// What sends; `None`: nothing does.
pub(super) fn command(config: &Config) -> Option<Vec<String>> {
    match &config.notify.command {
        Command::Off => None,
        Command::Program(words) => Some(words.clone()),
        Command::Sendmail => {
            let is_there = SENDMAIL.first().is_some_and(|program| Path::new(program).exists());
            is_there.then(|| SENDMAIL.map(str::to_owned).to_vec())
        }
    }
}
