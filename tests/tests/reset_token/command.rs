//! The reset token and the commands: it enrols its user there, and an operator's enrolment or import voids it.

use acceptance::authenticator::Authenticator;
use acceptance::clock::{self, THEN};
use acceptance::enroll_command;
use acceptance::fixture::users_file;
use acceptance::login::PamCode;
use acceptance::operator::with_login_uid;
use acceptance::reset_steps::{HOUR, completes, enrols_with, ready, ready_now, token_in};
use acceptance::terminal::Terminal;

#[test]
fn a_token_enrols_in_the_command() {
    let mut fixture = ready_now();
    let token = token_in(&completes(&fixture, "bob", clock::now() + HOUR));
    let mut terminal = Terminal::open(&fixture.command_of("alice", &["enroll", "--token"]));
    terminal.expect("token: ");
    terminal.types("nonsense");
    terminal.expect("token: ");
    terminal.types(&token);
    let enrolment = enroll_command::confirm(terminal, &[]);
    fixture.note("alice", enrolment.authenticator);
    let events: Vec<String> = fixture.journal.command_events().iter().map(|event| event.what()).collect();
    assert_eq!(events[events.len() - 2..], ["token_used", "enrolled"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let mut terminal = Terminal::open(&fixture.command_of("alice", &["enroll", "--token"]));
    assert!(terminal.expect_any_or_the_end(&["token: "]).is_none(), "{}", terminal.screen());
}

#[test]
fn a_script_hands_the_token_over_in_a_file() {
    let fixture = ready_now();
    let token = token_in(&completes(&fixture, "bob", clock::now() + HOUR));
    let file = fixture.write("token", &format!("{token}\n"));
    let arguments = ["enroll", "alice", "--token-file", file.to_str().unwrap()];
    let enrolment = enroll_command::confirm(Terminal::open(&fixture.command_of("alice", &arguments)), &[]);
    assert_eq!(enrolment.recovery_codes.len(), 10);
}

#[test]
fn a_script_enrols_with_the_token_and_not_without_it() {
    let fixture = ready_now();
    let token = token_in(&completes(&fixture, "bob", clock::now() + HOUR));
    let batch = |arguments: &[&str]| {
        enroll_command::run(
            fixture.command_of("alice", &[&["--json", "enroll", "alice", "--batch"], arguments].concat()),
            "",
        )
    };
    let without = batch(&[]);
    assert_eq!(without.status, 4, "{without:?}");
    assert!(!without.stdout.contains("otpauth"), "{without:?}");
    let wrong = fixture.write("wrong", "0000-0000-0000-0000\n");
    assert_eq!(batch(&["--token-file", wrong.to_str().unwrap()]).status, 4);
    assert_eq!(batch(&["--token"]).status, 2, "it asks");
    let file = fixture.write("token", &token);
    let done = batch(&["--token-file", file.to_str().unwrap()]);
    done.assert_done();
    assert_eq!(done.json()["pending"], true);
    let events: Vec<String> = fixture.journal.command_events().iter().map(|event| event.what()).collect();
    assert_eq!(events[events.len() - 2..], ["token_used", "enrolled"]);
    assert!(!fixture.path("state/resets/alice.toml").exists());
}

#[test]
fn a_reset_user_does_not_enrol_without_the_token() {
    let fixture = ready_now();
    completes(&fixture, "bob", clock::now() + HOUR).assert_done();
    let ended = Terminal::open(&fixture.command_of("alice", &["enroll"])).end();
    assert_eq!(ended.status, 4, "{}", ended.screen);
    assert!(ended.screen.contains("--token") && !ended.screen.contains("manual key"), "{}", ended.screen);
    assert_eq!(fixture.journal.command_events().pop().unwrap().what(), "token_refused missing");
    let mut terminal = Terminal::open(&fixture.command_of("alice", &["enroll", "--token"]));
    for _ in 0..3 {
        terminal.expect("token: ");
        terminal.types("0000-0000-0000-0000");
    }
    let ended = terminal.end();
    assert_eq!(ended.status, 4, "{}", ended.screen);
    assert!(!ended.screen.contains("manual key"), "{}", ended.screen);
}

#[test]
fn an_operator_enrols_a_reset_user_and_the_token_is_void() {
    let mut fixture = ready_now();
    let token = token_in(&completes(&fixture, "bob", clock::now() + HOUR));
    let enrolment =
        enroll_command::confirm(Terminal::open(&fixture.command_of("carol", &["enroll", "alice"])), &[]);
    fixture.note("alice", enrolment.authenticator);
    assert_eq!(enrols_with(&fixture, &token, THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn an_import_for_a_reset_user_voids_the_token() {
    let fixture = ready("");
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    let phone = ("alice".to_owned(), Authenticator::random());
    let users = fixture.write("users.oath", &users_file(std::slice::from_ref(&phone)));
    fixture.totp_enroll(&["--json", "import", "oath", users.to_str().unwrap()]).assert_done();
    assert!(!fixture.path("state/resets/alice.toml").exists());
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::AUTH_ERR);
    let login = fixture.login("alice").types(phone.1.code_at(THEN + HOUR)).at(THEN + HOUR);
    assert_eq!(login.code(), PamCode::SUCCESS);
}

#[test]
fn a_reset_user_does_not_import_without_the_token() {
    let fixture = ready_now();
    completes(&fixture, "bob", clock::now() + HOUR).assert_done();
    let phone = ("alice".to_owned(), Authenticator::random());
    let oath = fixture.write("users.oath", &users_file(std::slice::from_ref(&phone)));
    let google = fixture.write("secret", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n");
    let (oath, google) = (oath.to_str().unwrap(), google.to_str().unwrap());
    let before = fixture.stored();
    for arguments in [
        &["--json", "import", "oath", oath][..],
        &["--json", "import", "google-authenticator", google, "--user", "alice"],
    ] {
        let refused = enroll_command::run(fixture.command_of("alice", arguments), "");
        assert!(refused.status == 1 && refused.stderr.contains("enroll --token"), "{refused:?}");
        before.assert_unchanged(&fixture.state());
    }
    enroll_command::run(fixture.command_of("carol", &["--json", "import", "oath", oath]), "").assert_done();
}

#[test]
fn a_root_shell_of_the_owner_does_not_replace_the_token() {
    let mut fixture = ready_now();
    completes(&fixture, "bob", clock::now() + HOUR).assert_done();
    let [alice, bob] = ["alice", "bob"].map(|name| fixture.machine().uid(name));
    let enrol = fixture.command(&["--json", "enroll", "alice", "--batch"]);
    let refused = enroll_command::run(with_login_uid(&enrol, Some(alice)), "");
    assert_eq!(refused.status, 4, "{refused:?}");
    enroll_command::run(with_login_uid(&enrol, Some(bob)), "").assert_done();
}
