//! What is one place, and which rows a source has.

use super::source::{Identity, Mark, Place, RowKind, Source, SourceRules};
use crate::network::Network;
use crate::random::{Id, Secret};
use proptest::prelude::*;
use std::net::Ipv4Addr;

fn place(text: &str) -> Option<String> {
    Place::of(text, &SourceRules::default()).map(|place| place.name().to_owned())
}

fn identity(source: &Source) -> Identity {
    of(source, [1; 16], Some(b"12345678901234567890"))
}

fn of(source: &Source, credential: [u8; 16], secret: Option<&[u8]>) -> Identity {
    let secret = secret.map(|secret| Secret::new(secret.to_vec()));
    source.identity(Some(1001), Id::new(credential), secret.as_ref())
}

fn remote(key: Option<&str>, address: &str) -> Source {
    let place = Place::of(address, &SourceRules::default()).unwrap();
    Source::Remote { key: key.map(str::to_owned), place }
}

#[test]
fn an_address_is_a_place_and_a_name_is_none() {
    for (text, name) in [
        ("192.0.2.7", Some("192.0.2.7")),
        ("::ffff:192.0.2.7", Some("192.0.2.7")),
        ("64:ff9b::c000:207", Some("192.0.2.7")),
        ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::/64")),
        ("2001:db8:1:2::1", Some("2001:db8:1:2::/64")),
        ("fe80::1%eth0", Some("fe80::1%eth0")),
        ("fe80::1", Some("fe80::1")),
        ("64:ff9b:1::c000:207", Some("64:ff9b:1::/64")),
        ("2001:db8::1%eth0", None),
        ("192.0.2.7%eth0", None),
        ("host.example", None),
        ("localhost", None),
        ("192.0.2.7 ", None),
        ("", None),
        ("%", None),
    ] {
        assert_eq!(place(text).as_deref(), name, "{text}");
    }
}

#[test]
fn the_prefix_of_the_config_holds() {
    let rules = |ipv6_prefix| SourceRules { ipv6_prefix, ..SourceRules::default() };
    for (prefix, name) in
        [(48, "2001:db8:1::/48"), (56, "2001:db8:1:200::/56"), (128, "2001:db8:1:2ff::1/128")]
    {
        let place = Place::of("2001:db8:1:2ff::1", &rules(prefix)).unwrap();
        assert_eq!(place.name(), name);
    }
}

#[test]
fn at_a_shared_address_only_a_key_makes_a_source() {
    let shared_addresses = vec![Network::parse("192.0.2.0/24").unwrap()];
    let rules = SourceRules { shared_addresses, ..SourceRules::default() };
    for address in ["192.0.2.7", "::ffff:192.0.2.7"] {
        let place = Place::of(address, &rules).unwrap();
        let kind = |key: Option<&str>| {
            let source = Source::Remote { key: key.map(str::to_owned), place: place.clone() };
            identity(&source).own.map(|(kind, _)| kind)
        };
        assert_eq!([kind(None), kind(Some("SHA256:a"))], [None, Some(RowKind::KeyAtAddress)]);
    }
}

#[test]
fn the_own_uid_is_a_row_of_its_own_and_another_uid_is_a_source() {
    assert_eq!(identity(&Source::Local(1001)).own, Some((RowKind::Own, Mark::OWN)));
    let (kind, mark) = identity(&Source::Local(1002)).own.unwrap();
    assert_eq!((kind, mark.uid()), (RowKind::LocalUid, 1002));
    assert_eq!(identity(&Source::Foreign), Identity::FOREIGN);
}

#[test]
fn without_the_secret_a_remote_source_is_foreign() {
    let foreign = of(&remote(Some("k"), "192.0.2.7"), [1; 16], None);
    assert_eq!((foreign.own, foreign.key), (None, None));
    let elsewhere = of(&remote(None, "192.0.2.8"), [1; 16], None);
    assert_ne!(foreign.place, elsewhere.place, "places are counted all the same");
}

#[test]
fn each_part_of_a_source_changes_its_row() {
    let secret: Option<&[u8]> = Some(b"12345678901234567890");
    let here = remote(Some("k"), "192.0.2.7");
    let all = [
        of(&here, [1; 16], secret),
        of(&here, [2; 16], secret),
        of(&here, [1; 16], Some(b"another secret 12345")),
        of(&remote(Some("l"), "192.0.2.7"), [1; 16], secret),
        of(&remote(Some("k"), "192.0.2.8"), [1; 16], secret),
        of(&remote(None, "192.0.2.7"), [1; 16], secret),
        of(&remote(Some(""), "192.0.2.7"), [1; 16], secret),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(all.iter().skip(at + 1).all(|other| other.own != one.own), "{at}");
    }
    assert_eq!(all[0], of(&here, [1; 16], secret));
    // The key alone is the same wherever it is used.
    assert_eq!(all[0].key, all[4].key);
}

proptest! {
    #[test]
    fn an_ipv4_address_is_one_place_however_it_is_written(address in any::<u32>()) {
        let address = Ipv4Addr::from_bits(address);
        let [a, b, c, d] = address.octets();
        let translated = format!("64:ff9b::{a:02x}{b:02x}:{c:02x}{d:02x}");
        for text in [address.to_string(), format!("::ffff:{address}"), translated] {
            prop_assert_eq!(place(&text), Some(address.to_string()));
        }
    }

    #[test]
    fn no_text_makes_a_place_panic(text in "\\PC{0,60}") {
        let _ = place(&text);
    }
}
