//! Tests of parsing a secret file of google-authenticator-libpam.

use super::*;
use proptest::prelude::*;

const SECRET: &str = "YPBHOD7DZZRNNBF7GJ4EOV4AXM";
const NOW: u64 = 1_800_000_000;

fn secret_file(text: &str) -> SecretFile {
    match parse(text.as_bytes(), NOW) {
        Ok(moved) => moved,
        Err((line, error)) => panic!("{line:?} {error}:\n{text}"),
    }
}

fn error(text: &str) -> LocatedError {
    match parse(text.as_bytes(), NOW) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(placed) => placed,
    }
}

#[test]
fn every_option_of_the_program_is_read() {
    let text = format!(
        "{SECRET}\n\" RATE_LIMIT 3 30 1799999990 1799999999\n\" WINDOW_SIZE 17\n\" STEP_SIZE 60\n\" LAST0 192.0.2.1 1799999999\n\
         \" DISALLOW_REUSE 29999997 29999999 29999998\n\" TOTP_AUTH\n\" RESETTING_TIME_SKEW 1+2\n\" TIME_SKEW -3\n71744121\n75760401\n"
    );
    let moved = secret_file(&text);
    assert_eq!(moved.secret.expose().len(), 16);
    assert_eq!(moved.factor, Parameters::new(Algorithm::Sha1, 6, 60).unwrap().into());
    assert_eq!((moved.window, moved.used_up_to, moved.skew), (Some(17), 29_999_999, -3));
    assert_eq!((moved.rate, moved.scratch.len()), (Some((3, 30)), 2));
    assert!(moved.unknown.is_empty());
}

#[test]
fn a_missing_option_has_the_programs_default() {
    let moved = secret_file(&format!("{SECRET}\r\n\" TOTP_AUTH\r\n\" DISALLOW_REUSE\r\n\r\n"));
    assert_eq!(moved.factor, Parameters::EVERY_APP.into());
    assert_eq!((moved.window, moved.used_up_to, moved.skew, moved.rate), (None, 0, 0, None));
    assert!(moved.scratch.is_empty());
}

#[test]
fn a_secret_is_read_as_the_program_reads_it() {
    for (written, bytes) in [
        ("GEZDGNBVGY3TQOJQ", &b"1234567890"[..]),
        ("gezd gnbv-gy3t qojq", b"1234567890"),
        ("GEZDGNBVGY3TQ0JQ", b"1234567890"),
        // Bits behind the last whole byte, and a superfluous character.
        ("GEZDGNBVGY3TQOJQGH", b"12345678901"),
        ("GEZDGNBVGY3TQOJQG", b"1234567890"),
    ] {
        assert_eq!(secret_file(&format!("{written}\n\" TOTP_AUTH\n")).secret.expose(), bytes, "{written}");
    }
}

#[test]
fn equal_scratch_lines_are_one_code() {
    let text = format!("{SECRET}\n\" TOTP_AUTH\n71744121\n75760401\n71744121\n71744121\r\n");
    let moved = secret_file(&text);
    assert_eq!((moved.scratch.len(), moved.repeated), (2, vec![5, 6]));
}

#[test]
fn an_unknown_option_is_reported_with_its_line() {
    assert_eq!(secret_file(&format!("{SECRET}\n\" TOTP_AUTH\n\" NEW_THING 1\n\" LASTING\n")).unknown, [3, 4]);
}

#[test]
fn a_counter_is_the_next_one_and_options_of_time_are_ignored() {
    for (option, next) in [("1", 1), ("42", 42), ("9223372036854775806", hotp::END - 1)] {
        let moved = secret_file(&format!(
            "{SECRET}\n\" HOTP_COUNTER {option}\n\" WINDOW_SIZE 17\n\" STEP_SIZE 4\n\" TIME_SKEW 3\n\
             \" DISALLOW_REUSE 99999999\n71744121\n"
        ));
        assert_eq!((moved.factor, moved.used_up_to), (Hotp::new(6).unwrap().into(), next));
        assert_eq!((moved.window, moved.skew, moved.scratch.len()), (Some(17), 0, 1));
    }
}

