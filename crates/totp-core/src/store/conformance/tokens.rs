//! What every engine promises of the inventory of tokens.
#![expect(clippy::unwrap_used, reason = "what an engine does not keep has to fail its test")]

use crate::factor::hotp::Hotp;
use crate::fixture::{Counter, NOON, PATIENCE, PHONE, keyring, with_new_key};
use crate::keyring::rotation::Rotation;
use crate::random::Secret;
use crate::store::{Engine, Inventory, StoreError, Tokens};
use crate::time::Created;
use crate::token::{NewToken, Serial, Token};

fn token(serial: &str) -> Token {
    let new = NewToken {
        serial: Serial::parse(serial).unwrap(),
        maker: None,
        model: None,
        factor: Hotp::new(6).unwrap().into(),
        used_up_to: 0,
        secret: Secret::new(PHONE.to_vec()),
        valid_from: None,
        expires: None,
    };
    Token::seal(&new, Created::at(NOON).unwrap(), &keyring(), &mut Counter(7)).unwrap()
}

fn serials(store: &impl Tokens) -> Vec<String> {
    let mut serials: Vec<String> =
        store.serials().unwrap().map(|serial| serial.unwrap().as_str().to_owned()).collect();
    serials.sort();
    serials
}

fn hold<S: Tokens>(store: &S) -> S::Inventory {
    store.hold_tokens(PATIENCE).unwrap().unwrap()
}

/// Added tokens are listed and read, replaced ones are the new ones, and removed ones are gone.
pub fn tokens_are_added_and_replaced<G, S: Tokens>((_guard, store): (G, S)) {
    assert_eq!(serials(&store), Vec::<String>::new());
    assert!(store.token(token("A1").serial()).unwrap().is_none());
    hold(&store).add(&[token("A1"), token("B2")]).unwrap();
    assert_eq!(serials(&store), ["A1", "B2"]);
    let revoked = token("A1").revoked(Created::at(NOON).unwrap());
    hold(&store).replace(&[revoked]).unwrap();
    let read = |serial: &str| store.token(&Serial::parse(serial).unwrap()).unwrap().unwrap();
    assert_eq!([read("A1"), read("B2")].map(|token| token.revoked_at().is_some()), [true, false]);
    let gone = ["A1", "C3"].map(|serial| Serial::parse(serial).unwrap());
    hold(&store).remove(&gone).unwrap();
    assert_eq!(serials(&store), ["B2"]);
}

/// A serial number that is there already: nothing is added.
pub fn tokens_are_added_together_or_not_at_all<G, S: Tokens>((_guard, store): (G, S)) {
    hold(&store).add(&[token("B2")]).unwrap();
    let added = hold(&store).add(&[token("A1"), token("B2"), token("C3")]);
    assert!(matches!(added, Err(StoreError::Unsafe { .. })), "{added:?}");
    assert_eq!(serials(&store), ["B2"]);
}

/// Until the hold is dropped.
pub fn one_process_holds_the_inventory<G, S: Tokens>((_guard, store): (G, S)) {
    hold(&store).add(&[token("A1")]).unwrap();
    let held = hold(&store);
    assert!(store.hold_tokens(PATIENCE).unwrap().is_none());
    drop(held);
    hold(&store);
}

/// Afterwards no token needs the old key, so it can be dropped.
pub fn tokens_are_resealed<G, S: Engine>((_guard, store): (G, S)) {
    store.prepare().unwrap();
    hold(&store).add(&[token("A1"), token("B2")]).unwrap();
    let keyring = with_new_key(&keyring());
    let rotation =
        Rotation { store: &store, keyring: &keyring, entropy: &mut Counter(9), patience: PATIENCE };
    let rotated = rotation.run(&mut |_| {}).map_err(|(error, _)| error).unwrap();
    assert_eq!((rotated.resealed_tokens, rotated.left.len(), rotated.unnamed.len()), (2, 0, 1));
    for serial in ["A1", "B2"] {
        let token = store.token(&Serial::parse(serial).unwrap()).unwrap().unwrap();
        assert_eq!(token.key(), keyring.active());
        assert!(token.check_seal(&keyring).is_ok());
    }
}
