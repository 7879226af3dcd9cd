//! TOTP: which time step, if any, a typed code belongs to (RFC 6238 section 4 and 5.2).

use crate::code::{ClockOff, CodeMatch};
use crate::keyring::Binding;
use crate::random::Secret;
use crate::time::{Now, Seconds};

/// The shortest shared secret that is accepted, in bytes (80 bits; RFC 4226 section 4 asks for 128 of new ones, but
/// older programs issued 80, and their users move in).
pub const SHORTEST_SECRET: usize = 10;
/// The longest, in bytes: the block of SHA-512; longer keys are only hashed down.
pub const LONGEST_SECRET: usize = 128;
/// The periods that are accepted, in seconds.
pub const PERIODS: std::ops::RangeInclusive<u64> = 5..=300;
/// How many steps beyond the window a refused code is searched, to tell a wrong clock from a wrong code.
const CLOCK_SEARCH: u64 = 20;
/// The window of a first code, in steps each side of the clock's.
const FIRST_DRIFT: u64 = 1;

/// The widest window of an authenticator's own, in steps each side. Nine codes are then right at any time, and a
/// guesser who is stopped after 100 wrong ones succeeds with less than 0.1 %.
pub const WIDEST_DRIFT: u64 = 4;

/// Steps behind the clock's that a login can accept: the most that the config allows.
const STEPS_BEHIND: u64 = 10;
/// Steps ahead of the clock's that another program may have accepted from a phone whose clock is fast. A code that is taken for an
/// earlier one by chance makes its owner wait that long.
const STEPS_AHEAD: u64 = 30;

/// The hash under the HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-1, which every app supports.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name in documents and `otpauth://` URIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The length of a new shared secret in bytes: the output of the hash (RFC 6238 section 5.1, RFC 4226 section 4 R6).
    #[must_use]
    pub fn secret_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// The parameters that codes are computed with, besides the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    algorithm: Algorithm,
    digits: u8,
    period: u64,
}

/// The parameters are out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// See [`crate::code::DIGITS`].
    #[error("digits must be 6, 7 or 8")]
    Digits,
    /// See [`PERIODS`].
    #[error("period must be 5 to 300 seconds")]
    Period,
}

impl Parameters {
    /// The parameters that every app supports; some use them whatever the QR code says.
    pub const EVERY_APP: Self = Self { algorithm: Algorithm::Sha1, digits: 6, period: 30 };

    /// `period` is in seconds.
    ///
    /// # Errors
    /// [`ParametersError`] names the one that is out of range.
    pub fn new(algorithm: Algorithm, digits: u8, period: u64) -> Result<Self, ParametersError> {
        if !crate::code::DIGITS.contains(&digits) {
            return Err(ParametersError::Digits);
        }
        if !PERIODS.contains(&period) {
            return Err(ParametersError::Period);
        }
        Ok(Self { algorithm, digits, period })
    }

    /// The hash under the HMAC.
    #[must_use]
    pub fn algorithm(self) -> Algorithm {
        self.algorithm
    }

    /// Digits of a code, 6 to 8.
    #[must_use]
    pub fn digits(self) -> u8 {
        self.digits
    }

    /// Seconds a step lasts, 5 to 300.
    #[must_use]
    pub fn period(self) -> u64 {
        self.period
    }

    /// The step that `realtime` (seconds since 1970) lies in; T of RFC 6238 section 4.2, with T0 = 0.
    #[must_use]
    pub fn step(self, realtime: u64) -> u64 {
        realtime.checked_div(self.period).unwrap_or(0)
    }

    /// The wait from `realtime` (seconds since 1970) until the step after `step` starts; zero if it has started.
    fn starts_after(self, step: u64, realtime: u64) -> Seconds {
        let start = step.saturating_add(1).saturating_mul(self.period);
        Seconds(start.saturating_sub(realtime))
    }
}

/// An authenticator's own window: accepted steps each side of the clock's, instead of the config's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift(u64);

/// The window is too wide to limit guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("drift_steps must be 0 to {WIDEST_DRIFT}")]
pub struct DriftError;

