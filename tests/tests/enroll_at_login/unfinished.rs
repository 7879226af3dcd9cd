//! Enrolling at a login that does not reach its end: cancelled, failed, killed, or overtaken by another enrolment.

use super::{enrols, person, rules, service, witness, witness_of};
use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::{Answer, Login, PamCode};
use acceptance::snapshot::Snapshot;
use acceptance::strace;
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;
use std::path::PathBuf;

#[test]
fn cancelling_enrols_nobody_and_is_refused() {
    for login in CANCELLATIONS {
        let fixture = service("").build();
        let before = fixture.stored();
        assert_eq!(login(fixture.login("alice").at(THEN)).code(), PamCode::AUTH_ERR);
        let event = fixture.journal.last();
        assert_eq!((event.what().as_str(), event.field("way")), ("refused cancelled", "at_login"));
        before.assert_unchanged(&fixture.state());
    }
}

#[test]
fn cancelling_before_the_day_lets_in_with_a_reminder() {
    for login in CANCELLATIONS {
        let fixture = service("enroll_by = 2033-05-20").build();
        let before = fixture.stored();
        let outcome = login(witness(&fixture).at(THEN)).run();
        assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
        assert!(outcome.prompts.last().unwrap().text.contains("2 days are left"), "{outcome:?}");
        let event = fixture.journal.last();
        let fields = ["event", "method", "reason", "days_left"].map(|key| event.field(key));
        assert_eq!(fields, ["accepted", "exempt", "not_enrolled", "2"], "{event:?}");
        before.assert_unchanged(&fixture.state());
    }
}

