//! A token that leaves its person: whatever is damaged, refused, killed or edited on the way, no code that was used opens for the next
//! person, and a lost token is nobody's.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test whose fixture cannot be set up has to fail"
)]

use acceptance::authenticator::Authenticator;
use acceptance::clock::{THEN, stop};
use acceptance::counter_token::CounterToken;
use acceptance::damage::{edit, set_mode};
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::reset_steps::{HOUR, approves, completes, requests};
use acceptance::snapshot::Snapshot;
use acceptance::strace::{self, Point};
use acceptance::wait;
use data_encoding::HEXLOWER;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn a_clock_token_of_a_damaged_credential_keeps_its_used_code() {
    let (fixture, phone) = (fixture(), clock_token());
    at(&fixture, &assigning("T1", "alice"), &phone.code_at(THEN), THEN).assert_done();
    let used = phone.code_at(THEN + HOUR);
    assert_eq!(fixture.login("alice").types(&used).at(THEN + HOUR).code(), PamCode::SUCCESS);
    fs::write(fixture.credential("alice"), b"damaged").unwrap();
    at(&fixture, &["--json", "disable", "alice", "--yes"], "", THEN + HOUR).assert_done();
    let given = at(&fixture, &assigning("T1", "bob"), &used, THEN + HOUR);
    assert_eq!(given.status, 1, "a used code: {given:?}");
    let later = THEN + HOUR + 90;
    at(&fixture, &assigning("T1", "bob"), &phone.code_at(later), later).assert_done();
}

#[test]
fn a_person_is_disabled_although_the_claim_of_a_token_was_modified() {
    let (fixture, phone) = (fixture(), clock_token());
    at(&fixture, &assigning("T1", "alice"), &phone.code_at(THEN), THEN).assert_done();
    let document = fixture.state().join("tokens/T1.toml");
    edit(&document, "enrolled = true", "enrolled = false");
    // With another keyring it might be right, and be believed once the right one is back.
    let (keyring, kept) = (fixture.keyring(), fixture.path("kept"));
    fs::rename(&keyring, &kept).unwrap();
    let lost = at(&fixture, &["--json", "disable", "alice", "--yes"], "", THEN + HOUR);
    assert!(lost.status == 1 && lost.stderr.contains("nothing was changed"), "{lost:?}");
    fs::rename(&kept, &keyring).unwrap();
    let disabled = at(&fixture, &["--json", "disable", "alice", "--yes"], "", THEN + HOUR);
    assert!(disabled.status == 0 && disabled.stderr.contains("T1"), "{disabled:?}");
    let later = THEN + HOUR + 90;
    let given = at(&fixture, &assigning("T1", "bob"), &phone.code_at(later), later);
    assert!(given.status == 1 && given.stderr.contains("modified"), "{given:?}");
}

#[test]
fn a_clock_token_whose_person_was_disabled_without_the_inventory_keeps_its_used_code() {
    for end in ["disable", "unassign"] {
        let (fixture, phone) = (fixture(), clock_token());
        at(&fixture, &assigning("T1", "alice"), &phone.code_at(THEN), THEN).assert_done();
        let used = phone.code_at(THEN + HOUR);
        assert_eq!(fixture.login("alice").types(&used).at(THEN + HOUR).code(), PamCode::SUCCESS);
        set_mode(&fixture.state().join("tokens"), 0o755);
        at(&fixture, &["--json", "disable", "alice", "--yes"], "", THEN + HOUR).assert_done();
        set_mode(&fixture.state().join("tokens"), 0o700);
        if end == "unassign" {
            at(&fixture, &["--json", "tokens", "unassign", "T1", "--yes"], "", THEN + HOUR).assert_done();
        }
        let given = at(&fixture, &assigning("T1", "bob"), &used, THEN + HOUR);
        assert!(given.status == 1 && given.stderr.contains("used before"), "{end}: {given:?}");
        let later = THEN + HOUR + 90;
        at(&fixture, &assigning("T1", "bob"), &phone.code_at(later), later).assert_done();
    }
}

