//! How values of other modules are written in a document; those modules know nothing of documents.

use super::Value;
use super::table::Field;
use crate::id::Id;
use crate::mail_address::{Address, Recipient};
use crate::network::Network;
use crate::time::Created;
use crate::time::{Date, Seconds};
use toml::value::Datetime;

impl<'t> Field<'t> for Id {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::from_hex(<&str>::read(value)?).ok_or_else(|| "is not an id of 32 hexadecimal digits".to_owned())
    }
}

impl<'t> Field<'t> for Created {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let written = value.as_datetime();
        written.map(Self::from).ok_or_else(|| "invalid type, expected a date and time".to_owned())
    }
}

impl<'t> Field<'t> for Seconds {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::parse(<&str>::read(value)?).map_err(|error| error.to_string())
    }
}

impl<'t> Field<'t> for Date {
    /// TOML's local date, or the same in quotes.
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let quoted = value.as_str().and_then(|text| text.parse().ok());
        let day = match value.as_datetime().or(quoted) {
            Some(Datetime { date: Some(date), time: None, offset: None }) => {
                Self::from_calendar(date.year, date.month, date.day)
            }
            Some(_) | None => None,
        };
        day.ok_or_else(|| {
            "is not a day: write it as 2026-12-31, without a time; it ends at midnight UTC".to_owned()
        })
    }
}

impl<'t> Field<'t> for Network {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::parse(<&str>::read(value)?).map_err(|error| error.to_string())
    }
}

impl<'t> Field<'t> for Address {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::parse(<&str>::read(value)?).map_err(|error| error.to_string())
    }
}

impl<'t> Field<'t> for Recipient {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::parse(<&str>::read(value)?).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeValue;

    #[test]
    fn none_is_no_id_that_a_document_may_hold() {
        assert!(Id::read(&Value::Text("0".repeat(32).into())).is_err());
        assert!(Id::read(&Value::Boolean(true)).is_err());
        assert_eq!(Id::read(&Value::Text("0a".repeat(16).into())), Ok(Id::new([10; 16])));
    }

    #[test]
    fn a_day_is_written_bare_or_in_quotes_and_without_a_time() {
        let read = |value: &str| Date::read(&DeValue::parse(value).unwrap().into_inner().into());
        assert_eq!(read("2026-12-31"), Ok(Date::from_calendar(2026, 12, 31).unwrap()));
        assert_eq!(read("\"2026-12-31\""), Ok(Date::from_calendar(2026, 12, 31).unwrap()));
        for value in
            ["2026-12-31T00:00:00Z", "\"2026-12-31T00:00\"", "\"soon\"", "20261231", "1960-01-01", "12:00:00"]
        {
            assert!(read(value).unwrap_err().contains("is not a day"), "{value}");
        }
    }
}
