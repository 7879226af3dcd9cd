//! The reset token: it enrols its user, nothing else does meanwhile, and it works once.

mod command;

use acceptance::authenticator::Authenticator;
use acceptance::clock::{self, THEN};
use acceptance::enroll_command::{self, asks_for_the_name};
use acceptance::fixture::SERVICE;
use acceptance::login::{Answer, Login, PROMPT, PamCode, Waiting};
use acceptance::mailbox::spooled;
use acceptance::reset_steps::{
    DAY, HOUR, KEY, completes, enrols_with, ready, ready_at, ready_now, said, token_in,
};
use acceptance::sshd::{KEY_AND_CODE, Key};
use std::fs;

#[test]
fn a_token_is_shown_once_at_a_terminal_and_kept_nowhere() {
    let fixture = ready("");
    let mut terminal = fixture.operator_at_terminal("bob", &["reset", "complete", "alice"], THEN + HOUR);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    let [token] = &enroll_command::recovery_codes(&ended.screen)[..] else {
        panic!("one token: {}", ended.screen)
    };
    let bare = token.replace('-', "");
    let (stored, log) = (fixture.stored(), fixture.journal.lines().concat());
    for text in [token, &bare] {
        assert!(!stored.hold(text.as_bytes()) && !log.contains(text.as_str()));
    }
    assert_eq!(enrols_with(&fixture, token, THEN + HOUR).code(), PamCode::SUCCESS);
}

#[test]
fn completing_again_makes_a_new_token_and_voids_the_first() {
    let fixture = ready("");
    let [first, second] = [0; 2].map(|_| token_in(&completes(&fixture, "bob", THEN + HOUR)));
    assert_eq!(enrols_with(&fixture, &first, THEN + HOUR).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused token");
    assert_eq!(enrols_with(&fixture, &second, THEN + HOUR).code(), PamCode::SUCCESS);
    assert_eq!(
        completes(&fixture, "bob", THEN + HOUR).status,
        1,
        "enrolled anew: there is no reset any more"
    );
}

#[test]
fn a_token_enrols_at_login_where_nobody_else_is_enrolled_there() {
    let fixture = ready("");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    let outcome = enrols_with(&fixture, &token.to_lowercase().replace('-', " "), THEN + HOUR).run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
    let events: Vec<String> = fixture.journal.events().iter().map(|event| event.what()).collect();
    assert_eq!(events[events.len() - 2..], ["token_used", "enrolled"]);
    assert_eq!(enroll_command::recovery_codes(&said(&outcome)).len(), 10);
    let phone = Authenticator::shown(&said(&outcome));
    let next = fixture.login("alice").after(KEY).types(phone.code_at(THEN + HOUR + 60)).at(THEN + HOUR + 60);
    assert_eq!(next.code(), PamCode::SUCCESS);
    let again = fixture.login("alice").after(KEY).types(&token).at(THEN + HOUR + 60).run();
    assert_eq!((again.code, again.asked().len()), (PamCode::AUTH_ERR, 1), "replayed: {again:?}");
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    let again = enrols_with(&fixture, &token, THEN + HOUR + 60).run();
    assert_eq!((again.code, again.asked().len()), (PamCode::AUTH_ERR, 1), "replayed: {again:?}");
}

#[test]
fn a_token_enrols_over_ssh_behind_a_key() {
    let mut fixture = ready_now();
    let token = token_in(&completes(&fixture, "bob", clock::now() + HOUR));
    let stack = fixture.module("");
    let sshd = fixture.sshd(KEY_AND_CODE, &stack);
    let mut ssh = sshd.ssh("alice", Key::Offered, "echo inside as $(id -un)");
    ssh.expect(PROMPT);
    ssh.types(&token);
    let phone = Authenticator::shown(&ssh.expect("Enter alone: "));
    let now = clock::well_inside_a_step(30, 10);
    ssh.types(&phone.code_at(now));
    ssh.expect("nothing is enrolled): ");
    ssh.types("yes");
    let ended = ssh.end();
    assert!(ended.status == 0 && ended.last.contains("inside as alice"), "{}", ended.screen);
    let mut ssh = sshd.ssh("alice", Key::Offered, "echo inside as $(id -un)");
    ssh.expect(PROMPT);
    ssh.types(&phone.code_at(now + 30));
    assert!(ssh.end().last.contains("inside as alice"));
}

#[test]
fn a_token_is_asked_for_where_others_are_ignored_or_enrolled() {
    for (config, arguments) in [
        ("[require]\nenroll_at_login = true", ""),
        ("[require]\nenroll_by = 9999-12-31", ""),
        ("[require]\nenroll_at_login = true\nenroll_by = 9999-12-31", ""),
        ("", "nullok"),
    ] {
        let fixture = ready(config);
        fixture.service(SERVICE, &fixture.module(arguments));
        let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
        for then in [THEN + HOUR, THEN + 9 * DAY] {
            let outcome = fixture.login("alice").after(KEY).types("").at(then).run();
            assert_eq!(outcome.code, PamCode::AUTH_ERR, "{config}: {outcome:?}");
            assert_eq!(outcome.asked(), [PROMPT], "{config}");
            assert!(said(&outcome).contains("type the reset token"), "{config}: {outcome:?}");
        }
        assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SUCCESS, "{config}");
    }
}

