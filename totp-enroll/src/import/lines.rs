//! The lines of a file, each as often as it is asked for: memory does not grow with the file, of which one line is held at a
//! time. What comes through a pipe comes once, and is kept.

use crate::failure::Failure;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// No line of a users file is longer, in bytes; of one that is, so much is given.
const LONGEST: usize = 4096;

/// Where lines come from.
pub(super) struct Lines {
    name: PathBuf,
    source: Source,
}

enum Source {
    File(File),
    Kept(Zeroizing<Vec<u8>>),
}

/// A line, without its end; wiped after use.
pub(super) struct Line {
    pub(super) text: Zeroizing<Vec<u8>>,
    /// Where the next one begins.
    pub(super) next: u64,
}

impl Lines {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(file: &Path) -> Result<Self, Failure> {
        let source = if file == Path::new("-") { keep(std::io::stdin().lock()) } else { of_file(file) };
        let source = source.map_err(|error| unreadable(&error, file))?;
        Ok(Self { name: file.to_owned(), source })
    }

    /// Bytes in all.
    pub(super) fn length(&self) -> Result<u64, Failure> {
        match &self.source {
            Source::Kept(text) => Ok(text.len() as u64),
            Source::File(file) => {
                file.metadata().map(|found| found.len()).map_err(|error| unreadable(&error, &self.name))
            }
        }
    }

    /// The line that begins at this byte; `None` at the end.
    pub(super) fn at(&self, offset: u64) -> Result<Option<Line>, Failure> {
        let mut text = Zeroizing::new(vec![0; LONGEST]);
        let filled = self.read_at(&mut text, offset)?;
        if filled == 0 {
            return Ok(None);
        }
        text.truncate(filled);
        let end = |text: &[u8]| text.iter().position(|&byte| byte == b'\n');
        if let Some(end) = end(&text) {
            text.truncate(end);
            return Ok(Some(Line { text, next: after(offset, end.saturating_add(1)) }));
        }
        let mut next = after(offset, filled);
        let mut rest = Zeroizing::new(vec![0; LONGEST]);
        loop {
            let filled = self.read_at(&mut rest, next)?;
            match end(rest.get(..filled).unwrap_or_default()) {
                None if filled == 0 => return Ok(Some(Line { text, next })),
                None => next = after(next, filled),
                Some(end) => return Ok(Some(Line { text, next: after(next, end.saturating_add(1)) })),
            }
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Failure> {
        match &self.source {
            Source::Kept(text) => {
                let rest =
                    usize::try_from(offset).ok().and_then(|offset| text.get(offset..)).unwrap_or_default();
                let filled = rest.len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(rest) {
                    *to = *from;
                }
                Ok(filled)
            }
            Source::File(file) => loop {
                match file.read_at(buffer, offset) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    read => return read.map_err(|error| unreadable(&error, &self.name)),
                }
            },
        }
    }
}

fn of_file(file: &Path) -> std::io::Result<Source> {
    let file = File::open(file)?;
    if file.metadata()?.is_file() { Ok(Source::File(file)) } else { keep(file) }
}

fn keep(mut from: impl Read) -> std::io::Result<Source> {
    let mut text = Zeroizing::new(Vec::new());
    from.read_to_end(&mut text)?;
    Ok(Source::Kept(text))
}

fn unreadable(error: &std::io::Error, file: &Path) -> Failure {
    Failure::refused(format!("cannot be read: {error}")).at(file, None)
}

fn after(offset: u64, length: usize) -> u64 {
    offset.saturating_add(length as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(lines: &Lines) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let mut offset = 0;
        while let Some(line) = lines.at(offset).ok().flatten() {
            all.push(line.text.to_vec());
            offset = line.next;
        }
        all
    }

    fn kept(text: &[u8]) -> Lines {
        Lines { name: PathBuf::new(), source: Source::Kept(Zeroizing::new(text.to_vec())) }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        for length in [LONGEST - 1, LONGEST, LONGEST + 1, 3 * LONGEST] {
            let text = [&vec![b'x'; length][..], b"\nnext\n"].concat();
            let expected = [vec![b'x'; length.min(LONGEST)], b"next".to_vec()];
            assert_eq!(lines(&kept(&text)), expected, "{length}");
        }
    }

    proptest! {
        #[test]
        fn the_lines_are_those_between_the_ends(text in "[ab\n\r]{0,60}") {
            let mut expected: Vec<Vec<u8>> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(lines(&kept(text.as_bytes())), expected);
        }
    }
}
