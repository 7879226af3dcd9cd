//! What resealing promises: the same secrets, under the active key alone.

use super::tests::*;
use super::*;
use crate::keyring::tests::{keyring, with_new_key};
use crate::random::tests::Counter;

#[test]
fn a_resealed_credential_differs_in_its_seals_only() {
    let (old, keyring) = (credential(), with_new_key(&keyring()));
    let new = old.resealed(&keyring, &mut Counter(50)).unwrap().unwrap();
    let lines = |credential: &Credential| {
        let text = credential.to_document(Path::new("alice.toml")).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (before, after) = (lines(&old), lines(&new));
    let changed: Vec<&str> = after
        .iter()
        .zip(&before)
        .filter(|(new, old)| new != old)
        .map(|(new, _)| new.split(' ').next().unwrap())
        .collect();
    assert_eq!(changed, ["key", "nonce", "ciphertext", "key", "nonce", "ciphertext"]);
    assert_eq!(before.len(), after.len());
    assert!(new.keys().all(|key| key == keyring.active()) && new.keys().count() == 2);
}

#[test]
fn a_resealed_credential_opens_with_the_new_key_alone_and_to_the_same_secrets() {
    let (old, both) = (credential(), with_new_key(&keyring()));
    let new = old.resealed(&both, &mut Counter(50)).unwrap().unwrap();
    let text = both.without(&["k1".to_owned()]);
    let only_new = Keyring::parse(Path::new("keyring.toml"), text.expose()).unwrap();
    let [authenticator] = new.authenticators() else { panic!("one authenticator") };
    assert_eq!(new.open(authenticator, &only_new).unwrap().expose(), SECRET);
    let pepper = old.open_pepper(old.recovery().unwrap(), &both).unwrap();
    assert_eq!(new.open_pepper(new.recovery().unwrap(), &only_new).unwrap().expose(), pepper.expose());
    assert!(!old.has_keys_in(&only_new) && new.has_keys_in(&only_new) && old.has_keys_in(&both));
}

#[test]
fn a_resealed_seal_is_bound_as_before() {
    let keyring = with_new_key(&keyring());
    let new = credential().resealed(&keyring, &mut Counter(50)).unwrap().unwrap();
    let text = new.to_document(Path::new("alice.toml")).unwrap();
    for (from, to) in [("digits = 6", "digits = 8"), ("uid = 1001", "uid = 1002")] {
        let changed = parse(&text.replacen(from, to, 1)).unwrap();
        let [authenticator] = changed.authenticators() else { panic!("one authenticator") };
        assert!(changed.open(authenticator, &keyring).is_err(), "{from} -> {to}");
    }
}

#[test]
fn what_is_under_the_active_key_is_not_sealed_again() {
    let keyring = with_new_key(&keyring());
    let new = credential().resealed(&keyring, &mut Counter(50)).unwrap().unwrap();
    assert!(new.resealed(&keyring, &mut Counter(60)).unwrap().is_none());
    // Half of it is: a second phone was added after the new key was made.
    let mut half = credential();
    half.authenticators.extend(new.authenticators().iter().cloned());
    let whole = half.resealed(&keyring, &mut Counter(60)).unwrap().unwrap();
    assert!(whole.keys().all(|key| key == keyring.active()));
    assert_eq!(whole.authenticators[1].sealed.nonce, new.authenticators[0].sealed.nonce);
}

#[test]
fn a_credential_that_does_not_open_is_not_resealed() {
    let keyring = with_new_key(&keyring());
    let mut damaged = credential();
    damaged.authenticators[0].sealed.ciphertext[0] ^= 1;
    assert!(matches!(damaged.resealed(&keyring, &mut Counter(50)), Err(ResealError::Open(_))));
    let mut damaged = credential();
    damaged.recovery.as_mut().unwrap().sealed.ciphertext[0] ^= 1;
    assert!(matches!(damaged.resealed(&keyring, &mut Counter(50)), Err(ResealError::Open(_))));
}
