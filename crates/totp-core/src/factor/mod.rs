//! The kinds of factor: how codes are computed, how far the window reaches, what a code uses up, how durable the
//! record of that has to be, and the fields in the credential.
//!
//! A further kind is one more variant of [`Factor`] and of [`Codes`], in a file of its own beside [`totp`]; the
//! compiler lists what it has to answer. Outside this directory only enrolling and showing an enrolment match on the
//! kind.

mod codes;
mod fields;
pub mod hotp;
pub mod totp;
mod windows;

pub use crate::code::ClockOff;
pub use hotp::Unusable;
pub use windows::Windows;

pub(crate) use codes::{Codes, FirstCode, Typed};
pub(crate) use fields::WrittenFactor;

use crate::code::Answer;
use crate::document::{Field, ParseError, Table, Value, word};
use crate::keyring::Binding;
use crate::random::Secret;
use crate::time::Now;
use hotp::{Counter, Hotp, LookAhead};
use totp::{Algorithm, Drift, Parameters, Totp};

/// The factor of one authenticator, without its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// TOTP (RFC 6238).
    Totp(Totp),
    /// HOTP (RFC 4226).
    Hotp(Hotp),
}

/// The kind of a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    /// TOTP (RFC 6238).
    Totp,
    /// HOTP (RFC 4226).
    Hotp,
}

impl FactorKind {
    const ALL: [Self; 2] = [Self::Totp, Self::Hotp];

    /// The word in the log, in documents and in seals.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Hotp => "hotp",
        }
    }

    /// Its number in a ledger, never that of another kind, nor 0 (no login) or 2 (a recovery code).
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Totp => 1,
            Self::Hotp => 3,
        }
    }

    /// The kind with that number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
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

impl From<Hotp> for Factor {
    fn from(hotp: Hotp) -> Self {
        Self::Hotp(hotp)
    }
}

impl Factor {
    /// Its kind.
    #[must_use]
    pub fn kind(self) -> FactorKind {
        match self {
            Self::Totp(_) => FactorKind::Totp,
            Self::Hotp(_) => FactorKind::Hotp,
        }
    }

    /// Digits of a code, 6 to 8.
    #[must_use]
    pub fn digits(self) -> u8 {
        match self {
            Self::Totp(totp) => totp.parameters().digits(),
            Self::Hotp(hotp) => hotp.digits(),
        }
    }

