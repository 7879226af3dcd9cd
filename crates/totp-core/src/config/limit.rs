//! The `[limit]` section of the config: how many wrong codes are judged, and what makes the source of a try.
//!
//! A service may have limits of its own. What the account's owner is promised for a year cannot depend on the service that is asked,
//! so the other keys are refused for a service.

use super::section;
use crate::document::{Field, ParseError, Ranged, Table, Value};
use crate::lockout::{Limit, MOST_ATTEMPTS, RiskRules, SourceRules};
use crate::network::Network;
use crate::time::Seconds;

#[expect(clippy::cast_possible_truncation, reason = "16")]
const MOST_TRIES: u32 = MOST_ATTEMPTS as u32;

/// The section as it is written.
#[derive(Default)]
pub(super) struct RawLimit {
    own: OwnKeys,
    everybodys: EverybodysKeys,
}

section! {
    OwnKeys {
        attempts: Ranged<1, MOST_TRIES> = "attempts",
        per: Seconds = "per",
        lock_after: Ranged<1, 1000> = "lock_after",
        lock_for: Seconds = "lock_for",
        lock_max: Seconds = "lock_max",
        disable_after: Ranged<1, 1000> = "disable_after",
        fail_delay: Seconds = "fail_delay",
    }
}

section! {
    EverybodysKeys {
        yearly_risk: Risk = "yearly_risk",
        known_for: KnownFor = "known_for",
        // With none, the account's own uid would always be refused: it has no other budget.
        known_tries_per_year: Ranged<1, 10000> = "known_tries_per_year",
        known_ipv6_prefix: Ranged<1, 128> = "known_ipv6_prefix",
        local_services: Vec<ServiceName> = "local_services",
        shared_addresses: Vec<Network> = "shared_addresses",
    }
}

/// The keys of [`EverybodysKeys`], to refuse them for a service.
const EVERYBODYS: [&str; 6] = [
    "yearly_risk",
    "known_for",
    "known_tries_per_year",
    "known_ipv6_prefix",
    "local_services",
    "shared_addresses",
];

impl RawLimit {
    /// Reads the section of all services.
    pub(super) fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self { own: OwnKeys::read(table)?, everybodys: EverybodysKeys::read(table)? })
    }

    /// Reads the section of one service.
    pub(super) fn of_service(service: &str, table: &mut Table<'_>) -> Result<Self, ParseError> {
        for key in EVERYBODYS {
            table.refused(key, |key| {
                // The name of a service may be any text.
                let service = service.escape_debug();
                format!("`{key}` is the same for every service and cannot be set in [service.{service}.limit]: set it in [limit]")
            })?;
        }
        Ok(Self { own: OwnKeys::read(table)?, everybodys: EverybodysKeys::default() })
    }

    /// The limit of a service whose own section this is.
    pub(super) fn limit(&self, general: &Self) -> Limit {
        let count = |of: fn(&OwnKeys) -> Option<u32>, default: u32| {
            of(&self.own).or(of(&general.own)).unwrap_or(default)
        };
        Limit {
            attempts: count(|limit| limit.attempts.map(|Ranged(n)| n), 5) as usize,
            per: self.length(general, |limit| limit.per, 60),
            lock_after: count(|limit| limit.lock_after.map(|Ranged(n)| n), 10),
            lock_for: self.length(general, |limit| limit.lock_for, 60),
            lock_max: self.length(general, |limit| limit.lock_max, 86400),
            disable_after: count(|limit| limit.disable_after.map(|Ranged(n)| n), 100),
        }
    }

    /// The delay of a refusal, for a service whose own section this is.
    pub(super) fn fail_delay(&self, general: &Self) -> Seconds {
        self.length(general, |limit| limit.fail_delay, 0)
    }

    fn length(&self, general: &Self, of: fn(&OwnKeys) -> Option<Seconds>, default: u64) -> Seconds {
        of(&self.own).or(of(&general.own)).unwrap_or(Seconds(default))
    }

    /// How much guessing is allowed, by the section of all services.
    pub(super) fn risk(&self) -> RiskRules {
        let RiskRules { yearly_risk, known_for, known_tries_per_year } = RiskRules::DEFAULT;
        let keys = &self.everybodys;
        RiskRules {
            yearly_risk: keys.yearly_risk.as_ref().map_or(yearly_risk, |Risk(units)| *units),
            known_for: keys.known_for.as_ref().map_or(known_for, |KnownFor(length)| *length),
            known_tries_per_year: keys.known_tries_per_year.map_or(known_tries_per_year, |Ranged(n)| n),
        }
    }

    /// What makes a source, by the section of all services.
    pub(super) fn sources(&self) -> SourceRules {
        let SourceRules { ipv6_prefix, shared_addresses, .. } = SourceRules::default();
        let keys = &self.everybodys;
        SourceRules {
            ipv6_prefix: keys
                .known_ipv6_prefix
                .map_or(ipv6_prefix, |Ranged(bits)| u8::try_from(bits).unwrap_or(128)),
            local_services: keys
                .local_services
                .as_ref()
                .map(|names| names.iter().map(|ServiceName(name)| name.clone()).collect::<Vec<_>>())
                .filter(|names| *names != SourceRules::LOCAL_SERVICES),
            shared_addresses: keys.shared_addresses.clone().unwrap_or(shared_addresses),
        }
    }
}

