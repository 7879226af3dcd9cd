//! The ticket that a reset leaves: what it enrols, for whom nothing else does, and that it is good once.

use acceptance::authenticator::Authenticator;
use acceptance::clock::{self, THEN};
use acceptance::desk::{self, asks_for_the_name};
use acceptance::login::{Answer, Login, PROMPT, PamCode, Waiting};
use acceptance::mailbox::spooled;
use acceptance::operator::logged_in_as;
use acceptance::resetting::{
    DAY, HOUR, KEY, completes, enrols_with, ready, ready_at, ready_now, said, ticket_in,
};
use acceptance::scene::{DOOR, users_file};
use acceptance::sshd::{KEY_AND_CODE, Key};
use acceptance::terminal::Terminal;
use std::fs;

#[test]
fn a_ticket_is_shown_once_at_a_terminal_and_kept_nowhere() {
    let scene = ready("");
    let mut terminal = scene.operator_at_terminal("bob", &["reset", "complete", "alice"], THEN + HOUR);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    let [ticket] = &desk::recovery_codes(&ended.screen)[..] else { panic!("one ticket: {}", ended.screen) };
    let bare = ticket.replace('-', "");
    let (stored, log) = (scene.stored(), scene.journal.lines().concat());
    for text in [ticket, &bare] {
        assert!(!stored.hold(text.as_bytes()) && !log.contains(text.as_str()));
    }
    assert_eq!(enrols_with(&scene, ticket, THEN + HOUR).code(), PamCode::SUCCESS);
}

#[test]
fn a_completion_that_is_given_again_makes_another_ticket_and_the_first_is_void() {
    let scene = ready("");
    let [first, second] = [0; 2].map(|_| ticket_in(&completes(&scene, "bob", THEN + HOUR)));
    assert_eq!(enrols_with(&scene, &first, THEN + HOUR).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.journal.last().what(), "refused ticket");
    assert_eq!(enrols_with(&scene, &second, THEN + HOUR).code(), PamCode::SUCCESS);
    assert_eq!(completes(&scene, "bob", THEN + HOUR).status, 1, "enrolled anew: there is no reset any more");
}

#[test]
fn a_ticket_enrols_at_the_door_where_nobody_else_is_enrolled_there() {
    let scene = ready("");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    let outcome = enrols_with(&scene, &ticket.to_lowercase().replace('-', " "), THEN + HOUR).run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
    let events: Vec<String> = scene.journal.events().iter().map(|event| event.what()).collect();
    assert_eq!(events[events.len() - 2..], ["ticket_used", "enrolled"]);
    assert_eq!(desk::recovery_codes(&said(&outcome)).len(), 10);
    let phone = Authenticator::shown(&said(&outcome));
    let next = scene.login("alice").after(KEY).types(phone.code_at(THEN + HOUR + 60)).at(THEN + HOUR + 60);
    assert_eq!(next.code(), PamCode::SUCCESS);
    let again = scene.login("alice").after(KEY).types(&ticket).at(THEN + HOUR + 60).run();
    assert_eq!((again.code, again.asked().len()), (PamCode::AUTH_ERR, 1), "replayed: {again:?}");
    scene.desk(&["--json", "disable", "alice", "--yes"]).assert_done();
    let again = enrols_with(&scene, &ticket, THEN + HOUR + 60).run();
    assert_eq!((again.code, again.asked().len()), (PamCode::AUTH_ERR, 1), "replayed: {again:?}");
}

#[test]
fn a_ticket_enrols_over_ssh_behind_a_key() {
    let mut scene = ready_now();
    let ticket = ticket_in(&completes(&scene, "bob", clock::now() + HOUR));
    let stack = scene.module("");
    let sshd = scene.sshd(KEY_AND_CODE, &stack);
    let mut ssh = sshd.ssh("alice", Key::Offered, "echo inside as $(id -un)");
    ssh.expect(PROMPT);
    ssh.types(&ticket);
    let phone = Authenticator::shown(&ssh.expect("nothing typed: "));
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
fn a_ticket_is_asked_of_whom_others_would_be_let_past_or_enrolled() {
    for (config, arguments) in [
        ("[require]\nenroll_at_login = true", ""),
        ("[require]\nenroll_by = 9999-12-31", ""),
        ("[require]\nenroll_at_login = true\nenroll_by = 9999-12-31", ""),
        ("", "nullok"),
    ] {
        let scene = ready(config);
        scene.service(DOOR, &scene.module(arguments));
        let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
        for then in [THEN + HOUR, THEN + 9 * DAY] {
            let outcome = scene.login("alice").after(KEY).types("").at(then).run();
            assert_eq!(outcome.code, PamCode::AUTH_ERR, "{config}: {outcome:?}");
            assert_eq!(outcome.asked(), [PROMPT], "{config}");
            assert!(said(&outcome).contains("type the ticket"), "{config}: {outcome:?}");
        }
        assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR).code(), PamCode::SUCCESS, "{config}");
    }
}