#[test]
fn a_refused_reset_leaves_no_counter_that_grows_old() {
    let (fixture, fob) = (fixture(), fob(0));
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    assert_eq!(fixture.login("alice").types(fob.press(2)).code(), PamCode::SUCCESS);
    requests(&fixture, "bob", THEN).assert_done();
    approves(&fixture, "carol", THEN).assert_done();
    assert_eq!(completes(&fixture, "bob", THEN + HOUR / 2).status, 1, "during the cool-down");
    assert_eq!(fixture.login("alice").types(fob.press(5)).code(), PamCode::SUCCESS);
    fs::write(fixture.credential("alice"), b"damaged").unwrap();
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    let given = assign(&fixture, "F1", "bob", &fob.press(5));
    assert_eq!(given.status, 1, "a used code: {given:?}");
    assign(&fixture, "F1", "bob", &[fob.press(6), fob.press(7)].join(" ")).assert_done();
}

#[test]
fn a_killed_assignment_and_a_damaged_credential_leave_no_used_code() {
    let fixture = fixture();
    let list = fixture.write("list", &format!("F2 bob {}\n", self::fob(1).press(0)));
    let batch = ["--json", "tokens", "assign", "--batch", list.to_str().unwrap()];
    let snapshot = Snapshot::of(&fixture);
    let points = renames(&fixture, &batch);
    snapshot.restore();
    // The last call puts the document in place that says that the enrolment was stored.
    drop(strace::killed_at(&fixture.command(&batch), points.last().unwrap()));
    assert!(document(&fixture, "F2").contains("enrolled = false"), "{}", document(&fixture, "F2"));
    let used = self::fob(1).press(3);
    assert_eq!(fixture.login("bob").types(&used).code(), PamCode::SUCCESS);
    fs::write(fixture.credential("bob"), b"damaged").unwrap();
    fixture.totp_enroll(&["--json", "disable", "bob", "--yes"]).assert_done();
    assert_eq!(assign(&fixture, "F2", "carol", &used).status, 1);
}

#[test]
fn a_token_whose_revocation_was_killed_is_nobodys_once_it_was_taken_out() {
    let (fixture, fob) = (fixture(), fob(0));
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    assign(&fixture, "F2", "alice", &self::fob(1).press(0)).assert_done();
    assert_eq!(fixture.login("alice").types(fob.press(2)).code(), PamCode::SUCCESS);
    let revoke = ["--json", "tokens", "revoke", "F1", "--yes"];
    let snapshot = Snapshot::of(&fixture);
    let mut theirs = BTreeSet::new();
    for point in renames(&fixture, &revoke) {
        snapshot.restore();
        drop(strace::killed_at(&fixture.command(&revoke), &point));
        let is_theirs = listed(&fixture, "F1").contains("\"enrolled\":true");
        theirs.insert(is_theirs);
        let given = assign(&fixture, "F1", "bob", &[fob.press(3), fob.press(4)].join(" "));
        assert_eq!(given.status, 1, "{given:?}: {point:?}");
        let left = document(&fixture, "F1");
        if left.contains("revoked_at") && left.contains("assigned_to") {
            let found = fixture.totp_enroll(&["--json", "doctor"]).stdout;
            assert!(found.contains("token_revocation_unfinished"), "{found}: {point:?}");
            let unassigned = fixture.totp_enroll(&["--json", "tokens", "unassign", "F1", "--yes"]);
            assert_eq!(unassigned.status, 1, "{unassigned:?}: {point:?}");
        }
        fixture.totp_enroll(&revoke).assert_done();
        let document = document(&fixture, "F1");
        assert!(document.contains("revoked_at") && !document.contains("assigned_to"), "{document}");
        assert_eq!(fixture.login("alice").types(fob.press(3)).code(), PamCode::AUTH_ERR, "{point:?}");
    }
    assert_eq!(theirs, BTreeSet::from([false, true]));
}

