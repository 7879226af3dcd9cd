//! A sealed keyring is not replaced or discarded while one of its keys would be lost.

use super::{OPEN, ROTATE, SEAL, UNSEAL, keys, machine, restart, sealed, with_key};
use acceptance::clock::THEN;
use acceptance::enroll_command;
use acceptance::files::Files;
use acceptance::login::PamCode;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_sealed_keyring_with_more_keys_is_not_discarded() {
    let fixture = machine(&["alice"]);
    let old = fs::read(fixture.keyring()).unwrap();
    keys(&fixture, &SEAL).assert_done();
    keys(&fixture, &ROTATE).assert_done();
    fs::write(fixture.keyring(), old).unwrap();
    fs::set_permissions(fixture.keyring(), fs::Permissions::from_mode(0o600)).unwrap();
    let before = Files::below(&fixture.path(""));
    let done = keys(&fixture, &UNSEAL);
    assert!(done.status == 1 && done.stderr.contains("holds the key"), "{done:?}");
    before.assert_unchanged(&fixture.path(""));
}

#[test]
fn a_sealed_keyring_is_not_replaced_by_one_that_lacks_its_keys() {
    let fixture = machine(&["alice"]);
    let old = fs::read(fixture.keyring()).unwrap();
    keys(&fixture, &SEAL).assert_done();
    keys(&fixture, &ROTATE).assert_done();
    restart(&fixture);
    fs::write(fixture.keyring(), old).unwrap();
    fs::set_permissions(fixture.keyring(), fs::Permissions::from_mode(0o600)).unwrap();
    let before = Files::below(&fixture.path(""));
    let done = keys(&fixture, &SEAL);
    assert!(done.status == 1 && done.stderr.contains("holds the key"), "{done:?}");
    // Nor by any while nobody can say what is in it.
    let elsewhere =
        |arguments: &[&str]| enroll_command::run(with_key(&fixture, arguments, "other-host-key"), "");
    for command in [&SEAL[..], &UNSEAL] {
        let done = elsewhere(command);
        assert!(done.status == 1 && done.stderr.contains("does not open every enrolment"), "{done:?}");
    }
    before.assert_unchanged(&fixture.path(""));
    elsewhere(&[&SEAL[..], &["--discard-unopened"]].concat()).assert_done();
}

