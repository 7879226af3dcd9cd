//! Writes a notice as a mail (RFC 5322): what happened to which account, when, by whom, from where, and what to do.
//!
//! Names, hosts and labels may come from an attacker: in the header only printable ASCII is kept, in the text control characters
//! and characters that change the direction of text are escaped.

use crate::command_error::CommandError;
use crate::output;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use std::fmt::Write;
use totp_core::audit_event::Name;
use totp_core::config::Notify;
use totp_core::misleading::misleads;
use totp_core::notice::Notice;
use totp_core::store::notices::{Source, Waiting};

/// The longest value in the text and in the subject, in characters; this keeps lines below the 998 of RFC 5322 section 2.1.1.
const LONGEST_VALUE: usize = 128;
const LONGEST_IN_THE_SUBJECT: usize = 64;

/// A complete mail.
pub(super) struct Message(String);

impl Message {
    pub(super) fn of(notice: &Notice, waiting: &Waiting, notify: &Notify) -> Result<Self, CommandError> {
        let host = host();
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        let date = rfc2822::to_string(&now).map_err(|error| CommandError::refused(error.to_string()))?;
        let outcome = match waiting.source {
            Source::Login | Source::Command(_) | Source::Bulk(_) => Outcome::Known,
            Source::Begun(_) => Outcome::Unknown,
        };
        Ok(Self::written(notice, (waiting.id(), outcome), notify, &host, &date))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn written(
        notice: &Notice,
        (id, outcome): (&str, Outcome),
        notify: &Notify,
        host: &str,
        date: &str,
    ) -> Self {
        // The summary of an import is for the administrators, and so is what is about an account that is not known.
        let is_of_one = !notice.user().is_empty();
        let addressee = notify.to.of(notice.user()).filter(|_| is_of_one);
        let to = addressee.as_ref().unwrap_or(&notify.from);
        let mut copies: Vec<&str> = Vec::new();
        for copy in notify.copy_to.iter().filter(|copy| *copy != to) {
            copies.push(copy.as_str());
        }
        let is_import = notice.field("event") == Some(Name::Imported.as_str());
        let user = match (notice.user(), notice.field("uid")) {
            ("", _) if is_import => "import".to_owned(),
            ("", Some(uid)) => format!("uid {uid}"),
            ("", None) => "unknown account".to_owned(),
            (user, _) => user.to_owned(),
        };
        let user = plain(&user, LONGEST_IN_THE_SUBJECT);
        let perhaps = match outcome {
            Outcome::Known => "",
            Outcome::Unknown => " (perhaps)",
        };
        let mut text = format!("From: {}\nTo: {to}\n", notify.from);
        if !copies.is_empty() {
            let _ = writeln!(text, "Cc: {}", copies.join(",\n "));
        }
        // The Message-ID is the same if it is sent twice, so that a mailbox can drop the second.
        let _ = write!(
            text,
            "Subject: [{host}] {user}: {}{perhaps}\nDate: {date}\nMessage-ID: <{id}@{host}>\nAuto-Submitted: auto-generated\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
            notice.what
        );
        body(&mut text, notice, outcome, host);
        if is_of_one && addressee.is_none() {
            text.push_str(
                "\nThis mail went to you because the name of the account is not a valid mail address: please tell its owner.\n",
            );
        }
        Self(text)
    }
}

/// Whether the change is known to have been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Known,
    /// The command was ended or stopped in between.
    Unknown,
}

/// Writing to a String cannot fail.
fn body(text: &mut String, notice: &Notice, outcome: Outcome, host: &str) {
    let user = match (notice.user(), notice.field("uid")) {
        ("", None) => String::new(),
        ("", Some(uid)) => format!(" of the account that had the uid {uid}"),
        (user, _) => format!(" of the account {}", readable(user)),
    };
    let _ = write!(text, "About the one-time codes{user} on {host}:\n\n    {}\n\n", notice.what);
    if outcome == Outcome::Unknown {
        text.push_str(
            "The command that began this change has not reported its end. So the change may have been made or not:\n\
             \"totp-enroll status\" shows the state of the account.\n\n",
        );
    }
    let mut row = |key: &str, value: &str| {
        let _ = writeln!(text, "    {key:<16}{}", readable(value));
    };
    row("when", &output::date(notice.at));
    for (key, title) in [("by", "done by"), ("rhost", "from"), ("service", "through")] {
        if let Some(value) = notice.field(key) {
            row(title, value);
        }
    }
    for (key, value) in notice.fields() {
        match key {
            "event" | "user" | "by" | "rhost" | "service" => {}
            "uid_now_of" => row("uid's owner now", value),
            "wrong" => row("wrong codes", value),
            "places" => row("unknown places", value),
            "used_percent" => row("budget used (%)", value),
            _ => row(key, value),
        }
    }
    let event = readable(notice.field("event").unwrap_or_default());
    let _ = write!(
        text,
        "\nIf you did this, or it was done for you, there is nothing to do.\n\n\
         If not: {}\n\
         Tell the administrators of {host} at once. The log there has the details (event={event}), and\n\
         \"totp-enroll status\" shows the state of the account.\n",
        notice.otherwise
    );
}

