//! What the command prints outside a dialogue: lines of text with their dates and durations, remarks, progress bars, or the one document
//! of `--json`.

use crate::command_error::CommandError;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use totp_core::misleading::{escaped, misleads};
use totp_core::random::Secret;
use totp_core::user::Account;
use zeroize::Zeroizing;

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
/// [`CommandError`] where it cannot be written, as on a full disk.
pub(crate) fn line(text: &str) -> Result<(), CommandError> {
    ignore_closed_pipe(writeln!(std::io::stdout(), "{}", escaped(text)))
}

/// Prints a line of a result that is useless in part: a reader that closes the pipe early is an error.
///
/// # Errors
/// [`CommandError`] where it cannot be written.
pub(crate) fn secret_line(text: &str) -> Result<(), CommandError> {
    let mut line = Zeroizing::new(escaped(text));
    line.push('\n');
    // One write with the newline: standard output keeps a copy of incomplete lines in its buffer.
    std::io::stdout().write_all(line.as_bytes()).map_err(|error| write_error(&error))
}

/// Prints a remark on standard error. A failure to write it is ignored: there is nowhere else to report it.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "totp-enroll: {}", escaped(text));
}

/// Prints the document of `--json`.
pub(crate) fn document<T: Serialize>(document: &T) -> Result<(), CommandError> {
    let mut text = Zeroizing::new(Vec::new());
    document
        .serialize(&mut Serializer::with_formatter(&mut *text, EscapedJson))
        .map_err(|error| CommandError::refused(error.to_string()))?;
    text.push(b'\n');
    // A closed pipe is an error here: half a document is useless.
    std::io::stdout().write_all(&text).map_err(|error| write_error(&error))
}

/// Compact JSON. A document is also looked at on a terminal, and JSON itself only escapes the control characters below U+0020.
struct EscapedJson;

impl Formatter for EscapedJson {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, text: &str) -> std::io::Result<()> {
        let mut rest = text;
        while let Some((at, char)) = rest.char_indices().find(|(_, char)| misleads(*char)) {
            let (before, behind) = rest.split_at(at);
            to.write_all(before.as_bytes())?;
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
            rest = behind.get(char.len_utf8()..).unwrap_or_default();
        }
        to.write_all(rest.as_bytes())
    }
}

/// Prints a result: the document for a program, its lines for a person.
pub(crate) fn report<T: Serialize>(
    format: Format,
    report: &T,
    lines: impl FnOnce(&T) -> Vec<String>,
) -> Result<(), CommandError> {
    match format {
        Format::Json => document(report),
        Format::Text => lines(report).iter().try_for_each(|text| line(text)),
    }
}

/// The error of a command whose document says already what failed: for a program only the exit status is left to set.
pub(crate) fn reported(format: Format, error: CommandError) -> CommandError {
    match format {
        Format::Json => error.reported(),
        Format::Text => error,
    }
}

/// A secret as text, wiped after use.
pub(crate) fn secret_text(secret: &Secret) -> Zeroizing<String> {
    Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned())
}

/// The place of an error: a file, and the line if there is one.
pub(crate) fn location(file: impl Display, line: Option<usize>) -> String {
    line.map_or_else(|| file.to_string(), |line| format!("{file} line {line}"))
}

