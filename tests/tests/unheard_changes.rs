//! A command that changes something for another person is killed at every call: where the change stands, its notice is in the spool
//! and its line in the log. Where the notice cannot be kept, the change is not made.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod pruning;
mod tokens;

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::enroll_command::{self, ASKS_FOR_A_CODE, asks_for_the_name};
use acceptance::fixture::{Builder, Fixture, users_file};
use acceptance::journal::Event;
use acceptance::login::PamCode;
use acceptance::mailbox::spooled;
use acceptance::operator::clear_login_uid;
use acceptance::reset_steps::wait_for_the_cool_down;
use acceptance::snapshot::Snapshot;
use acceptance::strace::{Injection, Point, Trace};
use acceptance::sweep::Sweep;
use acceptance::terminal::Terminal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn a_request_that_stands_was_heard_of() {
    let fixture = enrolled("");
    killed_at_each(&fixture, &REQUEST, &reset_file(&fixture), "reset_requested");
}

#[test]
fn an_approval_that_stands_was_heard_of() {
    let fixture = enrolled("");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    killed_at_each(&fixture, &APPROVE, &reset_file(&fixture), "reset_approved");
}

#[test]
fn an_approval_that_stands_after_ctrl_c_was_heard_of() {
    let fixture = enrolled("");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    ended_at_each(&fixture, &APPROVE, &reset_file(&fixture), "reset_approved", "INT");
}

#[test]
fn a_cancellation_that_stands_was_heard_of() {
    let fixture = enrolled("");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    let cancel = ["--json", "reset", "cancel", USER, "--yes"];
    killed_at_each(&fixture, &cancel, &reset_file(&fixture), "reset_cancelled");
}

#[test]
fn a_completion_that_stands_was_heard_of() {
    let fixture = enrolled("[reset]\napprovals = 0\ncooldown = \"1s\"");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    wait_for_the_cool_down(&fixture);
    let complete = ["--json", "reset", "complete", USER, "--yes"];
    killed_at_each(&fixture, &complete, &fixture.credential(USER), "reset_completed");
}

#[test]
fn a_disabling_that_stands_was_heard_of() {
    let fixture = enrolled("");
    killed_at_each(&fixture, &DISABLE, &fixture.credential(USER), "disabled");
}

#[test]
fn a_removed_reset_token_was_heard_of() {
    let fixture = enrolled("[reset]\napprovals = 0\ncooldown = \"1s\"");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    wait_for_the_cool_down(&fixture);
    enroll_command::run(command(&fixture, &["--json", "reset", "complete", USER, "--yes"]), "").assert_done();
    killed_at_each(&fixture, &DISABLE, &reset_file(&fixture), "reset_cancelled");
}

#[test]
fn new_recovery_codes_that_stand_were_heard_of() {
    let fixture = enrolled("");
    killed_at_each(&fixture, &RENEW, &fixture.credential(USER), "codes_regenerated");
}

#[test]
fn an_unlocking_that_stands_was_heard_of() {
    let fixture = enrolled("[limit]\nlock_after = 1\nlock_for = \"1h\"");
    let wrong = fixture.authenticator(USER).wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login(USER).types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    killed_at_each(&fixture, &["--json", "unlock", USER], &fixture.ledger(USER), "unlocked");
}

#[test]
fn a_repair_that_stands_was_heard_of() {
    let fixture = enrolled("");
    fs::write(fixture.ledger(USER), vec![7; 4096]).unwrap();
    killed_at_each(&fixture, &["--json", "unlock", "--repair", USER], &fixture.ledger(USER), "unlocked");
}

#[test]
fn a_revoked_device_that_stands_was_heard_of() {
    let fixture = built(
        Fixture::builder().config("[remember]\nmode = \"always\"\nbind = [\"address\"]\n").enrolled(USER),
    );
    let login = fixture.login_with_code_at(USER, THEN).from_host("192.0.2.7");
    assert_eq!(login.code(), PamCode::SUCCESS);
    let revoke = ["--json", "devices", USER, "--revoke-all", "--yes"];
    killed_at_each(&fixture, &revoke, &fixture.ledger(USER), "device_revoked");
}

