//! Parses a secret file of google-authenticator-libpam (its FILEFORMAT): the secret in base32, options in lines that begin
//! with `" `, and scratch codes of eight digits.

use data_encoding::{BASE32_NOPAD, Encoding, Specification};
use totp_core::factor::totp::{Algorithm, Parameters, ParametersError};
use totp_core::random::Secret;
use totp_core::recovery::ScratchCode;
use zeroize::Zeroizing;

/// The largest file that the program reads, in bytes.
pub(super) const LARGEST: usize = 64 << 10;
/// The furthest time step ahead that the program can have used: when it adjusts to a phone's clock, it searches half a day of
/// 30-second steps in both directions, and a window adds up to 100.
const FURTHEST_STEPS: u64 = 25 * 60 + 100;

/// The content of a file.
pub(super) struct SecretFile {
    pub(super) secret: Secret,
    pub(super) parameters: Parameters,
    /// The number of codes that are valid at any time; `None`: the program's default.
    pub(super) window: Option<u64>,
    /// The newest time step whose code was used.
    pub(super) used_up_to: u64,
    /// Time steps that the phone's clock is ahead; negative: behind.
    pub(super) skew: i64,
    /// The rate limit: logins, seconds.
    pub(super) rate: Option<(u64, u64)>,
    pub(super) scratch: Vec<ScratchCode>,
    /// Lines with options that FILEFORMAT does not have.
    pub(super) unknown: Vec<usize>,
}

/// Why a file cannot be imported. The messages do not repeat the file's content.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SecretFileError {
    #[error("is larger than {LARGEST} bytes, so it is not a secret file")]
    TooLarge,
    #[error("is not ASCII text")]
    NotText,
    #[error("is empty")]
    Empty,
    #[error("the first line is not a secret in base32")]
    Secret,
    #[error("is counter-based (HOTP), which cannot be imported; enrol this user anew")]
    Counter,
    #[error("does not have the option TOTP_AUTH, so it may be incomplete; enrol this user anew")]
    NoType,
    #[error("has the option {0} twice")]
    Twice(&'static str),
    #[error("the option {0} has an invalid value")]
    Value(&'static str),
    #[error(
        "DISALLOW_REUSE names a time in the future; correct the machine's clock, or enrol this user anew"
    )]
    Future,
    #[error("is neither an option nor a scratch code of eight digits; the file may be incomplete")]
    Line,
    #[error("STEP_SIZE: {0}")]
    Parameters(#[from] ParametersError),
}

/// An error and its line, if it has one.
pub(super) type LocatedError = (Option<usize>, SecretFileError);

/// Parses a file. `now` is in seconds since 1970.
pub(super) fn parse(text: &[u8], now: u64) -> Result<SecretFile, LocatedError> {
    let whole_file = |error| (None, error);
    if text.len() > LARGEST {
        return Err(whole_file(SecretFileError::TooLarge));
    }
    if !text.is_ascii() {
        return Err(whole_file(SecretFileError::NotText));
    }
    let text = std::str::from_utf8(text).map_err(|_| whole_file(SecretFileError::NotText))?;
    let mut lines = (1..).zip(text.lines());
    let (_, first) = lines.next().ok_or(whole_file(SecretFileError::Empty))?;
    let secret = secret(first).ok_or((Some(1), SecretFileError::Secret))?;
    let (mut options, mut scratch) = (Options::default(), Vec::new());
    for (number, line) in lines {
        let line = line.trim_end_matches('\r');
        let result = match line.strip_prefix("\" ") {
            Some(option) => options.add(number, option),
            None if line.is_empty() => Ok(()),
            // The program neither creates nor accepts a scratch code that begins with 0.
            None if line.starts_with('0') => Err(SecretFileError::Line),
            None => ScratchCode::parse(line.as_bytes())
                .map(|code| scratch.push(code))
                .ok_or(SecretFileError::Line),
        };
        result.map_err(|error| (Some(number), error))?;
    }
    options.secret_file(secret, scratch, now).map_err(whole_file)
}

#[derive(Default)]
struct Options {
    totp: Option<()>,
    counter: Option<()>,
    window: Option<u64>,
    step: Option<u64>,
    rate: Option<(u64, u64)>,
    used: Option<u64>,
    skew: Option<i64>,
    unknown: Vec<usize>,
}

impl Options {
    fn add(&mut self, line: usize, option: &str) -> Result<(), SecretFileError> {
        let mut words = option.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        match name {
            "TOTP_AUTH" => once("TOTP_AUTH", &mut self.totp, Some(())),
            "HOTP_COUNTER" => once("HOTP_COUNTER", &mut self.counter, Some(())),
            "WINDOW_SIZE" => once("WINDOW_SIZE", &mut self.window, one(&words, 1..=100)),
            "STEP_SIZE" => once("STEP_SIZE", &mut self.step, one(&words, 1..=60)),
            "RATE_LIMIT" => once("RATE_LIMIT", &mut self.rate, rate(&words)),
            "DISALLOW_REUSE" => once("DISALLOW_REUSE", &mut self.used, newest(&words)),
            "TIME_SKEW" => once("TIME_SKEW", &mut self.skew, skew(&words)),
            // Notes of the program: skews that it was adjusting to, and hosts in the grace period.
            "RESETTING_TIME_SKEW" => Ok(()),
            name if is_last(name) => Ok(()),
            _ => {
                self.unknown.push(line);
                Ok(())
            }
        }
    }

