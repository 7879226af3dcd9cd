//! `reset` through the real sudo, by the rules of the documentation.

use acceptance::clock;
use acceptance::fixture::Fixture;
use acceptance::login::PROMPT;
use acceptance::operator::with_login_uid;
use acceptance::reset_steps::{HOUR, builder, completes};
use std::fs;

#[test]
fn two_accounts_play_a_reset_through_real_sudo() {
    let mut fixture = builder("").enrolled("bob").enrolled("carol").build();
    let stack = fixture.module("");
    let [bob, carol] = ["bob", "carol"].map(|name| fixture.machine().uid(name));
    let machine = fixture.machine();
    machine.service("sudo", &stack);
    for account in ["bob", "carol"] {
        machine.allow_sudo(account);
    }
    let now = clock::well_inside_a_step(30, 15);
    let request = ["reset", "request", "alice", "--reason", "the phone is in the river"];
    let ended = through_sudo(&fixture, bob, &fixture.authenticator("bob").code_at(now), &request);
    assert!(ended.contains("0 of 1 approval"), "{ended}");
    let same = through_sudo(
        &fixture,
        bob,
        &fixture.authenticator("bob").code_at(now + 30),
        &["reset", "approve", "alice"],
    );
    assert!(same.contains("another operator has to approve it"), "{same}");
    let ended = through_sudo(
        &fixture,
        carol,
        &fixture.authenticator("carol").code_at(now),
        &["reset", "approve", "alice"],
    );
    assert!(ended.contains("approved") && ended.contains("by carol"), "{ended}");
    let totp_enroll = fixture.journal.done_by_commands();
    let [requested, refused, approved] = &totp_enroll[totp_enroll.len() - 3..] else {
        panic!("{totp_enroll:?}")
    };
    for (event, name, by, uid) in [
        (requested, "reset_requested", "bob", bob),
        (refused, "reset_refused", "bob", bob),
        (approved, "reset_approved", "carol", carol),
    ] {
        assert_eq!(["event", "by"].map(|key| event.field(key)), [name, by], "{event:?}");
        assert_eq!(event.field("loginuid"), uid.to_string(), "{event:?}");
    }
    completes(&fixture, "bob", clock::now() + HOUR + 60).assert_done();
}

#[test]
fn the_documented_sudo_rules_allow_their_examples_only() {
    let document = acceptance::documents::read("docs/locked-out.md").text;
    let line = |starts: &str| {
        let found = document.lines().find(|line| line.starts_with(starts));
        found.unwrap_or_else(|| panic!("the document has no line {starts}")).to_owned()
    };
    let mut fixture = builder("").build();
    let config = fs::read_to_string(fixture.conf()).unwrap();
    let machine = fixture.machine();
    machine.service("sudo", "auth required pam_permit.so");
    machine.add_group("helpdesk", &["bob", "carol"]);
    machine.write("pam_totp/config.toml", 0o644, &config);
    let program = machine.install(&acceptance::built::command());
    let program = program.to_str().unwrap();
    let rules = [line("%helpdesk ALL"), line("ALL ALL = (root)")].join("\n") + "\n";
    machine.write("sudoers.d/documents", 0o440, &rules.replace("/usr/bin/totp-enroll", program));
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| machine.uid(name));
    let said = |uid: u32, words: &str| {
        let words = words.replace("sudo totp-enroll", &format!("/usr/bin/sudo {program}"));
        let mut shell = machine.namespace().command("/usr/bin/setpriv");
        shell.args([
            "--reuid",
            &uid.to_string(),
            "--regid",
            &uid.to_string(),
            "--init-groups",
            "/bin/sh",
            "-c",
            &words,
        ]);
        let ended = with_login_uid(&shell, Some(uid)).output().unwrap();
        [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
    };
    let example = |who: &str, step: &str| {
        let step = format!("sudo totp-enroll reset {step} alice");
        let of_them = |line: &&str| line.starts_with(&format!("{who}$ ")) && line.contains(&step);
        let found = document.lines().find(of_them).unwrap_or_else(|| panic!("no example of {step}"));
        found.split_once("$ ").unwrap().1.to_owned()
    };
    let requested = said(bob, &example("bob", "request"));
    assert!(requested.contains("0 of 1 approval"), "{requested}");
    let approved = said(carol, &example("carol", "approve"));
    assert!(approved.contains("by carol"), "{approved}");
    let complete = said(bob, &example("bob", "complete"));
    assert!(complete.contains("terminal"), "{complete}");
    let cancel = said(alice, "sudo totp-enroll reset cancel");
    assert!(cancel.contains("terminal"), "{cancel}");
    for (uid, words) in [
        (alice, "reset cancel alice"),
        (alice, "reset list"),
        (alice, "--config /tmp/c reset cancel"),
        (bob, "disable alice"),
        (bob, "enroll alice"),
        (bob, "--config /tmp/c reset list"),
        (bob, "reset list --config /tmp/c"),
        (bob, "reset approve alice --config /tmp/c"),
        (bob, "reset complete --config=/tmp/c"),
        (bob, "reset request alice --reason lost --config /tmp/c"),
        (bob, "reset request alice --reason=lost --config=/tmp/c"),
        (bob, "reset request alice --reason 'lost --config /tmp/c'"),
        (bob, "reset request --config=/tmp/c --reason lost"),
    ] {
        let refused = said(uid, &format!("sudo totp-enroll {words}"));
        assert!(refused.contains("not allowed"), "{words}: {refused}");
    }
}

/// Gives a command through sudo, which asks for a code; gives what was on the screen.
fn through_sudo(fixture: &Fixture, uid: u32, code: &str, arguments: &[&str]) -> String {
    let mut terminal = fixture.through_sudo(uid, arguments);
    terminal.expect(PROMPT);
    terminal.types(code);
    terminal.end().screen
}
