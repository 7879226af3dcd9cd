//! Imports and assignments of tokens killed at every system call on stored data: no token is two persons', no used code is accepted,
//! and the command can be run again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test whose fixture cannot be set up has to fail"
)]

use acceptance::counter_token::CounterToken;
use acceptance::files::Files;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::snapshot::Snapshot;
use acceptance::strace::{self, ERRORS, Point};
use acceptance::sweep::Sweep;
use data_encoding::HEXLOWER;
use std::collections::BTreeSet;
use std::fs;

#[test]
fn a_killed_import_of_tokens_is_completed_by_running_it_again() {
    let (fixture, file, _) = fixture();
    let import = ["--json", "import", "tokens", file.as_str()];
    let mut whole = BTreeSet::new();
    cut_short_at_each(&fixture, &import, |failed, case| {
        let there = tokens(&fixture);
        assert!(!failed || there == 0 || there == 2, "an error left a part: {case}");
        whole.insert(there == 2);
        fixture.totp_enroll(&import).assert_done();
        assert_eq!(tokens(&fixture), 2, "{case}");
    });
    Sweep::today().assert_met(&whole, [false, true]);
}

#[test]
fn a_killed_removal_of_tokens_is_completed_for_those_that_are_left() {
    let (fixture, file, _) = fixture();
    fixture.totp_enroll(&["--json", "import", "tokens", &file]).assert_done();
    let remove = ["--json", "tokens", "remove", "F1", "F2", "--yes"];
    let mut left = BTreeSet::new();
    cut_short_at_each(&fixture, &remove, |_, case| {
        let list = fixture.totp_enroll(&["--json", "tokens", "list"]);
        list.assert_done();
        let begun = |event: &acceptance::journal::Event| event.what() == "token_removed";
        assert!(fixture.journal.command_events().iter().any(begun), "{case}");
        left.insert(tokens(&fixture));
        for token in list.json()["tokens"].as_array().unwrap() {
            let serial = token["serial"].as_str().unwrap();
            fixture.totp_enroll(&["--json", "tokens", "remove", serial, "--yes"]).assert_done();
        }
        assert_eq!(tokens(&fixture), 0, "{case}");
    });
    Sweep::today().assert_met(&left, [0, 1]);
}

#[test]
fn a_killed_assignment_leaves_the_token_with_one_person_at_most() {
    let (fixture, file, fob) = fixture();
    fixture.totp_enroll(&["--json", "import", "tokens", &file]).assert_done();
    let codes = fob.presses(0, 9);
    let list = |user: &str, code: &str| {
        let list = fixture.write("list", &format!("F1 {user} {code}\n"));
        list.to_str().unwrap().to_owned()
    };
    let of_ann = list("ann", &codes[0]);
    let assign = ["--json", "tokens", "assign", "--allow-unknown", "--batch", &of_ann];
    let mut enrolled = BTreeSet::new();
    cut_short_at_each(&fixture, &assign, |_, case| {
        let is_anns = status(&fixture, "ann") == 0;
        enrolled.insert(is_anns);
        let of_ben = list("ben", &codes[1]);
        let other =
            fixture.totp_enroll(&["--json", "tokens", "assign", "--allow-unknown", "--batch", &of_ben]);
        assert_eq!(other.status, i32::from(is_anns), "{case}: {other:?}");
        let holder = if is_anns { "ann" } else { "ben" };
        assert_eq!(
            [status(&fixture, "ann"), status(&fixture, "ben")].iter().filter(|status| **status == 0).count(),
            1,
            "{case}"
        );
        assert_eq!(opens(&fixture, holder, &codes[0]), PamCode::AUTH_ERR, "the first code: {case}");
        assert_eq!(opens(&fixture, holder, &codes[2]), PamCode::SUCCESS, "{case}");
        let _ = list("ann", &codes[0]);
    });
    Sweep::today().assert_met(&enrolled, [false, true]);
}

#[test]
fn a_killed_assignment_is_done_by_giving_the_list_again() {
    let (fixture, file, fob) = fixture();
    fixture.totp_enroll(&["--json", "import", "tokens", &file]).assert_done();
    let list = fixture.write("list", &format!("F1 ann {}\n", fob.press(0)));
    let assign = ["--json", "tokens", "assign", "--allow-unknown", "--batch", list.to_str().unwrap()];
    let mut enrolled = BTreeSet::new();
    cut_short_at_each(&fixture, &assign, |_, case| {
        enrolled.insert(status(&fixture, "ann") == 0);
        let again = fixture.totp_enroll(&assign);
        assert_eq!(again.status, 0, "{case}: {again:?}");
        assert_eq!(status(&fixture, "ann"), 0, "{case}");
        let token = fs::read_to_string(fixture.state().join("tokens/F1.toml")).unwrap();
        assert!(token.contains("\nenrolled = true\n"), "{case}: the inventory does not have it: {token}");
    });
    Sweep::today().assert_met(&enrolled, [false, true]);
}

