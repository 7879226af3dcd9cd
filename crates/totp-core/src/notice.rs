//! A notice: a change that a person is told of by mail, as it waits in the spool.

use crate::audit_event::{self, Event, Name};
use crate::mail_text::{IMPORT_OF_MANY, LOST, TOKENS_OF_MANY, mail_text};

/// The first line of a notice in the spool. A notice with another number is left to the version that wrote it.
const HEAD: &str = "pam_totp notice 1";
const ANY_HEAD: &str = "pam_totp notice ";

/// `from=` in the summary of a list that assigns tokens of the inventory.
pub const FROM_THE_INVENTORY: &str = "tokens";

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When it happened, in seconds since 1970.
    pub at: u64,
    /// What happened.
    pub what: String,
    /// What to know or do if it was not the person.
    pub otherwise: String,
    /// The fields of the log line, including `event` and `user`.
    fields: Vec<(String, String)>,
}

impl Notice {
    /// The notice for an event that was just logged; `None`: nobody is notified of it. At a login, `service` is the
    /// asking program.
    #[must_use]
    pub fn of(event: &Event, service: Option<&str>, at: u64) -> Option<Self> {
        let text = mail_text(event.name())?;
        let line = event.clone().maybe("service", service).to_string();
        let fields = own(audit_event::fields(&line)?);
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let text = match (field("user"), field("from")) {
            (Some(_), _) => text,
            (None, Some(FROM_THE_INVENTORY)) => TOKENS_OF_MANY,
            (None, Some(_) | None) => IMPORT_OF_MANY,
        };
        Some(Self { at, what: text.what.to_owned(), otherwise: text.otherwise.to_owned(), fields })
    }

    /// What is sent in place of a notice that is torn: that it is lost.
    #[must_use]
    pub fn lost(account: &LostAccount, at: u64) -> Self {
        let field = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut fields = vec![field("event", Name::NotifyFailed.as_str())];
        match account {
            LostAccount::Unknown => {}
            LostAccount::Named(user) => fields.push(field("user", user)),
            LostAccount::Uid { uid, now } => {
                fields.push(field("uid", &uid.to_string()));
                fields.extend(now.as_ref().map(|now| field("uid_now_of", now)));
            }
        }
        Self { at, what: LOST.what.to_owned(), otherwise: LOST.otherwise.to_owned(), fields }
    }

    /// A field of the log line.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All fields of the log line, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The user; empty for the summary of an import, which is about many, and if the name of the account is not known.
    #[must_use]
    pub fn user(&self) -> &str {
        self.field("user").unwrap_or_default()
    }

    /// The format of the spool: lines, of which the second is like the log line.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut line = format!("at={}", self.at);
        for (key, value) in &self.fields {
            audit_event::append(&mut line, key, value);
        }
        format!("{HEAD}\n{line}\n{}\n{}\n", self.what, self.otherwise)
    }

    /// Reads what [`Notice::encode`] wrote.
    ///
    /// # Errors
    /// [`NoticeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NoticeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| NoticeError::Broken)?;
        let mut lines = text.strip_suffix('\n').ok_or(NoticeError::Broken)?.split('\n');
        match lines.next() {
            Some(HEAD) => {}
            Some(other) if other.starts_with(ANY_HEAD) => return Err(NoticeError::OtherVersion),
            Some(_) | None => return Err(NoticeError::Broken),
        }
        let (Some(line), Some(what), Some(otherwise), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(NoticeError::Broken);
        };
        let mut fields = own(audit_event::fields(line).ok_or(NoticeError::Broken)?);
        let at = match fields.first() {
            Some((key, at)) if key == "at" => at.parse().map_err(|_| NoticeError::Broken)?,
            Some(_) | None => return Err(NoticeError::Broken),
        };
        fields.remove(0);
        let notice = Self { at, what: what.to_owned(), otherwise: otherwise.to_owned(), fields };
        match notice.field("event") {
            Some(event) if event == Name::Imported.as_str() => Ok(notice),
            Some(_) if !notice.user().is_empty() => Ok(notice),
            Some(_) | None => Err(NoticeError::Broken),
        }
    }
}

