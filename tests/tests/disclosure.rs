//! No message, log line or system call holds a secret, except the terminal of an enrolment and the keyring.

use acceptance::authenticator::{Authenticator, random_bytes};
use acceptance::built;
use acceptance::clock::THEN;
use acceptance::damage::edit;
use acceptance::enroll_command::{self, shown_authenticator};
use acceptance::fixture::Fixture;
use acceptance::secrets::{Secrets, master_key};
use acceptance::strace::{Call, Trace, calls_of_login};
use acceptance::terminal::Terminal;
use data_encoding::BASE64;

#[test]
fn no_system_call_of_a_login_hands_a_secret_on() {
    let fixture = alice();
    let recovery_code = new_recovery_code(&fixture);
    let code = fixture.authenticator("alice").code_at(THEN);
    let secrets = of_alice(&fixture)
        .pepper(&fixture, "alice")
        .recovery_code(&recovery_code)
        .bytes("what was typed", code.as_bytes());
    // In this order: a code is right, used before, wrong; a recovery code is right, used before.
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    for answer in [&code, &code, &wrong, &recovery_code, &recovery_code] {
        let calls = calls_of_login(&fixture.login("alice").types(answer).at(THEN));
        assert_hands_nothing_on(&calls, &secrets);
    }
}

#[test]
fn no_system_call_of_the_command_hands_a_secret_on() {
    let fixture = Fixture::builder().account("alice").build();
    let trace = Trace::new();
    let command = fixture.command(&["enroll", "alice"]);
    let mut terminal = Terminal::open(&trace.recording_in_full(&command));
    let phone = shown_authenticator(&mut terminal, &[]);
    terminal.types(&phone.code());
    assert_eq!(terminal.end().status, 0);
    let secrets = Secrets::default().shared_secret("the shared secret", &phone.secret).master_key(&fixture);
    let secrets = secrets.pepper(&fixture, "alice");
    let (shown, calls): (Vec<Call>, Vec<Call>) =
        trace.calls().into_iter().partition(|call| call.name == "write");
    assert_hands_nothing_on(&calls, &secrets);
    // What was written at all was the manual key, in fours; not the master key, nor the pepper.
    let found: Vec<&str> =
        shown.iter().flat_map(|call| secrets.found_in(&call.bytes)).map(|(_, of)| of).collect();
    assert!(
        !found.is_empty() && found.iter().all(|of| *of == "the shared secret, base32 in fours"),
        "{found:?}"
    );
}

#[test]
fn the_command_connects_to_the_log_and_nothing_else() {
    let fixture = Fixture::builder().account("alice").build();
    let trace = Trace::new();
    let mut terminal = Terminal::open(&trace.recording_in_full(&fixture.command(&["enroll", "alice"])));
    let phone = shown_authenticator(&mut terminal, &[]);
    terminal.types(&phone.code());
    assert_eq!(terminal.end().status, 0);
    let calls = trace.calls();
    let sockets: Vec<&str> =
        calls.iter().filter(|call| call.name == "socket").map(|call| call.line.as_str()).collect();
    assert!(!sockets.is_empty() && sockets.iter().all(|line| line.contains("AF_UNIX")), "{sockets:?}");
    let programs =
        calls.iter().filter(|call| call.name == "execve").map(|call| &call.bytes).collect::<Vec<_>>();
    let command = built::command();
    assert!(programs.last().is_some_and(|call| call.starts_with(command.as_os_str().as_encoded_bytes())));
}

#[test]
fn no_error_of_any_command_holds_a_secret() {
    let commands: [&[&str]; 9] = [
        &["status", "alice"],
        &["list"],
        &["recovery-codes", "alice", "--yes"],
        &["unlock", "alice"],
        &["unlock", "alice", "--repair"],
        &["keys", "list"],
        &["keys", "init"],
        &["import", "oath", "/dev/null"],
        &["disable", "alice", "--yes"],
    ];
    for (what, damage) in damages() {
        let fixture = alice();
        let secrets = of_alice(&fixture).pepper(&fixture, "alice");
        damage(&fixture);
        let mut said = 0;
        for arguments in commands {
            for format in [&[][..], &["--json"]] {
                let done = fixture.totp_enroll(&[format, arguments].concat());
                said += done.stderr.len();
                secrets.assert_none_in(&format!("{what}: {arguments:?}: {}{}", done.stdout, done.stderr));
            }
        }
        assert_ne!(said, 0, "{what}: no command said anything");
        secrets.assert_none_in(&fixture.journal.lines().concat());
    }
}

