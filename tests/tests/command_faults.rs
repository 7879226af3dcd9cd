//! Commands with a failing system call on stored data: done, or a message that it was not; never half, and done when run again.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::files::Files;
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::PamCode;
use acceptance::reset_steps::wait_for_the_cool_down;
use acceptance::snapshot::{NOT_ENROLLED, Snapshot, is_whole, renewed_codes};
use acceptance::strace::{self, ERRORS, Point, Trace};
use acceptance::sweep::Sweep;
use acceptance::terminal::{Ended, Terminal};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[test]
fn recovery_codes_with_a_failing_call_leaves_the_old_set_or_new() {
    let fixture = Fixture::with(&["alice"]);
    let old = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let snapshot = Snapshot::of(&fixture);
    each_call_fails(
        &fixture,
        &RENEW,
        &ERRORS,
        || snapshot.restore(),
        |done, case| {
            assert_eq!(done.status == 0, done.stderr.is_empty(), "{case}: {done:?}");
            assert!(is_whole(&fixture, "alice", THEN, case), "{case}");
            let by_old = opens(&fixture, &old[0]);
            match renewed_codes(&done.stdout) {
                Some(new) => {
                    assert!(!by_old && opens(&fixture, &new[0]), "not the set that was shown: {case}");
                }
                None => assert_eq!(done.status, 1, "no codes, and no word of it: {case}: {done:?}"),
            }
            let again = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).expect(case);
            assert!(opens(&fixture, &again[0]) && !opens(&fixture, &old[1]), "{case}");
        },
    );
}

#[test]
fn disable_of_which_a_call_fails_leaves_the_enrolment_or_none() {
    let fixture = Fixture::with(&["alice"]);
    let snapshot = Snapshot::of(&fixture);
    let disable = ["--json", "disable", "alice", "--yes"];
    each_call_fails(
        &fixture,
        &disable,
        &ERRORS,
        || snapshot.restore(),
        |done, case| {
            let enrolled = is_whole(&fixture, "alice", THEN, case);
            assert!(done.status == 1 || !enrolled, "said to be done: {case}");
            let again = fixture.totp_enroll(&disable);
            assert_eq!(again.status, if enrolled { 0 } else { NOT_ENROLLED }, "{case}: {again:?}");
            assert!(!is_whole(&fixture, "alice", THEN, case), "{case}");
        },
    );
}

#[test]
fn a_reset_request_with_a_failing_call_is_never_silent() {
    let fixture = Fixture::with(&["alice"]);
    let request = ["--json", "reset", "request", "alice", "--reason", "lost"];
    let snapshot = Snapshot::of(&fixture);
    each_call_fails(
        &fixture,
        &request,
        &ERRORS,
        || snapshot.restore(),
        |done, case| {
            let is_made = fixture.path("state/resets/alice.toml").exists();
            assert!(done.status == 1 || is_made, "said to be made: {case}");
            let status = fixture.totp_enroll(&["--json", "status", "alice"]);
            assert!(!is_made || !status.json()["reset"].is_null(), "silent: {case}");
            assert!(is_whole(&fixture, "alice", THEN, case), "{case}");
            let again = fixture.totp_enroll(&request);
            assert_eq!(again.status, i32::from(is_made), "{case}: {again:?}");
        },
    );
}

#[test]
fn a_completion_with_a_failing_call_leaves_enrolment_or_token() {
    let config = "[reset]\napprovals = 0\ncooldown = \"1s\"";
    let fixture = Fixture::builder().config(config).enrolled("alice").build();
    fixture.totp_enroll(&["--json", "reset", "request", "alice", "--reason", "lost"]).assert_done();
    wait_for_the_cool_down(&fixture);
    let complete = ["--json", "reset", "complete", "alice", "--yes"];
    let snapshot = Snapshot::of(&fixture);
    each_call_fails(
        &fixture,
        &complete,
        &ERRORS,
        || snapshot.restore(),
        |done, case| {
            let enrolled = is_whole(&fixture, "alice", THEN, case);
            assert!(done.status == 1 || !enrolled, "said to be done: {case}");
            let again = fixture.totp_enroll(&complete);
            assert_eq!(again.status, 0, "{case}: {again:?}");
            assert!(again.json()["token"].is_string(), "{case}: {again:?}");
            assert!(!is_whole(&fixture, "alice", THEN + 60, case), "{case}");
        },
    );
}

