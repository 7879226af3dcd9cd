//! Who logs in: a number, and what follows from it. Nothing is kept, so that the process that is forked stays small.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds for which a code is good.
const PERIOD: u64 = 30;

/// One of the enrolled, by number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Person(pub(crate) u32);

impl Person {
    /// How every account name begins, and none of the machine's own.
    pub(crate) const PREFIX: &str = "person";

    /// The account's uid, above those that a machine gives.
    pub(crate) fn uid(self) -> u32 {
        1_000_000 + self.0
    }

    /// The account name.
    pub(crate) fn name(self) -> String {
        format!("{}{:06}", Self::PREFIX, self.0)
    }

    /// The secret in hexadecimal, as pam_oath's users file has it.
    pub(crate) fn hex(self) -> String {
        HEXLOWER.encode(&self.secret())
    }

    /// The secret in base32, as google-authenticator's files have it.
    pub(crate) fn base32(self) -> String {
        BASE32_NOPAD.encode(&self.secret())
    }

    /// The code of this moment.
    pub(crate) fn code(self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        code(&self.secret(), now / PERIOD)
    }

    fn secret(self) -> [u8; 20] {
        hmac(b"a bench has no secrets", &self.0.to_be_bytes())
    }
}

/// RFC 4226 section 5.3, six digits.
fn code(secret: &[u8], counter: u64) -> String {
    let hash = hmac(secret, &counter.to_be_bytes());
    let at = usize::from(hash[19] & 15);
    let word = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn a_code_is_that_of_rfc_4226_appendix_d() {
        let codes: Vec<String> = (0..3).map(|counter| code(b"12345678901234567890", counter)).collect();
        assert_eq!(codes, ["755224", "287082", "359152"]);
    }
}
