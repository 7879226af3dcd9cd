//! What is known of modules: which is ours, what others can answer, and what their success means.

use super::code::{self, COUNT, Code};
use super::load::Handler;
use std::path::{Path, PathBuf};

/// What a module's success says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// pam_totp.
    Ours,
    /// A one-time code of another module, which ours takes the place of.
    OtherCodes,
    /// Another second factor.
    SecondFactor,
    /// Something that the administrator says of people, not something that they have shown.
    Rule,
    /// Nothing: it succeeds whoever asks, or takes no part.
    Nothing,
    /// A password, a fingerprint, a ticket: the person has shown something. Whatever is not known counts as this.
    Proof,
}

impl Nature {
    pub(crate) fn of(handler: &Handler) -> Self {
        match name(&handler.module) {
            "pam_totp.so" | "libpam_totp.so" => Self::Ours,
            "pam_google_authenticator.so" | "pam_oath.so" => Self::OtherCodes,
            "pam_u2f.so" | "pam_duo.so" | "pam_yubico.so" | "pam_radius_auth.so" => Self::SecondFactor,
            "pam_succeed_if.so" | "pam_access.so" | "pam_listfile.so" | "pam_localuser.so"
            | "pam_usertype.so" | "pam_time.so" | "pam_wheel.so" | "pam_shells.so" | "pam_group.so"
            | "pam_securetty.so" | "pam_rhosts.so" | "pam_exec.so" | "pam_script.so" | "pam_rootok.so"
            | "pam_timestamp.so" => Self::Rule,
            "pam_permit.so"
            | "pam_deny.so"
            | "pam_warn.so"
            | "pam_env.so"
            | "pam_faildelay.so"
            | "pam_nologin.so"
            | "pam_cap.so"
            | "pam_debug.so"
            | "pam_echo.so"
            | "pam_faillock.so"
            | "pam_selinux.so"
            | "pam_mount.so"
            | "pam_gnome_keyring.so"
            | "pam_kwallet5.so"
            | "pam_keyinit.so"
            | "pam_issue.so"
            | "pam_motd.so"
            | "pam_mkhomedir.so"
            | "pam_tally2.so"
            | "pam_abl.so"
            | "pam_shield.so"
            | "pam_sepermit.so" => Self::Nothing,
            _ => Self::Proof,
        }
    }
}

/// Services whose program runs as whoever called it, so that pam_rootok answers for the caller.
const SETUID: [&str; 8] = ["su", "su-l", "runuser", "runuser-l", "chsh", "chfn", "passwd", "polkit-1"];

/// What a module other than ours can answer at `service`.
pub(crate) fn answers(handler: &Handler, service: &str) -> Vec<Code> {
    let any = || (0..COUNT).collect();
    match name(&handler.module) {
        "pam_permit.so" => vec![code::SUCCESS],
        "pam_deny.so" => vec![code::AUTH_ERR],
        "pam_warn.so" => vec![code::IGNORE],
        // Whoever calls su as root is root already.
        "pam_rootok.so" if SETUID.contains(&service) => vec![code::AUTH_ERR],
        "pam_debug.so" => {
            let said = handler.arguments.iter().rev().find_map(|word| word.strip_prefix("auth="));
            vec![said.and_then(code::named).unwrap_or(code::SUCCESS)]
        }
        _ => any(),
    }
}

/// What ours answers: yes, what it refuses with, and that it takes no part, where it may.
pub(crate) fn our_answers(may_ignore: bool) -> Vec<Code> {
    let mut answers = vec![code::SUCCESS];
    answers.extend(may_ignore.then_some(code::IGNORE));
    let refusals = [
        "service_err",
        "system_err",
        "perm_denied",
        "auth_err",
        "user_unknown",
        "maxtries",
        "conv_err",
        "abort",
    ];
    answers.extend(refusals.into_iter().filter_map(code::named));
    // Where it is missing.
    answers.push(code::MODULE_UNKNOWN);
    answers
}

/// The file name of a module.
pub(crate) fn name(module: &str) -> &str {
    module.rsplit('/').next().unwrap_or(module)
}

/// Where Debian's libpam looks for a module that is not beside its own (patch `lib_security_multiarch_compat`).
const SECOND: [&str; 2] = ["/lib/security", "/usr/lib/security"];

/// Where a module lies; `None`: nowhere that libpam looks.
pub(crate) fn file(module: &str) -> Option<PathBuf> {
    if module.starts_with('/') {
        return Some(PathBuf::from(module)).filter(|path| path.is_file());
    }
    let directories = of_libpam().into_iter().chain(SECOND.map(PathBuf::from));
    directories.map(|directory| directory.join(module)).find(|path| path.is_file())
}

/// Where libpam's own modules are, which is where it looks first.
pub(crate) fn of_libpam() -> Vec<PathBuf> {
    looked_in(directories())
}

/// Of these, where libpam looks: where its own modules lie. Without any of those it cannot be told.
fn looked_in(directories: Vec<PathBuf>) -> Vec<PathBuf> {
    let has_its_own = |directory: &&PathBuf| {
        ["pam_permit.so", "pam_unix.so"].iter().any(|module| directory.join(module).is_file())
    };
    let found: Vec<PathBuf> = directories.iter().filter(has_its_own).cloned().collect();
    if found.is_empty() { directories } else { found }
}

/// The directories of modules, on any distribution.
pub(crate) fn directories() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for root in ["/lib", "/usr/lib"] {
        let inner = std::fs::read_dir(root).into_iter().flatten().flatten();
        found.extend(inner.map(|entry| entry.path().join("security")).filter(|path| path.is_dir()));
    }
    let plain = ["/lib/security", "/lib64/security", "/usr/lib64/security"].map(PathBuf::from);
    found.extend(plain.into_iter().filter(|path: &PathBuf| Path::is_dir(path)));
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_counts_where_libpams_own_lie() {
        let root = tempfile::tempdir().unwrap();
        let (own, other) = (root.path().join("own"), root.path().join("other"));
        for directory in [&own, &other] {
            std::fs::create_dir(directory).unwrap();
        }
        let both = vec![other, own.clone()];
        assert_eq!(looked_in(both.clone()), both);
        std::fs::write(own.join("pam_permit.so"), "").unwrap();
        assert_eq!(looked_in(both), [own]);
    }
}
