//! What a keyring promises: what it sealed opens, and a document that is not whole is refused without a word of its keys.

use super::*;
use crate::random::tests::Counter;
use std::path::Path;

pub(crate) use crate::fixture::{keyring, named_k1, with_new_key};

fn created() -> Created {
    "2026-11-20T19:00:00Z".parse().unwrap()
}

fn read(text: &Secret) -> Keyring {
    Keyring::parse(Path::new("keyring.toml"), text.expose()).unwrap()
}

fn ids(keyring: &Keyring) -> Vec<&str> {
    keyring.keys().iter().map(Key::id).collect()
}

fn error(text: &str) -> String {
    match Keyring::parse(Path::new("keyring.toml"), text.as_bytes()) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_sealed_opens_under_the_same_binding_only() {
    let keyring = keyring();
    let binding = Binding::default().text("alice").number(1001);
    let sealed = keyring.seal(&Secret::new(b"hello".to_vec()), binding.bytes(), &mut Counter(7)).unwrap();
    assert_eq!(
        keyring.open(&sealed, binding.bytes()).ok().map(|s| s.expose().to_vec()),
        Some(b"hello".to_vec())
    );
    let other = Binding::default().text("alice").number(1002);
    assert!(matches!(keyring.open(&sealed, other.bytes()), Err(OpenError::DoesNotOpen { .. })));
}

#[test]
fn a_changed_seal_does_not_open() {
    let keyring = keyring();
    let sealed = keyring.seal(&Secret::new(b"hello".to_vec()), b"", &mut Counter(7)).unwrap();
    for at in 0..sealed.ciphertext.len() {
        let mut changed = sealed.clone();
        changed.ciphertext[at] ^= 1;
        assert!(keyring.open(&changed, b"").is_err());
    }
    let mut short = sealed;
    short.nonce.pop();
    assert!(keyring.open(&short, b"").is_err());
}

#[test]
fn a_seal_under_a_key_that_is_gone_says_which() {
    let keyring = keyring();
    let mut sealed = keyring.seal(&Secret::new(b"hello".to_vec()), b"", &mut Counter(7)).unwrap();
    sealed.key = "k9".to_owned();
    let error = keyring.open(&sealed, b"").err().unwrap().to_string();
    assert!(error.contains("\"k9\" is not in keyring.toml"), "{error}");
}

#[test]
fn a_keyring_lacks_a_key_of_another_that_has_the_same_name() {
    let (one, other) = (keyring(), named_k1(9));
    assert_eq!(ids(&one), ids(&other));
    assert_eq!(one.lacks(&other).map(Key::id), Some(other.active()));
    let more = with_new_key(&one);
    assert_eq!(one.lacks(&more).map(Key::id), Some(more.active()));
    assert!(more.lacks(&one).is_none() && one.lacks(&one).is_none());
}

#[test]
fn a_new_key_seals_and_the_old_one_still_opens() {
    let old = keyring();
    let sealed = old.seal(&Secret::new(b"hello".to_vec()), b"", &mut Counter(7)).unwrap();
    let new = with_new_key(&old);
    assert_eq!(new.open(&sealed, b"").ok().unwrap().expose(), b"hello");
    let sealed = new.seal(&Secret::new(b"hello".to_vec()), b"", &mut Counter(8)).unwrap();
    assert!(sealed.key == new.active() && sealed.key != old.active());
    assert!(matches!(old.open(&sealed, b""), Err(OpenError::MissingKey { .. })));
    let dropped = read(&new.without(&[old.active().to_owned()]));
    assert_eq!(ids(&dropped), [new.active()]);
    assert_eq!(dropped.open(&sealed, b"").ok().unwrap().expose(), b"hello");
}

#[test]
fn a_new_key_comes_last_with_its_date_and_an_id_that_no_key_had() {
    let keyring = keyring();
    let (one, other) = (
        read(&keyring.with_new_key(created(), &mut Counter(1)).ok().unwrap()),
        read(&keyring.with_new_key(created(), &mut Counter(2)).ok().unwrap()),
    );
    assert_eq!(ids(&one), ["k1", one.active()]);
    assert!(one.active().starts_with("k2-") && one.active() != other.active());
    assert!(with_new_key(&one).active().starts_with("k3-"));
    assert!(one.keys().iter().all(|key| key.created() == Some(created())));
}

#[test]
fn the_first_keys_of_two_keyrings_have_different_ids() {
    let first = |seed| read(&Keyring::generate(created(), &mut Counter(seed)).unwrap());
    assert!(first(1).active().starts_with("k1-") && first(1).active() != first(2).active());
}

#[test]
fn a_merged_keyring_opens_what_either_sealed() {
    let hello = Secret::new(b"hello".to_vec());
    let (old, new) = (keyring(), read(&Keyring::generate(created(), &mut Counter(9)).unwrap()));
    let seals = [&old, &new].map(|keyring| keyring.seal(&hello, b"", &mut Counter(7)).unwrap());
    let merged = read(&new.merged(&old).unwrap());
    assert!(seals.iter().all(|seal| merged.open(seal, b"").is_ok()));
    assert_eq!(merged.active(), new.active());
    assert_eq!(ids(&read(&merged.merged(&old).unwrap())), ids(&merged));
}

#[test]
fn of_two_keys_of_one_id_only_one_that_is_not_active_is_replaced() {
    let hello = Secret::new(b"hello".to_vec());
    let (old, new) = (keyring(), named_k1(9));
    let sealed = old.seal(&hello, b"", &mut Counter(7)).unwrap();
    assert_eq!((new.clashes(&old), new.clashes(&new)), (vec!["k1".to_owned()], vec![]));
    assert!(matches!(new.merged(&old), Err(MergeError::ActiveClashes(id)) if id == "k1"));
    let rotated = with_new_key(&new);
    let merged = read(&rotated.merged(&old).unwrap());
    assert!(merged.open(&sealed, b"").is_ok() && merged.active() == rotated.active());
    let full = (2..MOST_KEYS).fold(rotated, |keyring, _| with_new_key(&keyring));
    let other = read(&Keyring::generate(created(), &mut Counter(50)).unwrap());
    assert!(matches!(full.merged(&other), Err(MergeError::TooMany)));
}

#[test]
fn the_active_key_is_never_dropped() {
    let keyring = keyring();
    assert_eq!(ids(&read(&keyring.without(&["k1".to_owned()]))), ["k1"]);
}

#[test]
fn a_full_keyring_takes_no_further_key() {
    let full = (1..MOST_KEYS).fold(keyring(), |keyring, _| with_new_key(&keyring));
    assert_eq!(full.keys().len(), MOST_KEYS);
    assert!(matches!(full.with_new_key(created(), &mut Counter(99)), Err(NewKeyError::TooMany)));
}

#[test]
fn bindings_of_different_fields_differ() {
    assert_ne!(Binding::default().text("ab").text("c").0, Binding::default().text("a").text("bc").0);
}

#[test]
fn a_keyring_that_is_not_whole_is_refused() {
    let key = "[[key]]\nid = \"k1\"\nsecret = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n";
    assert!(error("").contains("missing field"));
    assert!(error(&format!("version = 2\nactive = \"k1\"\n{key}")).contains("version 2"));
    assert!(error(&format!("version = 1\nactive = \"k2\"\n{key}")).contains("active key"));
    assert!(error(&format!("version = 1\nactive = \"k1\"\n{key}{key}")).contains("twice"));
    assert!(
        error("version = 1\nactive = \"k1\"\n[[key]]\nid = \"k1\"\nsecret = \"AAAA\"\n").contains("32 bytes")
    );
    let slipped = error("version = 1\nactive = \"k1\"\nhunter2 = \"secret\"\n");
    assert!(
        slipped.contains("line 3: it contains an unknown field") && !slipped.contains("hunter2"),
        "{slipped}"
    );
    let error = error("version = 1\nactive = \"k1\"\n[[key]]\nid = \"k1\"\nsecret = \"hunter2!\"\n");
    assert!(error.contains("line 5") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_keyring_without_dates_is_read_and_kept_as_it_is() {
    let key = "\n[[key]]\nid = \"old\"\nsecret = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n";
    let text = format!("version = 1\nactive = \"old\"\n{key}");
    let keyring = Keyring::parse(Path::new("keyring.toml"), text.as_bytes()).unwrap();
    assert!(keyring.keys().iter().all(|key| key.created().is_none()));
    assert!(keyring.without(&[]).expose().ends_with(text.as_bytes()));
    assert!(with_new_key(&keyring).active().starts_with("k1-"));
}

#[test]
fn an_id_is_letters_digits_and_dashes() {
    let document = |id: &str| {
        format!("version = 1\nactive = \"{id}\"\n[[key]]\nid = \"{id}\"\nsecret = \"{}=\"\n", "A".repeat(43))
    };
    for id in ["k1", "K-2026-11"] {
        assert!(Keyring::parse(Path::new("keyring.toml"), document(id).as_bytes()).is_ok(), "{id}");
    }
    for id in ["", "k 1", "k_1", "k\\n1", "ä"] {
        assert!(error(&document(id)).contains("letters, digits and dashes"), "{id}");
    }
}

#[test]
fn every_key_is_listed_and_which_of_them_seals() {
    let key = |id: &str| format!("[[key]]\nid = \"{id}\"\nsecret = \"{}=\"\n", "A".repeat(43));
    let text = format!("version = 1\nactive = \"k2\"\n{}{}", key("k1"), key("k2"));
    let keyring = Keyring::parse(Path::new("keyring.toml"), text.as_bytes()).unwrap();
    assert_eq!(keyring.keys().iter().map(Key::id).collect::<Vec<_>>(), ["k1", "k2"]);
    assert_eq!(keyring.active(), "k2");
}

#[test]
fn a_key_that_is_no_text_is_told_what_it_should_be_and_not_repeated() {
    let number = error("version = 1\nactive = \"k1\"\n[[key]]\nid = \"k1\"\nsecret = 12345678\n");
    assert!(number.contains("expected base64 text") && !number.contains("12345678"), "{number}");
}

#[test]
fn a_keyring_of_a_later_version_is_refused_by_its_number() {
    let key = format!("[[key]]\nid = \"k1\"\nsecret = \"{}=\"\n", "A".repeat(43));
    for text in [
        format!("version = 2\nactive = \"k1\"\n{key}"),
        format!("version = 2\nactive = \"k1\"\nhardware = true\n{key}"),
        "version = 2\n".to_owned(),
    ] {
        assert!(
            error(&text).contains("version 2 is newer than this program reads (1): upgrade it"),
            "{text}"
        );
    }
    assert!(error(&format!("version = 0\nactive = \"k1\"\n{key}")).contains("version 0 is not one"));
}
