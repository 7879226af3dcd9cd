//! A TOML table, read field by field. A field that the reader does not ask for is unknown. No error repeats a value.

use super::error::ParseError;
use super::value::{Fields, Placed, Value};
use base64ct::Encoding;
use std::ops::RangeInclusive;

/// A table that is being read.
pub(crate) struct Table<'t> {
    fields: &'t Fields<'t>,
    /// The offset at which it begins in the document.
    at: usize,
    known: Vec<&'static str>,
}

impl<'t> Table<'t> {
    pub(super) fn new(fields: &'t Fields<'t>, at: usize) -> Self {
        Self { fields, at, known: Vec::new() }
    }

    /// Reads an optional field.
    pub(crate) fn optional<T: Field<'t>>(&mut self, name: &'static str) -> Result<Option<T>, ParseError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let wrong = |problem| ParseError::at(value.at, format!("`{name}`: {problem}"));
        T::read(&value.value).map(Some).map_err(wrong)
    }

    /// Reads a required field.
    pub(crate) fn required<T: Field<'t>>(&mut self, name: &'static str) -> Result<T, ParseError> {
        self.optional(name)?.ok_or_else(|| self.wrong(format!("missing field `{name}`")))
    }

    /// Reads a table with all its fields; `None` if it is missing.
    pub(crate) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Table<'t>) -> Result<T, ParseError>,
    ) -> Result<Option<T>, ParseError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        whole(value, name, read).map(Some)
    }

    /// Reads tables of one name (`[[NAME]]`) with all their fields; none if missing.
    pub(crate) fn sections<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Table<'t>) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let Value::List(tables) = &value.value else {
            return Err(ParseError::at(value.at, format!("`{name}`: {}", expected("tables, [[…]]"))));
        };
        tables.iter().map(|table| whole(table, name, &mut read)).collect()
    }

    /// Reads tables whose names the writer of the document chose.
    pub(crate) fn named_sections<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Table<'t>) -> Result<T, ParseError>,
    ) -> Result<Vec<(String, T)>, ParseError> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let Value::Table(tables) = &value.value else {
            return Err(ParseError::at(value.at, format!("`{name}`: {}", expected("tables with a name"))));
        };
        let named =
            tables.iter().map(|field| Ok((field.name.to_string(), whole(&field.placed, name, &mut read)?)));
        named.collect()
    }

    /// Reads the version of a document. To be called first, because a later version has fields that are unknown here.
    /// `known` are the versions that can be read.
    pub(crate) fn version(&mut self, known: RangeInclusive<u32>) -> Result<u32, ParseError> {
        let version = self.required("version")?;
        let (oldest, newest) = (known.start(), known.end());
        if version > *newest {
            let problem =
                format!("version {version} is newer than this program reads ({newest}): upgrade it");
            return Err(ParseError::complete(problem));
        }
        if version < *oldest {
            let problem =
                format!("version {version} is not one that this program reads ({oldest} to {newest})");
            return Err(self.wrong(problem));
        }
        Ok(version)
    }

    /// Refuses a field that was renamed, and names the new one.
    pub(crate) fn renamed(&self, old: &str, new: &str) -> Result<(), ParseError> {
        let Some(value) = self.fields.get(old) else { return Ok(()) };
        Err(ParseError::at(value.at, format!("unknown field `{old}`: it is called `{new}` now")))
    }

    /// An error about the whole table.
    pub(crate) fn wrong(&self, problem: impl Into<String>) -> ParseError {
        ParseError::at(self.at, problem)
    }

    fn value(&mut self, name: &'static str) -> Option<&'t Placed<'t>> {
        self.known.push(name);
        self.fields.get(name)
    }

    /// Checks that the reader asked for every field.
    pub(super) fn end(self) -> Result<(), ParseError> {
        let unknown = self.fields.iter().find(|field| !self.known.contains(&field.name.as_ref()));
        let Some(unknown) = unknown else { return Ok(()) };
        let known: Vec<String> = self.known.iter().map(|name| format!("`{name}`")).collect();
        let name = unknown.name.escape_debug();
        let problem = format!("unknown field `{name}`, expected one of {}", known.join(", "));
        Err(ParseError::at(unknown.at, problem))
    }
}

