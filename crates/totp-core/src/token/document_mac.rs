//! The MAC of a token's document: the last line, over all lines before it. So no value can be changed without the keyring: not what was
//! used, nor the person, nor that the token was revoked.

use crate::document::Base64;
use crate::keyring::{Keyring, LedgerKey, OpenError, SealOf};

/// A document that was read, and the MAC that it has.
#[derive(Clone)]
pub(super) struct ReadText {
    /// All before the line of the MAC.
    text: String,
    mac: Vec<u8>,
    /// The id of its key, which seals the secret as well.
    key: String,
}

impl ReadText {
    /// A document with this MAC under the key of this id; `None`: it does not end with the line of the MAC, in the form that is written.
    pub(super) fn of(document: &[u8], mac: Vec<u8>, key: &str) -> Option<Self> {
        let text = std::str::from_utf8(document).ok()?.strip_suffix(&line(&mac))?.to_owned();
        Some(Self { text, mac, key: key.to_owned() })
    }

    /// The id of the key of its MAC.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether the MAC is right under that key.
    pub(super) fn is_under(&self, key: &LedgerKey) -> bool {
        key.verifies_token(&self.text, &self.mac)
    }

    /// The same with the key from the keyring.
    ///
    /// # Errors
    /// [`OpenError`] if the keyring lacks the key, or the MAC is wrong.
    pub(super) fn verify(&self, keyring: &Keyring) -> Result<(), OpenError> {
        let what = SealOf::Token;
        let key = keyring.ledger_key(&self.key).ok_or_else(|| keyring.lacks_key(&self.key, what))?;
        if self.is_under(key) { Ok(()) } else { Err(OpenError::DoesNotOpen { id: self.key.clone(), what }) }
    }
}

/// The text with its MAC at the end.
pub(super) fn with_mac(text: String, key: &LedgerKey) -> String {
    let mac = line(&key.mac_of_token(&text));
    text + &mac
}

fn line(mac: &[u8]) -> String {
    format!("mac = \"{}\"\n", Base64::text(mac))
}
