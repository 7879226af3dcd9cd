//! Remembered devices: which are not asked again, how they are recognised, and what makes them forgotten.

use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Login, Outcome, PROMPT, PamCode};
use acceptance::sshd::{KEY_AND_CODE, Key};
use acceptance::strace;

/// Two keys as `SSH_AUTH_INFO_0` has them; the blobs are any base64.
const KEY: &str = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfMyLaptop01";
const OTHER_KEY: &str = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfAnotherOne";
const HERE: &str = "192.0.2.7";
const ALWAYS: &str = "[remember]\nmode = \"always\"\n";
const DAY: u64 = 86400;

#[test]
fn a_remembered_device_is_not_asked_until_it_expires() {
    let fixture = fixture("[remember]\nmode = \"always\"\nfor = \"30d\"");
    let first = with_code(&fixture, THEN).run();
    assert_eq!((first.code, first.asked().len()), (PamCode::SUCCESS, 1));
    assert!(says(&first, "This device is remembered for 30 days"), "{first:?}");
    let remembered = fixture.journal.last();
    assert_eq!(remembered.what(), "device_remembered");
    assert_eq!((remembered.field("user"), remembered.field("rhost")), ("alice", HERE));
    assert!(remembered.field("key").starts_with("SHA256:"), "{remembered:?}");
    for then in [THEN, THEN + 60, THEN + 30 * DAY - 1] {
        assert_eq!(asked(&at_login(&fixture, KEY, HERE).at(then).run()), Some(0), "{then}");
        let event = fixture.journal.last();
        let fields = ["event", "method", "device"].map(|key| event.field(key));
        assert_eq!(fields, ["accepted", "remembered_device", remembered.field("device")], "{event:?}");
    }
    assert_eq!(asked(&with_code(&fixture, THEN + 30 * DAY).run()), Some(1), "its time is over");
}

#[test]
fn a_device_is_known_by_its_key_and_its_address() {
    let fixture = fixture(ALWAYS);
    remember(&fixture);
    for (key, host) in
        [(OTHER_KEY, HERE), (KEY, "192.0.2.8"), ("password", HERE), (KEY, "host.example.net"), (KEY, "::1")]
    {
        let outcome = at_login(&fixture, key, host).types("").at(THEN).run();
        assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "{key} {host}");
    }
    let outcome = fixture.login("alice").from_host(HERE).types("").at(THEN).run();
    assert_eq!(outcome.asked().len(), 1, "no key at all");
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).at(THEN).run()), Some(0));
}

#[test]
fn what_binds_is_what_the_config_says() {
    let by_network = "[remember]\nmode = \"always\"\nbind = [\"address\"]\nipv4_prefix = 24\n";
    let fixture = fixture(by_network);
    assert_eq!(fixture.login_with_code_at("alice", THEN).from_host(HERE).code(), PamCode::SUCCESS);
    assert_eq!(
        asked(&fixture.login("alice").from_host("192.0.2.200").at(THEN).run()),
        Some(0),
        "the same network"
    );
    assert_eq!(asked(&fixture.login("alice").from_host("192.0.3.7").types("").at(THEN).run()), None);
    fixture.configure("[remember]\nmode = \"always\"\nbind = [\"ssh-key\"]\n");
    assert_eq!(
        asked(&at_login(&fixture, KEY, HERE).types("").at(THEN).run()),
        None,
        "bound to another thing"
    );
    assert_eq!(with_code(&fixture, THEN + 30).code(), PamCode::SUCCESS);
    assert_eq!(asked(&at_login(&fixture, KEY, "203.0.113.9").at(THEN + 30).run()), Some(0), "any address");
}

#[test]
fn the_user_decides_whether_to_remember_a_device() {
    let fixture = fixture("[remember]\nmode = \"ask\"\nfor = \"7d\"");
    for (step, (answer, remembered)) in
        [("n", false), ("", false), ("Y e s", false), ("y", true)].iter().enumerate()
    {
        let then = THEN + 60 * u64::try_from(step).unwrap();
        let outcome = with_code(&fixture, then).types(answer).run();
        assert_eq!(outcome.asked(), [PROMPT, "Remember this device for 7 days? [y/N] "]);
        assert_eq!(outcome.code, PamCode::SUCCESS);
        let next = at_login(&fixture, KEY, HERE).types("").at(then).run();
        assert_eq!(asked(&next) == Some(0), *remembered, "{answer:?}");
    }
}

