//! One token, as a vendor's file describes it.

use totp_core::factor::Factor;
use totp_core::random::Secret;
use totp_core::token::Serial;

/// One token, as a vendor's file describes it.
pub struct Seed {
    /// What is printed on the token.
    pub serial: Serial,
    /// Who made it, if the file says so. At most 64 characters, none of them a control character.
    pub maker: Option<String>,
    /// Its model, if the file says so. At most 64 characters, none of them a control character.
    pub model: Option<String>,
    /// Kind, digits, algorithm and period.
    pub factor: Factor,
    /// The counter of the next code, below [`totp_core::factor::hotp::END`]; 0 for TOTP.
    pub next_counter: u64,
    /// The shared secret, as long as an enrolment takes it ([`totp_core::factor::totp::SHORTEST_SECRET`] to
    /// [`totp_core::factor::totp::LONGEST_SECRET`] bytes).
    pub secret: Secret,
    /// The first second at which it is valid, in seconds since 1970, if the file says so.
    pub valid_from: Option<u64>,
    /// The second from which it is no longer valid, in seconds since 1970, if the file says so.
    pub expires: Option<u64>,
    /// The line of the file that it begins on, from 1.
    pub line: usize,
}
