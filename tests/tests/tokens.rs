//! The inventory of hardware tokens: imported, assigned to one person at a time, taken back, revoked.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test whose fixture cannot be set up has to fail"
)]

mod full_disk;
mod removal;
mod reports;
mod terminal;

use acceptance::counter_token::CounterToken;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::sweep::Sweep;
use data_encoding::HEXLOWER;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn a_token_is_assigned_with_a_code_and_opens_a_login() {
    let (fixture, fob) = imported();
    assert_eq!(state(&fixture, "F1")["assigned_to"], Value::Null);
    assert_eq!(assign(&fixture, "F1", "alice", &fob.press(3)).status, 0);
    assert_eq!(fixture.journal.done_by_commands().last().unwrap().what(), "token_assigned");
    assert_eq!(fixture.journal.done_by_commands().last().unwrap().field("token"), "F1");
    assert_eq!(
        (&state(&fixture, "F1")["assigned_to"], &state(&fixture, "F1")["enrolled"]),
        (&"alice".into(), &true.into())
    );
    assert_eq!(login(&fixture, "alice", &fob.press(3)), PamCode::AUTH_ERR, "the first code again");
    assert_eq!(login(&fixture, "alice", &fob.press(4)), PamCode::SUCCESS);
    assert_eq!(fixture.journal.last().field("authenticator"), "F1");
}

#[test]
fn a_token_is_one_persons_at_a_time() {
    let (fixture, fob) = imported();
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    let second = assign(&fixture, "F1", "bob", &fob.press(1));
    assert!(second.status == 1 && second.stderr.contains("assigned to alice"), "{second:?}");
    assert_eq!(fixture.totp_enroll(&["--json", "status", "bob"]).status, 3);
    // To the same person again: nothing changes, and no code is used up.
    assign(&fixture, "F1", "alice", &fob.press(1)).assert_done();
    assert_eq!(login(&fixture, "alice", &fob.press(1)), PamCode::SUCCESS);
}

#[test]
fn a_wrong_code_assigns_nothing() {
    let (fixture, fob) = imported();
    for wrong in [&fob.press(11), "123", "hello", ""] {
        let refused = assign(&fixture, "F1", "alice", wrong);
        assert_eq!(refused.status, 1, "{wrong}: {refused:?}");
        assert_eq!(state(&fixture, "F1")["assigned_to"], Value::Null, "{wrong}");
    }
    assert_eq!(assign(&fixture, "F1", "alice", &format!("{} {}", fob.press(500), fob.press(501))).status, 0);
    assert_eq!(login(&fixture, "alice", &fob.press(502)), PamCode::SUCCESS);
}

#[test]
fn a_token_that_was_taken_back_accepts_no_code_that_was_used() {
    let (fixture, fob) = imported();
    let other = fob_at(1);
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    let last = fixture.totp_enroll(&["--json", "tokens", "unassign", "F1", "--yes"]);
    assert!(last.status == 1 && last.stderr.contains("only authenticator"), "{last:?}");
    assign(&fixture, "F2", "alice", &other.press(0)).assert_done();
    assert_eq!(login(&fixture, "alice", &fob.press(7)), PamCode::SUCCESS);
    fixture.totp_enroll(&["--json", "tokens", "unassign", "F1", "--yes"]).assert_done();
    assert_eq!(fixture.journal.done_by_commands().last().unwrap().what(), "token_unassigned");
    assert_eq!(login(&fixture, "alice", &fob.press(8)), PamCode::AUTH_ERR);
    assert_eq!(login(&fixture, "alice", &other.press(1)), PamCode::SUCCESS, "the ledger's records moved up");
    assert_eq!(login(&fixture, "alice", &other.press(1)), PamCode::AUTH_ERR);
    for used in 0..8 {
        assert_eq!(assign(&fixture, "F1", "bob", &fob.press(used)).status, 1, "{used}");
    }
    assign(&fixture, "F1", "bob", &fob.press(8)).assert_done();
    assert_eq!(login(&fixture, "bob", &fob.press(9)), PamCode::SUCCESS);
}

