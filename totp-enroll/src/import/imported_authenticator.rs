//! The result of parsing one authenticator, whatever the file format. A file of its own, because the fuzz targets include it.

use totp_core::factor::Factor;
use totp_core::random::Secret;

/// One authenticator of one user.
pub(super) struct ImportedAuthenticator {
    /// The account as the file names it.
    pub(super) user: String,
    pub(super) factor: Factor,
    /// What is used up of its codes, in the factor's count: for a counter, the next one.
    pub(super) used_up_to: u64,
    pub(super) secret: Secret,
    /// TOTP: the code that the other program accepted last, if it noted one.
    pub(super) last_code: Option<Secret>,
}
