//! Names of modules that are nearly pam_totp.so.

use super::{LineKind, Stack, is_pam_totp, module_name};
use crate::doctor::mistakes::mistakes;

/// A name with at most so many mistakes is taken for pam_totp.so.
const MOST_MISTAKES: usize = 2;

/// Whether a line of the stack names a module that is not there, and means pam_totp.so.
pub(crate) fn has_misspelt_line(stack: &Stack, is_installed: &dyn Fn(&str) -> bool) -> bool {
    stack.handlers.iter().any(|handler| {
        handler.kind == LineKind::Module
            && !is_pam_totp(handler)
            && is_misspelt(&handler.module)
            && !is_installed(&handler.module)
    })
}

/// Whether the name is nearly pam_totp.so.
pub(crate) fn is_misspelt(module: &str) -> bool {
    let name = module_name(module).to_ascii_lowercase().replace('-', "_");
    let stem = name.split('.').next().unwrap_or_default();
    let stem = stem.strip_prefix("lib").unwrap_or(stem);
    stem == "totp" || mistakes(stem.as_bytes(), b"pam_totp") <= MOST_MISTAKES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised_and_other_modules_are_not() {
        for name in [
            "pam_topt.so",
            "pam_otp.so",
            "pam_totp",
            "pam-totp.so",
            "PAM_TOTP.so",
            "totp.so",
            "pam_totp.os",
            "/lib/security/pam_ttop.so",
            "pamtotp.so",
        ] {
            assert!(is_misspelt(name), "{name}");
        }
        for name in [
            "pam_oath.so",
            "pam_time.so",
            "pam_unix.so",
            "pam_tally2.so",
            "pam_google_authenticator.so",
            "pam_mount.so",
            "pam_loginuid.so",
        ] {
            assert!(!is_misspelt(name), "{name}");
        }
    }
}
