//! The keyring document: the machine's AES-256 keys, and sealing and opening with them.

use crate::document::{self, DocumentError};
use crate::secret::{Entropy, NoEntropy, Secret, random_array};
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Bytes of an AES-256 key.
const KEY_LENGTH: usize = 32;
/// Bytes of a nonce: 96 bits, the length that NIST SP 800-38D section 5.2.1.1 recommends.
pub(crate) const NONCE_LENGTH: usize = 12;
/// The version that this program reads and writes.
const VERSION: u32 = 1;

/// What to do about a keyring that cannot be read.
const MEND: &str = "restore the keyring from a backup";

/// The keys, by id, and which of them seals.
pub struct Keyring {
    file: PathBuf,
    active: String,
    keys: Vec<(String, Secret)>,
}

/// A ciphertext with what is needed to open it, as a credential holds it. Opens under the same additional data only.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) key: String,
    #[serde(with = "base64_text")]
    pub(crate) nonce: Vec<u8>,
    #[serde(with = "base64_text")]
    pub(crate) ciphertext: Vec<u8>,
}

/// Why a seal does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The keyring has no key of that id.
    #[error("key \"{id}\" is not in {}: restore the keyring that this credential was sealed with", keyring.display())]
    MissingKey {
        /// The id that the credential names.
        id: String,
        /// The keyring's file.
        keyring: PathBuf,
    },
    /// The ciphertext, or what it is bound to, is not what was sealed.
    #[error(
        "the credential does not open with key \"{id}\": it was changed, or belongs to another user or machine; enrol again"
    )]
    DoesNotOpen {
        /// The id that the credential names.
        id: String,
    },
}

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum SealError {
    /// No nonce could be drawn.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// AES-GCM refused: the active key is gone, or the message is beyond 64 GiB.
    #[error("the active key of the keyring cannot seal")]
    Cipher,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: u32,
    active: String,
    #[serde(default, rename = "key")]
    keys: Vec<RawKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    id: String,
    #[serde(deserialize_with = "secret_text::deserialize")]
    secret: Secret,
}