#[test]
fn cancelling_after_the_day_is_refused() {
    for login in CANCELLATIONS {
        let fixture = service("enroll_by = 2033-05-01").build();
        assert_eq!(login(witness(&fixture).at(THEN)).code(), PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused cancelled");
    }
}

#[test]
fn nullok_lets_in_a_user_who_cancels() {
    let fixture = service("").arguments("after_first_factor nullok").build();
    assert_eq!(witness_of(&fixture, "nullok").types("").at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.journal.last().what(), "accepted not_enrolled");
}

#[test]
fn a_conversation_that_fails_enrols_nobody_and_lets_nobody_past() {
    for answer in [Answer::NullReply, Answer::NullArray, Answer::Fails] {
        for answered in 0..2 {
            let fixture = service("enroll_by = 2033-05-20").build();
            let before = fixture.stored();
            let mut login = witness(&fixture).at(THEN);
            if answered == 1 {
                login = login.answers_with(Answer::CodeOfTheShownKey(0));
            }
            assert_eq!(login.answers_with(answer.clone()).code(), PamCode::CONV_ERR, "{answer:?}");
            assert_eq!(fixture.journal.last().what(), "refused conversation");
            before.assert_unchanged(&fixture.state());
        }
    }
}

#[test]
fn a_late_answer_enrols_nobody_and_lets_nobody_past() {
    let fixture = service("enroll_by = 2033-05-20\n[totp]\nanswer_within = \"1s\"").build();
    let before = fixture.stored();
    let mut login = witness(&fixture).at(THEN).answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    login.pause_ms = 1200;
    assert_eq!(login.code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused late");
    before.assert_unchanged(&fixture.state());
}

#[test]
fn the_time_to_answer_is_that_of_each_answer() {
    let fixture = service("[totp]\nanswer_within = \"3s\"").build();
    let mut login = fixture.login("alice").at(THEN).types("uri").types("uri");
    login = login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    login.pause_ms = 1000;
    assert_eq!(login.code(), PamCode::SUCCESS);
}

#[test]
fn a_user_enrolled_elsewhere_meanwhile_stays_enrolled_by_that() {
    let mut fixture = service("").build();
    let at_prompt = enrols(&fixture).hold();
    // No lock is held while a person thinks: the command is not kept waiting.
    import(&mut fixture);
    let outcome = at_prompt.release().outcome().unwrap();
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
    assert_eq!(fixture.journal.last().what(), "refused changed_meanwhile");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
}

#[test]
fn cancelling_does_not_bypass_an_enrolment_made_meanwhile() {
    let mut fixture = service("enroll_by = 2033-05-20").build();
    let at_prompt = witness(&fixture).at(THEN).types("").hold();
    import(&mut fixture);
    let outcome = at_prompt.release().outcome().unwrap();
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
    assert_eq!(fixture.journal.last().what(), "refused changed_meanwhile");
}

#[test]
fn a_login_that_is_killed_at_a_prompt_has_enrolled_nobody() {
    let fixture = service("").build();
    let before = fixture.stored();
    enrols(&fixture).hold().kill();
    before.assert_unchanged(&fixture.state());
    assert_eq!(enrols(&fixture).code(), PamCode::SUCCESS);
}

#[test]
fn an_enrolment_that_is_killed_at_any_call_is_whole_or_none() {
    let fixture = rules("").build();
    let login = person(fixture.login(USER).at(THEN));
    let snapshot = Snapshot::of(&fixture);
    // Not those after it: the phone of this person is a process as well, and makes some of them.
    let points = strace::record_login(&login, &paths(&fixture));
    let (sweep, mut enrolled) = (Sweep::today(), BTreeSet::new());
    for point in sweep.points(points) {
        snapshot.restore();
        assert!(strace::login_killed_at(&login, &point).is_none(), "it had come to its end: {point:?}");
        let status = fixture.totp_enroll(&["--json", "status", USER]).status;
        assert!([0, NOT_ENROLLED].contains(&status), "status {status}: {point:?}");
        enrolled.insert(status == 0);
        if status == NOT_ENROLLED {
            let names = fixture.stored().names();
            let left = names.iter().filter(|name| !name.starts_with(".new."));
            assert!(left.clone().all(|name| name == USER), "left behind: {names:?} {point:?}");
            assert_eq!(login.clone().code(), PamCode::SUCCESS, "cannot enrol any more: {point:?}");
        }
    }
    sweep.assert_met(&enrolled, [false, true]);
}

#[test]
fn a_failing_call_during_enrolment_lets_in_no_unenrolled_user() {
    let fixture = rules("enroll_by = 2033-05-20").build();
    let login = person(fixture.login(USER).at(THEN));
    let snapshot = Snapshot::of(&fixture);
    let points = strace::record_login(&login, &paths(&fixture));
    let mut codes = BTreeSet::new();
    let sweep = Sweep::today();
    let cases = points.iter().zip(["EIO", "ENOSPC", "EROFS", "EACCES"].iter().cycle());
    for (point, error) in sweep.points(cases) {
        snapshot.restore();
        let outcome = strace::login_failing_at(&login, point, error);
        codes.insert(outcome.code);
        let status = fixture.totp_enroll(&["--json", "status", USER]).status;
        assert!([0, NOT_ENROLLED].contains(&status), "status {status}: {error} {point:?}");
        // libpam's result for a stack in which all modules ignore.
        assert_ne!(
            outcome.code,
            PamCode::PERM_DENIED,
            "an error was taken for permission: {error} {point:?}"
        );
        if outcome.code == PamCode::SUCCESS {
            assert_eq!(status, 0, "let in and not enrolled: {error} {point:?}");
        } else {
            assert_eq!(fixture.journal.last().field("event"), "error", "{error} {point:?}");
        }
    }
    assert!(!sweep.is_complete() || codes.contains(&PamCode::SYSTEM_ERR), "{codes:?}");
}

/// An account of every Debian: strace follows no login into a machine of its own.
const USER: &str = "daemon";
/// The exit status of the command for a user who is not enrolled.
const NOT_ENROLLED: i32 = 3;

/// What such a login reads and writes.
fn paths(fixture: &Fixture) -> Vec<PathBuf> {
    let mut paths = strace::stored(fixture, USER);
    paths.push(fixture.state().join("credentials").join(format!(".new.{USER}")));
    paths
}

/// Every place at which one can leave.
const CANCELLATIONS: [fn(Login) -> Login; 4] = [
    |login| login.types(""),
    |login| login.types("hello").types(" "),
    |login| login.answers_with(Answer::CodeOfTheShownKey(0)).types(""),
    |login| (0..20).fold(login.answers_with(Answer::CodeOfTheShownKey(0)), |login, _| login.types("no")),
];

/// Enrols alice in the command.
fn import(fixture: &mut Fixture) {
    let phone = ("alice".to_owned(), Authenticator::random());
    let users = fixture.write("users.oath", &users_file(std::slice::from_ref(&phone)));
    fixture.totp_enroll(&["--json", "import", "oath", users.to_str().unwrap()]).assert_done();
    fixture.note("alice", phone.1);
}
