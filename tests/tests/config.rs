//! A broken, missing or foreign configuration: refused before the user is asked.

use acceptance::clock::THEN;
use acceptance::damage::{
    ANOTHER, ANY_LINE, LENIENT, append, fixture, put_a_link_in_its_place, put_a_pipe_in_its_place, refused,
    set_mode,
};
use acceptance::fixture::SERVICE;
use acceptance::login::PamCode;
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_configuration_that_is_not_toml_is_refused_with_its_line() {
    let fixture = fixture();
    append(&fixture.conf(), "[totp\n");
    refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), "6");
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_by_line() {
    let fixture = fixture();
    append(&fixture.conf(), "[totp]\ndrift_step = 1\n");
    let problem = refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), "7");
    assert!(problem.contains("drift_step"), "{problem}");
}

#[test]
fn a_configuration_with_a_section_that_is_not_known_is_refused() {
    let fixture = fixture();
    append(&fixture.conf(), "[totps]\ndrift_steps = 1\n");
    let problem = refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), "6");
    assert!(problem.contains("totps"), "{problem}");
}

#[test]
fn a_configuration_with_a_value_out_of_range_is_refused() {
    for (text, line) in [
        ("[totp]\ndrift_steps = -1\n", "7"),
        ("[totp]\ndrift_steps = 1000000\n", "7"),
        ("[totp]\nanswer_within = \"soon\"\n", "7"),
        ("[hotp]\nlook_ahead = 51\n", "7"),
        ("[hotp]\nlook_ahead = -1\n", "7"),
        ("[limit]\nattempts = 0\n", "7"),
        ("[limit]\n\nper = 60\n", "8"),
        ("[service.app.limit]\nattempts = 0\n", "7"),
    ] {
        let fixture = fixture();
        append(&fixture.conf(), text);
        refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), line);
    }
}

#[test]
fn a_configuration_that_is_not_utf8_is_refused() {
    let fixture = fixture();
    fs::write(fixture.conf(), b"[totp]\n\xff\xfe = 1\n").unwrap();
    refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), ANY_LINE);
}

#[test]
fn a_configuration_that_others_could_write_is_refused() {
    for mode in [0o664, 0o646, 0o666] {
        let fixture = fixture();
        set_mode(&fixture.conf(), mode);
        refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), "");
    }
}

#[test]
fn a_configuration_that_others_can_read_is_accepted() {
    let fixture = fixture();
    set_mode(&fixture.conf(), 0o644);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_configuration_of_another_owner_is_refused() {
    let fixture = fixture();
    chown(fixture.conf(), Some(ANOTHER), None).unwrap();
    refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), "");
}

#[test]
fn a_configuration_behind_a_symbolic_link_is_refused() {
    let fixture = fixture();
    put_a_link_in_its_place(&fixture.conf());
    refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), "");
}

#[test]
fn a_configuration_that_is_a_pipe_or_a_directory_is_refused() {
    let fixture = fixture();
    put_a_pipe_in_its_place(&fixture.conf());
    refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), "");
    fs::remove_file(fixture.conf()).unwrap();
    fs::create_dir(fixture.conf()).unwrap();
    refused(&fixture, PamCode::SERVICE_ERR, &fixture.conf(), "");
}

#[test]
fn a_configuration_that_is_missing_is_refused() {
    let fixture = fixture();
    fs::remove_file(fixture.conf()).unwrap();
    // Where events go is not known then.
    for service in [SERVICE, LENIENT] {
        let outcome = fixture.login_at(service, "alice").types("123456").run();
        assert_eq!((outcome.code, outcome.prompts.len()), (PamCode::SERVICE_ERR, 0), "{outcome:?}");
    }
}
