//! An operator tries to keep the owner's mail back: by limits that pass through the real sudo, by refused steps, by a full spool, by
//! a process that stands still.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what is not there fails the test"
)]

use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::mailbox::{Mailbox, Mood, spooled};
use acceptance::operator::with_login_uid;
use acceptance::reset_steps::{self, approves, builder, requests};
use acceptance::snapshot::{Snapshot, renewed_codes};
use acceptance::strace::{Injection, Trace};
use acceptance::wait;
use nix::sys::signal::{Signal, kill};
use std::fs;
use std::process::{Child, Command, Stdio};

#[test]
fn a_memory_limit_of_an_operator_keeps_no_mail_back() {
    let limits = (6..=64).step_by(2).map(|mebibytes| format!("--as={}", mebibytes << 20));
    each_request_that_stands_is_mailed(limits.map(|limit| format!("prlimit {limit}")));
}

#[test]
fn no_other_limit_of_an_operator_keeps_mail_back() {
    let limits = [
        "prlimit --data=8000000",
        "prlimit --nofile=8",
        "prlimit --nofile=12",
        "prlimit --nofile=16",
        "prlimit --fsize=4096",
        "prlimit --nproc=1",
        "prlimit --locks=0",
        "nice --adjustment=19",
        "env --ignore-signal=CHLD",
        "env --ignore-signal=PIPE",
        "env --block-signal",
    ];
    each_request_that_stands_is_mailed(limits.map(str::to_owned));
}

#[test]
fn a_command_of_an_operator_starts_no_mail_program() {
    let fixture = reset_steps::fixture("");
    let mailbox = Mailbox::of(&fixture, "", "");
    requests(&fixture, "bob", THEN).assert_done();
    assert_eq!((mailbox.mails().len(), spooled(&fixture).len()), (0, 1), "mails and notices that wait");
}

#[test]
fn a_frozen_command_of_an_operator_keeps_no_mail_back() {
    // Without a machine of its own: strace follows nobody into one.
    let fixture = Fixture::builder().enrolled("daemon").build();
    let mailbox = Mailbox::of(&fixture, "", "");
    let request = fixture.command(&["--json", "reset", "request", "daemon", "--reason", "lost"]);
    let trace = Trace::new();
    let stops = Injection { call: "flock", action: "signal=STOP".to_owned() };
    let mut stopping = trace.injecting(&request, &[stops]);
    let mut running =
        stopping.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // It holds first the account, then perhaps the right to send. It goes on until it holds what keeps mail back, or ends.
    let mut stops = 0;
    wait::until("it holds the spool, or has ended", || {
        let calls = trace.text();
        if calls.lines().any(|line| line.contains("flock(") && line.contains("/spool>")) {
            return true;
        }
        let seen = calls.matches("stopped by SIGSTOP").count();
        if seen > stops {
            stops = seen;
            kill(trace.wait_for("stopped by SIGSTOP"), Signal::SIGCONT).unwrap();
        }
        running.try_wait().unwrap().is_some()
    });
    let sent = fixture.totp_enroll(&["--json", "notify"]);
    let mails = mailbox.mails().len();
    if running.try_wait().unwrap().is_none() {
        kill(trace.wait_for("stopped by SIGSTOP"), Signal::SIGKILL).unwrap();
        drop(running.wait());
    }
    assert_eq!(mails, 1, "{sent:?}");
}

#[test]
fn refused_steps_of_an_operator_at_an_account_leave_one_notice() {
    let fixture = reset_steps::fixture("");
    let mailbox = Mailbox::of(&fixture, "", "");
    requests(&fixture, "bob", THEN).assert_done();
    for _ in 0..8 {
        assert_eq!(approves(&fixture, "bob", THEN).status, 4);
    }
    fixture.command_of_root(&["notify"], THEN).assert_done();
    let refused = mailbox.mails().iter().filter(|mail| mail.body.contains("reset_refused")).count();
    assert_eq!(refused, 1, "mails of refused steps");
}

