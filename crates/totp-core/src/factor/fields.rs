//! The fields of a factor in an authenticator's section of a credential: read and written.

use super::hotp::{self, Hotp, LookAhead};
use super::totp::{Algorithm, Drift, Parameters, Totp};
use crate::document::{Field, ParseError, Table, Value, word};
use serde::Serialize;

pub(super) fn read_totp(table: &mut Table<'_>) -> Result<Totp, ParseError> {
    let (algorithm, digits, period) =
        (table.required("algorithm")?, table.required("digits")?, table.required("period")?);
    let parameters =
        Parameters::new(algorithm, digits, period).map_err(|error| table.wrong(error.to_string()))?;
    let drift = table.optional("drift_steps")?.map(Drift::new).transpose();
    let drift = drift.map_err(|error| table.wrong(error.to_string()))?;
    Ok(Totp::new(parameters).with_drift(drift))
}

pub(super) fn read_hotp(table: &mut Table<'_>) -> Result<Hotp, ParseError> {
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
    pub(super) kind: &'static str,
    pub(super) algorithm: &'static str,
    pub(super) digits: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) drift_steps: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) look_ahead: Option<u64>,
}

impl<'t> Field<'t> for Algorithm {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(
            value,
            &[Self::Sha1, Self::Sha256, Self::Sha512].map(|algorithm| (algorithm.as_str(), algorithm)),
        )
    }
}
