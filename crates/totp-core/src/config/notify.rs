//! The `[notify]` section of the config: how people are notified of changes, and by which program.

use crate::document::{Field, ParseError, Table, Value};
use crate::mail_address::{Address, Recipient};
use crate::time::Seconds;

/// The system's mail program, which every mail system brings (LSB 5.0), and the arguments with which it takes a message
/// from its standard input: recipients from the header, a line of one dot is no end.
pub const SENDMAIL: [&str; 3] = ["/usr/sbin/sendmail", "-t", "-i"];

const LONGEST_TIMEOUT: Seconds = Seconds(600);

/// The `[notify]` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// The program that sends a message.
    pub command: Command,
    /// The recipient.
    pub to: Recipient,
    /// An address that receives a copy of each message.
    pub copy_to: Vec<Address>,
    /// The sender, who also receives what cannot be addressed to its user.
    pub from: Address,
    /// How long the program may take.
    pub timeout: Seconds,
}

/// The program that reads a message from its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// [`SENDMAIL`], if installed; otherwise nobody is notified.
    Sendmail,
    /// This program with these arguments; no shell reads them.
    Program(Vec<String>),
    /// Nobody is notified.
    Off,
}

impl Notify {
    /// Without the section.
    pub const DEFAULT: Self = Self {
        command: Command::Sendmail,
        to: Recipient::User(None),
        copy_to: Vec::new(),
        from: Address::ROOT,
        timeout: Seconds(30),
    };

    pub(super) fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        let Self { command, to, copy_to, from, timeout } = Self::DEFAULT;
        Ok(Self {
            command: table.optional("command")?.unwrap_or(command),
            to: table.optional("to")?.unwrap_or(to),
            copy_to: table.optional("copy_to")?.unwrap_or(copy_to),
            from: table.optional("from")?.unwrap_or(from),
            timeout: table.optional("timeout")?.map_or(timeout, |Timeout(length)| length),
        })
    }
}

impl<'t> Field<'t> for Command {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let words = Vec::<String>::read(value)?;
        match words.first() {
            None => Ok(Self::Off),
            Some(program) if !program.starts_with('/') => {
                Err("the program must be named by a path that starts with /".to_owned())
            }
            Some(_) if words.iter().any(|word| word.contains('\0')) => {
                Err("a word of a command cannot hold a null character".to_owned())
            }
            Some(_) => Ok(Self::Program(words)),
        }
    }
}

/// A time-out that is long enough for a program to run.
struct Timeout(Seconds);

impl<'t> Field<'t> for Timeout {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let length = Seconds::read(value)?;
        if length == Seconds(0) || length > LONGEST_TIMEOUT {
            return Err(format!("{length} is out of range: 1s to {LONGEST_TIMEOUT}"));
        }
        Ok(Self(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn notify(text: &str) -> Result<Notify, String> {
        let config = Config::parse(Path::new("/c.toml"), text.as_bytes(), Some("sshd"));
        config.map(|config| config.notify).map_err(|error| error.to_string())
    }

    #[test]
    fn by_default_the_systems_mail_program_tells_the_user() {
        let by_default = notify("").unwrap();
        assert_eq!(by_default, Notify::DEFAULT);
        assert_eq!((by_default.command, by_default.to), (Command::Sendmail, Recipient::User(None)));
        assert_eq!((by_default.copy_to, by_default.from.as_str()), (Vec::new(), "root"));
        assert_eq!(by_default.timeout, Seconds(30));
        assert_eq!(notify("[notify]\n").unwrap(), Notify::DEFAULT);
    }

    #[test]
    fn what_is_written_holds_for_every_service() {
        let text = "[notify]\ncommand = [\"/bin/mail\", \"-x\"]\nto = \"{user}@example.com\"\n\
            copy_to = [\"security@example.com\"]\nfrom = \"totp@example.com\"\ntimeout = \"5s\"\n\
            [service.sshd.totp]\ndrift_steps = 0\n";
        let written = notify(text).unwrap();
        assert_eq!(written.command, Command::Program(vec!["/bin/mail".to_owned(), "-x".to_owned()]));
        assert_eq!(written.to, Recipient::User(Some("example.com".to_owned())));
        assert_eq!(written.copy_to, [Address::parse("security@example.com").unwrap()]);
        assert_eq!((written.from.as_str(), written.timeout), ("totp@example.com", Seconds(5)));
        assert_eq!(notify("[notify]\ncommand = []\n").map(|notify| notify.command), Ok(Command::Off));
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (text, problem) in [
            ("[notify]\ncommand = \"/usr/sbin/sendmail -t\"\n", "line 2: `command`: invalid type"),
            (
                "[notify]\ncommand = [\"sendmail\", \"-t\"]\n",
                "line 2: `command`: the program must be named by a path",
            ),
            ("[notify]\ncommand = [\"\"]\n", "line 2: `command`: the program must be named by a path"),
            ("[notify]\ncommand = [\"/a\", \"\\u0000\"]\n", "line 2: `command`: a word of a command"),
            ("[notify]\nto = \"{name}\"\n", "line 2: `to`: is not a recipient"),
            ("[notify]\nfrom = \"a b\"\n", "line 2: `from`: is not a mail address"),
            ("[notify]\ncopy_to = [\"a@b\", \"x\\nBcc: y\"]\n", "line 2: `copy_to`: is not a mail address"),
            ("[notify]\ntimeout = \"0s\"\n", "line 2: `timeout`: 0s is out of range: 1s to 10m"),
            ("[notify]\ntimeout = \"11m\"\n", "line 2: `timeout`: 11m is out of range"),
            ("[notify]\ncmd = []\n", "line 2: unknown field `cmd`"),
            ("[service.sshd.notify]\ncommand = []\n", "unknown field `notify`"),
        ] {
            let error = notify(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
