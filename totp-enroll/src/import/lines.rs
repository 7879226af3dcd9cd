//! Reads the lines of a file at any position, one at a time, so that memory does not grow with the file.
//! The content of a pipe is buffered, because it can be read only once.

use super::json_export;
use crate::command_error::CommandError;
use seed_files::Text;
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
/// The largest file that is read into memory, in bytes: UTF-16, and exports in JSON.
const LARGEST_WHOLE: usize = 64 << 20;
/// UTF-8 with a byte order mark begins with it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file or standard input, read line by line.
pub(super) struct LineReader {
    name: PathBuf,
    source: Input,
    /// Each line was an entry of an export in JSON.
    is_export: bool,
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
        let lines = Self { name: file.to_owned(), source, is_export: false };
        lines.decoded()
    }

    /// Without a byte order mark, which Windows writes, and with UTF-16 decoded.
    fn decoded(self) -> Result<Self, CommandError> {
        let mut start = [0; BYTE_ORDER_MARK.len()];
        let filled = self.read_at(&mut start, 0)?;
        match start.get(..filled).unwrap_or_default() {
            start if start == BYTE_ORDER_MARK => {}
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {}
            _ => return Ok(self),
        }
        let bytes = self.whole()?;
        let text = Text::decode(&bytes)
            .map_err(|error| CommandError::refused(error.problem).at(&self.name, Some(error.line)))?;
        let text = Zeroizing::new(text.as_str().as_bytes().to_vec());
        Ok(Self { source: Input::Buffered(text), ..self })
    }

    /// If the file is an export of an app in JSON, one URI for each entry of it, as lines.
    ///
    /// # Errors
    /// It is JSON that cannot be read: what it is, and how to export what can.
    pub(super) fn of_exports(self) -> Result<Self, CommandError> {
        let first = self.at(0)?;
        let first = first.as_ref().and_then(|line| line.text.trim_ascii_start().first());
        if !matches!(first, Some(b'{' | b'[')) {
            return Ok(self);
        }
        let uris = json_export::uris(&self.whole()?)
            .map_err(|problem| CommandError::refused(problem).at(&self.name, None))?;
        Ok(Self { source: Input::Buffered(uris), is_export: true, ..self })
    }

    /// What a line of it was in the file.
    pub(super) fn unit(&self) -> &'static str {
        if self.is_export { "entry" } else { "line" }
    }

    /// The file, for messages.
    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    /// All of it.
    fn whole(&self) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        let length = usize::try_from(self.length()?).unwrap_or(usize::MAX);
        if length > LARGEST_WHOLE {
            let most = LARGEST_WHOLE >> 20;
            let problem =
                format!("is larger than {most} MiB, so it cannot be decoded; save it as UTF-8 text");
            return Err(CommandError::refused(problem).at(&self.name, None));
        }
        let mut all = Zeroizing::new(vec![0; length]);
        let mut filled = 0_usize;
        while let Some(rest) = all.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, filled as u64)? {
                0 => break,
                more => filled = filled.saturating_add(more),
            }
        }
        all.truncate(filled);
        Ok(all)
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

/// A line whose account is enrolled already, and stays as it is.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct EnrolledLine {
    pub(super) line: usize,
    pub(super) user: String,
    /// The account has what the line has: the line was imported before.
    pub(super) same_secret: bool,
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
        LineReader {
            name: PathBuf::new(),
            source: Input::Buffered(Zeroizing::new(text.to_vec())),
            is_export: false,
        }
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
