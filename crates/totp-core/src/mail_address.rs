//! Mail addresses: only plain ones, so that no name becomes a header, a second address or an option.

use std::borrow::Cow;
use std::fmt;

/// The longest address that is written; RFC 5321 section 4.5.3.1 has 64 before the `@` and 255 behind it.
const LONGEST: usize = 320;

/// `name`, which the machine's mail system completes, or `name@domain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Cow<'static, str>);

impl Address {
    /// The machine's administrator.
    pub const ROOT: Self = Self(Cow::Borrowed("root"));

    /// Parses an address; one that would have to be quoted (RFC 5322 section 3.4.1) is refused.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let is_address = match text.split_once('@') {
            Some((name, domain)) => is_name(name) && is_domain(domain),
            None => is_name(text),
        };
        if is_address && text.len() <= LONGEST { Ok(Self(text.to_owned().into())) } else { Err(AddressError) }
    }

    /// As a header has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not a mail address that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a mail address: write \"name\" or \"name@domain\", of letters, digits and . _ + -")]
pub struct AddressError;

/// The recipient of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// The user, at this domain, or as the machine's mail system resolves the name.
    User(Option<String>),
    /// Always this address.
    Fixed(Address),
}

/// The placeholder for the account's name in the config.
const USER: &str = "{user}";

impl Recipient {
    /// Parses `{user}`, `{user}@domain`, or an address.
    ///
    /// # Errors
    /// [`RecipientError`].
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        match text.strip_prefix(USER) {
            Some("") => Ok(Self::User(None)),
            Some(at) => match at.strip_prefix('@') {
                Some(domain) if is_domain(domain) => Ok(Self::User(Some(domain.to_owned()))),
                Some(_) | None => Err(RecipientError),
            },
            None => Address::parse(text).map(Self::Fixed).map_err(|_| RecipientError),
        }
    }

    /// The address of the account with this name; `None`: the name cannot be part of one.
    #[must_use]
    pub fn of(&self, user: &str) -> Option<Address> {
        match self {
            Self::User(None) => Address::parse(user).ok(),
            Self::User(Some(domain)) if !user.contains('@') => {
                Address::parse(&format!("{user}@{domain}")).ok()
            }
            Self::User(Some(_)) => None,
            Self::Fixed(address) => Some(address.clone()),
        }
    }
}

/// Not a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a recipient: write \"{{user}}\", \"{{user}}@domain\" or one mail address")]
pub struct RecipientError;

/// A name that starts with a dash could be taken for an option, one with a bar or a slash for a program or a file.
fn is_name(text: &str) -> bool {
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    text.bytes().all(of_a_name)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && is_dotted(text)
}

fn is_domain(text: &str) -> bool {
    let of_a_domain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    text.bytes().all(of_a_domain) && !text.starts_with('-') && is_dotted(text)
}

fn is_dotted(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_addresses_are_taken_as_they_are() {
        for text in ["alice", "a.b+c_d-e", "_apt", "alice@example.com", "alice@corp", "0@1"] {
            assert_eq!(Address::parse(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn nothing_else_is_an_address() {
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b",
            "a,b",
            "-t",
            "a\nBcc: b",
            "a\r",
            "\"a b\"",
            "a\\b",
            "|sh",
            "/f",
            ":a",
            "ä",
            "a@b.",
            "a@.b",
            "a..b",
            ".a",
            "a.",
            "a@-b",
            "a@b_c",
            "a;b",
            "<a>",
            "a(b)",
            "a@b ",
        ] {
            assert_eq!(Address::parse(text), Err(AddressError), "{text:?}");
        }
        assert!(Address::parse(&"a".repeat(321)).is_err() && Address::parse(&"a".repeat(320)).is_ok());
    }

    #[test]
    fn a_recipient_is_the_user_at_a_domain_or_always_the_same() {
        let of = |recipient: &str, user: &str| {
            Recipient::parse(recipient).unwrap().of(user).map(|address| address.to_string())
        };
        assert_eq!(of("{user}", "alice").as_deref(), Some("alice"));
        assert_eq!(of("{user}", "alice@example.com").as_deref(), Some("alice@example.com"));
        assert_eq!(of("{user}@example.com", "alice").as_deref(), Some("alice@example.com"));
        assert_eq!(of("root@example.com", "alice smith").as_deref(), Some("root@example.com"));
        for (recipient, user) in [
            ("{user}", "alice smith"),
            ("{user}@b.c", "x@evil"),
            ("{user}", "a\nBcc: b"),
            ("{user}@b", "a,b"),
        ] {
            assert_eq!(of(recipient, user), None, "{user}");
        }
    }

    #[test]
    fn what_is_no_recipient_is_refused() {
        for text in ["", "{user}@", "{user}x", "x{user}", "{user}@{user}", "{user}@a b", "{name}", "a b"] {
            assert!(Recipient::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_address_leaves_its_place_in_a_header(user in "\\PC*|[\\x00-\\x7f]*") {
            for recipient in ["{user}", "{user}@example.com"] {
                if let Some(address) = Recipient::parse(recipient).unwrap().of(&user) {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-@".contains(&byte);
                    prop_assert!(address.as_str().bytes().all(plain));
                }
            }
        }
    }
}
