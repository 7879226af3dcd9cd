//! Fingerprints of secrets: two of them show whether two secrets give the same codes, and nothing else.

use super::Token;
use crate::credential::{Authenticator, Credential};
use crate::keyring::{Keyring, OpenError};
use crate::random::Secret;
use std::hash::{BuildHasher, RandomState};

/// Makes fingerprints: hashes (SipHash) of 128 bits, under keys that are random and end with this value. A table of them can be kept
/// where one of secrets should not be.
#[derive(Default)]
pub struct Fingerprinter {
    keys: [RandomState; 2],
}

/// The fingerprint of a secret, to be compared with those of the same [`Fingerprinter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u64; 2]);

impl Fingerprinter {
    /// The fingerprint of a secret. HMAC fills its key up with zeros (RFC 2104 section 2), so zeros at the end are no difference.
    #[must_use]
    pub fn of(&self, secret: &Secret) -> Fingerprint {
        let secret = secret.expose();
        let end = secret.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
        let significant = secret.get(..end).unwrap_or(secret);
        Fingerprint(self.keys.each_ref().map(|key| key.hash_one(significant)))
    }

    /// That of a token's secret.
    ///
    /// # Errors
    /// [`OpenError`] if the seal does not open.
    pub fn of_token(&self, token: &Token, keyring: &Keyring) -> Result<Fingerprint, OpenError> {
        token.open(keyring).map(|secret| self.of(&secret))
    }

    /// That of the secret of an authenticator of `credential`.
    ///
    /// # Errors
    /// [`OpenError`] if the seal does not open.
    pub fn of_authenticator(
        &self,
        credential: &Credential,
        authenticator: &Authenticator,
        keyring: &Keyring,
    ) -> Result<Fingerprint, OpenError> {
        credential.open(authenticator, keyring).map(|secret| self.of(&secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_give_the_same_codes_have_one_fingerprint() {
        let (one, other) = (Fingerprinter::default(), Fingerprinter::default());
        let of = |by: &Fingerprinter, secret: &[u8]| by.of(&Secret::new(secret.to_vec()));
        assert_eq!(of(&one, b"12345678901234567890"), of(&one, b"12345678901234567890"));
        assert_eq!(of(&one, b"1234567890"), of(&one, b"1234567890\0\0"));
        for different in [&b"1234567891"[..], b"\x001234567890", b"12345678900", b""] {
            assert_ne!(of(&one, b"1234567890"), of(&one, different), "{different:?}");
        }
        assert_ne!(of(&one, b"1234567890"), of(&other, b"1234567890"), "the keys are not random");
    }
}
