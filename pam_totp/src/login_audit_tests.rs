//! The lines of a login, and what cannot get into them.

use super::*;
use crate::ssh_auth_info::FirstFactor;
use std::os::unix::net::UnixDatagram;
use totp_core::lockout::RowKind;
use totp_core::login::ForeignTries;

fn request(service: &str) -> Request {
    Request {
        service: service.to_owned(),
        rhost: Some("192.0.2.7".to_owned()),
        requester: None,
        tty: Some("ssh".to_owned()),
        first_factor: Some(FirstFactor { method: "password".to_owned(), key: None }),
        facility: "auth",
    }
}

/// The datagrams that the log's socket receives.
fn sent<T>(service: &str, say: impl FnOnce(&mut Audit<'_>) -> T) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    drop(say(&mut Audit::open(&path, &request(service))));
    let mut datagram = [0; 4096];
    std::iter::from_fn(|| socket.recv(&mut datagram).ok().map(|length| datagram[..length].to_vec()))
        .map(|line| String::from_utf8(line).unwrap())
        .collect()
}

/// `LOG_AUTHPRIV` is ten; it stands above the three bits of the severity (RFC 3164 section 4.1.1).
fn line(severity: u8, rest: &str) -> String {
    format!("<{}>sshd[{}]: pam_totp(sshd:auth): {rest}", 10 * 8 + severity, std::process::id())
}

#[test]
fn an_outcome_is_one_datagram_with_account_and_origin() {
    let lines = sent("sshd", |audit| audit.outcome(&Outcome::Refused(Reason::Wrong.into()), Some("alice")));
    let rest = "event=refused user=alice reason=wrong rhost=192.0.2.7 tty=ssh first_factor=password";
    assert_eq!(lines, [line(5, rest)]);
}

#[test]
fn a_wrong_code_that_starts_a_lock_is_logged_with_its_length() {
    let refusal = Refusal { lock: Some(Seconds(60)), ..Reason::Wrong.into() };
    let lines = sent("sshd", |audit| audit.outcome(&Outcome::Refused(refusal), None));
    let rest = "event=locked reason=wrong seconds=60 rhost=192.0.2.7 tty=ssh first_factor=password";
    assert_eq!(lines, [line(5, rest)]);
}

#[test]
fn each_event_has_its_severity() {
    let lines = sent("sshd", |audit| {
        audit.error("alice", "no");
        audit.write(&Event::new(Name::Disabled));
        audit.write(&Event::new(Name::Accepted));
        audit.debug("asked");
    });
    let expected = [
        line(3, "event=error user=alice problem=no"),
        line(5, "event=disabled"),
        line(6, "event=accepted"),
        line(7, "event=debug step=asked"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_service_name_cannot_end_the_tag_and_is_cut() {
    assert_eq!(tag("a-b_c.d9"), "a-b_c.d9");
    assert_eq!(tag("a]: b(\n\u{e4}"), "ab");
    assert_eq!(tag(&"x".repeat(33)), "x".repeat(32));
    let lines = sent("a]: b", |audit| audit.debug("asked"));
    let process = std::process::id();
    assert_eq!(lines, [format!("<87>ab[{process}]: pam_totp(ab:auth): event=debug step=asked")]);
}

#[test]
fn wrong_codes_before_a_right_one_are_logged_if_there_were_some() {
    let line = |wrong, foreign| {
        let since = SinceLast { wrong, foreign, ..SinceLast::default() };
        after_others(Event::new(Name::Accepted), &since).to_string()
    };
    assert_eq!([line(0, None), line(1, None)], ["event=accepted", "event=accepted wrong_before=1"]);
    let foreign = Some(ForeignTries { wrong: 30, places: 3 });
    assert_eq!(line(31, foreign), "event=accepted wrong_before=31 places=3");
}

#[test]
fn a_refusal_names_the_row_that_it_is_counted_in() {
    let refused = |row| {
        let refusal = Refusal { row, ..Reason::Wrong.into() };
        describe(&Outcome::Refused(refusal), Some("alice"), &request("sshd")).to_string()
    };
    assert!(refused(Some(CountedIn::Foreign)).contains(" reason=wrong source=foreign rhost="));
    assert!(refused(Some(CountedIn::Row(RowKind::KeyAtAddress))).contains(" source=key_at_address rhost="));
    assert!(!refused(None).contains("source="));
}

#[test]
fn guessing_is_logged_with_what_the_owner_has_to_know() {
    let warning = Warning { wrong: 30, places: 3, used_percent: 50, since: Some(1_800_000_000) };
    let lines = sent("sshd", |audit| audit.guessing(warning, "alice"));
    let rest = "event=guessing user=alice wrong=30 places=3 used_percent=50 since=2027-01-15T08:00:00Z rhost=192.0.2.7";
    assert_eq!(lines, [line(5, rest)]);
}
