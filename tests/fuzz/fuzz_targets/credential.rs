//! The credential: what is accepted is in range, is its owner's only, and comes back from its own document unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;
use totp_core::DocumentError;
use totp_core::code::DIGITS;
use totp_core::credential::{Credential, Label, MOST_AUTHENTICATORS};
use totp_core::factor::Factor;
use totp_core::factor::hotp::WIDEST_LOOK_AHEAD;
use totp_core::factor::totp::PERIODS;
use totp_core::recovery::MOST_CODES;
use totp_core::user::User;
use totp_fuzz::{LETTERS, assert_names_a_place, assert_same_words, two_secrets};

static ALICE: LazyLock<User> = LazyLock::new(|| User::parse("alice").unwrap());
static BOB: LazyLock<User> = LazyLock::new(|| User::parse("bob").unwrap());
const FILE: &str = "/alice.toml";

fuzz_target!(|document: &[u8]| {
    match parse(document, &ALICE) {
        Ok(credential) => {
            assert_in_range(&credential);
            assert_comes_back(&credential);
            assert!(parse(document, &BOB).is_err(), "the credential of one user is taken for another's");
        }
        Err(error) => assert_names_a_place(&error, document),
    }
    if let Some([one, other]) = two_secrets(document, LETTERS, is_sealed) {
        assert_same_words(parse(&one, &ALICE), parse(&other, &ALICE));
    }
});

fn parse(document: &[u8], user: &User) -> Result<Credential, DocumentError> {
    Credential::parse(Path::new(FILE), document, user)
}

fn assert_in_range(credential: &Credential) {
    assert_eq!(credential.owner().user, *ALICE);
    assert!((1..=MOST_AUTHENTICATORS).contains(&credential.authenticators().len()));
    assert!(credential.recovery_codes() <= MOST_CODES);
    for (at, authenticator) in credential.authenticators().iter().enumerate() {
        assert!(DIGITS.contains(&authenticator.factor().digits()));
        match authenticator.factor() {
            Factor::Totp(totp) => assert!(PERIODS.contains(&totp.parameters().period())),
            Factor::Hotp(hotp) => {
                assert!(hotp.look_ahead().is_none_or(|own| own.counters() <= WIDEST_LOOK_AHEAD));
            }
        }
        assert!(Label::parse(authenticator.label().as_str()).is_ok());
        let before = &credential.authenticators()[..at];
        assert!(!before.iter().any(|other| other.label() == authenticator.label()), "two of one label");
    }
}

fn assert_comes_back(credential: &Credential) {
    let written = credential.to_document(Path::new(FILE)).expect("what was read can be written");
    let again = parse(written.as_bytes(), &ALICE).expect("what was written can be read");
    assert_eq!(again.to_document(Path::new(FILE)).expect("twice"), written);
    assert_eq!(again.owner(), credential.owner());
    assert_eq!(again.created(), credential.created());
    assert_eq!(again.recovery_created(), credential.recovery_created());
    assert_eq!(again.recovery_codes(), credential.recovery_codes());
    for (one, other) in again.authenticators().iter().zip(credential.authenticators()) {
        assert_eq!(
            (one.label(), one.factor(), one.created()),
            (other.label(), other.factor(), other.created())
        );
    }
}

/// In the value of a line that begins with `ciphertext` or `nonce`, before any comma. The name of a key may be repeated.
fn is_sealed(before: &[u8]) -> bool {
    let line = before.trim_ascii_start();
    (line.starts_with(b"ciphertext") || line.starts_with(b"nonce"))
        && before.contains(&b'=')
        && !before.contains(&b',')
}