#[test]
fn a_sealed_keyring_with_another_key_of_the_name_is_kept() {
    let (fixture, other) = (machine(&["alice"]), machine(&[]));
    keys(&fixture, &SEAL).assert_done();
    fs::copy(other.keyring(), fixture.keyring()).unwrap();
    let before = Files::below(&fixture.path(""));
    for command in [&UNSEAL[..], &SEAL] {
        let done = keys(&fixture, command);
        assert!(done.status == 1 && done.stderr.contains("holds the key"), "{done:?}");
        before.assert_unchanged(&fixture.path(""));
    }
    fs::remove_file(fixture.keyring()).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_sealed_keyring_stays_while_an_enrolment_needs_it() {
    let (fixture, other) = (machine(&["alice"]), machine(&[]));
    keys(&fixture, &SEAL).assert_done();
    fs::copy(other.keyring(), fixture.keyring()).unwrap();
    let before = Files::below(&fixture.path(""));
    for command in [&UNSEAL[..], &SEAL] {
        let done = keys(&fixture, command);
        assert!(done.status == 1 && done.stderr.contains("holds the key"), "{done:?}");
        before.assert_unchanged(&fixture.path(""));
    }
    fs::remove_file(fixture.keyring()).unwrap();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_sealed_keyring_of_dropped_keys_alone_is_no_obstacle() {
    for command in [&SEAL[..], &UNSEAL] {
        let fixture = machine(&["alice"]);
        let clear = fs::read(fixture.keyring()).unwrap();
        keys(&fixture, &SEAL).assert_done();
        restart(&fixture);
        // As a backup puts it back.
        fs::write(fixture.keyring(), clear).unwrap();
        fs::set_permissions(fixture.keyring(), fs::Permissions::from_mode(0o600)).unwrap();
        keys(&fixture, &ROTATE).assert_done();
        keys(&fixture, command).assert_done();
        assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    }
}

#[test]
fn a_backup_that_lacks_a_sealed_key_is_refused_until_opened() {
    let fixture = machine(&["alice"]);
    let (backup, passphrase) =
        (fixture.path("backup.age"), fixture.write("passphrase", "correct horse battery"));
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let (backup, passphrase) = (backup.to_str().unwrap(), passphrase.to_str().unwrap());
    let with = ["--passphrase-file", passphrase];
    keys(&fixture, &[&["keys", "backup", backup][..], &with].concat()).assert_done();
    keys(&fixture, &SEAL).assert_done();
    keys(&fixture, &ROTATE).assert_done();
    restart(&fixture);
    let done = keys(&fixture, &[&["keys", "restore", backup][..], &with].concat());
    assert!(done.status == 1 && done.stderr.contains("keys open"), "{done:?}");
    assert!(!fixture.keyring().exists());
}

#[test]
fn after_a_restore_on_another_machine_what_the_command_says_works() {
    for command in ["seal", "unseal"] {
        let (fixture, backup) = sealed_elsewhere();
        let there =
            |arguments: &[&str]| enroll_command::run(with_key(&fixture, arguments, "other-host-key"), "");
        let finding = |name: &str| {
            let document = there(&["--json", "doctor"]).json();
            let found =
                document["findings"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
            found.map(|one| (one["what"].to_string(), one["fix"].to_string()))
        };
        let (what, fix) = finding("keyring_not_opened").expect("a finding");
        assert!(what.contains("totp-enroll keys restore FILE") && !fix.contains("keys open"), "{what} {fix}");
        let restore: Vec<&str> = backup.iter().map(String::as_str).collect();
        let restored = there(&restore);
        restored.assert_done();
        let hint = format!("totp-enroll keys {command}");
        let (_, fix) = finding("keyring_not_sealed").expect("a finding");
        assert!(restored.stderr.contains(&hint) && fix.contains(&hint), "{restored:?} {fix}");
        let options: &[&str] = if command == "seal" { &["--with-key", "host"] } else { &[] };
        there(&[&["keys", command][..], options].concat()).assert_done();
        assert!(finding("keyring_not_sealed").is_none() && finding("keyring_not_kept").is_none());
        assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    }
}

#[test]
fn after_a_restore_the_sealed_keyring_is_kept_while_something_may_need_it() {
    let an_enrolment = |fixture: &super::Machine| {
        fs::copy(fixture.credential("alice"), fixture.credential("bob")).unwrap();
        fs::write(fixture.credential("bob"), "damaged").unwrap();
    };
    let a_token = |fixture: &super::Machine| {
        let seeds = fixture
            .write("seeds.csv", "serial,secret,type\nF1,3132333435363738393031323334353637383930,hotp\n");
        keys(fixture, &["import", "tokens", seeds.to_str().unwrap()]).assert_done();
        let token = fixture.credential("alice").parent().unwrap().with_file_name("tokens").join("F1.toml");
        fs::write(token, "damaged").unwrap();
    };
    // The state is to be restored from its backup.
    let everything = |fixture: &super::Machine| fs::remove_file(fixture.credential("alice")).unwrap();
    let needs: [&dyn Fn(&super::Machine); 3] = [&an_enrolment, &a_token, &everything];
    for (at, damage) in needs.into_iter().enumerate() {
        let (fixture, backup) = sealed_elsewhere();
        let there =
            |arguments: &[&str]| enroll_command::run(with_key(&fixture, arguments, "other-host-key"), "");
        keys(&fixture, &OPEN).assert_done();
        damage(&fixture);
        restart(&fixture);
        let restored = there(&backup.iter().map(String::as_str).collect::<Vec<_>>());
        restored.assert_done();
        assert!(restored.stderr.contains("keep it until each of them opens"), "{at}: {restored:?}");
        for command in [&SEAL[..], &UNSEAL] {
            let refused = there(command);
            assert!(
                refused.status == 1 && refused.stderr.contains("does not open every enrolment"),
                "{at}: {refused:?}"
            );
        }
        assert!(sealed(&fixture).exists(), "{at}");
    }
}

/// A machine with a sealed keyring that is not open, and the arguments that restore its backup.
fn sealed_elsewhere() -> (super::Machine, Vec<String>) {
    let fixture = machine(&["alice"]);
    let (backup, passphrase) =
        (fixture.path("backup.age"), fixture.write("passphrase", "correct horse battery"));
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let file = backup.to_str().unwrap().to_owned();
    let with = ["--passphrase-file".to_owned(), passphrase.to_str().unwrap().to_owned()];
    keys(&fixture, &["keys", "backup", &file, &with[0], &with[1]]).assert_done();
    keys(&fixture, &SEAL).assert_done();
    restart(&fixture);
    (fixture, [&["keys".to_owned(), "restore".to_owned(), file][..], &with].concat())
}

#[test]
fn doctor_finds_a_keyring_in_force_that_a_restart_would_lose() {
    let fixture = machine(&["alice"]);
    let found = |key: &str| {
        let document = enroll_command::run(with_key(&fixture, &["--json", "doctor"], key), "").json();
        let findings = document["findings"].as_array().unwrap().clone().into_iter();
        let mut found = findings.filter(|finding| finding["name"] == "keyring_not_kept");
        found.next().map(|finding| finding["what"].as_str().unwrap().to_owned())
    };
    keys(&fixture, &SEAL).assert_done();
    assert_eq!(found("host-key"), None);
    assert!(found("other-host-key").unwrap().contains("does not open on this machine"));
    let old = fs::read(sealed(&fixture)).unwrap();
    keys(&fixture, &ROTATE).assert_done();
    fs::write(sealed(&fixture), old).unwrap();
    assert!(found("host-key").unwrap().contains("lacks its key"));
    fs::remove_file(sealed(&fixture)).unwrap();
    assert!(found("host-key").unwrap().contains("is missing"));
    keys(&fixture, &SEAL).assert_done();
    assert_eq!(found("host-key"), None);
}