impl Drift {
    /// A window of this many steps each side.
    ///
    /// # Errors
    /// [`DriftError`], see [`WIDEST_DRIFT`].
    pub fn new(steps: u64) -> Result<Self, DriftError> {
        if steps > WIDEST_DRIFT { Err(DriftError) } else { Ok(Self(steps)) }
    }

    /// Steps each side.
    #[must_use]
    pub fn steps(self) -> u64 {
        self.0
    }
}

/// A TOTP authenticator, without its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totp {
    parameters: Parameters,
    drift: Option<Drift>,
}

/// The window by the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Accepted steps each side of the clock's, for this service.
    pub drift_steps: u64,
    /// The most that any service of this machine accepts: its logins may have used codes that far ahead.
    pub greatest_drift_steps: u64,
}

impl Totp {
    /// An authenticator with the config's window.
    #[must_use]
    pub fn new(parameters: Parameters) -> Self {
        Self { parameters, drift: None }
    }

    /// Sets a window of its own, if it has one.
    #[must_use]
    pub fn with_drift(self, drift: Option<Drift>) -> Self {
        Self { drift, ..self }
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(self) -> Parameters {
        self.parameters
    }

    /// Its own window, if it has one; otherwise the config's applies.
    #[must_use]
    pub fn drift(self) -> Option<Drift> {
        self.drift
    }

    /// Each step of the window has a code.
    pub(super) fn right_at_once(self, window: Window) -> u64 {
        self.drift_steps(window).saturating_mul(2).saturating_add(1)
    }

    /// The newest step whose code may have been accepted by now.
    pub(super) fn usable_by(self, window: Window, now: Now) -> u64 {
        self.parameters.step(now.realtime).saturating_add(self.greatest_drift_steps(window))
    }

    /// Version 1 of the credential cannot express a window of its own.
    pub(super) fn since_version(self) -> u32 {
        if self.drift.is_some() { 2 } else { 1 }
    }

    pub(super) fn bind(self, binding: Binding, version: u32) -> Binding {
        let Self { parameters, drift } = self;
        let binding = binding
            .text(parameters.algorithm().as_str())
            .number(u64::from(parameters.digits()))
            .number(parameters.period());
        match version {
            ..2 => binding,
            // No window is that wide.
            2.. => binding.number(drift.map_or(u64::MAX, Drift::steps)),
        }
    }

    fn drift_steps(self, window: Window) -> u64 {
        self.drift.map_or(window.drift_steps, Drift::steps)
    }

    fn greatest_drift_steps(self, window: Window) -> u64 {
        window.greatest_drift_steps.max(self.drift_steps(window))
    }
}

/// The steps that are still accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// The last step that was accepted; it and all before it are used up.
    last_step: u64,
    /// Steps accepted each side of the clock's.
    drift_steps: u64,
    /// How far ahead of the clock a code may have been accepted before this boot.
    boot_drift_steps: u64,
    now: Now,
}

/// Makes the codes of one secret. The secret in it is wiped on drop.
pub(crate) struct Generator {
    maker: totp_rs::Totp,
    totp: Totp,
}

