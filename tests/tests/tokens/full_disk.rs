//! The inventory on a disk that is really full: nothing half imported, no token of two persons, and done once there is room.

use super::{FILE, assign, batch, fob_at, import, login, serials, state};
use acceptance::counter_token::CounterToken;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::HEXLOWER;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

#[test]
fn an_import_on_a_full_disk_leaves_no_token() {
    let mut fixture = on_a_small_disk();
    fill(&mut fixture);
    let full = import(&fixture, FILE);
    assert!(full.status == 1 && full.stderr.contains("No space left"), "{full:?}");
    assert_eq!(serials(&fixture), Vec::<String>::new());
    make_room(&mut fixture);
    import(&fixture, FILE).assert_done();
    assert_eq!(serials(&fixture), ["F1", "F2"]);
}

#[test]
fn an_import_that_fills_the_disk_leaves_no_token() {
    let mut fixture = on_a_small_disk();
    let mut seeds = "serial,secret,type,digits,counter\n".to_owned();
    for n in 0..100 {
        writeln!(seeds, "T{n:02},{},hotp,6,0", HEXLOWER.encode(&numbered(n).secret)).unwrap();
    }
    let full = import(&fixture, &seeds);
    assert!(full.status == 1 && full.stderr.contains("No space left"), "{full:?}");
    assert!(full.stderr.contains("nothing was imported"), "{full:?}");
    assert_eq!(serials(&fixture), Vec::<String>::new());
    // What it had written is gone: a smaller file has room.
    import(&fixture, FILE).assert_done();
    make_room(&mut fixture);
    import(&fixture, &seeds).assert_done();
    assert_eq!(serials(&fixture).len(), 102);
}

#[test]
fn an_assignment_on_a_full_disk_uses_no_code_up() {
    let (mut fixture, fob) = imported_on_a_small_disk();
    fill(&mut fixture);
    let full = assign(&fixture, "F1", "alice", &fob.press(0));
    assert!(full.status == 1 && full.stderr.contains("No space left"), "{full:?}");
    assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).status, 3);
    assert_eq!(free(&fixture), ["F1", "F2"]);
    make_room(&mut fixture);
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    assert_eq!(login(&fixture, "alice", &fob.press(1)), PamCode::SUCCESS);
}

#[test]
fn a_list_that_fills_the_disk_is_done_once_there_is_room() {
    let mut fixture = on_a_small_disk();
    let (mut seeds, mut list) = ("serial,secret,type,digits,counter\n".to_owned(), String::new());
    for n in 0..6 {
        writeln!(seeds, "T{n},{},hotp,6,0", HEXLOWER.encode(&numbered(n).secret)).unwrap();
        writeln!(list, "T{n} user{n} {}", numbered(n).press(0)).unwrap();
    }
    import(&fixture, &seeds).assert_done();
    let full = batch(&fixture, &list);
    assert!(full.status == 1 && full.stderr.contains("No space left"), "{full:?}");
    for n in 0..6 {
        let is_enrolled = fixture.totp_enroll(&["--json", "status", &format!("user{n}")]).status == 0;
        assert_eq!(free(&fixture).contains(&format!("T{n}")), !is_enrolled, "{n}");
    }
    make_room(&mut fixture);
    let done = batch(&fixture, &list);
    done.assert_done();
    for n in 0..6 {
        let fob = numbered(n);
        assert_eq!(login(&fixture, &format!("user{n}"), &fob.press(0)), PamCode::AUTH_ERR, "{n}");
        assert_eq!(login(&fixture, &format!("user{n}"), &fob.press(1)), PamCode::SUCCESS, "{n}");
    }
}

#[test]
fn a_token_is_taken_back_once_there_is_room() {
    let (mut fixture, fob) = imported_on_a_small_disk();
    let other = fob_at(1);
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    assign(&fixture, "F2", "alice", &other.press(0)).assert_done();
    fill(&mut fixture);
    let unassign = ["--json", "tokens", "unassign", "F1", "--yes"];
    let full = fixture.totp_enroll(&unassign);
    assert!(full.status == 1 && full.stderr.contains("No space left"), "{full:?}");
    assert_eq!(login(&fixture, "alice", &fob.press(1)), PamCode::SUCCESS, "it is theirs still");
    make_room(&mut fixture);
    fixture.totp_enroll(&unassign).assert_done();
    assert_eq!(state(&fixture, "F1")["assigned_to"], Value::Null);
    assert_eq!(assign(&fixture, "F1", "bob", &fob.press(1)).status, 1);
    assign(&fixture, "F1", "bob", &fob.press(2)).assert_done();
}

/// The tokens that can be assigned.
fn free(fixture: &Fixture) -> Vec<String> {
    let listed = fixture.totp_enroll(&["--json", "tokens", "list", "--unassigned"]).json();
    let tokens = listed["tokens"].as_array().unwrap();
    tokens.iter().map(|token| token["serial"].as_str().unwrap().to_owned()).collect()
}

/// One of many fobs, each with a secret of its own.
fn numbered(n: usize) -> CounterToken {
    CounterToken { secret: format!("{n:020}").into_bytes(), digits: 6 }
}

/// A fixture with its state on a small file system, which only its machine sees.
fn on_a_small_disk() -> Fixture {
    let mut fixture = Fixture::builder().account("alice").account("bob").build();
    drop(fs::remove_dir_all(fixture.state()));
    on_its_machine(&mut fixture, "mkdir -m 700 \"$1\" && mount -t tmpfs -o size=64k,mode=700 small \"$1\"");
    fixture
}

fn imported_on_a_small_disk() -> (Fixture, CounterToken) {
    let fixture = on_a_small_disk();
    import(&fixture, FILE).assert_done();
    (fixture, fob_at(0))
}

fn fill(fixture: &mut Fixture) {
    on_its_machine(fixture, "! cat /dev/zero >\"$1/filling\" 2>/dev/null");
}

fn make_room(fixture: &mut Fixture) {
    on_its_machine(fixture, "rm -f \"$1/filling\"; mount -o remount,size=4m \"$1\"");
}

/// Runs a script where the fixture's mounts are seen, with the state directory as its argument.
fn on_its_machine(fixture: &mut Fixture, script: &str) {
    let state = fixture.state();
    let mut command = fixture.machine().namespace().command("/bin/sh");
    let done = command.args(["-c", script, "sh"]).arg(state).status();
    assert!(done.is_ok_and(|status| status.success()), "{script}");
}
