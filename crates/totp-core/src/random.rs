//! Secrets, which are never printed, copied by accident or left in memory; identifiers; and the random bytes of both.

use base16ct::lower;
use serde::Serialize;
use zeroize::Zeroizing;

/// Secret bytes, wiped on drop.
///
/// It has no `Debug`, no `Display`, no `Clone` and no `PartialEq` on purpose; [`Secret::expose`] is the one way in,
/// so that a search for `expose` finds every use.
///
/// ```compile_fail
/// let secret = totp_core::random::Secret::new(vec![1]);
/// println!("{secret:?}");
/// ```
/// ```compile_fail
/// let secret = totp_core::random::Secret::new(vec![1]);
/// let copy = secret.clone();
/// ```
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes; the caller must keep no other copy.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for as long as the borrow lasts.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Fresh random bytes.
    ///
    /// # Errors
    /// [`EntropyError`].
    pub fn random(length: usize, entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new(vec![0; length]);
        entropy.fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

/// How many bytes of the stack [`wipe_stack`] overwrites. A login leaves keys up to 16 to 24 KiB deep (measured).
const STACK_DEPTH: usize = 32 << 10;

/// Overwrites the part of the stack that earlier calls used. [`Secret`] wipes only its own memory: moved copies, and
/// the blocks in which HMAC mixes a key, stay in dead frames until then.
#[inline(never)]
pub fn wipe_stack() {
    let zeros = [0_u8; STACK_DEPTH];
    // Otherwise the compiler removes writes that nobody reads.
    zeroize::optimization_barrier(&zeros);
}

/// The source of random bytes: the kernel in the programs, a counter in tests.
pub trait Entropy {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// [`EntropyError`]; `bytes` must then not be used.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The system provided no random bytes; nothing may be generated.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system provides no random bytes: see getrandom(2)")]
pub struct EntropyError;

/// `N` random bytes that are not secret: an identifier or a nonce.
///
/// # Errors
/// [`EntropyError`].
pub fn random_array<const N: usize>(entropy: &mut dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// A random 128-bit identifier, hexadecimal in documents. All zero stands for "none" in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id([u8; 16]);

impl Id {
    /// The value that means "none" in a ledger.
    pub const NONE: Self = Self([0; 16]);

    /// An id of these bytes, as a document has them.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A new random id.
    ///
    /// # Errors
    /// [`EntropyError`].
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        random_array(entropy).map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Parses the form of documents, in which "none" never appears.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let whole = lower::decode(text, &mut bytes).is_ok_and(|decoded| decoded.len() == 16);
        whole.then_some(Self(bytes)).filter(|&id| id != Self::NONE)
    }

    /// The form of documents.
    pub(crate) fn to_hex(self) -> String {
        lower::encode_string(&self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) use crate::fixture::Counter;

    struct Dry;
    impl Entropy for Dry {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError)
        }
    }

    #[test]
    fn nothing_is_generated_without_entropy() {
        assert!(Secret::random(20, &mut Dry).is_err());
        assert!(random_array::<12>(&mut Dry).is_err());
    }

    #[test]
    fn a_random_secret_has_the_length_asked_for() {
        assert_eq!(Secret::random(20, &mut Counter(0)).unwrap().expose().len(), 20);
    }

    #[test]
    fn none_is_no_id_that_a_document_may_hold() {
        assert!(Id::from_hex(&"0".repeat(32)).is_none());
        assert!(Id::from_hex(&"0".repeat(31)).is_none());
        assert!(Id::from_hex(&"0a".repeat(15)).is_none());
        assert!(Id::from_hex(&"0a".repeat(17)).is_none());
        assert!(Id::from_hex(&"A".repeat(32)).is_none());
        assert!(Id::from_hex(&"0g".repeat(16)).is_none());
        assert_eq!(Id::from_hex(&"0a".repeat(16)), Some(Id::new([10; 16])));
    }
}
