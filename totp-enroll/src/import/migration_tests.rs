//! Exports that are built here byte by byte, by the known layout and not by the library that reads them.

use super::*;
use data_encoding::BASE64;
use proptest::prelude::*;

const TWENTY: &[u8] = b"12345678901234567890";

/// A field of bytes: its number and the wire type 2, the length, the bytes.
fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    [&[field << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

/// A field of a small number.
fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

fn account(name: &str, algorithm: u8, digits: u8, kind: u8) -> Vec<u8> {
    let fields = [bytes(1, TWENTY), bytes(2, name.as_bytes()), bytes(3, b"ACME"), number(4, algorithm)];
    let more = [number(5, digits), number(6, kind), number(7, 9), bytes(8, b"unique")];
    bytes(1, &[fields.concat(), more.concat()].concat())
}

fn line(payload: &[u8]) -> String {
    let data = BASE64.encode(payload).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("otpauth-migration://offline?data={data}")
}

fn token(account: &[u8]) -> Result<Token, Problem> {
    parse(line(account).as_bytes(), None).ok().unwrap().remove(0)
}

fn problem(result: Result<Token, Problem>) -> Problem {
    match result {
        Ok(_) => panic!("accepted"),
        Err(problem) => problem,
    }
}

#[test]
fn every_account_of_an_export_is_read_with_its_parameters() {
    let payload = [
        account("ACME: alice", 1, 1, 2),
        account("bob", 2, 2, 2),
        account("a:b:carol", 3, 0, 2),
        number(2, 1),
    ];
    let tokens = parse(line(&payload.concat()).as_bytes(), None).ok().unwrap();
    let read: Vec<_> = tokens.iter().map(|token| token.as_ref().ok().unwrap()).collect();
    let expected =
        [("alice", Algorithm::Sha1, 6), ("bob", Algorithm::Sha256, 8), ("carol", Algorithm::Sha512, 6)];
    for (token, (user, algorithm, digits)) in read.iter().zip(expected) {
        assert_eq!(token.user, user);
        assert_eq!(token.parameters, Parameters::new(algorithm, digits, 30).unwrap());
        assert_eq!(token.secret.expose(), TWENTY);
    }
    assert_eq!(read.len(), 3);
}

#[test]
fn what_is_left_out_is_what_every_app_takes_for_it() {
    let account = bytes(1, &[bytes(1, TWENTY), bytes(2, b"alice"), number(6, 2)].concat());
    assert_eq!(token(&account).ok().unwrap().parameters, Parameters::EVERY_APP);
}

#[test]
fn an_export_is_read_however_its_base64_is_written() {
    let payload = [account("alice", 1, 1, 2), bytes(9, &[0xfb, 0xff, 0xfe])].concat();
    let text = BASE64.encode(&payload);
    for data in [
        text.clone(),
        text.trim_end_matches('=').to_owned(),
        text.replace('+', "-").replace('/', "_"),
        text.replace('+', "%2b").replace('=', "%3d"),
    ] {
        for line in [
            format!("otpauth-migration://offline?data={data}"),
            format!("  OTPAUTH-MIGRATION://offline?x=1&data={data}&y\r"),
        ] {
            assert!(is_export(line.as_bytes()));
            assert!(parse(line.as_bytes(), None).ok().unwrap().remove(0).is_ok(), "{line}");
        }
    }
    assert!(!is_export(b"otpauth://totp/x") && !is_export(b"") && !is_export(b"# otpauth-migration://"));
}

#[test]
fn an_account_that_cannot_be_taken_over_is_named_by_its_place_and_hides_no_other() {
    let payload = [account("alice", 1, 1, 1), account("bob", 1, 1, 2)].concat();
    let mut tokens = parse(line(&payload).as_bytes(), None).ok().unwrap();
    assert_eq!(tokens.pop().unwrap().ok().unwrap().user, "bob");
    assert_eq!(problem(tokens.pop().unwrap()), Problem::Counter(1));
    assert_eq!(problem(token(&account("alice", 1, 1, 0))), Problem::Type(1));
    assert_eq!(problem(token(&account("alice", 1, 1, 3))), Problem::Type(1));
    assert_eq!(problem(token(&account("alice", 4, 1, 2))), Problem::Algorithm(1));
    assert_eq!(problem(token(&account("alice", 1, 3, 2))), Problem::Digits(1));
    assert_eq!(problem(token(&account("ACME: ", 1, 1, 2))), Problem::NoAccount(1));
    let named = parse(line(&account("", 1, 1, 2)).as_bytes(), Some("alice")).ok().unwrap().remove(0);
    assert_eq!(named.ok().unwrap().user, "alice");
}

#[test]
fn half_an_export_is_none() {
    let whole = [account("alice", 1, 1, 2), account("bob", 1, 1, 2)].concat();
    let first = account("alice", 1, 1, 2).len();
    for cut in (0..whole.len()).filter(|cut| ![0, first].contains(cut)) {
        assert!(matches!(parse(line(&whole[..cut]).as_bytes(), None), Err(Problem::Unreadable)), "{cut}");
    }
    let whole = |text: &str| parse(text.as_bytes(), None).err();
    assert_eq!(whole("otpauth-migration://offline"), Some(Problem::NoData));
    assert_eq!(whole("otpauth-migration://offline?date=CjE"), Some(Problem::NoData));
    assert_eq!(whole("otpauth-migration://offline?data=C%20jE"), Some(Problem::Encoding));
    assert_eq!(whole("otpauth-migration://offline?data=C"), Some(Problem::Encoding));
    assert_eq!(whole("otpauth-migration://offline?data="), Some(Problem::Empty));
    assert_eq!(
        whole(&format!("otpauth-migration://offline?data={}", "A".repeat(LONGEST))),
        Some(Problem::TooLong)
    );
}

#[test]
fn which_part_of_an_export_a_line_is_can_be_told() {
    let of = |parts: u8, part: u8| {
        let payload = [account("alice", 1, 1, 2), number(3, parts), number(4, part), number(5, 77)].concat();
        super::part(line(&payload).as_bytes())
    };
    assert_eq!(of(3, 2), Some(Part { id: 77, of: 3, index: 2 }));
    assert_eq!((of(1, 0), of(0, 0), of(3, 3)), (None, None, None));
}

proptest! {
    #[test]
    fn any_bytes_are_an_export_or_a_problem(payload in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = parse(line(&payload).as_bytes(), None);
        let _ = super::part(line(&payload).as_bytes());
        let _ = parse(&payload, None);
    }
}
