//! A vendor's PSKC file of seeds, opened with nothing, a key and a passphrase: tokens are in range, an error names a line and says
//! nothing of a secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seed_files::{Unlock, read_pskc};
use totp_core::random::Secret;
use totp_fuzz::{LETTERS, assert_same_words, assert_seeds, two_secrets};

/// As many digits of iterations as take no time.
const FEW_DIGITS: usize = 4;

fuzz_target!(|file: &[u8]| {
    let key = Secret::new(
        data_encoding::HEXLOWER.decode(b"12345678901234567890123456789012").expect("hexadecimal"),
    );
    let passphrase = Secret::new(b"qwerty".to_vec());
    assert_seeds(&read_pskc(file, Unlock::None), file);
    assert_seeds(&read_pskc(file, Unlock::Key(&key)), file);
    if file.split(|byte| !byte.is_ascii_digit()).all(|digits| digits.len() <= FEW_DIGITS) {
        assert_seeds(&read_pskc(file, Unlock::Passphrase(&passphrase)), file);
    }
    if let Some([one, other]) = two_secrets(file, LETTERS, is_value) {
        assert_same_words(read_pskc(&one, Unlock::None), read_pskc(&other, Unlock::None));
    }
});

/// In the text of a `PlainValue`.
fn is_value(before: &[u8]) -> bool {
    let begin = b"<PlainValue>";
    let at = before.windows(begin.len()).rposition(|window| window == begin);
    at.is_some_and(|at| !before[at + begin.len()..].contains(&b'<'))
}
