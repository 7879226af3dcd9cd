//! Tests of recognising a typed answer.

use super::*;
use proptest::prelude::*;

fn totp(typed: &[u8]) -> Option<Vec<u8>> {
    match Answer::recognise(typed)? {
        Answer::Code(code) => Some(code.expose().to_vec()),
        Answer::Recovery(_) | Answer::Trailing(_) | Answer::Pair(..) => None,
    }
}

fn recovery(typed: &[u8]) -> Option<Vec<u8>> {
    match Answer::recognise(typed)? {
        Answer::Recovery(code) => Some(code.expose().to_vec()),
        Answer::Code(_) | Answer::Trailing(_) | Answer::Pair(..) => None,
    }
}

#[test]
fn digits_are_a_code_with_or_without_blanks() {
    assert_eq!(totp(b"123456"), Some(b"123456".to_vec()));
    assert_eq!(totp(b" 123 456 "), Some(b"123456".to_vec()));
    assert_eq!(totp(b"12345678"), Some(b"12345678".to_vec()));
}

#[test]
fn a_recovery_code_is_read_as_people_write_it() {
    let normal = Some(b"0123ABCDEFGH1101".to_vec());
    assert_eq!(recovery(b"0123-ABCD-EFGH-1101"), normal);
    assert_eq!(recovery(b"o123 abcd efgh ilo1"), normal);
}

#[test]
fn what_cannot_be_a_code_is_not_judged() {
    let long = vec![b'1'; 1 << 20];
    let answers: [&[u8]; 12] = [
        b"",
        b"12345",
        b"123456789",
        b"+123456",
        b"12345a",
        b"\x08\n\r\x7fINCORRECT",
        b"correct horse battery staple",
        b"UUUU-UUUU-UUUU-UUUU",
        b"p4ssw0rd!p4ssw0r",
        b"AAAA_AAAA_AAAA_A",
        b"\xff\xfe123456",
        &long,
    ];
    for answer in answers {
        assert!(Answer::recognise(answer).is_none(), "{answer:?}");
    }
}

#[test]
fn a_code_is_read_as_the_person_sees_it() {
    for typed in ["123456\r", "123456\n", "123456\t", "123456\u{a0}", "123\u{2009}456", "１２３４５６"]
    {
        assert_eq!(totp(typed.as_bytes()), Some(b"123456".to_vec()), "{typed:?}");
    }
    let dashes = "0123\u{2013}abcd\u{2013}efgh-1101\r\n";
    assert_eq!(recovery(dashes.as_bytes()), Some(b"0123ABCDEFGH1101".to_vec()));
    assert!(matches!(Answer::recognise(b"755224\n287082\n"), Some(Answer::Pair(..))));
    assert!(asks_for_two_codes("sync\u{a0}".as_bytes()));
}

#[test]
fn two_codes_with_a_blank_between_them_are_a_pair() {
    let pair = |typed: &[u8]| match Answer::recognise(typed)? {
        Answer::Pair(first, second) => Some((first.expose().to_vec(), second.expose().to_vec())),
        Answer::Code(_) | Answer::Recovery(_) | Answer::Trailing(_) => None,
    };
    let two = |first: &[u8], second: &[u8]| Some((first.to_vec(), second.to_vec()));
    assert_eq!(pair(b"755224 287082"), two(b"755224", b"287082"));
    assert_eq!(pair(b"  84755224   94287082 "), two(b"84755224", b"94287082"));
    let refused: [&[u8]; 6] = [
        b"755224287082",
        b"755224 8287082",
        b"755 224 287 082",
        b"755224 287082 1",
        b"75522 287082",
        b"755224-287082",
    ];
    for typed in refused {
        assert_eq!(pair(typed), None, "{typed:?}");
    }
}

#[test]
fn two_codes_that_were_asked_for_are_read_like_single_ones() {
    let two = |first: &[u8], second: &[u8]| match Answer::two_codes(first, second)? {
        Answer::Pair(first, second) => Some((first.expose().to_vec(), second.expose().to_vec())),
        Answer::Code(_) | Answer::Recovery(_) | Answer::Trailing(_) => None,
    };
    assert_eq!(two(b" 755 224", b"287-082"), Some((b"755224".to_vec(), b"287082".to_vec())));
    for (first, second) in [
        (&b"755224"[..], &b"8287082"[..]),
        (b"755224", b""),
        (b"755224 287082", b"755224 287082"),
        (b"0123-ABCD-EFGH-1101", b"0123-ABCD-EFGH-1101"),
        (b"sync", b"sync"),
    ] {
        assert_eq!(two(first, second), None, "{first:?} {second:?}");
    }
}

