//! What a locked account answers: to a stranger the same as every other account, to a person who passed a first factor that it is
//! locked, and one more question in the same call, for a recovery code.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::clock::THEN;
use acceptance::fixture::{Builder, Fixture};
use acceptance::journal::Event;
use acceptance::login::{Login, Outcome, PROMPT, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::snapshot::renewed_codes;
use acceptance::sshd::{KEY_AND_CODE, Key, ONLY_PAM, Sshd};
use acceptance::stacks::block;
use std::fs;
use std::path::PathBuf;

#[test]
fn a_stranger_hears_of_a_locked_as_of_an_unknown_account() {
    for (refused, limit) in WAYS_TO_BE_LOCKED {
        let fixture = locked(limit, "").0;
        let unknown = answer(fixture.login("no-such-account").types("123456").at(THEN));
        let locked = answer(fixture.login_with_code_at("alice", THEN));
        assert_eq!(fixture.journal.last().what(), format!("refused {refused}"));
        assert_eq!(locked, unknown, "{refused}");
    }
}

#[test]
fn a_stranger_hears_the_same_of_an_unenrolled_account() {
    let fixture = Fixture::builder().account("carol").build();
    let unknown = answer(fixture.login("no-such-account").types("123456").at(THEN));
    assert_eq!(answer(fixture.login("carol").types("123456").at(THEN)), unknown);
}

#[test]
fn without_a_keyring_a_stranger_hears_the_same_of_every_account() {
    let fixture = Fixture::builder().account("carol").enrolled("alice").build();
    fs::remove_file(fixture.keyring()).unwrap();
    let [unknown, unenrolled, enrolled] = ["no-such-account", "carol", "alice"]
        .map(|user| answer(fixture.login(user).types("123456").at(THEN)));
    assert_eq!((&unenrolled, &enrolled), (&unknown, &unknown));
}

#[test]
fn ssh_asks_a_stranger_as_often_for_a_locked_as_an_unknown_account() {
    let mut fixture = locked_now(Fixture::builder().account("alice")).0;
    let stack = fixture.module("");
    let sshd = fixture.sshd(ONLY_PAM, &stack);
    let [unknown, locked] = ["no-such-account", "alice"].map(|user| {
        let mut ssh = sshd.ssh_with(user, Key::None, INSIDE, "NumberOfPasswordPrompts=3");
        let mut questions = 0;
        while ssh.expect_any_or_the_end(&[PROMPT]).is_some() {
            questions += 1;
            ssh.types("123456");
        }
        questions
    });
    assert_eq!(locked, unknown, "questions");
}

#[test]
fn a_locked_account_gives_a_recovery_code_in_the_same_call() {
    for (refused, limit) in WAYS_TO_BE_LOCKED {
        let (fixture, recovery) = locked(limit, "");
        let outcome = fixture.login_with_code_at("alice", THEN).after(KEY).types(&recovery[0]).run();
        assert_eq!((outcome.code, outcome.asked().len()), (PamCode::SUCCESS, 2), "{refused}: {outcome:?}");
    }
}

#[test]
fn a_locked_account_is_named_before_the_second_question() {
    let (fixture, recovery) = locked(LOCKED, "");
    let outcome = fixture.login_with_code_at("alice", THEN).after(KEY).types(&recovery[0]).run();
    let second = outcome.prompts.iter().filter(|prompt| prompt.asks()).nth(1);
    assert!(second.is_some(), "was not asked again: {outcome:?}");
    let texts: Vec<&str> = outcome.prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    assert!(texts.iter().take(texts.len() - 1).any(|text| text.contains("recovery code")), "{texts:?}");
}

#[test]
fn a_locked_account_is_asked_once_more_and_not_twice() {
    let (fixture, recovery) = locked(LOCKED, "");
    let login = fixture.login_with_code_at("alice", THEN).after(KEY).types(WRONG_RECOVERY_CODE);
    let outcome = login.types(&recovery[0]).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::MAXTRIES, 2), "{outcome:?}");
}

#[test]
fn a_locked_account_is_not_asked_again_for_a_code_of_the_app() {
    let fixture = locked(LOCKED, "").0;
    let next = fixture.authenticator("alice").code_at(THEN);
    let outcome = fixture.login_with_code_at("alice", THEN).after(KEY).types(next).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::MAXTRIES, 2), "{outcome:?}");
}

#[test]
fn a_program_with_one_answer_hears_of_a_lock_as_of_a_wrong_code() {
    // As screen lockers do: the one answer is given, and the second question fails.
    let fixture = locked(LOCKED, "after_first_factor").0;
    let outcome = fixture.login_with_code_at("alice", THEN).run();
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
}

