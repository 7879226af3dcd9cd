//! The words after `pam_totp.so` in a service file. One that is not known refuses: a typo must not weaken a door.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What people are asked unless `prompt=` says otherwise; the words that other modules taught them.
const DEFAULT_PROMPT: &str = "Verification code: ";

/// The arguments, checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// `conf=FILE`: the config, in place of the default one.
    pub(crate) config: Option<PathBuf>,
    /// `nullok`: who is provably not enrolled is let pass.
    pub(crate) nullok: bool,
    /// `prompt=TEXT`.
    pub(crate) prompt: String,
    /// `echo`: the code is shown while it is typed.
    pub(crate) echo: bool,
    /// `debug`: more lines in the log.
    pub(crate) debug: bool,
}

/// An argument that cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("the argument \"{0}\" is not known: known are conf=FILE, nullok, prompt=TEXT, echo, debug")]
    Unknown(String),
    #[error("the argument \"{0}\" is there twice: remove one")]
    Twice(&'static str),
    #[error("conf= must name a file by a path that starts with /")]
    Config,
    #[error("prompt= must be printable text; with blanks write [prompt=One-time code: ]")]
    Prompt,
}

impl Arguments {
    pub(crate) fn parse(words: &[&CStr]) -> Result<Self, ArgumentError> {
        let (mut config, mut prompt) = (None, None);
        let (mut nullok, mut echo, mut debug) = (false, false, false);
        for word in words {
            let bytes = word.to_bytes();
            let (key, value) = match bytes.iter().position(|&byte| byte == b'=') {
                Some(at) => (bytes.get(..at), bytes.get(at.saturating_add(1)..)),
                None => (Some(bytes), None),
            };
            match (key.unwrap_or_default(), value) {
                (b"conf", Some(value)) => once("conf", config.replace(path(value)?))?,
                (b"prompt", Some(value)) => once("prompt", prompt.replace(printable(value)?))?,
                (b"nullok", None) => once("nullok", std::mem::replace(&mut nullok, true).then_some(()))?,
                (b"echo", None) => once("echo", std::mem::replace(&mut echo, true).then_some(()))?,
                (b"debug", None) => once("debug", std::mem::replace(&mut debug, true).then_some(()))?,
                _ => return Err(ArgumentError::Unknown(word.to_string_lossy().into_owned())),
            }
        }
        let prompt = prompt.unwrap_or_else(|| DEFAULT_PROMPT.to_owned());
        Ok(Self { config, nullok, prompt, echo, debug })
    }

    /// The config file that is named, also where other arguments are wrong, so that the log line about them arrives.
    pub(crate) fn config_file(words: &[&CStr]) -> Option<PathBuf> {
        words.iter().find_map(|word| path(word.to_bytes().strip_prefix(b"conf=")?).ok())
    }
}

fn once<T>(name: &'static str, before: Option<T>) -> Result<(), ArgumentError> {
    before.map_or(Ok(()), |_| Err(ArgumentError::Twice(name)))
}

fn path(value: &[u8]) -> Result<PathBuf, ArgumentError> {
    let path = Path::new(OsStr::from_bytes(value));
    if path.is_absolute() { Ok(path.to_owned()) } else { Err(ArgumentError::Config) }
}

fn printable(value: &[u8]) -> Result<String, ArgumentError> {
    match std::str::from_utf8(value) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(ArgumentError::Prompt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_argument_asks_for_a_verification_code() {
        let arguments = Arguments::parse(&[]).unwrap();
        assert_eq!(arguments.prompt, "Verification code: ");
        assert!(!arguments.nullok && !arguments.echo && !arguments.debug && arguments.config.is_none());
    }

    #[test]
    fn every_argument_is_read() {
        let words = [c"conf=/etc/x.toml", c"nullok", c"prompt=Code, please: ", c"echo", c"debug"];
        let arguments = Arguments::parse(&words).unwrap();
        assert_eq!(arguments.config.as_deref(), Some(Path::new("/etc/x.toml")));
        assert_eq!(arguments.prompt, "Code, please: ");
        assert!(arguments.nullok && arguments.echo && arguments.debug);
    }

    #[test]
    fn what_is_not_known_or_not_whole_is_refused() {
        for word in [c"nullOK", c"nullok=1", c"use_first_pass", c"", c"=", c"conf", c"secret=/x", c"\xff"] {
            assert!(matches!(Arguments::parse(&[word]), Err(ArgumentError::Unknown(_))), "{word:?}");
        }
        assert_eq!(Arguments::parse(&[c"conf="]), Err(ArgumentError::Config));
        assert_eq!(Arguments::parse(&[c"conf=etc/x"]), Err(ArgumentError::Config));
        assert_eq!(Arguments::parse(&[c"prompt="]), Err(ArgumentError::Prompt));
        assert_eq!(Arguments::parse(&[c"prompt=\x1b[2J"]), Err(ArgumentError::Prompt));
        assert_eq!(Arguments::parse(&[c"prompt=\xff"]), Err(ArgumentError::Prompt));
        assert_eq!(Arguments::parse(&[c"nullok", c"nullok"]), Err(ArgumentError::Twice("nullok")));
        assert_eq!(Arguments::parse(&[c"conf=/a", c"conf=/b"]), Err(ArgumentError::Twice("conf")));
    }

    #[test]
    fn the_config_is_found_beside_a_wrong_argument() {
        assert_eq!(Arguments::config_file(&[c"wat", c"conf=/a"]), Some(PathBuf::from("/a")));
    }
}
