//! A line of an import of `otpauth://` URIs: an authenticator is in range and comes back, and a problem says nothing of the secret.
//!
//! The parser belongs to a program, not to a library, so its file is included by path.
#![no_main]

#[path = "../../../totp-enroll/src/import/imported_authenticator.rs"]
mod imported_authenticator;
#[path = "../../../totp-enroll/src/import/no_uri.rs"]
mod no_uri;
#[path = "../../../totp-enroll/src/import/uri.rs"]
mod uri;
#[path = "../../../totp-enroll/src/import/uri_key.rs"]
mod uri_key;
#[path = "../../../totp-enroll/src/import/wrapping.rs"]
mod wrapping;

use data_encoding::BASE32_NOPAD;
use imported_authenticator::ImportedAuthenticator;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use totp_core::code::DIGITS;
use totp_core::factor::totp::{Algorithm, PERIODS};
use totp_core::factor::{Factor, hotp};
use totp_fuzz::{LETTERS, assert_same_words, two_secrets};

/// No URI that is accepted is longer, in bytes.
const LONGEST: usize = 2048;
const ANOTHER: &str = "someone";

fuzz_target!(|line: &[u8]| {
    match uri::parse(line, None) {
        Ok(Some(token)) => {
            assert_is_asked_for(line);
            assert_comes_back(&token);
            assert_is_the_same_for_another_user(line, &token);
        }
        Ok(None) => assert!(wrapping::unwrapped(line).first().is_none_or(|&first| first == b'#')),
        Err(problem) => assert!(!problem.to_string().contains('\n')),
    }
    if let Some([one, other]) = two_secrets(line, LETTERS, |_| true) {
        assert_same_words(uri::parse(&one, Some(ANOTHER)), uri::parse(&other, Some(ANOTHER)));
    }
});

/// Only TOTP and HOTP are imported, and none that says that its codes are computed in another way.
fn assert_is_asked_for(line: &[u8]) {
    let line = wrapping::unwrapped(line).to_ascii_lowercase();
    let line = line.strip_prefix(b"apple-").unwrap_or(&line);
    let is_known = [&b"otpauth://totp/"[..], b"otpauth://hotp/"].iter().any(|start| line.starts_with(start));
    assert!(line.len() <= LONGEST && is_known && !line.contains(&b'#'));
    let query = line.splitn(2, |&byte| byte == b'?').nth(1).expect("a secret stands behind a question mark");
    let keys: Vec<&[u8]> = query
        .split(|&byte| byte == b'&')
        .filter_map(|parameter| parameter.split(|&byte| byte == b'=').next())
        .collect();
    for once in [&b"secret"[..], b"algorithm", b"digits", b"period", b"counter"] {
        assert!(keys.iter().filter(|key| **key == once).count() <= 1);
    }
    for other in [&b"encoder"[..], b"alg", b"digit", b"timer", b"amp;digits", b" digits"] {
        assert!(!keys.contains(&other));
    }
}

fn assert_comes_back(token: &ImportedAuthenticator) {
    let factor = token.factor;
    let digits = factor.digits();
    assert!(DIGITS.contains(&digits) && token.last_code.is_none());
    let (kind, moving) = match factor {
        Factor::Totp(totp) => {
            let period = totp.parameters().period();
            assert!(PERIODS.contains(&period) && token.used_up_to == 0);
            ("totp", format!("period={period}"))
        }
        Factor::Hotp(_) => {
            assert!(factor.algorithm() == Algorithm::Sha1 && token.used_up_to < hotp::END);
            ("hotp", format!("counter={}", token.used_up_to))
        }
    };
    assert!(
        !token.user.is_empty() && !token.user.contains(':') && token.user.trim_matches(' ') == token.user
    );
    let secret = BASE32_NOPAD.encode(token.secret.expose());
    let label = utf8_percent_encode(&token.user, NON_ALPHANUMERIC);
    let algorithm = factor.algorithm().as_str();
    let line = format!(
        "otpauth://{kind}/A:%20{label}?secret={secret}&algorithm={algorithm}&digits={digits}&{moving}"
    );
    // A name that is written out in full may take a line beyond what is read.
    if line.len() <= LONGEST {
        assert_same(
            &uri::parse(line.as_bytes(), None).expect("our own line").expect("an authenticator"),
            token,
            &token.user,
        );
    }
}

fn assert_is_the_same_for_another_user(line: &[u8], token: &ImportedAuthenticator) {
    let theirs = uri::parse(line, Some(ANOTHER)).expect("the same line").expect("an authenticator");
    assert_same(&theirs, token, ANOTHER);
}

fn assert_same(again: &ImportedAuthenticator, token: &ImportedAuthenticator, user: &str) {
    assert_eq!((again.user.as_str(), again.factor), (user, token.factor));
    assert_eq!(again.used_up_to, token.used_up_to);
    assert!(again.secret.expose() == token.secret.expose());
}