#[test]
fn no_log_line_about_broken_files_holds_a_secret() {
    for (what, damage) in damages() {
        let fixture = alice();
        let code = fixture.authenticator("alice").code_at(THEN);
        let secrets = of_alice(&fixture).bytes("what was typed", code.as_bytes());
        damage(&fixture);
        let _ = fixture.login("alice").types(code).at(THEN).run();
        let log = fixture.journal.lines().concat();
        assert!(log.contains("event=error"), "{what}: {log}");
        secrets.assert_none_in(&log);
    }
}

type Damage = (&'static str, fn(&Fixture));

/// Mistakes that bring a secret to where a parser might repeat it.
fn damages() -> [Damage; 9] {
    [
        ("the key is where the version belongs", |fixture| {
            edit(&fixture.keyring(), "version = 1", &format!("version = \"{}\"", key(fixture)));
        }),
        ("the key is the name of a field", |fixture| {
            edit(&fixture.keyring(), "secret = ", &format!("\"{}\" = 1\nsecret = ", key(fixture)));
        }),
        ("the key is where the active one's id belongs", |fixture| {
            let active = format!("active = \"{}\"", fixture.active_key());
            edit(&fixture.keyring(), &active, &format!("active = \"{}\"", key(fixture)));
        }),
        ("the key is the key's id", |fixture| {
            let id = format!("id = \"{}\"", fixture.active_key());
            edit(&fixture.keyring(), &id, &format!("id = \"{}\"", key(fixture)));
        }),
        ("the key has no name", |fixture| edit(&fixture.keyring(), "secret = ", "")),
        ("the key has no quotes", |fixture| {
            edit(&fixture.keyring(), &format!("\"{}\"", key(fixture)), &key(fixture));
        }),
        ("the key is too short", |fixture| edit(&fixture.keyring(), "secret = \"", "secret = \"AAAA")),
        ("the key is not base64", |fixture| edit(&fixture.keyring(), "secret = \"", "secret = \"!")),
        ("the seal is broken", |fixture| {
            edit(&fixture.credential("alice"), "ciphertext = \"", "ciphertext = \"AAAA");
        }),
    ]
}

/// The machine's key as the keyring has it.
fn key(fixture: &Fixture) -> String {
    BASE64.encode(&master_key(fixture))
}

/// The calls that bring something in, from a file, a terminal or the kernel's random numbers.
const BRING_IN: [&str; 5] = ["read", "pread64", "readv", "recvfrom", "getrandom"];

fn assert_hands_nothing_on(calls: &[Call], secrets: &Secrets) {
    let (brought, handed): (Vec<&Call>, Vec<&Call>) =
        calls.iter().partition(|call| BRING_IN.contains(&call.name.as_str()));
    for call in handed {
        let found = secrets.found_in(&call.bytes);
        assert!(found.is_empty(), "{found:?} in {} {:?}", call.name, String::from_utf8_lossy(&call.bytes));
    }
    // The control: the key was read, and so it can be found.
    let read = brought
        .iter()
        .flat_map(|call| secrets.found_in(&call.bytes))
        .any(|(_, of)| of.contains("master key"));
    assert!(read, "the key was not read");
}

fn alice() -> Fixture {
    let phone = Authenticator { secret: random_bytes(64), digits: 8, ..Authenticator::random() };
    let fixture = Fixture::builder().enrolled_with("alice", phone).build();
    let _ = new_recovery_code(&fixture);
    fixture
}

fn new_recovery_code(fixture: &Fixture) -> String {
    enroll_command::recovery_codes_in(
        &fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout,
    )
    .remove(0)
}

fn of_alice(fixture: &Fixture) -> Secrets {
    let secret = &fixture.authenticator("alice").secret;
    Secrets::default().shared_secret("the shared secret", secret).master_key(fixture)
}
