//! A login: who is let in, who is refused, and what the user and the log are told.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Login, Outcome, PROMPT, PamCode};

#[test]
fn the_right_code_is_accepted() {
    let fixture = Fixture::with(&["alice"]);
    let outcome = fixture.login_with_code("alice").run();
    assert_eq!((outcome.code, outcome.setcred), (PamCode::SUCCESS, PamCode::SUCCESS));
}

#[test]
fn the_user_is_asked_for_a_code_without_echo() {
    let fixture = Fixture::with(&["alice"]);
    let prompts = fixture.login_with_code("alice").run().prompts;
    assert_eq!(prompts.iter().map(|p| (p.style, p.text.as_str())).collect::<Vec<_>>(), [(1, PROMPT)]);
}

#[test]
fn an_accepted_login_is_one_line_with_user_method_and_host() {
    let fixture = Fixture::with(&["alice"]);
    let mut login = fixture.login_with_code("alice").from_host("192.0.2.7");
    login.tty = Some(b"ssh".to_vec());
    assert_eq!(login.code(), PamCode::SUCCESS);
    let events = fixture.journal.events();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.priority, event.source.as_str()), (86, SERVICE), "{event:?}");
    assert_eq!(event.module, format!("pam_totp({SERVICE}:auth)"));
    let fields = ["event", "user", "method", "rhost", "tty"].map(|key| event.field(key));
    assert_eq!(fields, ["accepted", "alice", "totp", "192.0.2.7", "ssh"], "{event:?}");
    assert_ne!(event.field("authenticator"), "", "{event:?}");
}

#[test]
fn a_wrong_code_is_refused() {
    let fixture = Fixture::with(&["alice"]);
    let outcome = fixture.login("alice").types(fixture.authenticator("alice").wrong_code()).run();
    assert_eq!(outcome.code, PamCode::AUTH_ERR);
    let event = fixture.journal.last();
    assert_eq!((event.what().as_str(), event.priority), ("refused wrong", 85), "{event:?}");
}

#[test]
fn the_code_of_another_user_is_refused() {
    let fixture = Fixture::with(&["alice", "bob"]);
    assert_eq!(fixture.login("alice").types(fixture.code("bob")).code(), PamCode::AUTH_ERR);
}

#[test]
fn codes_within_the_drift_are_accepted() {
    let fixture = Fixture::with(&["alice"]);
    let phone = fixture.authenticator("alice");
    for second in [THEN - 30, THEN, THEN + 30] {
        let code = fixture.login("alice").types(phone.code_at(second)).at(THEN).code();
        assert_eq!(code, PamCode::SUCCESS, "{} s off", second.abs_diff(THEN));
    }
}

#[test]
fn codes_beyond_the_drift_are_refused_and_the_log_says_why() {
    let fixture = Fixture::with(&["alice"]);
    let phone = fixture.authenticator("alice");
    for (second, steps) in [(THEN - 60, "-2"), (THEN + 60, "+2")] {
        assert_eq!(fixture.login("alice").types(phone.code_at(second)).at(THEN).code(), PamCode::AUTH_ERR);
        let event = fixture.journal.last();
        assert_eq!((event.what().as_str(), event.field("steps")), ("refused clock_off", steps), "{event:?}");
    }
}

