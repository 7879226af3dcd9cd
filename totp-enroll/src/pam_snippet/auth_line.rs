//! The auth lines of a service file: what each does, which ones have to be removed together, and the lines that `pam-snippet` adds.

use crate::command_error::CommandError;
use crate::doctor::stack::{ModuleKind, is_pam_totp, module_name};
use pam_stack::control::Action;
use pam_stack::{Handler, Libpam, LineKind, ServiceFiles, Stack, line, load, return_code};
use std::ops::Range;
use std::path::Path;

/// An auth line of a service file, or a line that includes auth lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthLine {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) role: Role,
    /// The lines of the stack that it becomes: several if it includes a file.
    pub(super) handlers: Vec<Handler>,
}

/// What a line does for the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// It is pam_totp's, or includes such a line.
    PamTotp,
    /// It names another module for one-time codes.
    OtherOtp { module: &'static str, control: String, arguments: Vec<String> },
    /// It includes another module for one-time codes.
    IncludesOtherOtp,
    /// It asks for a password, or includes a line that does.
    Password,
    /// It names or includes an unknown module, which may ask for a password.
    Unknown,
    /// Anything else.
    Other,
}

/// The installed service files, with one replaced by a text that is not written yet.
pub(super) struct Draft<'a> {
    pub(super) files: &'a dyn ServiceFiles,
    pub(super) service: &'a str,
    pub(super) text: &'a str,
}

impl ServiceFiles for Draft<'_> {
    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        if path == Path::new("/etc/pam.d").join(self.service) {
            return Some(self.text.as_bytes().to_owned());
        }
        self.files.read(path)
    }

    fn libpam(&self) -> Libpam {
        self.files.libpam()
    }
}

/// The auth lines of `text`.
pub(super) fn auth_lines(files: &dyn ServiceFiles, service: &str, text: &[u8]) -> Vec<AuthLine> {
    let (lines, _) = line::lines(text, files.libpam().release);
    let auth_line = |line: line::LogicalLine| {
        // Tabs are blanks for libpam, and would break the columns of the output.
        let text = line.text.trim_end().replace('\t', " ");
        let stack = load(&Draft { files, service, text: &text }, service).unwrap_or_default();
        if stack.is_other || stack.handlers.is_empty() {
            return None;
        }
        Some(AuthLine { number: line.number, role: role(&text, &stack), text, handlers: stack.handlers })
    };
    lines.into_iter().filter_map(auth_line).collect()
}

fn role(text: &str, stack: &Stack) -> Role {
    let is = |nature: ModuleKind| stack.handlers.iter().any(|handler| ModuleKind::of(handler) == nature);
    if stack.handlers.iter().any(is_pam_totp) {
        return Role::PamTotp;
    }
    if is(ModuleKind::OtherOtp) {
        return other_otp(text).unwrap_or(Role::IncludesOtherOtp);
    }
    if stack.handlers.iter().any(is_password) {
        return Role::Password;
    }
    if stack.handlers.iter().any(is_unknown) { Role::Unknown } else { Role::Other }
}

/// Modules of first factors that an SSH key replaces.
const PASSWORDS: [&str; 14] = [
    "pam_unix.so",
    "pam_unix2.so",
    "pam_tcb.so",
    "pam_sss.so",
    "pam_winbind.so",
    "pam_krb5.so",
    "pam_krb5_migrate.so",
    "pam_ldap.so",
    "pam_systemd_home.so",
    "pam_homed.so",
    "pam_userdb.so",
    "pam_pwdfile.so",
    "pam_fprintd.so",
    "pam_himmelblau.so",
];

fn is_password(handler: &Handler) -> bool {
    PASSWORDS.contains(&module_name(&handler.module))
}

/// Whether it is not known what the module asks for.
pub(super) fn is_unknown(handler: &Handler) -> bool {
    handler.kind == LineKind::Module
        && ModuleKind::of(handler) == ModuleKind::FirstFactor
        && !is_password(handler)
}

fn other_otp(text: &str) -> Option<Role> {
    let mut words = line::words(text).into_iter().skip(1);
    let (control, module) = (words.next()?, words.next()?);
    let known = ["pam_google_authenticator.so", "pam_oath.so"];
    let module = known.into_iter().find(|known| module.rsplit('/').next() == Some(*known))?;
    Some(Role::OtherOtp { module, control, arguments: words.collect() })
}

/// What happens to a line of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineChange {
    Keep,
    /// pam_totp.so takes its range.
    Replace,
    Remove,
}

/// Extends `changes` with the lines that have to be removed as well: those that a removed module's success jumps over handle its
/// failure, and are of no use without it.
///
/// # Errors
/// A message that names the line that needs one that would be removed.
pub(super) fn complete_changes(
    lines: &[AuthLine],
    mut changes: Vec<LineChange>,
) -> Result<Vec<LineChange>, String> {
    let handlers: Vec<&Handler> = lines.iter().flat_map(|line| &line.handlers).collect();
    let ranges = ranges(lines);
    let blocks: Vec<(usize, Range<usize>)> = jumps(lines, &handlers, &ranges, true);
    for (of, block) in &blocks {
        if changes.get(*of).is_none_or(|change| *change == LineChange::Keep) {
            continue;
        }
        for at in spanned(&ranges, block).filter(|at| at != of) {
            let whole =
                ranges.get(at).is_some_and(|range| block.start <= range.start && range.end <= block.end);
            if !whole {
                return Err(in_the_way(lines, *of, "jumps into an included file"));
            }
            if let Some(change) = changes.get_mut(at).filter(|change| **change == LineChange::Keep) {
                *change = LineChange::Remove;
            }
        }
    }
    for (of, block) in jumps(lines, &handlers, &ranges, false) {
        let stays = changes.get(of) == Some(&LineChange::Keep);
        let loses =
            spanned(&ranges, &block).any(|at| at != of && changes.get(at) == Some(&LineChange::Remove));
        if stays && loses {
            return Err(in_the_way(lines, of, "jumps over lines that have to be removed"));
        }
    }
    Ok(changes)
}

