//! The TOML format of a factor in the credential.

use super::totp::{Algorithm, Drift, Parameters, Totp};
use super::{Factor, FactorKind};
use crate::document::{Field, ParseError, Table, Value, word};
use serde::Serialize;

impl Factor {
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