#[test]
fn a_ticket_does_nothing_before_a_first_factor_or_where_nothing_may_be_said() {
    let scene = ready("");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    let person = |login: Login| login.types(&ticket).answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    let stranger = person(scene.login("alice")).at(THEN + HOUR);
    let silent = Login { silent: true, ..enrols_with(&scene, &ticket, THEN + HOUR) };
    for login in [stranger, silent] {
        let outcome = login.run();
        assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "{outcome:?}");
    }
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR).code(), PamCode::SUCCESS, "and it is not used up");
}

#[test]
fn five_wrong_tickets_are_its_end_and_no_way_around_it() {
    let scene = ready("[require]\nenroll_at_login = true");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    for _ in 0..5 {
        let outcome = enrols_with(&scene, "0000-0000-0000-0000", THEN + HOUR).run();
        assert_eq!(outcome.code, PamCode::AUTH_ERR);
        assert!(said(&outcome).contains("That is not the ticket."), "{outcome:?}");
    }
    let outcome = enrols_with(&scene, &ticket, THEN + HOUR).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "{outcome:?}");
    let refused = scene.journal.events().into_iter().filter(|event| event.field("event") == "ticket_refused");
    let refused: Vec<String> = refused.map(|event| event.what()).collect();
    assert_eq!(refused[4..], ["ticket_refused wrong", "ticket_refused dead"]);
    let outcome = enrols_with(&scene, "", THEN + 9 * DAY).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "a bar still: {outcome:?}");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR).code(), PamCode::SUCCESS);
}

#[test]
fn a_dead_ticket_has_nothing_more_to_tell_its_owner() {
    let scene = ready("[notify]\ncommand = [\"/bin/false\"]");
    let _ = completes(&scene, "bob", THEN + HOUR);
    let told = || spooled(&scene).len();
    let before = told();
    for _ in 0..5 {
        let _ = enrols_with(&scene, "0000-0000-0000-0000", THEN + HOUR).run();
    }
    assert_eq!(told(), before + 5);
    for _ in 0..3 {
        let outcome = enrols_with(&scene, "0000-0000-0000-0000", THEN + HOUR).run();
        assert_eq!(outcome.code, PamCode::AUTH_ERR);
        assert!(scene.journal.events().iter().any(|event| event.what() == "ticket_refused dead"));
    }
    assert_eq!(told(), before + 5, "whoever has the password fills no mailbox");
}

#[test]
fn at_the_desk_too_nobody_is_told_of_tickets_that_are_not_judged() {
    let scene = ready_at("[notify]\ncommand = [\"/bin/false\"]", clock::now());
    let _ = completes(&scene, "bob", clock::now() + HOUR);
    let file = scene.write("ticket", "0000-0000-0000-0000\n");
    let enrols = |more: &[&str]| {
        let arguments = [&["--json", "enroll", "alice", "--batch"], more].concat();
        assert_eq!(desk::run(scene.command_of("alice", &arguments), "").status, 4);
    };
    let with_ticket = ["--token-file", file.to_str().unwrap()];
    let refused = || {
        let events = scene.journal.desk_events().into_iter();
        events.map(|event| event.what()).rfind(|what| what.starts_with("ticket_refused")).unwrap()
    };
    let told = || spooled(&scene).len();
    let before = told();
    (0..5).for_each(|_| enrols(&with_ticket));
    assert_eq!(told(), before + 5);
    (0..3).for_each(|_| enrols(&with_ticket));
    assert_eq!(refused(), "ticket_refused dead");
    (0..3).for_each(|_| enrols(&[]));
    assert_eq!(refused(), "ticket_refused missing");
    assert_eq!(told(), before + 5, "whoever may enrol themselves fills no mailbox");
}

