//! Identifiers: of an enrolment, or of a set of recovery codes.

use crate::secret::{Entropy, EntropyError, random_array};
use base16ct::lower;
use serde::Serialize;

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
mod tests {
    use super::*;

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
