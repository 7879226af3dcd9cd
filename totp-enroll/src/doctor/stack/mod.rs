//! The PAM stack of a service, as `doctor` and `pam-snippet` see it: which lines are pam_totp's, and what the others are.

pub(crate) mod answers;
pub(crate) mod bypasses;
pub(crate) mod misspelt;
#[cfg(test)]
mod tests;

pub(crate) use pam_stack::{
    Facility, Handler, InstalledFiles, LineKind, ServiceFiles, Stack, included, load,
    module_directories as directories, module_file, module_name, services,
};
pub(crate) use totp_core::module_arguments::Arguments as ModuleArguments;

use pam_stack::return_code::{self, ReturnCode};

/// The auth lines with pam_totp.so.
pub(crate) fn pam_totp_lines(stack: &Stack) -> impl Iterator<Item = &Handler> {
    stack.handlers.iter().filter(|handler| is_pam_totp(handler))
}

pub(crate) fn is_pam_totp(handler: &Handler) -> bool {
    handler.kind == LineKind::Module && ModuleKind::of(handler) == ModuleKind::PamTotp
}

/// What a module's success proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModuleKind {
    /// A code: this is pam_totp.
    PamTotp,
    /// A code of a module that pam_totp replaces.
    OtherOtp,
    /// Another second factor.
    SecondFactor,
    /// Only that a rule of the administrator applies to the user.
    Rule,
    /// Nothing: it accepts every user, or returns `PAM_IGNORE`.
    NoFactor,
    /// A password, fingerprint or smart card. Unknown modules count as this.
    FirstFactor,
}

impl ModuleKind {
    pub(crate) fn of(handler: &Handler) -> Self {
        match module_name(&handler.module) {
            "pam_totp.so" | "libpam_totp.so" => Self::PamTotp,
            "pam_google_authenticator.so" | "pam_oath.so" => Self::OtherOtp,
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
            | "pam_sepermit.so" => Self::NoFactor,
            _ => Self::FirstFactor,
        }
    }
}

/// The codes that pam_totp.so can return; `may_ignore`: whether `PAM_IGNORE` is one of them.
pub(crate) fn pam_totp_return_codes(may_ignore: bool) -> Vec<ReturnCode> {
    let mut codes = vec![return_code::SUCCESS];
    codes.extend(may_ignore.then_some(return_code::IGNORE));
    let refusals = ["service_err", "system_err", "auth_err", "user_unknown", "maxtries", "conv_err", "abort"];
    codes.extend(refusals.into_iter().filter_map(return_code::named));
    // libpam's code for a missing module.
    codes.push(return_code::MODULE_UNKNOWN);
    codes
}
