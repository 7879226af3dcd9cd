//! The words after `pam_totp.so` in a service file. One that is not known refuses: a typo must not weaken a module.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use totp_core::time::Seconds;

/// What people are asked unless `prompt=` says otherwise; the words that other modules taught them.
pub(crate) const DEFAULT_PROMPT: &str = "Verification code: ";
/// The same with `forward_pass`.
pub(crate) const DEFAULT_PROMPT_FOR_BOTH: &str = "Password & verification code: ";

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
    /// `fresh=DURATION`: in place of the config's `fresh.for`.
    pub(crate) fresh: Option<Seconds>,
    /// `try_first_pass`, `use_first_pass`.
    pub(crate) first_pass: FirstPass,
    /// `forward_pass`: the answer is a password with the code behind it, and the password is passed on.
    pub(crate) forward_pass: bool,
    /// `after_first_factor`: anyone who comes to this line has been authenticated by a line before it.
    pub(crate) after_first_factor: bool,
}

/// What becomes of an answer that a module before this one was given (`PAM_AUTHTOK`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstPass {
    /// It is left alone.
    Ignore,
    /// It is tried; the person is asked where it is not right.
    Try,
    /// It is all there is; nobody is asked.
    Use,
}

/// An argument that cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error(
        "the argument \"{0}\" is not known: known are conf=FILE, nullok, fresh=DURATION, prompt=TEXT, echo, try_first_pass, use_first_pass, forward_pass, after_first_factor, debug"
    )]
    Unknown(String),
    #[error("the argument \"{0}\" is there twice: remove one")]
    Twice(&'static str),
    #[error("conf= must name a file by a path that starts with /")]
    Config,
    #[error("try_first_pass and use_first_pass contradict each other: remove one")]
    BothPasses,
    #[error("fresh= must be a whole number and a unit, such as fresh=15m")]
    Fresh,
    #[error("prompt= must be printable text; with blanks write [prompt=One-time code: ]")]
    Prompt,
}

impl Arguments {
    pub(crate) fn parse(words: &[&CStr]) -> Result<Self, ArgumentError> {
        let (mut config, mut prompt, mut fresh) = (None, None, None);
        let (mut nullok, mut echo, mut debug) = (false, false, false);
        let (mut try_first, mut use_first, mut forward_pass) = (false, false, false);
        let mut after_first_factor = false;
        for word in words {
            let bytes = word.to_bytes();
            let (key, value) = match bytes.iter().position(|&byte| byte == b'=') {
                Some(at) => (bytes.get(..at), bytes.get(at.saturating_add(1)..)),
                None => (Some(bytes), None),
            };
            match (key.unwrap_or_default(), value) {
                (b"conf", Some(value)) => once("conf", config.replace(path(value)?))?,
                (b"prompt", Some(value)) => once("prompt", prompt.replace(printable(value)?))?,
                (b"fresh", Some(value)) => once("fresh", fresh.replace(duration(value)?))?,
                (b"nullok", None) => flag("nullok", &mut nullok)?,
                (b"echo", None) => flag("echo", &mut echo)?,
                (b"debug", None) => flag("debug", &mut debug)?,
                (b"try_first_pass", None) => flag("try_first_pass", &mut try_first)?,
                (b"use_first_pass", None) => flag("use_first_pass", &mut use_first)?,
                (b"forward_pass", None) => flag("forward_pass", &mut forward_pass)?,
                (b"after_first_factor", None) => flag("after_first_factor", &mut after_first_factor)?,
                _ => return Err(ArgumentError::Unknown(word.to_string_lossy().into_owned())),
            }
        }
        let first_pass = match (try_first, use_first) {
            (false, false) => FirstPass::Ignore,
            (true, false) => FirstPass::Try,
            (false, true) => FirstPass::Use,
            (true, true) => return Err(ArgumentError::BothPasses),
        };
        let default = if forward_pass { DEFAULT_PROMPT_FOR_BOTH } else { DEFAULT_PROMPT };
        let prompt = prompt.unwrap_or_else(|| default.to_owned());
        Ok(Self { config, nullok, prompt, echo, debug, fresh, first_pass, forward_pass, after_first_factor })
    }

