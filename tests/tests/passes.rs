//! A password and a code in one line: `try_first_pass`, `use_first_pass` and `forward_pass` with the real pam_unix.

use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::PamCode;
use acceptance::machine::PASSWORD;

#[test]
fn a_code_given_to_another_module_is_used_without_asking() {
    for argument in ["try_first_pass", "use_first_pass"] {
        let fixture = behind_another(argument);
        let code = fixture.authenticator("alice").code_at(THEN);
        let outcome = fixture.login("alice").types(&code).at(THEN).run();
        assert_eq!((outcome.code, outcome.asked().len()), (PamCode::SUCCESS, 1), "{argument}: {outcome:?}");
        let outcome = fixture.login("alice").types(code).types("").at(THEN).run();
        assert_eq!(outcome.code, PamCode::AUTH_ERR, "{argument}: a code opens once");
    }
}

#[test]
fn with_try_first_pass_a_user_without_a_code_is_asked() {
    let fixture = behind_another("try_first_pass");
    let code = |then| fixture.authenticator("alice").code_at(then);
    let outcome = fixture.login("alice").types(PASSWORD).types(code(THEN)).at(THEN).run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
    assert_eq!(outcome.asked().len(), 2);
    assert_eq!(fixture.journal.events().len(), 1, "a password is no try and no line");
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN + 60).remove(0);
    let outcome = fixture.login("alice").types(wrong).types(code(THEN + 60)).at(THEN + 60).run();
    assert_eq!(outcome.code, PamCode::SUCCESS);
    let said: Vec<String> = fixture.journal.events().iter().skip(1).map(|event| event.what()).collect();
    assert_eq!(said, ["refused wrong", "accepted"], "a wrong code is a try, and a line");
}

#[test]
fn with_use_first_pass_nobody_is_asked() {
    let fixture = behind_another("use_first_pass");
    let code = fixture.authenticator("alice").code_at(THEN);
    let outcome = fixture.login("alice").types(PASSWORD).types(&code).at(THEN).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "{outcome:?}");
    fixture.service(SERVICE, &fixture.module("use_first_pass"));
    let outcome = fixture.login("alice").types(code).at(THEN).run();
    assert_eq!(
        (outcome.code, outcome.asked().len()),
        (PamCode::AUTH_ERR, 0),
        "nothing was given: {outcome:?}"
    );
}

/// pam_unix gets the password alone.
#[test]
fn a_line_end_pasted_after_the_code_is_no_part_of_the_password() {
    let fixture = before_a_password("forward_pass");
    for (then, end) in [(THEN, "\r"), (THEN + 60, "\r\n"), (THEN + 120, "\t")] {
        let code = fixture.authenticator("alice").code_at(then);
        let outcome = fixture.login("alice").types(format!("{PASSWORD}{code}{end}")).at(then).run();
        assert_eq!(outcome.code, PamCode::SUCCESS, "{end:?}: {outcome:?}");
    }
}

#[test]
fn a_password_followed_by_a_code_is_split_and_passed_on() {
    let fixture = before_a_password("forward_pass");
    let code = |then| fixture.authenticator("alice").code_at(then);
    let outcome = fixture.login("alice").types(format!("{PASSWORD}{}", code(THEN))).at(THEN).run();
    assert_eq!((outcome.code, outcome.asked()), (PamCode::SUCCESS, vec!["Password & verification code: "]));
    let wrong_password = fixture.login("alice").types(format!("not it{}", code(THEN + 60))).at(THEN + 60);
    assert_ne!(wrong_password.code(), PamCode::SUCCESS);
    assert_eq!(fixture.journal.last().what(), "accepted", "the code was right, and is used");
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN + 120).remove(0);
    let outcome = fixture.login("alice").types(format!("{PASSWORD}{wrong}")).at(THEN + 120).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "{outcome:?}");
    for typed in [PASSWORD, "", "12345"] {
        let outcome = fixture.login("alice").types(typed).types(PASSWORD).at(THEN + 180).run();
        assert_ne!(outcome.code, PamCode::SUCCESS, "{typed}");
    }
}

#[test]
fn a_password_that_ends_with_digits_keeps_them() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    // openssl passwd -6 -salt acceptance hunter22
    fixture.machine().set_password("alice", HUNTER22_HASH);
    fixture.service(
        SERVICE,
        &format!("{}\nauth required pam_unix.so use_first_pass", fixture.module("forward_pass")),
    );
    let code = fixture.authenticator("alice").code_at(THEN);
    let outcome = fixture.login("alice").types(format!("hunter22{code}")).at(THEN).run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
}

