//! A source behind a code becomes known when the whole stack has succeeded: by `pam_setcred`, or by an account line in sshd.

use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Call, Login, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::sshd::{Key, ONLY_PAM, Sshd};
use std::fs;

const HOUR: u64 = 3600;

#[test]
fn a_place_is_known_once_password_and_code_were_right() {
    let fixture = forwarding();
    let typed = |password: &str, at| format!("{password}{}", fixture.authenticator("alice").code_at(at));
    let wrong_password = client(&fixture).types(typed("not it", THEN)).at(THEN);
    assert_ne!(wrong_password.code(), PamCode::SUCCESS);
    assert_eq!(fixture.journal.last().what(), "accepted", "the code was right");
    assert_eq!(
        counted_in(&fixture, 1),
        "foreign",
        "a right code behind a wrong password made the place known"
    );
    let both = client(&fixture).types(typed(PASSWORD, THEN + 2 * HOUR)).at(THEN + 2 * HOUR).run();
    assert_eq!((both.code, both.setcred), (PamCode::SUCCESS, PamCode::SUCCESS));
    assert_eq!(fixture.journal.last().field("new_source"), "", "not known when the line was written");
    assert_eq!(counted_in(&fixture, 3), "address");
}

#[test]
fn what_cannot_be_recorded_is_logged_and_lets_in_all_the_same() {
    let fixture = forwarding();
    let typed = format!("{PASSWORD}{}", fixture.authenticator("alice").code_at(THEN));
    // Between the answer and pam_setcred, another line of the stack makes the config unreadable.
    let script = fixture.write("break", &format!("#!/bin/sh\necho '[' >>{}\n", fixture.conf().display()));
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let stack = format!(
        "{}\nauth required pam_unix.so use_first_pass\nauth optional pam_exec.so {}",
        fixture.module("forward_pass"),
        script.display()
    );
    fixture.service(SERVICE, &stack);
    let login = client(&fixture).types(typed).at(THEN).run();
    assert_eq!((login.code, login.setcred), (PamCode::SUCCESS, PamCode::SUCCESS));
    let event = fixture.journal.last();
    assert_eq!(
        (event.what().as_str(), event.module.as_str()),
        ("error", "pam_totp(app:setcred)"),
        "{event:?}"
    );
}

#[test]
fn an_account_line_that_confirms_decides_nothing() {
    let fixture = Fixture::with(&["alice"]);
    let line = fixture.module("confirm_source").replace("auth required", "account optional");
    let ask = |line: &str| {
        let lines = format!("auth required pam_permit.so\n{line}\naccount required pam_permit.so\n");
        fs::write(fixture.confdir().join(SERVICE), lines).unwrap();
        Login { call: Call::Account, ..fixture.login("alice") }.code()
    };
    assert_eq!(ask(&line), PamCode::SUCCESS);
    assert!(fixture.journal.events().is_empty(), "nothing happened");
    assert_eq!(ask(&line.replace("optional", "required")), PamCode::SUCCESS);
    assert_eq!(
        ask(&format!("{line} nullok")),
        PamCode::SUCCESS,
        "a wrong argument is logged and decides nothing"
    );
    let event = fixture.journal.last();
    assert!(event.field("problem").contains("nullok"), "{event:?}");
    assert_eq!(event.module, "pam_totp(app:account)");
    assert_eq!(
        ask(&line.replace("confirm_source", "").replace("optional", "required")),
        PamCode::SERVICE_ERR
    );
    fixture.service(SERVICE, &fixture.module("confirm_source"));
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SERVICE_ERR);
    assert!(fixture.journal.last().field("problem").contains("account optional"));
}

#[test]
fn sshd_confirms_a_place_by_its_account_line() {
    for (account_line, row) in [(true, "address"), (false, "foreign")] {
        let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
        let auth = format!("{}\nauth required pam_unix.so use_first_pass", fixture.module("forward_pass"));
        let confirm = fixture.module("confirm_source").replace("auth required", "account optional");
        let stack = if account_line { format!("{auth}\n{confirm}") } else { auth };
        let sshd = fixture.sshd(ONLY_PAM, &stack);
        let code = fixture.code("alice");
        assert!(ssh(&sshd, &format!("{PASSWORD}{code}")).contains("inside as alice"));
        let wrong = fixture.authenticator("alice").wrong_code();
        assert!(!ssh(&sshd, &format!("{PASSWORD}{wrong}")).contains("inside as"));
        let event = fixture.journal.last();
        assert_eq!((event.what().as_str(), event.field("source")), ("refused wrong", row), "{event:?}");
    }
}

/// Logs in with this answer; gives what the client shows.
fn ssh(sshd: &Sshd, answer: &str) -> String {
    let mut ssh = sshd.ssh("alice", Key::None, "echo inside as $(id -un)");
    ssh.expect("Password & verification code: ");
    ssh.types(answer);
    ssh.end().screen
}

/// Password and code in one answer, the code first.
fn forwarding() -> Fixture {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let stack = format!("{}\nauth required pam_unix.so use_first_pass", fixture.module("forward_pass"));
    fixture.service(SERVICE, &stack);
    fixture
}

fn client(fixture: &Fixture) -> Login {
    fixture.login("alice").from_host("192.0.2.1")
}

/// The row in which a wrong code is counted that comes so many hours later.
fn counted_in(fixture: &Fixture, hours: u64) -> String {
    let now = THEN + hours * HOUR;
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, now).remove(0);
    let login = client(fixture).types(format!("{PASSWORD}{wrong}")).at(now);
    assert_eq!(login.code(), PamCode::AUTH_ERR);
    fixture.journal.last().field("source").to_owned()
}
