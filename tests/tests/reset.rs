//! `reset`: never by one person alone, never at once, never unseen.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod by_sudo;

use acceptance::clock::{self, THEN};
use acceptance::enroll_command;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::operator::with_login_uid;
use acceptance::reset_steps::{
    DAY, HOUR, approves, builder, completes, enrols_with, fixture, requests, token_in,
};
use std::fs;

pub(crate) const WARNING: &str = "a reset of your second factor was requested";

#[test]
fn two_operators_and_an_hour_reset_an_enrolment() {
    let fixture = fixture("");
    let requested = requests(&fixture, "bob", THEN);
    requested.assert_done();
    let document = requested.json();
    assert_eq!(document["done"], "reset_requested");
    assert_eq!((&document["stage"], &document["approvals_needed"]), (&"unapproved".into(), &1.into()));
    assert_eq!(document["requested"]["by"], "bob");
    let early = completes(&fixture, "bob", THEN + 2 * HOUR);
    assert_eq!(early.status, 1, "{early:?}");
    assert!(early.json()["error"].as_str().unwrap().contains("1 more approval is needed"), "{early:?}");
    let approved = approves(&fixture, "carol", THEN + 2 * HOUR);
    approved.assert_done();
    assert_eq!(
        (&approved.json()["stage"], &approved.json()["approvals"][0]["by"]),
        (&"cooling".into(), &"carol".into())
    );
    let early = completes(&fixture, "bob", THEN + 3 * HOUR - 1);
    assert_eq!(early.status, 1, "{early:?}");
    assert!(early.json()["error"].as_str().unwrap().contains("the cool-down ends in 1s"), "{early:?}");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 3 * HOUR - 1).code(), PamCode::SUCCESS);
    let completed = completes(&fixture, "bob", THEN + 3 * HOUR);
    completed.assert_done();
    assert_eq!(completed.json()["done"], "reset_completed");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 3 * HOUR + 60).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused not_enrolled");
    let events: Vec<(String, String)> = fixture
        .journal
        .done_by_commands()
        .iter()
        .filter(|event| event.field("event").starts_with("reset_"))
        .map(|event| (event.what(), event.field("by").to_owned()))
        .collect();
    let reason = "the phone is in the river";
    let expected = [
        (format!("reset_requested {reason}"), "bob"),
        ("reset_refused unapproved".to_owned(), "bob"),
        (format!("reset_approved {reason}"), "carol"),
        ("reset_refused cooling".to_owned(), "bob"),
        (format!("reset_completed {reason}"), "bob"),
    ];
    assert_eq!(events, expected.map(|(what, by)| (what, by.to_owned())));
    let completed = fixture.journal.command_events().pop().unwrap();
    let fields = ["user", "requested_by", "approved_by"].map(|key| completed.field(key));
    assert_eq!(fields, ["alice", "bob", "carol"], "{completed:?}");
}

#[test]
fn requester_owner_and_root_alone_cannot_approve() {
    let fixture = fixture("");
    requests(&fixture, "bob", THEN).assert_done();
    let before = fixture.stored();
    for (who, why) in [("bob", "same_person"), ("alice", "own")] {
        let refused = approves(&fixture, who, THEN);
        assert_eq!(refused.status, 4, "{refused:?}");
        assert_is_in_the_log(&fixture, "approve", why);
    }
    let refused = fixture.command_of_root(&["--json", "reset", "approve", "alice"], THEN);
    assert_eq!(refused.status, 4, "{refused:?}");
    assert_is_in_the_log(&fixture, "approve", "nobody_in_person");
    before.assert_unchanged(&fixture.state());
    assert_eq!(completes(&fixture, "bob", THEN + 2 * HOUR).status, 1);
}

#[test]
fn the_owner_neither_requests_nor_completes() {
    let fixture = fixture("[reset]\napprovals = 0");
    let before = fixture.stored();
    assert_eq!(requests(&fixture, "alice", THEN).status, 4);
    assert_is_in_the_log(&fixture, "request", "own");
    before.assert_unchanged(&fixture.state());
    requests(&fixture, "bob", THEN).assert_done();
    assert_eq!(completes(&fixture, "alice", THEN + HOUR).status, 4);
    assert_is_in_the_log(&fixture, "complete", "own");
    completes(&fixture, "bob", THEN + HOUR).assert_done();
}

