//! Makes the auth lines of one service from its present ones, with the settings and notes that belong to them.

use super::auth_line::{
    self, AuthLine, Draft, LineChange, Role, complete_changes, conf, keyword, pam_totp_line, password_line,
};
use super::carried_arguments::{CarriedArgument, CarriedArguments, Target};
use crate::cli::{First, From, PamSnippet};
use crate::command_error::CommandError;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::stack::answers::Answers;
use crate::doctor::stack::bypasses::{self, ServiceContext};
use crate::doctor::stack::{ModuleArguments, is_pam_totp, module_name};
use pam_stack::{ServiceFiles, Stack, included, line as words, load};
use serde::Serialize;
use std::path::{Path, PathBuf};
use totp_core::config::DEFAULT_FILE;
use totp_core::misleading::misleads;

/// The document that `pam-snippet` prints.
#[derive(Serialize)]
pub(super) struct Snippet {
    pub(super) service: String,
    /// The service file.
    pub(super) file: PathBuf,
    /// All its new auth lines.
    pub(super) auth: Vec<String>,
    /// The present lines that are removed or replaced.
    pub(super) replaces: Vec<ReplacedLine>,
    pub(super) carried: Vec<CarriedArgument>,
    /// The config that the lines name, or the default one.
    pub(super) config_file: PathBuf,
    /// Lines to add to the config.
    pub(super) config: Vec<String>,
    /// Lines for /etc/ssh/sshd_config.d/50-totp.conf.
    pub(super) sshd_config: Vec<&'static str>,
    pub(super) notes: Vec<String>,
}

/// A line that is removed or replaced.
#[derive(Serialize)]
pub(super) struct ReplacedLine {
    pub(super) line: usize,
    pub(super) text: String,
}

impl Snippet {
    pub(super) fn of(
        files: &dyn ServiceFiles,
        options: &PamSnippet,
        config: Option<&Path>,
    ) -> Result<Self, CommandError> {
        let conf = config.map(conf).transpose()?;
        let conf = conf.as_slice();
        let service = options.service.as_str();
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
        let auth_lines = match files.open(service) {
            Some((found, text)) => {
                if found != file {
                    snippet.notes.push(format!(
                        "copy {} to {} and change the copy",
                        found.display(),
                        file.display()
                    ));
                }
                auth_line::auth_lines(files, service, &text)
            }
            None => {
                snippet.notes.push(format!(
                    "{} does not exist yet; it needs account and session lines as well",
                    file.display()
                ));
                Vec::new()
            }
        };
        if auth_lines.iter().any(|auth_line| auth_line.role == Role::PamTotp) {
            snippet.notes.push(format!("{service} asks for a code already"));
            let pam_totp = auth_lines
                .iter()
                .flat_map(|auth_line| &auth_line.handlers)
                .find(|handler| is_pam_totp(handler));
            let named = pam_totp.and_then(|handler| ModuleArguments::config_file(&handler.arguments));
            snippet.config_file = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
            snippet.auth = auth_lines.into_iter().map(|auth_line| auth_line.text).collect();
        } else if let Some(from) = replaced_module(&auth_lines, options.from)? {
            snippet.replace(auth_lines, from, conf, files)?;
        } else {
            snippet.insert(auth_lines, options.first, conf)?;
        }
        snippet.turn_includes_into_substacks(files);
        snippet.check(files)?;
        snippet.finish(files);
        Ok(snippet)
    }

    fn replace(
        &mut self,
        auth_lines: Vec<AuthLine>,
        from: &'static str,
        conf: &[String],
        files: &dyn ServiceFiles,
    ) -> Result<(), CommandError> {
        let change = |auth_line: &AuthLine| match auth_line.role {
            Role::OtherOtp { module, .. } if module == from => LineChange::Replace,
            Role::OtherOtp { .. } => LineChange::Remove,
            Role::IncludesOtherOtp | Role::PamTotp | Role::Password | Role::Unknown | Role::Other => {
                LineChange::Keep
            }
        };
        let changes = complete_changes(&auth_lines, auth_lines.iter().map(change).collect())
            .map_err(|why| unprintable(&why))?;
        let asks_password = |(line, change): (&AuthLine, &LineChange)| {
            line.role == Role::Password && *change == LineChange::Keep
        };
        // As `finish` has sshd do it.
        let after_key = self.service == "sshd" && !auth_lines.iter().zip(&changes).any(asks_password);
        for (auth_line, change) in auth_lines.into_iter().zip(changes) {
            match (auth_line.role, change) {
                (Role::OtherOtp { module, control, arguments }, LineChange::Replace) => {
                    let carried = CarriedArguments::of(
                        module,
                        &arguments,
                        Target { service: &self.service, after_key },
                    );
                    let arguments: Vec<String> = conf.iter().cloned().chain(carried.arguments).collect();
                    self.auth.push(pam_totp_line(keyword(&control), &arguments));
                    if keyword(&control) != control {
                        self.notes.push(format!("line {} had the control `{control}`, which would not always require the code; it is replaced", auth_line.number));
                    }
                    self.replaces.push(ReplacedLine { line: auth_line.number, text: auth_line.text });
                    self.carried.extend(carried.outcomes);
                    self.config.extend(carried.config);
                }
                (role, LineChange::Remove) => {
                    if let Role::OtherOtp { module, .. } = role {
                        self.notes.push(format!(
                            "line {} asks for a code of {module} as well, and is removed",
                            auth_line.number
                        ));
                    }
                    self.replaces.push(ReplacedLine { line: auth_line.number, text: auth_line.text });
                }
                (_, LineChange::Keep | LineChange::Replace) => self.auth.push(auth_line.text),
            }
        }
        self.permit_for_nullok(files);
        Ok(())
    }

