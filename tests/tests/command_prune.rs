//! `prune`: enrolments of deleted accounts are removed, and no others, whatever the account database answers.

use acceptance::clock::THEN;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::reset_steps::{HOUR, completes, enrols_with, ready};
use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

#[test]
fn the_enrolment_of_a_deleted_account_is_removed() {
    let mut fixture =
        Fixture::builder().account("alice").account("bob").enrolled("alice").enrolled("bob").build();
    let uid = fixture.machine().uid("bob");
    fixture.machine().delete_account("bob");
    let foretold = prune(&fixture, &["--dry-run"]);
    foretold.assert_done();
    let document = foretold.json();
    assert_eq!(document["dry_run"], true, "{document}");
    assert_eq!(names(&document, "users"), ["bob"], "{document}");
    assert_eq!(
        (&document["users"][0]["reason"], &document["users"][0]["uid"]),
        (&"gone".into(), &uid.into())
    );
    assert!(fixture.credential("bob").exists());
    prune(&fixture, &["--yes"]).assert_done();
    assert!(!fixture.credential("bob").exists() && !fixture.ledger("bob").exists());
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
    let events = fixture.journal.done_by_commands();
    let pruned: Vec<_> = events.iter().filter(|event| event.field("event") == "pruned").collect();
    assert_eq!(pruned.len(), 1, "{events:?}");
    assert_eq!(
        (pruned[0].field("user"), pruned[0].field("reason"), pruned[0].field("by")),
        ("bob", "gone", "root")
    );
    assert_eq!(names(&prune(&fixture, &["--yes"]).json(), "users"), Vec::<String>::new());
}

#[test]
fn unchecked_accounts_are_kept_and_the_exit_status_is_1() {
    let mut fixture =
        Fixture::builder().account("alice").account("bob").enrolled("alice").enrolled("bob").build();
    fixture.machine().delete_account("bob");
    fs::write(fixture.credential("alice"), "version = 2\n").unwrap();
    for options in [["--dry-run"], ["--yes"]] {
        let done = prune(&fixture, &options);
        assert_eq!(done.status, 1, "{done:?}");
        let document = done.json();
        assert_eq!(
            (names(&document, "users"), names(&document, "kept")),
            (vec!["bob".into()], vec!["alice".into()])
        );
        assert_eq!(document["kept"][0]["reason"], "broken", "{document}");
    }
    assert!(fixture.credential("alice").exists() && !fixture.credential("bob").exists());
}

#[test]
fn an_account_created_again_loses_the_old_enrolment() {
    let mut fixture =
        Fixture::builder().account("alice").account("bob").enrolled("alice").enrolled("bob").build();
    fixture.machine().delete_account("bob");
    let now = fixture.machine().add_account("bob");
    let document = prune(&fixture, &["--yes"]).json();
    assert_eq!(document["users"][0]["reason"], "other_uid", "{document}");
    assert_eq!(document["users"][0]["now"], now, "{document}");
    assert_eq!(fixture.totp_enroll(&["status", "bob"]).status, 3);
    fixture.enrol("bob", &[]);
}

#[test]
fn a_silent_account_database_removes_nobody() {
    let mut fixture =
        Fixture::builder().account("alice").account("bob").enrolled("alice").enrolled("bob").build();
    let stored = fixture.stored();
    for broken in [
        // A source that fails with "no such file", as one whose socket is gone.
        "mv /etc/passwd /etc/passwd.away",
        // Of two that are asked the remote one says nothing and the other knows nobody.
        "mv /etc/passwd.away /etc/passwd; sed -i /^bob:/d /etc/passwd; \
         printf 'passwd: ldap files\\n' >/etc/nsswitch.conf",
    ] {
        let _ = on_machine(&mut fixture, broken);
        for options in [&["--yes"][..], &["--dry-run"], &["--yes", "--unknown"]] {
            let done = prune(&fixture, options);
            assert_eq!(done.status, 1, "{broken}: {done:?}");
            assert!(done.stdout.contains("nothing was removed"), "{broken}: {done:?}");
        }
        stored.assert_unchanged(&fixture.state());
    }
    // A user whom the remote source would have named is removed by hand.
    let document = prune(&fixture, &["--yes", "--trust-database"]).json();
    assert_eq!(names(&document, "users"), ["bob"]);
}

