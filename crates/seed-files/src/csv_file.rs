//! Seeds in CSV (RFC 4180), as vendors write it: one token a line.

use crate::columns::{Column, Columns, check_width};
use crate::seed_list::SeedList;
use crate::text::Text;
use crate::written_secret::Notation;
use crate::{Seed, SeedFileError, token_values};
use csv::{ReaderBuilder, StringRecord, Trim};
use token_values::{DEFAULT_DIGITS, DEFAULT_PERIOD};
use totp_core::factor::FactorKind;
use totp_core::factor::totp::Algorithm;
use totp_core::token::Serial;

/// What begins a line that is a comment.
const COMMENT: char = '#';
/// The longest line, in bytes. Each delimiter takes a multiple of its byte while the line is read.
const LONGEST_LINE: usize = 1 << 16;

/// Reads the seeds of a CSV file. `docs/seed-files.md` lists the columns.
///
/// # Errors
/// [`SeedFileError`] names the first line that is refused; nothing is read then.
pub fn read_csv(bytes: &[u8]) -> Result<Vec<Seed>, SeedFileError> {
    let text = Text::decode(bytes)?;
    if text.as_str().trim_start().starts_with('<') {
        return Err(SeedFileError::new(1, "the file is XML, not CSV: import it as PSKC"));
    }
    check_lines(&text)?;
    let mut records = records(&text)?;
    let Some((first_line, first)) = records.first() else {
        return SeedList::default().finish(text.last_line());
    };
    let columns = Columns::of(first, *first_line)?;
    if columns.has_header() {
        records.remove(0);
    }
    let notation = notation(&columns, &records)?;
    let mut seeds = SeedList::default();
    for (line, record) in &records {
        seeds.push(seed(&columns, notation, record, *line)?)?;
    }
    seeds.finish(text.last_line())
}

fn check_lines(text: &Text<'_>) -> Result<(), SeedFileError> {
    let mut place = 0usize;
    for line in text.as_str().split(['\n', '\r']) {
        if line.len() > LONGEST_LINE {
            return Err(SeedFileError::new(
                text.line_at(place),
                format!(
                    "has more than {LONGEST_LINE} bytes: no token needs so many; check that the file is the right one"
                ),
            ));
        }
        place = place.saturating_add(line.len()).saturating_add(1);
    }
    Ok(())
}

/// The lines that are neither blank nor comments, each with its number.
fn records(text: &Text<'_>) -> Result<Vec<(usize, StringRecord)>, SeedFileError> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text.as_str()))
        .comment(u8::try_from(COMMENT).ok())
        .trim(Trim::All)
        .from_reader(text.as_str().as_bytes());
    let mut records = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let begin = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        let line = text.line_at(after_skipped(text.as_str(), begin));
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(records),
            Err(_) => return Err(SeedFileError::new(line, "is not CSV: save the file as CSV in UTF-8")),
        }
        if record.iter().any(|field| field.contains(['\n', '\r'])) {
            return Err(SeedFileError::new(
                line,
                "a quoted field goes on beyond the end of the line: close its quote, or remove the line break",
            ));
        }
        if record.iter().any(|field| !field.is_empty()) {
            // Before it is kept: each field takes a multiple of its delimiter.
            check_width(&record, line)?;
            records.push((line, record.clone()));
        }
    }
}

/// Where the next record begins: the reader's place, moved beyond the blank lines and comments that it skips.
fn after_skipped(text: &str, mut place: usize) -> usize {
    while let Some(rest) = text.get(place..) {
        let length = match rest.chars().next() {
            Some('\n' | '\r') => 1,
            Some(COMMENT) => rest.find('\n').unwrap_or(rest.len()).saturating_add(1),
            Some(_) | None => break,
        };
        place = place.saturating_add(length);
    }
    place
}

/// A tab, a semicolon or a comma: the first of these, in this order, that the first line has.
fn delimiter(text: &str) -> u8 {
    let is_read = |line: &&str| !line.trim().is_empty() && !line.starts_with(COMMENT);
    let first = text.lines().find(is_read).unwrap_or_default();
    // A quoted delimiter is none: every other part between quotes is outside of them.
    let outside = || first.split('"').step_by(2);
    let occurs = |delimiter: &u8| outside().any(|part| part.as_bytes().contains(delimiter));
    b"\t;".iter().copied().find(occurs).unwrap_or(b',')
}