#[test]
fn without_drift_only_the_present_step_counts() {
    let fixture = Fixture::builder().config("[totp]\ndrift_steps = 0").enrolled("alice").build();
    let phone = fixture.authenticator("alice");
    for second in [THEN - 30, THEN + 30] {
        assert_eq!(fixture.login("alice").types(phone.code_at(second)).at(THEN).code(), PamCode::AUTH_ERR);
    }
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_service_can_have_rules_of_its_own() {
    let fixture =
        Fixture::builder().config("[service.strict.totp]\ndrift_steps = 0").enrolled("alice").build();
    fixture.service("strict", &fixture.module(""));
    let early = fixture.authenticator("alice").code_at(THEN + 30);
    assert_eq!(fixture.login_at("strict", "alice").types(&early).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login("alice").types(&early).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn spaces_in_a_code_do_not_matter() {
    let fixture = Fixture::with(&["alice"]);
    let code = fixture.code("alice");
    let (left, right) = code.split_at(3);
    assert_eq!(fixture.login("alice").types(format!(" {left} {right} ")).code(), PamCode::SUCCESS);
}

#[test]
fn a_code_of_the_wrong_length_is_refused() {
    let fixture = Fixture::with(&["alice"]);
    let code = fixture.code("alice");
    for answer in [format!("{code}0"), format!("0{code}"), code[..5].to_owned(), code[1..].to_owned()] {
        assert_eq!(fixture.login("alice").types(&answer).code(), PamCode::AUTH_ERR, "{answer} for {code}");
    }
}

#[test]
fn an_answer_that_took_too_long_is_refused_as_late() {
    let fixture = Fixture::builder().config("[totp]\nanswer_within = \"1s\"").enrolled("alice").build();
    let mut login = fixture.login_with_code("alice");
    login.pause_ms = 2100;
    assert_eq!(login.code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused late");
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS, "a late answer used up its code");
}

#[test]
fn a_module_that_is_given_no_name_asks_for_it() {
    let fixture = Fixture::with(&["alice"]);
    let mut login = fixture.login("").types("alice").types(fixture.code("alice"));
    login.user = None;
    let outcome = login.run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
    assert_eq!(outcome.asked().len(), 2, "{outcome:?}");
}

#[test]
fn nothing_is_said_to_an_application_that_wants_silence() {
    let fixture = Fixture::with(&["alice"]);
    let mut login = fixture.login("alice").types(fixture.authenticator("alice").wrong_code());
    login.silent = true;
    let said: Vec<_> = login.run().prompts.into_iter().filter(|prompt| !prompt.asks()).collect();
    assert_eq!(said, []);
}

#[test]
fn strangers_learn_nothing() {
    let pause = "[limit]\nfail_delay = \"2s\"";
    let fixture =
        Fixture::builder().config(pause).account("enrolled").account("absent").enrolled("enrolled").build();
    let known = fixture.login("enrolled").types(fixture.authenticator("enrolled").wrong_code());
    let seen = |login: Login| {
        let Outcome { code, setcred, prompts, delayed, .. } = login.run();
        (code, setcred, prompts, delayed)
    };
    let known = seen(known);
    assert_eq!(seen(fixture.login("absent").types("123456")), known, "an account that is not enrolled");
    assert_eq!(seen(fixture.login("nobody-by-that-name").types("123456")), known, "a name that is nobody's");
}

#[test]
fn the_log_tells_strangers_apart() {
    let fixture = Fixture::builder().account("absent").enrolled("alice").build();
    for (user, what) in [("absent", "refused not_enrolled"), ("no-account", "refused unknown_user")] {
        assert_eq!(fixture.login(user).types("123456").code(), PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), what);
    }
}

#[test]
fn a_refusal_asks_for_a_pause_where_the_configuration_says_so() {
    for (config, paused) in [("[limit]\nfail_delay = \"2s\"", true), ("", false)] {
        let fixture = Fixture::builder().config(config).enrolled("alice").build();
        let wrong = fixture.authenticator("alice").wrong_code();
        assert_eq!(fixture.login("alice").types(wrong).run().delayed, paused, "{config}");
        assert!(!fixture.login_with_code("alice").run().delayed, "a success too");
    }
}

#[test]
fn an_account_created_again_inherits_no_enrolment() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    fixture.machine().delete_account("alice");
    fixture.machine().add_account("alice");
    let outcome = fixture.login_with_code_at("alice", THEN + 30).run();
    assert!(![PamCode::SUCCESS, PamCode::IGNORE].contains(&outcome.code), "{outcome:?}");
}

#[test]
fn a_user_without_an_account_can_be_enrolled_by_name() {
    let fixture = Fixture::with(&["someone-from-the-directory"]);
    assert_eq!(fixture.login_with_code("someone-from-the-directory").code(), PamCode::SUCCESS);
}

#[test]
fn names_that_differ_in_case_are_two_people() {
    let fixture = Fixture::with(&["alice", "Alice"]);
    assert_eq!(fixture.login("alice").types(fixture.code("Alice")).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login_with_code("Alice").code(), PamCode::SUCCESS);
}

#[test]
fn eight_digits_and_a_period_of_a_minute_work() {
    let phone = Authenticator { digits: 8, period: 60, ..Authenticator::random() };
    let fixture = Fixture::builder().enrolled_with("alice", phone).build();
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
}
