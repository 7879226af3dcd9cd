//! Parses a secret file of google-authenticator-libpam (its FILEFORMAT): the secret in base32, options in lines that begin
//! with `" `, and scratch codes of eight digits.

use seed_files::base32;
use std::collections::BTreeSet;
use totp_core::factor::Factor;
use totp_core::factor::hotp::{self, DigitsError, Hotp};
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
    pub(super) factor: Factor,
    /// The number of codes that are valid at any time; `None`: the program's default.
    pub(super) window: Option<u64>,
    /// TOTP: the newest time step whose code was used. HOTP: the next counter.
    pub(super) used_up_to: u64,
    /// Time steps that the phone's clock is ahead; negative: behind. 0 for HOTP.
    pub(super) skew: i64,
    /// The rate limit: logins, seconds.
    pub(super) rate: Option<(u64, u64)>,
    /// Each once.
    pub(super) scratch: Vec<ScratchCode>,
    /// Lines with a scratch code of an earlier line.
    pub(super) repeated: Vec<usize>,
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
    #[error(
        "HOTP_COUNTER is not a counter from 1 to 2^63-2, so the program accepts no code; correct it, or enrol this user anew"
    )]
    Counter,
    #[error("has both HOTP_COUNTER and TOTP_AUTH; remove the line of the one that is not in use")]
    TwoTypes,
    #[error(
        "has neither the option TOTP_AUTH nor HOTP_COUNTER, so it may be incomplete; enrol this user anew"
    )]
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
    #[error("{0}")]
    Digits(#[from] DigitsError),
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
    let (mut options, mut scratch) = (Options::default(), Scratch::default());
    for (number, line) in lines {
        let line = line.trim_end_matches('\r');
        let result = match line.strip_prefix("\" ") {
            Some(option) => options.add(number, option),
            None if line.is_empty() => Ok(()),
            // The program neither creates nor accepts a scratch code that begins with 0.
            None if line.starts_with('0') => Err(SecretFileError::Line),
            None => scratch.add(number, line).ok_or(SecretFileError::Line),
        };
        result.map_err(|error| (Some(number), error))?;
    }
    options.secret_file(secret, scratch, now).map_err(whole_file)
}

/// The scratch codes. A second line with the same code would count as a code that is left, and could never be used here.
#[derive(Default)]
struct Scratch<'a> {
    codes: Vec<ScratchCode>,
    lines: BTreeSet<&'a str>,
    repeated: Vec<usize>,
}

impl<'a> Scratch<'a> {
    fn add(&mut self, number: usize, line: &'a str) -> Option<()> {
        let code = ScratchCode::parse(line.as_bytes())?;
        if self.lines.insert(line) {
            self.codes.push(code);
        } else {
            self.repeated.push(number);
        }
        Some(())
    }
}

#[derive(Default)]
struct Options {
    totp: Option<()>,
    counter: Option<u64>,
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
            "HOTP_COUNTER" => {
                // The program takes 0, a negative number or text as no counter.
                let next = one(&words, 1..=hotp::END.saturating_sub(1)).ok_or(SecretFileError::Counter)?;
                once("HOTP_COUNTER", &mut self.counter, Some(next))
            }
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
        scratch: Scratch<'_>,
        now: u64,
    ) -> Result<SecretFile, SecretFileError> {
        let (factor, used_up_to, skew) = match (self.counter, self.totp) {
            (Some(_), Some(())) => return Err(SecretFileError::TwoTypes),
            (None, None) => return Err(SecretFileError::NoType),
            // The program then ignores STEP_SIZE, DISALLOW_REUSE and TIME_SKEW.
            (Some(next), None) => (Hotp::new(6)?.into(), next, 0),
            (None, Some(())) => self.time_based(now)?,
        };
        let Self { window, rate, unknown, .. } = self;
        let Scratch { codes: scratch, repeated, .. } = scratch;
        Ok(SecretFile { secret, factor, window, used_up_to, skew, rate, scratch, repeated, unknown })
    }

    fn time_based(&self, now: u64) -> Result<(Factor, u64, i64), SecretFileError> {
        let parameters = Parameters::new(Algorithm::Sha1, 6, self.step.unwrap_or(30))?;
        let used_up_to = self.used.unwrap_or(0);
        if used_up_to > parameters.step(now).saturating_add(FURTHEST_STEPS) {
            return Err(SecretFileError::Future);
        }
        Ok((parameters.into(), used_up_to, self.skew.unwrap_or(0)))
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

/// Decodes the secret as the program does: it reads 0, 1 and 8 as O, L and B.
fn secret(line: &str) -> Option<Secret> {
    let letters = line.chars().map(|char| match char {
        '0' => 'O',
        '1' => 'L',
        '8' => 'B',
        other => other,
    });
    // Allocated at once: a text that grows leaves copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(line.len()));
    text.extend(letters);
    base32::decode(&text).ok().filter(|secret| !secret.expose().is_empty())
}

#[cfg(test)]
#[path = "google_authenticator_tests.rs"]
mod tests;
