//! One secret under two names: as a token of the inventory, and as what a person is enrolled with. No code may open the accounts of two
//! people or one account twice, and a token that is revoked may open none.
#![expect(clippy::unwrap_used, reason = "a test whose fixture cannot be set up has to fail")]

use acceptance::counter_token::CounterToken;
use acceptance::damage::set_mode;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use std::fs;

#[test]
fn no_importer_takes_the_secret_of_a_token() {
    for (format, text) in [
        ("oath", format!("HOTP alice - {FIRST} 0")),
        ("oath", format!("HOTP alice - {FIRST}00 0")),
        ("uri", format!("otpauth://hotp/alice?secret={}&counter=0", base32())),
        ("uri", format!("otpauth://totp/alice?secret={}", base32())),
        ("google-authenticator", format!("{}\n\" HOTP_COUNTER 1\n", base32())),
    ] {
        let fixture = with_tokens();
        for dry_run in [&["--dry-run"][..], &[]] {
            let refused = import(&fixture, format, &text, dry_run);
            assert_eq!(refused.status, 1, "{format} {dry_run:?}: {refused:?}");
            assert!(!refused.stderr.contains(FIRST) && !refused.stderr.contains(&base32()), "{refused:?}");
            let said = format!("{}{}", refused.stdout, refused.stderr);
            assert!(said.contains("totp-enroll tokens assign F1 alice"), "{format} {dry_run:?}: {refused:?}");
        }
        assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).status, 3, "{format}");
        // That of a person is assigned to that person, and an import of it that is run again changes nothing.
        assign(&fixture, "alice", &fob().press(3)).assert_done();
        if text.contains("HOTP") || text.contains("hotp") {
            import(&fixture, format, &text, &[]).assert_done();
        }
        if format != "google-authenticator" {
            let other = import(&fixture, format, &text.replace("alice", "bob"), &[]);
            assert!(other.status == 1 && other.stderr.contains("assigned to alice"), "{other:?}");
        }
        // It returns with what was used up of it, and no import begins anew.
        fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
        assert_eq!(import(&fixture, format, &text, &[]).status, 1, "{format}");
        fixture.totp_enroll(&["--json", "tokens", "revoke", "F1", "--yes"]).assert_done();
        let revoked = import(&fixture, format, &text, &[]);
        assert!(revoked.status == 1 && revoked.stderr.contains("revoked"), "{format}: {revoked:?}");
    }
}

#[test]
fn one_counter_is_not_imported_for_two_people() {
    let oath = format!("HOTP alice - {FIRST} 0\nHOTP bob - {FIRST}00 0\n");
    let uri = format!("otpauth://hotp/alice?secret={0}\notpauth://hotp/bob?secret={0}\n", base32());
    for (format, text) in [("oath", &oath), ("uri", &uri)] {
        let fixture = people();
        let refused = import(&fixture, format, text, &[]);
        assert!(refused.status == 1 && refused.stderr.contains("line 1"), "{format}: {refused:?}");
        let kept = import(&fixture, format, text, &["--keep-going"]);
        assert!(kept.status == 1 && kept.json()["imported"] == 1, "{format}: {kept:?}");
        // Nor by two imports.
        let second = text.lines().nth(1).unwrap();
        let refused = import(&fixture, format, second, &[]);
        assert!(refused.status == 1 && refused.stderr.contains("alice"), "{format}: {refused:?}");
        assert_eq!(fixture.totp_enroll(&["--json", "status", "bob"]).status, 3, "{format}");
    }
    // One phone for two accounts is what some want: each accepts a code once.
    let fixture = people();
    let both = format!("HOTP/T30 alice - {FIRST}\nHOTP/T30 bob - {FIRST}\n");
    let file = fixture.write("users.oath", &both);
    let told = fixture.totp_enroll(&["import", "oath", file.to_str().unwrap()]);
    assert!(told.status == 0 && told.stderr.contains("line 2: note: has the secret of line 1"), "{told:?}");
    // One person has it once.
    let twice = import(&people(), "oath", &oath.replace("bob", "alice"), &[]);
    assert_eq!(twice.status, 1, "{twice:?}");
}

#[test]
fn a_token_that_a_person_has_under_another_name_is_assigned_to_nobody() {
    let fixture = with_the_secret_twice();
    assert_eq!(login(&fixture, "alice", &fob().press(3)), PamCode::SUCCESS);
    for user in ["bob", "alice"] {
        let single = assign(&fixture, user, &fob().press(5));
        assert!(single.status == 1 && single.stderr.contains("alice is enrolled"), "{single:?}");
        let list = fixture.write("list", &format!("F1 {user} {}\n", fob().press(5)));
        let list = fixture.totp_enroll(&["--json", "tokens", "assign", "--batch", list.to_str().unwrap()]);
        assert!(list.status == 1 && list.stdout.contains("alice is enrolled"), "{list:?}");
    }
    assert_eq!(login(&fixture, "alice", &fob().press(5)), PamCode::SUCCESS);
    // What was used up of it is not known, so one code is not enough then.
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    let used = assign(&fixture, "alice", &fob().press(4));
    assert!(used.status == 1 && used.stderr.contains("two consecutive codes"), "{used:?}");
    assign(&fixture, "bob", &format!("{} {}", fob().press(6), fob().press(7))).assert_done();
}

