//! Files and configurations of earlier versions work with this one.
//!
//! `fixtures/version-1` is a keyring, a credential with recovery codes and its ledger as the first version wrote them, for a user
//! without an account. `fixtures/version-2` is the same for the second version of the credential, and another with its own window
//! and another program's scratch codes; `fixtures/version-3` has both with credentials of version 3 and ledgers of version 2. These files never change. A change that cannot read them needs a new version number, a
//! conversion, and a copy of the old files here.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::damage::edit;
use acceptance::earlier_version::{STORED_USER, stored_by};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use std::fs;
use std::path::Path;

#[test]
fn what_the_first_version_stored_is_accepted() {
    let fixture = with_what_the_first_version_stored();
    let phone = Authenticator { secret: b"12345678901234567890".to_vec(), ..Authenticator::random() };
    let login = || fixture.login(STORED_USER).types(phone.code_at(THEN)).at(THEN).code();
    assert_eq!(login(), PamCode::SUCCESS);
    assert_eq!(login(), PamCode::AUTH_ERR);
}

#[test]
fn a_recovery_code_of_the_first_version_is_accepted() {
    let fixture = with_what_the_first_version_stored();
    let login = || fixture.login(STORED_USER).types("V1V9-TDNX-AVYW-GD2A").at(THEN).code();
    assert_eq!(login(), PamCode::SUCCESS);
    assert_eq!(login(), PamCode::AUTH_ERR);
}

