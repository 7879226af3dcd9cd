//! Attacks on assigning tokens: without a notice to the owner, into another enrolment than the one that was authorised, and by guessing.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test whose fixture cannot be set up has to fail"
)]

use acceptance::counter_token::CounterToken;
use acceptance::enroll_command::{self, CommandOutput, asks_for_the_name};
use acceptance::fixture::{Builder, Fixture};
use acceptance::login::PamCode;
use acceptance::mailbox::spooled;
use acceptance::terminal::Terminal;
use data_encoding::HEXLOWER;
use serde_json::Value;
use std::fs;

#[test]
fn the_owner_of_an_enrolment_is_told_of_a_token_of_a_list() {
    let (fixture, [fob, other]) = imported(with_notices().enrolled("alice"));
    let lists = format!("F1 alice {}\nF2 carol {}\n", fob.press(0), other.press(0));
    batch(&fixture, "bob", &lists).assert_done();
    let notices = notices(&fixture);
    assert_eq!(notices.len(), 2, "{notices:?}");
    let told = |event: &str| notices.iter().find(|text| text.contains(event)).unwrap();
    assert!(told("event=token_assigned").contains("user=alice by=bob"), "{notices:?}");
    assert!(told("event=imported").contains("hardware tokens were assigned"), "{notices:?}");
}

#[test]
fn every_token_of_a_list_is_in_the_log_before_it_is_assigned() {
    let (fixture, [fob, other]) = imported(with_notices().enrolled("alice"));
    let list = format!("F1 alice {}\nF2 carol {}\n", fob.press(0), other.press(0));
    batch(&fixture, "bob", &list).assert_done();
    let lines = fixture.journal.command_events();
    let lines = lines.iter().filter(|line| line.field("event") == "token_assigned");
    let told: Vec<_> = lines.map(|line| (line.field("user"), line.field("phase"))).collect();
    assert_eq!(told, [("alice", "begun"), ("carol", "begun"), ("alice", ""), ("carol", "")]);
}

#[test]
fn a_list_changes_an_account_no_more_often_than_one_command_may() {
    let (fixture, [fob, _]) = imported(with_notices().enrolled("alice"));
    for used in 0..9 {
        let done = batch(&fixture, "bob", &format!("F1 alice {}\n", fob.press(used)));
        if used == 8 {
            assert!(done.status == 1 && done.stdout.contains("8 times within a day"), "{done:?}");
            assert_eq!(state(&fixture, "F1")["assigned_to"], Value::Null);
        } else {
            done.assert_done();
            fixture.totp_enroll(&["--json", "tokens", "unassign", "F1", "--yes"]).assert_done();
        }
    }
}

#[test]
fn an_enrolment_made_while_the_code_is_typed_gets_no_token() {
    let (fixture, [fob, other]) = imported(Fixture::builder());
    // An account that is not enrolled needs no code of its own for that.
    let mut terminal = Terminal::open(&fixture.command_of("alice", &["tokens", "assign", "F1", "alice"]));
    terminal.expect(ASKS_FOR_A_CODE);
    batch(&fixture, "bob", &format!("F2 alice {}\n", other.press(0))).assert_done();
    terminal.types(&fob.press(0));
    let ended = terminal.end();
    assert!(ended.status == 1 && ended.screen.contains("already enrolled"), "{}", ended.screen);
    assert_eq!(state(&fixture, "F1")["assigned_to"], Value::Null);
    assert_eq!(login(&fixture, "alice", &fob.press(1)), PamCode::AUTH_ERR);
    assert_eq!(login(&fixture, "alice", &other.press(1)), PamCode::SUCCESS);
}

#[test]
fn an_enrolment_that_ended_while_the_code_is_typed_gets_no_token() {
    for (then, status, problem) in [("enroll", 1, "changed the enrolment"), ("disable", 3, "not enrolled")] {
        let (fixture, [fob, _]) = imported(Fixture::builder().enrolled("alice"));
        let mut terminal = fixture.at_terminal(&["tokens", "assign", "F1", "alice", "--yes"]);
        terminal.expect(ASKS_FOR_A_CODE);
        let end: &[&str] = match then {
            "disable" => &["--json", "disable", "alice", "--yes"],
            _ => &["--json", "enroll", "alice", "--batch", "--replace", "--yes"],
        };
        fixture.totp_enroll(end).assert_done();
        terminal.types(&fob.press(0));
        let ended = terminal.end();
        assert!(ended.status == status && ended.screen.contains(problem), "{then}: {}", ended.screen);
        assert_eq!(state(&fixture, "F1")["assigned_to"], Value::Null, "{then}");
    }
}

#[test]
fn a_token_is_taken_from_no_other_enrolment_than_the_one_asked_about() {
    let (fixture, [fob, other]) = imported(Fixture::builder());
    let both = |at| format!("F1 alice {}\nF2 alice {}\n", fob.press(at), other.press(at));
    batch(&fixture, "bob", &both(0)).assert_done();
    for (at, take_back) in [(1, "unassign"), (2, "revoke")] {
        let mut terminal = fixture.at_terminal(&["tokens", take_back, "F1"]);
        terminal.expect(&asks_for_the_name("alice"));
        fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
        batch(&fixture, "bob", &both(at)).assert_done();
        terminal.types("alice");
        let ended = terminal.end();
        assert!(ended.status == 1 && ended.screen.contains("changed the enrolment"), "{}", ended.screen);
        assert_eq!(state(&fixture, "F1")["enrolled"], true, "{take_back}");
    }
}

