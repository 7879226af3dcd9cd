//! Audit events: names, severities and the line of `key=value`. Values are quoted and escaped, so that no user text becomes a
//! line or a field. The fields of a login's event are added in `pam_totp/src/login_audit.rs`, those of a command's by the command.

use std::fmt::{self, Write};

/// The longest value, in characters, so that a stranger's input does not fill the log.
const LONGEST_VALUE: usize = 256;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A login was accepted.
    Accepted,
    /// A login was refused; the reason is a field.
    Refused,
    /// A login was accepted by a recovery code.
    RecoveryUsed,
    /// A wrong code started a lock.
    Locked,
    /// Wrong codes from sources that are not known have used up another quarter of their budget.
    Guessing,
    /// A code was right, but was only tested with `totp-enroll`.
    Tested,
    /// An administrator lifted a lock.
    Unlocked,
    /// An administrator refilled the budget for guesses.
    BudgetRefilled,
    /// An authenticator was enrolled.
    Enrolled,
    /// An enrolment was withdrawn.
    Disabled,
    /// An enrolment was withdrawn because its account is gone or has another uid.
    Pruned,
    /// A state that was restored from a backup was accepted, and what it could bring back made void.
    StateRestored,
    /// A new set of recovery codes replaced the old.
    CodesRegenerated,
    /// An enrolment came from another program's file.
    Imported,
    /// Tokens of a vendor's file were added to the inventory.
    TokensImported,
    /// A token was assigned to a user.
    TokenAssigned,
    /// A code of a token was refused when the token was to be assigned; the reason is a field.
    AssignmentRefused,
    /// A token was taken back from a user.
    TokenUnassigned,
    /// A token was revoked: it cannot be assigned again.
    TokenRevoked,
    /// A token that was never assigned was removed from the inventory.
    TokenRemoved,
    /// A device is remembered.
    DeviceRemembered,
    /// One or all remembered devices of a user were forgotten.
    DeviceRevoked,
    /// A keyring was made.
    KeyringCreated,
    /// The keyring was sealed to the machine; the clear one is gone.
    KeyringSealed,
    /// The keyring is stored in the clear again.
    KeyringUnsealed,
    /// The keyring was backed up to a file, encrypted with a passphrase.
    KeyringBackedUp,
    /// The keyring was restored from a backup.
    KeyringRestored,
    /// A new key became active, or credentials were resealed.
    KeyRotated,
    /// A notice could not be sent and waits, or was given up.
    NotifyFailed,
    /// An operator requested a reset.
    ResetRequested,
    /// Another operator approved a reset.
    ResetApproved,
    /// A step of a reset was refused; the reason is a field.
    ResetRefused,
    /// A reset was cancelled, by the owner or an operator.
    ResetCancelled,
    /// A reset was completed: the enrolment is withdrawn and a token made.
    ResetCompleted,
    /// The owner enrolled with a reset token.
    TokenUsed,
    /// A reset token was refused; the reason is a field.
    TokenRefused,
    /// Something is broken, and a login or command was refused because of it.
    Error,
    /// The steps of a login; only with the argument `debug`.
    Debug,
}

