//! The windows of all kinds of factor together, as one config has them.

use super::{hotp, totp};

/// The windows by the config, for authenticators without one of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// For TOTP.
    pub totp: totp::Window,
    /// For HOTP.
    pub hotp: hotp::Window,
}
