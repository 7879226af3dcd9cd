//! Splits the text of a service file as libpam does: continued lines, comments, words in brackets.
//!
//! Up to 1.5 a line is read into a buffer of 1024 bytes and the rest becomes a line of its own; blank lines and comments between a
//! line and its continuation are skipped. Since 1.6 lines have any length, and a blank line or a comment ends a continued one.

use crate::libpam::Release;

/// A line with its continuations joined and comments removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogicalLine {
    /// The number of its first line in the file, from one.
    pub number: usize,
    /// Its text.
    pub text: String,
}

/// A line that never ends: libpam refuses the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnterminatedLineError {
    /// The number of the line.
    pub number: usize,
    /// What is wrong, in one sentence.
    pub problem: &'static str,
}

/// The characters that separate words.
const BLANKS: [char; 3] = [' ', '\n', '\t'];

/// The lines that are not empty, and the error if the last one never ends.
pub fn lines(text: &[u8], release: Release) -> (Vec<LogicalLine>, Option<UnterminatedLineError>) {
    let mut reader = Reader { rest: text, number: 1 };
    let mut lines = Vec::new();
    loop {
        let next = match release {
            Release::V1_5 => reader.line_in_1024_bytes(),
            Release::V1_6 => reader.line_of_any_length(),
        };
        match next {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => return (lines, None),
            Err(unfinished) => return (lines, Some(unfinished)),
        }
    }
}

const ENDS_IN_A_LINE: &str =
    "the file ends in a continued line: remove the backslash at the end of its last line";
const NEVER_ENDS: &str = "libpam hangs at this line, because its backslash is byte 1023: shorten the line";

/// `BUF_SIZE` of libpam up to 1.5.
const BUFFER: usize = 1024;

struct Reader<'a> {
    rest: &'a [u8],
    /// The number of the line that `rest` begins in.
    number: usize,
}

impl<'a> Reader<'a> {
    /// Reads the rest of the line with its newline, but at most this many bytes, like fgets(3). Also returns the line's number.
    fn piece(&mut self, most: usize) -> Option<(usize, &'a [u8])> {
        let newline = self.rest.iter().position(|byte| *byte == b'\n');
        let whole = newline.map_or(self.rest.len(), |at| at.saturating_add(1));
        let (piece, rest) = self.rest.split_at_checked(whole.min(most))?;
        let number = self.number;
        self.number = self.number.saturating_add(usize::from(piece.ends_with(b"\n")));
        self.rest = rest;
        (!piece.is_empty()).then_some((number, piece))
    }

    /// `_pam_assemble_line` up to 1.5.
    fn line_in_1024_bytes(&mut self) -> Result<Option<LogicalLine>, UnterminatedLineError> {
        let mut open = PartialLine::default();
        loop {
            let space = BUFFER.saturating_sub(open.text.len()).saturating_sub(1);
            if space == 0 {
                // With space for the final NUL only, fgets(3) reads nothing, forever.
                return Err(open.unfinished(NEVER_ENDS));
            }
            let Some((number, piece)) = self.piece(space) else {
                return if open.text.is_empty() { Ok(None) } else { Err(open.unfinished(ENDS_IN_A_LINE)) };
            };
            let text = before(piece, 0);
            let trimmed = trim_start(text, b" \n\t");
            if trimmed.is_empty() || trimmed.starts_with(b"#") {
                continue;
            }
            let comment = text.contains(&b'#');
            match continued(text) {
                Some(text) if !comment => {
                    open.push(number, text);
                    open.push(number, b" ");
                }
                Some(_) | None => {
                    open.push(number, before(text, b'#'));
                    return Ok(open.line());
                }
            }
        }
    }

    /// `_pam_line_assemble` since 1.6. Text after a NUL byte is not seen, but a backslash there still continues the line.
    fn line_of_any_length(&mut self) -> Result<Option<LogicalLine>, UnterminatedLineError> {
        let mut open = PartialLine::default();
        let mut goes_on = false;
        loop {
            let Some((number, piece)) = self.piece(usize::MAX) else {
                return if goes_on { Err(open.unfinished(ENDS_IN_A_LINE)) } else { Ok(None) };
            };
            open.number.get_or_insert(number);
            let comment = before(piece, 0).contains(&b'#');
            if let Some(text) = continued(piece)
                && !comment
            {
                goes_on = true;
                let text = trim_start(text, b" \t");
                if !text.is_empty() || !open.text.is_empty() {
                    open.push(number, text);
                    open.push(number, b" ");
                }
                continue;
            }
            let text = trim_start(before(piece, b'#'), b" \t");
            let is_empty = matches!(text.first(), None | Some(0 | b'\n'));
            if !is_empty || !open.text.is_empty() {
                open.push(number, text);
                if let Some(line) = std::mem::take(&mut open).line() {
                    return Ok(Some(line));
                }
            }
            open = PartialLine::default();
            goes_on = false;
        }
    }
}

/// A line that is not complete yet.
#[derive(Default)]
struct PartialLine {
    number: Option<usize>,
    text: Vec<u8>,
}

impl PartialLine {
    fn push(&mut self, number: usize, text: &[u8]) {
        if self.text.is_empty() {
            self.number = Some(number);
        }
        self.text.extend_from_slice(text);
    }

    /// `None` if it is empty for a C program.
    fn line(self) -> Option<LogicalLine> {
        let text = String::from_utf8_lossy(before(&self.text, 0)).into_owned();
        (!text.is_empty()).then(|| LogicalLine { number: self.number.unwrap_or(1), text })
    }

    fn unfinished(&self, problem: &'static str) -> UnterminatedLineError {
        UnterminatedLineError { number: self.number.unwrap_or(1), problem }
    }
}

