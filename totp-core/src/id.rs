//! An identifier: which enrolment, which set of recovery codes.

use crate::document::Field;
use crate::secret::{Entropy, NoEntropy, random_array};
use data_encoding::HEXLOWER;
use serde::Serialize;
use toml::de::DeValue;

/// A random 128-bit identifier, hexadecimal in documents. All zero stands for "none" in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id([u8; 16]);

impl Id {
    /// "None", in a ledger.
    pub(crate) const NONE: Self = Self([0; 16]);

    pub(crate) const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A new one.
    ///
    /// # Errors
    /// [`NoEntropy`] where the source has none to give.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, NoEntropy> {
        random_array(entropy).map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// What documents wrote; "none" is never written.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?;
        Some(Self(bytes)).filter(|&id| id != Self::NONE)
    }

    /// As documents write it.
    pub(crate) fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'t> Field<'t> for Id {
    fn read(value: &'t DeValue<'t>) -> Result<Self, String> {
        Self::from_hex(<&str>::read(value)?).ok_or_else(|| "is not an id of 32 hexadecimal digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_no_id_that_a_document_may_hold() {
        let read = |text: &str| Id::read(&DeValue::String(text.into()));
        assert!(read(&"0".repeat(32)).is_err());
        assert!(read(&"0".repeat(31)).is_err());
        assert!(read(&"A".repeat(32)).is_err());
        assert_eq!(read(&"0a".repeat(16)), Ok(Id::new([10; 16])));
    }
}