impl Keyring {
    /// Reads the document. `file` is only named in errors, which never repeat a key.
    ///
    /// # Errors
    /// [`DocumentError`] with the line where there is one.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, DocumentError> {
        let raw: Raw = document::parse(file, bytes, MEND).map_err(without_names)?;
        let error = |problem: String| Err(DocumentError::new(file, format!("{problem}; {MEND}")));
        if raw.version != VERSION {
            return error(format!("version {} is not one that this program reads ({VERSION})", raw.version));
        }
        for (at, key) in raw.keys.iter().enumerate() {
            if key.id.is_empty() || !key.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                return error("a key's id must be letters, digits and dashes".to_owned());
            }
            if key.secret.expose().len() != KEY_LENGTH {
                return error(format!("key \"{}\" is not {KEY_LENGTH} bytes long", key.id));
            }
            if raw.keys.iter().skip(at.saturating_add(1)).any(|other| other.id == key.id) {
                return error(format!("key \"{}\" is there twice", key.id));
            }
        }
        if !raw.keys.iter().any(|key| key.id == raw.active) {
            return error("the active key is not among the keys".to_owned());
        }
        let keys = raw.keys.into_iter().map(|key| (key.id, key.secret)).collect();
        Ok(Self { file: file.to_owned(), active: raw.active, keys })
    }

    /// A new keyring of one key, as the text of its document.
    ///
    /// # Errors
    /// [`NoEntropy`] where the source has none to give.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Secret, NoEntropy> {
        let key = Secret::random(KEY_LENGTH, entropy)?;
        let text = zeroize::Zeroizing::new(BASE64.encode(key.expose()));
        let head = "# The keys of pam_totp on this machine. Whoever has this file and the credentials can make codes.\n\
                    # Back it up apart from them; do not copy it to another machine.\n";
        let body = format!(
            "{head}version = {VERSION}\nactive = \"k1\"\n\n[[key]]\nid = \"k1\"\nsecret = \"{}\"\n",
            *text
        );
        Ok(Secret::new(body.into_bytes()))
    }

    /// The ids, in the order of the document; the active one first says so.
    pub fn ids(&self) -> impl Iterator<Item = (&str, bool)> {
        self.keys.iter().map(|(id, _)| (id.as_str(), *id == self.active))
    }

    /// The id of the key that [`Keyring::seal`] uses; it is part of what is bound, so it is asked for beforehand.
    pub(crate) fn active(&self) -> &str {
        &self.active
    }

    /// Seals under the active key with a fresh nonce, bound to `additional`.
    pub(crate) fn seal(
        &self,
        plaintext: &Secret,
        additional: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Sealed, SealError> {
        let nonce: [u8; NONCE_LENGTH] = random_array(entropy)?;
        let cipher = self.cipher(&self.active).ok_or(SealError::Cipher)?;
        let ciphertext = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plaintext.expose(), aad: additional })
            .map_err(|_| SealError::Cipher)?;
        Ok(Sealed { key: self.active.clone(), nonce: nonce.to_vec(), ciphertext })
    }

    /// Opens what was sealed under the same `additional`.
    pub(crate) fn open(&self, sealed: &Sealed, additional: &[u8]) -> Result<Secret, OpenError> {
        let id = &sealed.key;
        let missing = || OpenError::MissingKey { id: id.clone(), keyring: self.file.clone() };
        let refused = || OpenError::DoesNotOpen { id: id.clone() };
        let cipher = self.cipher(id).ok_or_else(missing)?;
        let nonce: [u8; NONCE_LENGTH] = sealed.nonce.as_slice().try_into().map_err(|_| refused())?;
        cipher
            .decrypt(&Nonce::from(nonce), Payload { msg: &sealed.ciphertext, aad: additional })
            .map(Secret::new)
            .map_err(|_| refused())
    }

    fn cipher(&self, id: &str) -> Option<Aes256Gcm> {
        let (_, key) = self.keys.iter().find(|(known, _)| known == id)?;
        Aes256Gcm::new_from_slice(key.expose()).ok()
    }
}

/// A field's name may be a key that slipped to the left of its `=`.
fn without_names(error: DocumentError) -> DocumentError {
    if error.problem.starts_with("unknown field") {
        let problem = format!("there is a field that no keyring has; {MEND}");
        return DocumentError { problem, ..error };
    }
    error
}

/// The additional data of a seal: fields in a fixed order, each with its length, so that no two sets of fields read alike.
#[derive(Default)]
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    pub(crate) fn text(mut self, field: &str) -> Self {
        self.0.extend((field.len() as u64).to_be_bytes());
        self.0.extend(field.as_bytes());
        self
    }

    pub(crate) fn number(mut self, field: u64) -> Self {
        self.0.extend(8u64.to_be_bytes());
        self.0.extend(field.to_be_bytes());
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes as base64 in a document.
pub(crate) mod base64_text {
    use super::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map_err(|_| D::Error::custom("is not base64 (RFC 4648)"))
    }
}