/// The name of this machine, with other characters than those of a host name replaced.
fn host() -> String {
    let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let of_a_host = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '-' };
    let host: String = host.chars().take(LONGEST_IN_THE_SUBJECT).map(of_a_host).collect();
    if host.is_empty() { "localhost".to_owned() } else { host }
}

/// Printable ASCII, for the header.
fn plain(text: &str, longest: usize) -> String {
    text.chars().take(longest).map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}

/// Text in any script, cut to a length, with what misleads a reader escaped.
fn readable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        if at == LONGEST_VALUE {
            out.push_str("...");
            break;
        }
        if misleads(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use totp_core::audit_event::Event;
    use totp_core::config::Command;
    use totp_core::mail_address::{Address, Recipient};
    use totp_core::time::Seconds;

    fn notify(to: &str, copy_to: &[&str]) -> Notify {
        let address = |text: &str| Address::parse(text).unwrap();
        Notify {
            command: Command::Off,
            to: Recipient::parse(to).unwrap(),
            copy_to: copy_to.iter().map(|copy| address(copy)).collect(),
            from: address("root"),
            timeout: Seconds(30),
        }
    }

    fn message(event: &Event, notify: &Notify) -> String {
        let notice = Notice::of(event, Some("sshd"), 1_800_000_000).unwrap();
        Message::written(
            &notice,
            ("ab", Outcome::Known),
            notify,
            "host.example.net",
            "Fri, 15 Jan 2027 08:00:00 +0000",
        )
        .0
    }

    #[test]
    fn a_mail_says_what_happened_and_what_to_do() {
        let event = Event::new(Name::RecoveryUsed)
            .field("user", "alice")
            .field("left", 9)
            .field("rhost", "192.0.2.7")
            .field("by", "bob");
        let text = message(&event, &notify("{user}", &["security@example.com", "audit@example.com"]));
        let expected = "From: root\nTo: alice\nCc: security@example.com,\n audit@example.com\n\
            Subject: [host.example.net] alice: a recovery code was used in place of a code from the phone\n\
            Date: Fri, 15 Jan 2027 08:00:00 +0000\nMessage-ID: <ab@host.example.net>\nAuto-Submitted: auto-generated\n\
            MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\
            About the one-time codes of the account alice on host.example.net:\n\n\
            \x20   a recovery code was used in place of a code from the phone\n\n\
            \x20   when            2027-01-15T08:00:00Z\n\
            \x20   done by         bob\n\
            \x20   from            192.0.2.7\n\
            \x20   through         sshd\n\
            \x20   left            9\n\n\
            If you did this, or it was done for you, there is nothing to do.\n\n\
            If not: Someone else may have your recovery codes.\n\
            Tell the administrators of host.example.net at once. The log there has the details (event=recovery_used), and\n\
            \"totp-enroll status\" shows the state of the account.\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_notice_for_a_name_that_is_no_address_goes_to_the_administrator() {
        let event = Event::new(Name::Disabled).field("user", "x,root@evil\nBcc: mallory");
        let text = message(&event, &notify("{user}", &["root"]));
        assert!(
            text.starts_with("From: root\nTo: root\nSubject: [host.example.net] x,root@evil?Bcc: mallory: "),
            "{text}"
        );
        assert!(!text.contains("\nBcc") && text.contains("is not a valid mail address"), "{text}");
    }

    #[test]
    fn characters_that_change_the_text_direction_are_escaped() {
        let event = Event::new(Name::Disabled).field("user", "jörg").field("by", "a\u{202e}b\u{1b}[2J\r");
        let text = message(&event, &notify("{user}", &[]));
        assert!(text.contains("account jörg on") && text.contains("a\\u{202e}b\\u{1b}[2J\\u{d}"), "{text}");
    }

    proptest! {
        #[test]
        fn no_value_adds_a_header_or_a_line(user in "\\PC{1,300}|[\\x00-\\x{2100}]{1,300}", rhost in "[\\x00-\\x7f]{0,2000}") {
            let event = Event::new(Name::Enrolled).field("user", user).field("rhost", rhost);
            let text = message(&event, &notify("{user}@example.com", &["a@b"]));
            let (header, body) = text.split_once("\n\n").unwrap();
            let names: Vec<_> = header.lines().map(|line| line.split_once(": ").unwrap().0).collect();
            prop_assert_eq!(names, [
                "From", "To", "Cc", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
                "Content-Transfer-Encoding",
            ]);
            prop_assert!(header.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
            prop_assert!(text.lines().all(|line| line.len() < 998));
            let rows = body.lines().count();
            prop_assert!(rows == 13 || rows == 15, "{}", text);
        }
    }
}
