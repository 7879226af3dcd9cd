//! The plain part of TOML: one `key = value`, `[table]` or `[[table]]` a line, bare keys, strings without escapes, whole
//! numbers, days, moments, lists of these. Nearly all that this program writes is plain, and most of what people type, and every
//! login reads three documents, for a fraction of what the whole of TOML costs. What is not plain, right or wrong, is left to the library:
//! nothing is read here that it would read otherwise.

use super::value::{Fields, Named, Placed, Value};
use crate::time;
use toml::value::{Date, Datetime, Offset, Time};

/// Names in a header: `service`, the service's, the section's.
const DEEPEST: usize = 3;
/// Names in a table. Each is compared with all before it.
const MOST_NAMES: usize = 64;

/// What the library makes of `text`. `None`: it has to be asked.
pub(super) fn read(text: &str) -> Option<Fields<'_>> {
    let mut document = Document::default();
    let mut at = 0usize;
    for line in text.split('\n') {
        document.line(Piece { text: line, at })?;
        at = at.checked_add(line.len())?.checked_add(1)?;
    }
    document.close()?;
    Some(document.root)
}

#[derive(Default)]
struct Document<'t> {
    root: Fields<'t>,
    /// The table that the lines go to, and the header that it stands under; none above the first.
    table: Fields<'t>,
    header: Option<Header<'t>>,
}

struct Header<'t> {
    at: usize,
    above: Vec<Piece<'t>>,
    name: Piece<'t>,
    is_one_of_many: bool,
}

impl<'t> Document<'t> {
    fn line(&mut self, line: Piece<'t>) -> Option<()> {
        let line = line.past_blanks();
        match line.text.bytes().next() {
            None | Some(b'#') => line.is_over(),
            Some(b'[') => {
                self.close()?;
                self.header = Some(read_header(line)?);
                Some(())
            }
            Some(_) => {
                let (name, rest) = read_name(line)?;
                let (value, rest) = read_value(rest.past_blanks().past("=")?.past_blanks())?;
                add(&mut self.table, name, value)?;
                rest.past_blanks().is_over()
            }
        }
    }

    /// Puts the table where its header says. One that is there already is somebody's mistake, or a case for the library.
    fn close(&mut self) -> Option<()> {
        let fields = std::mem::take(&mut self.table);
        let Some(Header { at, above, name: last, is_one_of_many }) = self.header.take() else {
            self.root = fields;
            return Some(());
        };
        let mut parent = &mut self.root;
        for name in above {
            if parent.get(name.text).is_none() {
                add(parent, name, Placed { at: name.at, value: Value::Table(Fields::default()) })?;
            }
            let Value::Table(found) = &mut parent.get_mut(name.text)?.value else { return None };
            parent = found;
        }
        let table = Placed { at, value: Value::Table(fields) };
        if !is_one_of_many {
            return add(parent, last, table);
        }
        match parent.get_mut(last.text).map(|placed| &mut placed.value) {
            None => add(parent, last, Placed { at, value: Value::List(vec![table]) }),
            // A list that was written as `[…]` holds no tables here.
            Some(Value::List(tables)) if matches!(tables.last()?.value, Value::Table(_)) => {
                tables.push(table);
                Some(())
            }
            Some(_) => None,
        }
    }
}

/// A name that is not there yet.
fn add<'t>(fields: &mut Fields<'t>, name: Piece<'t>, placed: Placed<'t>) -> Option<()> {
    let is_new = fields.get(name.text).is_none() && fields.iter().count() < MOST_NAMES;
    is_new.then(|| fields.push(Named { name: name.text.into(), at: name.at, placed }))
}