#[test]
fn a_token_needs_a_first_factor_and_a_conversation() {
    let fixture = ready("");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    let person = |login: Login| login.types(&token).answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    let stranger = person(fixture.login("alice")).at(THEN + HOUR);
    let silent = Login { silent: true, ..enrols_with(&fixture, &token, THEN + HOUR) };
    for login in [stranger, silent] {
        let outcome = login.run();
        assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "{outcome:?}");
    }
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SUCCESS, "and it is not used up");
}

#[test]
fn five_wrong_tokens_are_its_end_and_no_way_around_it() {
    let fixture = ready("[require]\nenroll_at_login = true");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    for _ in 0..5 {
        let outcome = enrols_with(&fixture, "0000-0000-0000-0000", THEN + HOUR).run();
        assert_eq!(outcome.code, PamCode::AUTH_ERR);
        assert!(said(&outcome).contains("That is not the reset token."), "{outcome:?}");
    }
    let outcome = enrols_with(&fixture, &token, THEN + HOUR).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "{outcome:?}");
    let refused =
        fixture.journal.events().into_iter().filter(|event| event.field("event") == "token_refused");
    let refused: Vec<String> = refused.map(|event| event.what()).collect();
    assert_eq!(refused[4..], ["token_refused wrong", "token_refused dead"]);
    let outcome = enrols_with(&fixture, "", THEN + 9 * DAY).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "a bar still: {outcome:?}");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SUCCESS);
}

#[test]
fn a_dead_token_has_nothing_more_to_tell_its_owner() {
    let fixture = ready("[notify]\ncommand = [\"/bin/false\"]");
    let _ = completes(&fixture, "bob", THEN + HOUR);
    let told = || spooled(&fixture).len();
    let before = told();
    for _ in 0..5 {
        let _ = enrols_with(&fixture, "0000-0000-0000-0000", THEN + HOUR).run();
    }
    assert_eq!(told(), before + 5);
    for _ in 0..3 {
        let outcome = enrols_with(&fixture, "0000-0000-0000-0000", THEN + HOUR).run();
        assert_eq!(outcome.code, PamCode::AUTH_ERR);
        assert!(fixture.journal.events().iter().any(|event| event.what() == "token_refused dead"));
    }
    assert_eq!(told(), before + 5, "knowing the password does not fill the mailbox");
}

