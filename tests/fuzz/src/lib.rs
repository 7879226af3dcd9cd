//! What several targets assert: an error names a place in the file, on one line, and repeats nothing secret.

use seed_files::{Seed, SeedFileError};
use std::collections::BTreeSet;
use std::fmt::Display;
use totp_core::DocumentError;
use totp_core::code::DIGITS;
use totp_core::factor::FactorKind;
use totp_core::factor::hotp;
use totp_core::factor::totp::{Algorithm, LONGEST_SECRET, PERIODS, SHORTEST_SECRET};

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

/// Asserts that a file of seeds has what an enrolment takes, or that its error names a line of it, on one line.
pub fn assert_seeds(read: &Result<Vec<Seed>, SeedFileError>, file: &[u8]) {
    // UTF-16 has a line break in two bytes, one of which this is.
    let lines = file.iter().filter(|&&byte| byte == b'\n').count() + 1;
    match read {
        Ok(seeds) => {
            assert!(!seeds.is_empty());
            let serials: BTreeSet<_> = seeds.iter().map(|seed| &seed.serial).collect();
            assert_eq!(serials.len(), seeds.len(), "a serial number twice");
            seeds.iter().for_each(|seed| assert_seed(seed, lines));
        }
        Err(error) => {
            assert!((1..=lines).contains(&error.line), "{error} of {lines} lines");
            assert!(!error.problem.is_empty() && !error.problem.contains(char::is_control), "{error:?}");
        }
    }
}

fn assert_seed(seed: &Seed, lines: usize) {
    let serial = seed.serial.as_str();
    assert!(
        (1..=64).contains(&serial.len()) && !serial.contains(['/', '\0']) && !serial.starts_with(['.', '-'])
    );
    assert!((SHORTEST_SECRET..=LONGEST_SECRET).contains(&seed.secret.expose().len()));
    assert!(DIGITS.contains(&seed.factor.digits()));
    match seed.factor.kind() {
        FactorKind::Totp => {
            assert!(seed.factor.period().is_some_and(|period| PERIODS.contains(&period)));
            assert_eq!(seed.next_counter, 0);
        }
        FactorKind::Hotp => {
            assert_eq!(seed.factor.algorithm(), Algorithm::Sha1);
            assert!(seed.next_counter < hotp::END);
        }
    }
    for name in [&seed.maker, &seed.model].into_iter().flatten() {
        assert!(!name.is_empty() && name.chars().count() <= 64 && !name.contains(char::is_control));
    }
    assert!((1..=lines).contains(&seed.line));
}
