//! Nothing is left in the memory of a command at its end.

use super::{MANY_CODES, alice, new_recovery_codes, of_alice};
use acceptance::authenticator::{Authenticator, random_bytes, shown_key};
use acceptance::enroll_command::{ASKS_FOR_A_CODE, ASKS_FOR_A_PRESENT_CODE, shown_authenticator};
use acceptance::fixture::Fixture;
use acceptance::login::{PamCode, Stage};
use acceptance::memory::{assert_no_trace, traces};
use acceptance::reset_steps::wait_for_the_cool_down;
use acceptance::secrets::Secrets;
use acceptance::stopped::{alone_stopped_at_its_end, stopped_at_its_end};
use acceptance::strace::Trace;
use acceptance::terminal::Terminal;
use acceptance::{enroll_command, qr};
use data_encoding::{BASE32_NOPAD, BASE64};
use std::collections::BTreeSet;
use std::fs;

#[test]
fn an_enrolment_that_is_given_up_leaves_nothing_behind() {
    let fixture = Fixture::builder().account("alice").build();
    let trace = Trace::new();
    let options = ["--algorithm", "SHA512", "--digits", "8"];
    let command = fixture.command(&[&["enroll", "alice"][..], &options].concat());
    let mut terminal = Terminal::open(&trace.stopping_at_its_end(&command));
    let phone = shown_authenticator(&mut terminal, &options);
    terminal.types(&phone.wrong_code());
    terminal.expect(ASKS_FOR_A_CODE);
    terminal.presses_ctrl('d');
    let stopped = trace.stopped();
    let secrets = Secrets::default().shared_secret("the shared secret", &phone.secret).master_key(&fixture);
    assert_no_trace(stopped.pid(), &secrets);
}

#[test]
fn an_enrolment_leaves_nothing_behind() {
    let fixture = Fixture::builder().config(MANY_CODES).account("alice").build();
    let trace = Trace::new();
    let options = ["--algorithm", "SHA512", "--digits", "8"];
    let command = fixture.command(&[&["enroll", "alice"][..], &options].concat());
    let mut terminal = Terminal::open(&trace.stopping_at_its_end(&command));
    let phone = shown_authenticator(&mut terminal, &options);
    terminal.types("uri");
    terminal.expect(ASKS_FOR_A_CODE);
    let code = phone.code();
    terminal.types(&code);
    let shown = terminal.expect("they are not shown again");
    let codes = enroll_command::recovery_codes(&shown);
    assert_eq!(codes.len(), 16);
    let stopped = trace.stopped();
    let secrets = Secrets::default().shared_secret("the shared secret", &phone.secret).master_key(&fixture);
    let secrets = secrets.pepper(&fixture, "alice").bytes("what was typed", code.as_bytes());
    let secrets = codes.iter().fold(secrets, |secrets, code| secrets.recovery_code(code));
    let screen = terminal.screen();
    let drawn = qr::stretches(&screen);
    assert!(!drawn.is_empty());
    let secrets = drawn.iter().fold(secrets, |secrets, drawn| secrets.whole("the QR code", drawn));
    assert_no_trace(stopped.pid(), &secrets);
}

#[test]
fn new_recovery_codes_leave_nothing_behind() {
    let fixture = alice();
    let command = fixture.command(&["--json", "recovery-codes", "alice", "--yes"]);
    let (stopped, said) = stopped_at_its_end(&command);
    let secrets = of_alice(&fixture).pepper(&fixture, "alice");
    let secrets = enroll_command::recovery_codes_in(&said)
        .iter()
        .fold(secrets, |secrets, code| secrets.recovery_code(code));
    assert_no_trace(stopped.pid(), &secrets);
}

#[test]
fn a_token_leaves_nothing_behind_where_it_is_made() {
    let fixture = reset();
    let (stopped, said) =
        stopped_at_its_end(&fixture.command(&["--json", "reset", "complete", "alice", "--yes"]));
    assert_no_trace(
        stopped.pid(),
        &Secrets::default().recovery_code(&enroll_command::token_in(&said)).master_key(&fixture),
    );
    let trace = Trace::new();
    let command = fixture.command(&["reset", "complete", "alice", "--yes"]);
    let mut terminal = Terminal::open(&trace.stopping_at_its_end(&command));
    let codes = enroll_command::recovery_codes(&terminal.expect("give it to the user"));
    let stopped = trace.stopped();
    let secrets = codes.iter().fold(Secrets::default(), |secrets, code| secrets.recovery_code(code));
    assert_eq!(codes.len(), 1);
    assert_no_trace(stopped.pid(), &secrets);
}

