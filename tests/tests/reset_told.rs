//! A pending reset: who cancels it, how the owner is told of it, and what a completion ends.

use crate::reset::WARNING;
use acceptance::clock::{self, THEN};
use acceptance::enroll_command::{ASKS_FOR_A_PRESENT_CODE, asks_for_the_name};
use acceptance::fixture::Fixture;
use acceptance::login::{Login, PamCode};
use acceptance::mailbox::Mailbox;
use acceptance::reset_steps::{
    DAY, HOUR, KEY, approves, builder, completes, enrols_with, fixture, introduced, ready, requests, said,
    token_in,
};
use acceptance::terminal::Terminal;
use std::fs;

#[test]
fn the_owner_cancels_with_a_code() {
    let fixture = builder("").build();
    requests(&fixture, "bob", clock::now()).assert_done();
    let now = clock::well_inside_a_step(30, 10);
    let mut terminal = Terminal::open(&fixture.command_of("alice", &["reset", "cancel"]));
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.types(&fixture.authenticator("alice").code_at(now));
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    let cancelled = fixture.journal.command_events().pop().unwrap();
    let fields = ["event", "user", "by", "requested_by"].map(|key| cancelled.field(key));
    assert_eq!(fields, ["reset_cancelled", "alice", "alice", "bob"]);
    assert!(approves(&fixture, "carol", clock::now()).stderr.contains("no reset"));
    assert!(!said(&introduced(&fixture, now + 60).run()).contains(WARNING));
}

#[test]
fn the_owner_cancels_with_a_recovery_code() {
    let mut fixture = Fixture::builder().account("alice").account("bob").account("carol").build();
    let codes = fixture.enrol("alice", &[]).recovery_codes;
    requests(&fixture, "bob", clock::now()).assert_done();
    let mut terminal = Terminal::open(&fixture.command_of("alice", &["reset", "cancel", "alice"]));
    terminal.expect(ASKS_FOR_A_PRESENT_CODE);
    terminal.types(&codes[0]);
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert_eq!(approves(&fixture, "carol", clock::now()).status, 1);
}

#[test]
fn cancelling_as_the_owner_needs_a_factor_of_the_owner() {
    let fixture = builder("").build();
    requests(&fixture, "bob", clock::now()).assert_done();
    let before = fixture.path("state/resets/alice.toml");
    let mut terminal = Terminal::open(&fixture.command_of("alice", &["reset", "cancel", "--yes"]));
    for code in fixture.authenticator("alice").wrong_codes(3) {
        terminal.expect(ASKS_FOR_A_PRESENT_CODE);
        terminal.types(&code);
    }
    assert_eq!(terminal.end().status, 1);
    assert!(before.exists());
    let json = fixture.command_of_operator("alice", &["--json", "reset", "cancel", "--yes"], THEN);
    assert_eq!(json.status, 1, "{json:?}");
    approves(&fixture, "carol", clock::now()).assert_done();
}

#[test]
fn an_operator_cancels_after_typing_the_name() {
    let fixture = fixture("");
    requests(&fixture, "bob", THEN).assert_done();
    let mut terminal = fixture.operator_at_terminal("carol", &["reset", "cancel", "alice"], THEN);
    terminal.expect(&asks_for_the_name("alice"));
    terminal.types("alice");
    assert_eq!(terminal.end().status, 0);
    requests(&fixture, "bob", THEN).assert_done();
    let cancelled =
        fixture.command_of_operator("bob", &["--json", "reset", "cancel", "alice", "--yes"], THEN);
    assert_eq!(cancelled.json()["done"], "reset_cancelled");
    assert_eq!(
        fixture.command_of_operator("bob", &["--json", "reset", "cancel", "alice", "--yes"], THEN).status,
        1
    );
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS, "the enrolment stays");
}