#[test]
fn a_connection_lost_at_the_question_remembers_nothing() {
    let fixture = fixture("[remember]\nmode = \"ask\"");
    let outcome = with_code(&fixture, THEN).run();
    assert_eq!(outcome.asked().len(), 2, "no answer to the second");
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).types("").at(THEN).run()), None);
    assert_eq!(with_code(&fixture, THEN).code(), PamCode::AUTH_ERR);
}

#[test]
fn without_a_key_or_a_conversation_nobody_is_asked_to_remember() {
    let fixture = fixture("[remember]\nmode = \"ask\"");
    let outcome = fixture.login_with_code_at("alice", THEN).run();
    assert_eq!(outcome.asked().len(), 1, "no key, no address: {outcome:?}");
    let mut silent = with_code(&fixture, THEN + 30);
    silent.silent = true;
    assert_eq!(silent.run().asked().len(), 1, "PAM_SILENT");
}

#[test]
fn the_log_names_the_file_that_kept_a_device_from_being_remembered() {
    let fixture = fixture(ALWAYS);
    remember(&fixture);
    let elsewhere = |host, then| {
        let code = fixture.authenticator("alice").code_at(then);
        at_login(&fixture, KEY, host).types(code).at(then)
    };
    let ledger = fixture.ledger("alice");
    let points = strace::record_login(&elsewhere("192.0.2.8", THEN + 60), std::slice::from_ref(&ledger));
    // To recognise a device, to judge, and to remember one.
    let locked: Vec<_> =
        points.iter().filter(|point| point.name == "flock" && point.line.contains("LOCK_EX")).collect();
    assert_eq!(locked.len(), 3, "{points:?}");
    let outcome = strace::login_failing_at(&elsewhere("192.0.2.9", THEN + 120), locked[2], "EIO");
    assert_eq!(outcome.code, PamCode::SUCCESS);
    let event = fixture.journal.last();
    let fields = ["event", "user", "file"].map(|key| event.field(key));
    assert_eq!(fields, ["error", "alice", ledger.to_str().unwrap()], "{event:?}");
}

#[test]
fn a_wrong_code_remembers_nothing() {
    let fixture = fixture(ALWAYS);
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(at_login(&fixture, KEY, HERE).types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).types("").at(THEN).run()), None);
}

#[test]
fn a_recovery_code_forgets_every_device_and_remembers_none() {
    let mut fixture = Fixture::builder().account("alice").config(ALWAYS).build();
    let mut codes = fixture.enrol("alice", &[]).recovery_codes;
    let next = fixture.authenticator("alice").code_in(1);
    assert_eq!(at_login(&fixture, KEY, HERE).types(next).code(), PamCode::SUCCESS);
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).run()), Some(0));
    assert_eq!(fixture.login("alice").types(codes.remove(0)).from_host(HERE).code(), PamCode::SUCCESS);
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).types("").run()), None);
    assert_eq!(at_login(&fixture, KEY, HERE).types(codes.remove(0)).code(), PamCode::SUCCESS);
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).types("").run()), None, "by a recovery code");
}

#[test]
fn a_replaced_enrolment_forgets_its_devices() {
    let mut fixture = Fixture::builder().account("alice").config(ALWAYS).build();
    let _ = fixture.enrol("alice", &[]);
    let next = fixture.authenticator("alice").code_in(1);
    assert_eq!(at_login(&fixture, KEY, HERE).types(next).code(), PamCode::SUCCESS);
    let _ = fixture.enrol("alice", &["--replace", "--yes"]);
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).types("").run()), None);
}

#[test]
fn the_owner_is_told_of_a_device_remembered_meanwhile() {
    let fixture = fixture(ALWAYS);
    remember(&fixture);
    let owner = fixture.login_with_code_at("alice", THEN + 60).after("password").run();
    assert!(says(&owner, "a device was remembered"), "{owner:?}");
}

#[test]
fn a_clock_that_was_set_back_remembers_for_no_longer() {
    let fixture = fixture(ALWAYS);
    remember(&fixture);
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).types("").at(THEN - DAY).run()), None);
}

#[test]
fn a_seventeenth_device_replaces_the_one_not_used_longest() {
    let fixture = fixture("[remember]\nmode = \"always\"\nfor = \"300d\"");
    let host = |n: u64| format!("192.0.2.{n}");
    for n in 0..17 {
        let then = THEN + 60 * n;
        let code = fixture.authenticator("alice").code_at(then);
        assert_eq!(at_login(&fixture, KEY, &host(n)).types(code).at(then).code(), PamCode::SUCCESS);
    }
    let later = THEN + 60 * 17;
    assert_eq!(asked(&at_login(&fixture, KEY, &host(0)).types("").at(later).run()), None);
    for n in 1..17 {
        assert_eq!(asked(&at_login(&fixture, KEY, &host(n)).at(later).run()), Some(0), "{n}");
    }
}