fn whole<'t, T>(
    value: &'t Placed<'t>,
    name: &'static str,
    read: impl FnOnce(&mut Table<'t>) -> Result<T, ParseError>,
) -> Result<T, ParseError> {
    let Value::Table(fields) = &value.value else {
        return Err(ParseError::at(value.at, format!("`{name}`: {}", expected("a table"))));
    };
    let mut table = Table::new(fields, value.at);
    let whole = read(&mut table)?;
    table.end()?;
    Ok(whole)
}

/// A type that a field can hold.
pub(crate) trait Field<'t>: Sized {
    /// The error says what is wrong, and never repeats the value of a secret.
    fn read(value: &'t Value<'t>) -> Result<Self, String>;
}

fn expected(what: &str) -> String {
    format!("invalid type, expected {what}")
}

impl<'t> Field<'t> for &'t str {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        value.as_str().ok_or_else(|| expected("a string"))
    }
}

impl<'t> Field<'t> for String {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        <&str>::read(value).map(str::to_owned)
    }
}

impl<'t> Field<'t> for bool {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        if let Value::Boolean(value) = value { Ok(*value) } else { Err(expected("true or false")) }
    }
}

impl<'t> Field<'t> for i64 {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let Value::Integer(number) = value else { return Err(expected("a whole number")) };
        number.ok_or_else(|| "is too large a number".to_owned())
    }
}

impl<'t> Field<'t> for u64 {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::try_from(i64::read(value)?).map_err(|_| "is a negative number".to_owned())
    }
}

impl<'t> Field<'t> for u32 {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::try_from(u64::read(value)?).map_err(|_| "is too large a number".to_owned())
    }
}

impl<'t> Field<'t> for u8 {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::try_from(u64::read(value)?).map_err(|_| "is too large a number".to_owned())
    }
}

/// Bytes as base64 (RFC 4648 section 4).
pub(crate) struct Base64(pub(crate) Vec<u8>);

impl Base64 {
    /// `bytes` as base64.
    pub(crate) fn text(bytes: &[u8]) -> String {
        base64ct::Base64::encode_string(bytes)
    }
}

impl<'t> Field<'t> for Base64 {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let text = value.as_str().ok_or_else(|| expected("base64 text"))?;
        let bytes = base64ct::Base64::decode_vec(text);
        bytes.map(Self).map_err(|_| "is not base64 (RFC 4648)".to_owned())
    }
}

impl<'t, T: Field<'t>> Field<'t> for Vec<T> {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let Value::List(values) = value else { return Err(expected("a list, [ … ]")) };
        values.iter().map(|value| T::read(&value.value)).collect()
    }
}

/// Reads one of a few words. The error repeats the unknown word, so that a type of a later version is refused by name.
pub(crate) fn word<T: Copy>(value: &Value<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let text = value.as_str().ok_or_else(|| expected("a string"))?;
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|&(_, meaning)| meaning).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let start: String = text.chars().take(LONGEST_WORD).collect();
        format!("unknown variant `{}`, expected one of {}", start.escape_debug(), words.join(", "))
    })
}

/// The most characters of an unknown word that are repeated.
const LONGEST_WORD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;
    use proptest::prelude::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        Base64::read(&Value::Text(text.into())).ok().map(|Base64(bytes)| bytes)
    }

    #[test]
    fn there_is_one_way_to_write_bytes_in_base64() {
        assert_eq!(decoded("Zm9v/+8="), Some(b"foo\xff\xef".to_vec()));
        // Bits behind the last byte, padding left out or too much, another alphabet, blanks, the end of a line.
        for text in ["Zm9v/+9=", "Zm9v/+8", "Zm9v====", "=", "Zg==Zg==", "Zm9v_-8=", "Zm9v /+8=", "Zm9v\n"] {
            assert_eq!(decoded(text), None, "{text:?}");
        }
    }

    proptest! {
        // Padding only at the end: the other reader takes what was joined behind it as well.
        #[test]
        fn another_reader_of_base64_agrees(text in "[A-Da-d0-3+/_ -]{0,12}={0,3}", bytes: Vec<u8>) {
            prop_assert_eq!(decoded(&text), BASE64.decode(text.as_bytes()).ok());
            prop_assert_eq!(Base64::text(&bytes), BASE64.encode(&bytes));
            prop_assert_eq!(decoded(&Base64::text(&bytes)), Some(bytes));
        }
    }
}
