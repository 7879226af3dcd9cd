//! A TOML document on its way in: errors name the file, the line and what is wrong, and never repeat a value.

use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Why a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {problem}", file.display(), Line(*line))]
pub struct DocumentError {
    /// The file as it was named.
    pub file: PathBuf,
    /// The line, counted from one, where there is one to name.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub problem: String,
}

struct Line(Option<usize>);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, " line {line}"))
    }
}

impl DocumentError {
    pub(crate) fn new(file: &Path, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, problem: problem.into() }
    }
}

/// Parses `bytes` as TOML into `T`. `file` is only named in errors; `mend` says what to do about one.
pub(crate) fn parse<T: DeserializeOwned>(file: &Path, bytes: &[u8], mend: &str) -> Result<T, DocumentError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentError {
        file: file.to_owned(),
        line: Some(line_of(bytes, error.valid_up_to())),
        problem: format!("is not UTF-8 text; {mend}"),
    })?;
    toml::from_str(text).map_err(|error| DocumentError {
        file: file.to_owned(),
        line: error.span().map(|span| line_of(bytes, span.start)),
        problem: format!("{}; {mend}", without_values(error.message())),
    })
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|&&byte| byte == b'\n').count().saturating_add(1)
}

/// serde repeats the offending value in some messages (``invalid type: string "…"``, ``integer `…` ``); in a keyring that
/// would be the key.
fn without_values(message: &str) -> String {
    let message = message.replace(['\n', '\r'], "; ");
    let Some(found) = message.strip_prefix("invalid ").and_then(|_| message.find(['"', '`'])) else {
        return message;
    };
    let (head, value) = message.split_at(found);
    // A text may hold quotes of its own; a number, a truth value or a character holds no backtick.
    let end = if value.starts_with('"') {
        value.rfind('"')
    } else {
        value.match_indices('`').nth(1).map(|(at, _)| at)
    };
    match end.filter(|&end| end > 0).and_then(|end| value.get(end.saturating_add(1)..)) {
        Some(tail) => format!("{}{tail}", head.trim_end()),
        // Not as serde writes it: say nothing of it.
        None => head.trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Sample {
        count: u8,
    }

    fn error(text: &[u8]) -> DocumentError {
        parse::<Sample>(Path::new("/etc/x.toml"), text, "mend it").unwrap_err()
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_key() {
        let error = error(b"# hello\ncount = 1\nwat = 2\n");
        assert_eq!(error.line, Some(3));
        assert!(error.to_string().starts_with("/etc/x.toml line 3: unknown field `wat`"), "{error}");
        assert!(error.to_string().ends_with("; mend it"), "{error}");
    }

    #[test]
    fn a_value_is_never_repeated() {
        let error = error(b"count = \"c2VjcmV0\"\n");
        assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
        assert!(error.to_string().contains("expected u8"), "{error}");
    }

    #[test]
    fn no_kind_of_value_is_repeated() {
        for value in ["\"a\\\"b\"", "12345678", "true", "1.5", "[1]", "{ a = 1 }", "2026-11-20", "0x1234"] {
            #[derive(Deserialize, Debug)]
            #[expect(dead_code, reason = "only parsed")]
            struct Text {
                text: (),
            }
            let text = format!("text = {value}\n");
            let error = parse::<Text>(Path::new("/x"), text.as_bytes(), "mend it").unwrap_err();
            let inner = value.trim_matches(['"', '[', ']']);
            assert!(
                !error.problem.contains(inner) && !error.problem.contains("305419896"),
                "{value}: {error}"
            );
            assert!(error.problem.contains("expected"), "{value}: {error}");
        }
    }

    #[test]
    fn of_a_value_without_an_end_nothing_is_repeated() {
        for cut in ["\"c2VjcmV0", "`c2VjcmV0"] {
            assert_eq!(without_values(&format!("invalid value: {cut}")), "invalid value:");
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_refused_with_its_line() {
        assert_eq!(error(b"count = 1\n# \xff\n").line, Some(2));
    }
}
