//! The auth lines of one service as they are to be, made from those that it has, and what goes with them.

use super::carry::{Carried, Fate};
use super::ours::{conf, keyword, line};
use super::part::{self, Draft, Part, Role};
use super::removal;
use crate::cli::{First, From, PamSnippet};
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::stack::gaps::{self, Circumstances};
use crate::doctor::stack::{config_file, is_ours, module_name};
use crate::failure::Failure;
use pam_stack::{ServiceFiles, Stack, included, line as words, load};
use serde::Serialize;
use std::path::{Path, PathBuf};
use totp_core::config::DEFAULT_FILE;

/// What stands where the answer is a password, by distribution.
const PASSWORD: [(&str, &str); 2] = [
    ("/etc/pam.d/common-auth", "@include common-auth"),
    ("/etc/pam.d/system-auth", "auth    substack    system-auth"),
];

/// What is printed.
#[derive(Serialize)]
pub(super) struct Snippet {
    pub(super) service: String,
    /// The file that the lines belong into.
    pub(super) file: PathBuf,
    /// All auth lines of the file, as they are to be.
    pub(super) auth: Vec<String>,
    /// Those that are no longer there.
    pub(super) replaces: Vec<Replaced>,
    pub(super) carried: Vec<Fate>,
    /// The config that the lines name, or the default one.
    pub(super) config_file: PathBuf,
    /// What belongs into it.
    pub(super) config: Vec<String>,
    /// For /etc/ssh/sshd_config.d/50-totp.conf.
    pub(super) sshd_config: Vec<&'static str>,
    pub(super) notes: Vec<String>,
}

/// A line that goes.
#[derive(Serialize)]
pub(super) struct Replaced {
    pub(super) line: usize,
    pub(super) text: String,
}

impl Snippet {
    pub(super) fn of(
        files: &dyn ServiceFiles,
        asked: &PamSnippet,
        config: Option<&Path>,
    ) -> Result<Self, Failure> {
        let ours = config.map(conf).transpose()?;
        let ours = ours.as_slice();
        let service = asked.service.as_str();
        let file = Path::new("/etc/pam.d").join(service);
        let mut snippet = Snippet {
            service: service.to_owned(),
            file: file.clone(),
            auth: Vec::new(),
            replaces: Vec::new(),
            carried: Vec::new(),
            config_file: config.unwrap_or(Path::new(DEFAULT_FILE)).to_owned(),
            config: Vec::new(),
            sshd_config: Vec::new(),
            notes: Vec::new(),
        };
        let parts = match files.open(service) {
            Some((found, text)) => {
                if found != file {
                    snippet.notes.push(format!(
                        "copy {} to {} and change the copy",
                        found.display(),
                        file.display()
                    ));
                }
                part::parts(files, service, &text)
            }
            None => {
                snippet.notes.push(format!(
                    "there is no {} yet; it needs account and session lines as well",
                    file.display()
                ));
                Vec::new()
            }
        };
        if parts.iter().any(|part| part.role == Role::Ours) {
            snippet.notes.push(format!("{service} asks for a code already"));
            let ours = parts.iter().flat_map(|part| &part.handlers).find(|handler| is_ours(handler));
            let named = ours.and_then(|handler| config_file(&handler.arguments));
            snippet.config_file = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
            snippet.auth = parts.into_iter().map(|part| part.text).collect();
        } else if let Some(from) = old(&parts, asked.from)? {
            snippet.replace(parts, from, ours, files)?;
        } else {
            snippet.insert(parts, asked.first, ours)?;
        }
        snippet.end_includes_by_themselves(files);
        snippet.check(files)?;
        snippet.finish(files);
        Ok(snippet)
    }