#[test]
fn a_token_leaves_nothing_behind_where_it_is_typed() {
    let fixture = reset();
    let complete = ["--json", "reset", "complete", "alice", "--yes"];
    let token = enroll_command::token_in(&fixture.totp_enroll(&complete).stdout);
    let login = fixture.login("alice").after("publickey ssh-ed25519 AAAA").types(&token).types("");
    let waiting = login.hold_at(Stage::Answered);
    assert_no_trace(waiting.pid(), &Secrets::default().recovery_code(&token).master_key(&fixture));
    let left = waiting.outcome();
    assert_eq!((left.code, left.asked().len()), (PamCode::AUTH_ERR, 2), "left at the card: {left:?}");
    let trace = Trace::new();
    let mut terminal =
        Terminal::open(&trace.stopping_at_its_end(&fixture.command(&["enroll", "alice", "--token"])));
    terminal.expect("token: ");
    terminal.types(&token);
    terminal.expect(ASKS_FOR_A_CODE);
    terminal.presses_ctrl('d');
    let stopped = trace.stopped();
    assert_no_trace(stopped.pid(), &Secrets::default().recovery_code(&token));
}

#[test]
fn changing_a_factor_leaves_no_secret_in_memory() {
    let phone = Authenticator { secret: random_bytes(64), digits: 8, ..Authenticator::random() };
    let fixture = Fixture::builder().account("alice").enrolled_with("alice", phone).build();
    let trace = Trace::new();
    let command = fixture.command_of("alice", &["recovery-codes"]);
    let mut terminal = Terminal::open(&trace.stopping_at_its_end(&command));
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    let code = fixture.code("alice");
    terminal.types(&code);
    let codes = enroll_command::recovery_codes(&terminal.expect("they are not shown again"));
    let stopped = trace.stopped();
    let secrets = of_alice(&fixture).pepper(&fixture, "alice").bytes("what was typed", code.as_bytes());
    let secrets = codes.iter().fold(secrets, |secrets, code| secrets.recovery_code(code));
    assert_no_trace(stopped.pid(), &secrets);
}

#[test]
fn testing_a_code_leaves_no_secret_in_memory() {
    let phone = Authenticator { secret: random_bytes(64), digits: 8, ..Authenticator::random() };
    let fixture = Fixture::builder().account("alice").enrolled_with("alice", phone).build();
    let trace = Trace::new();
    let mut terminal = Terminal::open(&trace.stopping_at_its_end(&fixture.command_of("alice", &["test"])));
    terminal.expect("code: ");
    let code = fixture.code("alice");
    terminal.types(&code);
    terminal.expect("correct");
    let stopped = trace.stopped();
    assert_no_trace(stopped.pid(), &of_alice(&fixture).bytes("what was typed", code.as_bytes()));
}

#[test]
fn a_doctor_that_opened_every_seal_leaves_nothing_behind() {
    let fixture = alice();
    let _ = new_recovery_codes(&fixture);
    let (stopped, said) = alone_stopped_at_its_end(&fixture.command(&["--json", "doctor"]));
    assert!(said.contains("findings"), "{said}");
    assert_no_trace(stopped.pid(), &of_alice(&fixture).pepper(&fixture, "alice"));
}

#[test]
fn an_import_leaves_nothing_behind() {
    let fixture = Fixture::builder().build();
    let phone = Authenticator { secret: random_bytes(64), digits: 8, ..Authenticator::random() };
    let secrets = Secrets::default().shared_secret("the shared secret", &phone.secret).master_key(&fixture);
    let users = acceptance::fixture::users_file(&[("alice".to_owned(), phone)]);
    let file = fixture.write("users.oath", &users);
    let import = ["import", "oath", file.to_str().unwrap(), "--allow-unknown"];
    let (stopped, _) = stopped_at_its_end(&fixture.command(&import));
    assert_no_trace(stopped.pid(), &secrets);
    assert!(fixture.credential("alice").exists());
}