/// They end at PAM_MAXTRIES, or show an error of their own in place of their form.
#[test]
fn programs_that_end_at_maxtries_never_hear_it() {
    for service in ["cockpit", "swaylock", "i3lock", "xscreensaver", "vlock"] {
        let fixture = locked(LOCKED, "").0;
        fixture.service(service, &fixture.module("after_first_factor"));
        let code = fixture.authenticator("alice").code_at(THEN);
        let login = fixture.login_at(service, "alice").types(code).types(WRONG_RECOVERY_CODE).at(THEN);
        let outcome = login.run();
        assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 2), "{service}: {outcome:?}");
    }
}

#[test]
fn with_fail_delay_a_stranger_waits_as_long_for_every_account() {
    let fixture = locked(&format!("{LOCKED}\nfail_delay = \"1s\""), "").0;
    let unknown = answer(fixture.login("no-such-account").types("123456").at(THEN));
    assert!(unknown.3, "no delay: {unknown:?}");
    assert_eq!(answer(fixture.login_with_code_at("alice", THEN)), unknown);
    let outcome = fixture.login_with_code_at("alice", THEN).after(KEY).types(WRONG_RECOVERY_CODE).run();
    assert_eq!((outcome.code, outcome.delayed), (PamCode::MAXTRIES, true), "after a first factor");
}

#[test]
fn each_answer_of_a_locked_account_has_a_line_in_the_log() {
    let (fixture, recovery) = locked(LOCKED, "");
    let next = fixture.authenticator("alice").code_at(THEN);
    let cases: [(&[&str], &[&str]); 4] = [
        (&[], &["refused locked"]),
        (&[WRONG_RECOVERY_CODE], &["refused locked", "refused locked"]),
        (&[&next], &["refused locked", "refused malformed"]),
        (&[&recovery[0]], &["refused locked", "recovery_used"]),
    ];
    for (answers, lines) in cases {
        let before = fixture.journal.events().len();
        let login = fixture.login_with_code_at("alice", THEN).after(KEY);
        let _ = answers.iter().fold(login, |login, answer| login.types(answer)).run();
        let logged: Vec<String> = fixture.journal.events()[before..].iter().map(Event::what).collect();
        assert_eq!(logged, lines, "{answers:?}");
    }
}

#[test]
fn a_used_recovery_code_is_told_and_opens_no_lock() {
    let (fixture, recovery) = locked(LOCKED, "");
    assert_eq!(fixture.login("alice").types(&recovery[0]).at(THEN).code(), PamCode::SUCCESS);
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    let outcome = fixture.login_with_code_at("alice", THEN).after(KEY).types(&recovery[0]).run();
    assert_eq!(outcome.code, PamCode::MAXTRIES, "{outcome:?}");
    let told = outcome.prompts.last().map(|prompt| prompt.text.as_str());
    assert_eq!(told, Some("That code was used already; take another."));
}

#[test]
fn where_messages_are_suppressed_the_second_question_names_the_lock() {
    let (fixture, recovery) = locked(&format!("quiet = true\n{LOCKED}"), "");
    let outcome = fixture.login_with_code_at("alice", THEN).after(KEY).types(&recovery[0]).run();
    let texts: Vec<&str> = outcome.prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    assert_eq!(texts, [PROMPT, "Too many wrong codes; type a recovery code: "]);
    assert_eq!(outcome.code, PamCode::SUCCESS);
}

#[test]
fn cockpit_hears_of_a_lock_as_of_a_wrong_code() {
    let mut site = locked_site("[limit]\nlock_after = 1\nlock_for = \"1h\"");
    site.follows_in(&block("cockpit"), COCKPIT);
    let login = Login { confdir: PathBuf::from("/etc/pam.d"), ..site.fixture.login_at("cockpit", "alice") };
    let outcome = login.types(PASSWORD).types(site.fixture.code("alice")).run();
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
}

#[test]
fn cockpit_takes_a_recovery_code_of_a_locked_account() {
    let mut site = locked_site("[limit]\nlock_after = 1\nlock_for = \"1h\"");
    let renew = site.fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
    let recovery = renewed_codes(&renew.stdout).unwrap();
    let mut lines = block("cockpit");
    lines.lines = lines.lines.replace("pam_totp.so", "pam_totp.so after_first_factor");
    site.follows_in(&lines, COCKPIT);
    // The config of the fixture stands behind the name of the module, the argument behind that.
    let login = Login { confdir: PathBuf::from("/etc/pam.d"), ..site.fixture.login_at("cockpit", "alice") };
    let outcome = login.types(PASSWORD).types(site.fixture.code("alice")).types(&recovery[0]).run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
}

#[test]
fn ssh_behind_a_key_takes_a_recovery_code_of_a_locked_account() {
    let (mut fixture, recovery) = locked_now(Fixture::builder().account("alice"));
    let stack = fixture.module("");
    let sshd: Sshd = fixture.sshd(KEY_AND_CODE, &stack);
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    ssh.expect(PROMPT);
    ssh.types(&fixture.code("alice"));
    ssh.expect("recovery code");
    ssh.expect(": ");
    ssh.types(&recovery[0]);
    let ended = ssh.end();
    assert!(ended.status == 0 && ended.last.contains("inside as alice"), "{}", ended.screen);
}