#[test]
fn one_person_behind_two_accounts_is_neither_of_them() {
    let mut fixture = fixture("");
    let [bob, carol] = ["bob", "carol"].map(|name| fixture.machine().uid(name));
    let as_login = |account: &str, login, arguments: &[&str]| {
        enroll_command::run(with_login_uid(&fixture.command_of(account, arguments), Some(login)), "")
    };
    let request = ["--json", "reset", "request", "alice", "--reason", "lost"];
    as_login("bob", bob, &request).assert_done();
    let refused = as_login("carol", bob, &["--json", "reset", "approve", "alice"]);
    assert_eq!(refused.status, 4, "{refused:?}");
    assert!(refused.stderr.contains("sudo was called by carol, but bob logged in"), "{refused:?}");
    assert_is_in_the_log(&fixture, "approve", "not_one_person");
    as_login("carol", carol, &["--json", "reset", "approve", "alice"]).assert_done();
    let approved = fixture.journal.command_events().pop().unwrap();
    assert_eq!(approved.field("loginuid"), carol.to_string(), "{approved:?}");
}

#[test]
fn a_root_shell_of_a_login_is_that_person() {
    let mut fixture = fixture("");
    let [bob, carol] = ["bob", "carol"].map(|name| fixture.machine().uid(name));
    let as_login = |login, arguments: &[&str]| {
        enroll_command::run(with_login_uid(&fixture.command(arguments), Some(login)), "")
    };
    let requested = as_login(bob, &["--json", "reset", "request", "alice", "--reason", "lost"]);
    requested.assert_done();
    assert_eq!(requested.json()["requested"]["by"], "bob");
    assert_eq!(as_login(bob, &["--json", "reset", "approve", "alice"]).status, 4);
    as_login(carol, &["--json", "reset", "approve", "alice"]).assert_done();
}

#[test]
fn without_approvals_root_resets_after_the_cool_down() {
    let fixture = fixture("[reset]\napprovals = 0\ncooldown = \"2h\"");
    let root = |arguments: &[&str], then| fixture.command_of_root(arguments, then);
    root(&["--json", "reset", "request", "alice", "--reason", "lost"], THEN).assert_done();
    let complete = ["--json", "reset", "complete", "alice", "--yes"];
    assert_eq!(root(&complete, THEN + 2 * HOUR - 1).status, 1);
    root(&complete, THEN + 2 * HOUR).assert_done();
}

#[test]
fn three_approvals_are_three_operators() {
    let fixture = builder("[reset]\napprovals = 3").account("dave").account("erin").build();
    requests(&fixture, "bob", THEN).assert_done();
    for who in ["carol", "dave"] {
        approves(&fixture, who, THEN).assert_done();
        assert_eq!(approves(&fixture, who, THEN).status, 4, "{who} once more");
    }
    assert_eq!(completes(&fixture, "bob", THEN + HOUR).status, 1);
    approves(&fixture, "erin", THEN + HOUR).assert_done();
    completes(&fixture, "bob", THEN + 2 * HOUR).assert_done();
}

#[test]
fn a_request_expires_and_another_can_follow() {
    let fixture = fixture("");
    requests(&fixture, "bob", THEN).assert_done();
    let second = requests(&fixture, "carol", THEN + DAY - 1);
    assert_eq!(second.status, 1, "{second:?}");
    let late = approves(&fixture, "carol", THEN + DAY);
    assert_eq!(late.status, 1);
    assert!(late.stderr.contains("has expired"), "{late:?}");
    assert_eq!(completes(&fixture, "bob", THEN + DAY).status, 1);
    requests(&fixture, "carol", THEN + DAY).assert_done();
    approves(&fixture, "bob", THEN + DAY).assert_done();
    completes(&fixture, "bob", THEN + DAY + HOUR).assert_done();
}

#[test]
fn a_clock_set_back_starts_the_cool_down_anew() {
    let fixture = fixture("");
    requests(&fixture, "bob", THEN).assert_done();
    approves(&fixture, "carol", THEN).assert_done();
    let back = THEN - 9 * DAY;
    let early = completes(&fixture, "bob", back);
    assert!(early.stderr.contains("the cool-down ends in 1h"), "{early:?}");
    assert_eq!(completes(&fixture, "bob", back + HOUR - 1).status, 1);
    completes(&fixture, "bob", back + HOUR).assert_done();
}

#[test]
fn a_config_that_is_loosened_after_the_request_loosens_nothing() {
    let fixture = fixture("");
    requests(&fixture, "bob", THEN).assert_done();
    fixture.configure("[reset]\napprovals = 0\ncooldown = \"1s\"");
    let early = completes(&fixture, "bob", THEN + HOUR);
    assert!(early.stderr.contains("1 more approval is needed"), "{early:?}");
}

#[test]
fn an_enrolment_that_was_replaced_meanwhile_is_not_reset() {
    let mut fixture = builder("").build();
    requests(&fixture, "bob", clock::now()).assert_done();
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    let _ = fixture.enrol("alice", &[]);
    let refused = approves(&fixture, "carol", clock::now());
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(!fixture.path("state/resets/alice.toml").exists());
}

