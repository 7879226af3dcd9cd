//! Notices: each change of a factor is reported by mail, and no notice is lost or blocks anything.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::authenticator::{Authenticator, MANUAL_KEY};
use acceptance::clock::{self, THEN};
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::{Fixture, SERVICE, users_file};
use acceptance::journal::Event;
use acceptance::login::{Answer, PamCode, Stage};
use acceptance::mailbox::{Mail, Mailbox, spooled};
use acceptance::memory::assert_no_trace;
use acceptance::secrets::Secrets;
use acceptance::snapshot::renewed_codes;
use acceptance::strace;
use std::fs::{self};
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

pub(crate) const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];
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
    notify(&fixture, &[]).assert_done();
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
    notify(&fixture, &[]).assert_done();
    assert_eq!(
        mailbox.mails().iter().map(about).collect::<Vec<_>>(),
        ["device_remembered", "device_revoked"]
    );
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
fn waiting_notices_can_be_listed_without_sending() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    assert_eq!(fixture.totp_enroll(&["notify", "--list"]).stdout, "no notices are waiting\n");
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
        request.stderr.contains("the owner of the account gets no mail about this: there is no mail program"),
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
fn an_import_of_many_is_told_to_the_administrators_alone() {
    let fixture = Fixture::builder().build();
    let mailbox = Mailbox::of(&fixture, "", "from = \"totp@example.com\"");
    let people = ["carol", "dave"].map(|user| (user.to_owned(), Authenticator::random()));
    let users = fixture.write("import.oath", &users_file(&people));
    fixture
        .totp_enroll(&["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"])
        .assert_done();
    notify(&fixture, &[]).assert_done();
    let mail = mailbox.mail();
    assert_eq!((mail.header("To"), about(&mail)), ("totp@example.com", "imported".to_owned()));
    assert!(
        mail.header("Subject")
            .ends_with("import: authenticators of several accounts were imported from another program")
    );
    assert!(mail.body.contains("    users           2\n") && !mail.body.contains("carol"), "{mail:?}");
}

#[test]
fn the_persons_of_an_import_are_told_after_everyone_else() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "");
    let people = ["carol", "dave"].map(|user| (user.to_owned(), Authenticator::random()));
    let users = fixture.write("import.oath", &users_file(&people));
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown", "--notify"];
    fixture.totp_enroll(&import).assert_done();
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    notify(&fixture, &[]).assert_done();
    let mails = mailbox.mails();
    let mut to: Vec<_> = mails.iter().map(|mail| mail.header("To")).collect();
    to[2..].sort_unstable();
    assert_eq!(to, ["root", "alice", "carol", "dave"]);
    assert!(mails[2].body.contains("an authenticator was imported from another program"), "{mails:?}");
}

#[test]
fn more_notices_than_there_is_room_for_are_refused_before_the_import() {
    let fixture = Fixture::builder().build();
    let _mailbox = Mailbox::of(&fixture, "", "");
    let people: Vec<_> = (0..2049).map(|number| (format!("u{number}"), Authenticator::random())).collect();
    let users = fixture.write("import.oath", &users_file(&people));
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown", "--notify"];
    let refused = fixture.totp_enroll(&import);
    assert!(refused.status == 1 && refused.stderr.contains("room for 2048 more notices"), "{refused:?}");
    assert!(spooled(&fixture).is_empty() && !fixture.credential("u0").exists());
}

/// Alice, and ten recovery codes of hers.
pub(crate) fn alice() -> (Fixture, Vec<String>) {
    let fixture = Fixture::with(&["alice"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    (fixture, codes)
}

pub(crate) fn notify(fixture: &Fixture, options: &[&str]) -> CommandOutput {
    fixture.totp_enroll(&[&["--json", "notify"], options].concat())
}

/// The event that a mail is about.
pub(crate) fn about(mail: &Mail) -> String {
    let (_, event) = mail.body.split_once("(event=").unwrap();
    event.split(')').next().unwrap().to_owned()
}

pub(crate) fn failures(fixture: &Fixture) -> Vec<Event> {
    let events = fixture.journal.command_events();
    events.into_iter().filter(|event| event.field("event") == "notify_failed").collect()
}
