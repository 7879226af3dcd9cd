//! The return codes of PAM modules: their names in a control field (pam.conf(5)), and which ones well-known modules give.

use crate::libpam::module_name;

/// A module's return code.
pub type ReturnCode = usize;

/// The module accepts.
pub const SUCCESS: ReturnCode = 0;
/// What libpam uses in place of a module that it cannot call (`PAM_PERM_DENIED`).
pub const MUST_FAIL: ReturnCode = 6;
/// The module refuses.
pub const AUTH_ERR: ReturnCode = 7;
/// The module accepts, and the password has to be changed.
pub const NEW_AUTHTOK_REQD: ReturnCode = 12;
/// The module has no opinion.
pub const IGNORE: ReturnCode = 25;
/// The module is not installed.
pub const MODULE_UNKNOWN: ReturnCode = 28;
/// Stops the stack at once; the application has to call again.
pub const INCOMPLETE: ReturnCode = 31;

/// How many return codes there are.
pub const COUNT: usize = 32;

/// The names, each at the index of its code.
pub const NAMES: [&str; COUNT] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

/// The code with this name.
pub fn named(name: &str) -> Option<ReturnCode> {
    NAMES.iter().position(|known| *known == name)
}

/// The name of a code.
pub fn name(code: ReturnCode) -> &'static str {
    NAMES.get(code).copied().unwrap_or("unknown")
}

/// The codes that a module with these arguments can return at `service`.
pub fn of_module(module: &str, arguments: &[String], service: &str) -> Vec<ReturnCode> {
    let any = || (0..COUNT).collect();
    match module_name(module) {
        "pam_permit.so" => vec![SUCCESS],
        "pam_deny.so" => vec![AUTH_ERR],
        "pam_warn.so" => vec![IGNORE],
        // It succeeds only for root, who needs no code.
        "pam_rootok.so" if SETUID.contains(&service) => vec![AUTH_ERR],
        "pam_debug.so" => {
            // The first argument for the event decides, also where it names no code (observed with libpam 1.5).
            let configured = arguments.iter().find_map(|word| word.strip_prefix("auth="));
            vec![configured.and_then(named).unwrap_or(SUCCESS)]
        }
        _ => any(),
    }
}

/// Services of setuid programs: pam_rootok.so checks the real uid there, so it answers for the caller.
const SETUID: [&str; 8] = ["su", "su-l", "runuser", "runuser-l", "chsh", "chfn", "passwd", "polkit-1"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_of_pam_debug_for_the_event_decides() {
        let codes = |words: &[&str]| {
            of_module("pam_debug.so", &words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(), "app")
        };
        assert_eq!(codes(&["auth=auth_err", "auth", "auth=success"]), [AUTH_ERR]);
        assert_eq!(codes(&["auth=nonsense", "auth=auth_err"]), [SUCCESS]);
        assert_eq!(codes(&["acct=auth_err"]), [SUCCESS]);
    }
}
