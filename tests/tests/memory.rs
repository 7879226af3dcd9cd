//! No secret is left in the memory of the application after a login, or of a command at its end.
//!
//! The application here wipes its own copies of what was typed, so that anything found is the module's. (It keeps the request
//! that it read, in which every byte is a decimal number; that form is not searched for.)

mod commands;

use acceptance::authenticator::{Authenticator, random_bytes};
use acceptance::clock::THEN;
use acceptance::enroll_command;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Login, PamCode, Stage};
use acceptance::memory::{assert_no_trace, traces};
use acceptance::secrets::Secrets;
use acceptance::stopped::login_stopped_after;
use data_encoding::HEXLOWER;
use std::collections::BTreeSet;
use std::fs;

#[test]
fn a_login_with_a_code_leaves_nothing_behind() {
    let fixture = alice();
    let (login, secrets) = login_with_a_code(&fixture);
    leaves_no_trace(&login, PamCode::SUCCESS, &secrets);
}

#[test]
fn a_login_with_any_algorithm_leaves_nothing_behind() {
    let mut fixture = Fixture::builder().account("alice").build();
    for algorithm in ["SHA256", "SHA512"] {
        let options = ["--algorithm", algorithm, "--digits", "8", "--label", algorithm];
        let _ = fixture.enrol("alice", &[&options[..], &["--replace", "--yes"]].concat());
        let (login, secrets) = login_with_a_code(&fixture);
        leaves_no_trace(&login, PamCode::SUCCESS, &secrets);
    }
}

#[test]
fn a_login_with_a_wrong_code_leaves_nothing_behind() {
    let fixture = alice();
    let code = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    let secrets = of_alice(&fixture).bytes("what was typed", code.as_bytes());
    leaves_no_trace(&fixture.login("alice").types(code).at(THEN), PamCode::AUTH_ERR, &secrets);
}

#[test]
fn a_login_with_a_recovery_code_leaves_nothing_behind() {
    for typed in [str::to_owned, |code: &str| code.replace('-', "").to_lowercase()] {
        let fixture = alice();
        let codes = new_recovery_codes(&fixture);
        let secrets = of_alice(&fixture).pepper(&fixture, "alice").recovery_code(&codes[0]);
        // Without its cache for each thread, malloc writes over less of what was freed.
        let mut login = fixture.login("alice").types(typed(&codes[0]));
        login.environment.push(("GLIBC_TUNABLES".to_owned(), "glibc.malloc.tcache_count=0".to_owned()));
        for stage in [Stage::Answered, Stage::Ended] {
            let waiting = login.clone().hold_at(stage);
            assert_no_trace(waiting.pid(), &secrets);
            // The first time it is right, the second time it was used.
            let code = waiting.outcome().code;
            assert_eq!(code == PamCode::SUCCESS, stage == Stage::Answered, "{code:?}");
        }
    }
}

#[test]
fn a_login_that_finds_a_broken_keyring_leaves_nothing_behind() {
    type Damage = fn(&str) -> String;
    let damages: [Damage; 5] = [
        |text| text.replace("active = \"", "active = k"),
        |text| text.replace("secret = \"", "secret = 5\nwrong = \""),
        |text| text.replace("secret = \"", "secret = [\"").replace("=\"\n", "=\"]\n"),
        |text| text.replace("version = 1", "version = 2"),
        |text| text.replace("=\"\n", "\"\n"),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let fixture = alice();
        let (login, secrets) = login_with_a_code(&fixture);
        let text = fs::read_to_string(fixture.keyring()).unwrap();
        fs::write(fixture.keyring(), damage(&text)).unwrap();
        assert_ne!(damage(&text), text, "{number}");
        leaves_no_trace(&login, PamCode::SYSTEM_ERR, &secrets);
    }
}

#[test]
fn a_login_with_an_unusual_keyring_leaves_no_secret_in_memory() {
    type Rewrite = fn(&str) -> String;
    // The secret as it is, and with an escape, which makes the library copy it.
    let rewrites: [Rewrite; 3] = [
        |text| text.replace('\n', "\r\n"),
        |text| text.replace("secret = \"", "secret = '").replace("=\"\n", "='\n"),
        |text| text.replace("=\"\n", "\\u003d\"\n"),
    ];
    for (number, rewrite) in rewrites.into_iter().enumerate() {
        let fixture = alice();
        let (login, secrets) = login_with_a_code(&fixture);
        let text = fs::read_to_string(fixture.keyring()).unwrap();
        fs::write(fixture.keyring(), rewrite(&text)).unwrap();
        assert_ne!(rewrite(&text), text, "{number}");
        leaves_no_trace(&login, PamCode::SUCCESS, &secrets);
    }
}

