//! The auth lines of a service file, one by one, as they are and as they are to be.

use crate::doctor::stack::{Nature, is_ours, module_name};
use pam_stack::{Handler, LineKind, Libpam, ServiceFiles, Stack, line, load};
use std::path::Path;

/// One auth line of a service file, or a line that includes such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) role: Role,
    /// What libpam makes of it: more than one where it includes a file.
    pub(super) handlers: Vec<Handler>,
}

/// What a line does for the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// It is ours, or includes ours.
    Ours,
    /// Another module for codes, with its control and its arguments.
    Codes { module: &'static str, control: String, arguments: Vec<String> },
    /// It includes another module for codes.
    CodesWithin,
    /// It asks for a password, or includes what does.
    Password,
    /// It names a module that is not known, or includes one; perhaps it asks for a password.
    Unknown,
    /// Whatever else.
    Other,
}

/// A service file that is not written yet, among those that are.
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
pub(super) fn parts(files: &dyn ServiceFiles, service: &str, text: &[u8]) -> Vec<Part> {
    let (lines, _) = line::lines(text, files.libpam().release);
    let part = |line: line::LogicalLine| {
        // libpam takes a tab for a blank, and a terminal for anything.
        let text = line.text.trim_end().replace('\t', " ");
        let stack = load(&Draft { files, service, text: &text }, service).unwrap_or_default();
        if stack.is_other || stack.handlers.is_empty() {
            return None;
        }
        Some(Part { number: line.number, role: role(&text, &stack), text, handlers: stack.handlers })
    };
    lines.into_iter().filter_map(part).collect()
}

fn role(text: &str, stack: &Stack) -> Role {
    let is = |nature: Nature| stack.handlers.iter().any(|handler| Nature::of(handler) == nature);
    if stack.handlers.iter().any(is_ours) {
        return Role::Ours;
    }
    if is(Nature::OtherCodes) {
        return codes(text).unwrap_or(Role::CodesWithin);
    }
    if stack.handlers.iter().any(is_password) {
        return Role::Password;
    }
    if stack.handlers.iter().any(is_unknown) { Role::Unknown } else { Role::Other }
}

/// Modules that ask for what an SSH key takes the place of.
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

/// Whether nobody here knows what it asks for.
pub(super) fn is_unknown(handler: &Handler) -> bool {
    handler.kind == LineKind::Module && Nature::of(handler) == Nature::Proof && !is_password(handler)
}

fn codes(text: &str) -> Option<Role> {
    let mut words = line::words(text).into_iter().skip(1);
    let (control, module) = (words.next()?, words.next()?);
    let known = ["pam_google_authenticator.so", "pam_oath.so"];
    let module = known.into_iter().find(|known| module.rsplit('/').next() == Some(*known))?;
    Some(Role::Codes { module, control, arguments: words.collect() })
}
