//! Counter tokens: a fob beside a phone, each code once and forward only, and the two codes that resynchronise it.

use acceptance::clock::THEN;
use acceptance::counter_token::{CounterToken, LAST, phone_and_fob};
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Login, Outcome, PROMPT, PamCode, TWO_CODES};
use acceptance::machine::PASSWORD;
use acceptance::sshd::{KEY_AND_CODE, Key};

#[test]
fn a_phone_and_a_fob_let_the_same_person_in() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    let phone = |then| fixture.login_with_code_at("alice", then);
    assert_eq!(phone(THEN).code(), PamCode::SUCCESS);
    assert_eq!(by_fob(&fixture, &fob, 5).code, PamCode::SUCCESS);
    let line = fixture.journal.last();
    assert_eq!((line.what().as_str(), line.field("method")), ("accepted", "hotp"));
    assert_eq!(line.field("authenticator"), "oath-2");
    assert_eq!(phone(THEN + 60).code(), PamCode::SUCCESS);
    assert_eq!(fixture.journal.last().field("method"), "totp");
    let status = fixture.totp_enroll(&["--json", "status", "alice"]).json();
    assert_eq!([0, 1].map(|at| &status["authenticators"][at]["type"]), ["totp", "hotp"], "{status}");
}

#[test]
fn a_code_is_accepted_once_and_those_that_were_skipped_never() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    assert_eq!(by_fob(&fixture, &fob, 15).code, PamCode::SUCCESS);
    for used in [15, 14, 5] {
        assert_eq!(by_fob(&fixture, &fob, used).code, PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused replayed", "{used}");
    }
    assert_eq!(by_fob(&fixture, &fob, 16).code, PamCode::SUCCESS);
}

#[test]
fn a_wrong_code_moves_no_counter() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    for (at, wrong) in (0..).zip(fob.wrong_codes(8)) {
        let login = fixture.login("alice").types(wrong).at(THEN + 60 * at);
        assert_eq!(login.code(), PamCode::AUTH_ERR);
    }
    let wrong = fixture.journal.events().iter().filter(|event| event.what() == "refused wrong").count();
    assert_eq!(wrong, 8);
    // The tenth in a row would lock.
    let by_fob = |counter| fixture.login("alice").types(fob.press(counter)).at(THEN + 600).code();
    assert_eq!(by_fob(16), PamCode::AUTH_ERR, "it has moved forward");
    assert_eq!(by_fob(5), PamCode::SUCCESS, "it has moved");
}

#[test]
fn the_look_ahead_is_that_of_the_config() {
    for (config, last) in [("", 15), ("[hotp]\nlook_ahead = 0", 5), ("[hotp]\nlook_ahead = 50", 55)] {
        let (fixture, fob) = phone_and_fob(Fixture::builder().config(config));
        assert_eq!(by_fob(&fixture, &fob, last + 1).code, PamCode::AUTH_ERR, "{config}");
        assert_eq!(by_fob(&fixture, &fob, last).code, PamCode::SUCCESS, "{config}");
    }
}