#[test]
fn the_owner_is_told_at_each_login_of_a_pending_reset() {
    let fixture = fixture("");
    assert!(!said(&introduced(&fixture, THEN).run()).contains(WARNING));
    requests(&fixture, "bob", THEN).assert_done();
    for then in [THEN + 60, THEN + 7200] {
        let said = said(&introduced(&fixture, then).run());
        assert!(said.contains(WARNING) && said.contains("by bob"), "{said}");
        assert!(said.contains("totp-enroll reset cancel"), "{said}");
    }
    let silent = Login { silent: true, ..introduced(&fixture, THEN + 7260) };
    let outcome = silent.run();
    assert_eq!((outcome.code, outcome.prompts.len()), (PamCode::SUCCESS, 1), "{outcome:?}");
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN + 7320).remove(0);
    let outcome = fixture.login("alice").after(KEY).types(wrong).at(THEN + 7320).run();
    assert!(!acceptance::reset_steps::said(&outcome).contains(WARNING), "only to the owner: {outcome:?}");
    let status = fixture.command_of_operator("bob", &["status", "alice"], THEN + 7200);
    assert!(status.stdout.contains("RESET: requested 2033-05-18T03:33:45Z by bob"), "{status:?}");
    let status = fixture.command_of_operator("bob", &["--json", "status", "alice"], THEN + 7200);
    assert_eq!(status.json()["reset"]["by"], "bob");
    assert!(
        !acceptance::reset_steps::said(&introduced(&fixture, THEN + DAY).run()).contains(WARNING),
        "expired"
    );
    let status = fixture.command_of_operator("bob", &["--json", "status", "alice"], THEN + DAY);
    assert!(status.json()["reset"].is_null());
}

#[test]
fn the_owner_gets_a_mail_for_each_step_without_a_token() {
    let fixture = fixture("");
    let mailbox = Mailbox::of(&fixture, "", "");
    let told = |event: &str| {
        fixture.command_of_root(&["notify"], THEN).assert_done();
        let mails = mailbox.mails();
        let mail = mails.last().unwrap_or_else(|| panic!("no mail of {event}"));
        assert_eq!(mail.header("To"), "alice", "{mail:?}");
        assert!(mail.body.contains(event), "{event}: {mail:?}");
        mail.body.clone()
    };
    requests(&fixture, "bob", THEN).assert_done();
    let mail = told("reset_requested");
    assert!(mail.contains("bob") && mail.contains("reset cancel"), "{mail}");
    assert_eq!(approves(&fixture, "bob", THEN).status, 4);
    let _ = told("reset_refused");
    approves(&fixture, "carol", THEN).assert_done();
    assert!(told("reset_approved").contains("carol"));
    let token = token_in(&completes(&fixture, "bob", THEN + HOUR));
    let _ = told("reset_completed");
    assert_eq!(enrols_with(&fixture, "0000-0000-0000-0000", THEN + HOUR).code(), PamCode::AUTH_ERR);
    assert_eq!(enrols_with(&fixture, &token, THEN + HOUR).code(), PamCode::SUCCESS);
    fixture.command_of_root(&["notify"], THEN + HOUR).assert_done();
    let mails = mailbox.mails();
    for event in ["token_refused", "token_used", "enrolled"] {
        assert!(mails.iter().any(|mail| mail.body.contains(event)), "{event}: {mails:?}");
    }
    let bare = token.replace('-', "");
    assert!(!mails.iter().any(|mail| mail.body.contains(&token) || mail.body.contains(&bare)));
}

#[test]
fn the_owner_is_told_on_a_remembered_device_too() {
    let fixture = fixture("[remember]\nmode = \"always\"");
    let here = |then| introduced(&fixture, then).from_host("192.0.2.7");
    assert_eq!(here(THEN).code(), PamCode::SUCCESS);
    requests(&fixture, "bob", THEN).assert_done();
    let outcome = here(THEN + 60).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::SUCCESS, 0), "{outcome:?}");
    assert!(said(&outcome).contains(WARNING), "{outcome:?}");
}