    fn secret_file(
        self,
        secret: Secret,
        scratch: Vec<ScratchCode>,
        now: u64,
    ) -> Result<SecretFile, SecretFileError> {
        match (self.counter, self.totp) {
            (Some(()), _) => return Err(SecretFileError::Counter),
            (None, None) => return Err(SecretFileError::NoType),
            (None, Some(())) => {}
        }
        let parameters = Parameters::new(Algorithm::Sha1, 6, self.step.unwrap_or(30))?;
        let used_up_to = self.used.unwrap_or(0);
        if used_up_to > parameters.step(now).saturating_add(FURTHEST_STEPS) {
            return Err(SecretFileError::Future);
        }
        let (skew, Self { window, rate, unknown, .. }) = (self.skew.unwrap_or(0), self);
        Ok(SecretFile { secret, parameters, window, used_up_to, skew, rate, scratch, unknown })
    }
}

fn once<T>(name: &'static str, slot: &mut Option<T>, value: Option<T>) -> Result<(), SecretFileError> {
    let value = value.ok_or(SecretFileError::Value(name))?;
    if slot.replace(value).is_some() { Err(SecretFileError::Twice(name)) } else { Ok(()) }
}

fn one(words: &[&str], range: std::ops::RangeInclusive<u64>) -> Option<u64> {
    let [word] = words else { return None };
    number(word).filter(|number| range.contains(number))
}

/// Two numbers, followed by the times of the latest logins.
fn rate(words: &[&str]) -> Option<(u64, u64)> {
    let [logins, seconds, times @ ..] = words else { return None };
    let all_numbers = times.iter().all(|time| number(time).is_some());
    Some((number(logins)?, number(seconds)?)).filter(|rate| all_numbers && rate.0 > 0 && rate.1 > 0)
}

/// The newest of the used time steps; 0 if there is none.
fn newest(words: &[&str]) -> Option<u64> {
    words.iter().try_fold(0, |newest: u64, word| number(word).map(|step| newest.max(step)))
}

fn skew(words: &[&str]) -> Option<i64> {
    let [word] = words else { return None };
    let steps = word.parse::<i32>().ok()?;
    Some(i64::from(steps))
}

/// `LAST0` and so on, and `LAST_...` of older versions.
fn is_last(name: &str) -> bool {
    name.strip_prefix("LAST").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    })
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Decodes the secret as the program does: upper or lower case, ignoring blanks and dashes, reading 0, 1 and 8 as O, L and B, and
/// dropping the bits after the last whole byte.
fn secret(line: &str) -> Option<Secret> {
    let encoding: Encoding = specification().encoding().ok()?;
    let bare: Zeroizing<String> =
        Zeroizing::new(line.chars().filter(|char| !matches!(char, ' ' | '\t' | '\r' | '-')).collect());
    encoding.decode(bare.as_bytes()).ok().map(Secret::new).filter(|secret| !secret.expose().is_empty())
}

fn specification() -> Specification {
    let mut specification = BASE32_NOPAD.specification();
    specification.check_trailing_bits = false;
    specification.translate.from.push_str("abcdefghijklmnopqrstuvwxyz018");
    specification.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZOLB");
    specification
}

#[cfg(test)]
mod tests {
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
        assert_eq!(moved.parameters, Parameters::new(Algorithm::Sha1, 6, 60).unwrap());
        assert_eq!((moved.window, moved.used_up_to, moved.skew), (Some(17), 29_999_999, -3));
        assert_eq!((moved.rate, moved.scratch.len()), (Some((3, 30)), 2));
        assert!(moved.unknown.is_empty());
    }

    #[test]
    fn a_missing_option_has_the_programs_default() {
        let moved = secret_file(&format!("{SECRET}\r\n\" TOTP_AUTH\r\n\" DISALLOW_REUSE\r\n\r\n"));
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
            assert_eq!(
                secret_file(&format!("{written}\n\" TOTP_AUTH\n")).secret.expose(),
                bytes,
                "{written}"
            );
        }
    }

    #[test]
    fn an_unknown_option_is_reported_with_its_line() {
        assert_eq!(
            secret_file(&format!("{SECRET}\n\" TOTP_AUTH\n\" NEW_THING 1\n\" LASTING\n")).unknown,
            [3, 4]
        );
    }

    #[test]
    fn a_bad_file_is_reported_with_line_and_reason() {
        let with = |rest: &str| error(&format!("{SECRET}\n\" TOTP_AUTH\n{rest}"));
        assert_eq!(error(""), (None, SecretFileError::Empty));
        assert_eq!(error("\n\" TOTP_AUTH\n"), (Some(1), SecretFileError::Secret));
        assert_eq!(error("not a secret!\n\" TOTP_AUTH\n"), (Some(1), SecretFileError::Secret));
        assert_eq!(error(&format!("{SECRET}\n")), (None, SecretFileError::NoType));
        assert_eq!(error(&SECRET[..9]), (Some(1), SecretFileError::Secret));
        assert_eq!(error(&format!("{SECRET}\n\" HOTP_COUNTER 1\n")), (None, SecretFileError::Counter));
        assert_eq!(with("\" HOTP_COUNTER 1\n"), (None, SecretFileError::Counter));
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
        let text =
            format!("{SECRET}\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n71744121\n75760401\n");
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
}
