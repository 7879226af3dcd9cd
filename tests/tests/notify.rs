//! Notices: each change of a factor is reported by mail, and no notice is lost or blocks anything.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::authenticator::{Authenticator, MANUAL_KEY};
use acceptance::clock::{self, THEN};
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::{Fixture, SERVICE, users_file};
use acceptance::journal::Event;
use acceptance::login::{Answer, PamCode, Stage};
use acceptance::mailbox::{Mail, Mailbox, Mood, spooled};
use acceptance::memory::assert_no_trace;
use acceptance::secrets::Secrets;
use acceptance::snapshot::{Snapshot, renewed_codes};
use acceptance::strace;
use acceptance::sweep::Sweep;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;

const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];
const HERE: &str = "192.0.2.7";

#[test]
fn a_login_leaves_its_notice_for_a_later_sender() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    let login = fixture.login("alice").from_host(HERE).types(&codes[0]).at(THEN);
    let (outcome, trace) = strace::trace_login(&login);
    assert_eq!(outcome.code, PamCode::SUCCESS);
    let started = |line: &&str| ["execve(", "clone", "fork("].iter().any(|call| line.contains(call));
    let programs: Vec<String> = trace.text().lines().filter(started).skip(1).map(str::to_owned).collect();
    assert!(programs.is_empty(), "started by a login: {programs:?}");
    assert!(mailbox.mails().is_empty());
    let [file] = &spooled(&fixture)[..] else { panic!("{:?}", spooled(&fixture)) };
    let mode = |path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(file.as_path()), mode(file.parent().unwrap())), (0o600, 0o700));
    notify(&fixture, &[]).assert_done();
    let mail = mailbox.mail();
    assert_eq!((mail.header("To"), mail.header("From"), mail.header("Cc")), ("alice", "root", ""));
    assert!(
        mail.header("Subject").ends_with("alice: a recovery code was used in place of a code from the phone")
    );
    assert_eq!(mail.header("Content-Type"), "text/plain; charset=utf-8");
    for words in [HERE, "2033-05-18T03:33:45Z", SERVICE, "recovery_used", "Tell the administrators"] {
        assert!(mail.body.contains(words), "{words}: {mail:?}");
    }
    assert!(!codes.iter().any(|code| mail.body.contains(code.as_str())));
    assert!(spooled(&fixture).is_empty());
}

#[test]
fn a_notice_of_a_login_holds_no_secret() {
    let (fixture, codes) = alice();
    let _mailbox = Mailbox::of(&fixture, "", "");
    let phone = fixture.authenticator("alice");
    let secrets = Secrets::default().shared_secret("the shared secret", &phone.secret).master_key(&fixture);
    let secrets = secrets.pepper(&fixture, "alice").recovery_code(&codes[0]);
    let mut login = fixture.login("alice").from_host(HERE).types(&codes[0]);
    // Without its cache for each thread, malloc writes over less of what was freed.
    login.environment.push(("GLIBC_TUNABLES".to_owned(), "glibc.malloc.tcache_count=0".to_owned()));
    let ended = login.hold_at(Stage::Ended);
    assert_no_trace(ended.pid(), &secrets);
    assert_eq!(ended.outcome().code, PamCode::SUCCESS);
    secrets.assert_none_in(&fs::read_to_string(&spooled(&fixture)[0]).unwrap());
}

#[test]
fn a_remembered_device_and_an_enrolment_at_login_are_reported() {
    let fixture = Fixture::builder().account("alice").account("bob").enrolled("bob").build();
    let config = "[remember]\nmode = \"always\"\nbind = [\"address\"]\n[require]\nenroll_at_login = true";
    let mailbox = Mailbox::of(&fixture, config, "");
    fixture.service(SERVICE, &fixture.module("after_first_factor"));
    assert_eq!(fixture.login_with_code_at("bob", THEN).from_host(HERE).code(), PamCode::SUCCESS);
    let enrols =
        fixture.login("alice").answers_with(Answer::CodeOfTheShownKey(0)).types("yes").at(THEN).run();
    assert_eq!(enrols.code, PamCode::SUCCESS, "{enrols:?}");
    notify(&fixture, &[]).assert_done();
    let mails = mailbox.mails();
    let mut told: Vec<_> = mails.iter().map(|mail| (mail.header("To"), about(mail))).collect();
    told.sort_unstable();
    assert_eq!(told, [("alice", "enrolled".to_owned()), ("bob", "device_remembered".to_owned())]);
    let shown = enrols.prompts.iter().map(|prompt| prompt.text.as_str()).collect::<String>();
    let key = shown.split_once(MANUAL_KEY).unwrap().1.lines().next().unwrap().trim().to_owned();
    assert!(!mails.iter().any(|mail| mail.body.contains(&key) || mail.body.contains(&key.replace(' ', ""))));
}

