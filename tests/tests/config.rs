//! The configuration that is broken, missing or not as it should be: refused before anybody is asked.

use acceptance::clock::THEN;
use acceptance::damage::{
    ANY_LINE, LENIENT, SOMEBODY, append, put_a_link_in_its_place, put_a_pipe_in_its_place, refused, scene,
    set_mode,
};
use acceptance::login::PamCode;
use acceptance::scene::DOOR;
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_configuration_that_is_not_toml_is_refused_with_its_line() {
    let scene = scene();
    append(&scene.conf(), "[totp\n");
    refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "6");
}

#[test]
fn a_configuration_with_a_key_that_is_not_known_is_refused_with_its_line_and_name() {
    let scene = scene();
    append(&scene.conf(), "[totp]\ndrift_step = 1\n");
    let problem = refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "7");
    assert!(problem.contains("drift_step"), "{problem}");
}

#[test]
fn a_configuration_with_a_section_that_is_not_known_is_refused() {
    let scene = scene();
    append(&scene.conf(), "[totps]\ndrift_steps = 1\n");
    let problem = refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "6");
    assert!(problem.contains("totps"), "{problem}");
}

#[test]
fn a_configuration_with_a_value_out_of_range_is_refused_with_its_line() {
    for (text, line) in [
        ("[totp]\ndrift_steps = -1\n", "7"),
        ("[totp]\ndrift_steps = 1000000\n", "7"),
        ("[totp]\nanswer_within = \"soon\"\n", "7"),
        ("[limit]\nattempts = 0\n", "7"),
        ("[limit]\n\nper = 60\n", "8"),
        ("[service.door.limit]\nattempts = 0\n", "7"),
    ] {
        let scene = scene();
        append(&scene.conf(), text);
        refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), line);
    }
}

#[test]
fn a_configuration_that_is_not_utf8_is_refused() {
    let scene = scene();
    fs::write(scene.conf(), b"[totp]\n\xff\xfe = 1\n").unwrap();
    refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), ANY_LINE);
}

#[test]
fn a_configuration_that_others_could_write_is_refused() {
    for mode in [0o664, 0o646, 0o666] {
        let scene = scene();
        set_mode(&scene.conf(), mode);
        refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
    }
}

#[test]
fn a_configuration_that_others_can_read_is_no_trouble() {
    let scene = scene();
    set_mode(&scene.conf(), 0o644);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_configuration_of_another_owner_is_refused() {
    let scene = scene();
    chown(scene.conf(), Some(SOMEBODY), None).unwrap();
    refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
}

#[test]
fn a_configuration_behind_a_symbolic_link_is_refused() {
    let scene = scene();
    put_a_link_in_its_place(&scene.conf());
    refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
}

#[test]
fn a_configuration_that_is_a_pipe_or_a_directory_is_refused() {
    let scene = scene();
    put_a_pipe_in_its_place(&scene.conf());
    refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
    fs::remove_file(scene.conf()).unwrap();
    fs::create_dir(scene.conf()).unwrap();
    refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
}

#[test]
fn a_configuration_that_is_missing_is_refused() {
    let scene = scene();
    fs::remove_file(scene.conf()).unwrap();
    // Where events go is not known then.
    for service in [DOOR, LENIENT] {
        let outcome = scene.login_at(service, "alice").types("123456").run();
        assert_eq!((outcome.code, outcome.prompts.len()), (PamCode::SERVICE_ERR, 0), "{outcome:?}");
    }
}
