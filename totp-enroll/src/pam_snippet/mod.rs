//! `pam-snippet`: the auth lines that have a service ask for a code, made from those that it has. It changes nothing.

mod carry;
mod part;
mod removal;
mod snippet;
#[cfg(test)]
mod tests;

use crate::cli::{Cli, PamSnippet};
use crate::doctor::stack::Installed;
use crate::failure::Failure;
use crate::output::{self, Format};
use carry::Fate;
use snippet::{Replaced, Snippet};
use std::path::Path;

pub(crate) fn run(cli: &Cli, asked: &PamSnippet) -> Result<(), Failure> {
    let service = asked.service.as_str();
    if service.is_empty() || service.contains('/') || service.starts_with('.') {
        return Err(Failure::usage(format!(
            "\"{}\" is not the name of a file in /etc/pam.d",
            service.escape_debug()
        )));
    }
    let snippet = snippet(cli.config.as_deref(), asked)?;
    match Format::of(cli.json) {
        Format::Json => output::document(&snippet),
        Format::Text => lines(&snippet).iter().try_for_each(|line| output::line(line)),
    }
}

fn snippet(config: Option<&Path>, asked: &PamSnippet) -> Result<Snippet, Failure> {
    let file = Path::new("/etc/pam.d").join(&asked.service);
    Snippet::of(&Installed, asked, &conf(config)).map_err(|failure| failure.at(file, None))
}

/// The argument that a line of ours needs for the config of this command.
fn conf(config: Option<&Path>) -> Vec<String> {
    config.map(|config| format!("conf={}", config.display())).into_iter().collect()
}

fn lines(snippet: &Snippet) -> Vec<String> {
    let mut lines = vec![format!(
        "# {}: the auth lines, as they are to be. Keep a root session open until a login has worked.",
        snippet.file.display()
    )];
    for Replaced { line, text } in &snippet.replaces {
        lines.push(format!("# in place of line {line}: {text}"));
    }
    for Fate { argument, becomes } in &snippet.carried {
        lines.push(format!("#   {argument} becomes {becomes}"));
    }
    lines.extend(snippet.notes.iter().map(|note| format!("# {note}")));
    lines.extend(snippet.auth.iter().cloned());
    let below = |lines: &mut Vec<String>, file: &str, said: Vec<String>| {
        if !said.is_empty() {
            lines.push(format!("# {file}:"));
            lines.extend(said.into_iter().map(|line| format!("#   {line}")));
        }
    };
    let sshd = snippet.sshd_config.iter().map(|line| (*line).to_owned()).collect();
    below(&mut lines, "/etc/ssh/sshd_config.d/50-totp.conf, then \"sshd -t\" and a reload", sshd);
    below(&mut lines, "/etc/pam_totp/config.toml", snippet.config.clone());
    lines.push(format!("# then: totp-enroll doctor --service {}", snippet.service));
    lines
}
