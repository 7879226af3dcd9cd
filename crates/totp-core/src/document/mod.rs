//! Reading a TOML document: errors name the file, the line and what is wrong, and never repeat a value.

#[cfg(test)]
mod tests;

pub(crate) use toml::de::DeValue as Value;

use crate::mail_address::{Address, Recipient};
use crate::network::Network;
use crate::random::Id;
use crate::time::{Created, Date, Seconds};
use base64ct::Encoding;
use std::ops::RangeInclusive;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;
use toml::value::Datetime;

/// Reads `bytes` as TOML; fields that `read` does not ask for are errors. `file` is only named in errors, and `fix` is
/// the advice that follows them.
pub(crate) fn read<T>(
    file: &Path,
    bytes: &[u8],
    fix: &str,
    read: impl for<'t> FnOnce(&mut Table<'t>) -> Result<T, ParseError>,
) -> Result<T, DocumentError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentError {
        about: file.display().to_string(),
        line: Some(line_of(bytes, error.valid_up_to())),
        problem: format!("is not UTF-8 text; {fix}"),
    })?;
    let document = parse(text).and_then(|fields| {
        Table { fields: &fields, at: 0, known: Vec::with_capacity(MOST_NAMES) }.whole(read)
    });
    document.map_err(|ParseError { at, problem, says_what_to_do }| DocumentError {
        about: file.display().to_string(),
        line: at.map(|at| line_of(bytes, at)),
        problem: if says_what_to_do { problem } else { format!("{problem}; {fix}") },
    })
}

fn parse(text: &str) -> Result<DeTable<'_>, ParseError> {
    DeTable::parse(text).map(Spanned::into_inner).map_err(|error| ParseError {
        at: error.span().map(|span| span.start),
        // Kept on one line, whatever the library says.
        problem: error.message().replace(['\n', '\r'], "; "),
        says_what_to_do: false,
    })
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|&&byte| byte == b'\n').count().saturating_add(1)
}

/// Why a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{about}{}: {problem}", Line(*line))]
pub struct DocumentError {
    /// The document, as the caller named it: a path, say.
    pub about: String,
    /// The line, counted from one, if there is one to name.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub problem: String,
}

struct Line(Option<usize>);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, " line {line}"))
    }
}

impl DocumentError {
    /// An error about the whole document.
    #[must_use]
    pub fn new(file: &Path, problem: impl Into<String>) -> Self {
        Self { about: file.display().to_string(), line: None, problem: problem.into() }
    }
}

/// An error at a position of a document.
#[derive(Debug)]
pub(crate) struct ParseError {
    at: Option<usize>,
    problem: String,
    /// Whether `problem` says what to do.
    says_what_to_do: bool,
}

impl ParseError {
    fn at(offset: usize, problem: impl Into<String>) -> Self {
        Self { at: Some(offset), problem: problem.into(), says_what_to_do: false }
    }

    /// An error whose text says what to do.
    pub(crate) fn complete(problem: impl Into<String>) -> Self {
        Self { at: None, problem: problem.into(), says_what_to_do: true }
    }
}

/// A table that is read field by field. A field that the reader does not ask for is unknown.
pub(crate) struct Table<'t> {
    fields: &'t DeTable<'t>,
    /// The offset at which it begins in the document; that of its header, if it has one.
    at: usize,
    known: Vec<&'static str>,
}

/// As many names as the longest reader asks for, so that the list of them is allocated once.
const MOST_NAMES: usize = 16;