#[test]
fn a_ticket_expires() {
    let scene = ready("[reset]\nticket_for = \"30m\"");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR + 1800).code(), PamCode::AUTH_ERR);
    let event = scene.journal.events().into_iter().rfind(|event| event.field("event") == "ticket_refused");
    assert_eq!(event.unwrap().field("reason"), "expired");
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR + 1799).code(), PamCode::SUCCESS);
}

#[test]
fn whoever_leaves_an_enrolment_by_ticket_can_come_back_with_it() {
    let scene = ready("");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    for _ in 0..7 {
        let leaves = scene.login("alice").after(KEY).types(&ticket).types("").at(THEN + HOUR);
        assert_eq!(leaves.code(), PamCode::AUTH_ERR);
    }
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR).code(), PamCode::SUCCESS);
}

#[test]
fn of_many_with_one_ticket_one_is_enrolled() {
    for many in [2, 16] {
        let scene = ready("");
        let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
        let waiting: Vec<Waiting> =
            (0..many).map(|_| enrols_with(&scene, &ticket, THEN + HOUR).hold()).collect();
        let running: Vec<_> = waiting.into_iter().map(Waiting::release).collect();
        let codes: Vec<PamCode> = running.into_iter().map(|login| login.outcome().unwrap().code).collect();
        assert_eq!(codes.iter().filter(|code| **code == PamCode::SUCCESS).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == PamCode::AUTH_ERR).count(), many - 1, "{codes:?}");
        let used =
            scene.journal.events().iter().filter(|event| event.field("event") == "ticket_used").count();
        assert_eq!(used, 1);
    }
}

#[test]
fn a_ticket_enrols_at_the_desk() {
    let mut scene = ready_now();
    let ticket = ticket_in(&completes(&scene, "bob", clock::now() + HOUR));
    let mut terminal = Terminal::open(&scene.command_of("alice", &["enroll", "--token"]));
    terminal.expect("ticket: ");
    terminal.types("nonsense");
    terminal.expect("ticket: ");
    terminal.types(&ticket);
    let enrolment = desk::confirm(terminal, &[]);
    scene.note("alice", enrolment.authenticator);
    let events: Vec<String> = scene.journal.desk_events().iter().map(|event| event.what()).collect();
    assert_eq!(events[events.len() - 2..], ["ticket_used", "enrolled"]);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let mut terminal = Terminal::open(&scene.command_of("alice", &["enroll", "--token"]));
    assert!(terminal.expect_any_or_the_end(&["ticket: "]).is_none(), "{}", terminal.screen());
}

#[test]
fn a_script_hands_the_ticket_over_in_a_file() {
    let scene = ready_now();
    let ticket = ticket_in(&completes(&scene, "bob", clock::now() + HOUR));
    let file = scene.write("ticket", &format!("{ticket}\n"));
    let arguments = ["enroll", "alice", "--token-file", file.to_str().unwrap()];
    let enrolment = desk::confirm(Terminal::open(&scene.command_of("alice", &arguments)), &[]);
    assert_eq!(enrolment.recovery_codes.len(), 10);
}

#[test]
fn a_script_enrols_with_the_ticket_and_not_without_it() {
    let scene = ready_now();
    let ticket = ticket_in(&completes(&scene, "bob", clock::now() + HOUR));
    let batch = |arguments: &[&str]| {
        desk::run(
            scene.command_of("alice", &[&["--json", "enroll", "alice", "--batch"], arguments].concat()),
            "",
        )
    };
    let without = batch(&[]);
    assert_eq!(without.status, 4, "{without:?}");
    assert!(!without.stdout.contains("otpauth"), "{without:?}");
    let wrong = scene.write("wrong", "0000-0000-0000-0000\n");
    assert_eq!(batch(&["--token-file", wrong.to_str().unwrap()]).status, 4);
    assert_eq!(batch(&["--token"]).status, 2, "it asks");
    let file = scene.write("ticket", &ticket);
    let done = batch(&["--token-file", file.to_str().unwrap()]);
    done.assert_done();
    assert_eq!(done.json()["pending"], true);
    let events: Vec<String> = scene.journal.desk_events().iter().map(|event| event.what()).collect();
    assert_eq!(events[events.len() - 2..], ["ticket_used", "enrolled"]);
    assert!(!scene.path("state/resets/alice.toml").exists());
}

