//! A line of pam_oath's users file: an authenticator is in range and comes back, and a problem says nothing of the secret.
//!
//! The parser belongs to a program, not to a library, so its file is included by path.
#![no_main]

#[path = "../../../totp-enroll/src/import/imported_authenticator.rs"]
mod imported_authenticator;
#[path = "../../../totp-enroll/src/import/oath.rs"]
mod oath;

use data_encoding::HEXLOWER;
use imported_authenticator::ImportedAuthenticator;
use libfuzzer_sys::fuzz_target;
use totp_core::code::DIGITS;
use totp_core::factor::hotp;
use totp_core::factor::totp::{Algorithm, PERIODS};
use totp_fuzz::{HEX, assert_same_words, two_secrets};

fuzz_target!(|line: &[u8]| {
    match oath::parse(line) {
        Ok(Some(token)) => assert_comes_back(&token),
        Ok(None) => {
            assert!(line.trim_ascii().first().is_none_or(|&first| first == b'#' || !first.is_ascii_graphic()))
        }
        Err(problem) => assert!(!problem.to_string().contains('\n')),
    }
    if let Some([one, other]) = two_secrets(line, HEX, is_password_or_secret) {
        assert_same_words(oath::parse(&one), oath::parse(&other));
    }
});

fn assert_comes_back(token: &ImportedAuthenticator) {
    let digits = token.factor.digits();
    assert_eq!(token.factor.algorithm(), Algorithm::Sha1);
    assert!(DIGITS.contains(&digits));
    assert!(token.factor.period().is_none_or(|period| PERIODS.contains(&period)));
    assert!(token.used_up_to < hotp::END);
    assert!(!token.user.is_empty() && !token.user.contains(|c: char| c.is_ascii_whitespace()));
    assert!(!token.secret.expose().is_empty());
    let is_code = |code: &[u8]| code.len() == usize::from(digits) && code.iter().all(u8::is_ascii_digit);
    assert!(token.last_code.as_ref().is_none_or(|code| is_code(code.expose())));
    let secret = HEXLOWER.encode(token.secret.expose());
    let moving = token.factor.period().map_or_else(|| "E".to_owned(), |period| format!("T{period}"));
    let line = format!("HOTP/{moving}/{digits}\t{}\t-\t{secret}\t{}", token.user, token.used_up_to);
    let again = oath::parse(line.as_bytes()).expect("our own line").expect("an authenticator");
    assert_eq!((again.user.as_str(), again.factor), (token.user.as_str(), token.factor));
    assert_eq!(again.used_up_to, token.used_up_to);
    assert_eq!(again.secret.expose(), token.secret.expose());
}

/// In the third field or the fourth.
fn is_password_or_secret(before: &[u8]) -> bool {
    let fields = before.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).count();
    let inside = before.last().is_some_and(|byte| !byte.is_ascii_whitespace());
    matches!((fields, inside), (2 | 3, false) | (3 | 4, true))
}
