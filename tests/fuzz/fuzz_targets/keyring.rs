//! The keyring: an error says the same whatever the key is, and an accepted one has one active key among keys of
//! distinct ids, and is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use totp_core::DocumentError;
use totp_core::keyring::{Key, Keyring};
use totp_fuzz::{LETTERS, NUMBERS, assert_names_a_place, assert_same_words, two_secrets};

fuzz_target!(|document: &[u8]| {
    match parse(document) {
        Ok(keyring) => {
            assert_has_one_active_key(&keyring);
            assert_is_written_as_it_was_read(&keyring);
        }
        Err(error) => assert_names_a_place(&error, document),
    }
    for secrets in [LETTERS, NUMBERS] {
        if let Some([one, other]) = two_secrets(document, secrets, is_key) {
            assert_same_words(parse(&one), parse(&other));
        }
    }
});

fn parse(document: &[u8]) -> Result<Keyring, DocumentError> {
    Keyring::parse(Path::new("/keyring.toml"), document)
}

fn assert_has_one_active_key(keyring: &Keyring) {
    let ids: Vec<&str> = keyring.keys().iter().map(Key::id).collect();
    assert_eq!(ids.iter().filter(|id| **id == keyring.active()).count(), 1);
    for (at, id) in ids.iter().enumerate() {
        assert!(is_id(id) && !ids[..at].contains(id));
    }
}

fn assert_is_written_as_it_was_read(keyring: &Keyring) {
    let text = keyring.without(&[]);
    let again = parse(text.expose()).expect("what was written is read");
    assert_eq!(again.active(), keyring.active());
    let told = |key: &Key| (key.id().to_owned(), key.created());
    assert!(again.keys().iter().map(told).eq(keyring.keys().iter().map(told)));
    assert!(again.without(&[]).expose() == text.expose());
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// On a line of its own that begins with `secret`; behind a comma there may be an id, which errors do name.
fn is_key(before: &[u8]) -> bool {
    before.trim_ascii_start().starts_with(b"secret") && before.contains(&b'=') && !before.contains(&b',')
}
