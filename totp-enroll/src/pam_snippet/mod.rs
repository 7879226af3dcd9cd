//! `pam-snippet`: the auth lines that have a service ask for a code, made from those that it has. It changes nothing.

mod carry;
mod part;

use crate::cli::{Cli, First, From, PamSnippet};
use crate::doctor::finding::Severity;
use crate::doctor::stack::gaps::{self, Circumstances};
use crate::doctor::stack::load::load;
use crate::doctor::stack::{Installed, ServiceFiles};
use crate::failure::Failure;
use crate::output::{self, Format};
use carry::{Carried, Fate};
use part::{Draft, Part, Role};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What stands where the answer is a password, by distribution.
const PASSWORD: [(&str, &str); 2] = [
    ("/etc/pam.d/common-auth", "@include common-auth"),
    ("/etc/pam.d/system-auth", "auth    substack    system-auth"),
];

#[derive(Serialize)]
struct Snippet {
    service: String,
    /// The file that the lines belong into.
    file: PathBuf,
    /// All auth lines of the file, as they are to be.
    auth: Vec<String>,
    /// Those that are no longer there.
    replaces: Vec<Replaced>,
    carried: Vec<Fate>,
    /// For /etc/pam_totp/config.toml.
    config: Vec<String>,
    /// For /etc/ssh/sshd_config.d/50-totp.conf.
    sshd_config: Vec<&'static str>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Replaced {
    line: usize,
    text: String,
}

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
    let service = asked.service.as_str();
    let file = Path::new("/etc/pam.d").join(service);
    let mut snippet = Snippet {
        service: service.to_owned(),
        file: file.clone(),
        auth: Vec::new(),
        replaces: Vec::new(),
        carried: Vec::new(),
        config: Vec::new(),
        sshd_config: Vec::new(),
        notes: Vec::new(),
    };
    let parts = match Installed.open(service) {
        Some((found, text)) => {
            if found != file {
                snippet.notes.push(format!(
                    "copy {} to {} and change the copy",
                    found.display(),
                    file.display()
                ));
            }
            part::parts(service, &text)
        }
        None => {
            snippet.notes.push(format!(
                "there is no {} yet; it needs account and session lines as well",
                file.display()
            ));
            Vec::new()
        }
    };
    let ours = conf(config);
    if parts.iter().any(|part| part.role == Role::Ours) {
        snippet.notes.push(format!("{service} asks for a code already"));
        snippet.auth = parts.into_iter().map(|part| part.text).collect();
    } else if let Some(from) = old(&parts, asked.from, &file)? {
        snippet.replace(parts, from, &ours);
    } else {
        snippet.insert(parts, asked.first, &ours);
    }
    snippet.finish();
    Ok(snippet)
}

/// The argument that a line of ours needs for the config of this command.
fn conf(config: Option<&Path>) -> Vec<String> {
    config.map(|config| format!("conf={}", config.display())).into_iter().collect()
}

/// The module whose line is to be replaced.
fn old(parts: &[Part], wanted: Option<From>, file: &Path) -> Result<Option<&'static str>, Failure> {
    let there = parts.iter().find_map(|part| match &part.role {
        Role::Codes { module, .. } if wanted.is_none_or(|wanted| wanted.module() == *module) => Some(*module),
        Role::Codes { .. } | Role::CodesWithin | Role::Ours | Role::Proof | Role::Other => None,
    });
    match (there, wanted) {
        (None, Some(wanted)) => {
            let problem = format!(
                "no auth line names {}: leave --from out, or look into the files that it includes",
                wanted.module()
            );
            Err(Failure::refused(problem).at(file, None))
        }
        (there, _) => Ok(there),
    }
}

impl Snippet {
    fn replace(&mut self, parts: Vec<Part>, from: &'static str, ours: &[String]) {
        for part in parts {
            match part.role {
                Role::Codes { module, control, arguments } if module == from => {
                    let carried = Carried::of(module, &arguments, &self.service);
                    let arguments: Vec<String> = ours.iter().cloned().chain(carried.arguments).collect();
                    self.auth.push(line(keyword(&control), &arguments));
                    if keyword(&control) != control {
                        self.notes.push(format!("line {} had the control `{control}`: a code has to be asked for whatever came before", part.number));
                    }
                    self.replaces.push(Replaced { line: part.number, text: part.text });
                    self.carried.extend(carried.said);
                    self.config.extend(carried.config);
                }
                Role::Codes { module, .. } => {
                    self.notes.push(format!(
                        "line {} asks for a code of {module} as well: take it out",
                        part.number
                    ));
                    self.replaces.push(Replaced { line: part.number, text: part.text });
                }
                Role::CodesWithin | Role::Ours | Role::Proof | Role::Other => self.auth.push(part.text),
            }
        }
        self.permit_for_nullok();
    }