#[test]
fn doctor_lists_tokens_whose_person_is_not_enrolled_with_them() {
    let (fixture, fob) = (fixture(), fob(0));
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    let found = || fixture.totp_enroll(&["--json", "doctor"]).stdout;
    assert!(!found().contains("token_not_enrolled"), "{}", found());
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    assert!(found().contains("token_not_enrolled") && found().contains("F1 (alice)"), "{}", found());
    fixture.totp_enroll(&["--json", "tokens", "unassign", "F1", "--yes"]).assert_done();
    assert!(!found().contains("token_not_enrolled"), "{}", found());
}

#[test]
fn trouble_in_the_inventory_keeps_no_enrolment_from_being_removed() {
    let (mut fixture, fob) = (fixture(), fob(0));
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    fixture.enrol("bob", &[]);
    fixture.enrol("carol", &[]);
    let tokens = fixture.state().join("tokens");
    set_mode(&tokens, 0o755);
    fixture.totp_enroll(&["--json", "disable", "bob", "--yes"]).assert_done();
    set_mode(&tokens, 0o700);
    // Another command holds it for longer than a command waits.
    let mut holder = Command::new("/usr/bin/flock");
    let mut holder = holder.arg(&tokens).args(["/bin/cat"]).stdin(Stdio::piped()).spawn().unwrap();
    wait::until("the inventory is held", || {
        !Command::new("/usr/bin/flock").arg("-n").arg(&tokens).arg("/bin/true").status().unwrap().success()
    });
    fixture.totp_enroll(&["--json", "disable", "carol", "--yes"]).assert_done();
    let disabled = fixture.totp_enroll(&["disable", "alice", "--yes"]);
    assert!(disabled.status == 0 && disabled.stderr.contains("F1"), "{disabled:?}");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let given = assign(&fixture, "F1", "bob", &fob.press(1));
    assert!(given.status == 1 && given.stderr.contains("two consecutive codes"), "{given:?}");
}

#[test]
fn a_draft_of_a_killed_command_goes_with_the_next_change() {
    let (fixture, fob) = (fixture(), fob(0));
    let draft = fixture.state().join("tokens/.new.F9");
    fs::write(&draft, b"half").unwrap();
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    assert!(!draft.exists());
}

#[test]
fn a_command_whose_messages_nobody_reads_holds_nothing() {
    let (fixture, fob) = (fixture(), fob(0));
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    fs::remove_file(fixture.keyring()).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    fill(&mut writer);
    let mut command = fixture.command(&["disable", "alice", "--yes"]);
    let mut running = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    drop(command);
    wait::until("the enrolment is removed", || !fixture.credential("alice").exists());
    let tokens = fixture.state().join("tokens");
    wait::until("the inventory is free", || {
        Command::new("/usr/bin/flock").arg("-n").arg(&tokens).arg("/bin/true").status().unwrap().success()
    });
    assert!(running.try_wait().unwrap().is_none(), "it had nothing to say");
    drop(reader);
    running.wait().unwrap();
}

#[test]
fn a_document_that_was_edited_is_not_assigned() {
    let (fixture, fob) = (fixture(), fob(0));
    let path = fixture.state().join("tokens/F1.toml");
    let untouched = document(&fixture, "F1");
    let at_once = || assign(&fixture, "F1", "bob", &fob.press(1));
    let refused = |what: &str, done: CommandOutput| {
        assert!(done.status == 1 && done.stderr.contains("modified"), "{what}: {done:?}");
    };
    edit(&path, "used_up_to = 0", "used_up_to = 1");
    refused("the position", at_once());
    fs::write(&path, untouched).unwrap();
    fixture.totp_enroll(&["--json", "tokens", "revoke", "F1", "--yes"]).assert_done();
    let revoked = document(&fixture, "F1");
    let line = revoked.lines().find(|line| line.starts_with("revoked_at")).unwrap();
    edit(&path, &format!("{line}\n"), "");
    refused("revoked", at_once());
    assign(&fixture, "F2", "alice", &self::fob(1).press(0)).assert_done();
    let path = fixture.state().join("tokens/F2.toml");
    edit(&path, "assigned_to = \"alice\"", "assigned_to = \"carol\"");
    let two = [self::fob(1).press(3), self::fob(1).press(4)].join(" ");
    refused("the person", assign(&fixture, "F2", "bob", &two));
    // No change writes a document anew that was edited.
    refused("taken back", fixture.totp_enroll(&["--json", "tokens", "unassign", "F2", "--yes"]));
    refused("taken back", fixture.totp_enroll(&["--json", "tokens", "revoke", "F2", "--yes"]));
    let restored = fixture.totp_enroll(&["--json", "restored", "--yes", "--force"]);
    assert!(document(&fixture, "F2").contains("carol"), "{restored:?}");
    assert!(fixture.totp_enroll(&["--json", "doctor"]).stdout.contains("token_seal_broken"));
}