fn in_the_way(lines: &[AuthLine], at: usize, what: &str) -> String {
    let number = lines.get(at).map_or(0, |line| line.number);
    format!(
        "line {number} {what}: move that line and the lines it jumps over into a file of their own, and include it with `auth substack FILE`"
    )
}

/// The range of each line's handlers among all handlers.
fn ranges(lines: &[AuthLine]) -> Vec<Range<usize>> {
    let mut start = 0_usize;
    let range = |line: &AuthLine| {
        let end = start.saturating_add(line.handlers.len());
        std::mem::replace(&mut start, end)..end
    };
    lines.iter().map(range).collect()
}

/// The lines with a handler in a block.
fn spanned<'a>(ranges: &'a [Range<usize>], block: &'a Range<usize>) -> impl Iterator<Item = usize> + 'a {
    let touches = |range: &Range<usize>| range.start < block.end && block.start < range.end;
    ranges.iter().enumerate().filter(move |(_, range)| touches(range)).map(|(at, _)| at)
}

/// Each jump: the index of its line, and the handlers that it skips. `on_success`: only jumps on `success`.
fn jumps(
    lines: &[AuthLine],
    handlers: &[&Handler],
    ranges: &[Range<usize>],
    on_success: bool,
) -> Vec<(usize, Range<usize>)> {
    let mut found = Vec::new();
    for (of, (line, range)) in lines.iter().zip(ranges).enumerate() {
        for (at, handler) in (range.start..).zip(&line.handlers) {
            let codes = if on_success {
                return_code::SUCCESS..=return_code::SUCCESS
            } else {
                0..=return_code::INCOMPLETE
            };
            let counts = codes.filter_map(|code| match handler.control.at(code) {
                Action::Jump(count) => Some(count),
                Action::Ignore | Action::Ok | Action::Done | Action::Bad | Action::Die | Action::Reset => {
                    None
                }
            });
            found.extend(counts.max().map(|count| (of, block(handlers, at, handler.level, count))));
        }
    }
    found
}

/// The handlers that a jump over `count` modules skips; a substack counts as one.
fn block(handlers: &[&Handler], at: usize, level: usize, count: usize) -> Range<usize> {
    let start = at.saturating_add(1);
    let level_of = |at: usize| handlers.get(at).map(|handler| handler.level);
    let (mut end, mut left) = (start, count);
    while left > 0 && level_of(end).is_some_and(|next| next >= level) {
        end = end.saturating_add(1);
        while level_of(end).is_some_and(|next| next > level) {
            end = end.saturating_add(1);
        }
        left = left.saturating_sub(1);
    }
    start..end
}

/// What asks for a password, by the shared file that the distribution has.
const PASSWORD: [(&str, &str); 2] = [
    ("/etc/pam.d/common-auth", "@include common-auth"),
    ("/etc/pam.d/system-auth", "auth    substack    system-auth"),
];

/// The line that asks for a password.
pub(super) fn password_line() -> String {
    let known = PASSWORD.iter().find(|(file, _)| Path::new(file).exists());
    known.map_or_else(|| "auth    requisite   pam_unix.so".to_owned(), |(_, line)| (*line).to_owned())
}

/// The control of pam_totp.so in place of a module with this control: always required, also if that one was optional.
pub(super) fn keyword(control: &str) -> &'static str {
    if control.eq_ignore_ascii_case("requisite") { "requisite" } else { "required" }
}

/// The argument that names another config than the default one.
pub(super) fn conf(config: &Path) -> Result<String, CommandError> {
    let unnamed = |why: &str| {
        CommandError::usage(format!(
            "a line in /etc/pam.d cannot name {}, because {why}: move the file to another path",
            config.display()
        ))
    };
    let path = config.to_str().ok_or_else(|| unnamed("its path is not UTF-8"))?;
    // libpam takes # for a comment, and a backslash at the end for a continued line.
    if path.contains(|char: char| char == '#' || char.is_control()) || path.ends_with('\\') {
        return Err(unnamed("its path contains # or a control character, or ends with a backslash"));
    }
    Ok(if path.contains([' ', '[', ']']) {
        format!("[conf={}]", path.replace(']', "\\]"))
    } else {
        format!("conf={path}")
    })
}

/// The auth line of pam_totp.so.
pub(super) fn pam_totp_line(control: &str, arguments: &[String]) -> String {
    let mut line = format!("auth    {control:<11} pam_totp.so");
    for argument in arguments {
        line.push(' ');
        line.push_str(argument);
    }
    line
}
