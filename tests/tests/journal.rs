//! The log: one line for each login, and no login depends on a reader of the log.

use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Answer, Login, PamCode};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

#[test]
fn every_login_is_one_line() {
    let fixture =
        Fixture::builder().config("[limit]\nattempts = 2").account("absent").enrolled("alice").build();
    let code = fixture.authenticator("alice").code_at(THEN);
    let wrong = fixture.authenticator("alice").wrong_codes_at(2, THEN);
    let alice = |answer: &str| -> Login { fixture.login("alice").types(answer).at(THEN) };
    let logins = [
        ("accepted", alice(&code)),
        ("refused replayed", alice(&code)),
        ("refused malformed", alice("hello")),
        ("refused conversation", fixture.login("alice").answers_with(Answer::NullReply)),
        ("refused not_enrolled", fixture.login("absent").types("123456")),
        ("refused unknown_user", fixture.login("no-account").types("123456")),
        ("refused wrong", alice(&wrong[0])),
        ("refused wrong", alice(&wrong[1])),
        ("refused limited", alice(&code)),
    ];
    for (i, (what, login)) in logins.into_iter().enumerate() {
        let _ = login.run();
        let events = fixture.journal.events();
        assert_eq!(events.len(), i + 1, "{what}: {events:?}");
        assert_eq!(events[i].what(), what);
    }
}

#[test]
fn no_line_holds_what_was_typed() {
    let fixture = Fixture::with(&["alice"]);
    let answers = ["hunter2 the password", "ABCD-EFGH-JKMN-PQRS", "98765432", &fixture.code("alice")]
        .map(str::to_owned);
    for answer in &answers {
        let _ = fixture.login("alice").types(answer).run();
    }
    let log = fixture.journal.lines().concat();
    for answer in &answers {
        assert!(!log.contains(answer.as_str()), "{answer} is in the log:\n{log}");
    }
}

#[test]
fn a_login_goes_on_where_nobody_listens() {
    let fixture = Fixture::with(&["alice"]);
    fs::remove_file(fixture.path("log")).unwrap();
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
}

#[test]
fn a_login_does_not_wait_for_a_log_that_nobody_reads() {
    let fixture = Fixture::with(&["alice"]);
    fs::remove_file(fixture.path("log")).unwrap();
    let deaf = UnixDatagram::bind(fixture.path("log")).unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"full", fixture.path("log")).is_ok() {}
    let start = Instant::now();
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(deaf);
}

#[test]
fn the_line_names_the_pam_service() {
    let fixture = Fixture::with(&["alice"]);
    fixture.service("other-app", &fixture.module(""));
    let wrong = fixture.authenticator("alice").wrong_code();
    assert_eq!(fixture.login_at("other-app", "alice").types(wrong).code(), PamCode::AUTH_ERR);
    let event = fixture.journal.last();
    assert_eq!(
        (event.source.as_str(), event.module.as_str()),
        ("other-app", "pam_totp(other-app:auth)"),
        "{SERVICE}"
    );
}
