//! The names of events, and their lines in the log.

use super::*;
use crate::manual_tests::events;
use crate::notice::Notice;
use proptest::prelude::*;

#[test]
fn the_steps_of_a_reset_have_fixed_names_and_are_worth_an_eye() {
    for (name, word) in [
        (Name::ResetRequested, "reset_requested"),
        (Name::ResetApproved, "reset_approved"),
        (Name::ResetRefused, "reset_refused"),
        (Name::ResetCancelled, "reset_cancelled"),
        (Name::ResetCompleted, "reset_completed"),
        (Name::TokenUsed, "token_used"),
        (Name::TokenRefused, "token_refused"),
    ] {
        assert_eq!((name.as_str(), name.severity()), (word, Severity::Notice));
    }
}

/// A login does not look for a mail about an ordinary event.
#[test]
fn nobody_is_told_of_an_ordinary_event() {
    for name in events().into_iter().filter(|name| name.severity() == Severity::Info) {
        assert!(Notice::of(&Event::new(name).field("user", "alice"), None, 0).is_none(), "{name:?}");
    }
}

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

#[test]
fn what_no_event_wrote_has_no_fields() {
    for line in
        ["", "event", "event=", "event=a b", "event=\"a", "event=\"a\"b=c", "event=\"\\u{d800}\"", "E=a"]
    {
        let read = fields(line);
        assert!(read.is_none() || line == "event=", "{line}: {read:?}");
    }
}

proptest! {
    #[test]
    fn what_was_given_is_read_from_the_line(one in "[\\x00-\\x{ffff}]{0,256}", other in ".*") {
        let other: String = other.chars().take(LONGEST_VALUE).collect();
        let line = Event::new(Name::Refused).field("user", &one).field("rhost", &other).to_string();
        let read = fields(&line);
        prop_assert_eq!(
            read,
            Some(vec![("event", "refused".to_owned()), ("user", one), ("rhost", other)])
        );
    }

    #[test]
    fn every_line_is_printable_ascii(value in "\\PC*|[\\x00-\\x{ffff}]*") {
        let line = Event::new(Name::Refused).field("user", value).to_string();
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}