/// After PAM_MAXTRIES, OpenSSH's client asks for a password, in which no recovery code is taken.
#[test]
fn ssh_behind_a_key_asks_again_after_a_mistyped_recovery_code() {
    let (mut fixture, recovery) = locked_now(Fixture::builder().account("alice"));
    let stack = fixture.module("");
    let sshd: Sshd = fixture.sshd(KEY_AND_CODE, &stack);
    // What the client does without any configuration.
    let methods = "PreferredAuthentications=publickey,keyboard-interactive,password";
    let mut ssh = sshd.ssh_with("alice", Key::Offered, INSIDE, methods);
    ssh.expect(PROMPT);
    ssh.types(&fixture.code("alice"));
    ssh.expect("Recovery code: ");
    ssh.types(WRONG_RECOVERY_CODE);
    assert_eq!(ssh.expect_any(&[PROMPT, "password: "]).0, 0, "{}", ssh.screen());
    ssh.types(&recovery[0]);
    let ended = ssh.end();
    assert!(ended.status == 0 && ended.last.contains("inside as alice"), "{}", ended.screen);
}

#[test]
fn sudo_takes_a_recovery_code_of_a_locked_caller_in_the_same_call() {
    let (mut fixture, recovery) = locked_now(Fixture::builder().account("alice"));
    let stack = fixture.module("after_first_factor");
    // As through sudo: what was locked above are unknown places.
    let typed = fixture.authenticator("alice").wrong_code();
    let (ruser, tty) = (Some(b"alice".to_vec()), Some(b"/dev/null".to_vec()));
    let login = Login { ruser, tty, ..fixture.login("alice").types(typed) };
    assert_eq!(login.code(), PamCode::AUTH_ERR);
    let machine = fixture.machine();
    machine.service("sudo", &stack);
    machine.allow_sudo("alice");
    let uid = machine.uid("alice");
    let mut sudo = fixture.through_sudo(uid, &["status", "alice"]);
    sudo.expect(PROMPT);
    sudo.types(&fixture.code("alice"));
    sudo.expect("recovery code");
    sudo.types(&recovery[0]);
    let ended = sudo.end();
    assert!(ended.status == 0 && ended.last.contains("enrolled since"), "{}", ended.screen);
}

const KEY: &str = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfMyLaptop01";
const INSIDE: &str = "echo inside as $(id -un)";
const WRONG_RECOVERY_CODE: &str = "0000-0000-0000-0000";
const LOCKED: &str = "[limit]\nlock_after = 1\nlock_for = \"1h\"";
/// What the log says of a right code, and the limits by which one wrong code before it leads there.
const WAYS_TO_BE_LOCKED: [(&str, &str); 3] = [
    ("limited", "[limit]\nattempts = 1"),
    ("locked", LOCKED),
    ("disabled", "[limit]\nlock_after = 1\ndisable_after = 1"),
];
/// Of cockpit-ws 287 and 337, without the account and session lines.
const COCKPIT: &str = "#%PAM-1.0\nauth       required     pam_sepermit.so\nauth       substack     common-auth\n\
    auth       optional     pam_ssh_add.so\naccount    include      common-account\n";

/// Alice, locked at [`THEN`], and her recovery codes.
fn locked(limit: &str, arguments: &str) -> (Fixture, Vec<String>) {
    let builder = Fixture::builder().account("alice").config(limit).arguments(arguments).enrolled("alice");
    let fixture = builder.build();
    let recovery = recovery_codes(&fixture);
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    (fixture, recovery)
}

/// The same for an hour from now.
fn locked_now(builder: Builder) -> (Fixture, Vec<String>) {
    let fixture = builder.config(LOCKED).enrolled("alice").build();
    let recovery = recovery_codes(&fixture);
    let wrong = fixture.authenticator("alice").wrong_code();
    assert_eq!(fixture.login("alice").types(wrong).code(), PamCode::AUTH_ERR);
    (fixture, recovery)
}

fn locked_site(config: &str) -> Site {
    let site = Site::of(Fixture::builder().config(config));
    let wrong = site.fixture.authenticator("alice").wrong_code();
    assert_eq!(site.fixture.login("alice").types(wrong).code(), PamCode::AUTH_ERR);
    site
}

fn recovery_codes(fixture: &Fixture) -> Vec<String> {
    let renew = fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
    renewed_codes(&renew.stdout).unwrap()
}

/// Everything that a caller sees of a login.
fn answer(login: Login) -> (PamCode, PamCode, Vec<String>, bool) {
    let Outcome { code, setcred, prompts, delayed } = login.run();
    (code, setcred, prompts.into_iter().map(|prompt| prompt.text).collect(), delayed)
}
