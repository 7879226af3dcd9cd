//! Reads the lines of a file at any position, one at a time, so that memory does not grow with the file.
//! The content of a pipe is buffered, because it can be read only once.

use crate::command_error::CommandError;
use serde::Serialize;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use totp_core::user::User;
use zeroize::Zeroizing;

/// The longest line in bytes; a longer one is cut.
const LONGEST: usize = 4096;

/// A file or standard input, read line by line.
pub(super) struct LineReader {
    name: PathBuf,
    source: Input,
}

enum Input {
    File(File),
    Buffered(Zeroizing<Vec<u8>>),
}

/// A line without its newline; wiped after use.
pub(super) struct RawLine {
    pub(super) text: Zeroizing<Vec<u8>>,
    /// The offset of the next line.
    pub(super) next: u64,
}

impl LineReader {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(file: &Path) -> Result<Self, CommandError> {
        let source = if file == Path::new("-") { buffer(std::io::stdin().lock()) } else { of_file(file) };
        let source = source.map_err(|error| read_error(&error, file))?;
        Ok(Self { name: file.to_owned(), source })
    }

    /// The length in bytes.
    pub(super) fn length(&self) -> Result<u64, CommandError> {
        match &self.source {
            Input::Buffered(text) => Ok(text.len() as u64),
            Input::File(file) => {
                file.metadata().map(|found| found.len()).map_err(|error| read_error(&error, &self.name))
            }
        }
    }

    /// The line that begins at `offset`; `None` at the end of the file.
    pub(super) fn at(&self, offset: u64) -> Result<Option<RawLine>, CommandError> {
        let mut text = Zeroizing::new(vec![0; LONGEST]);
        let filled = self.read_at(&mut text, offset)?;
        if filled == 0 {
            return Ok(None);
        }
        text.truncate(filled);
        let end = |text: &[u8]| text.iter().position(|&byte| byte == b'\n');
        if let Some(end) = end(&text) {
            text.truncate(end);
            return Ok(Some(RawLine { text, next: after(offset, end.saturating_add(1)) }));
        }
        let mut next = after(offset, filled);
        let mut rest = Zeroizing::new(vec![0; LONGEST]);
        loop {
            let filled = self.read_at(&mut rest, next)?;
            match end(rest.get(..filled).unwrap_or_default()) {
                None if filled == 0 => return Ok(Some(RawLine { text, next })),
                None => next = after(next, filled),
                Some(end) => return Ok(Some(RawLine { text, next: after(next, end.saturating_add(1)) })),
            }
        }
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize, CommandError> {
        match &self.source {
            Input::Buffered(text) => {
                let rest =
                    usize::try_from(offset).ok().and_then(|offset| text.get(offset..)).unwrap_or_default();
                let filled = rest.len().min(into.len());
                for (to, from) in into.iter_mut().zip(rest) {
                    *to = *from;
                }
                Ok(filled)
            }
            Input::File(file) => loop {
                match file.read_at(into, offset) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    read => return read.map_err(|error| read_error(&error, &self.name)),
                }
            },
        }
    }
}

fn of_file(file: &Path) -> std::io::Result<Input> {
    let file = File::open(file)?;
    if file.metadata()?.is_file() { Ok(Input::File(file)) } else { buffer(file) }
}

fn buffer(mut from: impl Read) -> std::io::Result<Input> {
    let mut text = Zeroizing::new(Vec::new());
    from.read_to_end(&mut text)?;
    Ok(Input::Buffered(text))
}

fn read_error(error: &std::io::Error, file: &Path) -> CommandError {
    CommandError::refused(format!("cannot be read: {error}")).at(file, None)
}

fn after(offset: u64, length: usize) -> u64 {
    offset.saturating_add(length as u64)
}

/// The position of a good line, and a hash of its user. Positions of one user sort together, in the order of the file.
/// Two users may have the same hash; the code that reads the lines again has to expect that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinePosition {
    pub(super) user: u64,
    pub(super) line: usize,
    pub(super) offset: u64,
}

/// The hash of a user's name in a [`LinePosition`].
pub(super) fn user_hash(user: &User) -> u64 {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    hasher.finish()
}

/// The positions of each user.
pub(super) fn by_user(positions: &[LinePosition]) -> impl Iterator<Item = &[LinePosition]> {
    positions.chunk_by(|one, other| one.user == other.user)
}

/// A line that cannot be imported, and why.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) line: usize,
    pub(super) problem: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(lines: &LineReader) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let mut offset = 0;
        while let Some(line) = lines.at(offset).ok().flatten() {
            all.push(line.text.to_vec());
            offset = line.next;
        }
        all
    }

    fn buffered(text: &[u8]) -> LineReader {
        LineReader { name: PathBuf::new(), source: Input::Buffered(Zeroizing::new(text.to_vec())) }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        for length in [LONGEST - 1, LONGEST, LONGEST + 1, 3 * LONGEST] {
            let text = [&vec![b'x'; length][..], b"\nnext\n"].concat();
            let expected = [vec![b'x'; length.min(LONGEST)], b"next".to_vec()];
            assert_eq!(lines(&buffered(&text)), expected, "{length}");
        }
    }

    proptest! {
        #[test]
        fn a_file_is_split_at_its_newlines(text in "[ab\n\r]{0,60}") {
            let mut expected: Vec<Vec<u8>> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(lines(&buffered(text.as_bytes())), expected);
        }
    }
}
