//! The kinds of factor: how codes are computed, how far the window reaches, what a code uses up, how durable the
//! record of that has to be, and the fields in the credential.
//!
//! A further kind is one more variant of [`Factor`] and of [`Codes`], in a file of its own beside [`totp`]; the
//! compiler lists what it has to answer. Outside this directory only enrolling and showing an enrolment match on the
//! kind.

pub mod totp;

pub use crate::code::ClockOff;

use crate::code::CodeMatch;
use crate::document::{Field, ParseError, Table, Value, word};
use crate::keyring::Binding;
use crate::random::Secret;
use crate::time::Now;
use serde::Serialize;
use totp::{Algorithm, Drift, Generator, Parameters, Totp};

/// The factor of one authenticator, without its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// TOTP (RFC 6238).
    Totp(Totp),
}

/// The kind of a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    /// TOTP (RFC 6238).
    Totp,
}

/// The windows by the config, for authenticators without one of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// For TOTP.
    pub totp: totp::Window,
}

impl FactorKind {
    /// The word in the log, in documents and in seals.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
        }
    }

    /// Its number in a ledger, never that of another kind, nor 0 (no login) or 2 (a recovery code).
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Totp => 1,
        }
    }

    /// The kind with that number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        [Self::Totp].into_iter().find(|kind| kind.number() == number)
    }
}

impl From<Parameters> for Factor {
    fn from(parameters: Parameters) -> Self {
        Self::Totp(Totp::new(parameters))
    }
}

impl From<Totp> for Factor {
    fn from(totp: Totp) -> Self {
        Self::Totp(totp)
    }
}

impl Factor {
    /// Its kind.
    #[must_use]
    pub fn kind(self) -> FactorKind {
        match self {
            Self::Totp(_) => FactorKind::Totp,
        }
    }

    /// Digits of a code, 6 to 8.
    #[must_use]
    pub fn digits(self) -> u8 {
        match self {
            Self::Totp(totp) => totp.parameters().digits(),
        }
    }

    /// Bytes of a new shared secret.
    #[must_use]
    pub fn secret_length(self) -> usize {
        match self {
            Self::Totp(totp) => totp.parameters().algorithm().secret_length(),
        }
    }

    /// How durable the record of a used code has to be before the code is accepted.
    #[must_use]
    pub fn durability_of_use(self) -> Durability {
        match self {
            // The boot rule refuses every code whose record a crash of the machine could have lost.
            Self::Totp(_) => Durability::Process,
        }
    }

    /// How many codes are right at any one moment: the probability of a guess depends on it.
    #[must_use]
    pub fn right_at_once(self, windows: &Windows) -> u64 {
        match self {
            Self::Totp(totp) => totp.right_at_once(windows.totp),
        }
    }

    /// The probability that a guess is right, in units of 10⁻⁹.
    #[must_use]
    pub fn guess_units(self, windows: &Windows) -> u64 {
        guess_units(self.digits(), self.right_at_once(windows))
    }

    /// The latest that a login at this moment, at any service, can have used up.
    pub(crate) fn usable_by(self, windows: &Windows, now: Now) -> u64 {
        match self {
            Self::Totp(totp) => totp.usable_by(windows.totp, now),
        }
    }

    /// The first version of the credential that can express it.
    pub(crate) fn since_version(self) -> u32 {
        match self {
            Self::Totp(totp) => totp.since_version(),
        }
    }

    /// Binds a seal to its parameters: beside other parameters the secret does not open. `version` is that of the
    /// credential.
    pub(crate) fn bind(self, binding: Binding, version: u32) -> Binding {
        match self {
            Self::Totp(totp) => totp.bind(binding, version),
        }
    }

    /// Reads the factor from an authenticator's section.
    pub(crate) fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        match table.required("type")? {
            FactorKind::Totp => read_totp(table).map(Self::Totp),
        }
    }

    /// The factor as it is written.
    pub(crate) fn written(self) -> WrittenFactor {
        match self {
            Self::Totp(totp) => WrittenFactor {
                kind: self.kind().as_str(),
                algorithm: totp.parameters().algorithm().as_str(),
                digits: totp.parameters().digits(),
                period: totp.parameters().period(),
                drift_steps: totp.drift().map(Drift::steps),
            },
        }
    }

    /// Makes its codes. The secret in them is wiped on drop.
    pub(crate) fn codes(self, secret: &Secret) -> Codes {
        match self {
            Self::Totp(totp) => Codes::Totp(Generator::new(totp, secret)),
        }
    }
}