#[test]
fn nothing_is_assigned_or_imported_that_an_unreadable_document_may_have() {
    let hotp = |user: &str| format!("HOTP {user} - {FIRST} 0");
    let fixture = with_the_secret_twice();
    set_mode(&fixture.credential("alice"), 0o666);
    let single = assign(&fixture, "bob", &fob().press(5));
    let list = fixture.write("list", &format!("F1 bob {}\n", fob().press(5)));
    let list = fixture.totp_enroll(&["--json", "tokens", "assign", "--batch", list.to_str().unwrap()]);
    let other = people();
    import(&other, "oath", &hotp("alice"), &[]).assert_done();
    set_mode(&other.credential("alice"), 0o666);
    let imported = import(&other, "oath", &hotp("bob"), &[]);
    for refused in [single, list, imported] {
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(refused.status == 1 && said.contains("the enrolment of alice cannot be read"), "{refused:?}");
    }
    for fixture in [&fixture, &other] {
        set_mode(&fixture.credential("alice"), 0o600);
        assert_eq!(fixture.totp_enroll(&["--json", "status", "bob"]).status, 3);
    }
    let tokens = with_tokens();
    set_mode(&tokens.state().join("tokens/F1.toml"), 0o666);
    let refused = import(&tokens, "oath", &hotp("alice"), &[]);
    assert!(refused.status == 1 && refused.stderr.contains("F1.toml"), "{refused:?}");
    assert_eq!(tokens.totp_enroll(&["--json", "status", "alice"]).status, 3);
}