const SECRETS: [&str; 3] = [
    "3132333435363738393031323334353637383930",
    "4142434445464748494a4b4c4d4e4f5051525354",
    "6162636465666768696a6b6c6d6e6f7071727374",
];

/// Three accounts, nobody enrolled, and an inventory of two counter tokens and one by the clock.
fn fixture() -> Fixture {
    let fixture =
        ["alice", "bob", "carol"].iter().fold(Fixture::builder(), |builder, name| builder.account(name));
    let fixture = fixture.build();
    let seeds = format!(
        "serial,secret,type,digits,counter,period\nF1,{},hotp,6,0,\nF2,{},hotp,6,0,\nT1,{},totp,6,,30\n",
        SECRETS[0], SECRETS[1], SECRETS[2]
    );
    let seeds = fixture.write("seeds.csv", &seeds);
    fixture.totp_enroll(&["--json", "import", "tokens", seeds.to_str().unwrap()]).assert_done();
    fixture
}

fn fob(at: usize) -> CounterToken {
    CounterToken { secret: HEXLOWER.decode(SECRETS[at].as_bytes()).unwrap(), digits: 6 }
}

fn clock_token() -> Authenticator {
    Authenticator { secret: HEXLOWER.decode(SECRETS[2].as_bytes()).unwrap(), ..Authenticator::random() }
}

fn assigning<'a>(serial: &'a str, user: &'a str) -> [&'a str; 8] {
    ["--json", "tokens", "assign", serial, user, "--code-fd", "0", "--yes"]
}

fn assign(fixture: &Fixture, serial: &str, user: &str, code: &str) -> CommandOutput {
    enroll_command::run(fixture.command(&assigning(serial, user)), code)
}

/// Runs a command with the clock stopped.
fn at(fixture: &Fixture, arguments: &[&str], input: &str, second: u64) -> CommandOutput {
    let mut command = fixture.command(arguments);
    stop(&mut command, second);
    enroll_command::run(command, input)
}

fn document(fixture: &Fixture, serial: &str) -> String {
    fs::read_to_string(fixture.state().join(format!("tokens/{serial}.toml"))).unwrap()
}

/// What `tokens list` says of it.
fn listed(fixture: &Fixture, serial: &str) -> String {
    let list = fixture.totp_enroll(&["--json", "tokens", "list"]).json();
    list["tokens"].as_array().unwrap().iter().find(|token| token["serial"] == serial).unwrap().to_string()
}

/// The calls of a command that put a document in place, in their order.
fn renames(fixture: &Fixture, arguments: &[&str]) -> Vec<Point> {
    let points = strace::record(&fixture.command(arguments), &[&fixture.state()]);
    points.into_iter().filter(|point| point.name.starts_with("rename")).collect()
}

/// Writes until a pipe takes nothing more.
fn fill(pipe: &mut std::io::PipeWriter) {
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(pipe));
    let mut nonblocking = File::options();
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut nonblocking, 0o4000);
    let mut end = nonblocking.write(true).open(path).unwrap();
    while end.write(&[0; 4096]).is_ok() {}
    while end.write(&[0]).is_ok() {}
}
