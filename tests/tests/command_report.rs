//! `status`, `list`, the exit statuses, and what they say of broken files.

use acceptance::clock::THEN;
use acceptance::enroll_command;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};
use std::fs;

#[test]
fn status_says_what_a_user_is_enrolled_with() {
    let mut fixture = Fixture::builder().account("alice").build();
    let _ = fixture.enrol("alice", &["--label", "work phone"]);
    let done = fixture.totp_enroll(&["status", "alice"]);
    done.assert_done();
    for word in ["alice", "work phone", "10"] {
        assert!(done.stdout.contains(word), "{word}: {}", done.stdout);
    }
}

#[test]
fn status_is_one_json_document_when_asked_for() {
    let mut fixture = Fixture::builder().account("alice").build();
    let enrolment =
        fixture.enrol("alice", &["--label", "work phone", "--algorithm", "SHA512", "--digits", "8"]);
    assert_eq!(fixture.login("alice").types(&enrolment.recovery_codes[0]).code(), PamCode::SUCCESS);
    let done = fixture.totp_enroll(&["--json", "status", "alice"]);
    let document = done.json();
    let authenticator = &document["authenticators"][0];
    assert_eq!(document["user"], "alice", "{document}");
    assert_eq!(document["recovery_left"], 9, "{document}");
    assert_eq!(authenticator["label"], "work phone", "{document}");
    assert_eq!(authenticator["algorithm"], "SHA512", "{document}");
    assert_eq!(authenticator["digits"], 8, "{document}");
    assert_eq!(authenticator["period"], 30, "{document}");
}

