//! The arguments in a PAM file: what each does, and that one which is not known refuses.

use acceptance::built;
use acceptance::clock::THEN;
use acceptance::login::{Call, PamCode};
use acceptance::scene::{DOOR, Scene};
use std::fs;

#[test]
fn an_argument_that_is_not_known_refuses_before_anybody_is_asked_and_is_named_in_the_log() {
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
        let scene = scene(argument);
        let outcome = scene.login_with_code_at("alice", THEN).run();
        assert_eq!(
            (outcome.code, outcome.prompts.len()),
            (PamCode::SERVICE_ERR, 0),
            "{argument}: {outcome:?}"
        );
        let event = scene.journal.last();
        assert_eq!((event.what().as_str(), event.priority), ("error", 83), "{event:?}");
        assert!(event.field("problem").contains(argument.trim_matches(['[', ']'])), "{argument}: {event:?}");
    }
}

#[test]
fn an_argument_with_a_value_that_it_cannot_have_refuses() {
    for argument in
        ["nullok=1", "nullok=no", "echo=yes", "debug=1", "prompt", "conf", "conf=", "conf=relative.toml"]
    {
        let scene = scene(argument);
        assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SERVICE_ERR, "{argument}");
        assert_eq!(scene.journal.last().what(), "error", "{argument}");
    }
}

#[test]
fn a_configuration_that_is_named_and_missing_refuses_and_is_named_in_the_log() {
    let scene = scene("");
    let missing = scene.path("missing.toml");
    let line = format!("auth required {} nullok conf={}", built::module().display(), missing.display());
    scene.service(DOOR, &line);
    let outcome = scene.login_with_code_at("alice", THEN).run();
    assert_eq!((outcome.code, outcome.prompts.len()), (PamCode::SERVICE_ERR, 0), "{outcome:?}");
    assert_eq!(scene.journal.last().field("file"), missing.to_str().unwrap());
}

#[test]
fn nullok_lets_pass_who_has_an_account_and_is_not_enrolled() {
    let scene = scene("nullok");
    assert_eq!(answer_of_the_module(&scene, "absent"), PamCode::IGNORE);
    let event = scene.journal.last();
    let fields = ["event", "user", "method", "reason"].map(|key| event.field(key));
    assert_eq!(fields, ["accepted", "absent", "exempt", "not_enrolled"], "{event:?}");
}

#[test]
fn nullok_does_not_let_pass_who_is_enrolled() {
    let scene = scene("nullok");
    let wrong = scene.authenticator("alice").wrong_code();
    assert_eq!(scene.login("alice").types(wrong).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.login("alice").types("").code(), PamCode::AUTH_ERR);
    assert_eq!(scene.login_with_code("alice").code(), PamCode::SUCCESS);
}

#[test]
fn nullok_does_not_let_pass_a_name_that_is_nobodys() {
    let scene = scene("nullok");
    assert_eq!(scene.login("no-account").types("123456").code(), PamCode::AUTH_ERR);
}

#[test]
fn without_nullok_nobody_passes_who_is_not_enrolled() {
    let scene = scene("");
    assert_eq!(scene.login("absent").types("123456").code(), PamCode::AUTH_ERR);
}

#[test]
fn nullok_does_not_let_pass_whose_enrolment_was_withdrawn_and_made_again() {
    let mut scene = Scene::builder().account("alice").arguments("nullok").build();
    let _ = scene.enrol("alice", &[]);
    scene.desk(&["disable", "alice", "--yes"]).assert_done();
    assert_eq!(answer_of_the_module(&scene, "alice"), PamCode::IGNORE, "not enrolled any more");
    let _ = scene.enrol("alice", &[]);
    assert_eq!(scene.login("alice").types("123").code(), PamCode::AUTH_ERR);
}

#[test]
fn prompt_says_what_the_person_reads() {
    let scene = scene("[prompt=One time code, please: ]");
    assert_eq!(scene.login_with_code("alice").run().asked(), ["One time code, please: "]);
}

#[test]
fn a_prompt_is_no_format() {
    let scene = scene("[prompt=%s%n%d %% code: ]");
    let outcome = scene.login_with_code("alice").run();
    assert_eq!((outcome.code, outcome.asked()), (PamCode::SUCCESS, vec!["%s%n%d %% code: "]));
}

#[test]
fn echo_shows_what_is_typed() {
    let outcome = scene("echo").login_with_code("alice").run();
    assert_eq!(outcome.prompts.first().map(|prompt| prompt.style), Some(2), "{outcome:?}");
}

#[test]
fn debug_tells_more_and_nothing_secret() {
    let scene = scene("debug");
    let code = scene.code("alice");
    assert_eq!(scene.login("alice").types(&code).code(), PamCode::SUCCESS);
    let lines = scene.journal.lines();
    assert!(lines.len() > 1, "{lines:?}");
    assert!(!lines.concat().contains(&code), "{lines:?}");
    let accepted = lines.iter().filter(|line| line.contains("event=accepted")).count();
    assert_eq!(accepted, 1, "{lines:?}");
}

#[test]
fn the_module_refuses_where_it_is_put_into_another_kind_of_stack() {
    let scene = scene("");
    for (kind, call) in [("account", Call::Account), ("session", Call::Session), ("password", Call::Password)]
    {
        let line = scene.module("").replacen("auth", kind, 1);
        fs::write(scene.confdir().join(DOOR), format!("auth required pam_permit.so\n{line}\n")).unwrap();
        let mut login = scene.login("alice");
        login.call = call;
        assert_eq!(login.code(), PamCode::SERVICE_ERR, "{kind}");
        assert_eq!(scene.journal.last().what(), "error", "{kind}");
    }
}

/// Alice is enrolled; absent has an account and is not.
fn scene(arguments: &str) -> Scene {
    Scene::builder().account("absent").account("alice").arguments(arguments).enrolled("alice").build()
}

/// What the module itself answered: libpam makes a refusal of a stack in which everybody ignores.
fn answer_of_the_module(scene: &Scene, user: &str) -> PamCode {
    let line = scene.module("nullok").replacen("required", "[ignore=1 default=bad]", 1);
    scene.service("witness", &format!("{line}\nauth requisite pam_deny.so\nauth required pam_permit.so"));
    let code = scene.login_at("witness", user).types("123456").code();
    if code == PamCode::SUCCESS { PamCode::IGNORE } else { code }
}
