//! A counter token in a credential: its fields, its seal, and the versions that know none.

use super::tests::{SECRET, created, credential, error, of_version, parse};
use super::*;
use crate::factor::hotp::{Hotp, LookAhead};
use crate::keyring::tests::keyring;
use crate::random::tests::Counter;

/// With a fob that has a look-ahead of its own.
fn with_fob(mut credential: Credential) -> Result<Credential, AddError> {
    let new = NewAuthenticator {
        label: Label::parse("fob").unwrap(),
        factor: Hotp::new(6).unwrap().with_look_ahead(Some(LookAhead::new(20).unwrap())).into(),
        created: created(),
        secret: &Secret::new(SECRET.to_vec()),
    };
    credential.add(new, &keyring(), &mut Counter(1))?;
    Ok(credential)
}

#[test]
fn a_counter_token_comes_back_as_it_was_written() {
    let text = with_fob(credential()).unwrap().to_document(Path::new("alice.toml")).unwrap();
    let fields =
        "label = \"fob\"\ntype = \"hotp\"\nalgorithm = \"SHA1\"\ndigits = 6\nlook_ahead = 20\ncreated";
    assert!(text.contains(fields), "{text}");
    let read = parse(&text).unwrap();
    let Factor::Hotp(hotp) = read.authenticators()[1].factor() else { panic!("a fob") };
    assert_eq!((hotp.digits(), hotp.look_ahead()), (6, Some(LookAhead::new(20).unwrap())));
    assert_eq!(read.to_document(Path::new("alice.toml")).unwrap(), text);
    assert_eq!(read.open(&read.authenticators()[1], &keyring()).unwrap().expose(), SECRET);
}

#[test]
fn a_counter_tokens_seal_opens_for_its_own_parameters_only() {
    let text = with_fob(credential()).unwrap().to_document(Path::new("alice.toml")).unwrap();
    let (phone, fob) = text.split_at(text.rfind("[[authenticator]]").unwrap());
    let with = |from: &str, to: &str| {
        let changed = fob.replacen(from, to, 1);
        assert_ne!(changed, fob);
        [phone, &changed].concat()
    };
    let totp = (
        "type = \"hotp\"\nalgorithm = \"SHA1\"\ndigits = 6\nlook_ahead = 20",
        "type = \"totp\"\nalgorithm = \"SHA1\"\ndigits = 6\nperiod = 30",
    );
    for (from, to) in [
        ("look_ahead = 20", "look_ahead = 50"),
        ("look_ahead = 20\n", ""),
        ("digits = 6", "digits = 8"),
        totp,
    ] {
        let changed = parse(&with(from, to)).unwrap();
        assert!(changed.open(&changed.authenticators()[1], &keyring()).is_err(), "{from} -> {to}");
    }
    for (from, to, problem) in [
        ("SHA1", "SHA256", "algorithm of a hotp authenticator must be SHA1"),
        ("digits = 6", "digits = 9", "digits must be 6, 7 or 8"),
        ("look_ahead = 20", "look_ahead = 51", "look_ahead must be 0 to 50"),
        ("look_ahead = 20", "period = 30", "period"),
        ("look_ahead = 20", "counter = 5", "counter"),
    ] {
        let error = error(&with(from, to));
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn an_earlier_version_has_no_counter_tokens() {
    for version in 1..VERSION {
        let refused = with_fob(of_version(version));
        assert!(matches!(refused, Err(AddError::Credential(CredentialError::EarlierVersion))), "{version}");
        let text = with_fob(credential()).unwrap().to_document(Path::new("alice.toml")).unwrap();
        let error = error(&text.replacen("version = 3", &format!("version = {version}"), 1));
        assert!(error.contains(&format!("which version {version} does not know")), "{error}");
    }
}
