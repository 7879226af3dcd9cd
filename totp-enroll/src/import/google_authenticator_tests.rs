//! What a file comes to, and what is said of one that cannot be taken over.

use super::*;
use proptest::prelude::*;

const SECRET: &str = "YPBHOD7DZZRNNBF7GJ4EOV4AXM";
const NOW: u64 = 1_800_000_000;

fn moved(text: &str) -> Moved {
    match parse(text.as_bytes(), NOW) {
        Ok(moved) => moved,
        Err((line, problem)) => panic!("{line:?} {problem}:\n{text}"),
    }
}

fn problem(text: &str) -> Placed {
    match parse(text.as_bytes(), NOW) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(placed) => placed,
    }
}

#[test]
fn everything_that_the_program_writes_is_read() {
    let text = format!(
        "{SECRET}\n\" RATE_LIMIT 3 30 1799999990 1799999999\n\" WINDOW_SIZE 17\n\" STEP_SIZE 60\n\" LAST0 192.0.2.1 1799999999\n\
         \" DISALLOW_REUSE 29999997 29999999 29999998\n\" TOTP_AUTH\n\" RESETTING_TIME_SKEW 1+2\n\" TIME_SKEW -3\n71744121\n75760401\n"
    );
    let moved = moved(&text);
    assert_eq!(moved.secret.expose().len(), 16);
    assert_eq!(moved.parameters, Parameters::new(Algorithm::Sha1, 6, 60).unwrap());
    assert_eq!((moved.window, moved.used_up_to, moved.skew), (Some(17), 29_999_999, -3));
    assert_eq!((moved.rate, moved.scratch.len()), (Some((3, 30)), 2));
    assert!(moved.unknown.is_empty());
}

#[test]
fn what_is_left_out_is_the_programs_default() {
    let moved = moved(&format!("{SECRET}\r\n\" TOTP_AUTH\r\n\" DISALLOW_REUSE\r\n\r\n"));
    assert_eq!(moved.parameters, Parameters::EVERY_APP);
    assert_eq!((moved.window, moved.used_up_to, moved.skew, moved.rate), (None, 0, 0, None));
    assert!(moved.scratch.is_empty());
}

#[test]
fn a_secret_is_read_as_the_program_reads_it() {
    for (written, bytes) in [
        ("GEZDGNBVGY3TQOJQ", &b"1234567890"[..]),
        ("gezd gnbv-gy3t qojq", b"1234567890"),
        ("GEZDGNBVGY3TQ0JQ", b"1234567890"),
        // Bits behind the last whole byte.
        ("GEZDGNBVGY3TQOJQGH", b"12345678901"),
    ] {
        assert_eq!(moved(&format!("{written}\n\" TOTP_AUTH\n")).secret.expose(), bytes, "{written}");
    }
}

#[test]
fn an_option_of_no_format_is_told_by_its_line() {
    assert_eq!(moved(&format!("{SECRET}\n\" TOTP_AUTH\n\" NEW_THING 1\n\" LASTING\n")).unknown, [3, 4]);
}

#[test]
fn a_file_that_cannot_be_taken_over_says_where_and_why() {
    let with = |rest: &str| problem(&format!("{SECRET}\n\" TOTP_AUTH\n{rest}"));
    assert_eq!(problem(""), (None, Problem::Empty));
    assert_eq!(problem("\n\" TOTP_AUTH\n"), (Some(1), Problem::Secret));
    assert_eq!(problem("not a secret!\n\" TOTP_AUTH\n"), (Some(1), Problem::Secret));
    assert_eq!(problem(&format!("{SECRET}\n")), (None, Problem::NoType));
    assert_eq!(problem(&SECRET[..9]), (Some(1), Problem::Secret));
    assert_eq!(problem(&format!("{SECRET}\n\" HOTP_COUNTER 1\n")), (None, Problem::Counter));
    assert_eq!(with("\" HOTP_COUNTER 1\n"), (None, Problem::Counter));
    assert_eq!(with("\" TOTP_AUTH\n"), (Some(3), Problem::Twice("TOTP_AUTH")));
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
        assert_eq!(with(&format!("\" {option}\n")), (Some(3), Problem::Value(name)), "{option}");
    }
    assert_eq!(with("\" STEP_SIZE 4\n"), (None, Problem::Parameters(ParametersError::Period)));
    assert_eq!(with("\" DISALLOW_REUSE 60001601\n"), (None, Problem::Future));
    assert_eq!(
        moved(&format!("{SECRET}\n\" TOTP_AUTH\n\" DISALLOW_REUSE 60001600\n")).used_up_to,
        60_001_600
    );
    for line in ["7174412", "717441210", "0717441", "01744121", "7174412x", "\"TOTP_AUTH", "hello"] {
        assert_eq!(with(&format!("75760401\n{line}\n")), (Some(4), Problem::Line), "{line}");
    }
    assert_eq!(problem(&format!("{SECRET}\n\" TOTP_AUTH\u{e9}\n")), (None, Problem::NotText));
    assert_eq!(problem(&"A".repeat(LARGEST + 1)), (None, Problem::TooLarge));
}

/// Cut anywhere, a file is refused, or has lost nothing but its last codes.
#[test]
fn half_a_file_never_becomes_another_secret() {
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
    fn any_bytes_are_a_file_or_a_problem(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&text, NOW);
    }

    #[test]
    fn no_problem_repeats_what_is_in_the_file(tail in "[ \"A-Z0-9\n]{0,60}") {
        let text = format!("HUNTER\n{tail}\n\" WINDOW_SIZE HUNTER\nHUNTER\n");
        if let Err((_, problem)) = parse(text.as_bytes(), NOW) {
            prop_assert!(!problem.to_string().contains("HUNTER"));
        }
    }
}
