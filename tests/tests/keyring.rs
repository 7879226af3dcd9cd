//! A broken, missing or foreign keyring: refused, and never taken for "not enrolled".

use acceptance::clock::THEN;
use acceptance::damage::{
    ANOTHER, ANY_LINE, edit, fixture, put_a_link_in_its_place, put_a_pipe_in_its_place, refused,
    refused_whatever_it_names, set_mode,
};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_keyring_that_is_missing_is_refused() {
    let fixture = fixture();
    fs::remove_file(fixture.keyring()).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.keyring(), "");
}

#[test]
fn a_keyring_that_is_not_toml_is_refused_with_its_line() {
    let fixture = fixture();
    fs::write(fixture.keyring(), "version = 1\nwhat is this\n").unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.keyring(), "2");
}

#[test]
fn a_keyring_that_is_empty_is_refused() {
    let fixture = fixture();
    fs::write(fixture.keyring(), "").unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.keyring(), ANY_LINE);
}

#[test]
fn a_keyring_that_others_can_read_or_write_is_refused() {
    for mode in [0o640, 0o604, 0o660, 0o644, 0o700] {
        let fixture = fixture();
        set_mode(&fixture.keyring(), mode);
        refused(&fixture, PamCode::SYSTEM_ERR, &fixture.keyring(), "");
    }
}

#[test]
fn a_keyring_of_another_owner_or_group_is_refused() {
    for (user, group) in [(Some(ANOTHER), None), (None, Some(ANOTHER))] {
        let fixture = fixture();
        chown(fixture.keyring(), user, group).unwrap();
        refused(&fixture, PamCode::SYSTEM_ERR, &fixture.keyring(), "");
    }
}

#[test]
fn a_keyring_behind_a_symbolic_link_is_refused() {
    let fixture = fixture();
    put_a_link_in_its_place(&fixture.keyring());
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.keyring(), "");
}

#[test]
fn a_keyring_that_is_a_pipe_is_refused() {
    let fixture = fixture();
    put_a_pipe_in_its_place(&fixture.keyring());
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.keyring(), "");
}

#[test]
fn a_keyring_of_another_machine_opens_nothing() {
    let (fixture, elsewhere) = (fixture(), fixture());
    fs::copy(elsewhere.keyring(), fixture.keyring()).unwrap();
    refused_whatever_it_names(&fixture, PamCode::SYSTEM_ERR);
}

#[test]
fn a_keyring_that_lacks_a_needed_key_is_refused_by_name() {
    let fixture = fixture();
    let credential = fs::read_to_string(fixture.credential("alice")).unwrap();
    let key = credential.lines().find(|line| line.starts_with("key = ")).unwrap();
    edit(&fixture.credential("alice"), key, "key = \"k999\"");
    let problem = refused_whatever_it_names(&fixture, PamCode::SYSTEM_ERR);
    assert!(problem.contains("k999"), "{problem}");
}

#[test]
fn a_changed_machine_id_does_not_matter() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    for id in ["", "0123456789abcdef0123456789abcdef\n"] {
        fixture.machine().write("machine-id", 0o444, id);
        let then = THEN + 60 * u64::try_from(id.len()).unwrap();
        assert_eq!(fixture.login_with_code_at("alice", then).code(), PamCode::SUCCESS, "{id:?}");
    }
}
