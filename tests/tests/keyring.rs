//! The keyring that is broken, missing or not as it should be: refused, and never taken for "not enrolled".

use acceptance::clock::THEN;
use acceptance::damage::{
    ANY_LINE, SOMEBODY, edit, put_a_link_in_its_place, put_a_pipe_in_its_place, refused,
    refused_whatever_it_names, scene, set_mode,
};
use acceptance::login::PamCode;
use acceptance::scene::Scene;
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_keyring_that_is_missing_is_refused() {
    let scene = scene();
    fs::remove_file(scene.keyring()).unwrap();
    refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
}

#[test]
fn a_keyring_that_is_not_toml_is_refused_with_its_line() {
    let scene = scene();
    fs::write(scene.keyring(), "version = 1\nwhat is this\n").unwrap();
    refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "2");
}

#[test]
fn a_keyring_that_is_empty_is_refused() {
    let scene = scene();
    fs::write(scene.keyring(), "").unwrap();
    refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), ANY_LINE);
}

#[test]
fn a_keyring_that_somebody_else_could_read_or_write_is_refused() {
    for mode in [0o640, 0o604, 0o660, 0o644, 0o700] {
        let scene = scene();
        set_mode(&scene.keyring(), mode);
        refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
    }
}

#[test]
fn a_keyring_of_another_owner_or_group_is_refused() {
    for (user, group) in [(Some(SOMEBODY), None), (None, Some(SOMEBODY))] {
        let scene = scene();
        chown(scene.keyring(), user, group).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
    }
}

#[test]
fn a_keyring_behind_a_symbolic_link_is_refused() {
    let scene = scene();
    put_a_link_in_its_place(&scene.keyring());
    refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
}

#[test]
fn a_keyring_that_is_a_pipe_is_refused() {
    let scene = scene();
    put_a_pipe_in_its_place(&scene.keyring());
    refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
}

#[test]
fn a_keyring_of_another_machine_opens_nothing() {
    let (scene, elsewhere) = (scene(), scene());
    fs::copy(elsewhere.keyring(), scene.keyring()).unwrap();
    refused_whatever_it_names(&scene, PamCode::SYSTEM_ERR);
}

#[test]
fn a_keyring_without_the_key_of_a_credential_is_refused_and_the_key_is_named() {
    let scene = scene();
    let credential = fs::read_to_string(scene.credential("alice")).unwrap();
    let key = credential.lines().find(|line| line.starts_with("key = ")).unwrap();
    edit(&scene.credential("alice"), key, "key = \"k999\"");
    let problem = refused_whatever_it_names(&scene, PamCode::SYSTEM_ERR);
    assert!(problem.contains("k999"), "{problem}");
}

#[test]
fn a_machine_that_is_given_another_id_still_opens_what_it_sealed() {
    let mut scene = Scene::builder().account("alice").enrolled("alice").build();
    for id in ["", "0123456789abcdef0123456789abcdef\n"] {
        scene.machine().write("machine-id", 0o444, id);
        let then = THEN + 60 * u64::try_from(id.len()).unwrap();
        assert_eq!(scene.login_with_code_at("alice", then).code(), PamCode::SUCCESS, "{id:?}");
    }
}