#[test]
fn an_import_of_which_a_call_fails_leaves_an_enrolment_or_none() {
    let mut fixture = Fixture::with(&["alice"]);
    let phone = Authenticator::random();
    let users = fixture.write("users.oath", &users_file(&[("carol".to_owned(), phone.clone())]));
    fixture.note("carol", phone);
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"];
    let snapshot = Snapshot::of(&fixture);
    each_call_fails(
        &fixture,
        &import,
        &ERRORS,
        || snapshot.restore(),
        |done, case| {
            let enrolled = is_whole(&fixture, "carol", THEN, case);
            assert!(done.status == 1 || enrolled, "said to be done: {case}");
            let again = fixture.totp_enroll(&import);
            assert_eq!(again.status, 0, "{case}: {again:?}");
            assert!(is_whole(&fixture, "carol", THEN + 60, case), "{case}");
            assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS, "{case}");
        },
    );
}

#[test]
fn unlock_of_which_a_call_fails_leaves_the_lock_or_lifts_it() {
    let fixture =
        Fixture::builder().config("[limit]\nlock_after = 1\nlock_for = \"1h\"").enrolled("alice").build();
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    let unlock = ["--json", "unlock", "alice"];
    let snapshot = Snapshot::of(&fixture);
    each_call_fails(
        &fixture,
        &unlock,
        &ERRORS,
        || snapshot.restore(),
        |done, case| {
            let code = fixture.login_with_code_at("alice", THEN).code();
            let is_locked = fixture.journal.last().what() == "refused locked";
            assert!(code == PamCode::SUCCESS || is_locked, "{code:?}: {case}");
            assert!(done.status == 1 || code == PamCode::SUCCESS, "said to be done: {case}");
            fixture.totp_enroll(&unlock).assert_done();
            assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS, "{case}");
        },
    );
}

#[test]
fn a_repair_with_a_failing_call_leaves_a_broken_or_good_ledger() {
    let fixture = Fixture::with(&["alice"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let used = fixture.code("alice");
    assert_eq!(fixture.login("alice").types(&used).code(), PamCode::SUCCESS);
    fs::write(fixture.ledger("alice"), vec![7; 4096]).unwrap();
    let repair = ["--json", "unlock", "alice", "--repair"];
    let snapshot = Snapshot::of(&fixture);
    each_call_fails(
        &fixture,
        &repair,
        &ERRORS,
        || snapshot.restore(),
        |done, case| {
            assert_ne!(fixture.login("alice").types(&used).code(), PamCode::SUCCESS, "{case}");
            let code = fixture.login_with_code_at("alice", THEN).code();
            assert!([PamCode::SUCCESS, PamCode::SYSTEM_ERR].contains(&code), "{code:?}: {case}");
            assert!(done.status == 1 || code == PamCode::SUCCESS, "said to be done: {case}");
            fixture.totp_enroll(&repair).assert_done();
            assert!(!opens(&fixture, &codes[0]), "a recovery code outlived the repair: {case}");
            assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS, "{case}");
        },
    );
}

#[test]
fn keys_init_with_a_failing_call_leaves_a_whole_keyring_or_none() {
    let fixture = Fixture::builder().build();
    let init = ["--json", "keys", "init"];
    let nothing_yet = || {
        drop(fs::remove_file(fixture.keyring()));
        drop(fs::remove_dir_all(fixture.state()));
        drop(fs::remove_file(fixture.generation_beside_keyring()));
    };
    each_call_fails(&fixture, &init, &ERRORS, nothing_yet, |done, case| {
        let made = fs::read(fixture.keyring()).ok();
        assert!(done.status == 1 || made.is_some(), "said to be done: {case}");
        let again = fixture.totp_enroll(&init);
        assert_eq!(again.status, i32::from(made.is_some()), "{case}: {again:?}");
        if let Some(made) = made {
            assert_eq!(fs::read(fixture.keyring()).unwrap(), made, "another key: {case}");
        }
        let keys = fixture.totp_enroll(&["--json", "keys", "list"]).json();
        assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1), "{case}: {keys}");
        let users =
            fixture.write("users.oath", &users_file(&[("alice".to_owned(), Authenticator::random())]));
        fixture
            .totp_enroll(&["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"])
            .assert_done();
    });
}