fn before(text: &[u8], byte: u8) -> &[u8] {
    text.split(|other| *other == byte).next().unwrap_or_default()
}

fn trim_start<'a>(text: &'a [u8], blanks: &[u8]) -> &'a [u8] {
    let blank = text.iter().take_while(|byte| blanks.contains(byte)).count();
    text.get(blank..).unwrap_or_default()
}

/// The text before the backslash at the end, if there is one.
fn continued(text: &[u8]) -> Option<&[u8]> {
    let blank = text.iter().rev().take_while(|byte| b" \t\n".contains(byte)).count();
    text.get(..text.len().saturating_sub(blank))?.strip_suffix(b"\\")
}

/// The first word and the rest. A word that begins with `[` ends at the next `]`; inside it `\]` stands for `]`.
pub fn word(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches(BLANKS);
    let Some(inner) = text.strip_prefix('[') else {
        let end = text.find(BLANKS).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        let mut rest = rest.chars();
        rest.next();
        return (!word.is_empty()).then(|| (word.to_owned(), rest.as_str()));
    };
    let mut word = String::new();
    let mut rest = inner.chars();
    while let Some(char) = rest.next() {
        match char {
            ']' => break,
            '\\' if rest.as_str().starts_with(']') => {
                rest.next();
                word.push(']');
            }
            other => word.push(other),
        }
    }
    Some((word, rest.as_str()))
}

/// All words of a line.
pub fn words(mut text: &str) -> Vec<String> {
    let mut words = Vec::new();
    while let Some((next, rest)) = word(text) {
        words.push(next);
        text = rest;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::Release::{V1_5, V1_6};
    use super::*;

    fn texts(text: &str, release: Release) -> Vec<(usize, Vec<String>)> {
        let (lines, _) = lines(text.as_bytes(), release);
        lines.into_iter().map(|line| (line.number, words(&line.text))).collect()
    }

    fn unfinished(text: &str, release: Release) -> Option<usize> {
        lines(text.as_bytes(), release).1.map(|unfinished| unfinished.number)
    }

    fn line(number: usize, text: &str) -> (usize, Vec<String>) {
        (number, text.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        for release in [V1_5, V1_6] {
            let found = texts("# a\n\n  \t\n  # b\nauth required x.so # c \\\nauth y", release);
            assert_eq!(found, [line(5, "auth required x.so"), line(6, "auth y")], "{release:?}");
        }
    }

    #[test]
    fn a_backslash_continues_a_line() {
        for release in [V1_5, V1_6] {
            let found = texts("auth \\\n  required \\ \t\nx.so\nauth y\n", release);
            assert_eq!(found, [line(1, "auth required x.so"), line(4, "auth y")], "{release:?}");
        }
    }

    #[test]
    fn a_comment_or_a_blank_line_ends_a_continued_line_since_1_6() {
        for between in ["# between\n", " \t\n", "\n", "  # between \\\n"] {
            let text = format!("auth a \\\n{between}auth b\n");
            assert_eq!(texts(&text, V1_5), [line(1, "auth a auth b")], "{between:?}");
            assert_eq!(texts(&text, V1_6), [line(1, "auth a"), line(3, "auth b")], "{between:?}");
        }
        assert_eq!((unfinished("\\\n\n", V1_5), unfinished("\\\n\n", V1_6)), (Some(1), None));
    }

    #[test]
    fn a_line_is_cut_at_1023_bytes_up_to_1_5() {
        let text = format!("#{}auth b\n", "x".repeat(1022));
        assert_eq!(texts(&text, V1_5), [line(1, "auth b")]);
        assert_eq!(texts(&text, V1_6), []);
        let text = format!("a {}\\\nauth b\n", " ".repeat(1019));
        assert_eq!(texts(&text, V1_5), [line(1, "a a"), line(2, "uth b")]);
        assert_eq!(texts(&text, V1_6), [line(1, "a auth b")]);
        let text = format!("a {}\\\nauth b\n", " ".repeat(1020));
        assert_eq!((unfinished(&text, V1_5), unfinished(&text, V1_6)), (Some(1), None));
    }

    #[test]
    fn a_carriage_return_belongs_to_the_last_word() {
        for release in [V1_5, V1_6] {
            let found = texts("auth a \\\r\nauth b\r\n\r\n", release);
            assert_eq!(found, [line(1, "auth a \\\r"), line(2, "auth b\r"), line(3, "\r")], "{release:?}");
        }
    }

    #[test]
    fn a_nul_byte_ends_a_line() {
        assert_eq!(
            texts("auth a\0 \\\nauth b\n\0\nauth c\n", V1_5),
            [line(1, "auth a"), line(2, "auth b"), line(4, "auth c")]
        );
        assert_eq!(texts("auth a\0 \\\nauth b\n\0\nauth c\n", V1_6), [line(1, "auth a"), line(4, "auth c")]);
    }

    #[test]
    fn a_file_that_ends_in_a_continuation_is_refused() {
        for release in [V1_5, V1_6] {
            assert_eq!(unfinished("auth a\nauth b \\\n", release), Some(2), "{release:?}");
            assert_eq!(unfinished("auth a\nauth b \\", release), Some(2), "{release:?}");
            assert_eq!(unfinished("auth a\nauth b # \\", release), None, "{release:?}");
        }
    }

    #[test]
    fn brackets_hold_blanks_and_escaped_brackets() {
        assert_eq!(
            words("auth [a=1 b=2] x.so [prompt=a [b\\] c] d]e [f"),
            ["auth", "a=1 b=2", "x.so", "prompt=a [b] c", "d]e", "f"]
        );
        assert_eq!(words(" \t "), Vec::<String>::new());
    }
}
