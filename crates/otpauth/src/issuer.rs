//! The issuer: the organisation or machine that an app shows above the code.

/// The longest issuer, in bytes: apps cut longer ones, and the QR code grows with them.
const LONGEST: usize = 64;

/// An issuer, short and printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

/// Why a text is not an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an issuer must be 1 to {LONGEST} printable characters")]
pub struct IssuerError;

impl Issuer {
    /// Parses an issuer.
    ///
    /// # Errors
    /// [`IssuerError`] if it is empty, too long or not printable.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(IssuerError);
        }
        Ok(Self(text.to_owned()))
    }

    /// For a machine whose name is not an issuer.
    #[must_use]
    pub fn nameless() -> Self {
        Self("localhost".to_owned())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_short_and_printable() {
        assert_eq!(Issuer::parse("Example & Söhne").unwrap().as_str(), "Example & Söhne");
        assert!(Issuer::parse(&"x".repeat(64)).is_ok());
        for wrong in ["", "a\nb", "\u{1b}[2J", &"x".repeat(65)] {
            assert_eq!(Issuer::parse(wrong), Err(IssuerError), "{wrong:?}");
        }
    }
}