#[test]
fn an_enrolment_of_which_a_call_fails_is_the_old_one_or_the_new() {
    let mut fixture = Fixture::builder().account("alice").build();
    let old = fixture.enrol("alice", &[]);
    let replace = ["enroll", "alice", "--replace"];
    let snapshot = Snapshot::of(&fixture);
    let trace = Trace::new();
    let (_, ended) = at_the_terminal(&trace.recording(&fixture.command(&replace)));
    assert_eq!(ended.status, 0, "{}", ended.screen);
    let points = trace.points(&[&fixture.state(), &fixture.keyring(), &fixture.conf()]);
    let mut ends = BTreeSet::new();
    // A person at a terminal takes a while: each call fails with one of the errors.
    let points = points.iter().filter(is_a_call_on_what_is_stored);
    let points = points.filter(|point| !point.line.contains("</dev/pts"));
    let sweep = Sweep::today();
    for (point, error) in sweep.points(points.zip(ERRORS.iter().cycle())) {
        snapshot.restore();
        let case = format!("{error} at {point:?}");
        let trace = Trace::new();
        let (new, ended) = at_the_terminal(&trace.failing(&fixture.command(&replace), point, error));
        assert!([0, 1].contains(&ended.status), "{case}: {}", ended.screen);
        assert!(trace.text().contains("(INJECTED)"), "there was no such call: {case}");
        let opens_with = |phone: &Authenticator| {
            let login = fixture.login("alice").types(phone.code_at(THEN)).at(THEN);
            login.code() == PamCode::SUCCESS
        };
        let (by_old, by_new) = (opens_with(&old.authenticator), new.as_ref().is_some_and(opens_with));
        assert!(by_old != by_new, "old {by_old}, new {by_new}: {case}: {}", ended.screen);
        assert!(ended.status == 1 || by_new, "said to be done: {case}: {}", ended.screen);
        assert_eq!(opens(&fixture, &old.recovery_codes[0]), by_old, "half an enrolment: {case}");
        match enroll_command::recovery_codes(&ended.last).first() {
            Some(code) => assert!(opens(&fixture, code), "shown, but not good: {case}"),
            None => assert_eq!(ended.status, 1, "no codes, and no word of it: {case}: {}", ended.screen),
        }
        ends.insert((ended.status, by_new));
    }
    let has_both = ends.contains(&(0, true)) && ends.contains(&(1, false));
    assert!(has_both || !sweep.is_complete(), "{ends:?}");
    let (_, again) = at_the_terminal(&fixture.command(&replace));
    assert_eq!(again.status, 0, "{}", again.screen);
}

const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];

/// Each call of a command on anything of the fixture, and each word of it, fails once with each of these errors: it says so or has
/// done what it should, and what it changed is looked at.
fn each_call_fails(
    fixture: &Fixture,
    arguments: &[&str],
    errors: &[&'static str],
    set: impl Fn(),
    mut check: impl FnMut(&CommandOutput, &str),
) {
    set();
    let command = fixture.command(arguments);
    let points = strace::record(&command, &[&fixture.path("")]);
    let mut ends = BTreeSet::new();
    let points = points.iter().filter(is_a_call_on_what_is_stored);
    let cases = points.flat_map(|point| errors.iter().map(move |error| (point, *error)));
    let sweep = Sweep::today();
    for (point, error) in sweep.points(cases) {
        set();
        let case = format!("{error} at {point:?}");
        let before = Files::below(&fixture.path(""));
        let done = strace::failing_at(&command, point, error);
        assert!([0, 1].contains(&done.status), "{case}: {done:?}");
        let said = !done.stderr.is_empty() || !done.stdout.is_empty();
        assert!(done.status == 0 || said, "no word: {case}: {done:?}");
        ends.insert(done.status);
        // Nothing done and said so: there is nothing to look at.
        if done.status == 0 || Files::below(&fixture.path("")) != before {
            check(&done, &case);
        }
    }
    // Some do no harm and most do: else nothing of this was shown.
    sweep.assert_met(&ends, [0, 1]);
}

fn is_a_call_on_what_is_stored(point: &&Point) -> bool {
    point.name != "exit_group"
}

fn opens(fixture: &Fixture, answer: &str) -> bool {
    fixture.login("alice").types(answer).at(THEN).code() == PamCode::SUCCESS
}

/// Root enrols alice again, as far as it gets; gives her authenticator then.
fn at_the_terminal(command: &Command) -> (Option<Authenticator>, Ended) {
    let mut terminal = Terminal::open(command);
    if terminal.expect_any_or_the_end(&[&enroll_command::asks_for_the_name("alice")]).is_none() {
        return (None, terminal.end());
    }
    terminal.types("alice");
    let Some((_, shown)) = terminal.expect_any_or_the_end(&[enroll_command::ASKS_FOR_A_CODE]) else {
        return (None, terminal.end());
    };
    let phone = enroll_command::authenticator_in(&shown);
    terminal.types(&phone.code());
    (Some(phone), terminal.end())
}
