//! Reading a TOML document: errors name the file, the line and what is wrong, and never repeat a value.

mod error;
mod fields;
mod table;
mod value;

pub use error::DocumentError;
pub(crate) use error::ParseError;
pub(crate) use table::{Base64, Field, Table, word};
pub(crate) use value::Value;

use std::path::Path;
use toml::de::DeTable;
use value::Fields;

/// Reads `bytes` as TOML; fields that `read` does not ask for are errors. `file` is only named in errors, and `fix` is
/// the advice that follows them.
pub(crate) fn read<T>(
    file: &Path,
    bytes: &[u8],
    fix: &str,
    read: impl for<'t> FnOnce(&mut Table<'t>) -> Result<T, ParseError>,
) -> Result<T, DocumentError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentError {
        file: file.to_owned(),
        line: Some(line_of(bytes, error.valid_up_to())),
        problem: format!("is not UTF-8 text; {fix}"),
    })?;
    whole(text, read).map_err(|ParseError { at, problem, says_what_to_do }| DocumentError {
        file: file.to_owned(),
        line: at.map(|at| line_of(bytes, at)),
        problem: if says_what_to_do { problem } else { format!("{problem}; {fix}") },
    })
}

fn whole<T>(
    text: &str,
    read: impl for<'t> FnOnce(&mut Table<'t>) -> Result<T, ParseError>,
) -> Result<T, ParseError> {
    let document = parse(text)?;
    let mut table = Table::new(&document, 0);
    let whole = read(&mut table)?;
    table.end()?;
    Ok(whole)
}

fn parse(text: &str) -> Result<Fields<'_>, ParseError> {
    let document = DeTable::parse(text).map_err(|error| ParseError {
        at: error.span().map(|span| span.start),
        // Kept on one line, whatever the library says.
        problem: error.message().replace(['\n', '\r'], "; "),
        says_what_to_do: false,
    })?;
    Ok(document.into_inner().into())
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|&&byte| byte == b'\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &[u8]) -> Result<(u8, Option<String>), DocumentError> {
        read(Path::new("/etc/x.toml"), text, "fix it", |table| {
            Ok((table.required("count")?, table.optional("name")?))
        })
    }

    fn error(text: &[u8]) -> DocumentError {
        sample(text).unwrap_err()
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_key() {
        let error = error(b"# hello\ncount = 1\nwat = 2\n");
        assert_eq!(error.line, Some(3));
        assert!(error.to_string().starts_with("/etc/x.toml line 3: unknown field `wat`"), "{error}");
        assert!(error.to_string().ends_with("expected one of `count`, `name`; fix it"), "{error}");
    }

    #[test]
    fn what_is_there_and_nothing_else_is_read() {
        assert_eq!(sample(b"count = 0x10\n"), Ok((16, None)));
        assert_eq!(sample(b"name = 'a'\ncount = 255"), Ok((255, Some("a".to_owned()))));
        assert!(error(b"name = 'a'\n").problem.contains("missing field `count`"));
        assert_eq!(error(b"count = 1\nname = ''\n\ncount = 2\n").line, Some(4));
    }

    #[test]
    fn of_several_mistakes_the_first_of_the_document_is_named() {
        let error = error(b"count = 1\nzz = 1\naa = 1\n");
        assert_eq!(error.line, Some(2), "{error}");
    }

    #[test]
    fn a_key_breaks_no_line_of_an_error() {
        let error = error(b"count = 1\n\"a\\nb\\u001b\" = 2\n").to_string();
        assert!(!error.contains(['\n', '\u{1b}']) && error.contains("a\\nb"), "{error}");
    }

    #[test]
    fn no_kind_of_value_is_repeated() {
        let values =
            ["\"a\\\"b\"", "12345678", "-987", "true", "1.5", "[ 77 ]", "{ a = 1 }", "2026-11-20", "0x1234"];
        for (name, value) in values.iter().flat_map(|value| [("count", value), ("name", value)]) {
            if name == "name" && value.starts_with('"') {
                continue;
            }
            let text = if name == "name" {
                format!("count = 1\nname = {value}")
            } else {
                format!("count = {value}")
            };
            let error = error(text.as_bytes());
            let inner = value.trim_matches(['"', '[', ']', ' ']);
            assert!(!error.problem.contains(inner) && !error.problem.contains("4660"), "{value}: {error}");
            assert!(error.problem.starts_with(&format!("`{name}`: ")), "{value}: {error}");
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_an_error() {
        for number in ["256", "-1", "9223372036854775808", "0xffffffffffffffffff"] {
            assert!(sample(format!("count = {number}").as_bytes()).is_err(), "{number}");
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_refused_with_its_line() {
        assert_eq!(error(b"count = 1\n# \xff\n").line, Some(2));
    }
}