#[test]
fn a_pending_reset_makes_a_login_read_no_more_files() {
    let fixture = Fixture::builder().enrolled("daemon").build();
    let paths = acceptance::strace::stored(&fixture, "daemon");
    let calls = || {
        // The first login of a day moves the generation of the state.
        assert_eq!(fixture.login_with_code_at("daemon", THEN - 60).code(), PamCode::SUCCESS);
        let login = fixture.login_with_code_at("daemon", THEN);
        let points = acceptance::strace::record_login(&login, &paths);
        fixture.totp_enroll(&["--json", "unlock", "daemon"]).assert_done();
        points.len()
    };
    let before = calls();
    fixture
        .command_of_root(&["--json", "reset", "request", "daemon", "--reason", "lost"], THEN + 30)
        .assert_done();
    fixture.totp_enroll(&["--json", "unlock", "daemon"]).assert_done();
    let login = fixture.login_with_code_at("daemon", THEN + 60);
    let (outcome, trace) = acceptance::strace::trace_login(&login);
    assert_eq!(outcome.code, PamCode::SUCCESS);
    assert!(
        trace.points(&[&fixture.path("state/resets")]).iter().all(|point| !point.line.contains("resets"))
    );
    let after =
        acceptance::strace::record_login(&fixture.login_with_code_at("daemon", THEN + 120), &paths).len();
    assert_eq!(before, after);
}

#[test]
fn a_completion_that_nobody_could_see_changes_nothing() {
    let fixture = ready("");
    let before = fixture.stored();
    let done = fixture.command_of_operator("bob", &["reset", "complete", "alice", "--yes"], THEN + HOUR);
    assert_eq!(done.status, 1, "{done:?}");
    before.assert_unchanged(&fixture.state());
}

#[test]
fn without_logind_the_reset_is_done_and_sessions_are_named() {
    let fixture = ready("");
    let done = fixture.command_of_operator(
        "bob",
        &["--json", "reset", "complete", "alice", "--yes", "--end-sessions"],
        THEN + HOUR,
    );
    assert_eq!(done.status, 1, "{done:?}");
    let document = done.json();
    assert_eq!(document["sessions_ended"], false);
    assert!(document["problem"].as_str().unwrap().contains("pkill"), "{document}");
    let token = document["token"].as_str().unwrap();
    assert_eq!(enrols_with(&fixture, token, THEN + HOUR).code(), PamCode::SUCCESS);
}

#[test]
fn the_login_sessions_are_ended_by_logind_by_number() {
    let mut fixture = ready("");
    let (uid, log) = (fixture.machine().uid("alice").to_string(), fixture.path("loginctl.log"));
    let ended = |fixture: &mut Fixture, script: &str| {
        let script = format!("#!/bin/sh\necho \"$@\" >> {}\n{script}\n", log.display());
        fixture.machine().run_by_systemd(&script);
        let arguments = ["--json", "reset", "complete", "alice", "--yes", "--end-sessions"];
        fixture.command_of_operator("bob", &arguments, THEN + HOUR)
    };
    let done = ended(&mut fixture, "exit 0");
    done.assert_done();
    assert_eq!(done.json()["sessions_ended"], true);
    assert_eq!(fs::read_to_string(&log).unwrap(), format!("terminate-user {uid}\n"));
    let none = ended(&mut fixture, "echo User ID is not logged in or lingering >&2; exit 1");
    none.assert_done();
    let fails = ended(&mut fixture, "echo Failed to connect to bus >&2; exit 1");
    assert_eq!(fails.status, 1, "{fails:?}");
    let problem = fails.json()["problem"].as_str().unwrap().to_owned();
    assert!(
        problem.contains("Failed to connect to bus") && problem.contains(&format!("-u {uid}")),
        "{problem}"
    );
}

#[test]
fn a_completion_takes_timestamps_and_devices_along() {
    let fixture = builder("[fresh]\nfor = \"15m\"\n[remember]\nmode = \"always\"").build();
    let here = |then| introduced(&fixture, then).from_host("192.0.2.7");
    assert_eq!(here(THEN).code(), PamCode::SUCCESS);
    let timestamps = || fs::read_dir(fixture.path("run/fresh")).map_or(0, Iterator::count);
    assert!(timestamps() > 0, "nothing was shown");
    requests(&fixture, "bob", THEN).assert_done();
    approves(&fixture, "carol", THEN).assert_done();
    completes(&fixture, "bob", THEN + HOUR).assert_done();
    assert_eq!(timestamps(), 0);
    let outcome = fixture.login("alice").after(KEY).from_host("192.0.2.7").types("").at(THEN + HOUR).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 1), "{outcome:?}");
}
