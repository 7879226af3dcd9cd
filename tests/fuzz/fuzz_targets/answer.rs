//! The typed answer: recognised exactly as a plain reading of the rule says, in whatever way people group and shout it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use totp_core::code::{Answer, RECOVERY_LENGTH};
use totp_core::recovery::grouped;

/// Crockford's base32, as recovery codes are generated in it.
const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LONGEST: usize = 128;

#[derive(Debug, PartialEq, Eq)]
enum Read {
    Totp(Vec<u8>),
    Recovery(Vec<u8>),
    Neither,
}

fuzz_target!(|typed: &[u8]| {
    let read = recognise(typed);
    assert_eq!(read, plainly(typed));
    assert_eq!(recognise(&typed.to_ascii_lowercase()), read);
    assert_eq!(recognise(&typed.to_ascii_uppercase()), read);
    match &read {
        Read::Totp(code) => assert_eq!(recognise(code), read),
        Read::Recovery(code) => {
            assert_eq!(recognise(code), read);
            let shown = grouped(&totp_core::secret::Secret::new(code.clone()));
            assert_eq!(recognise(shown.expose()), read);
        }
        Read::Neither => {}
    }
});

fn recognise(typed: &[u8]) -> Read {
    match Answer::recognise(typed) {
        Some(Answer::Totp(code)) => Read::Totp(code.expose().to_vec()),
        Some(Answer::Recovery(code)) => Read::Recovery(code.expose().to_vec()),
        Some(Answer::Trailing(_)) => unreachable!("only behind a password"),
        None => Read::Neither,
    }
}

/// The rule once more, without regard for what is left in memory.
fn plainly(typed: &[u8]) -> Read {
    let bare: Vec<u8> = typed.iter().copied().filter(|byte| !b" -".contains(byte)).collect();
    let folded: Vec<u8> = bare
        .iter()
        .map(|byte| match byte.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        })
        .collect();
    if typed.len() > LONGEST {
        Read::Neither
    } else if (6..=8).contains(&bare.len()) && bare.iter().all(u8::is_ascii_digit) {
        Read::Totp(bare)
    } else if folded.len() == RECOVERY_LENGTH && folded.iter().all(|byte| ALPHABET.contains(byte)) {
        Read::Recovery(folded)
    } else {
        Read::Neither
    }
}
