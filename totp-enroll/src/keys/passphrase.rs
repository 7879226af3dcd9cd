//! Reads the passphrase of a backup from the terminal (without echo), a file or a file descriptor.

use crate::cli::Passphrase;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::terminal::Terminal;
use age::secrecy::SecretString;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use totp_core::secret::Secret;
use totp_host::documents::{Access, read_document};

/// The shortest passphrase, in characters: what NIST SP 800-63B-4 section 3.1.1.2 requires of a password that is the only factor.
/// Guessing against a stolen backup file is not limited by anything else.
const SHORTEST: usize = 15;
/// The longest passphrase, in bytes.
const LONGEST: usize = 1024;
/// Fewer distinct characters are a pattern.
const LEAST_VARIED: usize = 6;

/// What the passphrase is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PassphraseUse {
    /// A new passphrase: it is typed twice and has to be strong.
    Choose,
    /// The passphrase of an existing backup.
    Give,
}

pub(super) fn obtain(
    context: &Context,
    from: &Passphrase,
    to: PassphraseUse,
) -> Result<SecretString, CommandError> {
    let given = match (&from.passphrase_file, from.passphrase_fd) {
        (Some(file), _) => read_document(file, Access::RootOnly)?.ok_or_else(|| {
            CommandError::refused("is missing; name the file with the passphrase").at(file, None)
        })?,
        (None, Some(number)) => from_descriptor(number)?,
        (None, None) => asked(context, to)?,
    };
    let passphrase = checked(&given)?;
    if to == PassphraseUse::Choose {
        is_strong(passphrase)
            .map_err(|problem| CommandError::refused(format!("{problem}; nothing was written")))?;
    }
    Ok(SecretString::from(passphrase.to_owned()))
}

fn asked(context: &Context, to: PassphraseUse) -> Result<Secret, CommandError> {
    let terminal = Terminal::open(context.format, "name --passphrase-file or --passphrase-fd")?;
    let first = terminal.ask_hidden("passphrase: ")?;
    if to == PassphraseUse::Choose
        && terminal.ask_hidden("the same passphrase again: ")?.expose() != first.expose()
    {
        return Err(CommandError::refused("the two passphrases differ; nothing was written: try again"));
    }
    Ok(first)
}

/// Opens the descriptor again through /proc, which works for files, pipes and terminals (proc(5)).
fn from_descriptor(number: u32) -> Result<Secret, CommandError> {
    let name = format!("/proc/self/fd/{number}");
    let unreadable =
        |error: std::io::Error| CommandError::refused(format!("cannot read descriptor {number}: {error}"));
    let mut file = File::open(Path::new(&name)).map_err(unreadable)?;
    let mut text = zeroize::Zeroizing::new(vec![0; LONGEST.saturating_add(3)]);
    let mut filled = 0;
    while let Some(free) = text.get_mut(filled..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    text.truncate(filled);
    Ok(Secret::new(std::mem::take(&mut *text)))
}

/// Checks that it is one line of text, and removes the newline.
fn checked(given: &Secret) -> Result<&str, CommandError> {
    let refused = |problem: &str| Err(CommandError::refused(problem));
    let Ok(text) = std::str::from_utf8(given.expose()) else {
        return refused("the passphrase is not UTF-8 text");
    };
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return refused("the passphrase is empty; nothing was done");
    }
    if text.len() > LONGEST {
        return Err(CommandError::refused(format!("the passphrase is longer than {LONGEST} bytes")));
    }
    if text.contains(char::is_control) {
        return refused("the passphrase has more than one line, or contains control characters");
    }
    Ok(text)
}

fn is_strong(passphrase: &str) -> Result<(), String> {
    let length = passphrase.chars().count();
    if length < SHORTEST {
        return Err(format!(
            "the passphrase has {length} characters but needs at least {SHORTEST}: use five random words"
        ));
    }
    let mut seen: Vec<char> = passphrase.chars().collect();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() < LEAST_VARIED {
        return Err(format!(
            "the passphrase has only {} different characters: use five random words",
            seen.len()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_repetitive_passphrases_are_refused() {
        for weak in
            ["", "fourteen chars", "aaaaaaaaaaaaaaaaaaaa", "ababcabcabcabcabcabc", "äöüäöüäöüäöüäöüäöü"]
        {
            assert!(is_strong(weak).is_err(), "{weak}");
        }
        for strong in ["fifteen chars..", "correct horse battery staple", "ÄÖÜäöüß12345678"] {
            assert_eq!(is_strong(strong), Ok(()), "{strong}");
        }
    }

    #[test]
    fn a_passphrase_is_one_line_of_text() {
        let checked = |bytes: &[u8]| checked(&Secret::new(bytes.to_vec())).map(str::to_owned).ok();
        assert_eq!(checked(b"two words\n").as_deref(), Some("two words"));
        assert_eq!(checked(b" two words \r\n").as_deref(), Some(" two words "));
        for bytes in [&b""[..], b"\n", b"one\ntwo\n", b"\xff", b"a\x00b", &[b'a'; 1025]] {
            assert_eq!(checked(bytes), None);
        }
        assert!(checked(&[b'a'; 1024]).is_some());
    }
}