#[test]
fn a_recovery_code_behind_a_password_is_one() {
    let mut fixture = Fixture::builder().account("alice").build();
    let codes = fixture.enrol("alice", &[]).recovery_codes;
    fixture.service(
        SERVICE,
        &format!("{}\nauth required pam_unix.so use_first_pass", fixture.module("forward_pass")),
    );
    for (code, typed) in [(&codes[0], codes[0].clone()), (&codes[1], codes[1].replace('-', ""))] {
        let outcome = fixture.login("alice").types(format!("{PASSWORD}{typed}")).run();
        assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
        assert_eq!(fixture.journal.last().field("event"), "recovery_used");
        assert_ne!(
            fixture.login("alice").types(format!("{PASSWORD}{code}")).code(),
            PamCode::SUCCESS,
            "once"
        );
    }
}

#[test]
fn a_code_behind_the_password_of_another_module_is_found() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let _ = fixture.machine();
    // What asks is not what checks: the first line only collects.
    let line = fixture.module("use_first_pass forward_pass");
    fixture.service(
        SERVICE,
        &format!("auth optional pam_unix.so\n{line}\nauth required pam_unix.so use_first_pass"),
    );
    let code = fixture.authenticator("alice").code_at(THEN);
    let outcome = fixture.login("alice").types(format!("{PASSWORD}{code}")).at(THEN).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::SUCCESS, 1), "{outcome:?}");
}

#[test]
fn an_exempt_user_is_asked_for_the_password_by_the_next_line() {
    let mut fixture = Fixture::builder().account("alice").account("carol").enrolled("alice").build();
    let _ = fixture.machine();
    fixture.configure("[require]\nexempt_networks = [\"192.0.2.0/24\"]\nenroll_by = 2033-05-20");
    fixture.service(
        SERVICE,
        &format!("{}\nauth required pam_unix.so try_first_pass", fixture.module("forward_pass")),
    );
    let exempt = |answer: &str| fixture.login("alice").from_host("192.0.2.7").types(answer).at(THEN).run();
    assert_eq!((exempt(PASSWORD).code, exempt(PASSWORD).asked()), (PamCode::SUCCESS, vec!["Password: "]));
    assert_ne!(exempt("not it").code, PamCode::SUCCESS);
    let carol = fixture.login("carol").types(PASSWORD).at(THEN).run();
    assert_eq!((carol.code, carol.asked()), (PamCode::SUCCESS, vec!["Password: "]), "not enrolled yet");
    let code = fixture.authenticator("alice").code_at(THEN);
    let asked = fixture.login("alice").types(format!("{PASSWORD}{code}")).at(THEN).run();
    assert_eq!((asked.code, asked.asked().len()), (PamCode::SUCCESS, 1));
}

#[test]
fn a_line_for_one_answer_asks_a_locked_account_no_second_question() {
    for arguments in ["use_first_pass after_first_factor", "forward_pass after_first_factor"] {
        let fixture = behind_another(arguments);
        fixture.configure("[limit]\nattempts = 1");
        let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
        let code = fixture.authenticator("alice").code_at(THEN);
        let [first, limited] = [wrong, code].map(|code| {
            let asked_by_both = fixture.login("alice").types(&code).types(&code).types(&code);
            asked_by_both.at(THEN).run()
        });
        assert_eq!(fixture.journal.last().what(), "refused limited");
        assert_eq!((limited.code, limited.asked()), (PamCode::AUTH_ERR, first.asked()), "{limited:?}");
    }
}

#[test]
fn try_and_use_first_pass_together_refuse() {
    let fixture = behind_another("try_first_pass use_first_pass");
    assert_eq!(fixture.login("alice").types(PASSWORD).code(), PamCode::SERVICE_ERR);
    assert!(fixture.journal.last().field("problem").contains("contradict"));
}

/// Behind pam_unix, which asks; its result does not count here, as the answer may be a code.
fn behind_another(arguments: &str) -> Fixture {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    fixture.service(SERVICE, &format!("auth optional pam_unix.so\n{}", fixture.module(arguments)));
    fixture
}

/// Before pam_unix, which takes the password that it is handed.
fn before_a_password(arguments: &str) -> Fixture {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    fixture.service(
        SERVICE,
        &format!("{}\nauth required pam_unix.so use_first_pass", fixture.module(arguments)),
    );
    fixture
}

const HUNTER22_HASH: &str =
    "$6$acceptance$dFFz4YJHoscUBcwcuCylJLYFggyhqnAe..mXfY.uyYLrrhSjkiG5WzAO/V6e1Ny39kTTlRfMNHVtOMejrQEUT/";