#[test]
fn the_word_sync_asks_for_two_codes() {
    for typed in [&b"sync"[..], b"SYNC", b" Sync \t", b"sync\r\n"] {
        assert!(asks_for_two_codes(typed) && Answer::recognise(typed).is_none(), "{typed:?}");
    }
    for typed in [&b""[..], b"syn", b"syncs", b"s ync", b"755224", b"\0sync"] {
        assert!(!asks_for_two_codes(typed), "{typed:?}");
    }
}

fn behind(typed: &[u8]) -> Option<(&'static str, Vec<u8>, Option<usize>)> {
    let BehindPassword { answer, length, .. } = BehindPassword::recognise(typed)?;
    let (kind, code) = match answer {
        Answer::Trailing(code) => ("digits", code),
        Answer::Recovery(code) => ("recovery", code),
        Answer::Code(code) | Answer::Pair(code, _) => ("whole", code),
    };
    Some((kind, code.expose().to_vec(), length))
}

#[test]
fn a_code_is_found_behind_a_password() {
    assert_eq!(behind(b"hunter2123456"), Some(("digits", b"2123456".to_vec(), None)));
    assert_eq!(behind(b"hunter 123456"), Some(("digits", b"123456".to_vec(), None)));
    assert_eq!(behind(b"123456"), Some(("digits", b"123456".to_vec(), None)));
    assert_eq!(behind(b"pin99123456789"), Some(("digits", b"23456789".to_vec(), None)));
    let recovery = Some(("recovery", b"0123ABCDEFGH1101".to_vec(), Some(19)));
    assert_eq!(behind(b"pass-word0123-abcd-efgh-1101"), recovery);
    assert_eq!(behind(b"0123-abcd-efgh-1101"), recovery);
    assert_eq!(
        behind(b"p\xe4ssO123ABCDEFGH1101").map(|(kind, _, length)| (kind, length)),
        Some(("recovery", Some(16)))
    );
}

#[test]
fn a_line_end_after_a_code_is_no_part_of_it() {
    for (typed, kind, after) in
        [(&b"hunter2\x20123456\r\n"[..], "digits", 2), (b"pass-word0123-abcd-efgh-1101\t", "recovery", 1)]
    {
        assert_eq!(behind(typed).map(|(kind, ..)| kind), Some(kind));
        assert_eq!(BehindPassword::recognise(typed).map(|behind| behind.after), Some(after));
    }
    assert!(behind(b"hunter2123456 ").is_none());
}

#[test]
fn a_long_password_is_no_part_of_a_recovery_code() {
    assert_eq!(behind(b"correct horse battery 123456"), Some(("digits", b"123456".to_vec(), None)));
    assert_eq!(behind(b"a-b-c-d-e-f-g-h-i-j-123456"), Some(("digits", b"123456".to_vec(), None)));
}

#[test]
fn password_and_code_are_looked_at_up_to_1024_bytes() {
    let long = |length: usize| [vec![b'x'; length - 6], b"123456".to_vec()].concat();
    assert_eq!(behind(&long(1024)), Some(("digits", b"123456".to_vec(), None)));
    for length in [1025, 1026] {
        assert_eq!(behind(&long(length)), None, "{length}");
    }
}

#[test]
fn a_password_alone_has_no_code_behind_it() {
    for typed in
        [&b""[..], b"hunter2", b"12345", b"pass12345", b"correct horse battery staple!", b"abcd-efgh-ijk"]
    {
        assert_eq!(behind(typed), None, "{typed:?}");
    }
    assert_eq!(behind(&[b'1'; 1025]), None);
}

#[test]
fn an_answer_of_more_than_128_bytes_is_not_looked_at() {
    let blanks_and_digits = |length: usize| [vec![b' '; length - 6], b"123456".to_vec()].concat();
    assert_eq!(totp(&blanks_and_digits(128)), Some(b"123456".to_vec()));
    for length in [129, 130] {
        assert_eq!(totp(&blanks_and_digits(length)), None, "{length}");
    }
}

proptest! {
    #[test]
    fn what_is_behind_a_password_is_its_end(typed in "[ -~]{0,40}") {
        if let Some((kind, code, length)) = behind(typed.as_bytes()) {
            let end = &typed.as_bytes()[typed.len() - length.unwrap_or(code.len())..];
            let whole = if kind == "recovery" { recovery(end) } else { totp(end) };
            prop_assert_eq!(whole, Some(code));
        }
    }

    #[test]
    fn any_bytes_are_recognised_or_not_without_a_panic(typed in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Answer::recognise(&typed);
        let _ = BehindPassword::recognise(&typed);
    }
}