    /// With nullok, pam_totp.so may return `PAM_IGNORE`; another line then has to return success.
    fn permit_for_nullok(&mut self, files: &dyn ServiceFiles) {
        let has_nullok = self.carried.iter().any(|change| change.becomes == "nullok");
        if has_nullok && !self.found(files).iter().any(|(name, _)| *name == "code_ignored") {
            self.auth.push("auth    required    pam_permit.so".to_owned());
        }
    }

    fn insert(
        &mut self,
        auth_lines: Vec<AuthLine>,
        first: First,
        conf: &[String],
    ) -> Result<(), CommandError> {
        let by_key = self.service == "sshd" && first == First::Key;
        // At sshd an unknown module does not replace the password or the key.
        let is_first = |auth_line: &AuthLine| {
            auth_line.role == Role::Password || (auth_line.role == Role::Unknown && self.service != "sshd")
        };
        let has_first = auth_lines.iter().any(is_first);
        let change = |auth_line: &AuthLine| match auth_line.role {
            Role::Password if by_key => LineChange::Remove,
            Role::Password
            | Role::Unknown
            | Role::IncludesOtherOtp
            | Role::Other
            | Role::PamTotp
            | Role::OtherOtp { .. } => LineChange::Keep,
        };
        let changes = complete_changes(&auth_lines, auth_lines.iter().map(change).collect())
            .map_err(|why| unprintable(&why))?;
        for (auth_line, change) in auth_lines.into_iter().zip(changes) {
            self.note_unknown(&auth_line, change);
            if change == LineChange::Remove {
                self.replaces.push(ReplacedLine { line: auth_line.number, text: auth_line.text });
                continue;
            }
            if auth_line.role == Role::IncludesOtherOtp {
                self.notes.push(format!("line {} includes another module for codes: remove that one in the included file, or with pam-auth-update", auth_line.number));
            }
            self.auth.push(auth_line.text);
        }
        if !by_key && !has_first {
            self.auth.push(password_line());
        }
        self.auth.push(pam_totp_line("required", conf));
        Ok(())
    }

    /// Adds a note about unknown modules: whether their line was kept.
    fn note_unknown(&mut self, auth_line: &AuthLine, change: LineChange) {
        let mut unknown: Vec<&str> = auth_line
            .handlers
            .iter()
            .filter(|one| auth_line::is_unknown(one))
            .map(|one| module_name(&one.module))
            .collect();
        unknown.dedup();
        if unknown.is_empty() {
            return;
        }
        let (names, number) = (unknown.join(", "), auth_line.number);
        self.notes.push(match change {
            LineChange::Remove => {
                format!("line {number}: {names} is removed with it; add a line of its own to keep it")
            }
            LineChange::Keep | LineChange::Replace => {
                format!(
                    "line {number}: {names} is not a known module and is kept; check whether it asks for a password"
                )
            }
        });
    }

