//! Splits a service file into its auth lines, and says what each line does.

use crate::doctor::stack::{ModuleKind, is_pam_totp, module_name};
use pam_stack::{Handler, Libpam, LineKind, ServiceFiles, Stack, line, load};
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
