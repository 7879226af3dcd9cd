//! `pam-snippet`: prints the auth lines with which a service asks for a code, made from its present ones. It changes nothing.

mod auth_line;
mod carried_arguments;
mod snippet;
#[cfg(test)]
mod tests;

use crate::cli::{Cli, PamSnippet};
use crate::command_error::CommandError;
use crate::output::{self, Format};
use carried_arguments::CarriedArgument;
use pam_stack::InstalledFiles;
use snippet::{ReplacedLine, Snippet};
use std::path::Path;
use totp_core::config::DEFAULT_FILE;

pub(crate) fn run(cli: &Cli, options: &PamSnippet) -> Result<(), CommandError> {
    let service = options.service.as_str();
    if service.is_empty() || service.contains('/') || service.starts_with('.') {
        return Err(CommandError::usage(format!(
            "\"{}\" is not the name of a file in /etc/pam.d",
            service.escape_debug()
        )));
    }
    let snippet = snippet(cli.config.as_deref(), options)?;
    output::report(Format::of(cli.json), &snippet, lines)
}

fn snippet(config: Option<&Path>, options: &PamSnippet) -> Result<Snippet, CommandError> {
    let file = Path::new("/etc/pam.d").join(&options.service);
    // The module does not run in this directory.
    let config = config.map(std::path::absolute).transpose().map_err(|error| {
        CommandError::usage(format!(
            "--config: the current directory is unknown ({error}): give an absolute path"
        ))
    })?;
    let mut snippets = InstalledFiles::candidates().into_iter().map(|installed| {
        Snippet::of(&installed, options, config.as_deref()).map_err(|failure| failure.at(file.clone(), None))
    });
    let first = snippets.next().transpose()?;
    let others = snippets.collect::<Result<Vec<_>, _>>()?;
    // There is at least one candidate.
    first.filter(|first| others.iter().all(|other| other.auth == first.auth)).ok_or_else(|| {
        CommandError::refused("the installed libpam is not recognised, and its releases read this file differently: write the lines by hand")
            .at(file, None)
    })
}

fn lines(snippet: &Snippet) -> Vec<String> {
    let mut lines = vec![format!(
        "# {}: replace its auth lines with these. Keep a root session open until a login has worked.",
        snippet.file.display()
    )];
    for ReplacedLine { line, text } in &snippet.replaces {
        lines.push(format!("# replaces line {line}: {text}"));
    }
    for CarriedArgument { argument, becomes } in &snippet.carried {
        lines.push(format!("#   {argument} becomes {becomes}"));
    }
    lines.extend(snippet.notes.iter().map(|note| format!("# {note}")));
    lines.extend(snippet.auth.iter().cloned());
    let file_section = |lines: &mut Vec<String>, file: &str, content: Vec<String>| {
        if !content.is_empty() {
            lines.push(format!("# {file}:"));
            lines.extend(content.into_iter().map(|line| format!("#   {line}")));
        }
    };
    let sshd = snippet.sshd_config.iter().map(|line| (*line).to_owned()).collect();
    file_section(
        &mut lines,
        "/etc/ssh/sshd_config.d/50-totp.conf; then run \"sshd -t\" and reload sshd",
        sshd,
    );
    file_section(&mut lines, &snippet.config_file.display().to_string(), snippet.config.clone());
    let mut then = format!("# then check with: totp-enroll doctor --service {}", quoted(&snippet.service));
    if snippet.config_file != Path::new(DEFAULT_FILE) {
        then.push_str(" --config ");
        then.push_str(&quoted(&snippet.config_file.display().to_string()));
    }
    lines.push(then);
    lines
}

/// Quotes a word for the shell.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+@%:,=".contains(char);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