#[test]
fn who_was_reset_does_not_enrol_themselves_without_the_ticket() {
    let scene = ready_now();
    completes(&scene, "bob", clock::now() + HOUR).assert_done();
    let ended = Terminal::open(&scene.command_of("alice", &["enroll"])).end();
    assert_eq!(ended.status, 4, "{}", ended.screen);
    assert!(ended.screen.contains("--token") && !ended.screen.contains("manual key"), "{}", ended.screen);
    assert_eq!(scene.journal.desk_events().pop().unwrap().what(), "ticket_refused missing");
    let mut terminal = Terminal::open(&scene.command_of("alice", &["enroll", "--token"]));
    for _ in 0..3 {
        terminal.expect("ticket: ");
        terminal.types("0000-0000-0000-0000");
    }
    let ended = terminal.end();
    assert_eq!(ended.status, 4, "{}", ended.screen);
    assert!(!ended.screen.contains("manual key"), "{}", ended.screen);
}

#[test]
fn an_operator_enrols_somebody_who_was_reset_and_the_ticket_is_void() {
    let mut scene = ready_now();
    let ticket = ticket_in(&completes(&scene, "bob", clock::now() + HOUR));
    let enrolment = desk::confirm(Terminal::open(&scene.command_of("carol", &["enroll", "alice"])), &[]);
    scene.note("alice", enrolment.authenticator);
    assert_eq!(enrols_with(&scene, &ticket, THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_reset_that_cannot_be_read_refuses_at_the_door_until_root_takes_it_away() {
    let scene = ready("[require]\nenroll_at_login = true");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    let file = scene.path("state/resets/alice.toml");
    acceptance::damage::set_mode(&file, 0o644);
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR).code(), PamCode::SYSTEM_ERR);
    let event = scene.journal.last();
    assert_eq!(event.field("event"), "error", "{event:?}");
    assert!(event.field("file").ends_with("resets/alice.toml"), "{event:?}");
    acceptance::damage::set_mode(&file, 0o600);
    fs::write(&file, "version = 1\n").unwrap();
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR).code(), PamCode::SYSTEM_ERR);
    let kept = scene.desk_of("bob", &["--json", "reset", "cancel", "alice", "--yes"], THEN);
    assert_eq!(kept.status, 1, "{kept:?}");
    let error = kept.json();
    assert!(error["file"].as_str().unwrap().ends_with("resets/alice.toml"), "{error}");
    assert!(error["error"].as_str().unwrap().contains("totp-enroll disable"), "{error}");
    fs::remove_file(&file).unwrap();
    let outcome = scene.login("alice").after(KEY).answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    assert_eq!(outcome.at(THEN + HOUR).code(), PamCode::SUCCESS, "as before it was requested");
}

#[test]
fn an_operator_who_cancels_a_ticket_opens_no_door() {
    let scene = ready("[require]\nenroll_at_login = true");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    let mut terminal = scene.operator_at_terminal("carol", &["reset", "cancel", "alice"], THEN + HOUR);
    terminal.expect("voids the ticket: nobody is enrolled");
    terminal.types("alice");
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(ended.screen.contains("an operator enrols them"), "{}", ended.screen);
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR).code(), PamCode::AUTH_ERR);
    let outcome = scene.login("alice").after(KEY).types("").at(THEN + HOUR).run();
    assert!(said(&outcome).contains("type the ticket"), "{outcome:?}");
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
    assert_eq!(completes(&scene, "bob", THEN + HOUR).status, 1);
    let list = scene.desk_of("bob", &["--json", "reset", "list"], THEN + HOUR);
    assert_eq!(list.json()["resets"][0]["stage"], "called_off");
}

#[test]
fn a_name_that_is_used_again_inherits_no_bar() {
    let mut scene = ready("[require]\nenroll_at_login = true");
    completes(&scene, "bob", THEN + HOUR).assert_done();
    scene.machine().delete_account("alice");
    let _ = scene.machine().add_account("alice");
    let status = scene.desk(&["status", "alice"]);
    assert!(status.status == 3 && !status.stderr.contains("ticket"), "{status:?}");
    let outcome = scene.login("alice").after(KEY).answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    assert_eq!(outcome.at(THEN + HOUR).code(), PamCode::SUCCESS);
    assert!(!scene.path("state/resets/alice.toml").exists());
}

