//! Notices when something fails: the mail program, a sender, a call on the spool, a notice that cannot be read.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

mod torn;

use crate::notify::{RENEW, about, alice, failures, notify};
use acceptance::clock::{self, THEN};
use acceptance::enroll_command::{self};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::mailbox::{Mailbox, Mood, spooled};
use acceptance::snapshot::Snapshot;
use acceptance::strace;
use acceptance::sweep::Sweep;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

#[test]
fn a_mail_program_that_refuses_is_tried_again_later() {
    let fixture = Fixture::with(&["alice"]);
    let mailbox = Mailbox::of(&fixture, "", "");
    mailbox.set(Mood::Refuses);
    fixture.totp_enroll(&["disable", "alice", "--yes"]).assert_done();
    assert_eq!(notify(&fixture, &[]).json()["failed"], 1);
    let failed = failures(&fixture);
    let [event] = &failed[..] else { panic!("{failed:?}") };
    let fields = ["user", "about", "state", "tries"].map(|key| event.field(key));
    assert_eq!(fields, ["alice", "disabled", "waits", "1"]);
    assert!(
        event.field("problem").ends_with("ended with exit status 67; it said: no such mailbox"),
        "{event:?}"
    );
    mailbox.set(Mood::Takes);
    let soon = notify(&fixture, &[]);
    soon.assert_done();
    assert_eq!((soon.json()["sent"].as_u64(), soon.json()["waiting"].as_u64()), (Some(0), Some(1)));
    let mut later = fixture.command(&["--json", "notify"]);
    clock::stop(&mut later, clock::now() + 90);
    enroll_command::run(later, "").assert_done();
    assert_eq!(about(&mailbox.mail()), "disabled");
}

#[test]
fn notify_says_what_failed_and_now_does_not_wait() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    mailbox.set(Mood::Refuses);
    for code in &codes[..2] {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
    }
    for options in [&[][..], &["--now"]] {
        let failed = notify(&fixture, options);
        let counts =
            ["sent", "failed", "given_up", "waiting"].map(|key| failed.json()[key].as_u64().unwrap());
        assert_eq!((failed.status, counts), (1, [0, 2, 0, 2]), "{failed:?}");
    }
    mailbox.set(Mood::Takes);
    let done = notify(&fixture, &["--now"]);
    done.assert_done();
    assert_eq!((done.json()["sent"].as_u64(), mailbox.mails().len()), (Some(2), 2));
}

#[test]
fn after_three_days_a_notice_is_given_up_and_the_log_says_so() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    let file = spooled(&fixture).remove(0);
    let name = file.file_name().unwrap().to_str().unwrap().strip_suffix(".0.0").unwrap();
    let (_, name) = name.split_once('.').unwrap();
    let (now, day) = (clock::now(), 86_400);
    let waiting = |at, tries| format!("{at:012}.{name}.{tries}.{}", now - 4000);
    mailbox.set(Mood::Refuses);
    let young = file.with_file_name(waiting(now - 2 * day, 500));
    fs::rename(&file, &young).unwrap();
    let done = notify(&fixture, &[]);
    assert_eq!((done.status, done.json()["failed"].as_u64()), (1, Some(1)), "{done:?}");
    let young = spooled(&fixture).remove(0);
    fs::rename(&young, file.with_file_name(waiting(now - 4 * day, 77))).unwrap();
    let done = notify(&fixture, &[]);
    assert_eq!((done.status, done.json()["given_up"].as_u64()), (0, Some(1)), "no failed unit: {done:?}");
    assert!(done.stderr.contains("given up"), "{done:?}");
    assert_eq!(failures(&fixture).last().unwrap().field("state"), "given_up");
    assert!(spooled(&fixture).is_empty());
}

#[test]
fn a_mail_program_that_hangs_blocks_nothing() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "timeout = \"1s\"");
    mailbox.set(Mood::Hangs);
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    fixture.totp_enroll(&RENEW).assert_done();
    assert_eq!(failures(&fixture).len(), 0, "neither of them starts it");
    assert_eq!(notify(&fixture, &[]).status, 1);
    let failed = failures(&fixture);
    assert!(failed.last().unwrap().field("problem").contains("did not end within 1s"), "{failed:?}");
    mailbox.set(Mood::Takes);
    notify(&fixture, &["--now"]).assert_done();
    // The one that was tried comes last.
    assert_eq!(mailbox.mails().iter().map(about).collect::<Vec<_>>(), ["recovery_used", "codes_regenerated"]);
}

