//! The typed answer: recognised exactly as a plain reading of the rule says, in whatever way people group and shout it. Behind a
//! password, what is found is the end of what was typed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use totp_core::code::{Answer, BehindPassword, RECOVERY_LENGTH};
use totp_core::random::Secret;
use totp_core::recovery::grouped;

/// Crockford's base32, as recovery codes are generated in it.
const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LONGEST: usize = 128;
/// Of a password and a code together.
const LONGEST_WITH_PASSWORD: usize = 1024;
/// A recovery code in groups of four.
const GROUPED: usize = 19;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Read {
    Totp(Vec<u8>),
    Recovery(Vec<u8>),
    /// Two codes of one length.
    Pair(Vec<u8>, Vec<u8>),
    Neither,
}

/// The code behind a password.
#[derive(Debug, PartialEq, Eq)]
enum Behind {
    /// Six to eight digits.
    Digits(Vec<u8>),
    /// A recovery code, and its length as it was typed.
    Recovery(Vec<u8>, usize),
}

fuzz_target!(|typed: &[u8]| {
    let read = recognise(typed);
    assert_eq!(read, plainly(typed));
    assert_eq!(recognise(&typed.to_ascii_lowercase()), read);
    assert_eq!(recognise(&typed.to_ascii_uppercase()), read);
    match &read {
        Read::Totp(code) => {
            assert_eq!(recognise(code), read);
            assert_eq!(behind(code), Some(Behind::Digits(code.clone())));
        }
        Read::Recovery(code) => {
            assert_eq!(recognise(code), read);
            let shown = grouped(&Secret::new(code.clone()));
            assert_eq!(recognise(shown.expose()), read);
            let both = [typed, shown.expose()].concat();
            assert_eq!(behind(&both), Some(Behind::Recovery(code.clone(), GROUPED)));
        }
        Read::Pair(first, second) => {
            assert_eq!(recognise(&[first, second].map(Vec::as_slice).join(&b' ')), read);
        }
        Read::Neither => {}
    }
    let found = behind(typed);
    assert_eq!(found, plainly_behind(typed));
    if let Some(found) = &found {
        assert_is_the_end(found, typed);
    }
});

fn recognise(typed: &[u8]) -> Read {
    match Answer::recognise(typed) {
        Some(Answer::Code(code)) => Read::Totp(code.expose().to_vec()),
        Some(Answer::Recovery(code)) => Read::Recovery(code.expose().to_vec()),
        Some(Answer::Pair(first, second)) => Read::Pair(first.expose().to_vec(), second.expose().to_vec()),
        Some(Answer::Trailing(_)) => unreachable!("only behind a password"),
        None => Read::Neither,
    }
}

fn behind(typed: &[u8]) -> Option<Behind> {
    let BehindPassword { answer, length, after } = BehindPassword::recognise(typed)?;
    assert_eq!(after, typed.len() - without_line_end(typed).len());
    Some(match (answer, length) {
        (Answer::Trailing(code), None) => Behind::Digits(code.expose().to_vec()),
        (Answer::Recovery(code), Some(length)) => Behind::Recovery(code.expose().to_vec(), length),
        (_, length) => unreachable!("a code of another kind, or without its length: {length:?}"),
    })
}

/// The rule once more, without regard for what is left in memory.
fn plainly(typed: &[u8]) -> Read {
    let is_too_long = typed.len() > LONGEST;
    // No code has a character beyond ASCII that is kept, or bytes that are no text.
    let Some(typed) = std::str::from_utf8(typed).ok().and_then(as_seen) else { return Read::Neither };
    let typed = typed.as_bytes();
    let bare: Vec<u8> = typed.iter().copied().filter(|byte| !b" -".contains(byte)).collect();
    let folded: Vec<u8> = bare
        .iter()
        .map(|byte| match byte.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        })
        .collect();
    let words: Vec<&[u8]> = typed.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
    let is_code = |word: &&[u8]| (6..=8).contains(&word.len()) && word.iter().all(u8::is_ascii_digit);
    if is_too_long {
        Read::Neither
    } else if let [first, second] = words[..]
        && first.len() == second.len()
        && words.iter().all(is_code)
    {
        Read::Pair(first.to_vec(), second.to_vec())
    } else if (6..=8).contains(&bare.len()) && bare.iter().all(u8::is_ascii_digit) {
        Read::Totp(bare)
    } else if folded.len() == RECOVERY_LENGTH && folded.iter().all(|byte| ALPHABET.contains(byte)) {
        Read::Recovery(folded)
    } else {
        Read::Neither
    }
}

/// What a person sees of a text, in ASCII; `None`: something else is there as well.
fn as_seen(text: &str) -> Option<String> {
    let mut seen = String::new();
    for char in text.chars() {
        let digit = [0x660, 0x6f0, 0x966, 0x9e6, 0xff10]
            .into_iter()
            .find_map(|zero| (zero..zero + 10).position(|digit| digit == u32::from(char)));
        match (char, digit) {
            (_, Some(digit)) => seen += &digit.to_string(),
            ('\t' | '\n' | '\r', _) => seen.push(' '),
            (char, _) if char.is_ascii() => seen.push(char),
            ('\u{b}' | '\u{c}' | '\u{85}' | '\u{1680}', _) => return None,
            (char, _) if char.is_whitespace() => seen.push(' '),
            ('\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}', _) => seen.push('-'),
            ('\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}', _) => {}
            ('\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}', _) => {}
            _ => return None,
        }
    }
    Some(seen)
}

/// The rule for what is behind a password, once more: a recovery code with its dashes, digits, a recovery code without.
fn plainly_behind(typed: &[u8]) -> Option<Behind> {
    if typed.len() > LONGEST_WITH_PASSWORD {
        return None;
    }
    let typed = without_line_end(typed);
    let of_length = |length: usize| {
        let end = &typed[typed.len().checked_sub(length)?..];
        match plainly(end) {
            Read::Recovery(code) => Some(Behind::Recovery(code, length)),
            Read::Totp(_) | Read::Pair(..) | Read::Neither => None,
        }
    };
    let has_dashes = typed.len() >= GROUPED
        && typed[typed.len() - GROUPED..]
            .iter()
            .enumerate()
            .all(|(at, &byte)| (byte == b'-') == (at % 5 == 4));
    if has_dashes {
        return of_length(GROUPED);
    }
    let end =
        |length: usize| typed.len() >= length && typed[typed.len() - length..].iter().all(u8::is_ascii_digit);
    match (6..=8).rev().find(|&length| end(length)) {
        Some(length) => Some(Behind::Digits(typed[typed.len() - length..].to_vec())),
        None => of_length(RECOVERY_LENGTH),
    }
}

fn without_line_end(typed: &[u8]) -> &[u8] {
    let end = typed.iter().rposition(|byte| !b"\r\n\t".contains(byte)).map_or(0, |last| last + 1);
    &typed[..end]
}

/// And stays it, however long the password before it is, up to the longest answer that is looked at.
fn assert_is_the_end(found: &Behind, typed: &[u8]) {
    let typed = without_line_end(typed);
    match found {
        Behind::Digits(code) => assert!(typed.ends_with(code)),
        Behind::Recovery(code, length) => {
            assert_eq!(recognise(&typed[typed.len() - length..]), Read::Recovery(code.clone()));
        }
    }
    let mut longer = vec![b'_'; LONGEST_WITH_PASSWORD - typed.len()];
    longer.extend(typed);
    assert_eq!(behind(&longer).as_ref(), Some(found));
    longer.insert(0, b'_');
    assert_eq!(behind(&longer), None);
}