#[test]
fn the_command_sends_no_notice_of_tokens_it_does_not_judge() {
    let fixture = ready_at("[notify]\ncommand = [\"/bin/false\"]", clock::now());
    let _ = completes(&fixture, "bob", clock::now() + HOUR);
    let file = fixture.write("token", "0000-0000-0000-0000\n");
    let enrols = |more: &[&str]| {
        let arguments = [&["--json", "enroll", "alice", "--batch"], more].concat();
        assert_eq!(enroll_command::run(fixture.command_of("alice", &arguments), "").status, 4);
    };
    let with_token = ["--token-file", file.to_str().unwrap()];
    let refused = || {
        let events = fixture.journal.command_events().into_iter();
        events.map(|event| event.what()).rfind(|what| what.starts_with("token_refused")).unwrap()
    };
    let told = || spooled(&fixture).len();
    let before = told();
    (0..5).for_each(|_| enrols(&with_token));
    assert_eq!(told(), before + 5);
    (0..3).for_each(|_| enrols(&with_token));
    assert_eq!(refused(), "token_refused dead");
    (0..3).for_each(|_| enrols(&[]));
    assert_eq!(refused(), "token_refused missing");
    assert_eq!(told(), before + 5, "being allowed to enrol does not fill the mailbox");
}

#[test]
fn a_token_expires() {
    let fixture = ready("[reset]\ntoken_for = \"30m\"");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR + 1800).code(), PamCode::AUTH_ERR);
    let event = fixture.journal.events().into_iter().rfind(|event| event.field("event") == "token_refused");
    assert_eq!(event.unwrap().field("reason"), "expired");
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR + 1799).code(), PamCode::SUCCESS);
}

#[test]
fn an_abandoned_enrolment_by_token_can_be_repeated() {
    let fixture = ready("");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    for _ in 0..7 {
        let leaves = fixture.login("alice").after(KEY).types(&token).types("").at(THEN + HOUR);
        assert_eq!(leaves.code(), PamCode::AUTH_ERR);
    }
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SUCCESS);
}

#[test]
fn of_many_with_one_token_one_is_enrolled() {
    for many in [2, 16] {
        let fixture = ready("");
        let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
        let waiting: Vec<Waiting> =
            (0..many).map(|_| enrols_with(&fixture, &token, THEN + HOUR).hold()).collect();
        let running: Vec<_> = waiting.into_iter().map(Waiting::release).collect();
        let codes: Vec<PamCode> = running.into_iter().map(|login| login.outcome().unwrap().code).collect();
        assert_eq!(codes.iter().filter(|code| **code == PamCode::SUCCESS).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == PamCode::AUTH_ERR).count(), many - 1, "{codes:?}");
        let used =
            fixture.journal.events().iter().filter(|event| event.field("event") == "token_used").count();
        assert_eq!(used, 1);
    }
}

#[test]
fn an_unreadable_reset_refuses_until_root_removes_it() {
    let fixture = ready("[require]\nenroll_at_login = true");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    let file = fixture.path("state/resets/alice.toml");
    acceptance::damage::set_mode(&file, 0o644);
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SYSTEM_ERR);
    let event = fixture.journal.last();
    assert_eq!(event.field("event"), "error", "{event:?}");
    assert!(event.field("file").ends_with("resets/alice.toml"), "{event:?}");
    acceptance::damage::set_mode(&file, 0o600);
    fs::write(&file, "version = 1\n").unwrap();
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SYSTEM_ERR);
    let kept = fixture.command_of_operator("bob", &["--json", "reset", "cancel", "alice", "--yes"], THEN);
    assert_eq!(kept.status, 1, "{kept:?}");
    let error = kept.json();
    assert!(error["file"].as_str().unwrap().ends_with("resets/alice.toml"), "{error}");
    assert!(error["error"].as_str().unwrap().contains("totp-enroll disable"), "{error}");
    fs::remove_file(&file).unwrap();
    let outcome = fixture.login("alice").after(KEY).answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    assert_eq!(outcome.at(THEN + HOUR).code(), PamCode::SUCCESS, "as before it was requested");
}

