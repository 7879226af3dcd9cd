//! A line of an export of Google Authenticator's app: what is read is in range and comes back, and a problem says nothing of it.
//!
//! The bytes are taken as the payload, and as the line itself. The parser belongs to a program, not to a library, so its file is
//! included by path.
#![no_main]

#[path = "../../../totp-enroll/src/import/imported_authenticator.rs"]
mod imported_authenticator;
#[path = "../../../totp-enroll/src/import/migration.rs"]
mod migration;
#[path = "../../../totp-enroll/src/import/wrapping.rs"]
mod wrapping;

use data_encoding::BASE64;
use imported_authenticator::ImportedAuthenticator;
use libfuzzer_sys::fuzz_target;
use migration::{ExportPart, MigrationError};
use totp_core::factor::totp::Algorithm;
use totp_core::factor::{Factor, hotp};

const HEAD: &str = "otpauth-migration://offline?data=";
const ANOTHER: &str = "someone";

fuzz_target!(|bytes: &[u8]| {
    let line = format!("{HEAD}{}", BASE64.encode(bytes));
    assert!(migration::is_export(line.as_bytes()));
    for line in [line.as_bytes(), bytes] {
        match migration::parse(line, None) {
            Ok(tokens) => {
                assert!(!tokens.is_empty());
                assert_same_for_another_user(line, &tokens);
                tokens.iter().flatten().for_each(assert_comes_back);
                tokens.iter().filter_map(|token| token.as_ref().err()).for_each(assert_one_line);
            }
            Err(problem) => assert_one_line(&problem),
        }
        if let Some(ExportPart { of, index, .. }) = migration::part(line) {
            assert!(of > 1 && index < of);
        }
    }
});

fn assert_one_line(problem: &MigrationError) {
    assert!(!problem.to_string().contains('\n'));
}

/// Another name changes nothing but the name, and gives one to who had none.
fn assert_same_for_another_user(line: &[u8], tokens: &[Result<ImportedAuthenticator, MigrationError>]) {
    let theirs = migration::parse(line, Some(ANOTHER)).expect("the same line");
    assert_eq!(theirs.len(), tokens.len());
    for (theirs, token) in theirs.iter().zip(tokens) {
        match (theirs, token) {
            (Ok(theirs), Ok(token)) => {
                assert_eq!((theirs.user.as_str(), theirs.factor), (ANOTHER, token.factor));
                assert_eq!(theirs.used_up_to, token.used_up_to);
                assert!(theirs.secret.expose() == token.secret.expose());
            }
            (Ok(_), Err(problem)) => assert!(matches!(problem, MigrationError::NoAccount(_))),
            (Err(theirs), Err(problem)) => assert_eq!(theirs, problem),
            (Err(problem), Ok(_)) => panic!("only with another name: {problem}"),
        }
    }
}

/// Written again by hand, an account is read as it was.
fn assert_comes_back(token: &ImportedAuthenticator) {
    let factor = token.factor;
    assert!(token.last_code.is_none());
    let (kind, counter) = match factor {
        Factor::Totp(totp) => {
            assert_eq!((totp.parameters().period(), token.used_up_to), (30, 0));
            (2, 0)
        }
        Factor::Hotp(_) => {
            assert!(factor.algorithm() == Algorithm::Sha1 && (1..hotp::END).contains(&token.used_up_to));
            // That of the code before the next one.
            (1, token.used_up_to - 1)
        }
    };
    assert!(
        !token.user.is_empty() && token.user.trim_matches(' ') == token.user && !token.user.contains(':')
    );
    let algorithm = match factor.algorithm() {
        Algorithm::Sha1 => 1,
        Algorithm::Sha256 => 2,
        Algorithm::Sha512 => 3,
    };
    let digits = match factor.digits() {
        6 => 1,
        8 => 2,
        other => panic!("{other} digits"),
    };
    let numbers = [vec![4 << 3, algorithm, 5 << 3, digits, 6 << 3, kind, 7 << 3], varint(counter)].concat();
    let account = [field(1, token.secret.expose()), field(2, token.user.as_bytes()), numbers].concat();
    let line = format!("{HEAD}{}", BASE64.encode(&field(1, &account)));
    // Written out in full it may be longer than a QR code.
    if line.len() <= 2953 {
        let again = migration::parse(line.as_bytes(), None)
            .expect("our own line")
            .remove(0)
            .expect("an authenticator");
        assert_eq!((again.user.as_str(), again.factor), (token.user.as_str(), factor));
        assert_eq!(again.used_up_to, token.used_up_to);
        assert!(again.secret.expose() == token.secret.expose());
    }
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], varint(content.len() as u64).as_slice(), content].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push((number % 128) as u8 | 128);
        number /= 128;
    }
    bytes.push(number as u8);
    bytes
}
