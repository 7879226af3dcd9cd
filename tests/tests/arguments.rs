//! The module's arguments in a service file: what each one does; an unknown one refuses.

use acceptance::built;
use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Call, PamCode};
use std::fs;

#[test]
fn an_unknown_argument_refuses_without_asking_and_is_logged() {
    for argument in [
        "nullOk",
        "null_ok",
        "remember=5m",
        "try_pass",
        "secret=/etc/x",
        "debug_file=/x",
        "=",
        "--echo",
        "[x y]",
    ] {
        let fixture = fixture(argument);
        let outcome = fixture.login_with_code_at("alice", THEN).run();
        assert_eq!(
            (outcome.code, outcome.prompts.len()),
            (PamCode::SERVICE_ERR, 0),
            "{argument}: {outcome:?}"
        );
        let event = fixture.journal.last();
        assert_eq!((event.what().as_str(), event.priority), ("error", 83), "{event:?}");
        assert!(event.field("problem").contains(argument.trim_matches(['[', ']'])), "{argument}: {event:?}");
    }
}

#[test]
fn an_argument_with_a_value_that_it_cannot_have_refuses() {
    for argument in
        ["nullok=1", "nullok=no", "echo=yes", "debug=1", "prompt", "conf", "conf=", "conf=relative.toml"]
    {
        let fixture = fixture(argument);
        assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SERVICE_ERR, "{argument}");
        assert_eq!(fixture.journal.last().what(), "error", "{argument}");
    }
}

#[test]
fn a_missing_config_refuses_and_is_named_in_the_log() {
    let fixture = fixture("");
    let missing = fixture.path("missing.toml");
    let line = format!("auth required {} nullok conf={}", built::module().display(), missing.display());
    fixture.service(SERVICE, &line);
    let outcome = fixture.login_with_code_at("alice", THEN).run();
    assert_eq!((outcome.code, outcome.prompts.len()), (PamCode::SERVICE_ERR, 0), "{outcome:?}");
    assert_eq!(fixture.journal.last().field("file"), missing.to_str().unwrap());
}

#[test]
fn nullok_lets_in_an_account_that_is_not_enrolled() {
    let fixture = fixture("nullok");
    assert_eq!(answer_of_the_module(&fixture, "absent"), PamCode::IGNORE);
    let event = fixture.journal.last();
    let fields = ["event", "user", "method", "reason"].map(|key| event.field(key));
    assert_eq!(fields, ["accepted", "absent", "exempt", "not_enrolled"], "{event:?}");
}

#[test]
fn nullok_does_not_let_in_an_enrolled_user_without_a_code() {
    let fixture = fixture("nullok");
    let wrong = fixture.authenticator("alice").wrong_code();
    assert_eq!(fixture.login("alice").types(wrong).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login("alice").types("").code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
}

#[test]
fn nullok_does_not_let_in_an_unknown_name() {
    let fixture = fixture("nullok");
    assert_eq!(fixture.login("no-account").types("123456").code(), PamCode::AUTH_ERR);
}

#[test]
fn without_nullok_a_user_who_is_not_enrolled_is_refused() {
    let fixture = fixture("");
    assert_eq!(fixture.login("absent").types("123456").code(), PamCode::AUTH_ERR);
}

#[test]
fn nullok_does_not_let_in_a_user_who_enrolled_again() {
    let mut fixture = Fixture::builder().account("alice").arguments("nullok").build();
    let _ = fixture.enrol("alice", &[]);
    fixture.totp_enroll(&["disable", "alice", "--yes"]).assert_done();
    assert_eq!(answer_of_the_module(&fixture, "alice"), PamCode::IGNORE, "not enrolled any more");
    let _ = fixture.enrol("alice", &[]);
    assert_eq!(fixture.login("alice").types("123").code(), PamCode::AUTH_ERR);
}

#[test]
fn prompt_says_what_the_person_reads() {
    let fixture = fixture("[prompt=One time code, please: ]");
    assert_eq!(fixture.login_with_code("alice").run().asked(), ["One time code, please: "]);
}

#[test]
fn a_prompt_is_no_format() {
    let fixture = fixture("[prompt=%s%n%d %% code: ]");
    let outcome = fixture.login_with_code("alice").run();
    assert_eq!((outcome.code, outcome.asked()), (PamCode::SUCCESS, vec!["%s%n%d %% code: "]));
}

#[test]
fn echo_shows_what_is_typed() {
    let outcome = fixture("echo").login_with_code("alice").run();
    assert_eq!(outcome.prompts.first().map(|prompt| prompt.style), Some(2), "{outcome:?}");
}

#[test]
fn debug_tells_more_and_nothing_secret() {
    let fixture = fixture("debug");
    let code = fixture.code("alice");
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::SUCCESS);
    let lines = fixture.journal.lines();
    assert!(lines.len() > 1, "{lines:?}");
    assert!(!lines.concat().contains(&code), "{lines:?}");
    let accepted = lines.iter().filter(|line| line.contains("event=accepted")).count();
    assert_eq!(accepted, 1, "{lines:?}");
}

#[test]
fn the_module_refuses_in_any_stack_but_auth() {
    let fixture = fixture("");
    for (kind, call) in [("account", Call::Account), ("session", Call::Session), ("password", Call::Password)]
    {
        let line = fixture.module("").replacen("auth", kind, 1);
        fs::write(fixture.confdir().join(SERVICE), format!("auth required pam_permit.so\n{line}\n")).unwrap();
        let mut login = fixture.login("alice");
        login.call = call;
        assert_eq!(login.code(), PamCode::SERVICE_ERR, "{kind}");
        assert_eq!(fixture.journal.last().what(), "error", "{kind}");
    }
}

/// Alice is enrolled; absent has an account and is not.
fn fixture(arguments: &str) -> Fixture {
    Fixture::builder().account("absent").account("alice").arguments(arguments).enrolled("alice").build()
}

/// The module's own answer: libpam refuses a stack in which all modules ignore.
fn answer_of_the_module(fixture: &Fixture, user: &str) -> PamCode {
    let line = fixture.module("nullok").replacen("required", "[ignore=1 default=bad]", 1);
    fixture.service("witness", &format!("{line}\nauth requisite pam_deny.so\nauth required pam_permit.so"));
    let code = fixture.login_at("witness", user).types("123456").code();
    if code == PamCode::SUCCESS { PamCode::IGNORE } else { code }
}