#[test]
fn list_names_all_users_in_one_document() {
    let fixture =
        Fixture::builder().account("alice").enrolled("alice").enrolled("bob").enrolled("carol").build();
    let document = fixture.totp_enroll(&["--json", "list"]).json();
    let users: Vec<_> = document["users"].as_array().into_iter().flatten().collect();
    let names: Vec<_> = users.iter().map(|user| user["user"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["alice", "bob", "carol"], "{document}");
    assert!(users[0]["uid"].is_u64() && users[1]["uid"].is_null(), "{document}");
    for user in users {
        assert_eq!(user["authenticators"][0]["type"], "totp", "{document}");
        assert!(user["authenticators"][0]["created"].is_string(), "{document}");
    }
}

#[test]
fn list_of_nobody_is_empty_and_no_failure() {
    let fixture = Fixture::builder().build();
    let done = fixture.totp_enroll(&["--json", "list"]);
    done.assert_done();
    assert_eq!(done.json()["users"], serde_json::json!([]));
    fixture.totp_enroll(&["list"]).assert_done();
}

#[test]
fn names_with_anything_in_them_are_listed_as_they_are() {
    let names = ["DOMAIN+user", "user@example.com", "ünïcødé", "a.b-c_d", "50%"];
    let fixture = names.iter().fold(Fixture::builder(), |builder, name| builder.enrolled(name)).build();
    let document = fixture.totp_enroll(&["--json", "list"]).json();
    let users = document["users"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut listed: Vec<_> = users.iter().filter_map(|user| user["user"].as_str()).collect();
    let mut expected = names;
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    for name in names {
        assert_eq!(fixture.login_with_code_at(name, THEN).code(), PamCode::SUCCESS, "{name}");
    }
}

#[test]
fn no_report_holds_a_secret() {
    let mut fixture = Fixture::builder().account("alice").build();
    let enrolment = fixture.enrol("alice", &[]);
    let secret = &enrolment.authenticator.secret;
    let mut secrets = vec![BASE32_NOPAD.encode(secret), HEXLOWER.encode(secret), BASE64.encode(secret)];
    secrets.extend(enrolment.recovery_codes.iter().flat_map(|code| [code.clone(), code.replace('-', "")]));
    for arguments in
        [&["status", "alice"][..], &["list"], &["--json", "status", "alice"], &["--json", "list"]]
    {
        let done = fixture.totp_enroll(arguments);
        let said = done.stdout + &done.stderr;
        for secret in &secrets {
            assert!(!said.contains(secret.as_str()), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn a_lock_is_reported() {
    let limit = "[limit]\nlock_after = 1\nlock_for = \"1h\"";
    let fixture = Fixture::builder().config(limit).enrolled("alice").build();
    assert_eq!(
        fixture.login("alice").types(fixture.authenticator("alice").wrong_code()).code(),
        PamCode::AUTH_ERR
    );
    let done = fixture.totp_enroll(&["status", "alice"]);
    assert!(done.stdout.contains("locked"), "{}", done.stdout);
}

#[test]
fn status_of_a_user_who_is_not_enrolled_is_3() {
    let fixture = Fixture::builder().account("absent").build();
    for arguments in [
        &["status", "absent"][..],
        &["--json", "status", "absent"],
        &["recovery-codes", "absent", "--yes"],
        &["disable", "absent", "--yes"],
        &["unlock", "absent"],
    ] {
        let done = fixture.totp_enroll(arguments);
        assert_eq!(done.status, 3, "{arguments:?}: {done:?}");
    }
}

#[test]
fn a_usage_error_is_status_2() {
    let fixture = Fixture::builder().build();
    for arguments in [&["enrol"][..], &[], &["status", "--wat"], &["import"], &["unlock"], &["keys", "wat"]] {
        let done = fixture.totp_enroll(arguments);
        assert_eq!(done.status, 2, "{arguments:?}: {done:?}");
        assert!(!done.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn running_without_root_is_status_4() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let program = fixture.machine().install(&acceptance::built::command());
    for arguments in
        [&["list"][..], &["status"], &["unlock", "alice"], &["disable", "alice", "--yes"], &["keys", "init"]]
    {
        let mut command = fixture.machine().namespace().command("/usr/bin/setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        command.arg("--config").arg(fixture.conf()).args(arguments);
        let done = enroll_command::run(command, "");
        assert_eq!(done.status, 4, "{arguments:?}: {done:?}");
        assert!(done.stderr.contains("root"), "{arguments:?}: {done:?}");
    }
}

#[test]
fn a_broken_configuration_is_named_with_its_line() {
    let fixture = Fixture::with(&["alice"]);
    fixture.configure("[totp]\ndrift_step = 1\n");
    for arguments in [&["list"][..], &["status", "alice"], &["unlock", "alice"]] {
        let done = fixture.totp_enroll(arguments);
        assert_eq!(done.status, 1, "{done:?}");
        for word in [fixture.conf().display().to_string().as_str(), "line 7", "drift_step"] {
            assert!(done.stderr.contains(word), "{word}: {done:?}");
        }
    }
}

#[test]
fn a_configuration_that_is_named_and_missing_is_named() {
    let fixture = Fixture::with(&["alice"]);
    fs::remove_file(fixture.conf()).unwrap();
    let done = fixture.totp_enroll(&["list"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains(fixture.conf().to_str().unwrap()), "{done:?}");
}

#[test]
fn a_broken_credential_is_named_and_the_others_are_listed() {
    let fixture = Fixture::with(&["alice", "bob"]);
    fs::write(fixture.credential("alice"), "oh no").unwrap();
    let done = fixture.totp_enroll(&["status", "alice"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains(fixture.credential("alice").to_str().unwrap()), "{done:?}");
    let done = fixture.totp_enroll(&["list"]);
    assert!(done.stdout.contains("bob"), "{done:?}");
    assert!((done.stdout + &done.stderr).contains("alice"));
    assert_eq!(done.status, 1);
}

#[test]
fn help_and_version_are_no_failure() {
    let fixture = Fixture::builder().build();
    for argument in ["--help", "--version"] {
        let done = fixture.totp_enroll(&[argument]);
        done.assert_done();
        assert!(done.stdout.contains("totp-enroll"), "{done:?}");
    }
}