    /// Where `sufficient` or `done` in an included file would end the stack before pam_totp.so, includes the file as a substack.
    fn turn_includes_into_substacks(&mut self, files: &dyn ServiceFiles) {
        let bypasses = |snippet: &Self| snippet.serious(files).len();
        for at in 0..self.auth.len() {
            let before = bypasses(self);
            let Some(text) = self.auth.get(at).filter(|_| before > 0) else { continue };
            let words = words::words(text);
            let [_, control, file] = words.as_slice() else { continue };
            if !control.eq_ignore_ascii_case("include") {
                continue;
            }
            let note = format!(
                "`include {file}` became `substack {file}`: a `sufficient` line in it would otherwise skip the code"
            );
            let (old, new) = (text.clone(), format!("auth    substack    {file}"));
            self.set(at, new);
            if bypasses(self) < before {
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

    /// Refuses to print lines that refuse every login, or that let a login succeed without a code.
    fn check(&self, files: &dyn ServiceFiles) -> Result<(), CommandError> {
        if self.auth.iter().any(|line| line.contains(misleads)) {
            return Err(unprintable(
                "one of its lines contains a control character or an invisible character: remove it",
            ));
        }
        let stack = self.stack(files).ok_or_else(|| unprintable("libpam cannot read them"))?;
        if let Some(what) = self.serious(files).into_iter().next() {
            return Err(unprintable(&what));
        }
        let by_a_code = ServiceContext { service: &self.service, may_ignore: false, is_installed: &|_| true };
        if !Answers::of(&stack, &by_a_code).at_each_prompt {
            let why = "the remaining lines would refuse every login: look for a `pam_deny.so` or a jump that belonged to a removed line, or move the lines that belong together into a file of their own and include it with `auth substack FILE`";
            return Err(unprintable(why));
        }
        Ok(())
    }

    /// Adds the sshd settings and the notes.
    fn finish(&mut self, files: &dyn ServiceFiles) {
        let found = self.found(files);
        if self.service == "sshd" {
            let needs_key = !self.has_password(files);
            self.sshd_config = vec![
                "UsePAM yes",
                "KbdInteractiveAuthentication yes",
                "PasswordAuthentication no",
                if needs_key {
                    "AuthenticationMethods publickey,keyboard-interactive:pam"
                } else {
                    "AuthenticationMethods keyboard-interactive:pam"
                },
            ];
        }
        for (this, other) in [("sudo", "sudo-i"), ("sudo-i", "sudo"), ("su", "su-l"), ("su-l", "su")] {
            if self.service == this {
                self.notes.extend(paired_service(files, this, other));
            }
        }
        if self.service == "polkit-1" {
            self.notes.push("with polkit 127 and later, run \"totp-enroll doctor --service polkit-1\" to check that its sandbox can write the state directory".to_owned());
        }
        let warnings = found.into_iter().filter(|(_, what)| !what.is_empty());
        self.notes.extend(warnings.map(|(_, what)| format!("warning about the other lines: {what}")));
    }

    fn text(&self) -> String {
        self.auth.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    fn has_password(&self, files: &dyn ServiceFiles) -> bool {
        let auth_lines = auth_line::auth_lines(files, &self.service, self.text().as_bytes());
        auth_lines.iter().any(|auth_line| auth_line.role == Role::Password)
    }

    fn stack(&self, files: &dyn ServiceFiles) -> Option<Stack> {
        load(&Draft { files, service: &self.service, text: &self.text() }, &self.service).ok()
    }

    /// What `doctor` finds in the stack.
    fn findings(&self, files: &dyn ServiceFiles) -> Vec<Finding> {
        let Some(stack) = self.stack(files) else { return Vec::new() };
        let context = ServiceContext { service: &self.service, may_ignore: true, is_installed: &|_| true };
        bypasses::without_code(&stack, &context)
    }

    /// The texts of the findings that let a login succeed without a code.
    fn serious(&self, files: &dyn ServiceFiles) -> Vec<String> {
        let findings = self.findings(files).into_iter();
        findings.filter(|one| one.severity == Severity::Serious).map(|one| one.what).collect()
    }

    /// The names of the findings, and the texts of those that are more than information.
    fn found(&self, files: &dyn ServiceFiles) -> Vec<(&'static str, String)> {
        let named = self.findings(files).into_iter().map(|finding| {
            let what = if finding.severity == Severity::Info { String::new() } else { finding.what };
            (finding.name, what)
        });
        named.collect()
    }
}

/// A note about the other service of the same program.
fn paired_service(files: &dyn ServiceFiles, this: &str, other: &str) -> Option<String> {
    let includes =
        |text: &[u8], wanted: &str| included(text, files.libpam()).iter().any(|file| file == wanted);
    let (own, others) = (files.open(this)?.1, files.open(other)?.1);
    if includes(&own, other) {
        // With a line in both, two codes would be asked for.
        let is_pam_totp = |auth_line: &AuthLine| auth_line.role == Role::PamTotp;
        let asks = auth_line::auth_lines(files, other, &others).iter().any(is_pam_totp);
        return (!asks).then(|| {
            format!(
                "{this} includes {other}: add the line there instead (\"totp-enroll pam-snippet {other}\")"
            )
        });
    }
    (!includes(&others, this))
        .then(|| format!("{other} needs the same lines: \"totp-enroll pam-snippet {other}\""))
}

/// The module that pam_totp.so replaces.
fn replaced_module(
    auth_lines: &[AuthLine],
    wanted: Option<From>,
) -> Result<Option<&'static str>, CommandError> {
    let there = auth_lines.iter().find_map(|auth_line| match &auth_line.role {
        Role::OtherOtp { module, .. } if wanted.is_none_or(|wanted| wanted.module() == *module) => {
            Some(*module)
        }
        Role::OtherOtp { .. }
        | Role::IncludesOtherOtp
        | Role::PamTotp
        | Role::Password
        | Role::Unknown
        | Role::Other => None,
    });
    match (there, wanted) {
        (None, Some(wanted)) => {
            let problem = format!(
                "no auth line names {}: leave out --from, or check the files that this one includes",
                wanted.module()
            );
            Err(CommandError::refused(problem))
        }
        (there, _) => Ok(there),
    }
}

fn unprintable(why: &str) -> CommandError {
    CommandError::refused(format!("cannot make auth lines for this service: {why}"))
}
