//! What a module means for the code: which is pam_totp, what its answers are, and what the success of others says.

use super::Handler;
use pam_stack::return_code::{self, ReturnCode};
use pam_stack::module::name;

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
    /// Nothing: it succeeds anyone who asks, or takes no part.
    Nothing,
    /// A password, a fingerprint, a token: the person has shown something. Whatever is not known counts as this.
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

/// What ours answers: yes, what it refuses with, and that it takes no part, where it may.
pub(crate) fn our_answers(may_ignore: bool) -> Vec<ReturnCode> {
    let mut answers = vec![return_code::SUCCESS];
    answers.extend(may_ignore.then_some(return_code::IGNORE));
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
    answers.extend(refusals.into_iter().filter_map(return_code::named));
    // Where it is missing.
    answers.push(return_code::MODULE_UNKNOWN);
    answers
}
