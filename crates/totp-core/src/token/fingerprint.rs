//! Fingerprints of secrets: two of them show whether two secrets give the same codes, and nothing else.
//!
//! This is the only comparison of secrets in the product. Comparing bytes would miss secrets that are one key to HMAC: it fills a short
//! key up with zeros, and hashes one that is longer than a block (RFC 2104 section 2).

use crate::credential::{Authenticator, Credential};
use crate::factor::Factor;
use crate::factor::totp::Algorithm;
use crate::keyring::{Keyring, OpenError};
use crate::random::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use std::hash::{BuildHasher, RandomState};

/// Makes fingerprints: the HMAC of a value that is random and ends with this one, under the secret and with the algorithm of its codes. A
/// table of them can be kept where one of secrets should not be.
#[derive(Default)]
pub struct Fingerprinter {
    random: [RandomState; 2],
}

/// The fingerprint of a secret, to be compared with those of the same [`Fingerprinter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprinter {
    /// The fingerprint of a secret whose codes are those of `factor`. Digits and period are no difference: a code of six digits is the
    /// end of one of eight.
    #[must_use]
    pub fn of(&self, factor: Factor, secret: &Secret) -> Fingerprint {
        let [one, other] = self.random.each_ref().map(|state| state.hash_one(0u8).to_be_bytes());
        let message = [&b"pam_totp fingerprint"[..], &one, &other].concat();
        Fingerprint(match factor.algorithm() {
            Algorithm::Sha1 => start_of_mac::<Hmac<Sha1>>(secret, &message),
            Algorithm::Sha256 => start_of_mac::<Hmac<Sha256>>(secret, &message),
            Algorithm::Sha512 => start_of_mac::<Hmac<Sha512>>(secret, &message),
        })
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
        credential.open(authenticator, keyring).map(|secret| self.of(authenticator.factor(), &secret))
    }
}

/// The first bytes of the MAC.
fn start_of_mac<M: Mac + KeyInit>(secret: &Secret, message: &[u8]) -> [u8; 16] {
    let mut start = [0; 16];
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 section 3)")]
    let mut mac = <M as KeyInit>::new_from_slice(secret.expose()).expect("any key length");
    mac.update(message);
    for (to, from) in start.iter_mut().zip(mac.finalize().into_bytes()) {
        *to = from;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::hotp::Hotp;
    use crate::factor::totp::Parameters;
    use sha1::Digest;

    #[test]
    fn secrets_that_give_the_same_codes_have_one_fingerprint() {
        let (one, other) = (Fingerprinter::default(), Fingerprinter::default());
        let of = |by: &Fingerprinter, secret: &[u8]| {
            by.of(Hotp::new(6).unwrap().into(), &Secret::new(secret.to_vec()))
        };
        assert_eq!(of(&one, b"12345678901234567890"), of(&one, b"12345678901234567890"));
        assert_eq!(of(&one, b"1234567890"), of(&one, b"1234567890\0\0"));
        // A key beyond the block of 64 bytes is hashed; one of 64 is not.
        let (longest, hashed) = ([7; 64], [7; 65]);
        assert_eq!(of(&one, &hashed), of(&one, &Sha1::digest(hashed)));
        assert_ne!(of(&one, &longest), of(&one, &Sha1::digest(longest)));
        for different in [&b"1234567891"[..], b"\x001234567890", b"12345678900", b""] {
            assert_ne!(of(&one, b"1234567890"), of(&one, different), "{different:?}");
        }
        assert_ne!(of(&one, b"1234567890"), of(&other, b"1234567890"), "the value is not random");
    }

    #[test]
    fn a_fingerprint_goes_by_the_algorithm_and_not_by_how_codes_are_shown() {
        let by = Fingerprinter::default();
        let secret = Secret::new(b"12345678901234567890".to_vec());
        let of = |algorithm, digits, period| {
            by.of(Parameters::new(algorithm, digits, period).unwrap().into(), &secret)
        };
        assert_eq!(of(Algorithm::Sha1, 6, 30), of(Algorithm::Sha1, 8, 60));
        assert_eq!(of(Algorithm::Sha1, 6, 30), by.of(Hotp::new(8).unwrap().into(), &secret));
        let all = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].map(|one| of(one, 6, 30));
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2], "{all:?}");
    }
}