#[test]
fn a_user_who_is_not_enrolled_cannot_be_reset() {
    let fixture = builder("").build();
    for arguments in [
        &["--json", "reset", "request", "carol", "--reason", "lost"][..],
        &["--json", "reset", "approve", "carol"],
        &["--json", "reset", "cancel", "carol", "--yes"],
        &["--json", "reset", "complete", "carol", "--yes"],
    ] {
        assert_eq!(fixture.command_of_operator("bob", arguments, THEN).status, 3, "{arguments:?}");
    }
    for arguments in [
        &["--json", "reset", "approve", "alice"][..],
        &["--json", "reset", "cancel", "alice", "--yes"],
        &["--json", "reset", "complete", "alice", "--yes"],
    ] {
        let refused = fixture.command_of_operator("bob", arguments, THEN);
        assert_eq!(refused.status, 1, "{arguments:?}");
        assert!(refused.stderr.contains("no reset"), "{refused:?}");
    }
    for reason in ["", "  ", "two\nlines"] {
        let arguments = ["--json", "reset", "request", "alice", "--reason", reason];
        assert_eq!(fixture.command_of_operator("bob", &arguments, THEN).status, 2, "{reason:?}");
    }
    assert_eq!(fixture.command_of_operator("bob", &["reset", "request", "alice"], THEN).status, 2);
}

#[test]
fn the_list_says_how_far_each_is_and_hides_none_that_is_broken() {
    let fixture = builder("").enrolled("bob").enrolled("carol").build();
    let list = |then| fixture.command_of_operator("bob", &["--json", "reset", "list"], then);
    assert_eq!(list(THEN).json(), serde_json::json!({"resets": [], "broken": []}));
    requests(&fixture, "bob", THEN).assert_done();
    let stage = |then: u64| list(then).json()["resets"][0]["stage"].as_str().unwrap().to_owned();
    assert_eq!(stage(THEN), "unapproved");
    approves(&fixture, "carol", THEN).assert_done();
    assert_eq!([THEN, THEN + HOUR, THEN + DAY].map(stage), ["cooling", "ready", "expired"]);
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    assert_eq!([THEN + HOUR, THEN + DAY + HOUR].map(stage), ["withdrawn", "token_expired"]);
    assert!(!list(THEN + HOUR).stdout.contains(&token));
    let text = fixture.command_of_operator("bob", &["reset", "list"], THEN + HOUR);
    text.assert_done();
    assert!(
        text.stdout.contains("alice: reset requested 2033-05-18T03:33:45Z by bob: the phone is in the river"),
        "{text:?}"
    );
    fs::write(fixture.path("state/resets/alice.toml"), "version = 9\n").unwrap();
    let broken = list(THEN + HOUR);
    assert_eq!(broken.status, 1, "{broken:?}");
    assert!(broken.json()["broken"][0]["problem"].as_str().unwrap().contains("newer"), "{broken:?}");
}

#[test]
fn a_user_with_a_broken_ledger_or_credential_is_reset_as_well() {
    for broken in ["ledgers/alice", "credentials/alice.toml"] {
        let fixture = fixture("");
        fs::write(fixture.state().join(broken), vec![7; 4096]).unwrap();
        requests(&fixture, "bob", THEN).assert_done();
        approves(&fixture, "carol", THEN).assert_done();
        let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
        assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SUCCESS, "{broken}");
    }
}

#[test]
fn a_ledger_with_a_damaged_version_can_be_reset() {
    for page in [0, 4096] {
        let fixture = fixture("");
        let ledger = fixture.path("state/ledgers/alice");
        let mut bytes = fs::read(&ledger).unwrap();
        *bytes.get_mut(page + 11).unwrap() = 7;
        fs::write(&ledger, &bytes).unwrap();
        assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SYSTEM_ERR);
        assert_eq!(fixture.totp_enroll(&["--json", "unlock", "--repair", "alice"]).status, 1);
        requests(&fixture, "bob", THEN).assert_done();
        approves(&fixture, "carol", THEN).assert_done();
        let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
        assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SUCCESS);
        fs::write(&ledger, &bytes).unwrap();
        fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
        assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
    }
}

fn assert_is_in_the_log(fixture: &Fixture, step: &str, why: &str) {
    let event = fixture.journal.command_events().pop().unwrap();
    let fields = ["event", "user", "step", "reason"].map(|key| event.field(key));
    assert_eq!(fields, ["reset_refused", "alice", step, why], "{event:?}");
}