#[test]
fn refused_steps_leave_room_for_notices_of_the_owners_logins() {
    let fixture = builder("").build();
    let recovery = recovery_codes(&fixture, "alice");
    let mailbox = Mailbox::of(&fixture, "", "");
    mailbox.set(Mood::Refuses);
    requests(&fixture, "bob", THEN).assert_done();
    for _ in 0..MOST_OF_ONE {
        assert_eq!(approves(&fixture, "bob", THEN).status, 4);
    }
    assert_eq!(fixture.login("alice").types(&recovery).at(THEN).code(), PamCode::SUCCESS);
    assert_has_a_notice(&fixture, "recovery_used");
}

#[test]
fn a_spool_that_commands_filled_has_room_for_a_login() {
    for notices in [1024, 4096] {
        let fixture = Fixture::with(&["alice", "bob"]);
        let recovery = recovery_codes(&fixture, "alice");
        Mailbox::of(&fixture, "", "").set(Mood::Refuses);
        fill(&fixture, notices);
        assert_eq!(fixture.login("alice").types(&recovery).at(THEN).code(), PamCode::SUCCESS);
        assert_has_a_notice(&fixture, "recovery_used");
    }
}

#[test]
fn where_no_thread_can_be_created_the_sender_does_not_panic() {
    let fixture = Fixture::with(&["alice"]);
    let recovery = recovery_codes(&fixture, "alice");
    let _mailbox = Mailbox::of(&fixture, "", "");
    assert_eq!(fixture.login("alice").types(&recovery).at(THEN).code(), PamCode::SUCCESS);
    let snapshot = Snapshot::of(&fixture);
    for nth in 1..=4 {
        snapshot.restore();
        let fails = Injection { call: "clone3", action: format!("error=EAGAIN:when={nth}") };
        let trace = Trace::new();
        let sent = trace.injecting(&fixture.command(&["notify", "--now"]), &[fails]).output().unwrap();
        let said = String::from_utf8_lossy(&sent.stderr).into_owned();
        assert!(!said.contains("panicked"), "at the {nth}. clone3(2): {said}");
    }
}

#[test]
fn by_the_hand_of_an_operator_another_process_sends() {
    let mut fixture = reset_steps::fixture("");
    let mailbox = Mailbox::of(&fixture, "", "");
    requests(&fixture, "bob", THEN).assert_done();
    let notify = |fixture: &Fixture, options: &[&str]| {
        fixture.command_of_operator("bob", &[&["--json", "notify"], options].concat(), THEN)
    };
    for options in [&[][..], &["--now"]] {
        let refused = notify(&fixture, options);
        assert_eq!((refused.status, mailbox.mails().len()), (4, 0), "{refused:?}");
    }
    let log = fixture.path("systemctl.log");
    let script = format!("#!/bin/sh\necho \"$*\" >>{}\n", log.display());
    fixture.machine().run_by_systemd_with("systemctl", &script);
    let started = notify(&fixture, &[]);
    started.assert_done();
    assert_eq!(started.json()["waiting"], 1);
    assert_eq!(fs::read_to_string(&log).unwrap(), "start -- pam-totp-notify.service\n");
    assert_eq!((notify(&fixture, &["--now"]).status, mailbox.mails().len()), (4, 0));
    fixture.machine().run_by_systemd_with("systemctl", "#!/bin/sh\necho no such unit >&2; exit 5\n");
    let failed = notify(&fixture, &[]);
    assert!(failed.status == 1 && failed.stderr.contains("no such unit"), "{failed:?}");
}

#[test]
fn a_sender_waits_for_a_change_that_is_being_made() {
    let (fixture, mailbox, mut stopped, trace) = stopped_request();
    let mut sender = fixture.command(&["--json", "notify"]).stdout(Stdio::null()).spawn().unwrap();
    let files = format!("/proc/{}/fd", sender.id());
    wait::until("it has the right to send", || {
        let spool = fixture.state().join("spool");
        let open = fs::read_dir(&files).unwrap().flatten();
        open.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file == spool)
    });
    kill(trace.wait_for("stopped by SIGSTOP"), Signal::SIGCONT).unwrap();
    assert!(stopped.wait().unwrap().success());
    assert!(sender.wait().unwrap().success());
    let mail = mailbox.mail();
    assert!(mail.header("Subject").ends_with("phone and all recovery codes"), "{mail:?}");
}

