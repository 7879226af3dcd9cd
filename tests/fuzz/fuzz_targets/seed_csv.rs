//! A vendor's CSV file of seeds: tokens are in range, an error names a line and says nothing of a secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seed_files::read_csv;
use totp_fuzz::{NUMBERS, assert_same_words, assert_seeds, two_secrets};

fuzz_target!(|file: &[u8]| {
    assert_seeds(&read_csv(file), file);
    if let Some([one, other]) = two_secrets(file, NUMBERS, is_second_field) {
        assert_same_words(read_csv(&one), read_csv(&other));
    }
});

/// Without a header the secret is there. With one it may be another number, and all of these are out of range, or none.
fn is_second_field(before: &[u8]) -> bool {
    before.iter().filter(|byte| matches!(byte, b',' | b';' | b'\t')).count() == 1
}
