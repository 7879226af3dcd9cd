//! The result of parsing one authenticator, whatever the file format. A file of its own, because the fuzz targets include it.

use totp_core::factor::totp::Parameters;
use totp_core::random::Secret;

/// One authenticator of one user.
pub(super) struct ImportedAuthenticator {
    /// The account as the file names it.
    pub(super) user: String,
    pub(super) parameters: Parameters,
    pub(super) secret: Secret,
}
