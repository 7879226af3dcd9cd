//! The key of the MAC of ledgers and of the documents of tokens, derived from a key of the keyring for this one purpose.

use crate::random::Secret;
use crate::user::User;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Separates this key from every other use of the key that it is derived from (RFC 5869 section 3.2).
const PURPOSE: &[u8] = b"pam_totp ledger 2";

/// What the MAC of a token's document begins with, where that of a ledger has the length of a name: no name is that long.
const OF_A_TOKEN: [u8; 8] = [0xFF; 8];

/// The key of the MAC of ledgers and of the documents of tokens.
#[derive(Clone)]
pub struct LedgerKey {
    id: String,
    mac: Hmac<Sha256>,
}

impl LedgerKey {
    /// The key under the key of the keyring that has this id and these 32 random bytes.
    pub(super) fn under(id: &str, key: &Secret) -> Self {
        let mut derived = Zeroizing::new([0; 32]);
        // Random bytes need no extraction (RFC 5869 section 3.3).
        #[expect(clippy::expect_used, reason = "both lengths fit")]
        Hkdf::<Sha256>::from_prk(key.expose())
            .ok()
            .and_then(|key| key.expand(PURPOSE, &mut *derived).ok())
            .expect("32 bytes from 32");
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104 section 2)")]
        let mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*derived).expect("any key length");
        Self { id: id.to_owned(), mac }
    }

    /// The id of the key of the keyring.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA-256 of the length of the user's name (8 bytes, big-endian), the name, and `covered`.
    #[must_use]
    pub fn mac(&self, user: &User, covered: &[u8]) -> [u8; 32] {
        self.over(user, covered).finalize().into_bytes().into()
    }

    /// Whether that is `mac`; takes the same time for every wrong one.
    #[must_use]
    pub fn verifies(&self, user: &User, covered: &[u8], mac: &[u8]) -> bool {
        self.over(user, covered).verify_slice(mac).is_ok()
    }

    /// HMAC-SHA-256 of eight bytes of 0xFF and of the document of a token up to its MAC.
    pub(crate) fn mac_of_token(&self, document: &str) -> [u8; 32] {
        self.over_token(document).finalize().into_bytes().into()
    }

    /// Whether that is `mac`; takes the same time for every wrong one.
    pub(crate) fn verifies_token(&self, document: &str, mac: &[u8]) -> bool {
        self.over_token(document).verify_slice(mac).is_ok()
    }

    fn over_token(&self, document: &str) -> Hmac<Sha256> {
        self.mac.clone().chain_update(OF_A_TOKEN).chain_update(document.as_bytes())
    }

    fn over(&self, user: &User, covered: &[u8]) -> Hmac<Sha256> {
        let name = user.as_str().as_bytes();
        self.mac
            .clone()
            .chain_update((name.len() as u64).to_be_bytes())
            .chain_update(name)
            .chain_update(covered)
    }
}
