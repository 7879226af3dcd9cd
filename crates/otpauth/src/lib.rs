//! What an authenticator app is shown at an enrolment: the otpauth:// URI, its QR code, and the key to type by hand.
//!
//! `totp-enroll` shows it on the terminal, the module in the prompts of a login. Nothing here reads or prints: values in, texts out,
//! and every text that holds the shared secret is a [`Secret`].

#![forbid(unsafe_code)]

mod qr;

pub use qr::{Drawing, Qr, QrError};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use totp_core::enrolment::draft::Draft;
use totp_core::factor::Factor;
use totp_core::random::Secret;
use totp_core::user::Account;

/// One draft in the forms that an app can take it in.
pub struct Card {
    uri: Secret,
    key: Secret,
}

impl Card {
    /// For an app that will show `issuer` and the name of `account`.
    #[must_use]
    pub fn of(draft: &Draft, issuer: &Issuer, account: &Account) -> Self {
        let key = draft.manual_key();
        let uri = otpauth(&key, draft, issuer.as_str(), account.user.as_str());
        Self { uri, key }
    }

    /// The `otpauth://` URI.
    #[must_use]
    pub fn uri(&self) -> &Secret {
        &self.uri
    }

    /// The URI as a QR code.
    ///
    /// # Errors
    /// [`QrError`] if issuer and account are too long for one.
    pub fn qr(&self) -> Result<Qr, QrError> {
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

/// The longest issuer, in bytes: apps cut longer ones, and the QR code grows with them.
const LONGEST_ISSUER: usize = 64;

/// The issuer: the organisation or machine that an app shows above the code. Short and printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

/// Why a text is not an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an issuer must be 1 to {LONGEST_ISSUER} printable characters without a colon, which would end it in the app"
)]
pub struct IssuerError;

impl Issuer {
    /// Parses an issuer.
    ///
    /// # Errors
    /// [`IssuerError`] if it is empty, too long, not printable, or has a colon: in a label the colon ends the issuer, also as `%3A`
    /// (Key URI Format), and an app would show the rest as the account.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        let is_refused = |char: char| char.is_control() || char == ':';
        if text.is_empty() || text.len() > LONGEST_ISSUER || text.chars().any(is_refused) {
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

/// All but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URI of a key in base32, for an app that shows `issuer` and `account` (Key URI Format of Google Authenticator).
fn otpauth(key: &Secret, draft: &Draft, issuer: &str, account: &str) -> Secret {
    let factor = draft.factor();
    let (issuer, account) = (utf8_percent_encode(issuer, RESERVED), utf8_percent_encode(account, RESERVED));
    let head = format!("otpauth://{}/{issuer}:{account}?secret=", factor.kind().as_str());
    let moving = match factor {
        Factor::Totp(totp) => format!("period={}", totp.parameters().period()),
        // The next counter.
        Factor::Hotp(_) => format!("counter={}", draft.begins_at()),
    };
    let (algorithm, digits) = (factor.algorithm().as_str(), factor.digits());
    let tail = format!("&issuer={issuer}&algorithm={algorithm}&digits={digits}&{moving}");
    let length = head.len().saturating_add(key.expose().len()).saturating_add(tail.len());
    let mut uri = Vec::with_capacity(length);
    uri.extend(head.as_bytes());
    uri.extend(key.expose());
    uri.extend(tail.as_bytes());
    Secret::new(uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::credential::Label;
    use totp_core::factor::hotp::Hotp;
    use totp_core::factor::totp::{Algorithm, Parameters};
    use totp_core::user::User;

    #[test]
    fn uri_and_key_hold_the_same_secret() {
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

    #[test]
    fn the_uri_has_all_parameters_and_escapes_names() {
        let secret = Secret::new(b"12345678901234567890".to_vec());
        let parameters = Parameters::new(Algorithm::Sha256, 8, 60).unwrap();
        let draft = Draft::import(Label::parse("phone").unwrap(), parameters, secret).ok().unwrap();
        let uri = otpauth(&draft.manual_key(), &draft, "Example & Söhne", "alice@host");
        assert_eq!(
            std::str::from_utf8(uri.expose()).unwrap(),
            "otpauth://totp/Example%20%26%20S%C3%B6hne:alice%40host?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Example%20%26%20S%C3%B6hne&algorithm=SHA256&digits=8&period=60"
        );
    }

    #[test]
    fn the_uri_of_a_counter_token_has_its_next_counter() {
        let secret = Secret::new(b"12345678901234567890".to_vec());
        let draft = Draft::import(Label::parse("fob").unwrap(), Hotp::new(8).unwrap(), secret);
        let draft = draft.ok().unwrap().beginning_at(42);
        let uri = otpauth(&draft.manual_key(), &draft, "host", "alice");
        assert_eq!(
            std::str::from_utf8(uri.expose()).unwrap(),
            "otpauth://hotp/host:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=host&algorithm=SHA1&digits=8&counter=42"
        );
    }

    #[test]
    fn an_issuer_is_short_and_printable() {
        assert_eq!(Issuer::parse("Example & Söhne").unwrap().as_str(), "Example & Söhne");
        assert!(Issuer::parse(&"x".repeat(64)).is_ok());
        for wrong in ["", "Site: anna", "a\nb", "\u{1b}[2J", &"x".repeat(65)] {
            assert_eq!(Issuer::parse(wrong), Err(IssuerError), "{wrong:?}");
        }
    }
}