#[test]
fn a_mail_about_a_killed_command_says_no_more_than_is_known() {
    let (fixture, mailbox, mut stopped, trace) = stopped_request();
    kill(trace.wait_for("stopped by SIGSTOP"), Signal::SIGKILL).unwrap();
    drop(stopped.wait());
    fixture.totp_enroll(&["--json", "notify"]).assert_done();
    let mail = mailbox.mail();
    assert!(mail.header("Subject").ends_with("(perhaps)"), "{mail:?}");
    assert!(mail.body.contains("the change may have been made or not"), "{mail:?}");
}

#[test]
fn doctor_says_that_nothing_sends_mail() {
    let fixture = Fixture::builder().enrolled("daemon").build();
    let _mailbox = Mailbox::of(&fixture, "", "");
    let doctor_says = || fixture.totp_enroll(&["--json", "doctor"]).stdout.contains("notices_not_sent");
    let request = ["--json", "reset", "request", "daemon", "--reason", "lost"];
    fixture.command_of_root(&request, 1_700_000_000).assert_done();
    assert!(doctor_says());
    fixture.totp_enroll(&["--json", "notify"]).assert_done();
    assert!(!doctor_says());
}

#[test]
fn one_operator_mails_nobody_without_end() {
    let fixture = builder("[limit]\nlock_after = 1\nlock_for = \"1h\"").build();
    let _mailbox = Mailbox::of(&fixture, "", "");
    let renew = ["--json", "recovery-codes", "alice", "--yes"];
    for _ in 0..8 {
        fixture.command_of_operator("carol", &renew, THEN).assert_done();
    }
    let refused = fixture.command_of_operator("carol", &renew, THEN);
    assert!(refused.status == 1 && refused.stderr.contains("8 times"), "{refused:?}");
    fixture.command_of_operator("bob", &renew, THEN).assert_done();
    fixture.command_of_operator("carol", &renew, THEN + 86_400).assert_done();
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    for _ in 0..9 {
        assert_eq!(fixture.login("alice").types(&wrong).at(THEN).code(), PamCode::AUTH_ERR);
        fixture.command_of_operator("carol", &["--json", "unlock", "alice"], THEN).assert_done();
    }
    let told = |event: &str| {
        let text = |file: &std::path::PathBuf| fs::read_to_string(file).unwrap();
        spooled(&fixture).iter().filter(|file| text(file).contains(&format!("event={event}"))).count()
    };
    assert_eq!((told("codes_regenerated"), told("unlocked")), (10, 8));
    for _ in 0..9 {
        fixture.command_of_root(&renew, THEN).assert_done();
    }
}

#[test]
fn a_sent_mail_of_a_refused_step_is_the_only_one_of_the_day() {
    let fixture = reset_steps::fixture("");
    let mailbox = Mailbox::of(&fixture, "", "");
    requests(&fixture, "bob", THEN).assert_done();
    let refused_and_sent = |then| {
        assert_eq!(approves(&fixture, "bob", then).status, 4);
        fixture.command_of_root(&["notify"], then).assert_done();
        mailbox.mails().iter().filter(|mail| mail.body.contains("reset_refused")).count()
    };
    assert_eq!([THEN, THEN + 60, THEN + 86_399].map(refused_and_sent), [1, 1, 1]);
    assert_eq!(refused_and_sent(THEN + 86_400), 2);
}

/// A request of a reset that stands still before it is stored.
fn stopped_request() -> (Fixture, Mailbox, Child, Trace) {
    // Without a machine of its own: strace follows nobody into one.
    let fixture = Fixture::builder().enrolled("daemon").build();
    let mailbox = Mailbox::of(&fixture, "", "");
    let request = fixture.command(&["--json", "reset", "request", "daemon", "--reason", "lost"]);
    let (trace, stops) = (Trace::new(), Injection { call: "renameat", action: "signal=STOP".to_owned() });
    let mut stopping = trace.injecting(&request, &[stops]);
    let stopped = stopping.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _ = trace.wait_for("stopped by SIGSTOP");
    (fixture, mailbox, stopped, trace)
}

