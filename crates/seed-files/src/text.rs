//! The text of a file: its encoding, its size, its lines.

use crate::SeedFileError;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The largest file, in bytes: a hundred thousand tokens at 670 bytes each.
const LARGEST_FILE: usize = 64 << 20;

/// The text of a file, with the places of its lines. A decoded copy is wiped on drop.
pub struct Text<'a> {
    text: Cow<'a, str>,
    /// Where each line begins, in bytes.
    line_starts: Vec<usize>,
}

impl<'a> Text<'a> {
    /// Decodes UTF-8, with or without a byte order mark, or UTF-16 with one.
    ///
    /// # Errors
    /// [`SeedFileError`]: too large, or no such text.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, SeedFileError> {
        if bytes.len() > LARGEST_FILE {
            return Err(SeedFileError::new(
                1,
                format!("the file has more than {} MiB: split it into several", LARGEST_FILE >> 20),
            ));
        }
        let text = match bytes {
            [0xff, 0xfe, rest @ ..] => Cow::Owned(utf_16(rest, u16::from_le_bytes)?),
            [0xfe, 0xff, rest @ ..] => Cow::Owned(utf_16(rest, u16::from_be_bytes)?),
            [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(utf_8(rest)?),
            _ => Cow::Borrowed(utf_8(bytes)?),
        };
        if let Some(before) = text.find('\0').and_then(|at| text.get(..at)) {
            return Err(SeedFileError::new(
                line_after(before.as_bytes()),
                "a NUL character: the file is no text, or UTF-16 without a byte order mark; save it as UTF-8",
            ));
        }
        let line_starts = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, byte)| *byte == b'\n')
                    .map(|(at, _)| at.saturating_add(1)),
            )
            .collect();
        Ok(Self { text, line_starts })
    }

    /// The text without a byte order mark.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The line, from 1, of the byte at this place.
    pub(crate) fn line_at(&self, place: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= place).max(1)
    }

    /// The line, from 1, of the last character.
    pub(crate) fn last_line(&self) -> usize {
        self.line_at(self.text.trim_end().len())
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = std::mem::take(&mut self.text) {
            drop(Zeroizing::new(text));
        }
    }
}

fn utf_8(bytes: &[u8]) -> Result<&str, SeedFileError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        SeedFileError::new(line_after(before), "is not UTF-8: save the file as UTF-8")
    })
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, SeedFileError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let mut text = String::with_capacity(bytes.len());
    for character in char::decode_utf16(units) {
        match character {
            Ok(character) => text.push(character),
            Err(_) => return Err(not_utf_16(text)),
        }
    }
    if rest.is_empty() { Ok(text) } else { Err(not_utf_16(text)) }
}

fn not_utf_16(before: String) -> SeedFileError {
    let before = Zeroizing::new(before);
    SeedFileError::new(
        line_after(before.as_bytes()),
        "is not UTF-16, as its first bytes say: save the file as UTF-8",
    )
}

/// The line, from 1, of what follows these bytes.
fn line_after(before: &[u8]) -> usize {
    before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(bytes: &[u8]) -> String {
        Text::decode(bytes).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_byte_order_mark_is_no_text_and_utf_16_is_decoded() {
        let little: Vec<u8> =
            [0xfeff].into_iter().chain("a\né".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> =
            [0xfeff].into_iter().chain("a\né".encode_utf16()).flat_map(u16::to_be_bytes).collect();
        for bytes in ["a\né".as_bytes(), "\u{feff}a\né".as_bytes(), &little, &big] {
            assert_eq!(Text::decode(bytes).unwrap().as_str(), "a\né");
        }
    }

    #[test]
    fn other_encodings_are_refused_with_the_line() {
        assert_eq!(problem(b"a\nb\n\xe9"), "line 3: is not UTF-8: save the file as UTF-8");
        assert!(problem(b"a\n\0b").starts_with("line 2: a NUL character"));
        assert!(problem(b"\xff\xfea\0\n\0b").starts_with("line 2: is not UTF-16"));
        assert!(problem(b"\xff\xfe\n\0\0\xd8b\0").starts_with("line 2: is not UTF-16"));
        assert!(problem(&vec![b'a'; LARGEST_FILE + 1]).starts_with("line 1: the file has more than 64 MiB"));
    }

    #[test]
    fn a_line_is_found_by_place() {
        let text = Text::decode(b"ab\nc\n\n").unwrap();
        assert_eq!([0, 2, 3, 4, 5, 6].map(|place| text.line_at(place)), [1, 1, 2, 2, 3, 4]);
        assert_eq!(text.last_line(), 2);
    }
}