/// How all secrets of the file are written: by the column's name, or by the first secret that can only be one of both.
fn notation(columns: &Columns, records: &[(usize, StringRecord)]) -> Result<Notation, SeedFileError> {
    let named = Notation::of_column(columns.secret());
    let shown =
        || records.iter().find_map(|(_, record)| Notation::shown_by(columns.text(record, columns.secret())));
    named.or_else(shown).ok_or_else(|| {
        SeedFileError::new(
            records.first().map_or(1, |(line, _)| *line),
            "the secrets could be hexadecimal or base32: name their column secret_hex or secret_base32",
        )
    })
}

fn seed(
    columns: &Columns,
    notation: Notation,
    record: &StringRecord,
    line: usize,
) -> Result<Seed, SeedFileError> {
    let refused = |problem: String| SeedFileError::new(line, problem);
    if record.len() > columns.count() {
        return Err(refused(format!(
            "has more fields than the {} columns: quote a field that has the delimiter in it",
            columns.count()
        )));
    }
    let text = |column| columns.text(record, column);
    let serial = Serial::parse(text(Column::Serial)).map_err(|error| refused(error.to_string()))?;
    let kind = kind(columns, record).map_err(refused)?;
    let algorithm = match text(Column::Algorithm) {
        "" => Algorithm::Sha1,
        name => token_values::hash(name)
            .ok_or_else(|| refused("the algorithm is not SHA1, SHA256 or SHA512: correct it".to_owned()))?,
    };
    let number = |column, name: &str| match text(column) {
        "" => Ok(None),
        text => token_values::number(text)
            .map(Some)
            .ok_or_else(|| refused(format!("the {name} is not a number: write digits only"))),
    };
    let digits = number(Column::Digits, "number of digits")?.unwrap_or(DEFAULT_DIGITS);
    let (period, counter, moving) = (
        number(Column::Period, "period")?,
        number(Column::Counter, "counter")?,
        number(Column::Moving, "period or counter")?,
    );
    let (period, counter) = match kind {
        FactorKind::Totp if counter.is_some_and(|counter| counter != 0) => {
            return Err(refused("a TOTP token has no counter: leave it empty".to_owned()));
        }
        FactorKind::Hotp if period.is_some_and(|period| period != 0) => {
            return Err(refused("a HOTP token has no period: leave it empty".to_owned()));
        }
        FactorKind::Totp => (period.or(moving).unwrap_or(DEFAULT_PERIOD), 0),
        FactorKind::Hotp => (DEFAULT_PERIOD, counter.or(moving).unwrap_or(0)),
    };
    let secret = notation.decode(text(columns.secret())).ok_or_else(|| {
        refused(format!(
            "the secret is not {}, as the other secrets of the file are: correct it",
            notation.name()
        ))
    })?;
    Ok(Seed {
        serial,
        maker: token_values::name(text(Column::Maker), "maker").map_err(refused)?,
        model: token_values::name(text(Column::Model), "model").map_err(refused)?,
        factor: token_values::factor(kind, algorithm, digits, period).map_err(refused)?,
        next_counter: token_values::next_counter(counter).map_err(refused)?,
        secret: token_values::secret(secret).map_err(refused)?,
        valid_from: None,
        expires: None,
        line,
    })
}

/// The kind by the type, or, in a file with a header and no such column, by having a period or a counter.
fn kind(columns: &Columns, record: &StringRecord) -> Result<FactorKind, String> {
    match columns.text(record, Column::Type).to_ascii_lowercase().as_str() {
        "hotp" | "oath-hotp" | "event" | "counter" => Ok(FactorKind::Hotp),
        "totp" | "oath-totp" | "time" => Ok(FactorKind::Totp),
        "" if !columns.has(Column::Type) => match (columns.has(Column::Period), columns.has(Column::Counter))
        {
            (true, false) => Ok(FactorKind::Totp),
            (false, true) => Ok(FactorKind::Hotp),
            _ => Err("the kind of the token is not known: add a column type with hotp or totp".to_owned()),
        },
        _ => Err("the type is not hotp or totp: correct it; other kinds are not supported".to_owned()),
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