#[test]
fn many_deleted_accounts_at_once_need_confirmation() {
    let people = ["ann", "ben", "cat", "dan", "eve", "fay"];
    let mut fixture =
        people.iter().fold(Fixture::builder(), |builder, user| builder.account(user).enrolled(user)).build();
    for user in &people[..4] {
        fixture.machine().delete_account(user);
    }
    let stored = fixture.stored();
    let done = prune(&fixture, &["--yes"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stdout.contains("4 of 6 accounts are not found"), "{done:?}");
    stored.assert_unchanged(&fixture.state());
    assert_eq!(names(&prune(&fixture, &["--yes", "--trust-database"]).json(), "users"), people[..4]);
}

#[test]
fn many_changed_uids_at_once_need_confirmation() {
    let people = ["ann", "ben", "cat", "dan", "eve", "fay"];
    let mut fixture =
        people.iter().fold(Fixture::builder(), |builder, user| builder.account(user).enrolled(user)).build();
    for user in &people[..3] {
        fixture.machine().delete_account(user);
        let _ = fixture.machine().add_account(user);
    }
    fixture.machine().delete_account("dan");
    let stored = fixture.stored();
    let done = prune(&fixture, &["--yes"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stdout.contains("4 of 6 accounts are not found, or known with another uid (3)"), "{done:?}");
    stored.assert_unchanged(&fixture.state());
    assert_eq!(names(&prune(&fixture, &["--yes", "--trust-database"]).json(), "users"), people[..4]);
}

#[test]
fn names_never_known_are_removed_on_request_only() {
    let fixture = Fixture::with(&["never-known"]);
    let document = prune(&fixture, &["--yes"]).json();
    assert_eq!(names(&document, "kept"), ["never-known"], "{document}");
    assert_eq!(document["kept"][0]["reason"], "unknown");
    assert!(fixture.credential("never-known").exists());
    assert_eq!(names(&prune(&fixture, &["--yes", "--unknown"]).json(), "users"), ["never-known"]);
    assert!(!fixture.credential("never-known").exists());
}

#[test]
fn names_an_unreachable_source_may_know_are_kept() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").enrolled("remote").build();
    let _ = on_machine(&mut fixture, "printf 'passwd: ldap files\\n' >/etc/nsswitch.conf");
    let done = prune(&fixture, &["--yes", "--unknown"]);
    assert!(done.status == 1 && done.stdout.contains("nothing was removed"), "{done:?}");
    assert!(fixture.credential("remote").exists());
    prune(&fixture, &["--yes", "--unknown", "--trust-database"]).assert_done();
    assert!(!fixture.credential("remote").exists());
}

#[test]
fn a_lost_credential_of_an_account_stays_an_error() {
    let mut fixture =
        Fixture::builder().account("alice").account("bob").enrolled("alice").enrolled("bob").build();
    fixture.machine().delete_account("bob");
    for user in ["alice", "bob"] {
        fs::remove_file(fixture.credential(user)).unwrap_or_else(|error| panic!("{user}: {error}"));
    }
    let document = prune(&fixture, &["--yes", "--trust-database"]).json();
    assert_eq!(
        (names(&document, "users"), names(&document, "kept")),
        (vec!["bob".to_owned()], vec!["alice".to_owned()])
    );
    assert!(fixture.ledger("alice").exists() && !fixture.ledger("bob").exists());
    // Still an error, and not "not enrolled".
    let arguments = fixture.module("nullok");
    fixture.service("lax", &arguments);
    assert_ne!(fixture.login_at("lax", "alice").types("123456").code(), PamCode::IGNORE);
}

#[test]
fn stale_files_go_after_a_day_and_timestamps_with_their_session() {
    let fixture = Fixture::with(&["alice"]);
    let drafts = ["state/credentials/.new.alice", "state/ledgers/.new.99.alice"]
        .map(|name| fixture.write(name, "half"));
    assert_eq!(prune(&fixture, &["--yes"]).json()["files"], serde_json::json!([]));
    for draft in &drafts {
        let yesterday = SystemTime::now() - Duration::from_secs(86_500);
        let touched =
            fs::File::options().write(true).open(draft).and_then(|file| file.set_modified(yesterday));
        assert!(touched.is_ok(), "{touched:?}");
    }
    let timestamps = fixture.path("run/fresh");
    let made = Command::new("install").args(["-d", "-m", "0700"]).arg(&timestamps).status();
    assert!(made.is_ok_and(|status| status.success()));
    // No process has that number (proc(5): 2^22 is the most).
    let (dead, alive) = ("run/fresh/1001.4194399", format!("run/fresh/1001.{}", std::process::id()));
    for timestamp in [dead, &alive] {
        let _ = fixture.write(timestamp, "timestamp");
    }
    let document = prune(&fixture, &["--yes"]).json();
    assert_eq!(document["files"].as_array().map(Vec::len), Some(3), "{document}");
    assert!(drafts.iter().all(|draft| !draft.exists()));
    assert!(!fixture.path(dead).exists() && fixture.path(&alive).exists());
    assert!(fixture.credential("alice").exists());
}

#[test]
fn nobody_is_removed_without_a_word() {
    let mut fixture =
        Fixture::builder().account("alice").account("bob").enrolled("alice").enrolled("bob").build();
    fixture.machine().delete_account("bob");
    let stored = fixture.stored();
    for arguments in [&["prune"][..], &["--json", "prune"]] {
        let done = fixture.totp_enroll(arguments);
        assert_eq!(done.status, 1, "{done:?}");
        assert!(done.stderr.contains("--yes"), "{done:?}");
    }
    let mut terminal = fixture.at_terminal(&["prune"]);
    let shown = terminal.expect("type the number of enrolments (1) to continue: ");
    assert!(shown.contains("bob: the account is gone; will be removed"), "{shown}");
    terminal.types("2");
    assert_eq!(terminal.end().status, 1);
    stored.assert_unchanged(&fixture.state());
    let mut terminal = fixture.at_terminal(&["prune"]);
    terminal.expect("to continue: ");
    terminal.types("1");
    assert_eq!(terminal.end().status, 0);
    assert!(!fixture.credential("bob").exists());
}

#[test]
fn the_userdel_hook_removes_the_enrolment_of_a_deleted_account() {
    let mut fixture =
        Fixture::builder().account("alice").account("bob").enrolled("alice").enrolled("bob").build();
    let hook = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/shadow-maint/pam_totp");
    let hook = fs::read_to_string(hook).unwrap_or_else(|error| panic!("{hook}: {error}"));
    // On this machine the command has another place, and its config too.
    let command = fixture.command(&[]);
    let ours: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let program = ours.iter().position(|word| word == "--").map_or(&ours[..], |at| &ours[at + 1..]).join(" ");
    let (is_there, runs) = ("[ -x /usr/bin/totp-enroll ] || exit 0\n", "$(/usr/bin/totp-enroll ");
    assert!(hook.contains(is_there) && hook.contains(runs), "{hook}");
    let hook = hook.replace(is_there, "").replace(runs, &format!("$({program} "));
    fixture.machine().write("shadow-maint/userdel-post.d/pam_totp", 0o755, &hook);
    // The account of another system (--prefix), or one that another source still has.
    let said =
        on_machine(&mut fixture, "ACTION=userdel SUBJECT=bob /etc/shadow-maint/userdel-post.d/pam_totp 2>&1");
    assert!(fixture.credential("bob").exists() && said.contains("still knows"), "{said}");
    // A source that is down says "not found" as well, of a user who may exist with another uid.
    for (name, sources) in
        [("dora", "passwd: files [NOTFOUND=continue] ldap # sss\n"), ("emil", "passwd\t: files ldap\n")]
    {
        fixture.machine().write("nsswitch.conf", 0o644, &format!("group: files\n{sources}"));
        fixture.machine().add_account(name);
        fixture.enrol(name, &[]);
        let said = on_machine(&mut fixture, &format!("userdel {name} 2>&1"));
        assert!(fixture.credential(name).exists() && said.contains("come from ldap as well"), "{said}");
    }
    fixture.machine().write("nsswitch.conf", 0o644, "passwd: files [NOTFOUND=continue] systemd # sss\n");
    let _ = on_machine(&mut fixture, "userdel bob");
    assert!(!fixture.credential("bob").exists(), "the hook did nothing");
    let events = fixture.journal.done_by_commands();
    assert!(
        events.iter().any(|event| event.field("event") == "disabled" && event.field("user") == "bob"),
        "{events:?}"
    );
    assert_eq!(fixture.login_with_code("alice").code(), PamCode::SUCCESS);
    // One who was never enrolled goes without a word, too.
    fixture.machine().add_account("carol");
    assert_eq!(on_machine(&mut fixture, "userdel carol 2>&1"), "");
}

fn prune(fixture: &Fixture, options: &[&str]) -> CommandOutput {
    fixture.totp_enroll(&[&["--json", "prune"], options].concat())
}

fn names(document: &serde_json::Value, key: &str) -> Vec<String> {
    let list = document[key].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|one| one["user"].as_str()).map(str::to_owned).collect()
}