    /// Where ours is the only line that asks, somebody has to say yes when it takes no part.
    fn permit_for_nullok(&mut self) {
        let has_nullok = self.carried.iter().any(|fate| fate.becomes == "nullok");
        if has_nullok && !self.found().iter().any(|(name, _)| *name == "code_ignored") {
            self.auth.push("auth    required    pam_permit.so".to_owned());
        }
    }

    fn insert(&mut self, parts: Vec<Part>, first: First, ours: &[String]) {
        let by_key = self.service == "sshd" && first == First::Key;
        let has_password = parts.iter().any(|part| part.role == Role::Proof);
        for part in parts {
            match part.role {
                Role::Proof if by_key => {
                    self.replaces.push(Replaced { line: part.number, text: part.text });
                }
                Role::CodesWithin => {
                    self.notes.push(format!("line {} includes another module for codes: take that out where it stands (pam-auth-update, or the file itself)", part.number));
                    self.auth.push(part.text);
                }
                Role::Proof | Role::Other | Role::Ours | Role::Codes { .. } => self.auth.push(part.text),
            }
        }
        if !by_key && !has_password {
            self.auth.push(password());
        }
        self.auth.push(line("required", ours));
    }

    /// What goes with the lines.
    fn finish(&mut self) {
        let found = self.found();
        if self.service == "sshd" {
            let alone = !self.has_password();
            self.sshd_config = vec![
                "UsePAM yes",
                "KbdInteractiveAuthentication yes",
                "PasswordAuthentication no",
                if alone {
                    "AuthenticationMethods publickey,keyboard-interactive:pam"
                } else {
                    "AuthenticationMethods keyboard-interactive:pam"
                },
            ];
        }
        for (this, other) in [("sudo", "sudo-i"), ("sudo-i", "sudo"), ("su", "su-l")] {
            if self.service == this && Path::new("/etc/pam.d").join(other).exists() {
                self.notes.push(format!("{other} needs the same: \"totp-enroll pam-snippet {other}\""));
            }
        }
        if self.service == "polkit-1" {
            self.notes.push("polkit 127 and later: \"totp-enroll doctor --service polkit-1\" says whether its sandbox lets codes be recorded".to_owned());
        }
        let doubts = found.into_iter().filter(|(_, what)| !what.is_empty());
        self.notes.extend(doubts.map(|(_, what)| format!("mind, by the other lines: {what}")));
    }

    fn text(&self) -> String {
        self.auth.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    fn has_password(&self) -> bool {
        part::parts(&self.service, &self.text()).iter().any(|part| part.role == Role::Proof)
    }

    /// What `doctor` finds in the stack: names, and of what is serious the sentence.
    fn found(&self) -> Vec<(&'static str, String)> {
        let text = self.text();
        let Ok(stack) = load(&Draft { service: &self.service, text: &text }, &self.service) else {
            return Vec::new();
        };
        let circumstances =
            Circumstances { service: &self.service, may_ignore: true, is_installed: &|_| true };
        let findings = gaps::without_code(&stack, &circumstances).into_iter();
        let said = findings.map(|finding| {
            let what = if finding.severity == Severity::Info { String::new() } else { finding.what };
            (finding.name, what)
        });
        said.collect()
    }
}

/// The control of ours in the place of another: what is required stays so, and what was not, is.
fn keyword(control: &str) -> &'static str {
    if control.eq_ignore_ascii_case("requisite") { "requisite" } else { "required" }
}

fn line(control: &str, arguments: &[String]) -> String {
    let mut line = format!("auth    {control:<11} pam_totp.so");
    for argument in arguments {
        line.push(' ');
        line.push_str(argument);
    }
    line
}

fn password() -> String {
    let known = PASSWORD.iter().find(|(file, _)| Path::new(file).exists());
    known.map_or_else(|| "auth    requisite   pam_unix.so".to_owned(), |(_, line)| (*line).to_owned())
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
