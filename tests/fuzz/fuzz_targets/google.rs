//! A secret file of google-authenticator-libpam: what is taken over is in range and comes back, and a problem names a line that is
//! there and says nothing of the secrets.
//!
//! The parser belongs to a program, not to a library, so its file is included by path.
#![no_main]

#[path = "../../../totp-enroll/src/import/google_authenticator.rs"]
mod google_authenticator;

use data_encoding::BASE32_NOPAD;
use google_authenticator::{LocatedError, SecretFile};
use libfuzzer_sys::fuzz_target;
use std::fmt::Write;
use totp_core::factor::totp::{Algorithm, PERIODS};
use totp_core::factor::{Factor, hotp};
use totp_fuzz::two_secrets;

const NOW: u64 = 1_800_000_000;
/// Secrets and scratch codes alike.
const DIGITS: [&str; 2] = ["22334455", "66772233"];

fuzz_target!(|file: &[u8]| {
    match parse(file) {
        Ok(content) => assert_comes_back(&content),
        Err((line, problem)) => {
            let lines = file.iter().filter(|&&byte| byte == b'\n').count() + 1;
            assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{line:?} of {lines}");
            assert!(!problem.to_string().contains('\n'));
        }
    }
    // A carriage return by itself ends a line for the marks and not for the parser: digits behind it may be an option's.
    if file.contains(&b'\r') {
        return;
    }
    if let Some([one, other]) = two_secrets(file, DIGITS, |before| !before.starts_with(b"\"")) {
        match (parse(&one), parse(&other)) {
            (Ok(_), Ok(_)) => {}
            (Err(one), Err(other)) => assert_eq!(one, other, "a problem depends on the secret"),
            (Ok(_), Err(problem)) | (Err(problem), Ok(_)) => panic!("depends on the secret: {problem:?}"),
        }
    }
});

fn parse(file: &[u8]) -> Result<SecretFile, LocatedError> {
    google_authenticator::parse(file, NOW)
}

fn assert_comes_back(file_content: &SecretFile) {
    let SecretFile { secret, factor, window, used_up_to, skew, rate, scratch, .. } = file_content;
    assert_eq!((factor.algorithm(), factor.digits()), (Algorithm::Sha1, 6));
    assert!(window.is_none_or(|window| (1..=100).contains(&window)));
    let mut file = BASE32_NOPAD.encode(secret.expose()) + "\n";
    let least = match factor {
        Factor::Totp(totp) => {
            let period = totp.parameters().period();
            assert!(PERIODS.contains(&period) && period <= 60);
            assert!(*used_up_to <= NOW / period + 25 * 60 + 100);
            write!(file, "\" TOTP_AUTH\n\" STEP_SIZE {period}\n\" TIME_SKEW {skew}\n").unwrap();
            write!(file, "\" DISALLOW_REUSE 1 {used_up_to} 2\n").unwrap();
            2
        }
        Factor::Hotp(_) => {
            assert!((1..hotp::END).contains(used_up_to) && *skew == 0);
            write!(file, "\" HOTP_COUNTER {used_up_to}\n").unwrap();
            0
        }
    };
    if let Some(window) = window {
        write!(file, "\" WINDOW_SIZE {window}\n").unwrap();
    }
    if let Some((logins, seconds)) = rate {
        write!(file, "\" RATE_LIMIT {logins} {seconds} 17\n").unwrap();
    }
    // Each another one: of equal lines, one code is read.
    for number in (10_000_000_u32..).take(scratch.len()) {
        writeln!(file, "{number}").unwrap();
    }
    if file.len() > google_authenticator::LARGEST {
        return;
    }
    let again = parse(file.as_bytes()).unwrap_or_else(|problem| panic!("the written file: {problem:?}"));
    assert_eq!((again.factor, again.window, again.rate), (*factor, *window, *rate));
    assert_eq!((again.used_up_to.max(least), again.skew), ((*used_up_to).max(least), *skew));
    assert_eq!((again.scratch.len(), again.unknown.len(), again.repeated.len()), (scratch.len(), 0, 0));
    assert!(again.secret.expose() == secret.expose());
}