#[test]
fn an_enrolment_that_ends_leaves_its_counter_with_the_token() {
    for end in [["disable", "alice", "--yes"], ["enroll", "alice", "--batch"]] {
        let (fixture, fob) = imported();
        assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
        assert_eq!(login(&fixture, "alice", &fob.press(5)), PamCode::SUCCESS);
        let mut arguments = end.to_vec();
        if end[0] == "enroll" {
            arguments.extend(["--replace", "--yes"]);
        }
        fixture.totp_enroll(&[&["--json"][..], &arguments].concat()).assert_done();
        let shown = fixture.totp_enroll(&["tokens", "list"]).stdout;
        assert!(shown.contains("assigned to alice, who is not enrolled with it"), "{shown}");
        assert_eq!(assign(&fixture, "F1", "bob", &fob.press(5)).status, 1);
        assign(&fixture, "F1", "bob", &fob.press(6)).assert_done();
    }
}

#[test]
fn a_counter_that_is_not_known_takes_two_codes() {
    let (fixture, fob) = imported();
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    fs::write(fixture.ledger("alice"), b"damaged").unwrap();
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    let one = assign(&fixture, "F1", "bob", &fob.press(2));
    assert!(one.status == 1 && one.stderr.contains("two consecutive codes"), "{one:?}");
    assign(&fixture, "F1", "bob", &format!("{} {}", fob.press(2), fob.press(3))).assert_done();
}

#[test]
fn a_restored_state_makes_every_token_take_two_codes() {
    let (fixture, fob) = imported();
    fixture.totp_enroll(&["--json", "restored", "--yes", "--force"]).assert_done();
    assert_eq!(assign(&fixture, "F1", "bob", &fob.press(0)).status, 1);
    assign(&fixture, "F1", "bob", &format!("{} {}", fob.press(0), fob.press(1))).assert_done();
}

#[test]
fn a_revoked_token_is_nobodys() {
    let (fixture, fob) = imported();
    fixture.totp_enroll(&["--json", "tokens", "revoke", "F1", "--yes"]).assert_done();
    assert_eq!(fixture.journal.done_by_commands().last().unwrap().what(), "token_revoked");
    let refused = assign(&fixture, "F1", "bob", &fob.press(0));
    assert!(refused.status == 1 && refused.stderr.contains("revoked"), "{refused:?}");
    import(&fixture, FILE).assert_done();
    assert_eq!(assign(&fixture, "F1", "bob", &fob.press(0)).status, 1, "an import brought it back");
}

#[test]
fn an_import_takes_the_whole_file_or_nothing() {
    let fixture = Fixture::builder().build();
    let other = format!("{FILE}F3,{},hotp,6,0\n", "aa");
    let refused = import(&fixture, &other);
    assert!(refused.status == 1 && refused.stderr.contains("line 4"), "{refused:?}");
    assert_eq!(serials(&fixture), Vec::<String>::new());
    let seeds = file(&fixture, FILE);
    let planned = fixture.totp_enroll(&["--json", "import", "tokens", &seeds, "--dry-run"]);
    assert_eq!(planned.json()["imported"], 2);
    assert_eq!(serials(&fixture), Vec::<String>::new());
    import(&fixture, FILE).assert_done();
    assert_eq!(import(&fixture, FILE).json()["unchanged"], 2);
    // F1 with the secret of F2, after a new one.
    let mixed = format!(
        "serial,secret,type,digits,counter\nF9,{},hotp,6,0\nF1,{},hotp,6,0\n",
        SECRETS[0], SECRETS[1]
    );
    let refused = import(&fixture, &mixed);
    assert!(
        refused.status == 1 && refused.stderr.contains("line 3") && refused.stderr.contains("F1"),
        "{refused:?}"
    );
    assert_eq!(serials(&fixture), ["F1", "F2"]);
}

#[test]
fn a_rotation_reseals_tokens_and_an_unreadable_one_keeps_the_old_key() {
    let (fixture, fob) = imported();
    let rotated = fixture.totp_enroll(&["--json", "keys", "rotate"]);
    rotated.assert_done();
    assert_eq!(rotated.json()["resealed_tokens"], 2);
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    let token = fixture.state().join("tokens/F2.toml");
    let text = fs::read_to_string(&token).unwrap();
    fs::write(&token, text.replace("version = 1", "version = 9")).unwrap();
    let kept = fixture.totp_enroll(&["--json", "keys", "rotate"]);
    assert!(kept.status == 1 && kept.json()["dropped"].as_array().unwrap().is_empty(), "{kept:?}");
    let doctor = fixture.totp_enroll(&["--json", "doctor"]).stdout;
    assert!(doctor.contains("token_unreadable"), "{doctor}");
    fs::write(&token, text.replace("\"k", "\"x")).unwrap();
    assert!(fixture.totp_enroll(&["doctor"]).stdout.contains("token_seal_broken"));
}

