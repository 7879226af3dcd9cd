//! The arguments of the module: the words after `pam_totp.so` in a service file, as the module and `doctor` read them.
//!
//! A word that is not known is refused, and the login with it: a typing error must not weaken the module.

use crate::time::Seconds;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The word that an account line is there for.
const CONFIRM_SOURCE: &[u8] = b"confirm_source";

/// The arguments, checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    /// `conf=FILE`: the config to read in place of the default one.
    pub config: Option<PathBuf>,
    /// `nullok`: a user who is provably not enrolled is not asked.
    pub nullok: bool,
    /// `prompt=TEXT`: in place of the default prompt.
    pub prompt: Option<String>,
    /// `echo`: the code is shown while it is typed.
    pub echo: bool,
    /// `debug`: more lines in the log.
    pub debug: bool,
    /// `fresh=DURATION`: in place of the config's `fresh.for`.
    pub fresh: Option<Seconds>,
    /// `try_first_pass`, `use_first_pass`.
    pub first_pass: FirstPass,
    /// `forward_pass`: the answer is a password followed by the code, and the password is passed on.
    pub forward_pass: bool,
    /// `after_first_factor`: the lines above this one have authenticated the user.
    pub after_first_factor: bool,
}

/// What is done with the answer that an earlier module was given (`PAM_AUTHTOK`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstPass {
    /// It is not looked at.
    Ignore,
    /// It is tried; if it is not accepted, the user is asked.
    Try,
    /// It is the only answer; the user is never asked.
    Use,
}

/// Why an argument is refused. `Display` says what is wrong and what to write.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// A word that is none of the arguments.
    #[error(
        "the argument \"{0}\" is not known: known are conf=FILE, nullok, fresh=DURATION, prompt=TEXT, echo, try_first_pass, use_first_pass, forward_pass, after_first_factor, confirm_source, debug"
    )]
    Unknown(String),
    /// An argument that is given more than once.
    #[error("the argument \"{0}\" is given twice: remove one")]
    Twice(&'static str),
    /// `conf=` without an absolute path.
    #[error("conf= must name a file by a path that starts with /")]
    Config,
    /// `confirm_source` on an auth line.
    #[error(
        "confirm_source belongs on a line of its own, `account optional pam_totp.so confirm_source`: remove it here"
    )]
    ConfirmSource,
    /// Something besides `confirm_source` on an account line.
    #[error("beside confirm_source only conf=FILE and debug are allowed: move \"{0}\" to the auth line")]
    BesideConfirmSource(String),
    /// `try_first_pass` together with `use_first_pass`.
    #[error("try_first_pass and use_first_pass contradict each other: remove one")]
    BothPasses,
    /// `fresh=` without a duration.
    #[error("fresh= must be a whole number and a unit, such as fresh=15m")]
    Fresh,
    /// `prompt=` without text, or with control characters.
    #[error("prompt= must be printable text; with blanks write [prompt=One-time code: ]")]
    Prompt,
}

