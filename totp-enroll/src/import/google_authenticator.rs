//! A secret file of google-authenticator-libpam (its FILEFORMAT): the secret in base32, lines that begin with `" ` and name an
//! option, and single-use codes of eight digits.

use data_encoding::{BASE32_NOPAD, Encoding, Specification};
use totp_core::factor::totp::{Algorithm, Parameters, ParametersError};
use totp_core::recovery::ScratchCode;
use totp_core::secret::Secret;
use zeroize::Zeroizing;

/// No file that the program reads is larger, in bytes.
pub(super) const LARGEST: usize = 64 << 10;
/// Steps that the program looks for a code each side of the clock's when it adjusts itself to a phone: half a day of thirty
/// seconds. It cannot have used one that is further ahead, but for a window of a hundred.
const FURTHEST_STEPS: u64 = 25 * 60 + 100;

/// What a file says.
pub(super) struct Moved {
    pub(super) secret: Secret,
    pub(super) parameters: Parameters,
    /// Codes that are good at any time; the program's own default where it is left out.
    pub(super) window: Option<u64>,
    /// The newest step of which a code was used.
    pub(super) used_up_to: u64,
    /// Steps that the phone's clock is ahead, or behind if negative.
    pub(super) skew: i64,
    /// So many logins in so many seconds.
    pub(super) rate: Option<(u64, u64)>,
    pub(super) scratch: Vec<ScratchCode>,
    /// Lines with options that are none of FILEFORMAT's.
    pub(super) unknown: Vec<usize>,
}

/// Why a file cannot be taken over. Nothing of it repeats what is in the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("is larger than {LARGEST} bytes, which is no secret file")]
    TooLarge,
    #[error("is not ASCII text")]
    NotText,
    #[error("is empty")]
    Empty,
    #[error("the first line is not a secret in base32")]
    Secret,
    #[error("is a counter token (HOTP), and counters cannot be carried over: enrol this user anew")]
    Counter,
    #[error(
        "does not say that its codes are time-based (TOTP_AUTH): it may be cut short; enrol this user anew"
    )]
    NoType,
    #[error("has the option {0} twice")]
    Twice(&'static str),
    #[error("the option {0} has no value that the program would take")]
    Value(&'static str),
    #[error(
        "DISALLOW_REUSE names a code of a time to come: set the machine's clock, or enrol this user anew"
    )]
    Future,
    #[error("is neither an option nor a code of eight digits: the file may be cut short")]
    Line,
    #[error("STEP_SIZE: {0}")]
    Parameters(#[from] ParametersError),
}

/// A problem, and the line that has it, where one has.
pub(super) type Placed = (Option<usize>, Problem);

/// Parses a file. `now` is in seconds since 1970.
pub(super) fn parse(text: &[u8], now: u64) -> Result<Moved, Placed> {
    let whole = |problem| (None, problem);
    if text.len() > LARGEST {
        return Err(whole(Problem::TooLarge));
    }
    if !text.is_ascii() {
        return Err(whole(Problem::NotText));
    }
    let text = std::str::from_utf8(text).map_err(|_| whole(Problem::NotText))?;
    let mut lines = (1..).zip(text.lines());
    let (_, first) = lines.next().ok_or(whole(Problem::Empty))?;
    let secret = secret(first).ok_or((Some(1), Problem::Secret))?;
    let (mut options, mut scratch) = (Options::default(), Vec::new());
    for (number, line) in lines {
        let line = line.trim_end_matches('\r');
        let taken = match line.strip_prefix("\" ") {
            Some(option) => options.take(number, option),
            None if line.is_empty() => Ok(()),
            // The program makes none that begins with a zero, and takes none.
            None if line.starts_with('0') => Err(Problem::Line),
            None => ScratchCode::parse(line.as_bytes()).map(|code| scratch.push(code)).ok_or(Problem::Line),
        };
        taken.map_err(|problem| (Some(number), problem))?;
    }
    options.moved(secret, scratch, now).map_err(whole)
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
    fn take(&mut self, line: usize, option: &str) -> Result<(), Problem> {
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
            // The program's notes on skews that it was about to adjust to, and on hosts that it asked nothing of for a while.
            "RESETTING_TIME_SKEW" => Ok(()),
            name if is_last(name) => Ok(()),
            _ => {
                self.unknown.push(line);
                Ok(())
            }
        }
    }

    fn moved(self, secret: Secret, scratch: Vec<ScratchCode>, now: u64) -> Result<Moved, Problem> {
        match (self.counter, self.totp) {
            (Some(()), _) => return Err(Problem::Counter),
            (None, None) => return Err(Problem::NoType),
            (None, Some(())) => {}
        }
        let parameters = Parameters::new(Algorithm::Sha1, 6, self.step.unwrap_or(30))?;
        let used_up_to = self.used.unwrap_or(0);
        if used_up_to > parameters.step(now).saturating_add(FURTHEST_STEPS) {
            return Err(Problem::Future);
        }
        let (skew, Self { window, rate, unknown, .. }) = (self.skew.unwrap_or(0), self);
        Ok(Moved { secret, parameters, window, used_up_to, skew, rate, scratch, unknown })
    }
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: Option<T>) -> Result<(), Problem> {
    let value = value.ok_or(Problem::Value(name))?;
    if place.replace(value).is_some() { Err(Problem::Twice(name)) } else { Ok(()) }
}

fn one(words: &[&str], range: std::ops::RangeInclusive<u64>) -> Option<u64> {
    let [word] = words else { return None };
    number(word).filter(|number| range.contains(number))
}

/// Behind the two numbers the program notes when it was used.
fn rate(words: &[&str]) -> Option<(u64, u64)> {
    let [logins, seconds, times @ ..] = words else { return None };
    let all_numbers = times.iter().all(|time| number(time).is_some());
    Some((number(logins)?, number(seconds)?)).filter(|rate| all_numbers && rate.0 > 0 && rate.1 > 0)
}

/// The newest of the steps whose codes were used; zero where none was.
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

/// As the program reads it: in either case, past blanks and dashes, with what is easily mistaken taken for what is meant, and
/// without the bits behind the last whole byte.
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
#[path = "google_authenticator_tests.rs"]
mod tests;