/// A probability in units of 10⁻⁹.
struct Risk(u64);

impl Risk {
    /// What one code of six digits is guessed with. Only authenticators with eight digits can be used under so small a risk: no more
    /// than 40 % of it can be used at once.
    const LEAST: u64 = 1_000;
    const MOST: u64 = 10_000_000;
    const RANGE: &'static str = "0.000001 to 0.01";
}

impl<'t> Field<'t> for Risk {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let text = match value {
            Value::Float(number) => number.as_str(),
            // No whole number is within the bounds.
            Value::Integer(number) => return Err(out_of_range(number.as_str())),
            Value::String(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
                return Err("invalid type, expected a number, such as 0.001".to_owned());
            }
        };
        match billionths(text) {
            Some(units) if (Self::LEAST..=Self::MOST).contains(&units) => Ok(Self(units)),
            Some(_) | None => Err(out_of_range(text)),
        }
    }
}

fn out_of_range(number: &str) -> String {
    format!("{number} is out of range: {}, with at most nine decimals", Risk::RANGE)
}

/// A decimal number in units of 10⁻⁹, exactly; `None`: it is no whole number of them, or too large. A binary fraction would round.
fn billionths(number: &str) -> Option<u64> {
    let (number, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{decimals}");
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let zeros = digits.len().checked_sub(significant.len())?;
    let power = exponent
        .parse::<i64>()
        .ok()?
        .checked_sub(i64::try_from(decimals.len()).ok()?)?
        .checked_add(i64::try_from(zeros).ok()?)?
        .checked_add(9)?;
    significant.parse::<u64>().ok()?.checked_mul(10_u64.checked_pow(u32::try_from(power).ok()?)?)
}

/// How long a source stays known.
struct KnownFor(Seconds);

impl KnownFor {
    const MOST: Seconds = Seconds(3650 * 86400);
}

impl<'t> Field<'t> for KnownFor {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let length = Seconds::read(value)?;
        if length == Seconds(0) || length > Self::MOST {
            return Err(format!("{length} is out of range: more than zero, and at most ten years (3650d)"));
        }
        Ok(Self(length))
    }
}

/// The name of a file in `/etc/pam.d`.
struct ServiceName(String);

impl<'t> Field<'t> for ServiceName {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let name = String::read(value)?;
        if name.is_empty() {
            return Err("contains an empty name: remove it".to_owned());
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema_tests;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_risk_is_converted_exactly() {
        for (text, units) in [
            ("0.001", Some(1_000_000)),
            ("1e-3", Some(1_000_000)),
            ("1.0E-3", Some(1_000_000)),
            ("+0.01", Some(10_000_000)),
            ("100e-4", Some(10_000_000)),
            ("0.000000001", Some(1)),
            ("0.0000000010000000000000000000000000000000", Some(1)),
            ("0.0000000011", None),
            ("1e-10", None),
            ("18446744073.709551615", Some(u64::MAX)),
            ("18446744073.709551616", None),
            ("1e99999999999999999999", None),
            ("1e9223372036854775807", None),
            ("1e-9223372036854775808", None),
            ("-0.001", None),
            ("inf", None),
            ("nan", None),
        ] {
            assert_eq!(billionths(text), units, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_number_of_billionths_is_read_back(units: u64) {
            let text = format!("{}.{:09}", units / 1_000_000_000, units % 1_000_000_000);
            prop_assert_eq!(billionths(&text), Some(units));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE]{0,40}") {
            billionths(&text);
        }
    }

    #[test]
    fn a_service_is_told_of_every_key_that_it_has_not() {
        for key in schema_tests::keys().iter().filter(|key| key.section == "limit") {
            let error =
                schema_tests::parse(&format!("[service.any.limit]\n{} = {{}}\n", key.name)).unwrap_err();
            assert!(!error.contains("unknown field"), "{error}");
            assert_eq!(
                error.contains("set it in [limit]"),
                EVERYBODYS.contains(&key.name.as_str()),
                "{error}"
            );
        }
    }
}