#[test]
fn a_program_that_hangs_is_ended_and_the_work_is_done() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "timeout = \"1s\"");
    mailbox.set(Mood::Hangs);
    for code in &codes[..2] {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
    }
    fixture.totp_enroll(&["disable", "alice", "--yes"]).assert_done();
    assert_eq!(notify(&fixture, &[]).status, 1);
    let failed = failures(&fixture);
    let [event] = &failed[..] else { panic!("the others would meet the same: {failed:?}") };
    assert!(event.field("problem").contains("did not end within 1s and was ended"), "{event:?}");
    let pid = fs::read_to_string(mailbox.directory().join("pid")).unwrap();
    let line = fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
    assert!(line.is_empty(), "it still runs");
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3, "disabled");
    mailbox.set(Mood::Takes);
    notify(&fixture, &["--now"]).assert_done();
    assert_eq!(mailbox.mails().len(), 3);
}

#[test]
fn a_program_that_is_not_there_is_named_and_stops_nothing() {
    let (fixture, codes) = alice();
    fixture.configure("[notify]\ncommand = [\"/no/such/program\"]");
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    fixture.totp_enroll(&["disable", "alice", "--yes"]).assert_done();
    assert_eq!(notify(&fixture, &[]).status, 1);
    let failed = failures(&fixture);
    assert_eq!(failed.len(), 1);
    assert!(failed[0].field("problem").contains("/no/such/program cannot be started"), "{failed:?}");
    assert_eq!(spooled(&fixture).len(), 2);
}

#[test]
fn a_killed_sender_loses_no_notice() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    let snapshot = Snapshot::of(&fixture);
    let command = fixture.command(&["--json", "notify"]);
    let points = strace::record_on(&command, &[fixture.state().join("spool")]);
    let (sweep, mut times) = (Sweep::today(), std::collections::BTreeSet::new());
    for point in sweep.points(points) {
        drop(fs::remove_dir_all(mailbox.directory().join("taken")));
        snapshot.restore();
        drop(strace::killed_at(&command, &point));
        notify(&fixture, &["--now"]).assert_done();
        let mails = mailbox.mails();
        times.insert(mails.len());
        assert!(mails.iter().all(|mail| mail.header("Message-ID") == mails[0].header("Message-ID")));
        assert!(spooled(&fixture).is_empty(), "{point:?}");
    }
    // Once, or twice where it was killed in between.
    sweep.assert_met(&times, [1, 2]);
}

#[test]
fn a_killed_login_leaves_a_whole_notice_or_none() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    let login = fixture.login("alice").types(&codes[0]);
    let snapshot = Snapshot::of(&fixture);
    let points = on_the_spool(&fixture, &login);
    let (sweep, mut told) = (Sweep::today(), std::collections::BTreeSet::new());
    for point in sweep.points(points) {
        drop(fs::remove_dir_all(mailbox.directory().join("taken")));
        snapshot.restore();
        drop(strace::login_killed_at(&login, &point));
        notify(&fixture, &[]).assert_done();
        told.insert(mailbox.mails().len());
        assert_eq!(login.clone().code(), PamCode::AUTH_ERR, "the code was used: {point:?}");
        assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 0);
    }
    sweep.assert_met(&told, [0, 1]);
    assert!(failures(&fixture).is_empty(), "half a notice: {:?}", failures(&fixture));
}

#[test]
fn a_failing_call_on_the_spool_changes_no_login_and_is_logged() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    let login = fixture.login("alice").types(&codes[0]);
    let snapshot = Snapshot::of(&fixture);
    let points = on_the_spool(&fixture, &login);
    let cases = points.iter().flat_map(|point| strace::ERRORS.iter().map(move |error| (point, *error)));
    for (point, error) in Sweep::today().points(cases) {
        drop(fs::remove_dir_all(mailbox.directory().join("taken")));
        snapshot.restore();
        let logged = fixture.journal.events().len();
        let outcome = strace::login_failing_at(&login, point, error);
        assert_eq!(outcome.code, PamCode::SUCCESS, "{error}: {point:?}");
        let events = fixture.journal.events().split_off(logged);
        assert_eq!(events[0].what(), "recovery_used", "{events:?}");
        let is_said =
            events.iter().any(|event| event.field("problem").contains("the user gets no mail about this"));
        notify(&fixture, &[]).assert_done();
        assert!(is_said || mailbox.mails().len() == 1, "in silence: {error}: {point:?} {events:?}");
        assert_eq!(events.len(), 1 + usize::from(is_said), "{events:?}");
    }
}