#[test]
fn a_password_typed_at_the_code_prompt_is_wiped() {
    let fixture = alice();
    let password = format!("{} hunter2", HEXLOWER.encode(&random_bytes(12)));
    let secrets = Secrets::default().bytes("a password", password.as_bytes());
    leaves_no_trace(&fixture.login("alice").types(password).at(THEN), PamCode::AUTH_ERR, &secrets);
}

#[test]
fn at_the_prompt_no_secret_is_in_memory() {
    let fixture = alice();
    fixture.service("lenient", &fixture.module("nullok"));
    let _ = new_recovery_codes(&fixture);
    let secrets = of_alice(&fixture).pepper(&fixture, "alice");
    for service in [SERVICE, "lenient"] {
        let thinking = fixture.login_at(service, "alice").types("123456").hold();
        assert_no_trace(thinking.pid(), &secrets);
        let _ = thinking.outcome();
    }
}

/// The control of the tests above: the same search finds everything while it is needed.
#[test]
fn a_login_that_is_judging_holds_what_is_looked_for() {
    let fixture = alice();
    let (login, secrets) = login_with_a_code(&fixture);
    // At the present time: libfaketime would have to be taken along.
    let login = Login { clock: None, ..login };
    assert_held(&login, &fixture, &secrets, &["the shared secret", "the master key", "what was typed"]);
    let code = new_recovery_codes(&fixture).remove(0);
    let secrets = of_alice(&fixture).recovery_code(&code);
    assert_held(
        &fixture.login("alice").types(code),
        &fixture,
        &secrets,
        &["the master key", "a recovery code"],
    );
}

/// The same for the application that keeps what was typed.
#[test]
fn what_an_application_keeps_is_found() {
    let fixture = alice();
    let (mut login, secrets) = login_with_a_code(&fixture);
    login.keeps_answers = true;
    let waiting = login.hold_at(Stage::Ended);
    assert!(traces(waiting.pid(), &secrets).iter().any(|trace| trace.secret == "what was typed"));
}

/// As many recovery codes as there can be.
const MANY_CODES: &str = "[recovery]\ncodes = 16";

/// Alice, whose secret is so long that malloc cannot write over all of it, and whose codes are not found by chance.
fn alice() -> Fixture {
    let phone = Authenticator { secret: random_bytes(64), digits: 8, ..Authenticator::random() };
    Fixture::builder().config(MANY_CODES).enrolled_with("alice", phone).build()
}

fn of_alice(fixture: &Fixture) -> Secrets {
    let secret = &fixture.authenticator("alice").secret;
    Secrets::default().shared_secret("the shared secret", secret).master_key(fixture)
}

fn login_with_a_code(fixture: &Fixture) -> (Login, Secrets) {
    let code = fixture.authenticator("alice").code_at(THEN);
    let secrets = of_alice(fixture).bytes("what was typed", code.as_bytes());
    (fixture.login("alice").types(code).at(THEN), secrets)
}

fn new_recovery_codes(fixture: &Fixture) -> Vec<String> {
    enroll_command::recovery_codes_in(
        &fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout,
    )
}

/// Neither while the module is still loaded nor when libpam is done.
fn leaves_no_trace(login: &Login, code: PamCode, secrets: &Secrets) {
    for stage in [Stage::Answered, Stage::Ended] {
        let waiting = login.clone().hold_at(stage);
        assert_no_trace(waiting.pid(), secrets);
        let outcome = waiting.outcome();
        if stage == Stage::Answered {
            assert_eq!(outcome.code, code);
        }
    }
}

/// At its first write to the ledger, which is before it knows whether it lets anybody in.
fn assert_held(login: &Login, fixture: &Fixture, secrets: &Secrets, held: &[&str]) {
    let stopped = login_stopped_after(login, "pwrite64", &fixture.ledger("alice"));
    let found: BTreeSet<String> =
        traces(stopped.pid(), secrets).into_iter().map(|trace| trace.secret).collect();
    for secret in held {
        assert!(found.contains(*secret), "{secret} was not found: {found:?}");
    }
}
