//! An import that is run again, accounts that are enrolled already, and names that are no accounts.

use acceptance::authenticator::Authenticator;
use acceptance::clock::{self, THEN};
use acceptance::enroll_command::CommandOutput;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::HEXLOWER;
use std::fs;

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const OTHER: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJA";

#[test]
fn an_import_that_is_run_again_changes_nothing_and_succeeds() {
    let hex = "3132333435363738393031323334353637383930";
    for (format, text) in [
        ("uri", format!("otpauth://totp/alice?secret={SECRET}\notpauth://hotp/bob?secret={OTHER}\n")),
        ("oath", format!("HOTP/T30 alice - {hex}\nHOTP bob - {hex}32 5\nHOTP/T60 alice - {hex}31\n")),
    ] {
        let fixture = Fixture::builder().account("alice").account("bob").build();
        import(&fixture, format, &text, &[]).assert_done();
        let stored = fixture.stored();
        for options in [&[][..], &["--keep-going"], &["--skip-enrolled"], &["--dry-run"]] {
            let again = import(&fixture, format, &text, options);
            again.assert_done();
            let document = again.json();
            assert_eq!(document["skipped"], serde_json::json!([]), "{document}");
            let enrolled = document["already_enrolled"].as_array().map_or(0, Vec::len);
            assert_eq!(enrolled, text.lines().count(), "{document}");
            assert!(!document.to_string().contains("\"same_secret\":false"), "{document}");
        }
        stored.assert_unchanged(&fixture.state());
        let told = said(&fixture, format, &text, &[]);
        assert!(
            told.stdout.contains("0 users imported, ") && told.stdout.contains(" already enrolled"),
            "{told:?}"
        );
        assert!(told.stderr.contains("alice is already enrolled, with the same secret"), "{told:?}");
    }
}

#[test]
fn an_account_with_another_secret_is_an_error_unless_it_is_skipped() {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    import(&fixture, "uri", &format!("otpauth://totp/alice?secret={SECRET}"), &[]).assert_done();
    let text = format!("otpauth://totp/alice?secret={OTHER}\notpauth://totp/bob?secret={OTHER}\n");
    let more_digits = format!("otpauth://totp/alice?secret={SECRET}&digits=8\n");
    for text in [&text, &more_digits] {
        let refused = import(&fixture, "uri", text, &[]);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stdout.contains("use --skip-enrolled"), "{refused:?}");
        assert_eq!(refused.json()["line"], 1);
    }
    let foretold = import(&fixture, "uri", &text, &["--skip-enrolled", "--dry-run"]).json();
    assert_eq!(foretold["would_import"][0]["user"], "bob", "{foretold}");
    let done = import(&fixture, "uri", &text, &["--skip-enrolled"]);
    done.assert_done();
    let expected = serde_json::json!([{"line": 1, "user": "alice", "same_secret": false}]);
    assert_eq!((&done.json()["imported"], &done.json()["already_enrolled"]), (&1.into(), &expected));
}

#[test]
fn failures_that_are_passed_over_show_in_the_exit_status() {
    let fixture = Fixture::builder().account("alice").build();
    let text = format!("otpauth://totp/alice?secret={SECRET}\nwhat\n");
    for (options, expected) in [
        (&["--keep-going", "--dry-run"][..], "1 bad line would not be imported"),
        (&["--dry-run"], "the import would stop, and import no one"),
        (&["--keep-going"], "1 bad line not imported"),
        (&["--keep-going", "--skip-enrolled"], "1 bad line not imported"),
    ] {
        let done = said(&fixture, "uri", &text, options);
        assert_eq!(done.status, 1, "{options:?}: {done:?}");
        assert!(done.stderr.contains(expected) && done.stderr.contains("line 2: "), "{options:?}: {done:?}");
    }
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 0);
}

#[test]
fn a_name_with_an_at_is_no_account_and_a_map_names_it() {
    let fixture = Fixture::builder().account("anna").account("bertil").build();
    let text = format!(
        "otpauth://totp/Site:anna%40site.example?secret={SECRET}\notpauth://totp/Bertil%20B?secret={OTHER}\n"
    );
    let refused = said(&fixture, "uri", &text, &[]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stderr.contains("if anna is meant, say so with --user anna"), "{refused:?}");
    assert!(refused.stderr.contains("with --map FILE"), "{refused:?}");
    let map = fixture.write("map", "# name account\nanna@site.example anna\r\nBertil B\tbertil\n");
    let map = map.display().to_string();
    import(&fixture, "uri", &text, &["--map", &map]).assert_done();
    let phone = Authenticator { secret: b"12345678901234567890".to_vec(), ..Authenticator::random() };
    assert_eq!(fixture.login("anna").types(phone.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.totp_enroll(&["status", "bertil"]).status, 0);
    let oath = "HOTP/T30 anna@site.example - 3132333435363738393031323334353637383930\n";
    import(&fixture, "oath", oath, &["--map", &map]).assert_done();
    let bad = fixture.write("bad.map", "anna@site.example anna\nbertil\n").display().to_string();
    let refused = said(&fixture, "uri", &text, &["--map", &bad]);
    assert!(refused.status == 1 && refused.stderr.contains("bad.map line 2: "), "{refused:?}");
}

#[test]
fn the_code_that_pam_oath_accepted_last_does_not_open_here() {
    let phone = Authenticator::random();
    let fixture = Fixture::builder().account("alice").build();
    let file = fixture.write("users.oath", &format!("HOTP/T30 alice - {}\n", HEXLOWER.encode(&phone.secret)));
    let line = format!("auth required pam_oath.so usersfile={} window=10 digits=6", file.display());
    fixture.service("former", &line);
    let second = clock::well_inside_a_step(30, 15);
    let code = phone.code_at(second);
    assert_eq!(fixture.login_at("former", "alice").types(&code).code(), PamCode::SUCCESS);
    let noted = fs::read_to_string(&file).unwrap();
    assert!(noted.contains(&code), "{noted}");
    import(&fixture, "oath", &noted, &[]).assert_done();
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().field("reason"), "replayed");
    assert_eq!(fixture.login("alice").types(phone.code_at(second + 30)).code(), PamCode::SUCCESS);
}

/// Imports a file with this text; the answer is a document.
fn import(fixture: &Fixture, format: &str, text: &str, options: &[&str]) -> CommandOutput {
    said(fixture, format, text, &[&["--json"], options].concat())
}

/// Imports a file with this text; the answer is for a person.
fn said(fixture: &Fixture, format: &str, text: &str, options: &[&str]) -> CommandOutput {
    let file = fixture.write("people", text).display().to_string();
    fixture.totp_enroll(&[&["import", format, &file], options].concat())
}
