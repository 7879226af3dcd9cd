//! Secrets and URIs as people and tools write them: groups, quotes, byte order marks, tables, and exports of apps.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::enroll_command::CommandOutput;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::BASE32_NOPAD;
use std::fs;
use std::process::Command;

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn a_secret_is_read_as_people_have_it() {
    for secret in [
        "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
        "gezd%20gnbv%20gy3t%20qojq%20gezd%20gnbv%20gy3t%20qojq",
        "GEZD+GNBV+GY3T+QOJQ+GEZD+GNBV+GY3T+QOJQ",
        "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ",
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ%0A",
        "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ%3D%3D",
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQA",
    ] {
        opens_after(format!("otpauth://totp/alice?secret={secret}").as_bytes(), secret);
    }
}

#[test]
fn what_tools_wrap_around_a_uri_does_not_matter() {
    let uri = format!("otpauth://totp/alice?secret={SECRET}&issuer=Site");
    let unit = |uri: &str, of: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{uri}\r\n").encode_utf16().flat_map(of).collect()
    };
    for (text, what) in [
        (format!("\u{feff}{uri}\r\n").into_bytes(), "UTF-8 with a byte order mark"),
        (unit(&uri, u16::to_le_bytes), "UTF-16, little endian"),
        (unit(&uri, u16::to_be_bytes), "UTF-16, big endian"),
        (format!("\"{uri}\"\n").into_bytes(), "quotes"),
        (format!("QR-Code:{uri}\n").into_bytes(), "zbarimg"),
        (format!("apple-{uri}\n").into_bytes(), "apple-otpauth:"),
    ] {
        opens_after(&text, what);
    }
}

#[test]
fn plain_exports_of_apps_are_read_and_others_are_named() {
    let aegis = format!(
        r#"{{"version": 1, "header": {{"slots": null, "params": null}}, "db": {{"version": 2, "entries": [{{"type": "totp", "name":
        "alice", "issuer": "Site", "info": {{"secret": "{SECRET}", "algo": "SHA1", "digits": 6, "period": 30}}}}]}}}}"#
    );
    let two_fas = format!(
        r#"{{"services": [{{"name": "Site", "secret": "{SECRET}", "otp": {{"account": "alice", "digits": 6, "period": 30,
        "algorithm": "SHA1", "tokenType": "TOTP"}}}}], "groups": [], "schemaVersion": 4}}"#
    );
    opens_after(aegis.as_bytes(), "Aegis");
    opens_after(two_fas.as_bytes(), "2FAS");
    let fixture = Fixture::builder().account("alice").build();
    let csv = format!(
        "Title,URL,Username,Password,Notes,OTPAuth\nSite,,alice,pw,,otpauth://totp/alice?secret={SECRET}\n"
    );
    for (text, said) in [
        (r#"{"version": 1, "header": {"slots": []}, "db": "b2N0ZXQ="}"#, "is an encrypted export of Aegis"),
        (r#"{"services": [], "servicesEncrypted": "a:b:c"}"#, "is an encrypted export of 2FAS"),
        (r#"[{"secret": "GEZDGNBV", "label": "alice"}]"#, "is JSON, but no plain export of Aegis or 2FAS"),
        (csv.as_str(), "is a line of a table (CSV)"),
    ] {
        let done = import(&fixture, text.as_bytes());
        assert!(done.status == 1 && done.stderr.contains(said), "{text}: {done:?}");
        assert!(!done.stderr.contains("GEZDGNBV"), "{done:?}");
    }
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
}

/// What google-authenticator opens to, opens here, with a superfluous last character in its secret.
#[test]
fn a_superfluous_last_character_is_dropped_as_google_authenticator_does() {
    for length in [10, 16, 20] {
        let phone = Authenticator {
            secret: acceptance::authenticator::random_bytes(length),
            ..Authenticator::random()
        };
        let written = BASE32_NOPAD.encode(&phone.secret);
        for secret in [format!("{written}A"), format!("{written}7")] {
            let fixture = Fixture::builder().account("alice").build();
            let file = fixture.write("former", &format!("{secret}\n\" TOTP_AUTH\n"));
            let path = file.display();
            let line = format!("auth required pam_google_authenticator.so secret={path} user=root");
            fixture.service("former", &line);
            let code = phone.code();
            let there = fixture.login_at("former", "alice").types(&code).code() == PamCode::SUCCESS;
            let done = fixture.totp_enroll(&[
                "import",
                "google-authenticator",
                &path.to_string(),
                "--user",
                "alice",
            ]);
            done.assert_done();
            let here = fixture.login("alice").types(&code).code() == PamCode::SUCCESS;
            assert_eq!((there, here), (true, true), "{length}");
        }
    }
}

#[test]
fn equal_scratch_lines_are_one_code() {
    let fixture = Fixture::builder().account("alice").build();
    let text = format!("{SECRET}\n\" TOTP_AUTH\n71744121\n71744121\n");
    let file = fixture.write("alices", &text).display().to_string();
    let done = fixture.totp_enroll(&["--json", "import", "google-authenticator", &file, "--user", "alice"]);
    done.assert_done();
    assert!(done.stdout.contains("line 4 repeats a scratch code"), "{done:?}");
    assert_eq!(fixture.login("alice").types("71744121").at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).json()["recovery_left"], 0);
}

#[test]
fn an_issuer_has_no_colon() {
    let fixture = Fixture::builder().account("alice").build();
    let done = fixture.totp_enroll(&["enroll", "alice", "--batch", "--issuer", "Site: anna"]);
    assert!(
        done.status == 2 && done.stderr.contains("--issuer: ") && done.stderr.contains("colon"),
        "{done:?}"
    );
}

/// Of a picture that qrencode made.
#[test]
fn the_output_of_zbarimg_is_imported_as_it_is() {
    let fixture = Fixture::builder().account("alice").build();
    let picture = fixture.path("qr.png");
    let uri = format!("otpauth://totp/Site:alice?secret={SECRET}&issuer=Site");
    let made = Command::new("qrencode").arg("-o").arg(&picture).arg(&uri).status();
    assert!(made.is_ok_and(|status| status.success()));
    let read = Command::new("zbarimg").arg("-q").arg(&picture).output().unwrap();
    assert!(read.stdout.starts_with(b"QR-Code:"), "{read:?}");
    opens_after(&read.stdout, "zbarimg");
}

/// Imports alice from a file with these bytes; her code opens.
fn opens_after(text: &[u8], what: &str) {
    let fixture = Fixture::builder().account("alice").build();
    let done = import(&fixture, text);
    assert_eq!(done.status, 0, "{what}: {done:?}");
    let phone = Authenticator { secret: b"12345678901234567890".to_vec(), ..Authenticator::random() };
    let code = phone.code_at(THEN);
    assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS, "{what}");
}

fn import(fixture: &Fixture, text: &[u8]) -> CommandOutput {
    let file = fixture.path("people");
    assert!(fs::write(&file, text).is_ok());
    fixture.totp_enroll(&["import", "uri", &file.display().to_string()])
}