#[test]
fn a_token_whose_return_was_killed_accepts_no_used_code() {
    let (fixture, file, fob) = fixture();
    fixture.totp_enroll(&["--json", "import", "tokens", &file]).assert_done();
    let (codes, other) = (fob.presses(0, 19), second());
    let list = fixture.write("list", &format!("F1 ann {}\nF2 ann {}\n", codes[0], other.press(0)));
    fixture
        .totp_enroll(&["--json", "tokens", "assign", "--allow-unknown", "--batch", list.to_str().unwrap()])
        .assert_done();
    assert_eq!(opens(&fixture, "ann", &codes[8]), PamCode::SUCCESS);
    let unassign = ["--json", "tokens", "unassign", "F1", "--yes"];
    let mut theirs = BTreeSet::new();
    cut_short_at_each(&fixture, &unassign, |_, case| {
        let is_anns = opens(&fixture, "ann", &codes[9]) == PamCode::SUCCESS;
        theirs.insert(is_anns);
        assert_eq!(opens(&fixture, "ann", &other.press(0)), PamCode::AUTH_ERR, "{case}");
        assert_eq!(opens(&fixture, "ann", &other.press(1)), PamCode::SUCCESS, "{case}");
        let again = fixture.totp_enroll(&unassign);
        assert!([0, 1].contains(&again.status), "{case}: {again:?}");
        assert_eq!(opens(&fixture, "ann", &codes[10]), PamCode::AUTH_ERR, "{case}");
        // Where the kill was between the end of the enrolment and the last write, the counter is not known.
        let next = if is_anns { codes[11].clone() } else { format!("{} {}", codes[11], codes[12]) };
        for (code, status) in [(&codes[8], 1), (&next, 0)] {
            let list = fixture.write("list", &format!("F1 ben {code}\n"));
            let given = fixture.totp_enroll(&[
                "--json",
                "tokens",
                "assign",
                "--allow-unknown",
                "--batch",
                list.to_str().unwrap(),
            ]);
            assert_eq!(given.status, status, "{case}: {given:?}");
        }
    });
    Sweep::today().assert_met(&theirs, [false, true]);
}

/// Kills a command at each of its calls, and lets each of them fail with one of the errors in turn.
fn cut_short_at_each(fixture: &Fixture, arguments: &[&str], mut check: impl FnMut(bool, &str)) {
    let snapshot = Snapshot::of(fixture);
    let points = strace::record(&fixture.command(arguments), &[&fixture.path("")]);
    let (sweep, mut changed) = (Sweep::today(), 0);
    let mut at = |point: &Point, error: Option<&'static str>| {
        snapshot.restore();
        let before = Files::below(&fixture.state());
        let command = fixture.command(arguments);
        match error {
            None => drop(strace::killed_at(&command, point)),
            Some(error) => drop(strace::failing_at(&command, point, error)),
        }
        if Files::below(&fixture.state()) != before {
            changed += 1;
            check(error.is_some(), &format!("{error:?} at {point:?}"));
        }
    };
    for (point, error) in sweep.points(points.iter().zip(ERRORS.iter().cycle())) {
        at(point, None);
        at(point, Some(error));
    }
    sweep.assert_more_than(3, changed, "changes");
}

const SECRETS: [&str; 2] =
    ["3132333435363738393031323334353637383930", "4142434445464748494a4b4c4d4e4f5051525354"];

/// A fixture, a file with the tokens F1 and F2, and F1.
fn fixture() -> (Fixture, String, CounterToken) {
    let fixture = Fixture::with(&["carol"]);
    let text = format!(
        "serial,secret,type,digits,counter\nF1,{},hotp,6,0\nF2,{},hotp,6,0\n",
        SECRETS[0], SECRETS[1]
    );
    let file = fixture.write("seeds.csv", &text).to_str().unwrap().to_owned();
    (fixture, file, fob(0))
}

fn fob(at: usize) -> CounterToken {
    CounterToken { secret: HEXLOWER.decode(SECRETS[at].as_bytes()).unwrap(), digits: 6 }
}

fn second() -> CounterToken {
    fob(1)
}

fn tokens(fixture: &Fixture) -> usize {
    fixture.totp_enroll(&["--json", "tokens", "list"]).json()["tokens"].as_array().unwrap().len()
}

fn status(fixture: &Fixture, user: &str) -> i32 {
    fixture.totp_enroll(&["--json", "status", user]).status
}

fn opens(fixture: &Fixture, user: &str, code: &str) -> PamCode {
    fixture.login(user).types(code).code()
}