impl<'t> Table<'t> {
    /// Reads an optional field.
    pub(crate) fn optional<T: Field<'t>>(&mut self, name: &'static str) -> Result<Option<T>, ParseError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let wrong = |problem| ParseError::at(value.span().start, format!("`{name}`: {problem}"));
        T::read(value.get_ref()).map(Some).map_err(wrong)
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
        Table::of(value, name)?.whole(read).map(Some)
    }

    /// Reads tables of one name (`[[NAME]]`) with all their fields; none if missing.
    pub(crate) fn sections<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Table<'t>) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let Value::Array(tables) = value.get_ref() else {
            return Err(unexpected(value, name, "tables, [[…]]"));
        };
        tables.iter().map(|table| Table::of(table, name)?.whole(&mut read)).collect()
    }

    /// Reads tables whose names the writer of the document chose; `read` is told the name.
    pub(crate) fn named_sections<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&str, &mut Table<'t>) -> Result<T, ParseError>,
    ) -> Result<Vec<(String, T)>, ParseError> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let Value::Table(tables) = value.get_ref() else {
            return Err(unexpected(value, name, "tables with a name"));
        };
        let mut tables: Vec<_> = tables.iter().collect();
        // In the order of the document, so that of several mistakes the first is named.
        tables.sort_by_key(|(chosen, _)| chosen.span().start);
        let named = tables.into_iter().map(|(chosen, table)| {
            let chosen = chosen.get_ref().to_string();
            let table = Table::of(table, name)?.whole(|table| read(&chosen, table))?;
            Ok((chosen, table))
        });
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
        self.refused(old, |old| format!("unknown field `{old}`: it is called `{new}` now"))
    }

    /// Refuses a field, and says why.
    pub(crate) fn refused(&self, name: &str, problem: impl FnOnce(&str) -> String) -> Result<(), ParseError> {
        let Some(value) = self.fields.get(name) else { return Ok(()) };
        Err(ParseError::at(value.span().start, problem(name)))
    }

    /// An error about the whole table.
    pub(crate) fn wrong(&self, problem: impl Into<String>) -> ParseError {
        ParseError::at(self.at, problem)
    }

    fn of(value: &'t Spanned<Value<'t>>, name: &str) -> Result<Self, ParseError> {
        let Value::Table(fields) = value.get_ref() else { return Err(unexpected(value, name, "a table")) };
        Ok(Self { fields, at: value.span().start, known: Vec::with_capacity(MOST_NAMES) })
    }

    /// Reads the table and checks that every field was asked for.
    fn whole<T>(
        mut self,
        read: impl FnOnce(&mut Table<'t>) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        let whole = read(&mut self)?;
        let unknown = self.fields.keys().filter(|name| !self.known.contains(&name.get_ref().as_ref()));
        let Some(unknown) = unknown.min_by_key(|name| name.span().start) else { return Ok(whole) };
        let known: Vec<String> = self.known.iter().map(|name| format!("`{name}`")).collect();
        let name = unknown.get_ref().escape_debug();
        let problem = format!("unknown field `{name}`, expected one of {}", known.join(", "));
        Err(ParseError::at(unknown.span().start, problem))
    }

    fn value(&mut self, name: &'static str) -> Option<&'t Spanned<Value<'t>>> {
        self.known.push(name);
        self.fields.get(name)
    }
}

fn unexpected(value: &Spanned<Value<'_>>, name: &str, what: &str) -> ParseError {
    ParseError::at(value.span().start, format!("`{name}`: {}", expected(what)))
}

fn expected(what: &str) -> String {
    format!("invalid type, expected {what}")
}

/// A type that a field can hold. Most modules know nothing of documents, so how their values are written is said here.
pub(crate) trait Field<'t>: Sized {
    /// The error says what is wrong, and never repeats the value of a secret.
    fn read(value: &'t Value<'t>) -> Result<Self, String>;
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
        value.as_bool().ok_or_else(|| expected("true or false"))
    }
}

impl<'t> Field<'t> for i64 {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let Value::Integer(number) = value else { return Err(expected("a whole number")) };
        i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| "is too large a number".to_owned())
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
        let Value::Array(values) = value else { return Err(expected("a list, [ … ]")) };
        values.iter().map(|value| T::read(value.get_ref())).collect()
    }
}

impl<'t> Field<'t> for Id {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        Self::from_hex(<&str>::read(value)?).ok_or_else(|| "is not an id of 32 hexadecimal digits".to_owned())
    }
}

impl<'t> Field<'t> for Created {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let written = value.as_datetime().copied();
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
        let day = match value.as_datetime().copied().or(quoted) {
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

/// A number within bounds, checked while reading so that the error names its line.
#[derive(Clone, Copy)]
pub(crate) struct Ranged<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<'t, const MIN: u32, const MAX: u32> Field<'t> for Ranged<MIN, MAX> {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let number = i64::read(value)?;
        match u32::try_from(number) {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            Ok(_) | Err(_) => Err(format!("{number} is out of range: {MIN} to {MAX}")),
        }
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