/// Severity (RFC 5424 section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something must be fixed.
    Error,
    /// Worth an administrator's attention.
    Notice,
    /// Ordinary.
    Info,
    /// Only on request.
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
            Self::Guessing => "guessing",
            Self::Tested => "tested",
            Self::Unlocked => "unlocked",
            Self::BudgetRefilled => "budget_refilled",
            Self::Enrolled => "enrolled",
            Self::Disabled => "disabled",
            Self::Pruned => "pruned",
            Self::StateRestored => "state_restored",
            Self::CodesRegenerated => "codes_regenerated",
            Self::Imported => "imported",
            Self::TokensImported => "tokens_imported",
            Self::TokenAssigned => "token_assigned",
            Self::AssignmentRefused => "assignment_refused",
            Self::TokenUnassigned => "token_unassigned",
            Self::TokenRevoked => "token_revoked",
            Self::TokenRemoved => "token_removed",
            Self::DeviceRemembered => "device_remembered",
            Self::DeviceRevoked => "device_revoked",
            Self::KeyringCreated => "keyring_created",
            Self::KeyringSealed => "keyring_sealed",
            Self::KeyringUnsealed => "keyring_unsealed",
            Self::KeyringBackedUp => "keyring_backed_up",
            Self::KeyringRestored => "keyring_restored",
            Self::KeyRotated => "key_rotated",
            Self::NotifyFailed => "notify_failed",
            Self::ResetRequested => "reset_requested",
            Self::ResetApproved => "reset_approved",
            Self::ResetRefused => "reset_refused",
            Self::ResetCancelled => "reset_cancelled",
            Self::ResetCompleted => "reset_completed",
            Self::TokenUsed => "token_used",
            Self::TokenRefused => "token_refused",
            Self::Error => "error",
            Self::Debug => "debug",
        }
    }

    /// Its severity.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::Accepted | Self::Tested => Severity::Info,
            Self::Refused
            | Self::RecoveryUsed
            | Self::Locked
            | Self::Guessing
            | Self::Unlocked
            | Self::BudgetRefilled
            | Self::Enrolled
            | Self::Disabled
            | Self::Pruned
            | Self::StateRestored
            | Self::CodesRegenerated
            | Self::Imported
            | Self::TokensImported
            | Self::TokenAssigned
            | Self::AssignmentRefused
            | Self::TokenUnassigned
            | Self::TokenRevoked
            | Self::TokenRemoved
            | Self::DeviceRemembered
            | Self::DeviceRevoked
            | Self::KeyringCreated
            | Self::KeyringSealed
            | Self::KeyringUnsealed
            | Self::KeyringBackedUp
            | Self::KeyringRestored
            | Self::KeyRotated
            | Self::ResetRequested
            | Self::ResetApproved
            | Self::ResetRefused
            | Self::ResetCancelled
            | Self::ResetCompleted
            | Self::TokenUsed
            | Self::TokenRefused => Severity::Notice,
            Self::Error | Self::NotifyFailed => Severity::Error,
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

    /// Adds ` key=value`; the value may be any text.
    #[must_use]
    pub fn field(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        append(&mut self.line, key, &value.to_string());
        self
    }

    /// Adds a field if its value is known.
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

/// Adds ` key=value` to a line.
pub(crate) fn append(line: &mut String, key: &str, value: &str) {
    line.push(' ');
    line.push_str(key);
    line.push('=');
    if is_plain(value) {
        line.push_str(value);
    } else {
        quote(line, value);
    }
}

fn is_plain(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:@/+,".contains(&byte);
    !value.is_empty() && value.len() <= LONGEST_VALUE && value.bytes().all(plain)
}

/// Parses the fields of a line that an [`Event`] wrote, in order; `None`: it is no such line.
#[must_use]
pub fn fields(line: &str) -> Option<Vec<(&str, String)>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (key, behind) = rest.split_once('=')?;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return None;
        }
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = behind.find(' ').unwrap_or(behind.len());
                let (value, behind) = behind.split_at_checked(end)?;
                (value.to_owned(), behind)
            }
        };
        fields.push((key, value));
        if behind.is_empty() {
            return Some(fields);
        }
        rest = behind.strip_prefix(' ')?;
    }
}

/// The value before the closing quote, and what comes behind that.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'u' => {
                    let (number, behind) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                    value.push(char::from_u32(u32::from_str_radix(number, 16).ok()?)?);
                    chars = behind.chars();
                }
                escaped => value.push(escaped),
            },
            char => value.push(char),
        }
    }
}

/// Printable ASCII is kept. The rest is written as its number, including characters that change the direction of text
/// (CVE-2021-42574).
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
mod tests;
