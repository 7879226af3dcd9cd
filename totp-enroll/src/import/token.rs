//! What a line of any kind of file comes to: somebody's shared secret and what codes are computed with.

use totp_core::secret::Secret;
use totp_core::totp::Parameters;

/// One authenticator of one user.
pub(super) struct Token {
    /// As the file names the account.
    pub(super) user: String,
    pub(super) parameters: Parameters,
    pub(super) secret: Secret,
}