impl Generator {
    pub(super) fn new(totp: Totp, secret: &Secret) -> Self {
        let parameters = totp.parameters;
        let algorithm = match parameters.algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        };
        // "Noncompliant" only skips totp-rs's own bounds. `Parameters` and `credential` check stricter ones of this
        // program, and the secrets of older programs are shorter than its 128 bits. One step at a time, so no skew.
        let maker = totp_rs::Builder::new()
            .with_algorithm(algorithm)
            .with_digits(parameters.digits)
            .with_step_duration(parameters.period)
            .with_skew(0)
            .with_secret(secret.expose().to_vec())
            .build_noncompliant();
        Self { maker, totp }
    }

    pub(super) fn parameters(&self) -> Parameters {
        self.totp.parameters
    }

    /// Checks `code`, with the steps up to `last_step` used up.
    pub(super) fn find(&self, code: &Secret, last_step: u64, window: Window, now: Now) -> CodeMatch {
        let (drift_steps, boot_drift_steps) =
            (self.totp.drift_steps(window), self.totp.greatest_drift_steps(window));
        self.find_in(code, Span { last_step, drift_steps, boot_drift_steps, now })
    }

    /// Checks the first code of a secret that is minutes old: no step of it can have been used.
    pub(super) fn first(&self, code: &Secret, now: Now) -> Result<u64, Option<ClockOff>> {
        let booted = Now { boottime: now.realtime, ..now };
        let span = Span { last_step: 0, drift_steps: FIRST_DRIFT, boot_drift_steps: 0, now: booted };
        match self.find_in(code, span) {
            CodeMatch::Right { used_up_to } => Ok(used_up_to),
            CodeMatch::Wrong
            | CodeMatch::Replayed { .. }
            | CodeMatch::ClockBack(_)
            | CodeMatch::BeforeBoot(_) => Err(self.clock_off_beyond(code, now, FIRST_DRIFT)),
        }
    }

    /// Finds the step of `code`. Every step of the window is computed and compared, so that the time taken does not
    /// show where it matched.
    fn find_in(&self, code: &Secret, span: Span) -> CodeMatch {
        let parameters = self.parameters();
        let seconds = |steps: u64| Seconds(steps.saturating_mul(parameters.period));
        let current = parameters.step(span.now.realtime);
        let first = current.saturating_sub(span.drift_steps);
        let last = current.saturating_add(span.drift_steps);
        let booted = parameters.step(span.now.boot()).saturating_add(span.boot_drift_steps);
        let mut found = None;
        for step in first..=last {
            if self.makes(code, step) {
                // Two steps of one window may share a code by chance; the later one is used up.
                found = Some(step);
            }
        }
        match found {
            Some(step) if step <= span.last_step && span.last_step > last => {
                CodeMatch::ClockBack(seconds(span.last_step.saturating_sub(current)))
            }
            Some(step) if step <= span.last_step => {
                let next_code = Some(parameters.starts_after(span.last_step, span.now.realtime));
                CodeMatch::Replayed { next_code }
            }
            Some(step) if step <= booted => {
                CodeMatch::BeforeBoot(parameters.starts_after(booted, span.now.realtime))
            }
            Some(step) => CodeMatch::Right { used_up_to: step },
            None => CodeMatch::Wrong,
        }
    }

    /// For a wrong code: how far a clock would have to be off for it to be right. Searches a little beyond the window.
    pub(super) fn clock_off(&self, code: &Secret, window: Window, now: Now) -> Option<ClockOff> {
        self.clock_off_beyond(code, now, self.totp.drift_steps(window))
    }

    fn clock_off_beyond(&self, code: &Secret, now: Now, drift_steps: u64) -> Option<ClockOff> {
        let current = self.parameters().step(now.realtime);
        let from = drift_steps.saturating_add(1);
        let steps = (from..from.saturating_add(CLOCK_SEARCH)).find_map(|distance| {
            let signed = i64::try_from(distance).ok()?;
            if self.makes(code, current.saturating_add(distance)) {
                return Some(signed);
            }
            let behind = current.checked_sub(distance)?;
            self.makes(code, behind).then(|| signed.saturating_neg())
        })?;
        let period = i64::try_from(self.parameters().period).ok()?;
        Some(ClockOff { steps, seconds: steps.saturating_mul(period) })
    }

    /// The newest time step near `now` with this code.
    pub(super) fn step_near(&self, code: &Secret, now: Now) -> Option<u64> {
        let current = self.parameters().step(now.realtime);
        let near = current.saturating_sub(STEPS_BEHIND)..=current.saturating_add(STEPS_AHEAD);
        near.rev().find(|step| self.makes(code, *step))
    }

    fn makes(&self, code: &Secret, step: u64) -> bool {
        let Some(time) = step.checked_mul(self.parameters().period) else { return false };
        std::str::from_utf8(code.expose()).is_ok_and(|code| self.maker.check(code, time).is_some())
    }
}

#[cfg(test)]
#[path = "totp_tests.rs"]
mod tests;
