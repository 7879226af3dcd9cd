//! Wrong codes are counted by where they come from: a guesser is not the owner, at sshd and at services with a remote host.

use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::journal::Event;
use acceptance::login::{Login, PROMPT, PamCode};
use acceptance::mailbox::Mailbox;

const OWNER: &str = "192.0.2.1";
const GUESSER: &str = "198.51.100.9";
const KEY: &str = "publickey ssh-ed25519 AAAAAXg=";
const OTHER_KEY: &str = "publickey ssh-ed25519 AAAAAXk=";
const HOUR: u64 = 3600;

#[test]
fn a_guesser_locks_out_strangers_and_not_the_owner() {
    let fixture = Fixture::with(&["alice"]);
    let first = log_in(&fixture, OWNER, THEN);
    assert_eq!((first.field("event"), first.field("new_source")), ("accepted", "yes"));
    let now = THEN + HOUR;
    for (minute, codes) in fixture.authenticator("alice").wrong_codes_at(10, now).chunks(5).enumerate() {
        for code in codes {
            guess(&fixture, GUESSER, code, now + 60 * minute as u64);
        }
    }
    let locked = fixture.journal.last();
    assert_eq!((locked.what().as_str(), locked.field("source")), ("locked wrong", "foreign"), "{locked:?}");
    let right = fixture.authenticator("alice").code_at(now + 90);
    let refused = guess(&fixture, GUESSER, &right, now + 90);
    assert_eq!((refused.what().as_str(), refused.field("source")), ("refused locked", "foreign"));
    let login = from(&fixture, OWNER).types(right).at(now + 90).run();
    assert_eq!((login.code, login.asked()), (PamCode::SUCCESS, vec![PROMPT]), "asked once, as always");
    let told = "10 wrong codes from 1 place; if this goes on, change your password.";
    assert!(login.prompts.iter().any(|prompt| prompt.text.contains(told)), "{login:?}");
    let accepted = fixture.journal.last();
    let fields = ["event", "wrong_before", "places", "new_source"].map(|key| accepted.field(key));
    assert_eq!(fields, ["accepted", "10", "1", ""], "{accepted:?}");
}

/// Before there were sources, each login of the owner cleared the guesser's failures: 135 codes were judged, and no lock came.
#[test]
fn wrong_codes_between_the_owners_logins_stay_counted() {
    let fixture = Fixture::builder().config("[limit]\nattempts = 16").enrolled("alice").build();
    log_in(&fixture, OWNER, THEN);
    for round in 1..=15 {
        let now = THEN + round * HOUR;
        for code in fixture.authenticator("alice").wrong_codes_at(9, now) {
            guess(&fixture, GUESSER, &code, now);
        }
        assert_eq!(log_in(&fixture, OWNER, now + 60).field("event"), "accepted", "round {round}");
    }
    let judged = fixture.journal.events().iter().filter(|event| event.field("reason") == "wrong").count();
    assert!((10..30).contains(&judged), "{judged} codes were judged");
}