/// `[a]`, `[a.b]`, `[[a]]`.
fn read_header(line: Piece<'_>) -> Option<Header<'_>> {
    let is_one_of_many = line.text.starts_with("[[");
    let (open, close) = if is_one_of_many { ("[[", "]]") } else { ("[", "]") };
    let (mut last, mut rest) = read_name(line.past(open)?)?;
    let mut above = Vec::new();
    while let Some(behind) = rest.past(".") {
        above.push(last);
        (last, rest) = read_name(behind)?;
    }
    rest.past(close)?.past_blanks().is_over()?;
    let is_plain = if is_one_of_many { above.is_empty() } else { above.len() < DEEPEST };
    is_plain.then_some(Header { at: line.at, above, name: last, is_one_of_many })
}

/// A bare key.
fn read_name(piece: Piece<'_>) -> Option<(Piece<'_>, Piece<'_>)> {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let (name, rest) = piece.split_where(|byte| !is_bare(byte))?;
    (!name.text.is_empty()).then_some((name, rest))
}

fn read_value(piece: Piece<'_>) -> Option<(Placed<'_>, Piece<'_>)> {
    if piece.text.starts_with('[') { read_list(piece) } else { read_single(piece) }
}

fn read_list(piece: Piece<'_>) -> Option<(Placed<'_>, Piece<'_>)> {
    let mut values = Vec::new();
    let mut rest = piece.past("[")?.past_blanks();
    loop {
        if let Some(rest) = rest.past("]") {
            return Some((Placed { at: piece.at, value: Value::List(values) }, rest));
        }
        let (value, behind) = read_single(rest)?;
        values.push(value);
        let behind = behind.past_blanks();
        rest = match behind.past(",") {
            Some(next) => next.past_blanks(),
            // The last one, or a mistake.
            None => behind.text.starts_with(']').then_some(behind)?,
        };
    }
}

fn read_single(piece: Piece<'_>) -> Option<(Placed<'_>, Piece<'_>)> {
    let (value, rest) = match piece.past("\"") {
        Some(inside) => {
            let (text, behind) =
                inside.split_where(|byte| byte == b'"' || byte == b'\\' || !is_printable(byte))?;
            (Value::Text(text.text.into()), behind.past("\"")?)
        }
        None => {
            let (word, rest) = piece.split_where(|byte| b" \t#,]".contains(&byte))?;
            (of_word(word.text)?, rest)
        }
    };
    Some((Placed { at: piece.at, value }, rest))
}

fn of_word(word: &str) -> Option<Value<'_>> {
    match word.as_bytes() {
        b"true" => Some(Value::Boolean(true)),
        b"false" => Some(Value::Boolean(false)),
        [b'0'] => Some(Value::Integer(Some(0))),
        [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => {
            Some(Value::Integer(word.parse().ok()))
        }
        // 2026-11-20T19:00:00Z, as this program writes moments.
        [day @ .., b'T', h, i, b':', m, n, b':', s, t, b'Z'] => {
            let below = |end, digits| number(digits).filter(|number| *number < end);
            let (hour, minute, second) = (below(24, [h, i])?, below(60, [m, n])?, below(60, [s, t])?);
            let time = Time { hour, minute, second: Some(second), nanosecond: None };
            let (date, time, offset) = (Some(of_day(day)?), Some(time), Some(Offset::Z));
            Some(Value::Datetime(Datetime { date, time, offset }))
        }
        day => Some(Value::Datetime(of_day(day)?.into())),
    }
}

/// 2026-12-31, from 1970 on.
fn of_day(word: &[u8]) -> Option<Date> {
    let [c, d, y, z, b'-', m, n, b'-', e, f] = word else { return None };
    let century = u16::from(number([c, d])?);
    let year = century.checked_mul(100)?.checked_add(number([y, z])?.into())?;
    let (month, day) = (number([m, n])?, number([e, f])?);
    time::Date::from_calendar(year, month, day).map(|_| Date { year, month, day })
}

fn number(digits: [&u8; 2]) -> Option<u8> {
    let [tens, ones] = digits.map(|digit| digit.checked_sub(b'0').filter(|digit| *digit < 10));
    tens?.checked_mul(10)?.checked_add(ones?)
}

/// TOML allows no control character in a string or a comment but the tab.
fn is_printable(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

/// A part of a line, and where in the document it begins.
#[derive(Clone, Copy)]
struct Piece<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Piece<'t> {
    fn from(self, start: usize) -> Option<Self> {
        Some(Self { text: self.text.get(start..)?, at: self.at.checked_add(start)? })
    }

    /// What is before the first byte of a kind, or everything, and the rest.
    fn split_where(self, is: impl Fn(u8) -> bool) -> Option<(Self, Self)> {
        let end = self.text.bytes().position(is).unwrap_or(self.text.len());
        Some((Self { text: self.text.get(..end)?, at: self.at }, self.from(end)?))
    }

    fn past(self, start: &str) -> Option<Self> {
        self.text.starts_with(start).then(|| self.from(start.len()))?
    }

    fn past_blanks(self) -> Self {
        let end = self.text.bytes().position(|byte| byte != b' ' && byte != b'\t');
        self.from(end.unwrap_or(self.text.len())).unwrap_or(self)
    }

    /// Nothing more but a comment.
    fn is_over(self) -> Option<()> {
        let is_over =
            self.text.is_empty() || self.text.starts_with('#') && self.text.bytes().all(is_printable);
        is_over.then_some(())
    }
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