impl Arguments {
    /// Reads the words of an auth line, as libpam splits them.
    ///
    /// # Errors
    /// [`ArgumentError`]; the module then refuses every login.
    pub fn parse<W: AsRef<[u8]>>(words: &[W]) -> Result<Self, ArgumentError> {
        let (mut config, mut prompt, mut fresh) = (None, None, None);
        let (mut nullok, mut echo, mut debug) = (false, false, false);
        let (mut try_first, mut use_first, mut forward_pass) = (false, false, false);
        let mut after_first_factor = false;
        for word in words {
            let bytes = word.as_ref();
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
                (b"confirm_source", None) => return Err(ArgumentError::ConfirmSource),
                _ => return Err(ArgumentError::Unknown(String::from_utf8_lossy(bytes).into_owned())),
            }
        }
        let first_pass = match (try_first, use_first) {
            (false, false) => FirstPass::Ignore,
            (true, false) => FirstPass::Try,
            (false, true) => FirstPass::Use,
            (true, true) => return Err(ArgumentError::BothPasses),
        };
        Ok(Self { config, nullok, prompt, echo, debug, fresh, first_pass, forward_pass, after_first_factor })
    }

    /// Reads the words of an account line: `confirm_source`, and no more than the config and `debug` beside it. `None`: the first is not
    /// there, so the line is misplaced.
    #[must_use]
    pub fn of_account_line<W: AsRef<[u8]>>(words: &[W]) -> Option<Result<Self, ArgumentError>> {
        let (confirm, beside): (Vec<&[u8]>, Vec<&[u8]>) =
            words.iter().map(AsRef::as_ref).partition(|word| *word == CONFIRM_SOURCE);
        let read = match confirm.len() {
            0 => return None,
            1 => Self::parse(&beside),
            _ => Err(ArgumentError::Twice("confirm_source")),
        };
        let other = beside.iter().find(|word| **word != b"debug" && !word.starts_with(b"conf="));
        Some(match (read, other) {
            (Ok(_), Some(other)) => {
                Err(ArgumentError::BesideConfirmSource(String::from_utf8_lossy(other).into_owned()))
            }
            (read, _) => read,
        })
    }

    /// The config that is named, even if other words are wrong: it says where the line about them is logged.
    #[must_use]
    pub fn config_file<W: AsRef<[u8]>>(words: &[W]) -> Option<PathBuf> {
        words.iter().find_map(|word| path(word.as_ref().strip_prefix(b"conf=")?).ok())
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
    fn without_arguments_a_verification_code_is_asked_for() {
        let arguments = Arguments::parse::<&str>(&[]).unwrap();
        assert_eq!(arguments.prompt, None);
        assert!(!arguments.nullok && !arguments.echo && !arguments.debug && arguments.config.is_none());
    }

    #[test]
    fn every_argument_is_read() {
        let words = [
            "conf=/etc/x.toml",
            "nullok",
            "prompt=Code, please: ",
            "echo",
            "debug",
            "fresh=15m",
            "try_first_pass",
            "forward_pass",
            "after_first_factor",
        ];
        let arguments = Arguments::parse(&words).unwrap();
        assert_eq!(arguments.config.as_deref(), Some(Path::new("/etc/x.toml")));
        assert_eq!(arguments.prompt.as_deref(), Some("Code, please: "));
        assert!(arguments.nullok && arguments.echo && arguments.debug);
        assert!(arguments.forward_pass && arguments.after_first_factor);
        assert_eq!((arguments.fresh, arguments.first_pass), (Some(Seconds(900)), FirstPass::Try));
        let arguments = Arguments::parse(&["use_first_pass"]).unwrap();
        assert_eq!((arguments.fresh, arguments.first_pass), (None, FirstPass::Use));
    }

    #[test]
    fn an_unknown_or_incomplete_word_is_refused() {
        let words =
            ["nullOK", "nullok=1", "use_first_pass=1", "use_first_password", "", "=", "conf", "secret=/x"];
        for word in words.map(str::as_bytes).into_iter().chain([&b"\xff"[..]]) {
            assert!(matches!(Arguments::parse(&[word]), Err(ArgumentError::Unknown(_))), "{word:?}");
        }
        assert_eq!(Arguments::parse(&["conf="]), Err(ArgumentError::Config));
        assert_eq!(Arguments::parse(&["conf=etc/x"]), Err(ArgumentError::Config));
        assert_eq!(Arguments::parse(&["prompt="]), Err(ArgumentError::Prompt));
        assert_eq!(Arguments::parse(&["prompt=\x1b[2J"]), Err(ArgumentError::Prompt));
        assert_eq!(Arguments::parse(&[b"prompt=\xff"]), Err(ArgumentError::Prompt));
        assert_eq!(Arguments::parse(&["fresh=15"]), Err(ArgumentError::Fresh));
        assert_eq!(Arguments::parse(&["fresh="]), Err(ArgumentError::Fresh));
        assert_eq!(Arguments::parse(&["fresh=99999999999999999999d"]), Err(ArgumentError::Fresh));
        assert_eq!(Arguments::parse(&["try_first_pass", "use_first_pass"]), Err(ArgumentError::BothPasses));
        assert_eq!(Arguments::parse(&["nullok", "nullok"]), Err(ArgumentError::Twice("nullok")));
        assert_eq!(Arguments::parse(&["conf=/a", "conf=/b"]), Err(ArgumentError::Twice("conf")));
    }

    #[test]
    fn an_account_line_confirms_a_source_and_does_nothing_else() {
        let of = |words: &[&str]| Arguments::of_account_line(words);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["conf=/a", "nullok"]), None);
        assert_eq!(of(&["confirm_source=1"]), None);
        assert_eq!(of(&["confirm_source"]), Some(Arguments::parse::<&str>(&[])));
        assert_eq!(
            of(&["debug", "conf=/a", "confirm_source"]),
            Some(Arguments::parse(&["conf=/a", "debug"]))
        );
        let beside = ArgumentError::BesideConfirmSource("nullok".to_owned());
        assert_eq!(of(&["confirm_source", "nullok"]), Some(Err(beside)));
        assert_eq!(
            of(&["confirm_source", "confirm_source"]),
            Some(Err(ArgumentError::Twice("confirm_source")))
        );
        assert_eq!(of(&["conf=a", "confirm_source"]), Some(Err(ArgumentError::Config)));
    }

    #[test]
    fn an_auth_line_does_not_confirm_a_source() {
        assert_eq!(Arguments::parse(&["confirm_source"]), Err(ArgumentError::ConfirmSource));
    }

    #[test]
    fn the_config_is_found_beside_a_wrong_argument() {
        assert_eq!(Arguments::config_file(&["wat", "conf=/a"]), Some(PathBuf::from("/a")));
    }
}
