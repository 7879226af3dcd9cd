//! What a login ends with: the results of libpam by name, the prompts, or a signal.

use crate::libpam::Prompt;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The outcome of a login.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Of the call; `pam_authenticate` unless the login says otherwise.
    pub code: PamCode,
    /// Of `pam_setcred`; where the call failed, its own, because an application sets credentials only after success.
    pub setcred: PamCode,
    /// All prompts and messages, in order.
    pub prompts: Vec<Prompt>,
    /// Did the module ask for a pause after a failure?
    pub delayed: bool,
}

impl Outcome {
    /// The texts of the prompts that wanted an answer.
    #[must_use]
    pub fn asked(&self) -> Vec<&str> {
        self.prompts.iter().filter(|p| p.asks()).map(|p| p.text.as_str()).collect()
    }
}

/// A result of libpam, by its number and its name in C.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PamCode(pub i32);

impl PamCode {
    /// The module lets in.
    pub const SUCCESS: Self = Self(0);
    /// Configuration or arguments cannot be used.
    pub const SERVICE_ERR: Self = Self(3);
    /// Stored data cannot be used.
    pub const SYSTEM_ERR: Self = Self(4);
    /// What most refusals are.
    pub const PERM_DENIED: Self = Self(6);
    /// The answer was refused.
    pub const AUTH_ERR: Self = Self(7);
    /// Too many tries.
    pub const MAXTRIES: Self = Self(11);
    /// The conversation failed.
    pub const CONV_ERR: Self = Self(19);
    /// The module does not decide.
    pub const IGNORE: Self = Self(25);
    /// A panic was caught.
    pub const ABORT: Self = Self(26);
}

impl fmt::Debug for PamCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "PAM_SUCCESS",
            1 => "PAM_OPEN_ERR",
            2 => "PAM_SYMBOL_ERR",
            3 => "PAM_SERVICE_ERR",
            4 => "PAM_SYSTEM_ERR",
            6 => "PAM_PERM_DENIED",
            7 => "PAM_AUTH_ERR",
            9 => "PAM_AUTHINFO_UNAVAIL",
            10 => "PAM_USER_UNKNOWN",
            11 => "PAM_MAXTRIES",
            19 => "PAM_CONV_ERR",
            25 => "PAM_IGNORE",
            26 => "PAM_ABORT",
            28 => "PAM_MODULE_UNKNOWN",
            n => return write!(f, "PAM code {n}"),
        };
        f.write_str(name)
    }
}

/// The host did not survive.
#[derive(Debug)]
pub struct Death {
    /// Which signal killed it.
    pub signal: i32,
    /// Its stderr.
    pub noise: String,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the host of the module was killed by signal {}: {}", self.signal, self.noise)
    }
}
