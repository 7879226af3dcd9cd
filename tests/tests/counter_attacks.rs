//! Attacks on counter tokens: pairs as an oracle, codes that were used, and the word `sync` where it does not belong.

use acceptance::clock::THEN;
use acceptance::counter_token::phone_and_fob;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Outcome, PamCode, TWO_CODES};

/// After a first factor, where a refusal is explained.
fn pair(fixture: &Fixture, [first, second]: [&str; 2], second_of_login: u64) -> Outcome {
    let login = fixture.login("alice").after("publickey").at(second_of_login);
    login.types("sync").types(first).types(second).run()
}

fn said(outcome: &Outcome) -> Vec<&str> {
    outcome.prompts.iter().map(|prompt| prompt.text.as_str()).collect()
}

#[test]
fn no_answer_tells_which_code_of_a_pair_was_right() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    let wrong = fob.wrong_codes(2);
    let [first, second] = [fob.press(35), fob.press(36)];
    let pairs = [[&first, &wrong[0]], [&wrong[0], &second], [&wrong[0], &wrong[1]], [&second, &first]];
    let answers = pairs.map(|[first, second]| pair(&fixture, [first, second], THEN));
    for answer in &answers {
        assert_eq!((answer.code, said(answer)), (PamCode::AUTH_ERR, said(&answers[2])), "{answer:?}");
        assert_eq!(said(answer)[..3], TWO_CODES);
    }
    let events = fixture.journal.events();
    let reasons: Vec<String> = events.iter().rev().take(4).map(|event| event.what()).collect();
    assert_eq!(reasons, ["refused wrong"; 4]);
    // Nor is a code beyond the look-ahead searched for alone.
    for typed in [&first, &wrong[0]] {
        let alone = fixture.login("alice").types(typed).at(THEN + 600);
        assert_eq!(alone.code(), PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused wrong");
    }
}

#[test]
fn no_code_of_a_used_pair_opens_again_in_any_company() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    let [first, second, next] = [35, 36, 37].map(|counter| fob.press(counter));
    assert_eq!(pair(&fixture, [&first, &second], THEN).code, PamCode::SUCCESS);
    for (minute, typed) in (1..).zip([&first, &second]) {
        assert_eq!(fixture.login("alice").types(typed).at(THEN + 60 * minute).code(), PamCode::AUTH_ERR);
    }
    for (minute, codes) in (3..).zip([[&first, &second], [&second, &next], [&first, &next], [&next, &second]])
    {
        let again = pair(&fixture, codes.map(String::as_str), THEN + 60 * minute);
        assert_eq!(again.code, PamCode::AUTH_ERR, "{codes:?}");
    }
    assert_eq!(fixture.login("alice").types(&next).at(THEN + 900).code(), PamCode::SUCCESS);
}

#[test]
fn a_right_pair_opens_nothing_during_a_lock() {
    let (fixture, fob) =
        phone_and_fob(Fixture::builder().config("[limit]\nlock_after = 1\nlock_for = \"1h\""));
    assert_eq!(pair(&fixture, [&fob.press(35), &fob.press(37)], THEN).code, PamCode::AUTH_ERR);
    let typed = [fob.press(35), fob.press(36)].join(" ");
    assert_eq!(fixture.login("alice").types(typed).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused locked");
}

#[test]
fn a_password_of_an_earlier_module_is_never_sync() {
    let (mut fixture, fob) = phone_and_fob(Fixture::builder().account("alice"));
    let _ = fixture.machine();
    for (arguments, answers, asked) in [("use_first_pass", 1, 1), ("try_first_pass", 3, 4)] {
        let line = fixture.module(arguments);
        fixture.service(SERVICE, &format!("auth optional pam_unix.so\n{line}"));
        let mut login = fixture.login("alice").types("sync").at(THEN);
        if answers > 1 {
            login = login.types("sync").types(fob.press(35)).types(fob.press(36));
        }
        let outcome = login.run();
        assert_eq!(outcome.asked().len(), asked, "{arguments}: {outcome:?}");
        let expected = if answers > 1 { PamCode::SUCCESS } else { PamCode::AUTH_ERR };
        assert_eq!(outcome.code, expected, "{arguments}: {outcome:?}");
    }
}

#[test]
fn before_a_first_factor_who_needs_no_code_is_asked_for_two_too() {
    let config = "[require]\nexempt_groups = [\"robots\"]";
    let (mut fixture, fob) = phone_and_fob(Fixture::builder().account("alice").account("bob").config(config));
    fixture.machine().add_group("robots", &["bob"]);
    fixture.service("sshd", &fixture.module(""));
    let [right, after] = [fob.press(35), fob.press(36)];
    for user in ["alice", "bob", "no-such-account"] {
        let login = fixture.login_at("sshd", user).through_sshd();
        let outcome = login.types("sync").types(&right).types(&right).run();
        assert_eq!(outcome.asked(), TWO_CODES, "{user}: {outcome:?}");
        assert_eq!(said(&outcome).len(), 3, "{user}: {outcome:?}");
    }
    assert_eq!(pair(&fixture, [&right, &after], THEN).code, PamCode::SUCCESS);
}