#[test]
fn a_fob_that_was_pressed_thirty_times_is_resynchronised_at_the_login() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    assert_eq!(by_fob(&fixture, &fob, 35).code, PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused wrong");
    let outcome = sync(fixture.login("alice"), &fob.press(36), &fob.press(37));
    assert_eq!((outcome.code, outcome.asked()), (PamCode::SUCCESS, TWO_CODES.to_vec()));
    assert_eq!(by_fob(&fixture, &fob, 37).code, PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused replayed");
    assert_eq!(by_fob(&fixture, &fob, 38).code, PamCode::SUCCESS);
}

#[test]
fn after_a_first_factor_a_wrong_code_tells_the_owner_of_a_fob_of_sync() {
    let (fixture, fob) = phone_and_fob(Fixture::builder().enrolled("bob"));
    let said = |user: &str, is_known: bool| {
        let login = fixture.login(user).types(fob.press(35));
        let outcome = if is_known { login.after("publickey") } else { login }.run();
        assert_eq!(outcome.code, PamCode::AUTH_ERR);
        let beside = outcome.prompts.iter().filter(|one| one.text != PROMPT);
        beside.map(|one| one.text.clone()).collect::<Vec<_>>()
    };
    let line = "If that code came from a token with a button, log in again, type \"sync\" in place of a code, and then two codes of the token, one after the other.";
    assert_eq!(said("alice", true), [line]);
    for (user, is_known) in [("bob", true), ("alice", false), ("bob", false), ("no-such-account", false)] {
        assert!(said(user, is_known).is_empty(), "{user} {is_known}");
    }
    assert_eq!(sync(fixture.login("alice"), &fob.press(36), &fob.press(37)).code, PamCode::SUCCESS);
}

#[test]
fn a_line_that_asks_nothing_tells_of_two_codes_in_one_answer() {
    let (mut fixture, fob) = phone_and_fob(Fixture::builder().account("alice"));
    let _ = fixture.machine();
    let line = fixture.module("use_first_pass after_first_factor");
    fixture.service(SERVICE, &format!("auth optional pam_unix.so\n{line}"));
    let outcome = fixture.login("alice").types(fob.press(35)).run();
    assert_eq!(outcome.code, PamCode::AUTH_ERR);
    assert!(
        outcome.prompts.iter().any(|said| said.text.contains("with a blank between them")),
        "{outcome:?}"
    );
    let both = fixture.login("alice").types(fob.presses(36, 1).join(" ")).run();
    assert_eq!(both.code, PamCode::SUCCESS, "{both:?}");
}

#[test]
fn a_program_with_one_answer_takes_two_codes_with_a_blank() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    // 1,000 beyond the look-ahead.
    let outcome = fixture.login("alice").types(fob.presses(1014, 1).join(" ")).run();
    assert_eq!((outcome.code, outcome.asked()), (PamCode::SUCCESS, vec![PROMPT]));
    assert_eq!(by_fob(&fixture, &fob, 1016).code, PamCode::SUCCESS);
    let beyond = fixture.login("alice").types(fob.presses(2027, 1).join(" ")).run();
    assert_eq!(beyond.code, PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused wrong");
}

#[test]
fn a_wrong_pair_is_a_wrong_code_and_moves_nothing() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    let pairs = [[35, 37], [36, 35], [35, 35], [2, 3], [60, 62]];
    for [first, second] in pairs {
        let outcome = sync(fixture.login("alice").at(THEN), &fob.press(first), &fob.press(second));
        assert_eq!((outcome.code, outcome.asked()), (PamCode::AUTH_ERR, TWO_CODES.to_vec()));
    }
    let said: Vec<String> = fixture.journal.events().iter().map(|event| event.what()).collect();
    assert!(said.iter().filter(|what| *what == "refused wrong").count() >= 4, "{said:?}");
    let later = fixture.login("alice").types(fob.press(5)).at(THEN + 60);
    assert_eq!(later.code(), PamCode::SUCCESS);
}

#[test]
fn wrong_pairs_are_limited_like_wrong_codes() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    for _ in 0..5 {
        assert_eq!(
            sync(fixture.login("alice").at(THEN), &fob.press(35), &fob.press(37)).code,
            PamCode::AUTH_ERR
        );
        assert_eq!(fixture.journal.last().what(), "refused wrong");
    }
    let right = sync(fixture.login("alice").at(THEN), &fob.press(35), &fob.press(36));
    assert_eq!(right.code, PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused limited");
}

#[test]
fn sync_asks_everyone_the_same_and_both_codes_always() {
    let (fixture, _) = phone_and_fob(Fixture::builder().enrolled("bob"));
    for user in ["alice", "bob", "no-such-account"] {
        for (word, first, second) in
            [("sync", "", ""), (" SYNC ", "not a code", "755224"), ("Sync", "1", "sync")]
        {
            let outcome = fixture.login(user).types(word).types(first).types(second).run();
            assert_eq!((outcome.code, outcome.asked()), (PamCode::AUTH_ERR, TWO_CODES.to_vec()), "{user}");
        }
    }
    let phone = |step: u64| fixture.authenticator("bob").code_at(THEN + 30 * step);
    for _ in 0..20 {
        assert_eq!(sync(fixture.login("bob").at(THEN), &phone(0), &phone(1)).code, PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused malformed");
    }
    assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS, "nothing was used up");
}

