//! One event as one line, `key=value`, for the log: values are quoted and escaped, so that no user text becomes a line
//! or a field of its own.

use std::fmt::{self, Write};

/// Longest value written, in characters; what a stranger typed must not fill the log.
const LONGEST_VALUE: usize = 256;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A login was let in.
    Accepted,
    /// A login was refused; the reason is a field.
    Refused,
    /// A login was let in by a recovery code.
    RecoveryUsed,
    /// A wrong code started a lock.
    Locked,
    /// A code was right, and opened nothing: it was tried at the desk.
    Tested,
    /// An administrator lifted a lock.
    Unlocked,
    /// An authenticator was enrolled.
    Enrolled,
    /// An enrolment was withdrawn.
    Disabled,
    /// A new set of recovery codes replaced the old.
    CodesRegenerated,
    /// An enrolment came from another program's file.
    Imported,
    /// A device is remembered.
    DeviceRemembered,
    /// A remembered device, or all of a user's, are no longer.
    DeviceRevoked,
    /// A keyring was made.
    KeyringCreated,
    /// Another key became the active one, or what was sealed with an old one was sealed anew.
    KeyRotated,
    /// Something is broken, and somebody was refused for it.
    Error,
    /// How a login went, step by step; only with the argument `debug`.
    Debug,
}

/// How loud (RFC 5424 section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something must be mended.
    Error,
    /// Worth an administrator's eye.
    Notice,
    /// What happens every day.
    Info,
    /// Only asked for.
    Debug,
}

impl Name {
    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::RecoveryUsed => "recovery_used",
            Self::Locked => "locked",
            Self::Tested => "tested",
            Self::Unlocked => "unlocked",
            Self::Enrolled => "enrolled",
            Self::Disabled => "disabled",
            Self::CodesRegenerated => "codes_regenerated",
            Self::Imported => "imported",
            Self::DeviceRemembered => "device_remembered",
            Self::DeviceRevoked => "device_revoked",
            Self::KeyringCreated => "keyring_created",
            Self::KeyRotated => "key_rotated",
            Self::Error => "error",
            Self::Debug => "debug",
        }
    }

    /// How loud it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::Accepted | Self::Imported | Self::Tested => Severity::Info,
            Self::Refused
            | Self::RecoveryUsed
            | Self::Locked
            | Self::Unlocked
            | Self::Enrolled
            | Self::Disabled
            | Self::CodesRegenerated
            | Self::DeviceRemembered
            | Self::DeviceRevoked
            | Self::KeyringCreated
            | Self::KeyRotated => Severity::Notice,
            Self::Error => Severity::Error,
            Self::Debug => Severity::Debug,
        }
    }
}

/// One line of the log. `Display` writes it, without the prefix that names the program.
#[derive(Debug, Clone)]
pub struct Event {
    name: Name,
    line: String,
}

impl Event {
    /// An event without fields yet.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self { name, line: format!("event={}", name.as_str()) }
    }

    /// What happened.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// Adds ` key=value`; the value may be anything that anybody typed.
    #[must_use]
    pub fn field(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        self.line.push(' ');
        self.line.push_str(key);
        self.line.push('=');
        if is_plain(&value) {
            self.line.push_str(&value);
        } else {
            quote(&mut self.line, &value);
        }
        self
    }

    /// Adds a field that may not be known.
    #[must_use]
    pub fn maybe(self, key: &'static str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.field(key, value),
            None => self,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

fn is_plain(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:@/+,".contains(&byte);
    !value.is_empty() && value.len() <= LONGEST_VALUE && value.bytes().all(plain)
}

/// Printable ASCII stays; the rest, also what turns text around (CVE-2021-42574), is written as its number.
fn quote(line: &mut String, value: &str) {
    line.push('"');
    for (at, char) in value.chars().enumerate() {
        if at == LONGEST_VALUE {
            line.push_str("...");
            break;
        }
        match char {
            '"' | '\\' => {
                line.push('\\');
                line.push(char);
            }
            ' '..='~' => line.push(char),
            // Writing to a String cannot fail.
            other => drop(write!(line, "\\u{{{:x}}}", u32::from(other))),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_value_stands_as_it_is() {
        let event = Event::new(Name::Accepted)
            .field("user", "alice")
            .field("rhost", "2001:db8::1")
            .maybe("tty", None::<&str>);
        assert_eq!(event.to_string(), "event=accepted user=alice rhost=2001:db8::1");
    }

    #[test]
    fn no_value_becomes_a_field_or_a_line() {
        let event =
            Event::new(Name::Refused).field("user", "x method=totp\nevent=accepted \"\\").field("rhost", "");
        assert_eq!(
            event.to_string(),
            "event=refused user=\"x method=totp\\u{a}event=accepted \\\"\\\\\" rhost=\"\""
        );
    }

    #[test]
    fn a_megabyte_does_not_fill_the_log() {
        assert!(Event::new(Name::Refused).field("rhost", "ä".repeat(1 << 20)).to_string().len() < 3000);
        assert!(Event::new(Name::Refused).field("rhost", "a".repeat(1 << 20)).to_string().len() < 300);
    }

    proptest! {
        #[test]
        fn every_line_is_printable_ascii(value in "\\PC*|[\\x00-\\x{ffff}]*") {
            let line = Event::new(Name::Refused).field("user", value).to_string();
            prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
