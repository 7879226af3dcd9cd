//! The log: one line for every login, and a login that does not depend on anybody reading it.

use acceptance::clock::THEN;
use acceptance::login::{Answer, Login, PamCode};
use acceptance::scene::{DOOR, Scene};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

#[test]
fn every_login_is_one_line() {
    let scene = Scene::builder().config("[limit]\nattempts = 2").account("absent").enrolled("alice").build();
    let code = scene.authenticator("alice").code_at(THEN);
    let wrong = scene.authenticator("alice").wrong_codes_at(2, THEN);
    let alice = |answer: &str| -> Login { scene.login("alice").types(answer).at(THEN) };
    let logins = [
        ("accepted", alice(&code)),
        ("refused replayed", alice(&code)),
        ("refused malformed", alice("hello")),
        ("refused conversation", scene.login("alice").answers_with(Answer::NullReply)),
        ("refused not_enrolled", scene.login("absent").types("123456")),
        ("refused unknown_user", scene.login("no-account").types("123456")),
        ("refused wrong", alice(&wrong[0])),
        ("refused wrong", alice(&wrong[1])),
        ("refused limited", alice(&code)),
    ];
    for (i, (what, login)) in logins.into_iter().enumerate() {
        let _ = login.run();
        let events = scene.journal.events();
        assert_eq!(events.len(), i + 1, "{what}: {events:?}");
        assert_eq!(events[i].what(), what);
    }
}

#[test]
fn no_line_holds_what_was_typed() {
    let scene = Scene::with(&["alice"]);
    let answers =
        ["hunter2 the password", "ABCD-EFGH-JKMN-PQRS", "98765432", &scene.code("alice")].map(str::to_owned);
    for answer in &answers {
        let _ = scene.login("alice").types(answer).run();
    }
    let log = scene.journal.lines().concat();
    for answer in &answers {
        assert!(!log.contains(answer.as_str()), "{answer} is in the log:\n{log}");
    }
}

#[test]
fn a_login_goes_on_where_nobody_listens() {
    let scene = Scene::with(&["alice"]);
    fs::remove_file(scene.path("log")).unwrap();
    assert_eq!(scene.login_with_code("alice").code(), PamCode::SUCCESS);
}

#[test]
fn a_login_does_not_wait_for_a_log_that_nobody_reads() {
    let scene = Scene::with(&["alice"]);
    fs::remove_file(scene.path("log")).unwrap();
    let deaf = UnixDatagram::bind(scene.path("log")).unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"full", scene.path("log")).is_ok() {}
    let start = Instant::now();
    assert_eq!(scene.login_with_code("alice").code(), PamCode::SUCCESS);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(deaf);
}

#[test]
fn the_line_names_the_pam_service() {
    let scene = Scene::with(&["alice"]);
    scene.service("other-door", &scene.module(""));
    let wrong = scene.authenticator("alice").wrong_code();
    assert_eq!(scene.login_at("other-door", "alice").types(wrong).code(), PamCode::AUTH_ERR);
    let event = scene.journal.last();
    assert_eq!(
        (event.source.as_str(), event.module.as_str()),
        ("other-door", "pam_totp(other-door:auth)"),
        "{DOOR}"
    );
}