/// In front of the mail program: it needs what that of a mail system needs. Postfix's maps some 40 MB and writes its queue's files.
const NEEDS_MORE: &str = r#"
    /usr/bin/perl -e '
        my $memory = "x" x 30_000_000;
        open my $file, ">", shift or die; print $file "x" x 8192; close $file or die;
        my @descriptors = map { open my $one, "<", "/dev/null" or die; $one } 1..16;
    ' "$1" 2>/dev/null || exit 75
    shift
    exec "$@"
"#;
/// The most notices of one account that logins leave.
const MOST_OF_ONE: usize = 32;

/// Bob requests the reset of alice through the real sudo, with these words before it; what then stands is mailed by the next sender.
fn each_request_that_stands_is_mailed(by: impl IntoIterator<Item = String>) {
    let mut fixture = builder("").build();
    let mailbox = Mailbox::of(&fixture, "", "");
    let (needs_more, queue) = (fixture.write("needs-more", NEEDS_MORE), mailbox.directory().join("queue"));
    let config = fs::read_to_string(fixture.conf()).unwrap();
    let front = format!("command = [\"/bin/sh\", {needs_more:?}, {queue:?}, \"/bin/sh\", ");
    fs::write(fixture.conf(), config.replace("command = [\"/bin/sh\", ", &front)).unwrap();
    let machine = fixture.machine();
    machine.service("sudo", "auth required pam_permit.so");
    machine.allow_sudo("bob");
    let bob = machine.uid("bob");
    let snapshot = Snapshot::of(&fixture);
    let mut stood = 0;
    for words in by {
        snapshot.restore();
        drop(fs::remove_dir_all(mailbox.directory().join("taken")));
        let said = through_sudo(&fixture, bob, &words, &["reset", "request", "alice", "--reason", "lost"]);
        if !fixture.state().join("resets/alice.toml").exists() {
            continue;
        }
        stood += 1;
        let sent = fixture.totp_enroll(&["--json", "notify"]);
        assert_eq!(mailbox.mails().len(), 1, "{words}: {said} {sent:?}");
    }
    assert!(stood > 0, "under no limit a request stood: nothing was shown");
}

/// Runs the command as an account does at a shell, without a terminal.
fn through_sudo(fixture: &Fixture, uid: u32, before: &str, arguments: &[&str]) -> String {
    let command = fixture.command(arguments);
    let words: Vec<_> = command.get_args().collect();
    let program = acceptance::built::command();
    let at = words.iter().position(|word| *word == program.as_os_str()).unwrap();
    let (machine, command_line) = words.split_at(at);
    let mut sudo = Command::new(command.get_program());
    sudo.args(machine).args(["/usr/bin/setpriv", "--reuid", &uid.to_string(), "--regid", &uid.to_string()]);
    sudo.args(["--clear-groups", "/usr/bin/env"])
        .args(before.split(' '))
        .arg("/usr/bin/sudo")
        .args(command_line);
    let ended = with_login_uid(&sudo, Some(uid)).stdin(Stdio::null()).output().unwrap();
    [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

fn recovery_codes(fixture: &Fixture, user: &str) -> String {
    let renew = fixture.totp_enroll(&["--json", "recovery-codes", user, "--yes"]);
    renewed_codes(&renew.stdout).unwrap().remove(0)
}

/// Fills the spool with copies of a notice that a command left about another account.
fn fill(fixture: &Fixture, notices: usize) {
    fixture.totp_enroll(&["--json", "recovery-codes", "bob", "--yes"]).assert_done();
    let file = spooled(fixture).remove(0);
    let name = file.file_name().unwrap().to_str().unwrap();
    let is_id = |part: &&str| part.len() == 32;
    let id = name.split('.').find(is_id).expect("a notice without an id");
    for number in 1..notices {
        fs::copy(&file, file.with_file_name(name.replace(id, &format!("{number:032x}")))).unwrap();
    }
}

fn assert_has_a_notice(fixture: &Fixture, event: &str) {
    let holds = |file: &std::path::PathBuf| {
        fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("event={event}")))
    };
    let found = spooled(fixture).iter().any(holds);
    let logged: Vec<String> = fixture.journal.events().iter().map(|event| event.line.clone()).collect();
    if !found {
        panic!("no notice of {event}: {:?}", logged.last());
    }
}
