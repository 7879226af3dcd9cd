//! The columns of a CSV file: by the names in a header, or in the order of a file without one.

use crate::SeedFileError;
use csv::StringRecord;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// What is printed on the token.
    Serial,
    /// The secret, in hexadecimal or base32.
    Secret,
    /// The secret, in hexadecimal.
    SecretHex,
    /// The secret, in base32.
    SecretBase32,
    /// `hotp` or `totp`.
    Type,
    /// Digits of a code.
    Digits,
    /// Seconds of a time step.
    Period,
    /// The next counter.
    Counter,
    /// The period of a TOTP token, the counter of a HOTP token.
    Moving,
    /// The hash.
    Algorithm,
    /// Who made it.
    Maker,
    /// Its model.
    Model,
    /// Something that is not read.
    Ignored,
}

/// Each column's names, in lower case, without blanks, `_` and `-`. `upn` is the user in files for Microsoft Entra ID.
const NAMES: [(Column, &[&str]); 13] = [
    (Column::Serial, &["serial", "serialnumber", "serialno", "tokenserial", "sn"]),
    (Column::Secret, &["secret", "secretkey", "sharedsecret", "seed", "key"]),
    (Column::SecretHex, &["secrethex", "seedhex", "keyhex", "hexsecret", "hexseed", "hexkey"]),
    (
        Column::SecretBase32,
        &["secretbase32", "seedbase32", "keybase32", "base32secret", "base32seed", "base32key"],
    ),
    (Column::Type, &["type", "tokentype", "kind"]),
    (Column::Digits, &["digits", "length", "otplength", "otplen", "codelength"]),
    (Column::Period, &["period", "timeinterval", "timestep", "interval", "step"]),
    (Column::Counter, &["counter", "nextcounter", "movingfactor"]),
    (Column::Moving, &["periodorcounter", "counterorperiod", "period/counter", "counter/period"]),
    (Column::Algorithm, &["algorithm", "hash", "hashalgorithm", "hmac"]),
    (Column::Maker, &["maker", "manufacturer", "vendor"]),
    (Column::Model, &["model", "product"]),
    (Column::Ignored, &["upn"]),
];

/// The order of a file without a header; the last columns may be missing.
const WITHOUT_HEADER: [Column; 8] = [
    Column::Serial,
    Column::Secret,
    Column::Type,
    Column::Digits,
    Column::Moving,
    Column::Algorithm,
    Column::Maker,
    Column::Model,
];

/// The most columns of a file: each line is searched for each column.
const MOST_COLUMNS: usize = 32;

/// Checks the number of columns of a line.
///
/// # Errors
/// [`SeedFileError`]: too many.
pub(crate) fn check_width(record: &StringRecord, line: usize) -> Result<(), SeedFileError> {
    if record.len() > MOST_COLUMNS {
        let problem = format!("has more than {MOST_COLUMNS} columns: remove those that are not read");
        return Err(SeedFileError::new(line, problem));
    }
    Ok(())
}

/// The columns of one file, in its order.
pub(crate) struct Columns {
    columns: Vec<Column>,
    secret: Column,
    has_header: bool,
}

impl Columns {
    /// Reads the header, if the first record is one: if it has the name of a column for the serial number or the secret.
    ///
    /// # Errors
    /// [`SeedFileError`]: a header with an unknown column, one twice, or without one that is needed.
    pub(crate) fn of(first: &StringRecord, line: usize) -> Result<Self, SeedFileError> {
        let refused = |problem: String| Err(SeedFileError::new(line, problem));
        let named: Vec<Option<Column>> = first.iter().map(by_name).collect();
        let makes_a_header = |column: &Option<Column>| {
            column.is_some_and(|column| column == Column::Serial || is_secret(column))
        };
        if !named.iter().any(makes_a_header) {
            return Ok(Self { columns: WITHOUT_HEADER.to_vec(), secret: Column::Secret, has_header: false });
        }
        let mut columns = Vec::new();
        for (at, column) in named.into_iter().enumerate() {
            let position = at.saturating_add(1);
            let Some(column) = column else {
                return refused(format!(
                    "column {position} of the header has no known name: correct it, or remove the column"
                ));
            };
            if column != Column::Ignored && columns.contains(&column) {
                return refused(format!(
                    "column {position} of the header is there twice: remove one of them"
                ));
            }
            columns.push(column);
        }
        let mut secrets = columns.iter().copied().filter(|column| is_secret(*column));
        let (Some(secret), None, true) = (secrets.next(), secrets.next(), columns.contains(&Column::Serial))
        else {
            return refused(
                "the header needs one column serial and one column secret: add or rename them".to_owned(),
            );
        };
        Ok(Self { columns, secret, has_header: true })
    }

    pub(crate) fn has_header(&self) -> bool {
        self.has_header
    }

    /// The most fields of a line.
    pub(crate) fn count(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn has(&self, column: Column) -> bool {
        self.columns.contains(&column)
    }

    /// The column that has the secret.
    pub(crate) fn secret(&self) -> Column {
        self.secret
    }

    /// The text of a column; empty if the line or the file lacks it.
    pub(crate) fn text<'r>(&self, record: &'r StringRecord, column: Column) -> &'r str {
        let at = self.columns.iter().position(|known| *known == column);
        at.and_then(|at| record.get(at)).unwrap_or_default()
    }
}

fn by_name(text: &str) -> Option<Column> {
    let name = text.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).collect::<String>().to_lowercase();
    NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(column, _)| *column)
}

fn is_secret(column: Column) -> bool {
    matches!(column, Column::Secret | Column::SecretHex | Column::SecretBase32)
}