#[test]
fn cancelling_a_token_lets_nobody_in() {
    let fixture = ready("[require]\nenroll_at_login = true");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    let mut terminal = fixture.operator_at_terminal("carol", &["reset", "cancel", "alice"], THEN + HOUR);
    terminal.expect("voids the reset token");
    terminal.types("alice");
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(ended.screen.contains("an operator has to enrol it"), "{}", ended.screen);
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::AUTH_ERR);
    let outcome = fixture.login("alice").after(KEY).types("").at(THEN + HOUR).run();
    assert!(said(&outcome).contains("type the reset token"), "{outcome:?}");
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
    assert_eq!(completes(&fixture, "bob", THEN + HOUR).status, 1);
    let list = fixture.command_of_operator("bob", &["--json", "reset", "list"], THEN + HOUR);
    assert_eq!(list.json()["resets"][0]["stage"], "called_off");
}

#[test]
fn a_reused_name_inherits_no_reset() {
    let mut fixture = ready("[require]\nenroll_at_login = true");
    completes(&fixture, "bob", THEN + HOUR).assert_done();
    fixture.machine().delete_account("alice");
    let _ = fixture.machine().add_account("alice");
    let status = fixture.totp_enroll(&["status", "alice"]);
    assert!(status.status == 3 && !status.stderr.contains("token"), "{status:?}");
    let outcome = fixture.login("alice").after(KEY).answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    assert_eq!(outcome.at(THEN + HOUR).code(), PamCode::SUCCESS);
    assert!(!fixture.path("state/resets/alice.toml").exists());
}

#[test]
fn an_operator_removes_a_broken_reset_and_its_owner_cannot() {
    let fixture = ready("[require]\nenroll_at_login = true");
    completes(&fixture, "bob", THEN + HOUR).assert_done();
    let file = fixture.path("state/resets/alice.toml");
    fs::write(&file, "version = 9\n").unwrap();
    let disable = ["--json", "disable", "alice", "--yes"];
    assert_eq!(fixture.command_of_operator("alice", &disable, THEN + HOUR).status, 3);
    assert!(file.exists(), "alice lifts no bar of her own");
    let forgotten = fixture.command_of_operator("bob", &disable, THEN + HOUR);
    assert_eq!(forgotten.status, 3, "{forgotten:?}");
    assert!(forgotten.stderr.contains("was cancelled") && !file.exists(), "{forgotten:?}");
    assert_eq!(fixture.journal.command_events().pop().unwrap().field("event"), "reset_cancelled");
    let again = fixture.command_of_operator("bob", &disable, THEN + HOUR);
    assert!(again.status == 3 && !again.stderr.contains("was cancelled"), "{again:?}");
}

#[test]
fn a_third_operator_gets_no_token_while_one_is_out() {
    let fixture = ready("");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    let third =
        fixture.command_of_operator("bin", &["--json", "reset", "complete", "alice", "--yes"], THEN + HOUR);
    assert_eq!(third.status, 4, "{third:?}");
    let again = fixture.command_of_operator(
        "carol",
        &["--json", "reset", "request", "alice", "--reason", "lost"],
        THEN + HOUR,
    );
    assert_eq!(again.status, 1, "{again:?}");
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SUCCESS);
}

#[test]
fn explain_and_status_say_what_a_reset_user_waits_for() {
    let fixture = ready("[require]\nenroll_at_login = true");
    completes(&fixture, "bob", THEN + HOUR).assert_done();
    let explained =
        fixture.totp_enroll(&["--json", "explain", "alice", "--service", SERVICE, "--after-first-factor"]);
    assert_eq!(explained.json()["outcome"], "token", "{explained:?}");
    let status = fixture.totp_enroll(&["status", "alice"]);
    assert_eq!(status.status, 3, "{status:?}");
    assert!(status.stderr.contains("needs the reset token"), "{status:?}");
}