#[test]
fn the_files_and_exports_of_other_programs_leave_nothing_behind() {
    let secret = random_bytes(64);
    let base32 = BASE32_NOPAD.encode(&secret);
    let scratch = ["71744121", "75760401"];
    let account = [&[1 << 3 | 2, 64], &secret[..], &[2 << 3 | 2, 5], b"alice", &[6 << 3, 2]].concat();
    let export = [&[1 << 3 | 2, u8::try_from(account.len()).unwrap()], &account[..]].concat();
    for (import, text) in [
        (
            &["google-authenticator", "FILE", "--user", "alice"][..],
            format!("{base32}\n\" TOTP_AUTH\n{}\n{}\n", scratch[0], scratch[1]),
        ),
        (&["uri", "FILE"], format!("otpauth-migration://offline?data={}\n", BASE64.encode(&export))),
    ] {
        let fixture = Fixture::builder().build();
        let file = fixture.write("moving.in", &text);
        let words = import.iter().map(|word| if *word == "FILE" { file.to_str().unwrap() } else { *word });
        let words: Vec<&str> =
            ["--json", "import"].into_iter().chain(words).chain(["--allow-unknown"]).collect();
        let (stopped, _) = stopped_at_its_end(&fixture.command(&words));
        assert!(fixture.credential("alice").exists());
        let secrets = Secrets::default().shared_secret("the shared secret", &secret).master_key(&fixture);
        let export = BASE64.encode(&export);
        let secrets = secrets.bytes("the export", export.as_bytes());
        let secrets =
            scratch.iter().fold(secrets, |secrets, code| secrets.whole("a scratch code", code.as_bytes()));
        assert_no_trace(stopped.pid(), &secrets);
    }
}

#[test]
fn an_enrolment_by_a_script_leaves_nothing_behind() {
    for format in [&["--json"][..], &[]] {
        let fixture = Fixture::builder().config(MANY_CODES).account("alice").build();
        let (png, svg) = (fixture.path("alice.png"), fixture.path("alice.svg"));
        let pictures = ["--qr-png", png.to_str().unwrap(), "--qr-svg", svg.to_str().unwrap()];
        let enroll = [format, &["enroll", "alice", "--batch", "--algorithm", "SHA512"], &pictures].concat();
        let (stopped, said) = stopped_at_its_end(&fixture.command(&enroll));
        let (key, codes, drawn) = if format.is_empty() {
            let code = |line: &str| line.strip_prefix("recovery code: ").map(str::to_owned);
            let codes: Vec<String> = said.lines().filter_map(code).collect();
            (shown_key(&said).to_owned(), codes, said.clone())
        } else {
            let document: serde_json::Value = serde_json::from_str(&said).unwrap();
            let text = |key: &str| document[key].as_str().unwrap().to_owned();
            (text("manual_key"), enroll_command::recovery_codes_in(&said), text("qr"))
        };
        assert_eq!(codes.len(), 16);
        let phone = Authenticator::from_manual_key(&key);
        let secrets =
            Secrets::default().shared_secret("the shared secret", &phone.secret).master_key(&fixture);
        let secrets =
            codes.iter().fold(secrets.pepper(&fixture, "alice"), |secrets, code| secrets.recovery_code(code));
        // A line of the drawing that is unlike any other: the one in the middle.
        let line = drawn.lines().filter(|line| line.contains('█')).nth(12).unwrap();
        let secrets = secrets.whole("the QR code", line.trim_matches(['█', ' ']).as_bytes());
        assert_no_trace(stopped.pid(), &secrets);
    }
}

#[test]
fn a_new_keyring_leaves_nothing_behind() {
    let fixture = Fixture::builder().build();
    fs::remove_file(fixture.keyring()).unwrap();
    let (stopped, _) = stopped_at_its_end(&fixture.command(&["keys", "init"]));
    assert_no_trace(stopped.pid(), &Secrets::default().master_key(&fixture));
}

/// The same for the command.
#[test]
fn an_enrolling_command_holds_the_entry() {
    let fixture = Fixture::builder().account("alice").build();
    let trace = Trace::new();
    let command = fixture.command(&["enroll", "alice", "--algorithm", "SHA512"]);
    let place = fixture.state().join("credentials");
    let mut terminal = Terminal::open(&trace.stopping_after(&command, "renameat", &place));
    let phone = shown_authenticator(&mut terminal, &["--algorithm", "SHA512"]);
    terminal.types(&phone.code());
    let stopped = trace.stopped();
    let secrets = Secrets::default().shared_secret("the shared secret", &phone.secret).master_key(&fixture);
    let held: BTreeSet<String> =
        traces(stopped.pid(), &secrets).into_iter().map(|trace| trace.secret).collect();
    for secret in ["the shared secret", "the master key"] {
        assert!(held.contains(secret), "{secret} was not found: {held:?}");
    }
}

/// Alice, whose enrolment can be reset by root alone, from now on.
fn reset() -> Fixture {
    let config = "[reset]\napprovals = 0\ncooldown = \"1s\"";
    let fixture = Fixture::builder().config(config).account("alice").enrolled("alice").build();
    fixture.totp_enroll(&["--json", "reset", "request", "alice", "--reason", "lost"]).assert_done();
    wait_for_the_cool_down(&fixture);
    fixture
}