    fn replace(
        &mut self,
        parts: Vec<Part>,
        from: &'static str,
        ours: &[String],
        files: &dyn ServiceFiles,
    ) -> Result<(), Failure> {
        let fate = |part: &Part| match part.role {
            Role::Codes { module, .. } if module == from => removal::Fate::Replaced,
            Role::Codes { .. } => removal::Fate::Goes,
            Role::CodesWithin | Role::Ours | Role::Password | Role::Unknown | Role::Other => {
                removal::Fate::Stays
            }
        };
        let fates =
            removal::complete(&parts, parts.iter().map(fate).collect()).map_err(|why| unprintable(&why))?;
        for (part, fate) in parts.into_iter().zip(fates) {
            match (part.role, fate) {
                (Role::Codes { module, control, arguments }, removal::Fate::Replaced) => {
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
                (role, removal::Fate::Goes) => {
                    if let Role::Codes { module, .. } = role {
                        self.notes.push(format!(
                            "line {} asks for a code of {module} as well: take it out",
                            part.number
                        ));
                    }
                    self.replaces.push(Replaced { line: part.number, text: part.text });
                }
                (_, removal::Fate::Stays | removal::Fate::Replaced) => self.auth.push(part.text),
            }
        }
        self.permit_for_nullok(files);
        Ok(())
    }

    /// Where ours is the only line that asks, someone has to say yes when it takes no part.
    fn permit_for_nullok(&mut self, files: &dyn ServiceFiles) {
        let has_nullok = self.carried.iter().any(|fate| fate.becomes == "nullok");
        if has_nullok && !self.found(files).iter().any(|(name, _)| *name == "code_ignored") {
            self.auth.push("auth    required    pam_permit.so".to_owned());
        }
    }

    fn insert(&mut self, parts: Vec<Part>, first: First, ours: &[String]) -> Result<(), Failure> {
        let by_key = self.service == "sshd" && first == First::Key;
        // At sshd a line that is not known is no reason to leave the password out, or the key.
        let is_first = |part: &Part| {
            part.role == Role::Password || (part.role == Role::Unknown && self.service != "sshd")
        };
        let has_first = parts.iter().any(is_first);
        let fate = |part: &Part| match part.role {
            Role::Password if by_key => removal::Fate::Goes,
            Role::Password
            | Role::Unknown
            | Role::CodesWithin
            | Role::Other
            | Role::Ours
            | Role::Codes { .. } => removal::Fate::Stays,
        };
        let fates =
            removal::complete(&parts, parts.iter().map(fate).collect()).map_err(|why| unprintable(&why))?;
        for (part, fate) in parts.into_iter().zip(fates) {
            self.note_unknown(&part, fate);
            if fate == removal::Fate::Goes {
                self.replaces.push(Replaced { line: part.number, text: part.text });
                continue;
            }
            if part.role == Role::CodesWithin {
                self.notes.push(format!("line {} includes another module for codes: take that out where it stands (pam-auth-update, or the file itself)", part.number));
            }
            self.auth.push(part.text);
        }
        if !by_key && !has_first {
            self.auth.push(password());
        }
        self.auth.push(line("required", ours));
        Ok(())
    }

    /// Says of modules that are not known what was done about them.
    fn note_unknown(&mut self, part: &Part, fate: removal::Fate) {
        let mut unknown: Vec<&str> = part
            .handlers
            .iter()
            .filter(|one| part::is_unknown(one))
            .map(|one| module_name(&one.module))
            .collect();
        unknown.dedup();
        if unknown.is_empty() {
            return;
        }
        let (names, number) = (unknown.join(", "), part.number);
        self.notes.push(match fate {
            removal::Fate::Goes => {
                format!("line {number}: {names} goes with it; write a line of its own if it is to stay")
            }
            removal::Fate::Stays | removal::Fate::Replaced => {
                format!(
                    "line {number}: {names} is not known here, and stays; see whether it asks for a password"
                )
            }
        });
    }

    /// Where the end of an included file would pass over ours, it ends no more than that file as a substack.
    fn end_includes_by_themselves(&mut self, files: &dyn ServiceFiles) {
        let gaps = |snippet: &Self| snippet.serious(files).len();
        for at in 0..self.auth.len() {
            let before = gaps(self);
            let Some(text) = self.auth.get(at).filter(|_| before > 0) else { continue };
            let said = words::words(text);
            let [_, control, file] = said.as_slice() else { continue };
            if !control.eq_ignore_ascii_case("include") {
                continue;
            }
            let note = format!(
                "`include {file}` is `substack {file}` now: an end within it would pass over the code"
            );
            let (old, new) = (text.clone(), format!("auth    substack    {file}"));
            self.set(at, new);
            if gaps(self) < before {
                self.notes.push(note);
            } else {
                self.set(at, old);
            }
        }
    }

    fn set(&mut self, at: usize, text: String) {
        if let Some(line) = self.auth.get_mut(at) {
            *line = text;
        }
    }

    /// Nothing is printed that lets nobody in, or someone without a code.
    fn check(&self, files: &dyn ServiceFiles) -> Result<(), Failure> {
        if self.auth.iter().any(|line| line.chars().any(char::is_control)) {
            return Err(unprintable("a line of it holds a control character: write it anew"));
        }
        let stack = self.stack(files).ok_or_else(|| unprintable("libpam cannot read it"))?;
        if let Some(what) = self.serious(files).into_iter().next() {
            return Err(unprintable(&what));
        }
        let by_a_code = Circumstances { service: &self.service, may_ignore: false, is_installed: &|_| true };
        if gaps::nobody_gets_in(&stack, &by_a_code) {
            let why = "with a code asked for, the lines that are left let nobody in: look for a `pam_deny.so`, or a jump, that is for a line that goes; or write its lines into a file of their own and include that (`auth substack FILE`)";
            return Err(unprintable(why));
        }
        Ok(())
    }

    /// What goes with the lines.
    fn finish(&mut self, files: &dyn ServiceFiles) {
        let found = self.found(files);
        if self.service == "sshd" {
            let alone = !self.has_password(files);
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
        for (this, other) in [("sudo", "sudo-i"), ("sudo-i", "sudo"), ("su", "su-l"), ("su-l", "su")] {
            if self.service == this {
                self.notes.extend(beside(files, this, other));
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

    fn has_password(&self, files: &dyn ServiceFiles) -> bool {
        let parts = part::parts(files, &self.service, self.text().as_bytes());
        parts.iter().any(|part| part.role == Role::Password)
    }

    fn stack(&self, files: &dyn ServiceFiles) -> Option<Stack> {
        load(&Draft { files, service: &self.service, text: &self.text() }, &self.service).ok()
    }

    /// What `doctor` finds in the stack.
    fn findings(&self, files: &dyn ServiceFiles) -> Vec<Finding> {
        let Some(stack) = self.stack(files) else { return Vec::new() };
        let circumstances =
            Circumstances { service: &self.service, may_ignore: true, is_installed: &|_| true };
        gaps::without_code(&stack, &circumstances)
    }

    /// The sentences of what lets people in without a code.
    fn serious(&self, files: &dyn ServiceFiles) -> Vec<String> {
        let findings = self.findings(files).into_iter();
        findings.filter(|one| one.severity == Severity::Serious).map(|one| one.what).collect()
    }

    /// Names, and of what is worth a word the sentence.
    fn found(&self, files: &dyn ServiceFiles) -> Vec<(&'static str, String)> {
        let said = self.findings(files).into_iter().map(|finding| {
            let what = if finding.severity == Severity::Info { String::new() } else { finding.what };
            (finding.name, what)
        });
        said.collect()
    }
}

/// What is to be said of the service that asks the same people.
fn beside(files: &dyn ServiceFiles, this: &str, other: &str) -> Option<String> {
    let includes =
        |text: &[u8], wanted: &str| included(text, files.libpam()).iter().any(|file| file == wanted);
    let (own, others) = (files.open(this)?.1, files.open(other)?.1);
    if includes(&own, other) {
        // With a line in each, two codes would be asked for.
        let is_ours = |part: &Part| part.role == Role::Ours;
        let asks = part::parts(files, other, &others).iter().any(is_ours);
        return (!asks).then(|| {
            format!(
                "{this} includes {other}: put the line there instead (\"totp-enroll pam-snippet {other}\")"
            )
        });
    }
    (!includes(&others, this)).then(|| format!("{other} needs the same: \"totp-enroll pam-snippet {other}\""))
}

/// The module whose line is to be replaced.
fn old(parts: &[Part], wanted: Option<From>) -> Result<Option<&'static str>, Failure> {
    let there = parts.iter().find_map(|part| match &part.role {
        Role::Codes { module, .. } if wanted.is_none_or(|wanted| wanted.module() == *module) => Some(*module),
        Role::Codes { .. }
        | Role::CodesWithin
        | Role::Ours
        | Role::Password
        | Role::Unknown
        | Role::Other => None,
    });
    match (there, wanted) {
        (None, Some(wanted)) => {
            let problem = format!(
                "no auth line names {}: leave --from out, or look into the files that it includes",
                wanted.module()
            );
            Err(Failure::refused(problem))
        }
        (there, _) => Ok(there),
    }
}

fn unprintable(why: &str) -> Failure {
    Failure::refused(format!("no lines are printed for it: {why}"))
}

fn password() -> String {
    let known = PASSWORD.iter().find(|(file, _)| Path::new(file).exists());
    known.map_or_else(|| "auth    requisite   pam_unix.so".to_owned(), |(_, line)| (*line).to_owned())
}