#[test]
fn a_list_does_not_try_a_token_more_than_three_times() {
    let (fixture, [fob, _]) = imported(Fixture::builder());
    let wrong = fob.wrong_codes(3);
    let line = |code: &String| format!("F1 alice {code}\n");
    let mut list: String = wrong.iter().map(line).collect();
    list.push_str(&line(&fob.press(0)));
    let refused = batch(&fixture, "bob", &list);
    assert!(refused.status == 1 && refused.stderr.contains("line 4"), "{refused:?}");
    assert_eq!(state(&fixture, "F1")["assigned_to"], Value::Null);
    assert!(refused_codes(&fixture).is_empty(), "a code of that list was looked at");
}

#[test]
fn a_wrong_code_of_a_token_is_in_the_log() {
    let (fixture, [fob, _]) = imported(Fixture::builder());
    let [first, second] = &fob.wrong_codes(2)[..] else { panic!() };
    let done = batch(&fixture, "bob", &format!("F1 alice {first}\nF1 carol {}\n", fob.press(3)));
    assert_eq!((done.status, &done.json()["assigned"]), (1, &1.into()), "{done:?}");
    assert_eq!(refused_codes(&fixture), ["F1 alice bob wrong"]);
    let assign = ["--json", "tokens", "assign", "F2", "alice", "--code-fd", "0", "--yes"];
    assert_eq!(enroll_command::run(fixture.command_of("bob", &assign), second).status, 1);
    assert_eq!(refused_codes(&fixture)[1..], ["F2 alice bob wrong"]);
    let mut terminal = Terminal::open(&fixture.command_of("bob", &["tokens", "assign", "F2", "alice"]));
    terminal.expect(ASKS_FOR_A_CODE);
    terminal.types(first);
    terminal.expect("next code");
    terminal.presses_ctrl('c');
    drop(terminal.end());
    assert_eq!(refused_codes(&fixture)[2..], ["F2 alice bob wrong"]);
}

#[test]
fn a_used_code_of_a_token_is_in_the_log() {
    let (fixture, [fob, other]) = imported(Fixture::builder());
    let both = format!("F1 alice {}\nF2 alice {}\n", fob.press(4), other.press(0));
    batch(&fixture, "bob", &both).assert_done();
    fixture.totp_enroll(&["--json", "tokens", "unassign", "F1", "--yes"]).assert_done();
    assert_eq!(batch(&fixture, "bob", &format!("F1 carol {}\n", fob.press(4))).status, 1);
    assert_eq!(refused_codes(&fixture), ["F1 carol bob replayed"]);
}

#[test]
fn a_new_account_of_the_same_name_does_not_have_the_token() {
    let (mut fixture, [fob, _]) = imported(Fixture::builder());
    batch(&fixture, "bob", &format!("F1 alice {}\n", fob.press(0))).assert_done();
    fixture.machine().delete_account("alice");
    let _ = fixture.machine().add_account("alice");
    let again = batch(&fixture, "bob", &format!("F1 alice {}\n", fob.press(1)));
    assert!(again.status == 1 && again.stdout.contains("uid differs"), "{again:?}");
    let assign = ["--json", "tokens", "assign", "F1", "alice", "--code-fd", "0", "--yes"];
    let again = enroll_command::run(fixture.command(&assign), &fob.press(1));
    assert!(again.status == 1 && again.stderr.contains("uid differs"), "{again:?}");
}

const ASKS_FOR_A_CODE: &str = "code of the token: ";

/// Each code that was refused at an assignment, in the log: the token, the account, the operator and the reason.
fn refused_codes(fixture: &Fixture) -> Vec<String> {
    let lines = fixture.journal.command_events().into_iter();
    lines
        .filter(|line| line.field("event") == "assignment_refused")
        .map(|line| ["token", "user", "by", "reason"].map(|key| line.field(key).to_owned()).join(" "))
        .collect()
}

fn login(fixture: &Fixture, user: &str, code: &str) -> PamCode {
    fixture.login(user).types(code).code()
}

fn with_notices() -> Builder {
    Fixture::builder().config("[notify]\ncommand = [\"/no/such/program\"]")
}

/// Two fobs in the inventory, and the accounts alice, bob and carol.
fn imported(builder: Builder) -> (Fixture, [CounterToken; 2]) {
    let fixture = builder.account("alice").account("bob").account("carol").build();
    let fobs = [CounterToken::random(), CounterToken::random()];
    let secrets = fobs.each_ref().map(|fob| HEXLOWER.encode(&fob.secret));
    let seeds = format!(
        "serial,secret,type,digits,counter\nF1,{},hotp,6,0\nF2,{},hotp,6,0\n",
        secrets[0], secrets[1]
    );
    let seeds = fixture.write("seeds.csv", &seeds);
    fixture.totp_enroll(&["--json", "import", "tokens", seeds.to_str().unwrap()]).assert_done();
    for file in spooled(&fixture) {
        fs::remove_file(file).unwrap();
    }
    (fixture, fobs)
}

/// An operator assigns the tokens of a list through sudo.
fn batch(fixture: &Fixture, operator: &str, list: &str) -> CommandOutput {
    let list = fixture.write("list", list);
    let assign = ["--json", "tokens", "assign", "--batch", list.to_str().unwrap()];
    enroll_command::run(fixture.command_of(operator, &assign), "")
}

fn notices(fixture: &Fixture) -> Vec<String> {
    spooled(fixture).iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

fn state(fixture: &Fixture, serial: &str) -> Value {
    let list = fixture.totp_enroll(&["--json", "tokens", "list"]).json();
    list["tokens"].as_array().unwrap().iter().find(|token| token["serial"] == serial).unwrap().clone()
}