/// An authenticator's codes: its factor together with its secret.
pub(crate) enum Codes {
    /// TOTP.
    Totp(Generator),
}

impl Codes {
    /// Digits of a code.
    pub(crate) fn digits(&self) -> u8 {
        match self {
            Self::Totp(generator) => generator.parameters().digits(),
        }
    }

    /// Checks `code`, with everything up to `used_up_to` used up.
    pub(crate) fn find(&self, code: &Secret, used_up_to: u64, windows: &Windows, now: Now) -> CodeMatch {
        match self {
            Self::Totp(generator) => generator.find(code, used_up_to, windows.totp, now),
        }
    }

    /// For a wrong code: how far a clock would have to be off for it to be right, within limits.
    pub(crate) fn clock_off(&self, code: &Secret, windows: &Windows, now: Now) -> Option<ClockOff> {
        match self {
            Self::Totp(generator) => generator.clock_off(code, windows.totp, now),
        }
    }

    /// Checks the first code of a secret that is minutes old. Returns what it uses up.
    ///
    /// # Errors
    /// The code is wrong; how far a clock is off, if that is the reason.
    pub(crate) fn first(&self, code: &Secret, now: Now) -> Result<u64, Option<ClockOff>> {
        match self {
            Self::Totp(generator) => generator.first(code, now),
        }
    }
}

/// The probability that a guess of so many digits is one of `right` codes, in units of 10⁻⁹.
pub(crate) fn guess_units(digits: u8, right: u64) -> u64 {
    let one = 10u64.checked_pow(9u32.saturating_sub(digits.into())).unwrap_or(1);
    one.saturating_mul(right)
}

fn read_totp(table: &mut Table<'_>) -> Result<Totp, ParseError> {
    let (algorithm, digits, period) =
        (table.required("algorithm")?, table.required("digits")?, table.required("period")?);
    let parameters =
        Parameters::new(algorithm, digits, period).map_err(|error| table.wrong(error.to_string()))?;
    let drift = table.optional("drift_steps")?.map(Drift::new).transpose();
    let drift = drift.map_err(|error| table.wrong(error.to_string()))?;
    Ok(Totp::new(parameters).with_drift(drift))
}

/// A factor's fields in an authenticator's section.
#[derive(Serialize)]
pub(crate) struct WrittenFactor {
    #[serde(rename = "type")]
    kind: &'static str,
    algorithm: &'static str,
    digits: u8,
    period: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift_steps: Option<u64>,
}

/// A kind that this version does not know is refused by name.
impl<'t> Field<'t> for FactorKind {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(value, &[Self::Totp].map(|kind| (kind.as_str(), kind)))
    }
}

impl<'t> Field<'t> for Algorithm {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(
            value,
            &[Self::Sha1, Self::Sha256, Self::Sha512].map(|algorithm| (algorithm.as_str(), algorithm)),
        )
    }
}

/// What a record has to outlast before an answer is given. What happened decides it ([`crate::ledger::Record`]), never
/// the code that writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// The death of the process. The page cache does, and the boot rule covers a crash of the machine.
    Process,
    /// A crash of the machine too, for a spent recovery code, a counter, or the start of a lock.
    Machine,
}

#[cfg(test)]
mod tests {
    use super::totp::Window;
    use super::*;

    #[test]
    fn a_guess_is_weighed_by_the_window_that_holds() {
        let windows = Windows { totp: Window { drift_steps: 1, greatest_drift_steps: 3 } };
        let own = |steps: Option<u64>| {
            let drift = steps.map(|steps| Drift::new(steps).unwrap());
            Factor::from(Totp::new(Parameters::EVERY_APP).with_drift(drift)).right_at_once(&windows)
        };
        assert_eq!([None, Some(0), Some(4)].map(own), [3, 1, 9]);
    }

    #[test]
    fn a_kinds_number_is_its_own_and_neither_none_nor_a_recovery_code() {
        assert_eq!(FactorKind::of_number(FactorKind::Totp.number()), Some(FactorKind::Totp));
        assert_eq!([0, 2].map(FactorKind::of_number), [None, None]);
    }
}