#[test]
fn a_configuration_of_the_first_version_is_read() {
    let fixture = Fixture::with(&["alice"]);
    fixture.configure(
        "[totp]\ndrift_steps = 1\nanswer_within = \"5m\"\n[limit]\nattempts = 5\nper = \"1m\"\nlock_after = 10\n\
         lock_for = \"1m\"\nlock_max = \"24h\"\ndisable_after = 100\nfail_delay = \"2s\"\n[recovery]\ncodes = 10\nwarn_below = 3\n\
         [service.sshd.totp]\ndrift_steps = 0\n",
    );
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn what_the_second_version_stored_is_accepted() {
    is_accepted("version-2");
}

#[test]
fn what_the_third_version_stored_is_accepted() {
    is_accepted("version-3");
}

fn is_accepted(version: &str) {
    let fixture = stored_by(version, &[STORED_USER, "moved-in"]);
    let secret = b"12345678901234567890".to_vec();
    let phone = Authenticator { secret, algorithm: "SHA256".to_owned(), digits: 8, period: 60 };
    let moved = Authenticator { secret: phone.secret.clone(), ..Authenticator::random() };
    for (user, code) in [
        (STORED_USER, phone.code_at(THEN)),
        (STORED_USER, "CA9M-J407-Q6VF-0CNM".to_owned()),
        // The window of its own: four steps.
        ("moved-in", moved.code_at(THEN - 4 * 30)),
        ("moved-in", "71744121".to_owned()),
    ] {
        let login = || fixture.login(user).types(&code).at(THEN).code();
        assert_eq!(login(), PamCode::SUCCESS, "{user} {code}");
        assert_eq!(login(), PamCode::AUTH_ERR, "{user} {code}");
    }
    assert_eq!(
        fixture.login("moved-in").types(moved.code_at(THEN + 5 * 30)).at(THEN).code(),
        PamCode::AUTH_ERR
    );
}

#[test]
fn the_command_and_no_login_upgrades_a_credential() {
    let phone = Authenticator { secret: b"12345678901234567890".to_vec(), ..Authenticator::random() };
    let changes: [&[&str]; 3] = [
        &["--json", "recovery-codes", STORED_USER, "--yes"],
        &["--json", "keys", "rotate"],
        &["--json", "unlock", STORED_USER],
    ];
    for (change, version) in changes.into_iter().zip([3, 3, 1]) {
        let fixture = with_what_the_first_version_stored();
        let stored = || fs::read_to_string(fixture.credential(STORED_USER)).unwrap_or_default();
        let before = stored();
        let login = |at| fixture.login(STORED_USER).types(phone.code_at(at)).at(at).code();
        assert_eq!(login(THEN), PamCode::SUCCESS);
        assert_eq!(stored(), before);
        // What changes the ledger alone leaves the credential what it is.
        fixture.totp_enroll(change).assert_done();
        assert!(stored().starts_with(&format!("version = {version}\n")), "{change:?}: {}", stored());
        assert_eq!(login(THEN + 60), PamCode::SUCCESS, "{change:?}");
        assert_eq!(login(THEN), PamCode::AUTH_ERR, "{change:?}");
        if change.contains(&"rotate") {
            let recovered = fixture.login(STORED_USER).types("V1V9-TDNX-AVYW-GD2A").at(THEN + 60).code();
            assert_eq!(recovered, PamCode::SUCCESS);
        }
    }
}

#[test]
fn files_of_a_later_version_are_refused_and_not_changed() {
    for (name, from, to) in [
        ("credential", "version = 3", "version = 4\nsomething_new = 1"),
        ("keyring", "version = 1", "version = 2\nsomething_new = 1"),
        ("ledger", "", ""),
    ] {
        let fixture = Fixture::builder().account("alice").enrolled("alice").build();
        let file = match name {
            "credential" => fixture.credential("alice"),
            "keyring" => fixture.keyring(),
            _ => fixture.ledger("alice"),
        };
        if from.is_empty() {
            let mut bytes = fs::read(&file).unwrap_or_default();
            assert_eq!(&bytes[..12], b"PTLEDGER\0\0\0\x02");
            bytes[11] = 3;
            assert!(fs::write(&file, bytes).is_ok());
        } else {
            edit(&file, from, to);
        }
        let (stored, keyring) = (fixture.stored(), fs::read(fixture.keyring()).ok());
        let newer = "is newer than this program reads";
        assert_eq!(fixture.login_with_code("alice").code(), PamCode::SYSTEM_ERR, "{name}");
        assert!(fixture.journal.lines().iter().any(|line| line.contains(newer)), "{name}");
        let mut commands = vec![
            vec!["recovery-codes", "alice", "--yes"],
            vec!["enroll", "alice", "--batch", "--add", "--yes"],
        ];
        if name == "ledger" {
            commands.push(vec!["unlock", "alice", "--repair"]);
            commands.push(vec!["status", "alice"]);
        }
        for command in commands {
            let done = fixture.totp_enroll(&[&["--json"], command.as_slice()].concat());
            assert_eq!(done.status, 1, "{name} {command:?}: {done:?}");
            assert!(done.stdout.contains(newer), "{name} {command:?}: {done:?}");
            let named = file.display().to_string();
            assert!(done.stdout.contains(&named), "{name} {command:?}: {done:?}");
        }
        stored.assert_unchanged(&fixture.state());
        assert_eq!(fs::read(fixture.keyring()).ok(), keyring, "{name}");
        if name == "ledger" {
            // What withdraws the enrolment needs nothing of it.
            fixture.totp_enroll(&["disable", "alice", "--yes"]).assert_done();
        }
    }
}

/// A configuration has no version: what could be written once can be written for ever, and a key that is not known is an error.
#[test]
fn a_configuration_of_the_second_version_is_read() {
    let fixture = Fixture::with(&["alice"]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/version-2/config.toml");
    let text = fs::read_to_string(file).unwrap_or_default();
    assert!(text.contains("[accept]"));
    fixture.configure(&text);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    fixture.configure("[totp]\ncarrier_pigeons = 2\n");
    let done = fixture.totp_enroll(&["list"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains("line 7: unknown field `carrier_pigeons`"), "{done:?}");
}

fn with_what_the_first_version_stored() -> Fixture {
    stored_by("version-1", &[STORED_USER])
}