#[test]
fn a_spool_that_is_full_changes_no_login_and_gets_no_fuller() {
    let (fixture, codes) = alice();
    let _mailbox = Mailbox::of(&fixture, "", "");
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    let one = spooled(&fixture).remove(0);
    for at in 1..1024 {
        let name = format!("{at:012}.0.{}.{}.0.0", at + 10_000, "0a".repeat(16));
        fs::copy(&one, one.with_file_name(name)).unwrap();
    }
    assert_eq!(fixture.login("alice").types(&codes[1]).at(THEN).code(), PamCode::SUCCESS);
    let event = fixture.journal.last();
    assert!(event.field("problem").contains("limit of unsent notices"), "{event:?}");
    assert_eq!(spooled(&fixture).len(), 1024);
}

#[test]
fn a_missing_spool_is_made_and_a_foreign_one_is_named() {
    type Damage = fn(&Fixture);
    let damages: [Damage; 3] = [
        |fixture| {
            fs::create_dir(fixture.state().join("spool")).unwrap();
            fs::set_permissions(fixture.state().join("spool"), Permissions::from_mode(0o777)).unwrap();
        },
        |fixture| fs::write(fixture.state().join("spool"), "").unwrap(),
        |fixture| symlink(fixture.path("elsewhere"), fixture.state().join("spool")).unwrap(),
    ];
    for damage in damages {
        let (fixture, codes) = alice();
        let _mailbox = Mailbox::of(&fixture, "", "");
        fs::create_dir(fixture.path("elsewhere")).unwrap();
        damage(&fixture);
        assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
        let event = fixture.journal.last();
        assert_eq!(event.field("event"), "error");
        assert!(event.field("problem").contains("/spool"), "{event:?}");
        assert_eq!(fs::read_dir(fixture.path("elsewhere")).unwrap().count(), 0);
        let refused = fixture.totp_enroll(&["disable", "alice", "--yes"]);
        assert!(refused.status == 1 && refused.stderr.contains("/spool"), "{refused:?}");
        fixture.totp_enroll(&["status", "alice"]).assert_done();
        let notify = notify(&fixture, &[]);
        assert!(notify.status == 1 && notify.stderr.contains("/spool"), "{notify:?}");
    }
}

#[test]
fn a_notice_of_another_version_waits() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    let file = &spooled(&fixture)[0];
    fs::write(file, fs::read_to_string(file).unwrap().replacen("notice 1", "notice 2", 1)).unwrap();
    let done = notify(&fixture, &[]);
    let counts = ["sent", "failed", "given_up", "waiting"].map(|key| done.json()[key].as_u64().unwrap());
    assert_eq!((done.status, counts), (1, [0, 1, 0, 1]), "{done:?}");
    assert!(failures(&fixture)[0].field("problem").contains("another version"));
    assert!(mailbox.mails().is_empty());
}

#[test]
fn the_notice_of_a_login_is_synced_before_the_answer() {
    let (fixture, codes) = alice();
    let _mailbox = Mailbox::of(&fixture, "", "");
    let points = on_the_spool(&fixture, &fixture.login("alice").types(&codes[0]));
    let calls: Vec<_> = points.iter().map(|point| point.line.split('(').next().unwrap_or_default()).collect();
    let at = |name: &str| calls.iter().position(|call| call.ends_with(name)).expect(name);
    assert!(at("fsync") < at("renameat2"), "the file: {points:?}");
    assert!(calls[at("renameat2")..].iter().any(|call| call.ends_with("fsync")), "the directory: {points:?}");
}

/// The calls of a login on the spool. Makes the login, by the machine's clock (with a stopped one there are calls of
/// libfaketime in between, and never the same number), and puts things back.
fn on_the_spool(fixture: &Fixture, login: &acceptance::login::Login) -> Vec<strace::Point> {
    let snapshot = Snapshot::of(fixture);
    let (_, trace) = strace::trace_login(login);
    let spool = fixture.state().join("spool");
    let points = trace.points(&[&spool]).into_iter().filter(|point| point.line.contains("/spool")).collect();
    snapshot.restore();
    points
}