#[test]
fn a_list_is_assigned_line_by_line_and_can_be_given_again() {
    let (fixture, fob) = imported();
    let other = fob_at(1);
    let list = format!("# box\n\nF1 ann {}\nF2 ben 000000\nF7 cat 123456\n", fob.press(0));
    let done = batch(&fixture, &list);
    assert_eq!((done.status, &done.json()["assigned"]), (1, &1.into()), "{done:?}");
    let lines = [0, 1].map(|at| done.json()["refused"][at]["line"].clone());
    assert_eq!(lines, [4, 5]);
    let done = batch(&fixture, &format!("F1 ann {}\nF2 ann {}\n", fob.press(0), other.press(0)));
    done.assert_done();
    assert_eq!((&done.json()["assigned"], &done.json()["unchanged"]), (&1.into(), &1.into()));
    assert_eq!(login(&fixture, "ann", &other.press(1)), PamCode::SUCCESS);
    assert_eq!(login(&fixture, "ann", &fob.press(1)), PamCode::SUCCESS);
}

#[test]
fn many_tokens_are_imported_and_assigned_within_a_minute() {
    let fixture = Fixture::builder().build();
    let (mut seeds, mut list) = ("serial,secret,type,digits,counter\n".to_owned(), String::new());
    let count = if Sweep::today().is_complete() { 10_000 } else { 1_000 };
    for n in 0..count {
        let token = CounterToken { secret: format!("{n:020}").into_bytes(), digits: 6 };
        writeln!(seeds, "T{n:05},{},hotp,6,0", HEXLOWER.encode(&token.secret)).unwrap();
        writeln!(list, "T{n:05} user{n} {}", token.press(0)).unwrap();
    }
    let begun = Instant::now();
    import(&fixture, &seeds).assert_done();
    let imported = begun.elapsed();
    let done = batch(&fixture, &list);
    let all = begun.elapsed();
    assert_eq!(done.json()["assigned"], count);
    assert!(all < Duration::from_secs(60), "{imported:?}, {all:?}");
}

const SECRETS: [&str; 2] =
    ["3132333435363738393031323334353637383930", "4142434445464748494a4b4c4d4e4f5051525354"];
const FILE: &str = "serial,secret,type,digits,counter\n\
                    F1,3132333435363738393031323334353637383930,hotp,6,0\n\
                    F2,4142434445464748494a4b4c4d4e4f5051525354,hotp,6,0\n";

/// Two fobs in the inventory, nobody enrolled. Returns the first fob.
fn imported() -> (Fixture, CounterToken) {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    import(&fixture, FILE).assert_done();
    (fixture, fob_at(0))
}

fn fob_at(at: usize) -> CounterToken {
    CounterToken { secret: HEXLOWER.decode(SECRETS[at].as_bytes()).unwrap(), digits: 6 }
}

fn file(fixture: &Fixture, text: &str) -> String {
    fixture.write("seeds.csv", text).to_str().unwrap().to_owned()
}

fn import(fixture: &Fixture, text: &str) -> CommandOutput {
    fixture.totp_enroll(&["--json", "import", "tokens", &file(fixture, text)])
}

fn assign(fixture: &Fixture, serial: &str, user: &str, code: &str) -> CommandOutput {
    let arguments = ["--json", "tokens", "assign", serial, user, "--code-fd", "0", "--yes"];
    enroll_command::run(fixture.command(&arguments), code)
}

fn batch(fixture: &Fixture, list: &str) -> CommandOutput {
    let list = fixture.write("list", list);
    let list = list.to_str().unwrap();
    fixture.totp_enroll(&["--json", "tokens", "assign", "--batch", list, "--allow-unknown"])
}

fn login(fixture: &Fixture, user: &str, code: &str) -> PamCode {
    fixture.login(user).types(code).code()
}

fn list(fixture: &Fixture) -> Vec<Value> {
    fixture.totp_enroll(&["--json", "tokens", "list"]).json()["tokens"].as_array().unwrap().clone()
}

fn serials(fixture: &Fixture) -> Vec<String> {
    list(fixture).iter().map(|token| token["serial"].as_str().unwrap().to_owned()).collect()
}

fn state(fixture: &Fixture, serial: &str) -> Value {
    list(fixture).into_iter().find(|token| token["serial"] == serial).unwrap()
}