#[test]
fn where_the_budget_is_used_up_no_code_is_looked_at_and_nothing_written() {
    let config = "[totp]\ndrift_steps = 10\n[limit]\nattempts = 16\nlock_after = 90";
    let mut fixture = Fixture::builder().config(config).account("alice").build();
    let enrolled = fixture.enrol("alice", &[]);
    fixture.note("alice", enrolled.authenticator);
    // On three days: only then has the place a budget of its own.
    let settled = THEN + 48 * HOUR;
    for now in [THEN, THEN + 24 * HOUR, settled] {
        log_in(&fixture, OWNER, now);
    }
    let mut judged = 0;
    // 21 codes are right at a time: 19 tries use up 40 % of 0.1 %.
    for (minute, codes) in fixture.authenticator("alice").wrong_codes_at(20, settled).chunks(10).enumerate() {
        for code in codes {
            let event = guess(&fixture, GUESSER, code, settled + 900 + 60 * minute as u64);
            judged += usize::from(event.field("reason") == "wrong");
        }
    }
    let refused = fixture.journal.last();
    assert_eq!((judged, refused.what().as_str(), refused.field("source")), (19, "refused budget", "foreign"));
    let percent: Vec<String> =
        guessing(&fixture).iter().map(|e| e.field("used_percent").to_owned()).collect();
    assert_eq!(percent, ["25", "50", "75", "100"], "the owner is told at each quarter");
    let warning = guessing(&fixture).pop().unwrap();
    let fields = ["user", "places", "since", "rhost"].map(|key| warning.field(key));
    assert_eq!(fields, ["alice", "1", "2033-05-20T03:33:45Z", GUESSER], "{warning:?}");
    let before = fixture.stored();
    let now = settled + 1200;
    let right = fixture.authenticator("alice").code_at(now);
    let refused = guess(&fixture, "198.51.100.10", &right, now);
    assert_eq!(refused.what(), "refused budget");
    assert!(fixture.stored() == before, "a refusal by the budget wrote something");
    let recovery = &enrolled.recovery_codes[0];
    let login = from(&fixture, GUESSER).types(&right).types(recovery).at(now).run();
    assert_eq!((login.code, login.asked()), (PamCode::SUCCESS, vec![PROMPT, "Recovery code: "]));
    assert_eq!(log_in(&fixture, OWNER, now + 400).field("event"), "accepted", "a known place has its own");
}

#[test]
fn the_owner_gets_a_mail_when_someone_guesses() {
    let fixture = Fixture::with(&["alice"]);
    let mailbox = Mailbox::of(&fixture, "[totp]\ndrift_steps = 10", "");
    log_in(&fixture, OWNER, THEN);
    for code in fixture.authenticator("alice").wrong_codes_at(5, THEN) {
        guess(&fixture, GUESSER, &code, THEN + 900);
    }
    assert_eq!(guessing(&fixture).len(), 1);
    fixture.totp_enroll(&["--json", "notify"]).assert_done();
    let mail = mailbox.mail();
    assert!(mail.header("Subject").ends_with("someone is guessing the one-time codes of this account"));
    for words in
        ["wrong codes     5", "unknown places  1", "2033-05-18T03:33:45Z", GUESSER, "change your password"]
    {
        assert!(mail.body.contains(words), "{words}: {mail:?}");
    }
}

#[test]
fn the_address_is_that_of_sshds_connection() {
    let fixture = Fixture::with(&["alice"]);
    log_in(&fixture, OWNER, THEN);
    let mut named = from(&fixture, OWNER);
    named.rhost = Some(b"host.example.com".to_vec());
    assert_eq!(counted_in(&fixture, named, 1), "address");
    let mut lying = from(&fixture, GUESSER);
    lying.rhost = Some(OWNER.as_bytes().to_vec());
    assert_eq!(counted_in(&fixture, lying, 2), "foreign");
    let mut without = fixture.login("alice").after("password").from_host(OWNER);
    assert_eq!(counted_in(&fixture, without.clone(), 3), "address");
    without.environment.push(("SSH_CONNECTION".to_owned(), format!("{OWNER} 1 ::1 22")));
    without.rhost = Some(GUESSER.as_bytes().to_vec());
    assert_eq!(counted_in(&fixture, without, 4), "foreign", "the process's own environment was read");
}

#[test]
fn a_key_and_its_address_are_a_source_together() {
    let fixture = Fixture::with(&["alice"]);
    let with = |key, address| fixture.login("alice").after(key).from_client(address);
    let login = with(KEY, OWNER).types(fixture.authenticator("alice").code_at(THEN)).at(THEN);
    assert_eq!(login.code(), PamCode::SUCCESS);
    assert_eq!(counted_in(&fixture, with(KEY, OWNER), 1), "key_at_address");
    assert_eq!(counted_in(&fixture, with(KEY, GUESSER), 2), "key_elsewhere");
    assert_eq!(counted_in(&fixture, with(OTHER_KEY, OWNER), 3), "foreign");
    assert_eq!(counted_in(&fixture, from(&fixture, OWNER), 4), "foreign");
}