#[test]
fn root_forgets_a_reset_where_nobody_is_enrolled_and_its_owner_does_not() {
    let scene = ready("[require]\nenroll_at_login = true");
    completes(&scene, "bob", THEN + HOUR).assert_done();
    let file = scene.path("state/resets/alice.toml");
    fs::write(&file, "version = 9\n").unwrap();
    let disable = ["--json", "disable", "alice", "--yes"];
    assert_eq!(scene.desk_of("alice", &disable, THEN + HOUR).status, 3);
    assert!(file.exists(), "alice lifts no bar of her own");
    let forgotten = scene.desk_of("bob", &disable, THEN + HOUR);
    assert_eq!(forgotten.status, 3, "{forgotten:?}");
    assert!(forgotten.stderr.contains("is forgotten") && !file.exists(), "{forgotten:?}");
    assert_eq!(scene.journal.desk_events().pop().unwrap().field("event"), "reset_cancelled");
    let again = scene.desk_of("bob", &disable, THEN + HOUR);
    assert!(again.status == 3 && !again.stderr.contains("is forgotten"), "{again:?}");
}

#[test]
fn a_third_operator_gets_no_ticket_while_one_is_out() {
    let scene = ready("");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    let third = scene.desk_of("bin", &["--json", "reset", "complete", "alice", "--yes"], THEN + HOUR);
    assert_eq!(third.status, 4, "{third:?}");
    let again =
        scene.desk_of("carol", &["--json", "reset", "request", "alice", "--reason", "lost"], THEN + HOUR);
    assert_eq!(again.status, 1, "{again:?}");
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR).code(), PamCode::SUCCESS);
}

#[test]
fn explain_and_status_say_what_somebody_who_was_reset_waits_for() {
    let scene = ready("[require]\nenroll_at_login = true");
    completes(&scene, "bob", THEN + HOUR).assert_done();
    let explained = scene.desk(&["--json", "explain", "alice", "--service", DOOR, "--after-first-factor"]);
    assert_eq!(explained.json()["outcome"], "ticket", "{explained:?}");
    let status = scene.desk(&["status", "alice"]);
    assert_eq!(status.status, 3, "{status:?}");
    assert!(status.stderr.contains("waits for its ticket"), "{status:?}");
}

#[test]
fn an_import_of_somebody_who_was_reset_makes_the_ticket_void() {
    let scene = ready("");
    let ticket = ticket_in(&completes(&scene, "bob", THEN + HOUR));
    let phone = ("alice".to_owned(), Authenticator::random());
    let users = scene.write("users.oath", &users_file(std::slice::from_ref(&phone)));
    scene.desk(&["--json", "import", "oath", users.to_str().unwrap()]).assert_done();
    assert!(!scene.path("state/resets/alice.toml").exists());
    assert_eq!(enrols_with(&scene, &ticket, THEN + HOUR).code(), PamCode::AUTH_ERR);
    let login = scene.login("alice").types(phone.1.code_at(THEN + HOUR)).at(THEN + HOUR);
    assert_eq!(login.code(), PamCode::SUCCESS);
}

#[test]
fn who_was_reset_does_not_import_themselves_without_the_ticket() {
    let scene = ready_now();
    completes(&scene, "bob", clock::now() + HOUR).assert_done();
    let phone = ("alice".to_owned(), Authenticator::random());
    let oath = scene.write("users.oath", &users_file(std::slice::from_ref(&phone)));
    let google = scene.write("secret", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n");
    let (oath, google) = (oath.to_str().unwrap(), google.to_str().unwrap());
    let before = scene.stored();
    for arguments in [
        &["--json", "import", "oath", oath][..],
        &["--json", "import", "google-authenticator", google, "--user", "alice"],
    ] {
        let refused = desk::run(scene.command_of("alice", arguments), "");
        assert!(refused.status == 1 && refused.stderr.contains("enroll --token"), "{refused:?}");
        before.assert_unchanged(&scene.state());
    }
    desk::run(scene.command_of("carol", &["--json", "import", "oath", oath]), "").assert_done();
}

#[test]
fn a_root_shell_of_ones_own_login_does_not_make_up_for_the_ticket() {
    let mut scene = ready_now();
    completes(&scene, "bob", clock::now() + HOUR).assert_done();
    let [alice, bob] = ["alice", "bob"].map(|name| scene.machine().uid(name));
    let enrol = scene.command(&["--json", "enroll", "alice", "--batch"]);
    let refused = desk::run(logged_in_as(&enrol, Some(alice)), "");
    assert_eq!(refused.status, 4, "{refused:?}");
    desk::run(logged_in_as(&enrol, Some(bob)), "").assert_done();
}
