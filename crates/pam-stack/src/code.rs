//! What a module can answer: the names that a control uses (pam.conf(5)), each at the place of its number.

/// A return code of a module.
pub type Code = usize;

/// The module says yes.
pub const SUCCESS: Code = 0;
/// The module says no.
pub const AUTH_ERR: Code = 7;
/// Yes, and a new password is due.
pub const NEW_AUTHTOK_REQD: Code = 12;
/// The module takes no part.
pub const IGNORE: Code = 25;
/// The module is not there.
pub const MODULE_UNKNOWN: Code = 28;
/// Stops the stack at once; the application is to come back.
pub const INCOMPLETE: Code = 31;
/// What libpam takes in place of a module that it cannot ask (`PAM_PERM_DENIED`).
pub const MUST_FAIL: Code = 6;

/// How many there are.
pub const COUNT: usize = 32;

/// The names, each at the place of its number.
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

/// The code of that name.
pub fn named(name: &str) -> Option<Code> {
    NAMES.iter().position(|known| *known == name)
}

/// The name of that code.
pub fn name(code: Code) -> &'static str {
    NAMES.get(code).copied().unwrap_or("unknown")
}
