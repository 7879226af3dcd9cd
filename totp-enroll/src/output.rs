//! Everything that is printed but for the talk with a person: lines for people, or the one document of `--json`.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// Who reads standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A person.
    Text,
    /// A program.
    Json,
}

impl Format {
    pub(crate) fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Prints a line for a person.
///
/// # Errors
/// [`Failure`] where it cannot be written, as on a full disk.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    written(writeln!(std::io::stdout(), "{}", printable(text)))
}

/// Prints a line of something that is needed whole, and so not to a reader who has seen enough.
///
/// # Errors
/// [`Failure`] where it cannot be written.
pub(crate) fn whole(text: &str) -> Result<(), Failure> {
    let mut line = zeroize::Zeroizing::new(printable(text));
    line.push('\n');
    // At once and with its end: what comes in pieces is kept in the buffer of standard output.
    std::io::stdout().write_all(line.as_bytes()).map_err(|error| unwritten(&error))
}

/// Prints a remark beside the result. Where that cannot be written there is nobody to tell.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "totp-enroll: {}", printable(text));
}

/// Prints the one document.
pub(crate) fn document<T: Serialize>(document: &T) -> Result<(), Failure> {
    let text = serde_json::to_vec(document).map_err(|error| Failure::refused(error.to_string()))?;
    let mut text = zeroize::Zeroizing::new(text);
    text.push(b'\n');
    // Anyone who asked for it needs all of it.
    std::io::stdout().write_all(&text).map_err(|error| unwritten(&error))
}

/// Rows as lines, each column as wide as its widest cell.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// File names may hold what moves a cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, char| {
        if char.is_control() {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
        out
    })
}

/// Anyone who reads may have seen enough (`totp-enroll list | head`).
fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritten(&error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn unwritten(error: &std::io::Error) -> Failure {
    Failure::refused(format!("the output cannot be written: {error}; check where it goes"))
}

/// Says why a command failed: on standard error for a person, and as the document for a program.
pub(crate) fn failure(format: Format, failure: &Failure) {
    #[derive(Serialize)]
    struct Document<'a> {
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<usize>,
    }
    if failure.told {
        return;
    }
    let file = failure.file.as_ref().map(|file| file.display().to_string());
    let place = match (&file, failure.line) {
        (Some(file), Some(line)) => format!("{file} line {line}: "),
        (Some(file), None) => format!("{file}: "),
        (None, _) => String::new(),
    };
    remark(&format!("{place}{}", failure.problem));
    if format == Format::Json {
        // A document of strings and a number always serialises.
        let _ = document(&Document { error: &failure.problem, file, line: failure.line });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_moves_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\u{9b}c\r"), "a\\u{1b}[2Jb\\u{9b}c\\r");
    }

    #[test]
    fn a_reader_who_has_seen_enough_is_no_failure_and_a_full_disk_is() {
        assert!(written(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(written(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
