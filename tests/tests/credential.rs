//! A broken, changed or foreign credential: refused, and never taken for "not enrolled".

use acceptance::clock::THEN;
use acceptance::damage::{
    ANOTHER, ANY_LINE, LENIENT, edit, fixture, put_a_link_in_its_place, put_a_pipe_in_its_place, refused,
    refused_whatever_it_names, set_mode,
};
use acceptance::fixture::SERVICE;
use acceptance::login::PamCode;
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_credential_that_is_not_toml_is_refused_with_its_line() {
    let fixture = fixture();
    let path = fixture.credential("alice");
    let old = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{old}oh no\n")).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &path, &(old.lines().count() + 1).to_string());
}

#[test]
fn a_credential_that_is_empty_or_cut_short_is_refused() {
    let fixture = fixture();
    let path = fixture.credential("alice");
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len() - 1).step_by(23) {
        fs::write(&path, &whole[..length]).unwrap();
        refused(&fixture, PamCode::SYSTEM_ERR, &path, ANY_LINE);
    }
}

#[test]
fn a_credential_with_a_key_that_is_not_known_is_refused() {
    let fixture = fixture();
    edit(&fixture.credential("alice"), "[[authenticator]]", "colour = \"red\"\n[[authenticator]]");
    let problem = refused(&fixture, PamCode::SYSTEM_ERR, &fixture.credential("alice"), ANY_LINE);
    assert!(problem.contains("colour"), "{problem}");
}

#[test]
fn a_credential_of_a_type_that_is_not_known_is_refused_by_name() {
    let fixture = fixture();
    edit(&fixture.credential("alice"), "\"totp\"", "\"fido2\"");
    let problem = refused(&fixture, PamCode::SYSTEM_ERR, &fixture.credential("alice"), ANY_LINE);
    assert!(problem.contains("fido2"), "{problem}");
}

#[test]
fn a_credential_of_a_newer_version_is_refused_and_says_so() {
    let fixture = fixture();
    edit(&fixture.credential("alice"), "version = 3", "version = 4");
    let problem = refused(&fixture, PamCode::SYSTEM_ERR, &fixture.credential("alice"), ANY_LINE);
    assert!(problem.contains("version"), "{problem}");
}

#[test]
fn a_credential_with_weaker_parameters_does_not_open() {
    for (from, to) in [
        ("digits = 8", "digits = 6"),
        ("period = 60", "period = 300"),
        ("\"SHA1\"", "\"SHA256\""),
        ("label = \"", "label = \"x"),
    ] {
        let fixture = fixture();
        edit(&fixture.credential("alice"), from, to);
        refused_whatever_it_names(&fixture, PamCode::SYSTEM_ERR);
    }
}

#[test]
fn a_credential_of_another_person_is_refused() {
    let fixture = fixture();
    fs::copy(fixture.credential("bob"), fixture.credential("alice")).unwrap();
    refused_whatever_it_names(&fixture, PamCode::SYSTEM_ERR);
}

#[test]
fn a_credential_renamed_to_another_user_does_not_open() {
    let fixture = fixture();
    fs::copy(fixture.credential("bob"), fixture.credential("alice")).unwrap();
    edit(&fixture.credential("alice"), "user = \"bob\"", "user = \"alice\"");
    fs::copy(fixture.ledger("bob"), fixture.ledger("alice")).unwrap();
    let code = fixture.authenticator("bob").code_at(THEN);
    for service in [SERVICE, LENIENT] {
        let refused = fixture.login_at(service, "alice").types(&code).at(THEN).code();
        assert_eq!(refused, PamCode::SYSTEM_ERR, "{service}");
    }
}

#[test]
fn a_credential_that_others_can_read_or_write_is_refused() {
    for mode in [0o640, 0o604, 0o660, 0o644, 0o400] {
        let fixture = fixture();
        set_mode(&fixture.credential("alice"), mode);
        refused(&fixture, PamCode::SYSTEM_ERR, &fixture.credential("alice"), "");
    }
}

#[test]
fn a_credential_of_another_owner_is_refused() {
    let fixture = fixture();
    chown(fixture.credential("alice"), Some(ANOTHER), None).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.credential("alice"), "");
}

#[test]
fn a_credential_behind_a_symbolic_link_is_refused() {
    let fixture = fixture();
    put_a_link_in_its_place(&fixture.credential("alice"));
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.credential("alice"), "");
}

#[test]
fn a_credential_with_a_second_name_is_refused() {
    let fixture = fixture();
    fs::hard_link(fixture.credential("alice"), fixture.path("second-name")).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.credential("alice"), "");
}

#[test]
fn a_credential_that_is_a_pipe_or_a_directory_is_refused() {
    let fixture = fixture();
    put_a_pipe_in_its_place(&fixture.credential("alice"));
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.credential("alice"), "");
    fs::remove_file(fixture.credential("alice")).unwrap();
    fs::create_dir(fixture.credential("alice")).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.credential("alice"), "");
}

#[test]
fn a_missing_credential_is_not_taken_for_not_enrolled() {
    let fixture = fixture();
    // Both pages of the ledger have been written by now.
    for second in [THEN - 120, THEN - 60] {
        assert_eq!(fixture.login_with_code_at("alice", second).code(), PamCode::SUCCESS);
    }
    fs::remove_file(fixture.credential("alice")).unwrap();
    refused_whatever_it_names(&fixture, PamCode::SYSTEM_ERR);
}

#[test]
fn a_broken_credential_does_not_affect_another_user() {
    let fixture = fixture();
    fs::write(fixture.credential("alice"), "oh no").unwrap();
    assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS);
}