#[test]
fn a_counter_that_the_program_does_not_take_is_refused_with_its_line() {
    for counter in ["", "0", "-1", "+1", "one", "1 2", "0x10", "9223372036854775807", "99999999999999999999"]
    {
        let found = error(&format!("{SECRET}\n\n\" HOTP_COUNTER {counter}\n"));
        assert_eq!(found, (Some(3), SecretFileError::Counter), "{counter}");
    }
    let twice = error(&format!("{SECRET}\n\" HOTP_COUNTER 1\n\" HOTP_COUNTER 1\n"));
    assert_eq!(twice, (Some(3), SecretFileError::Twice("HOTP_COUNTER")));
}

#[test]
fn a_bad_file_is_reported_with_line_and_reason() {
    let with = |rest: &str| error(&format!("{SECRET}\n\" TOTP_AUTH\n{rest}"));
    assert_eq!(error(""), (None, SecretFileError::Empty));
    assert_eq!(error("\n\" TOTP_AUTH\n"), (Some(1), SecretFileError::Secret));
    assert_eq!(error("not a secret!\n\" TOTP_AUTH\n"), (Some(1), SecretFileError::Secret));
    assert_eq!(error(&format!("{SECRET}\n")), (None, SecretFileError::NoType));
    assert_eq!(error(&SECRET[..9]), (None, SecretFileError::NoType));
    assert_eq!(with("\" HOTP_COUNTER 1\n"), (None, SecretFileError::TwoTypes));
    assert_eq!(with("\" TOTP_AUTH\n"), (Some(3), SecretFileError::Twice("TOTP_AUTH")));
    for (option, name) in [
        ("WINDOW_SIZE", "WINDOW_SIZE"),
        ("WINDOW_SIZE 0", "WINDOW_SIZE"),
        ("WINDOW_SIZE 101", "WINDOW_SIZE"),
        ("WINDOW_SIZE 3 4", "WINDOW_SIZE"),
        ("STEP_SIZE 61", "STEP_SIZE"),
        ("STEP_SIZE -30", "STEP_SIZE"),
        ("RATE_LIMIT 3", "RATE_LIMIT"),
        ("RATE_LIMIT 0 30", "RATE_LIMIT"),
        ("RATE_LIMIT 3 30 then", "RATE_LIMIT"),
        ("DISALLOW_REUSE now", "DISALLOW_REUSE"),
        ("DISALLOW_REUSE 99999999999999999999", "DISALLOW_REUSE"),
        ("TIME_SKEW", "TIME_SKEW"),
        ("TIME_SKEW 9999999999", "TIME_SKEW"),
    ] {
        assert_eq!(with(&format!("\" {option}\n")), (Some(3), SecretFileError::Value(name)), "{option}");
    }
    assert_eq!(with("\" STEP_SIZE 4\n"), (None, SecretFileError::Parameters(ParametersError::Period)));
    assert_eq!(with("\" DISALLOW_REUSE 60001601\n"), (None, SecretFileError::Future));
    assert_eq!(
        secret_file(&format!("{SECRET}\n\" TOTP_AUTH\n\" DISALLOW_REUSE 60001600\n")).used_up_to,
        60_001_600
    );
    for line in ["7174412", "717441210", "0717441", "01744121", "7174412x", "\"TOTP_AUTH", "hello"] {
        assert_eq!(with(&format!("75760401\n{line}\n")), (Some(4), SecretFileError::Line), "{line}");
    }
    assert_eq!(error(&format!("{SECRET}\n\" TOTP_AUTH\u{e9}\n")), (None, SecretFileError::NotText));
    assert_eq!(error(&"A".repeat(LARGEST + 1)), (None, SecretFileError::TooLarge));
}

/// Cut anywhere, a file is refused, or has lost nothing but its last codes.
#[test]
fn a_truncated_file_never_gives_another_secret() {
    let text = format!("{SECRET}\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n71744121\n75760401\n");
    for cut in 0..text.len() {
        if let Ok(moved) = parse(&text.as_bytes()[..cut], NOW) {
            assert_eq!(moved.secret.expose().len(), 16, "{cut}");
            assert_eq!(moved.window, Some(3), "{cut}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_file_or_an_error(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&text, NOW);
    }

    #[test]
    fn no_error_repeats_the_files_content(tail in "[ \"A-Z0-9\n]{0,60}") {
        let text = format!("HUNTER\n{tail}\n\" WINDOW_SIZE HUNTER\nHUNTER\n");
        if let Err((_, error)) = parse(text.as_bytes(), NOW) {
            prop_assert!(!error.to_string().contains("HUNTER"));
        }
    }
}