#[test]
fn an_enrolment_by_a_script_that_stands_was_heard_of() {
    let fixture = built(Fixture::builder().enrolled(OTHER));
    killed_at_each(&fixture, &["--json", "enroll", USER, "--batch"], &fixture.credential(USER), "enrolled");
}

#[test]
fn an_enrolment_by_root_that_stands_was_heard_of() {
    let fixture = built(Fixture::builder().enrolled(OTHER));
    at_the_terminal_killed_at_each(&fixture, &["enroll", USER], "enrolled");
}

#[test]
fn a_replacement_by_root_that_stands_was_heard_of() {
    let fixture = enrolled("");
    at_the_terminal_killed_at_each(&fixture, &["enroll", USER, "--replace"], "enrolled");
}

#[test]
fn a_second_authenticator_by_root_that_stands_was_heard_of() {
    let fixture = enrolled("");
    at_the_terminal_killed_at_each(&fixture, &["enroll", USER, "--add", "--label", "spare"], "enrolled");
}

#[test]
fn an_import_that_stands_was_heard_of() {
    let fixture = built(Fixture::builder().enrolled(OTHER));
    let users = fixture.write("users.oath", &users_file(&[(USER.to_owned(), Authenticator::random())]));
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"];
    killed_at_each(&fixture, &import, &fixture.credential(USER), "imported");
}

#[test]
fn where_its_notice_cannot_be_kept_no_request_is_made() {
    assert_is_refused_without_a_spool(&enrolled(""), &REQUEST);
}

#[test]
fn where_its_notice_cannot_be_kept_no_approval_is_given() {
    let fixture = enrolled("");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    assert_is_refused_without_a_spool(&fixture, &APPROVE);
}

#[test]
fn where_its_notice_cannot_be_kept_no_reset_is_completed() {
    let fixture = enrolled("[reset]\napprovals = 0\ncooldown = \"1s\"");
    enroll_command::run(command(&fixture, &REQUEST), "").assert_done();
    wait_for_the_cool_down(&fixture);
    assert_is_refused_without_a_spool(&fixture, &["--json", "reset", "complete", USER, "--yes"]);
}

#[test]
fn where_its_notice_cannot_be_kept_nobody_is_disabled() {
    assert_is_refused_without_a_spool(&enrolled(""), &DISABLE);
}

#[test]
fn where_its_notice_cannot_be_kept_no_recovery_codes_are_replaced() {
    assert_is_refused_without_a_spool(&enrolled(""), &RENEW);
}

#[test]
fn where_its_notice_cannot_be_kept_nobody_is_enrolled_by_a_script() {
    assert_is_refused_without_a_spool(&built(Fixture::builder()), &["--json", "enroll", USER, "--batch"]);
}

#[test]
fn on_a_full_disk_an_unlocking_is_done_and_heard_of() {
    let mut fixture = on_a_small_disk("[limit]\nlock_after = 1\nlock_for = \"1h\"");
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    fill(&mut fixture);
    fixture.totp_enroll(&["--json", "unlock", "alice"]).assert_done();
    assert_waits(&fixture, "unlocked");
}

#[test]
fn on_a_full_disk_a_cancellation_is_done_and_heard_of() {
    let mut fixture = on_a_small_disk("");
    fixture.totp_enroll(&["--json", "reset", "request", "alice", "--reason", "lost"]).assert_done();
    fill(&mut fixture);
    fixture.totp_enroll(&["--json", "reset", "cancel", "alice", "--yes"]).assert_done();
    assert_waits(&fixture, "reset_cancelled");
}

#[test]
fn on_a_full_disk_a_device_is_revoked_and_that_is_heard_of() {
    let mut fixture = on_a_small_disk("[remember]\nmode = \"always\"\nbind = [\"address\"]");
    let login = fixture.login_with_code_at("alice", THEN).from_host("192.0.2.7");
    assert_eq!(login.code(), PamCode::SUCCESS);
    fill(&mut fixture);
    fixture.totp_enroll(&["--json", "devices", "alice", "--revoke-all", "--yes"]).assert_done();
    assert_waits(&fixture, "device_revoked");
}

