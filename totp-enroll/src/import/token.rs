//! What a line of any kind of file comes to: someone's shared secret and what codes are computed with.

use totp_core::factor::totp::Parameters;
use totp_core::secret::Secret;

/// One authenticator of one user.
pub(super) struct Token {
    /// As the file names the account.
    pub(super) user: String,
    pub(super) parameters: Parameters,
    pub(super) secret: Secret,
}