#[test]
fn no_import_runs_beside_a_command_that_changes_the_inventory() {
    let fixture = with_tokens();
    // flock(2), as the other command does.
    let inventory = fs::File::open(fixture.state().join("tokens")).unwrap();
    inventory.lock().unwrap();
    for (format, text) in [
        ("oath", format!("HOTP alice - {} 0", "ab".repeat(20))),
        ("uri", "otpauth://totp/alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned()),
        ("google-authenticator", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n".to_owned()),
    ] {
        let refused = import(&fixture, format, &text, &[]);
        assert!(
            refused.status == 1 && refused.stderr.contains("is changing the tokens"),
            "{format}: {refused:?}"
        );
    }
    drop(inventory);
    import(&fixture, "oath", &format!("HOTP alice - {} 0", "ab".repeat(20)), &[]).assert_done();
}

#[test]
fn what_the_keyring_does_not_open_is_told_where_secrets_are_compared() {
    let fixture = with_the_secret_twice();
    let old = fs::read_to_string(fixture.keyring()).unwrap();
    fs::remove_file(fixture.keyring()).unwrap();
    fixture.totp_enroll(&["keys", "init", "--force"]).assert_done();
    fs::remove_file(fixture.state().join("tokens/F1.toml")).unwrap();
    import(
        &fixture,
        "tokens",
        "serial,secret,type,digits,counter\nF9,00112233445566778899aabbccddeeff00112233,hotp,6,0\n",
        &[],
    );
    let told = import(&fixture, "oath", &format!("HOTP bob - {} 0", "ab".repeat(20)), &[]);
    for told in [&told, &fixture.totp_enroll(&["--json", "tokens", "revoke", "F9", "--yes"])] {
        assert!(told.stderr.contains("not open with this keyring"), "{told:?}");
    }
    fs::write(fixture.keyring(), old).unwrap();
}

#[test]
fn an_old_document_of_a_token_gives_it_to_nobody_else() {
    let fixture = with_tokens();
    let document = fixture.state().join("tokens/F1.toml");
    let free = fs::read(&document).unwrap();
    assign(&fixture, "alice", &fob().press(0)).assert_done();
    fs::write(&document, free).unwrap();
    for user in ["bob", "alice"] {
        let refused = assign(&fixture, user, &fob().press(1));
        assert!(refused.status == 1 && refused.stderr.contains("old copy"), "{refused:?}");
    }
    fs::remove_file(&document).unwrap();
    import(&fixture, "tokens", FILE, &[]).assert_done();
    let refused = assign(&fixture, "bob", &fob().press(1));
    assert!(refused.stderr.contains("assigned to alice"), "{refused:?}");
}

#[test]
fn a_token_is_found_again_whatever_zeros_end_its_secret() {
    let fixture = with_tokens();
    assign(&fixture, "alice", &fob().press(0)).assert_done();
    fs::remove_file(fixture.state().join("tokens/F1.toml")).unwrap();
    let again = import(&fixture, "tokens", &FILE.replace(FIRST, &format!("{FIRST}00")), &[]);
    assert_eq!(again.json()["assigned"], 1, "{again:?}");
    let refused = assign(&fixture, "bob", &fob().press(1));
    assert!(refused.status == 1 && refused.stderr.contains("assigned to alice"), "{refused:?}");
}

#[test]
fn a_revocation_names_everybody_whom_the_token_still_opens() {
    let fixture = with_the_secret_twice();
    for _ in ["first", "again"] {
        let revoked = fixture.totp_enroll(&["--json", "tokens", "revoke", "F1", "--yes"]);
        assert!(revoked.status == 1, "{revoked:?}");
        assert!(
            revoked.stderr.contains("is revoked, but") && revoked.stderr.contains("alice"),
            "{revoked:?}"
        );
        assert_eq!(assign(&fixture, "bob", &fob().press(5)).status, 1);
    }
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    fixture.totp_enroll(&["--json", "tokens", "revoke", "F1", "--yes"]).assert_done();
}

#[test]
fn doctor_finds_a_token_that_a_person_has_under_another_name() {
    let found = |fixture: &Fixture| {
        let doctor = fixture.totp_enroll(&["--json", "doctor"]).json();
        let all = doctor["findings"].as_array().unwrap().clone();
        let found: Vec<String> = all
            .iter()
            .filter(|finding| finding["name"] == "token_secret_twice")
            .map(|finding| finding["what"].to_string())
            .collect();
        found
    };
    let fixture = with_the_secret_twice();
    let findings = found(&fixture);
    assert!(findings.len() == 1 && findings[0].contains("alice"), "{findings:?}");
    assert!(findings[0].contains("F1"), "{findings:?}");
    // Revoked, it is still found.
    let _ = fixture.totp_enroll(&["--json", "tokens", "revoke", "F1", "--yes"]);
    assert_eq!(found(&fixture).len(), 1);
    // Two people with one counter, and no token.
    let fixture = people();
    fob().enrol(&fixture, "alice", None, 0);
    assert_eq!(found(&fixture), Vec::<String>::new());
    // As earlier versions took it.
    let (credential, kept) = (fixture.credential("alice"), fixture.path("kept"));
    fs::rename(&credential, &kept).unwrap();
    fob().enrol(&fixture, "bob", None, 0);
    fs::rename(&kept, &credential).unwrap();
    let findings = found(&fixture);
    assert!(
        findings.len() == 1 && findings[0].contains("alice") && findings[0].contains("bob"),
        "{findings:?}"
    );
}

/// `12345678901234567890`.
const FIRST: &str = "3132333435363738393031323334353637383930";
const FILE: &str =
    "serial,secret,type,digits,counter\nF1,3132333435363738393031323334353637383930,hotp,6,0\n";

fn fob() -> CounterToken {
    CounterToken { secret: HEXLOWER.decode(FIRST.as_bytes()).unwrap(), digits: 6 }
}

fn base32() -> String {
    BASE32_NOPAD.encode(&fob().secret)
}

fn people() -> Fixture {
    Fixture::builder().account("alice").account("bob").build()
}

fn with_tokens() -> Fixture {
    let fixture = people();
    import(&fixture, "tokens", FILE, &[]).assert_done();
    fixture
}

/// As earlier versions took it: alice has the secret of a token from another program's file.
fn with_the_secret_twice() -> Fixture {
    let fixture = with_tokens();
    let (inventory, kept) = (fixture.state().join("tokens"), fixture.path("kept"));
    fs::rename(&inventory, &kept).unwrap();
    import(&fixture, "oath", &format!("HOTP alice - {FIRST} 0"), &[]).assert_done();
    let _ = fs::remove_dir_all(&inventory);
    fs::rename(&kept, &inventory).unwrap();
    fixture
}

fn import(fixture: &Fixture, format: &str, text: &str, more: &[&str]) -> CommandOutput {
    let file = fixture.write("to-import", text);
    let file = file.to_str().unwrap();
    let of_user: &[&str] = if format == "google-authenticator" { &["--user", "alice"] } else { &[] };
    fixture.totp_enroll(&[&["--json", "import", format, file], of_user, more].concat())
}

fn assign(fixture: &Fixture, user: &str, code: &str) -> CommandOutput {
    let arguments = ["--json", "tokens", "assign", "F1", user, "--code-fd", "0", "--yes"];
    enroll_command::run(fixture.command(&arguments), code)
}

fn login(fixture: &Fixture, user: &str, code: &str) -> PamCode {
    fixture.login(user).types(code).code()
}
