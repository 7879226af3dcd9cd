//! What opens the secrets of an encrypted file.

use totp_core::random::Secret;

/// What opens the secrets of an encrypted PSKC file (RFC 6030 section 6).
#[derive(Clone, Copy)]
pub enum Unlock<'a> {
    /// Nothing: the file is expected to be plain.
    None,
    /// The bytes of the pre-shared key (RFC 6030 section 6.1): 16, 24 or 32, as the file's algorithm has it.
    Key(&'a Secret),
    /// The passphrase that PBKDF2 makes the key of (RFC 6030 section 6.2): the bytes as typed, in UTF-8, without a line end.
    Passphrase(&'a Secret),
}