#[test]
fn a_login_needs_no_place_for_its_notice() {
    let fixture = enrolled("");
    let codes = enroll_command::recovery_codes_in(&enroll_command::run(command(&fixture, &RENEW), "").stdout);
    take_the_spool_away(&fixture);
    assert_eq!(fixture.login(USER).types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn an_import_of_many_leaves_one_summary() {
    let fixture = built(Fixture::builder());
    import_three(&fixture, &[]);
    let notices: Vec<String> =
        spooled(&fixture).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    assert!(notices.len() == 1 && notices[0].contains("imported"), "{notices:?}");
}

#[test]
fn an_import_with_notify_also_tells_each_person() {
    let fixture = built(Fixture::builder());
    import_three(&fixture, &["--notify"]);
    assert_eq!(spooled(&fixture).len(), 4, "a summary and three notices");
}

/// An account of every Debian: strace follows nobody into a machine of its own.
const USER: &str = "daemon";
/// Another such account, so that there is a state to restore.
const OTHER: &str = "bin";
const REQUEST: [&str; 6] = ["--json", "reset", "request", USER, "--reason", "lost"];
const APPROVE: [&str; 4] = ["--json", "reset", "approve", USER];
const DISABLE: [&str; 4] = ["--json", "disable", USER, "--yes"];
const RENEW: [&str; 4] = ["--json", "recovery-codes", USER, "--yes"];

fn enrolled(config: &str) -> Fixture {
    built(Fixture::builder().config(config).enrolled(USER))
}

/// Notices are kept, and none is sent: the mail program is missing.
fn built(builder: Builder) -> Fixture {
    clear_login_uid();
    let fixture = builder.build();
    let config = fs::read_to_string(fixture.conf()).unwrap();
    let with_notices = config.replace("notify.command = []", "notify.command = [\"/no/such/program\"]");
    fs::write(fixture.conf(), with_notices).unwrap();
    fixture
}

/// The requester is root; the approver is an account of every Debian.
fn command(fixture: &Fixture, arguments: &[&str]) -> Command {
    let mut command = fixture.command(arguments);
    if arguments.contains(&"approve") {
        command.env("SUDO_USER", "sys").env("SUDO_UID", "3");
    }
    command
}

fn reset_file(fixture: &Fixture) -> PathBuf {
    fixture.state().join(format!("resets/{USER}.toml"))
}

fn killed_at_each(fixture: &Fixture, arguments: &[&str], changes: &Path, event: &str) {
    ended_at_each(fixture, arguments, changes, event, "KILL");
}

/// Ends a command by a signal at calls from its first change of the store on. Where `changes` is not what it was, the change stands.
fn ended_at_each(fixture: &Fixture, arguments: &[&str], changes: &Path, event: &str, signal: &str) {
    let snapshot = Snapshot::of(fixture);
    let trace = Trace::new();
    drop(trace.recording(&command(fixture, arguments)).stdin(Stdio::null()).output().unwrap());
    let points = trace.points(&[&fixture.path("")]);
    let mut stood = 0;
    for point in Sweep::today().points(points.into_iter().skip_while(|point| !changes_the_store(point))) {
        snapshot.restore();
        let (before, logged) = (fs::read(changes).ok(), fixture.journal.command_events().len());
        let ends = Injection {
            call: point.name.clone().leak(),
            action: format!("signal={signal}:when={}", point.occurrence),
        };
        let trace = Trace::new();
        let mut ending = trace.injecting(&command(fixture, arguments), &[ends]);
        drop(ending.stdin(Stdio::null()).output().unwrap());
        if fs::read(changes).ok() != before {
            stood += 1;
            assert_was_heard_of(fixture, logged, event, &point);
        }
    }
    assert!(stood > 0, "no change stood: nothing was shown");
}

/// The same for an enrolment at a terminal, from its code on.
fn at_the_terminal_killed_at_each(fixture: &Fixture, arguments: &[&str], event: &str) {
    let snapshot = Snapshot::of(fixture);
    let trace = Trace::new();
    enrols(&trace.recording(&fixture.command(arguments)));
    let points = trace.points(&[&fixture.state()]).into_iter();
    let points = points.filter(|point| !point.line.contains("</dev/pts"));
    let mut stood = 0;
    for point in Sweep::today().points(points.skip_while(|point| !point.name.starts_with("pwrite"))) {
        snapshot.restore();
        let before = fs::read(fixture.credential(USER)).ok();
        let logged = fixture.journal.command_events().len();
        enrols(&Trace::new().killing(&fixture.command(arguments), &point));
        if fs::read(fixture.credential(USER)).ok() != before {
            stood += 1;
            assert_was_heard_of(fixture, logged, event, &point);
        }
    }
    assert!(stood > 0, "no change stood: nothing was shown");
}

/// Root enrols the account, up to and with its code.
fn enrols(command: &Command) {
    let mut terminal = Terminal::open(command);
    let name = asks_for_the_name(USER);
    let (asked, mut shown) = terminal.expect_any(&[&name, ASKS_FOR_A_CODE]);
    if asked == 0 {
        terminal.types(USER);
        shown = terminal.expect_any(&[ASKS_FOR_A_CODE]).1;
    }
    terminal.types(&enroll_command::authenticator_in(&shown).code());
    drop(terminal.end());
}

fn changes_the_store(point: &Point) -> bool {
    point.name.starts_with("rename") || point.name.starts_with("unlink") || point.name.starts_with("pwrite")
}

fn assert_was_heard_of(fixture: &Fixture, logged: usize, event: &str, point: &Point) {
    let is_it = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(file).unwrap_or_default();
        !name.starts_with(".new.") && text.contains(&format!("event={event}"))
    };
    assert!(spooled(fixture).iter().any(is_it), "{event} stands without a notice, ended at {}", point.line);
    let events = fixture.journal.command_events();
    // An import is one change for many.
    let is_its = |line: &Event| line.field("user") == USER || line.field("event") == "imported";
    let has_line = events.iter().skip(logged).any(is_its);
    assert!(has_line, "{event} stands without a line, ended at {}", point.line);
}

/// No notice can be written.
fn take_the_spool_away(fixture: &Fixture) {
    let spool = fixture.state().join("spool");
    drop(fs::remove_dir_all(&spool));
    fs::write(spool, "not a directory").unwrap();
}

fn assert_is_refused_without_a_spool(fixture: &Fixture, arguments: &[&str]) {
    take_the_spool_away(fixture);
    let of_the_account = || [fixture.credential(USER), reset_file(fixture)].map(|file| fs::read(file).ok());
    let before = of_the_account();
    let refused = enroll_command::run(command(fixture, arguments), "");
    assert_eq!(
        (refused.status, of_the_account() == before),
        (1, true),
        "status, and nothing changed: {refused:?}"
    );
}

/// Alice, enrolled, with her state on a small file system that only the fixture's machine sees.
fn on_a_small_disk(config: &str) -> Fixture {
    let builder = Fixture::builder().config(&format!("{config}\n[notify]\ncommand = [\"/no/such/program\"]"));
    let mut fixture = builder.account("alice").build();
    drop(fs::remove_dir_all(fixture.state()));
    on_its_machine(&mut fixture, "mkdir -m 700 \"$1\" && mount -t tmpfs -o size=128k,mode=700 small \"$1\"");
    let _ = fixture.enrol("alice", &[]);
    fixture
}

fn fill(fixture: &mut Fixture) {
    on_its_machine(fixture, "! cat /dev/zero >\"$1/filling\" 2>/dev/null");
}

/// Runs a script where the fixture's mounts are seen, with the state directory as its argument.
fn on_its_machine(fixture: &mut Fixture, script: &str) {
    let state = fixture.state();
    let mut command = fixture.machine().namespace().command("/bin/sh");
    let done = command.args(["-c", script, "sh"]).arg(state).status();
    assert!(done.is_ok_and(|status| status.success()), "{script}");
}

fn assert_waits(fixture: &Fixture, event: &str) {
    let waiting = fixture.totp_enroll(&["--json", "notify", "--list"]);
    assert!(waiting.stdout.contains(event), "{waiting:?}");
}

fn import_three(fixture: &Fixture, options: &[&str]) {
    let people = ["carol", "dave", "erin"].map(|user| (user.to_owned(), Authenticator::random()));
    let users = fixture.write("import.oath", &users_file(&people));
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"];
    fixture.totp_enroll(&[&import, options].concat()).assert_done();
}
