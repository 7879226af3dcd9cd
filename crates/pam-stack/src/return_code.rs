//! The return codes of PAM modules, and their names in a control field (pam.conf(5)).

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