#[test]
fn an_ordinary_login_makes_no_call_on_the_spool() {
    let fixture = Fixture::with(&["alice"]);
    let calls = |step| -> Vec<String> {
        let login = fixture.login("alice").types(fixture.authenticator("alice").code_in(step));
        strace::calls_of_login(&login).into_iter().map(|call| call.name).collect()
    };
    let without = calls(0);
    let _mailbox = Mailbox::of(&fixture, "", "");
    assert_eq!(calls(1), without);
    assert_eq!(fixture.journal.last().what(), "accepted");
    assert!(!fixture.state().join("spool").exists());
}

#[test]
fn a_change_by_the_command_is_reported_with_its_operator() {
    let mut fixture = Fixture::builder().account("alice").account("carol").build();
    let mailbox =
        Mailbox::of(&fixture, "", "copy_to = [\"security@example.com\"]\nfrom = \"totp@example.com\"");
    let _ = fixture.enrol("alice", &[]);
    let _ = fixture.add_authenticator("alice", "tablet");
    enroll_command::run(fixture.command_of("carol", &RENEW), "").assert_done();
    enroll_command::run(fixture.command_of("carol", &["disable", "alice", "--yes"]), "").assert_done();
    let mails = mailbox.mails();
    let told: Vec<_> = mails.iter().map(about).collect();
    assert_eq!(told, ["enrolled", "enrolled", "codes_regenerated", "disabled"]);
    for (mail, by) in mails.iter().zip(["root", "root", "carol", "carol"]) {
        assert!(mail.body.contains(&format!("done by         {by}\n")), "{mail:?}");
        let addresses = ["From", "To", "Cc"].map(|name| mail.header(name));
        assert_eq!(addresses, ["totp@example.com", "alice", "security@example.com"]);
    }
    assert!(mails[1].body.contains("tablet"), "{mails:?}");
    assert!(spooled(&fixture).is_empty());
}

#[test]
fn a_revoked_device_is_reported() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let mailbox = Mailbox::of(&fixture, "[remember]\nmode = \"always\"\nbind = [\"address\"]", "");
    assert_eq!(fixture.login_with_code("alice").from_host(HERE).code(), PamCode::SUCCESS);
    fixture.totp_enroll(&["devices", "alice", "--revoke-all", "--yes"]).assert_done();
    assert_eq!(
        mailbox.mails().iter().map(about).collect::<Vec<_>>(),
        ["device_remembered", "device_revoked"]
    );
}

#[test]
fn a_mail_program_that_refuses_is_tried_again_later() {
    let fixture = Fixture::with(&["alice"]);
    let mailbox = Mailbox::of(&fixture, "", "");
    mailbox.set(Mood::Refuses);
    let done = fixture.totp_enroll(&["disable", "alice", "--yes"]);
    done.assert_done();
    assert!(done.stderr.contains("1 notices could not be sent"), "{done:?}");
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
    assert_eq!((done.status, done.json()["given_up"].as_u64()), (1, Some(1)), "{done:?}");
    assert_eq!(failures(&fixture).last().unwrap().field("state"), "given_up");
    assert!(spooled(&fixture).is_empty());
}

#[test]
fn switched_off_notices_wait_for_three_days_and_are_no_failure() {
    let (fixture, codes) = alice();
    let _mailbox = Mailbox::of(&fixture, "", "");
    for code in &codes[..2] {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
    }
    let file = spooled(&fixture).remove(0);
    let name = file.file_name().unwrap().to_str().unwrap().split_once('.').unwrap().1;
    fs::rename(&file, file.with_file_name(format!("{:012}.{name}", clock::now() - 4 * 86_400))).unwrap();
    fixture.configure("[notify]\ncommand = []");
    let done = notify(&fixture, &[]);
    done.assert_done();
    assert_eq!((done.json()["given_up"].as_u64(), done.json()["waiting"].as_u64()), (Some(1), Some(1)));
    assert_eq!(failures(&fixture).last().unwrap().field("state"), "given_up");
}