/// Formats rows as lines; each column is as wide as its widest cell, as it is shown.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| escaped(cell))).collect();
    let mut widths = [0; N];
    for row in &rows {
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

/// Ignores a closed pipe (`totp-enroll list | head`).
fn ignore_closed_pipe(result: std::io::Result<()>) -> Result<(), CommandError> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(write_error(&error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn write_error(error: &std::io::Error) -> CommandError {
    CommandError::refused(format!(
        "cannot write the output: {error}; check the terminal, pipe or disk that it goes to"
    ))
}

/// Reports a change: `message` as text, `done` as the word in the JSON.
pub(crate) fn done(
    format: Format,
    account: &Account,
    done: &'static str,
    message: &str,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct ChangeDocument<'a> {
        user: &'a str,
        done: &'static str,
    }
    let user = account.user.as_str();
    match format {
        Format::Text => line(&format!("{user}: {message}"))?,
        Format::Json => document(&ChangeDocument { user, done })?,
    }
    Ok(())
}

/// Reports why a command failed: on standard error, and with `--json` also as the document.
pub(crate) fn error(format: Format, error: &CommandError) {
    #[derive(Serialize)]
    struct ErrorDocument<'a> {
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<usize>,
    }
    if error.is_reported {
        return;
    }
    let file = error.file.as_ref().map(|file| file.display().to_string());
    let location = file.as_ref().map_or_else(String::new, |file| format!("{}: ", location(file, error.line)));
    remark(&format!("{location}{}", error.problem));
    if format == Format::Json {
        // Serialising cannot fail here; a failure to write has nowhere else to be reported.
        let _ = document(&ErrorDocument { error: &error.problem, file, line: error.line });
    }
}

/// Ends the command as clap does, for `--help` or a wrong command line; what was typed is escaped.
pub(crate) fn end_of_parsing(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    let text = error.render().to_string();
    let lines: Vec<String> = text.lines().map(escaped).collect();
    // A failure to write has nowhere else to be reported.
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n"));
    std::process::exit(error.exit_code())
}

/// Whether a progress bar would be visible: standard error is a terminal, and no program reads the output.
pub(crate) fn shows_progress(format: Format) -> bool {
    format == Format::Text && std::io::stderr().is_terminal()
}

/// A progress bar over `count` accounts; hidden where it would not be visible.
pub(crate) fn progress_bar(format: Format, task: &'static str, count: usize) -> ProgressBar {
    styled_bar(format, task, count as u64, "{prefix} {wide_bar} {pos}/{len} {eta}")
}

/// A progress bar over a file of `length` bytes.
pub(crate) fn byte_progress_bar(format: Format, task: &'static str, length: u64) -> ProgressBar {
    styled_bar(format, task, length, "{prefix} {wide_bar} {bytes}/{total_bytes} {eta}")
}

fn styled_bar(format: Format, task: &'static str, length: u64, template: &str) -> ProgressBar {
    if !shows_progress(format) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(length)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(task)
}

/// Seconds since 1970 as RFC 3339, in UTC.
pub(crate) fn date(seconds: u64) -> String {
    let timestamp = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(|| format!("{seconds} s after 1970"), |timestamp| timestamp.to_string())
}

/// A duration in words, rounded up to a whole unit.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => count(seconds, "second"),
        120..=7199 => count(seconds.div_ceil(60), "minute"),
        7200..=259_199 => count(seconds.div_ceil(3600), "hour"),
        _ => count(seconds.div_ceil(86400), "day"),
    }
}

/// A number of things, as in "1 day" and "2 days".
pub(crate) fn count<N: From<u8> + Copy + PartialEq + Display>(number: N, one: &str) -> String {
    let ending = if number == N::from(1) { "" } else { "s" };
    format!("{number} {one}{ending}")
}

/// The same with its verb in the two forms, as in "1 day is" and "2 days are".
pub(crate) fn count_with<N: From<u8> + Copy + PartialEq + Display>(
    number: N,
    one: &str,
    (is, are): (&str, &str),
) -> String {
    let verb = if number == N::from(1) { is } else { are };
    format!("{} {verb}", count(number, one))
}

/// The header of a service's own section in the config: `[service.NAME.SECTION]`.
/// A name that is not a bare TOML key is quoted; TOML's escapes are those of JSON.
pub(crate) fn service_section(service: &str, section: &str) -> String {
    let is_bare = service.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let name = if is_bare { service.to_owned() } else { serde_json::Value::from(service).to_string() };
    format!("[service.{name}.{section}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_escapes_what_a_terminal_would_obey() {
        let mut text = Vec::new();
        let written = ["a\u{202e}b\u{9b}c\u{7f}\n\"", "\u{e0041}\u{e4}"];
        written.serialize(&mut Serializer::with_formatter(&mut text, EscapedJson)).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, r#"["a\u202eb\u009bc\u007f\n\"","\udb40\udc41ä"]"#);
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), written);
    }

    #[test]
    fn a_column_is_as_wide_as_what_is_shown() {
        let rows = [["a\u{202e}", "x"], ["bb", "y"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), ["a\\u{202e}  x", "bb         y"]);
    }

    #[test]
    fn a_closed_pipe_is_ignored_and_a_full_disk_is_an_error() {
        assert!(ignore_closed_pipe(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(ignore_closed_pipe(Err(ErrorKind::StorageFull.into())).is_err());
    }

    #[test]
    fn dates_are_rfc_3339() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(1_800_000_000), "2027-01-15T08:00:00Z");
        assert!(date(u64::MAX).ends_with("after 1970"));
    }

    #[test]
    fn one_thing_is_singular() {
        assert_eq!([0, 1, 2].map(|number| count(number, "day")), ["0 days", "1 day", "2 days"]);
        let sentences = [0_usize, 1, 2].map(|number| count_with(number, "day", ("is", "are")));
        assert_eq!(sentences, ["0 days are", "1 day is", "2 days are"]);
    }

    #[test]
    fn a_duration_is_rounded_up() {
        assert_eq!(duration(1), "1 second");
        assert_eq!(duration(60), "60 seconds");
        assert_eq!(duration(121), "3 minutes");
        assert_eq!(duration(86400), "24 hours");
        assert_eq!(duration(292 * 3600), "13 days");
    }
}
