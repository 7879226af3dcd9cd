//! A ledger that is broken, missing or not as it should be: refused, until an administrator repairs it.

use acceptance::clock::THEN;
use acceptance::damage::{
    SOMEBODY, put_a_link_in_its_place, put_a_pipe_in_its_place, refused, scene, set_mode,
};
use acceptance::files::Files;
use acceptance::login::PamCode;
use acceptance::scene::Scene;
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_ledger_that_is_missing_is_refused() {
    let scene = scene();
    fs::remove_file(scene.ledger("alice")).unwrap();
    refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
}

#[test]
fn a_ledger_that_is_empty_or_short_is_refused() {
    let scene = scene();
    let path = scene.ledger("alice");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 31, 2047] {
        fs::write(&path, &whole[..length]).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &path, "");
    }
}

#[test]
fn a_ledger_that_is_noise_or_zeros_is_refused() {
    for contents in [vec![0; 4096], vec![0xff; 4096], acceptance::authenticator::random_bytes(4096)] {
        let scene = scene();
        fs::write(scene.ledger("alice"), contents).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    }
}

#[test]
fn a_ledger_with_a_bit_flipped_in_each_page_is_refused() {
    for at in [8, 20, 40, 100, 2047] {
        let scene = scene();
        let mut bytes = fs::read(scene.ledger("alice")).unwrap();
        bytes[at] ^= 1;
        bytes[2048 + at] ^= 1;
        fs::write(scene.ledger("alice"), bytes).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    }
}

#[test]
fn a_ledger_of_another_person_is_refused() {
    let scene = scene();
    fs::copy(scene.ledger("bob"), scene.ledger("alice")).unwrap();
    refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
}

#[test]
fn a_ledger_that_somebody_else_could_read_or_write_is_refused() {
    for mode in [0o640, 0o604, 0o660, 0o644] {
        let scene = scene();
        set_mode(&scene.ledger("alice"), mode);
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    }
}

#[test]
fn a_ledger_of_another_owner_is_refused() {
    let scene = scene();
    chown(scene.ledger("alice"), Some(SOMEBODY), None).unwrap();
    refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
}

#[test]
fn a_ledger_behind_a_symbolic_link_is_refused() {
    let scene = scene();
    put_a_link_in_its_place(&scene.ledger("alice"));
    refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
}

#[test]
fn a_ledger_with_a_second_name_is_refused() {
    let scene = scene();
    fs::hard_link(scene.ledger("alice"), scene.path("second-name")).unwrap();
    refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
}

#[test]
fn a_ledger_that_is_a_pipe_or_a_directory_is_refused() {
    let scene = scene();
    put_a_pipe_in_its_place(&scene.ledger("alice"));
    refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    fs::remove_file(scene.ledger("alice")).unwrap();
    fs::create_dir(scene.ledger("alice")).unwrap();
    refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
}

#[test]
fn a_ledger_that_was_repaired_lets_in_again_and_voids_the_recovery_codes() {
    let mut scene = Scene::builder().account("alice").build();
    let enrolment = scene.enrol("alice", &[]);
    fs::write(scene.ledger("alice"), "oh no").unwrap();
    scene.desk(&["unlock", "alice", "--repair"]).assert_done();
    assert_eq!(scene.login("alice").types(&enrolment.recovery_codes[0]).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_ledger_that_was_repaired_brings_no_used_code_back() {
    let scene = scene();
    let code = scene.code("alice");
    assert_eq!(scene.login("alice").types(&code).code(), PamCode::SUCCESS);
    fs::remove_file(scene.ledger("alice")).unwrap();
    scene.desk(&["unlock", "alice", "--repair"]).assert_done();
    assert_eq!(scene.login("alice").types(&code).code(), PamCode::AUTH_ERR);
}

#[test]
fn a_ledger_stays_one_file_of_one_size_in_one_place() {
    let scene = scene();
    let before = fs::metadata(scene.ledger("alice")).unwrap();
    for i in 0..4 {
        assert_eq!(scene.login_with_code_at("alice", THEN + 60 * i).code(), PamCode::SUCCESS);
    }
    let after = fs::metadata(scene.ledger("alice")).unwrap();
    let identity = |meta: &fs::Metadata| {
        use std::os::unix::fs::MetadataExt;
        (meta.ino(), meta.len(), meta.blocks(), meta.mode())
    };
    assert_eq!(identity(&before), identity(&after));
}

#[test]
fn a_login_changes_its_own_ledger_and_nothing_else_that_is_stored() {
    let scene = ["ali", "alice", "alice2", "bob"]
        .iter()
        .fold(Scene::builder(), |builder, user| builder.enrolled(user));
    let scene = scene.build();
    let (ledger, stored) = (fs::read(scene.ledger("alice")).unwrap(), Files::below(&scene.path("")));
    let wrong = scene.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    for answer in [scene.authenticator("alice").code_at(THEN), wrong] {
        let _ = scene.login("alice").types(answer).at(THEN).run();
        assert_ne!(fs::read(scene.ledger("alice")).unwrap(), ledger);
        fs::write(scene.ledger("alice"), &ledger).unwrap();
        stored.assert_unchanged(&scene.path(""));
    }
}