#[test]
fn other_programs_name_an_address_or_are_foreign() {
    let fixture = Fixture::builder().arguments("after_first_factor").enrolled("alice").build();
    let of = |host: &str| fixture.login("alice").from_host(host);
    for (at, host) in [(0, OWNER), (90, "2001:db8::1"), (180, "host.example.com"), (270, "localhost")] {
        let code = fixture.authenticator("alice").code_at(THEN + at);
        assert_eq!(of(host).types(code).at(THEN + at).code(), PamCode::SUCCESS);
        let is_new = if at < 180 { "yes" } else { "" };
        assert_eq!(fixture.journal.last().field("new_source"), is_new, "{host}");
    }
    for (hour, host, row) in [
        (1, OWNER, "address"),
        (2, "::ffff:192.0.2.1", "address"),
        (3, "64:ff9b::192.0.2.1", "address"),
        (4, GUESSER, "foreign"),
        (5, "2001:db8::ffff:1", "address"),
        (6, "2001:db8:0:1::1", "foreign"),
        (7, "host.example.com", "foreign"),
        (8, "localhost", "foreign"),
    ] {
        assert_eq!(counted_in(&fixture, of(host), hour), row, "{host}");
    }
}

#[test]
fn a_program_of_root_is_foreign_unless_it_has_a_terminal_or_is_named() {
    let fixture = Fixture::builder().arguments("after_first_factor").enrolled("alice").build();
    fixture.service("login", &fixture.module("after_first_factor"));
    let mut at_terminal = fixture.login("alice");
    at_terminal.tty = Some(b"/dev/tty".to_vec());
    let code = fixture.authenticator("alice").code_at(THEN);
    assert_eq!(at_terminal.clone().types(code).at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(counted_in(&fixture, at_terminal, 1), "local_uid");
    assert_eq!(counted_in(&fixture, fixture.login_at("login", "alice"), 2), "local_uid");
    assert_eq!(counted_in(&fixture, fixture.login_at(SERVICE, "alice"), 3), "foreign");
    let mut elsewhere = fixture.login("alice");
    elsewhere.tty = Some(b":98".to_vec());
    assert_eq!(counted_in(&fixture, elsewhere, 4), "foreign", "a display without a server");
}

/// A login of alice through sshd with a password, from this address.
fn from(fixture: &Fixture, address: &str) -> Login {
    fixture.login("alice").after("password").from_client(address)
}

fn log_in(fixture: &Fixture, address: &str, now: u64) -> Event {
    let code = fixture.authenticator("alice").code_at(now);
    let code = from(fixture, address).types(code).at(now).code();
    let event = fixture.journal.last();
    assert_eq!(code, PamCode::SUCCESS, "{event:?}");
    event
}

/// Tries one code from there; what the log says of it.
fn guess(fixture: &Fixture, address: &str, code: &str, now: u64) -> Event {
    assert_eq!(from(fixture, address).types(code).at(now).code(), PamCode::AUTH_ERR);
    let mut events = fixture.journal.events();
    events.retain(|event| event.field("event") != "guessing");
    events.swap_remove(events.len() - 1)
}

/// The row in which a wrong code is counted that comes so many hours later.
fn counted_in(fixture: &Fixture, login: Login, hours: u64) -> String {
    let now = THEN + hours * HOUR;
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, now).remove(0);
    assert_eq!(login.types(wrong).at(now).code(), PamCode::AUTH_ERR);
    let event = fixture.journal.last();
    assert_eq!(event.what(), "refused wrong", "{event:?}");
    event.field("source").to_owned()
}

fn guessing(fixture: &Fixture) -> Vec<Event> {
    fixture.journal.events().into_iter().filter(|event| event.field("event") == "guessing").collect()
}
