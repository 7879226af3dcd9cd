//! What several targets assert: an error names a place in the file, on one line, and repeats nothing secret.

use std::fmt::Display;
use totp_core::DocumentError;

/// Stands for a secret in a fuzzed text.
const MARK: u8 = b'@';

/// Two secrets of one length that parse alike: letters of no number (`e`, `inf`) and no escape (`\h`) of TOML, the same
/// last character, so that base64 finds the same bits left over.
pub const LETTERS: [&str; 2] = ["hkvkwwzzAAAAAAAA", "hvmmqqyyAAAAAAAA"];

/// The same as numbers, to whatever base: serde repeats a number where it expected a text.
pub const NUMBERS: [&str; 2] = ["1011011101111011", "1101110111010111"];

/// The same as hexadecimal digits.
pub const HEX: [&str; 2] = ["c0ffee00", "deadbeef"];

/// `text` twice, each [`MARK`] that `is_secret` (told the line up to it) replaced by the one and by the other secret.
/// `None` where there is none. A reader that keeps secrets to itself says the same of both.
pub fn two_secrets(text: &[u8], secrets: [&str; 2], is_secret: fn(&[u8]) -> bool) -> Option<[Vec<u8>; 2]> {
    let with = |secret: &str| {
        let (mut out, mut line_start) = (Vec::with_capacity(text.len()), 0);
        for (at, &byte) in text.iter().enumerate() {
            if byte == MARK && is_secret(&text[line_start..at]) {
                out.extend(secret.as_bytes());
            } else {
                out.push(byte);
            }
            if matches!(byte, b'\n' | b'\r') {
                line_start = at + 1;
            }
        }
        out
    };
    let both = secrets.map(with);
    (both[0] != both[1]).then_some(both)
}

/// Asserts that two outcomes are of one kind and say the same.
pub fn assert_same_words<T, E: Display>(one: Result<T, E>, other: Result<T, E>) {
    match (one, other) {
        (Ok(_), Ok(_)) => {}
        (Err(one), Err(other)) => {
            assert_eq!(one.to_string(), other.to_string(), "an error depends on the secret")
        }
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => panic!("acceptance depends on the secret: {error}"),
    }
}

/// Asserts that an error names a line that the document has, and fits on one line itself.
pub fn assert_names_a_place(error: &DocumentError, document: &[u8]) {
    let lines = document.iter().filter(|&&byte| byte == b'\n').count() + 1;
    assert!(error.line.is_none_or(|line| (1..=lines).contains(&line)), "{error:?} of {lines} lines");
    assert!(!error.problem.is_empty());
    assert!(!error.problem.contains('\n'), "{error:?} is not one line");
}