/// A secret as base64 in a document; decoded from the borrowed text, so that no second copy is left behind.
mod secret_text {
    use super::{BASE64, Secret};
    use serde::{Deserializer, de::Error, de::Visitor};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("base64 text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                BASE64
                    .decode(text.as_bytes())
                    .map(Secret::new)
                    .map_err(|_| E::custom("is not base64 (RFC 4648)"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::secret::tests::Counter;

    pub(crate) fn keyring() -> Keyring {
        let text = Keyring::generate(&mut Counter(0)).unwrap();
        Keyring::parse(Path::new("keyring.toml"), text.expose()).unwrap()
    }

    fn error(text: &str) -> String {
        match Keyring::parse(Path::new("keyring.toml"), text.as_bytes()) {
            Ok(_) => panic!("accepted: {text}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_sealed_opens_under_the_same_binding_only() {
        let keyring = keyring();
        let binding = Binding::default().text("alice").number(1001);
        let sealed = keyring.seal(&Secret::new(b"hello".to_vec()), binding.bytes(), &mut Counter(7)).unwrap();
        assert_eq!(
            keyring.open(&sealed, binding.bytes()).ok().map(|s| s.expose().to_vec()),
            Some(b"hello".to_vec())
        );
        let other = Binding::default().text("alice").number(1002);
        assert!(matches!(keyring.open(&sealed, other.bytes()), Err(OpenError::DoesNotOpen { .. })));
    }

    #[test]
    fn a_changed_seal_does_not_open() {
        let keyring = keyring();
        let sealed = keyring.seal(&Secret::new(b"hello".to_vec()), b"", &mut Counter(7)).unwrap();
        for at in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[at] ^= 1;
            assert!(keyring.open(&changed, b"").is_err());
        }
        let mut short = sealed;
        short.nonce.pop();
        assert!(keyring.open(&short, b"").is_err());
    }

    #[test]
    fn a_seal_under_a_key_that_is_gone_says_which() {
        let keyring = keyring();
        let mut sealed = keyring.seal(&Secret::new(b"hello".to_vec()), b"", &mut Counter(7)).unwrap();
        sealed.key = "k9".to_owned();
        let error = keyring.open(&sealed, b"").err().unwrap().to_string();
        assert!(error.contains("\"k9\" is not in keyring.toml"), "{error}");
    }

    #[test]
    fn bindings_of_different_fields_differ() {
        assert_ne!(Binding::default().text("ab").text("c").0, Binding::default().text("a").text("bc").0);
    }

    #[test]
    fn an_id_is_letters_digits_and_dashes() {
        let document = |id: &str| {
            format!(
                "version = 1\nactive = \"{id}\"\n[[key]]\nid = \"{id}\"\nsecret = \"{}=\"\n",
                "A".repeat(43)
            )
        };
        for id in ["k1", "K-2026-11"] {
            assert!(Keyring::parse(Path::new("keyring.toml"), document(id).as_bytes()).is_ok(), "{id}");
        }
        for id in ["", "k 1", "k_1", "k\\n1", "ä"] {
            assert!(error(&document(id)).contains("letters, digits and dashes"), "{id}");
        }
    }

    #[test]
    fn every_key_is_listed_and_which_of_them_seals() {
        let key = |id: &str| format!("[[key]]\nid = \"{id}\"\nsecret = \"{}=\"\n", "A".repeat(43));
        let text = format!("version = 1\nactive = \"k2\"\n{}{}", key("k1"), key("k2"));
        let keyring = Keyring::parse(Path::new("keyring.toml"), text.as_bytes()).unwrap();
        assert_eq!(keyring.ids().collect::<Vec<_>>(), [("k1", false), ("k2", true)]);
    }

    #[test]
    fn a_key_that_is_no_text_is_told_what_it_should_be_and_not_repeated() {
        let number = error("version = 1\nactive = \"k1\"\n[[key]]\nid = \"k1\"\nsecret = 12345678\n");
        assert!(number.contains("expected base64 text") && !number.contains("12345678"), "{number}");
    }

    #[test]
    fn a_keyring_that_is_not_whole_is_refused() {
        let key = "[[key]]\nid = \"k1\"\nsecret = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n";
        assert!(error("").contains("missing field"));
        assert!(error(&format!("version = 2\nactive = \"k1\"\n{key}")).contains("version 2"));
        assert!(error(&format!("version = 1\nactive = \"k2\"\n{key}")).contains("active key"));
        assert!(error(&format!("version = 1\nactive = \"k1\"\n{key}{key}")).contains("twice"));
        assert!(
            error("version = 1\nactive = \"k1\"\n[[key]]\nid = \"k1\"\nsecret = \"AAAA\"\n")
                .contains("32 bytes")
        );
        let slipped = error("version = 1\nactive = \"k1\"\nhunter2 = \"secret\"\n");
        assert!(slipped.contains("line 3: there is a field") && !slipped.contains("hunter2"), "{slipped}");
        let error = error("version = 1\nactive = \"k1\"\n[[key]]\nid = \"k1\"\nsecret = \"hunter2!\"\n");
        assert!(error.contains("line 5") && !error.contains("hunter2"), "{error}");
    }
}