#[test]
fn a_program_that_does_not_ask_again_gets_no_verdict() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    let outcome = fixture.login("alice").types("sync").types(fob.press(35)).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::CONV_ERR, 3), "{outcome:?}");
    assert_eq!(by_fob(&fixture, &fob, 5).code, PamCode::SUCCESS);
}

#[test]
fn the_two_questions_are_echoed_as_the_prompt_is() {
    for (arguments, style) in [("", 1), ("echo", 2)] {
        let (fixture, fob) = phone_and_fob(Fixture::builder().arguments(arguments));
        let outcome = sync(fixture.login("alice"), &fob.press(35), &fob.press(36));
        assert_eq!(outcome.code, PamCode::SUCCESS);
        assert!(outcome.prompts.iter().all(|prompt| prompt.style == style), "{outcome:?}");
    }
}

#[test]
fn behind_a_password_sync_asks_too_and_the_password_is_passed_on() {
    let (mut fixture, fob) = phone_and_fob(Fixture::builder().account("alice"));
    let _ = fixture.machine();
    let line = fixture.module("forward_pass");
    fixture.service(SERVICE, &format!("{line}\nauth required pam_unix.so use_first_pass"));
    let outcome = fixture.login("alice").types(format!("{PASSWORD}sync"));
    let outcome = outcome.types(fob.press(35)).types(fob.press(36)).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::SUCCESS, 3), "{outcome:?}");
    let one = fixture.login("alice").types(format!("{PASSWORD}{}", fob.press(37))).run();
    assert_eq!(one.code, PamCode::SUCCESS, "{one:?}");
}

#[test]
fn a_token_at_the_end_of_its_counter_is_refused_by_name() {
    let fixture = Fixture::builder().build();
    let fob = CounterToken::random();
    fob.enrol(&fixture, "alice", None, LAST);
    let login = || fixture.login("alice").after("publickey");
    assert_eq!(login().types(fob.press(LAST)).code(), PamCode::SUCCESS);
    for typed in [fob.press(LAST), fob.press(0), fob.press(LAST + 1)] {
        let outcome = login().types(typed).run();
        assert_eq!(outcome.code, PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused counter_ended");
        assert!(
            outcome.prompts.iter().any(|said| said.text.contains("This token is used up")),
            "{outcome:?}"
        );
    }
    assert!(fixture.journal.last().field("hint").contains("enrol another"));
}

#[test]
fn after_a_restored_state_two_codes_are_needed_once() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    fixture.command_of_root(&["--json", "restored", "--yes", "--force"], THEN + 1).assert_done();
    let outcome = fixture.login("alice").after("publickey").types(fob.press(5)).at(THEN + 600).run();
    assert_eq!(outcome.code, PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused out_of_step");
    assert!(outcome.prompts.iter().any(|said| said.text.contains("type \"sync\"")), "{outcome:?}");
    let both = sync(fixture.login("alice").at(THEN + 600), &fob.press(5), &fob.press(6));
    assert_eq!(both.code, PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(fob.press(7)).at(THEN + 600).code(), PamCode::SUCCESS);
}

#[test]
fn a_real_ssh_client_is_asked_for_two_codes() {
    let (mut fixture, fob) = phone_and_fob(Fixture::builder().account("alice"));
    let stack = fixture.module("");
    let sshd = fixture.sshd(KEY_AND_CODE, &stack);
    let mut ssh = sshd.ssh("alice", Key::Offered, "echo inside as $(id -un)");
    for (prompt, typed) in TWO_CODES.into_iter().zip(["sync".to_owned(), fob.press(35), fob.press(36)]) {
        ssh.expect(prompt);
        ssh.types(&typed);
    }
    ssh.expect("inside as alice");
    assert_eq!(fixture.journal.last().field("method"), "hotp");
}

fn by_fob(fixture: &Fixture, fob: &CounterToken, counter: u64) -> Outcome {
    fixture.login("alice").types(fob.press(counter)).run()
}

/// Asks for the two questions, and answers both.
fn sync(login: Login, first: &str, second: &str) -> Outcome {
    login.types("sync").types(first).types(second).run()
}
