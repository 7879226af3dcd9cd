//! The fields of a factor in an authenticator's section of a credential: read and written.

use super::hotp::{self, Hotp, LookAhead};
use super::totp::{Algorithm, Drift, Parameters, Totp};
use super::{Factor, FactorKind};
use crate::document::{Field, ParseError, Table, Value, word};
use serde::Serialize;

impl Factor {
    /// Reads the factor from an authenticator's section.
    pub(crate) fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        match table.required("type")? {
            FactorKind::Totp => read_totp(table).map(Self::Totp),
            FactorKind::Hotp => read_hotp(table).map(Self::Hotp),
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

fn read_hotp(table: &mut Table<'_>) -> Result<Hotp, ParseError> {
    let (algorithm, digits) = (table.required::<Algorithm>("algorithm")?, table.required("digits")?);
    if algorithm != hotp::ALGORITHM {
        return Err(
            table.wrong(format!("algorithm of a hotp authenticator must be {}", hotp::ALGORITHM.as_str()))
        );
    }
    let hotp = Hotp::new(digits).map_err(|error| table.wrong(error.to_string()))?;
    let look_ahead = table.optional("look_ahead")?.map(LookAhead::new).transpose();
    let look_ahead = look_ahead.map_err(|error| table.wrong(error.to_string()))?;
    Ok(hotp.with_look_ahead(look_ahead))
}

/// A factor's fields in an authenticator's section.
#[derive(Serialize)]
pub(crate) struct WrittenFactor {
    #[serde(rename = "type")]
    kind: &'static str,
    algorithm: &'static str,
    digits: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift_steps: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    look_ahead: Option<u64>,
}

/// A kind that this version does not know is refused by name.
impl<'t> Field<'t> for FactorKind {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(value, &Self::ALL.map(|kind| (kind.as_str(), kind)))
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
