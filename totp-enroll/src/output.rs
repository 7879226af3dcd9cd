//! Everything that is printed but for the talk with a person: lines for people, or the one document of `--json`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one room that prints")]

use crate::failure::Failure;
use serde::Serialize;

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
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints a remark beside the result.
pub(crate) fn remark(text: &str) {
    eprintln!("totp-enroll: {text}");
}

/// Prints the one document.
pub(crate) fn document<T: Serialize>(document: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(document).map_err(|error| Failure::refused(error.to_string()))?;
    let text = zeroize::Zeroizing::new(text);
    println!("{}", *text);
    Ok(())
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
    eprintln!("totp-enroll: {place}{}", failure.problem);
    if format == Format::Json {
        // A document of strings and a number always serialises.
        let _ = document(&Document { error: &failure.problem, file, line: failure.line });
    }
}