#[test]
fn the_command_lists_and_forgets_devices_without_their_marks() {
    let fixture = fixture("[remember]\nmode = \"always\"\nfor = \"3000d\"");
    // By the machine's clock, which the command goes by.
    for (host, step) in [(HERE, 0), ("192.0.2.8", 1)] {
        let code = fixture.authenticator("alice").code_in(step);
        assert_eq!(at_login(&fixture, KEY, host).types(code).code(), PamCode::SUCCESS);
    }
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).run()), Some(0));
    let list = || {
        let done = fixture.totp_enroll(&["--json", "devices", "alice"]);
        done.assert_done();
        assert!(!done.stdout.contains("192.0.2") && !done.stdout.contains("SHA256"), "{}", done.stdout);
        done.json()["devices"].as_array().unwrap().clone()
    };
    let devices = list();
    assert_eq!(devices.iter().map(|device| device["uses"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 0]);
    let first = devices[0]["id"].as_str().unwrap();
    assert!(fixture.totp_enroll(&["devices", "alice"]).stdout.contains(first));
    assert_eq!(fixture.totp_enroll(&["devices", "alice", "--revoke", "00000000", "--yes"]).status, 1);
    fixture.totp_enroll(&["devices", "alice", "--revoke", first, "--yes"]).assert_done();
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).types("").run()), None);
    assert_eq!(asked(&at_login(&fixture, KEY, "192.0.2.8").run()), Some(0));
    assert_eq!(list().len(), 1);
    fixture.totp_enroll(&["devices", "alice", "--revoke-all", "--yes"]).assert_done();
    assert_eq!(asked(&at_login(&fixture, KEY, "192.0.2.8").types("").run()), None);
    assert!(list().is_empty());
    let events = fixture.journal.done_by_commands();
    let revoked: Vec<_> = events.iter().filter(|event| event.field("event") == "device_revoked").collect();
    assert_eq!(revoked.iter().map(|event| event.field("count")).collect::<Vec<_>>(), ["1", "1"]);
}

#[test]
fn no_device_opens_where_devices_are_not_remembered() {
    let fixture = fixture(ALWAYS);
    fixture.service("other", &fixture.module(""));
    remember(&fixture);
    fixture.configure(&format!("{ALWAYS}[service.other.remember]\nmode = \"off\""));
    let mut other = at_login(&fixture, KEY, HERE).types("").at(THEN);
    "other".clone_into(&mut other.service);
    assert_eq!(asked(&other.run()), None);
    assert_eq!(asked(&at_login(&fixture, KEY, HERE).at(THEN).run()), Some(0));
}

#[test]
fn a_laptop_over_real_ssh_is_asked_once() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").config(ALWAYS).build();
    let stack = fixture.module("");
    let sshd = fixture.sshd(KEY_AND_CODE, &stack);
    let mut ssh = sshd.ssh("alice", Key::Offered, "echo inside");
    ssh.expect(PROMPT);
    ssh.types(&fixture.code("alice"));
    assert_eq!(ssh.end().status, 0);
    let again = sshd.ssh("alice", Key::Offered, "echo inside").end();
    assert_eq!((again.status, again.last.trim()), (0, "inside"), "{again:?}");
    assert_eq!(fixture.journal.last().field("method"), "remembered_device");
    assert_eq!(
        sshd.ssh("alice", Key::None, "echo inside").end().status,
        255,
        "the key is asked for all the same"
    );
}

fn fixture(config: &str) -> Fixture {
    let fixture = Fixture::builder().account("alice").enrolled("alice").config(config).build();
    fixture.service(SERVICE, &fixture.module(""));
    fixture
}

fn at_login(fixture: &Fixture, key: &str, host: &str) -> Login {
    fixture.login("alice").after(key).from_host(host)
}

fn with_code(fixture: &Fixture, then: u64) -> Login {
    at_login(fixture, KEY, HERE).types(fixture.authenticator("alice").code_at(then)).at(then)
}

fn remember(fixture: &Fixture) {
    assert_eq!(with_code(fixture, THEN).code(), PamCode::SUCCESS);
    assert_eq!(asked(&at_login(fixture, KEY, HERE).at(THEN).run()), Some(0), "it is remembered");
}

/// How many prompts a login that was let in had; `None`: it was refused.
fn asked(outcome: &Outcome) -> Option<usize> {
    (outcome.code == PamCode::SUCCESS).then(|| outcome.asked().len())
}

fn says(outcome: &Outcome, text: &str) -> bool {
    outcome.prompts.iter().any(|prompt| !prompt.asks() && prompt.text.contains(text))
}