#[test]
fn a_mail_program_that_hangs_blocks_nothing() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    mailbox.set(Mood::Hangs);
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    fixture.totp_enroll(&RENEW).assert_done();
    let failed = failures(&fixture);
    let problem = failed.last().unwrap().field("problem").to_owned();
    assert!(problem.contains("did not end") && !problem.contains("within 30s"), "{problem}");
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
    let failed = failures(&fixture);
    assert_eq!(failed.len(), 1);
    assert!(failed[0].field("problem").contains("/no/such/program cannot be started"), "{failed:?}");
    assert_eq!(spooled(&fixture).len(), 2);
}

#[test]
fn several_senders_at_once_send_each_notice_once() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    for code in &codes {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
    }
    let start = |_| {
        let mut command = fixture.command(&["notify"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let senders: Vec<_> = (0..4).map(start).collect();
    for mut sender in senders {
        assert!(sender.wait().unwrap().success());
    }
    let mails = mailbox.mails();
    let mut ids: Vec<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((mails.len(), ids.len()), (codes.len(), codes.len()));
}

#[test]
fn notices_are_sent_in_order() {
    let fixture = Fixture::with(&["carol", "alice", "bob"]);
    let mailbox = Mailbox::of(&fixture, "[remember]\nmode = \"always\"\nbind = [\"address\"]", "");
    for (user, then) in [("bob", THEN), ("carol", THEN + 60), ("alice", THEN + 120)] {
        assert_eq!(fixture.login_with_code_at(user, then).from_host(HERE).code(), PamCode::SUCCESS);
    }
    notify(&fixture, &[]).assert_done();
    assert_eq!(
        mailbox.mails().iter().map(|mail| mail.header("To")).collect::<Vec<_>>(),
        ["bob", "carol", "alice"]
    );
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
        let is_said = events.iter().any(|event| event.field("problem").contains("nobody is told of this"));
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
    assert!(event.field("problem").contains("as many notices as it may"), "{event:?}");
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
        let done = fixture.totp_enroll(&["disable", "alice", "--yes"]);
        done.assert_done();
        assert!(done.stderr.contains("nobody is told of this"), "{done:?}");
        assert_eq!(failures(&fixture).len(), 1);
        let notify = notify(&fixture, &[]);
        assert!(notify.status == 1 && notify.stderr.contains("/spool"), "{notify:?}");
    }
}

#[test]
fn hostile_names_and_hosts_become_no_header_and_no_second_mail() {
    let user = "x,root@evil Bcc: y\u{202e}";
    let fixture = Fixture::builder().build();
    let uri = fixture.write("uri", "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n");
    fixture
        .totp_enroll(&["import", "uri", uri.to_str().unwrap(), "--user", user, "--allow-unknown"])
        .assert_done();
    let codes =
        renewed_codes(&fixture.totp_enroll(&["--json", "recovery-codes", user, "--yes"]).stdout).unwrap();
    let mailbox = Mailbox::of(&fixture, "", "copy_to = [\"security@example.com\"]");
    let host = "192.0.2.7\nBcc: mallory@example.com\n\n.\n\u{1b}[2J";
    assert_eq!(fixture.login(user).from_host(host).types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    notify(&fixture, &[]).assert_done();
    let mail = mailbox.mail();
    assert_eq!((mail.header("To"), mail.header("Cc")), ("root", "security@example.com"));
    let ours = ["From", "To", "Cc", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"];
    assert_eq!(mail.headers()[..8], ours, "{mail:?}");
    assert!(mail.body.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{mail:?}");
    assert!(!mail.body.lines().any(|line| line.starts_with("Bcc") || line == "."), "{mail:?}");
    assert!(mail.body.contains("192.0.2.7\\u{a}Bcc: mallory"), "{mail:?}");
}

#[test]
fn half_a_notice_is_dropped_and_one_of_another_version_waits() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    for code in &codes[..3] {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
    }
    let files = spooled(&fixture);
    fs::File::options().write(true).open(&files[0]).unwrap().set_len(40).unwrap();
    let text = fs::read_to_string(&files[1]).unwrap().replacen("notice 1", "notice 2", 1);
    fs::write(&files[1], text).unwrap();
    let done = notify(&fixture, &[]);
    let counts = ["sent", "failed", "given_up", "waiting"].map(|key| done.json()[key].as_u64().unwrap());
    assert_eq!((done.status, counts), (1, [1, 1, 1, 1]), "{done:?}");
    let problems: Vec<_> = failures(&fixture).iter().map(|event| event.field("problem").to_owned()).collect();
    assert!(
        problems[0].contains("not a whole notice") && problems[1].contains("another version"),
        "{problems:?}"
    );
    assert_eq!(mailbox.mails().len(), 1);
}

#[test]
fn waiting_notices_can_be_listed_without_sending() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    assert_eq!(fixture.totp_enroll(&["notify", "--list"]).stdout, "no notice waits\n");
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    let list = notify(&fixture, &["--list"]);
    list.assert_done();
    let entry = &list.json()["waiting"][0];
    let texts = ["user", "event", "at"].map(|key| entry[key].as_str().unwrap().to_owned());
    assert_eq!(texts, ["alice", "recovery_used", "2033-05-18T03:33:45Z"]);
    assert!(entry["tries"] == 0 && entry["next_try"].is_null(), "{entry}");
    let list = fixture.totp_enroll(&["notify", "--list"]);
    assert!(list.stdout.contains("alice") && list.stdout.contains("as soon as possible"), "{list:?}");
    assert!(mailbox.mails().is_empty() && spooled(&fixture).len() == 1);
}

#[test]
fn where_notices_are_switched_off_none_are_kept() {
    let (fixture, codes) = alice();
    fixture.configure("[notify]\ncommand = []");
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    fixture.totp_enroll(&["disable", "alice", "--yes"]).assert_done();
    assert!(!fixture.state().join("spool").exists());
    notify(&fixture, &[]).assert_done();
}

#[test]
fn by_default_the_mail_program_is_sendmail() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    fixture.configure("# [notify] is as it comes");
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let namespace = fixture.machine().namespace();
    let (taken, args) = (fixture.path("taken"), fixture.path("arguments"));
    let program = format!("#!/bin/sh\ncat >{taken:?}\necho \"$*\" >{args:?}\n");
    let program = fixture.write("sendmail", &program);
    // A /usr/sbin of its own in the machine's namespace: first without a sendmail, then with one.
    let set_up = |script: &str| {
        let done = namespace.command("/bin/sh").args(["-ec", script, "sh"]).arg(&program).status().unwrap();
        assert!(done.success(), "{script}");
    };
    set_up(
        "mkdir /run/sbin /run/sbin/upper /run/sbin/work
         mount -t overlay -o lowerdir=/usr/sbin,upperdir=/run/sbin/upper,workdir=/run/sbin/work sbin /usr/sbin
         rm -f /usr/sbin/sendmail",
    );
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let request =
        fixture.totp_enroll(&["--json", "reset", "request", "alice", "--reason", "phone in the river"]);
    assert!(
        request.stderr.contains("its owner is not told by mail: there is no mail program"),
        "{request:?}"
    );
    let abouts: Vec<_> = failures(&fixture).iter().map(|event| event.field("about").to_owned()).collect();
    assert_eq!(abouts[abouts.len() - 2..], ["codes_regenerated", "reset_requested"]);
    assert!(spooled(&fixture).is_empty());
    set_up("install -m 0755 \"$1\" /usr/sbin/sendmail");
    assert_eq!(fixture.login("alice").types(&codes[1]).at(THEN).code(), PamCode::SUCCESS);
    notify(&fixture, &[]).assert_done();
    assert!(fs::read_to_string(taken).unwrap().contains("a recovery code was used"));
    assert_eq!(fs::read_to_string(args).unwrap(), "-t -i\n");
}

#[test]
fn an_import_of_many_mails_nobody() {
    let fixture = Fixture::builder().build();
    let mailbox = Mailbox::of(&fixture, "", "");
    let people = ["carol", "dave"].map(|user| (user.to_owned(), Authenticator::random()));
    let users = fixture.write("import.oath", &users_file(&people));
    fixture
        .totp_enroll(&["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"])
        .assert_done();
    assert!(mailbox.mails().is_empty() && spooled(&fixture).is_empty());
}

/// Alice, and ten recovery codes of hers.
fn alice() -> (Fixture, Vec<String>) {
    let fixture = Fixture::with(&["alice"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    (fixture, codes)
}

fn notify(fixture: &Fixture, options: &[&str]) -> CommandOutput {
    fixture.totp_enroll(&[&["--json", "notify"], options].concat())
}

/// The event that a mail is about.
fn about(mail: &Mail) -> String {
    let (_, event) = mail.body.split_once("(event=").unwrap();
    event.split(')').next().unwrap().to_owned()
}

fn failures(fixture: &Fixture) -> Vec<Event> {
    let events = fixture.journal.command_events();
    events.into_iter().filter(|event| event.field("event") == "notify_failed").collect()
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