    /// The hash under the HMAC.
    #[must_use]
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::Totp(totp) => totp.parameters().algorithm(),
            Self::Hotp(_) => hotp::ALGORITHM,
        }
    }

    /// Seconds that a code is shown; `None`: time moves none of its codes.
    #[must_use]
    pub fn period(self) -> Option<u64> {
        match self {
            Self::Totp(totp) => Some(totp.parameters().period()),
            Self::Hotp(_) => None,
        }
    }

    /// Bytes of a new shared secret.
    #[must_use]
    pub fn secret_length(self) -> usize {
        self.algorithm().secret_length()
    }

    /// How durable the record of a used code has to be before the code is accepted.
    #[must_use]
    pub fn durability_of_use(self) -> Durability {
        match self {
            // The boot rule refuses every code whose record a crash of the machine could have lost.
            Self::Totp(_) => Durability::Process,
            Self::Hotp(_) => Durability::Machine,
        }
    }

    /// How many codes are right at any one moment: the probability of a guess depends on it.
    #[must_use]
    pub fn right_at_once(self, windows: &Windows) -> u64 {
        match self {
            Self::Totp(totp) => totp.right_at_once(windows.totp),
            Self::Hotp(hotp) => hotp.right_at_once(windows.hotp),
        }
    }

    /// The counter of a token, at this stored position; `None`: it has none.
    #[must_use]
    pub fn counter(self, used_up_to: u64, windows: &Windows) -> Option<Counter> {
        match self {
            Self::Totp(_) => None,
            Self::Hotp(hotp) => Some(hotp.counter(used_up_to, windows.hotp)),
        }
    }

    /// The probability that a guess is right, in units of 10⁻⁹.
    #[must_use]
    pub fn guess_units(self, windows: &Windows) -> u64 {
        guess_units(self.digits(), self.right_at_once(windows))
    }

    /// The part of an answer that could be of it; `None`: it has another shape.
    ///
    /// # Errors
    /// [`Unusable`]: it has the shape, and none of that shape is accepted now, whatever it is. It is not looked at.
    pub(crate) fn typed(self, answer: &Answer, used_up_to: u64) -> Result<Option<Typed>, Unusable> {
        let one = || answer.of_digits(self.digits()).map(Typed::One);
        match self {
            Self::Totp(_) => Ok(one()),
            Self::Hotp(hotp) => {
                if let Some((first, second)) = answer.pair_of_digits(hotp.digits()) {
                    return hotp::takes_two_codes(used_up_to).map(|()| Some(Typed::Pair(first, second)));
                }
                one().map(|typed| hotp::takes_one_code(used_up_to).map(|()| typed)).transpose()
            }
        }
    }

    /// Whether two codes, one after the other, can bring it back in step at this stored position.
    pub(crate) fn can_be_resynchronised(self, used_up_to: u64) -> bool {
        match self {
            Self::Totp(_) => false,
            Self::Hotp(_) => hotp::takes_two_codes(used_up_to).is_ok(),
        }
    }

    /// The probability that a guess of this shape is right, in units of 10⁻⁹.
    pub(crate) fn units_of(self, typed: &Typed, windows: &Windows) -> u64 {
        match (self, typed) {
            (Self::Totp(_) | Self::Hotp(_), Typed::One(_)) => self.guess_units(windows),
            (Self::Hotp(hotp), Typed::Pair(..)) => hotp.pair_units(windows.hotp),
            // It takes no pairs.
            (Self::Totp(_), Typed::Pair(..)) => 0,
        }
    }

    /// What is used up if every code that a login at this moment, at any service, can have used is to be void. `used_up_to`: what
    /// is known to be used up, zero if nothing is known.
    pub(crate) fn voided(self, used_up_to: u64, windows: &Windows, now: Now) -> u64 {
        match self {
            Self::Totp(totp) => used_up_to.max(totp.usable_by(windows.totp, now)),
            // How far it was used is not known, so two codes have to show it.
            Self::Hotp(_) => hotp::out_of_step(used_up_to),
        }
    }

    /// What is used up as documents write it, and whether two codes are needed first.
    pub(crate) fn written_position(self, used_up_to: u64) -> (u64, bool) {
        match self {
            Self::Totp(_) => (used_up_to, false),
            Self::Hotp(_) => hotp::written_position(used_up_to),
        }
    }

    /// The opposite. The error says what no document of this kind has.
    pub(crate) fn read_position(self, used_up_to: u64, out_of_step: bool) -> Result<u64, &'static str> {
        match (self, out_of_step) {
            (Self::Totp(_), true) => Err("`out_of_step` is for counter tokens only"),
            (Self::Hotp(_), true) => Ok(hotp::out_of_step(used_up_to)),
            (Self::Totp(_) | Self::Hotp(_), false) => Ok(used_up_to),
        }
    }

    /// What is used up without what no login up to this moment can have used: the clock ran ahead.
    pub(crate) fn freed(self, used_up_to: u64, windows: &Windows, now: Now) -> u64 {
        match self {
            Self::Totp(totp) => used_up_to.min(totp.usable_by(windows.totp, now)),
            // A clock moves no counter.
            Self::Hotp(_) => used_up_to,
        }
    }

    /// The first version of the credential that can express it.
    pub(crate) fn since_version(self) -> u32 {
        match self {
            Self::Totp(totp) => totp.since_version(),
            Self::Hotp(hotp) => hotp.since_version(),
        }
    }

    /// Binds a seal to its parameters: beside other parameters the secret does not open. `version` is that of the
    /// credential.
    pub(crate) fn bind(self, binding: Binding, version: u32) -> Binding {
        match self {
            Self::Totp(totp) => totp.bind(binding, version),
            Self::Hotp(hotp) => hotp.bind(binding),
        }
    }

    /// Reads the factor from an authenticator's section.
    pub(crate) fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        match table.required("type")? {
            FactorKind::Totp => fields::read_totp(table).map(Self::Totp),
            FactorKind::Hotp => fields::read_hotp(table).map(Self::Hotp),
        }
    }

    /// The factor as it is written.
    pub(crate) fn written(self) -> WrittenFactor {
        match self {
            Self::Totp(totp) => WrittenFactor {
                kind: self.kind().as_str(),
                algorithm: self.algorithm().as_str(),
                digits: self.digits(),
                period: self.period(),
                drift_steps: totp.drift().map(Drift::steps),
                look_ahead: None,
            },
            Self::Hotp(hotp) => WrittenFactor {
                kind: self.kind().as_str(),
                algorithm: self.algorithm().as_str(),
                digits: self.digits(),
                period: self.period(),
                drift_steps: None,
                look_ahead: hotp.look_ahead().map(LookAhead::counters),
            },
        }
    }

    /// Makes its codes. The secret in them is wiped on drop.
    pub(crate) fn codes(self, secret: &Secret) -> Codes {
        match self {
            Self::Totp(totp) => Codes::Totp(totp::Generator::new(totp, secret)),
            Self::Hotp(hotp) => Codes::Hotp(hotp::Generator::new(hotp, secret)),
        }
    }
}

/// The probability that a guess of so many digits is one of `right` codes, in units of 10⁻⁹.
pub(crate) fn guess_units(digits: u8, right: u64) -> u64 {
    let one = 10u64.checked_pow(9u32.saturating_sub(digits.into())).unwrap_or(1);
    one.saturating_mul(right)
}

/// A kind that this version does not know is refused by name.
impl<'t> Field<'t> for FactorKind {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(value, &Self::ALL.map(|kind| (kind.as_str(), kind)))
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
        let windows =
            Windows { totp: Window { drift_steps: 1, greatest_drift_steps: 3 }, hotp: hotp::Window::DEFAULT };
        let own = |steps: Option<u64>| {
            let drift = steps.map(|steps| Drift::new(steps).unwrap());
            Factor::from(Totp::new(Parameters::EVERY_APP).with_drift(drift)).right_at_once(&windows)
        };
        assert_eq!([None, Some(0), Some(4)].map(own), [3, 1, 9]);
        let own = |counters: Option<u64>| {
            let look_ahead = counters.map(|counters| LookAhead::new(counters).unwrap());
            Factor::from(Hotp::new(6).unwrap().with_look_ahead(look_ahead)).right_at_once(&windows)
        };
        assert_eq!([None, Some(0), Some(50)].map(own), [11, 1, 51]);
    }

    #[test]
    fn a_kinds_number_is_its_own_and_neither_none_nor_a_recovery_code() {
        for kind in FactorKind::ALL {
            assert_eq!(FactorKind::of_number(kind.number()), Some(kind));
        }
        assert_eq!([0, 2].map(FactorKind::of_number), [None, None]);
    }
}
