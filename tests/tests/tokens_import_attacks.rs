//! Files of seeds that would give one token to two people, revive used codes, keep the command busy, or show a secret.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test whose fixture cannot be set up has to fail"
)]

use acceptance::counter_token::CounterToken;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::HEXLOWER;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn a_token_that_is_imported_again_is_still_that_of_its_person() {
    let (fixture, fob) = assigned();
    assert_eq!(login(&fixture, &fob.press(5)), PamCode::SUCCESS);
    remove_and_import_again(&fixture);
    let f1 = listed(&fixture, "F1");
    assert_eq!((&f1["assigned_to"], &f1["enrolled"]), (&"alice".into(), &true.into()));
    let other = assign(&fixture, "bob", &fob.press(6));
    assert!(other.status == 1 && other.stderr.contains("assigned to alice"), "{other:?}");
    assert_eq!(login(&fixture, &fob.press(6)), PamCode::SUCCESS);
    // Her codes are used up for the next person too.
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    assert_eq!(assign(&fixture, "bob", &fob.press(6)).status, 1);
    assign(&fixture, "bob", &fob.press(7)).assert_done();
}

#[test]
fn a_token_that_is_imported_again_takes_two_codes_if_its_ledger_is_lost() {
    let (fixture, fob) = assigned();
    remove_and_import_again(&fixture);
    fs::write(fixture.ledger("alice"), b"damaged").unwrap();
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    let one = assign(&fixture, "bob", &fob.press(2));
    assert!(one.status == 1 && one.stderr.contains("two consecutive codes"), "{one:?}");
}

#[test]
fn a_label_that_is_a_serial_number_by_chance_is_no_token() {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    fixture.totp_enroll(&["--json", "enroll", "alice", "--batch", "--label", "F1"]).assert_done();
    import(&fixture, FILE).assert_done();
    assert_eq!(listed(&fixture, "F1")["assigned_to"], Value::Null);
    assign(&fixture, "bob", &fob().press(0)).assert_done();
}

#[test]
fn an_enrolment_that_cannot_be_read_stops_an_import() {
    let (fixture, _) = assigned();
    fs::remove_file(document(&fixture)).unwrap();
    let credential = fixture.credential("alice");
    let text = fs::read(&credential).unwrap();
    fs::write(&credential, "damaged").unwrap();
    let refused = import(&fixture, FILE);
    assert!(refused.status == 1 && refused.stderr.contains("nothing was imported"), "{refused:?}");
    assert!(refused.stderr.contains(credential.to_str().unwrap()), "{refused:?}");
    fs::write(&credential, text).unwrap();
    import(&fixture, FILE).assert_done();
    assert_eq!(listed(&fixture, "F1")["assigned_to"], "alice");
}

#[test]
fn advice_about_a_damaged_token_gives_it_to_nobody_else() {
    let (fixture, _) = assigned();
    let text = fs::read_to_string(document(&fixture)).unwrap();
    for damaged in [text.replace("version = 1", "version = 9"), text.replace("\"k", "\"x")] {
        fs::write(document(&fixture), damaged).unwrap();
        let findings = findings(&fixture, "token_");
        let advice = "import the token again, and revoke it unless it is assigned then";
        assert!(findings.len() == 1 && findings[0].contains(advice), "{findings:?}");
    }
}

#[test]
fn doctor_knows_who_is_enrolled_with_a_token_of_another() {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    import(&fixture, FILE).assert_done();
    let free = fs::read(document(&fixture)).unwrap();
    assign(&fixture, "alice", &fob().press(0)).assert_done();
    let text = fs::read(document(&fixture)).unwrap();
    assert_eq!(findings(&fixture, "token_"), Vec::<String>::new());
    let others = |expected: &str| {
        let findings = findings(&fixture, "token_of_another");
        assert!(findings.len() == 1 && findings[0].contains(expected), "{findings:?}");
    };
    // An old backup of this document alone was restored.
    fs::write(document(&fixture), free).unwrap();
    others("alice with F1 (not assigned)");
    assert_eq!(assign(&fixture, "bob", &fob().press(1)).status, 1);
    // As an earlier version took it. The refusal has noted that it is not known which codes were used.
    let (credential, kept) = (fixture.credential("alice"), fixture.path("kept"));
    fs::rename(&credential, &kept).unwrap();
    assign(&fixture, "bob", &format!("{} {}", fob().press(1), fob().press(2))).assert_done();
    fs::rename(&kept, &credential).unwrap();
    others("alice with F1 (assigned to bob)");
    fixture.totp_enroll(&["--json", "disable", "bob", "--yes"]).assert_done();
    fs::write(document(&fixture), &text).unwrap();
    assert_eq!(findings(&fixture, "token_"), Vec::<String>::new());
}

#[test]
fn one_secret_is_that_of_one_serial_number() {
    let fixture = Fixture::builder().account("alice").build();
    let twice = import(&fixture, &format!("{FILE}F3,{FIRST}00,hotp,8,0\n"));
    assert!(
        twice.status == 1 && twice.stderr.contains("line 4") && twice.stderr.contains("line 2"),
        "{twice:?}"
    );
    import(&fixture, FILE).assert_done();
    let renamed = format!("{HEADER}F9,{},hotp,6,0\nF8,{FIRST},hotp,6,0\n", "aa".repeat(20));
    for dry_run in [&["--dry-run"][..], &[]] {
        let refused = import_with(&fixture, &renamed, dry_run);
        assert!(refused.status == 1 && refused.stderr.contains("line 3"), "{refused:?}");
        assert!(refused.stderr.contains("F1") && !refused.stderr.contains(FIRST), "{refused:?}");
    }
    fixture.totp_enroll(&["--json", "tokens", "revoke", "F1", "--yes"]).assert_done();
    assert_eq!(import(&fixture, &renamed).status, 1, "a revoked token came back under another number");
}