    /// The config file that is named, also where other arguments are wrong, so that the log line about them arrives.
    pub(crate) fn config_file(words: &[&CStr]) -> Option<PathBuf> {
        words.iter().find_map(|word| path(word.to_bytes().strip_prefix(b"conf=")?).ok())
    }
}

fn once<T>(name: &'static str, before: Option<T>) -> Result<(), ArgumentError> {
    before.map_or(Ok(()), |_| Err(ArgumentError::Twice(name)))
}

fn flag(name: &'static str, set: &mut bool) -> Result<(), ArgumentError> {
    once(name, std::mem::replace(set, true).then_some(()))
}

fn duration(value: &[u8]) -> Result<Seconds, ArgumentError> {
    let text = std::str::from_utf8(value).map_err(|_| ArgumentError::Fresh)?;
    Seconds::parse(text).map_err(|_| ArgumentError::Fresh)
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
        assert_eq!(arguments.prompt, DEFAULT_PROMPT);
        assert!(!arguments.nullok && !arguments.echo && !arguments.debug && arguments.config.is_none());
    }

    #[test]
    fn every_argument_is_read() {
        let words = [
            c"conf=/etc/x.toml",
            c"nullok",
            c"prompt=Code, please: ",
            c"echo",
            c"debug",
            c"fresh=15m",
            c"try_first_pass",
            c"forward_pass",
            c"after_first_factor",
        ];
        let arguments = Arguments::parse(&words).unwrap();
        assert_eq!(arguments.config.as_deref(), Some(Path::new("/etc/x.toml")));
        assert_eq!(arguments.prompt, "Code, please: ");
        assert!(arguments.nullok && arguments.echo && arguments.debug);
        assert!(arguments.forward_pass && arguments.after_first_factor);
        assert_eq!((arguments.fresh, arguments.first_pass), (Some(Seconds(900)), FirstPass::Try));
        let arguments = Arguments::parse(&[c"use_first_pass"]).unwrap();
        assert_eq!((arguments.fresh, arguments.first_pass), (None, FirstPass::Use));
    }

    #[test]
    fn a_password_with_the_code_is_asked_for_in_one_prompt() {
        assert_eq!(Arguments::parse(&[c"forward_pass"]).unwrap().prompt, "Password & verification code: ");
    }

    #[test]
    fn what_is_not_known_or_not_whole_is_refused() {
        for word in [c"nullOK", c"nullok=1", c"use_first_password", c"", c"=", c"conf", c"secret=/x", c"\xff"]
        {
            assert!(matches!(Arguments::parse(&[word]), Err(ArgumentError::Unknown(_))), "{word:?}");
        }
        assert_eq!(Arguments::parse(&[c"conf="]), Err(ArgumentError::Config));
        assert_eq!(Arguments::parse(&[c"conf=etc/x"]), Err(ArgumentError::Config));
        assert_eq!(Arguments::parse(&[c"prompt="]), Err(ArgumentError::Prompt));
        assert_eq!(Arguments::parse(&[c"prompt=\x1b[2J"]), Err(ArgumentError::Prompt));
        assert_eq!(Arguments::parse(&[c"prompt=\xff"]), Err(ArgumentError::Prompt));
        assert_eq!(Arguments::parse(&[c"fresh=15"]), Err(ArgumentError::Fresh));
        assert_eq!(Arguments::parse(&[c"fresh="]), Err(ArgumentError::Fresh));
        assert_eq!(Arguments::parse(&[c"try_first_pass", c"use_first_pass"]), Err(ArgumentError::BothPasses));
        assert_eq!(Arguments::parse(&[c"nullok", c"nullok"]), Err(ArgumentError::Twice("nullok")));
        assert_eq!(Arguments::parse(&[c"conf=/a", c"conf=/b"]), Err(ArgumentError::Twice("conf")));
    }

    #[test]
    fn the_config_is_found_beside_a_wrong_argument() {
        assert_eq!(Arguments::config_file(&[c"wat", c"conf=/a"]), Some(PathBuf::from("/a")));
    }
}