/// Runs a line of shell on the fixture's machine.
fn on_machine(fixture: &mut Fixture, line: &str) -> String {
    let mut command = fixture.machine().namespace().command("/bin/sh");
    command.args(["-c", line]);
    let done = enroll_command::run(command, "");
    assert_eq!(done.status, 0, "{line}: {done:?}");
    done.stdout + &done.stderr
}

#[test]
fn a_reset_goes_with_its_account_and_no_earlier() {
    let mut fixture = ready("");
    completes(&fixture, "bob", THEN + HOUR).assert_done();
    // A token that is tried makes a ledger in which nobody is enrolled.
    let wrong = enrols_with(&fixture, "0000-0000-0000-0000", THEN + HOUR);
    assert_eq!(wrong.code(), PamCode::AUTH_ERR);
    assert!(fixture.path("state/ledgers/alice").exists());
    let file = fixture.path("state/resets/alice.toml");
    let found = |fixture: &Fixture| {
        fixture.totp_enroll(&["--json", "prune", "--yes", "--trust-database"]).json()["users"].clone()
    };
    assert_eq!(found(&fixture), serde_json::json!([]));
    assert!(file.exists());
    fixture.machine().delete_account("alice");
    let users = found(&fixture);
    assert_eq!((&users[0]["user"], &users[0]["reason"]), (&"alice".into(), &"gone".into()), "{users}");
    assert!(!file.exists() && !fixture.path("state/ledgers/alice").exists());
}
