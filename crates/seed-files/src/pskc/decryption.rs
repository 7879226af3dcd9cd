//! How the secrets of a file are read: plain, or encrypted with AES-CBC after the MAC is verified (RFC 6030 section 6).
//!
//! Nothing protects the key of the MAC but the same encryption, so the MAC shows a wrong key and damage; it does not replace a
//! trusted way for the file.

use super::element::{Element, PSKC, XENC, shown};
use super::encryption_key;
use super::mac::Hash;
use crate::{SeedFileError, Unlock, token_values};
use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Iso10126;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use totp_core::random::Secret;

/// The algorithms, and the length of their keys in bytes.
const ALGORITHMS: [(&str, usize); 3] = [
    ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", 16),
    ("http://www.w3.org/2001/04/xmlenc#aes192-cbc", 24),
    ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", 32),
];
/// The shortest key of the MAC, in bytes. A wrong key decrypts to anything, also to nothing.
const SHORTEST_MAC_KEY: usize = 16;
/// The bytes of an initialisation vector, which an encrypted value begins with (XML Encryption section 5.2).
const IV: usize = 16;
const WRONG: &str = "the key or the passphrase is wrong, or the file was changed: check both";

/// Reads the secrets of one file.
pub(super) enum SecretReader {
    /// They are not encrypted.
    Plain,
    /// They are encrypted with one key, and covered by a MAC.
    Encrypted { key: Secret, hash: Hash, mac_key: Secret },
}

impl SecretReader {
    pub(super) fn of(container: Element<'_>, unlock: Unlock<'_>) -> Result<Self, SeedFileError> {
        let Some(key) = encryption_key::key(container, unlock)? else { return Ok(Self::Plain) };
        let Some(method) = container.child(PSKC, "MACMethod")? else {
            return Err(container.refused(
                "the file has no MACMethod: if it is not encrypted, import it without a key; otherwise ask the vendor for a file with a MAC, without which a change of the secrets would not be seen",
            ));
        };
        method.allows(PSKC, &["MACKey", "Extensions"])?;
        let hash = Hash::of(method)?;
        let mac_key = match method.child(PSKC, "MACKey")? {
            Some(encrypted) => {
                let bytes = encrypted_bytes(encrypted, &key)?;
                decrypt(&key, bytes.expose())
                    .filter(|key| key.expose().len() >= SHORTEST_MAC_KEY)
                    .ok_or_else(|| encrypted.refused(WRONG))?
            }
            // RFC 6030 section 6.1.1: without a key of its own, the MAC has that of the encryption.
            None => Secret::new(key.expose().to_vec()),
        };
        Ok(Self::Encrypted { key, hash, mac_key })
    }

    /// The secret in a `Secret` element.
    pub(super) fn read(&self, element: Element<'_>) -> Result<Secret, SeedFileError> {
        element.allows(PSKC, &["PlainValue", "EncryptedValue", "ValueMAC"])?;
        let plain = element.child(PSKC, "PlainValue")?;
        let encrypted = element.child(PSKC, "EncryptedValue")?;
        let secret = match (self, plain, encrypted) {
            (Self::Plain, Some(plain), None) => plain.base64()?,
            (Self::Encrypted { key, hash, mac_key }, None, Some(encrypted)) => {
                let bytes = encrypted_bytes(encrypted, key)?;
                let Some(mac) = element.child(PSKC, "ValueMAC")? else {
                    return Err(encrypted.refused(
                        "the encrypted secret has no ValueMAC, so a change of it would not be seen: ask the vendor for a file with a MAC",
                    ));
                };
                if !hash.verifies(mac_key, bytes.expose(), mac.base64()?.expose()) {
                    return Err(mac.refused(WRONG));
                }
                decrypt(key, bytes.expose()).ok_or_else(|| encrypted.refused(WRONG))?
            }
            (Self::Plain, None, Some(encrypted)) => {
                return Err(encrypted.refused(
                    "the secret is encrypted: import the file with --key-file and the vendor's key",
                ));
            }
            (Self::Encrypted { .. }, Some(plain), None) => {
                return Err(plain.refused(
                    "the secret is not encrypted, though a key or passphrase was given: import the file without it if you trust where it comes from",
                ));
            }
            (Self::Plain | Self::Encrypted { .. }, Some(_), Some(_)) => {
                return Err(element.refused(
                    "the secret is there twice, plain and encrypted: ask the vendor for another file",
                ));
            }
            (Self::Plain | Self::Encrypted { .. }, None, None) => {
                return Err(element.refused("the Secret has no value: ask the vendor for a complete file"));
            }
        };
        token_values::secret(secret).map_err(|problem| element.refused(problem))
    }
}

/// The initialisation vector and the encrypted bytes, of an algorithm that has keys as long as this one.
fn encrypted_bytes(encrypted: Element<'_>, key: &Secret) -> Result<Secret, SeedFileError> {
    let method = encrypted.required(XENC, "EncryptionMethod")?;
    let Some((_, length)) = ALGORITHMS.iter().find(|(name, _)| *name == method.algorithm()) else {
        return Err(method.refused(format!(
            "the encryption {} is not supported, only AES in CBC mode: ask the vendor for another file",
            shown(method.algorithm())
        )));
    };
    if key.expose().len() != *length {
        return Err(
            method.refused(format!("the file is encrypted with a key of {length} bytes: check the key"))
        );
    }
    encrypted.required(XENC, "CipherData")?.required(XENC, "CipherValue")?.base64()
}

/// Decrypts, and removes the padding of XML Encryption section 5.2: its last byte is its length, the other bytes are arbitrary.
fn decrypt(key: &Secret, bytes: &[u8]) -> Option<Secret> {
    match key.expose().len() {
        16 => decrypt_by::<Decryptor<Aes128>>(key, bytes),
        24 => decrypt_by::<Decryptor<Aes192>>(key, bytes),
        32 => decrypt_by::<Decryptor<Aes256>>(key, bytes),
        _ => None,
    }
}

fn decrypt_by<D: BlockModeDecrypt + KeyIvInit>(key: &Secret, bytes: &[u8]) -> Option<Secret> {
    let (iv, encrypted) = bytes.split_at_checked(IV)?;
    D::new_from_slices(key.expose(), iv).ok()?.decrypt_padded_vec::<Iso10126>(encrypted).ok().map(Secret::new)
}
