//! A broken, missing or foreign ledger: refused until an administrator repairs it.

use acceptance::clock::THEN;
use acceptance::damage::{
    ANOTHER, fixture, put_a_link_in_its_place, put_a_pipe_in_its_place, refused, set_mode,
};
use acceptance::files::Files;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_ledger_that_is_missing_is_refused() {
    let fixture = fixture();
    fs::remove_file(fixture.ledger("alice")).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
}

#[test]
fn a_ledger_that_is_empty_or_short_is_refused() {
    let fixture = fixture();
    let path = fixture.ledger("alice");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 31, 2047] {
        fs::write(&path, &whole[..length]).unwrap();
        refused(&fixture, PamCode::SYSTEM_ERR, &path, "");
    }
}

#[test]
fn a_ledger_that_is_noise_or_zeros_is_refused() {
    for contents in [vec![0; 4096], vec![0xff; 4096], acceptance::authenticator::random_bytes(4096)] {
        let fixture = fixture();
        fs::write(fixture.ledger("alice"), contents).unwrap();
        refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
    }
}

#[test]
fn a_ledger_with_a_bit_flipped_in_each_slot_is_refused() {
    for at in [8, 20, 40, 60, 90] {
        let fixture = fixture();
        let mut bytes = fs::read(fixture.ledger("alice")).unwrap();
        bytes[at] ^= 1;
        bytes[4096 + at] ^= 1;
        fs::write(fixture.ledger("alice"), bytes).unwrap();
        refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
    }
}

#[test]
fn a_ledger_of_another_person_is_refused() {
    let fixture = fixture();
    fs::copy(fixture.ledger("bob"), fixture.ledger("alice")).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
}

#[test]
fn a_ledger_that_others_can_read_or_write_is_refused() {
    for mode in [0o640, 0o604, 0o660, 0o644] {
        let fixture = fixture();
        set_mode(&fixture.ledger("alice"), mode);
        refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
    }
}

#[test]
fn a_ledger_of_another_owner_is_refused() {
    let fixture = fixture();
    chown(fixture.ledger("alice"), Some(ANOTHER), None).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
}

#[test]
fn a_ledger_behind_a_symbolic_link_is_refused() {
    let fixture = fixture();
    put_a_link_in_its_place(&fixture.ledger("alice"));
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
}

#[test]
fn a_ledger_with_a_second_name_is_refused() {
    let fixture = fixture();
    fs::hard_link(fixture.ledger("alice"), fixture.path("second-name")).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
}

#[test]
fn a_ledger_that_is_a_pipe_or_a_directory_is_refused() {
    let fixture = fixture();
    put_a_pipe_in_its_place(&fixture.ledger("alice"));
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
    fs::remove_file(fixture.ledger("alice")).unwrap();
    fs::create_dir(fixture.ledger("alice")).unwrap();
    refused(&fixture, PamCode::SYSTEM_ERR, &fixture.ledger("alice"), "");
}

#[test]
fn a_repaired_ledger_accepts_codes_and_voids_recovery_codes() {
    let mut fixture = Fixture::builder().account("alice").build();
    let enrolment = fixture.enrol("alice", &[]);
    fs::write(fixture.ledger("alice"), "oh no").unwrap();
    fixture.totp_enroll(&["unlock", "alice", "--repair"]).assert_done();
    assert_eq!(fixture.login("alice").types(&enrolment.recovery_codes[0]).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_ledger_that_was_repaired_brings_no_used_code_back() {
    let fixture = fixture();
    let code = fixture.code("alice");
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::SUCCESS);
    fs::remove_file(fixture.ledger("alice")).unwrap();
    fixture.totp_enroll(&["unlock", "alice", "--repair"]).assert_done();
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::AUTH_ERR);
}

#[test]
fn a_ledger_stays_one_file_of_one_size_in_one_place() {
    let fixture = fixture();
    let before = fs::metadata(fixture.ledger("alice")).unwrap();
    for i in 0..4 {
        assert_eq!(fixture.login_with_code_at("alice", THEN + 60 * i).code(), PamCode::SUCCESS);
    }
    let after = fs::metadata(fixture.ledger("alice")).unwrap();
    let identity = |meta: &fs::Metadata| {
        use std::os::unix::fs::MetadataExt;
        (meta.ino(), meta.len(), meta.blocks(), meta.mode())
    };
    assert_eq!(identity(&before), identity(&after));
}

#[test]
fn a_login_changes_its_own_ledger_and_nothing_else() {
    let fixture = ["ali", "alice", "alice2", "bob"]
        .iter()
        .fold(Fixture::builder(), |builder, user| builder.enrolled(user));
    let fixture = fixture.build();
    let (ledger, stored) = (fs::read(fixture.ledger("alice")).unwrap(), Files::below(&fixture.path("")));
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    for answer in [fixture.authenticator("alice").code_at(THEN), wrong] {
        let _ = fixture.login("alice").types(answer).at(THEN).run();
        assert_ne!(fs::read(fixture.ledger("alice")).unwrap(), ledger);
        fs::write(fixture.ledger("alice"), &ledger).unwrap();
        stored.assert_unchanged(&fixture.path(""));
    }
}