/// Whose notice is torn, as far as the name of its file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostAccount {
    /// The system did not know the account when the notice was written.
    Unknown,
    /// The account of this name.
    Named(String),
    /// The account that had this uid then. `now`: an account of another name has it by now; `None`: no account has.
    Uid {
        /// The uid.
        uid: u32,
        /// The name of the account that has it now.
        now: Option<String>,
    },
}

fn own(fields: Vec<(&str, String)>) -> Vec<(String, String)> {
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Why a file of the spool is not a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// Incomplete, as a crash of the machine can leave it, or not a notice.
    #[error("is not a complete notice: the machine may have crashed while writing it")]
    Broken,
    /// Another version of the program wrote it.
    #[error("was written by another version of this program, which will send it")]
    OtherVersion,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn notice() -> Notice {
        let event = Event::new(Name::RecoveryUsed).field("user", "ali ce\n").field("left", 9);
        Notice::of(&event, Some("sshd"), 1_800_000_000).unwrap()
    }

    #[test]
    fn a_notice_says_what_the_log_says() {
        let notice = notice();
        assert_eq!((notice.user(), notice.at), ("ali ce\n", 1_800_000_000));
        let fields = ["event", "left", "service", "rhost"].map(|key| notice.field(key));
        assert_eq!(fields, [Some("recovery_used"), Some("9"), Some("sshd"), None]);
    }

    #[test]
    fn an_everyday_login_is_told_to_nobody() {
        for name in [Name::Accepted, Name::Refused, Name::Locked, Name::Error, Name::NotifyFailed] {
            assert_eq!(Notice::of(&Event::new(name).field("user", "alice"), None, 0), None);
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(Notice::decode(notice().encode().as_bytes()), Ok(notice()));
    }

    #[test]
    fn the_summary_of_an_import_is_about_nobody() {
        let event = Event::new(Name::Imported).field("users", 200);
        let notice = Notice::of(&event, None, 7).unwrap();
        assert_eq!((notice.user(), Notice::decode(notice.encode().as_bytes())), ("", Ok(notice.clone())));
    }

    #[test]
    fn the_summary_of_a_list_of_tokens_speaks_of_tokens() {
        let summary = |from: &str| {
            Notice::of(&Event::new(Name::Imported).field("from", from).field("users", 2), None, 7).unwrap()
        };
        let (tokens, users) = (summary(FROM_THE_INVENTORY), summary("oath"));
        assert!(tokens.what.contains("hardware tokens") && !users.what.contains("hardware tokens"));
        assert_eq!(Notice::decode(tokens.encode().as_bytes()), Ok(tokens));
    }

    #[test]
    fn half_a_notice_is_none() {
        let text = notice().encode();
        for end in 0..text.len() {
            assert!(Notice::decode(&text.as_bytes()[..end]).is_err(), "{end}");
        }
        for more in ["\n", "x\n"] {
            assert_eq!(Notice::decode(format!("{text}{more}").as_bytes()), Err(NoticeError::Broken));
        }
    }

    #[test]
    fn a_notice_of_a_later_version_is_told_from_a_broken_one() {
        let text = notice().encode().replace("notice 1", "notice 2");
        assert_eq!(Notice::decode(text.as_bytes()), Err(NoticeError::OtherVersion));
    }

    #[test]
    fn a_notice_about_nobody_is_none() {
        for line in
            ["at=1 event=enrolled", "event=enrolled user=a", "at=x event=enrolled user=a", "at=1 user=a"]
        {
            let text = format!("{HEAD}\n{line}\nwhat\notherwise\n");
            assert_eq!(Notice::decode(text.as_bytes()), Err(NoticeError::Broken), "{line}");
        }
    }

    proptest! {
        #[test]
        fn whatever_anybody_typed_comes_back(user in "[\\x00-\\x{ffff}]{1,256}", rhost in "\\PC{0,256}") {
            let event = Event::new(Name::Enrolled).field("user", &user).field("rhost", &rhost);
            let notice = Notice::of(&event, None, 7).unwrap();
            prop_assert_eq!(notice.user(), &user);
            prop_assert_eq!(Notice::decode(notice.encode().as_bytes()), Ok(notice));
        }

        #[test]
        fn whatever_lies_there_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Notice::decode(&bytes);
        }
    }
}