#[test]
fn a_secret_that_a_person_is_enrolled_with_is_no_new_token() {
    let fixture = Fixture::builder().account("alice").build();
    fob().enrol(&fixture, "alice", None, 0);
    let refused = import(&fixture, FILE);
    assert!(refused.status == 1 && refused.stderr.contains("line 2"), "{refused:?}");
    assert!(refused.stderr.contains("alice"), "{refused:?}");
}

#[test]
fn doctor_finds_tokens_that_share_a_secret() {
    let fixture = Fixture::builder().account("alice").build();
    import(&fixture, FILE).assert_done();
    // As an earlier version took it: a second inventory has the secret under another serial number.
    let first = fixture.state().join("tokens");
    let kept = fixture.path("kept");
    fs::rename(&first, &kept).unwrap();
    import(&fixture, &FILE.replace("F1", "F7").replace("F2", "F8")).assert_done();
    fs::copy(kept.join("F1.toml"), first.join("F1.toml")).unwrap();
    let findings = findings(&fixture, "token_secret_twice");
    assert!(findings.len() == 1 && findings[0].contains("F1 and F7"), "{findings:?}");
}

#[test]
fn no_error_repeats_a_secret_in_place_of_a_serial_number() {
    let fixture = Fixture::builder().build();
    let swapped = format!("{FIRST},12345678901234567890,hotp,6,0\n");
    let refused = import(&fixture, &swapped);
    assert!(refused.status == 1 && refused.stderr.contains("line 1"), "{refused:?}");
    assert!(!refused.stderr.contains(FIRST) && !refused.stdout.contains(FIRST), "{refused:?}");
}

#[test]
fn a_hostile_file_is_refused_at_once() {
    let fixture = Fixture::builder().build();
    let attributes: String = (0..200_000).fold(String::new(), |mut text, n| {
        write!(text, " a{n}=''").unwrap();
        text
    });
    let container = "<KeyContainer Version='1.0' xmlns='urn:ietf:params:xml:ns:keyprov:pskc'";
    let columns = format!("serial,secret{}\nF1,{FIRST}\n", ",upn".repeat(10_000));
    for (format, text) in [("pskc", format!("{container}{attributes}/>")), ("tokens", columns)] {
        let file = fixture.write("seeds", &text);
        let begun = Instant::now();
        let refused = fixture.totp_enroll(&["--json", "import", format, file.to_str().unwrap()]);
        assert!(refused.status == 1 && refused.stderr.contains("line 1"), "{refused:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{format}: {:?}", begun.elapsed());
    }
}

/// `12345678901234567890`.
const FIRST: &str = "3132333435363738393031323334353637383930";
const HEADER: &str = "serial,secret,type,digits,counter\n";
const FILE: &str = "serial,secret,type,digits,counter\n\
                    F1,3132333435363738393031323334353637383930,hotp,6,0\n\
                    F2,4142434445464748494a4b4c4d4e4f5051525354,hotp,6,0\n";

/// Two fobs in the inventory, and alice with the first of them.
fn assigned() -> (Fixture, CounterToken) {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    import(&fixture, FILE).assert_done();
    assign(&fixture, "alice", &fob().press(0)).assert_done();
    (fixture, fob())
}

fn fob() -> CounterToken {
    CounterToken { secret: HEXLOWER.decode(FIRST.as_bytes()).unwrap(), digits: 6 }
}

fn document(fixture: &Fixture) -> std::path::PathBuf {
    fixture.state().join("tokens/F1.toml")
}

/// What an administrator without a backup does about a damaged document.
fn remove_and_import_again(fixture: &Fixture) {
    fs::write(document(fixture), "damaged").unwrap();
    assert_eq!(import(fixture, FILE).status, 1);
    fs::remove_file(document(fixture)).unwrap();
    let again = import(fixture, FILE);
    again.assert_done();
    let count = |name: &str| again.json()[name].as_u64();
    assert_eq!((count("imported"), count("unchanged"), count("assigned")), (Some(1), Some(1), Some(1)));
}

fn import(fixture: &Fixture, text: &str) -> CommandOutput {
    import_with(fixture, text, &[])
}

fn import_with(fixture: &Fixture, text: &str, more: &[&str]) -> CommandOutput {
    let file = fixture.write("seeds.csv", text);
    fixture.totp_enroll(&[&["--json", "import", "tokens", file.to_str().unwrap()], more].concat())
}

fn assign(fixture: &Fixture, user: &str, code: &str) -> CommandOutput {
    let arguments = ["--json", "tokens", "assign", "F1", user, "--code-fd", "0", "--yes"];
    enroll_command::run(fixture.command(&arguments), code)
}

fn login(fixture: &Fixture, code: &str) -> PamCode {
    fixture.login("alice").types(code).code()
}

fn listed(fixture: &Fixture, serial: &str) -> Value {
    let list = fixture.totp_enroll(&["--json", "tokens", "list"]).json();
    list["tokens"].as_array().unwrap().iter().find(|token| token["serial"] == serial).unwrap().clone()
}

/// The findings of doctor whose names begin so, as text.
fn findings(fixture: &Fixture, name: &str) -> Vec<String> {
    let doctor = fixture.totp_enroll(&["--json", "doctor"]).json();
    let all = doctor["findings"].as_array().unwrap().clone();
    let wanted = all.into_iter().filter(|finding| finding["name"].as_str().unwrap().starts_with(name));
    wanted.map(|finding| finding.to_string()).collect()
}
