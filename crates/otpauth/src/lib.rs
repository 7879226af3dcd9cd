//! The card that an authenticator app is shown at an enrolment: the URI, its QR code, the key to type by hand.
//!
//! The command shows it on its terminal, the module in the login's own prompts. Nothing here talks to anybody: values in,
//! texts out, and every text that holds the secret is a [`Secret`].

#![forbid(unsafe_code)]

mod issuer;
mod qr;
mod uri;

pub use issuer::{Issuer, IssuerError};
pub use qr::{Drawing, Qr, TooLong};

use totp_core::enrolment::draft::Draft;
use totp_core::secret::Secret;
use totp_core::user::Account;

/// What an app is shown of one draft.
pub struct Card {
    uri: Secret,
    key: Secret,
}

impl Card {
    /// The card of `draft`, for an app that will show `issuer` and the account's name.
    #[must_use]
    pub fn of(draft: &Draft, issuer: &Issuer, account: &Account) -> Self {
        let key = draft.manual_key();
        let uri = uri::otpauth(&key, draft.factor(), issuer.as_str(), account.user.as_str());
        Self { uri, key }
    }

    /// All of it as an `otpauth://` URI.
    #[must_use]
    pub fn uri(&self) -> &Secret {
        &self.uri
    }

    /// The URI as a QR code.
    ///
    /// # Errors
    /// [`TooLong`] where issuer and account do not fit into one.
    pub fn qr(&self) -> Result<Qr, TooLong> {
        Qr::of(&self.uri, &self.key)
    }

    /// The key to type by hand, in groups of four.
    #[must_use]
    pub fn key_in_fours(&self) -> Secret {
        let mut text = Vec::with_capacity(self.key.expose().len().saturating_mul(2));
        for (at, group) in self.key.expose().chunks(4).enumerate() {
            if at > 0 {
                text.push(b' ');
            }
            text.extend(group);
        }
        Secret::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::credential::Label;
    use totp_core::factor::totp::{Algorithm, Parameters};
    use totp_core::user::User;

    #[test]
    fn a_card_says_the_same_in_a_uri_and_as_a_key() {
        let secret = Secret::new(b"12345678901234567890".to_vec());
        let parameters = Parameters::new(Algorithm::Sha1, 6, 30).unwrap();
        let draft = Draft::import(Label::parse("phone").unwrap(), parameters, secret).ok().unwrap();
        let account = Account { user: User::parse("alice").unwrap(), uid: None };
        let card = Card::of(&draft, &Issuer::parse("host").unwrap(), &account);
        let uri = std::str::from_utf8(card.uri().expose()).unwrap();
        assert!(
            uri.starts_with("otpauth://totp/host:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"),
            "{uri}"
        );
        assert_eq!(card.key_in_fours().expose(), b"GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert!(card.qr().is_ok());
    }
}
