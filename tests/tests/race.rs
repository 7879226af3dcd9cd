//! Many logins released together from the prompt: one success for one code. Without the lock the same races are lost, which
//! shows that the tests can fail and that the lock is what holds.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fixture that cannot be built fails its test"
)]

use acceptance::clock::THEN;
use acceptance::counter_token::CounterToken;
use acceptance::fixture::Fixture;
use acceptance::login::{Login, PamCode, Waiting};
use acceptance::snapshot::renewed_codes;
use acceptance::strace::Injection;
use nix::fcntl::{Flock, FlockArg};
use std::collections::BTreeMap;
use std::fs::File;
use std::time::{Duration, Instant};

#[test]
fn of_many_with_one_code_one_gets_in() {
    for many in MANY {
        let fixture = Fixture::with(&["alice"]);
        let outcomes = at_once(vec![fixture.login_with_code_at("alice", THEN); many]);
        assert_eq!(outcomes, BTreeMap::from([(PamCode::SUCCESS, 1), (PamCode::AUTH_ERR, many - 1)]));
        assert_eq!(told(&fixture, "accepted"), 1, "the log of {many}");
        assert_eq!(told(&fixture, "refused replayed"), many - 1, "the log of {many}");
    }
}

#[test]
fn of_many_with_one_code_at_different_services_one_gets_in() {
    let fixture = Fixture::with(&["alice"]);
    fixture.service("sshd", &fixture.module(""));
    fixture.service("sudo", &fixture.module(""));
    let code = fixture.authenticator("alice").code_at(THEN);
    let services = ["sshd", "sudo"].into_iter().cycle().take(16);
    let outcomes =
        at_once(services.map(|service| fixture.login_at(service, "alice").types(&code).at(THEN)).collect());
    assert_eq!(outcomes, BTreeMap::from([(PamCode::SUCCESS, 1), (PamCode::AUTH_ERR, 15)]));
}

#[test]
fn of_many_with_one_recovery_code_one_gets_in() {
    for many in MANY {
        let fixture = Fixture::with(&["alice"]);
        let outcomes = at_once(vec![with_a_recovery_code(&fixture); many]);
        assert_eq!(outcomes, BTreeMap::from([(PamCode::SUCCESS, 1), (PamCode::AUTH_ERR, many - 1)]));
        assert_eq!(told(&fixture, "recovery_used"), 1, "the log of {many}");
        assert_eq!(told(&fixture, "refused replayed"), many - 1, "the log of {many}");
    }
}

#[test]
fn of_many_with_one_counter_code_one_gets_in() {
    for many in MANY {
        let fixture = Fixture::builder().build();
        let fob = CounterToken::random();
        fob.enrol(&fixture, "alice", None, 5);
        let outcomes = at_once(vec![fixture.login("alice").types(fob.press(7)); many]);
        assert_eq!(outcomes, BTreeMap::from([(PamCode::SUCCESS, 1), (PamCode::AUTH_ERR, many - 1)]));
        assert_eq!(told(&fixture, "accepted"), 1, "the log of {many}");
        assert_eq!(told(&fixture, "refused replayed"), many - 1, "the log of {many}");
    }
}

#[test]
fn of_many_wrong_codes_no_more_are_judged_than_the_limit_allows() {
    for many in [8, 32, 128] {
        let fixture = Fixture::with(&["alice"]);
        let outcomes = at_once(wrong_codes(&fixture, many));
        assert_eq!(outcomes, BTreeMap::from([(PamCode::AUTH_ERR, many)]));
        assert_eq!(told(&fixture, "refused wrong"), 5, "the log of {many}");
        assert_eq!(told(&fixture, "refused limited"), many - 5, "the log of {many}");
    }
}

#[test]
fn without_the_lock_one_code_opens_more_than_once() {
    let fixture = Fixture::with(&["alice"]);
    let logins = vec![fixture.login_with_code_at("alice", THEN); FEW];
    settle_generation(&fixture);
    let outcomes = at_once(logins.into_iter().map(without_the_lock).collect());
    assert!(successes(&outcomes) > 1, "the lock is not what holds, or it was not out: {outcomes:?}");
}

#[test]
fn without_the_lock_one_recovery_code_opens_more_than_once() {
    let fixture = Fixture::with(&["alice"]);
    let logins = vec![with_a_recovery_code(&fixture); FEW];
    settle_generation(&fixture);
    let outcomes = at_once(logins.into_iter().map(without_the_lock).collect());
    assert!(successes(&outcomes) > 1, "the lock is not what holds, or it was not out: {outcomes:?}");
}

#[test]
fn without_the_lock_more_wrong_codes_than_allowed_are_judged() {
    let fixture = Fixture::with(&["alice"]);
    let logins = wrong_codes(&fixture, 2 * FEW);
    settle_generation(&fixture);
    let outcomes = at_once(logins.into_iter().map(without_the_lock).collect());
    let judged = told(&fixture, "refused wrong");
    assert!(judged > 5, "the lock is not what holds, or it was not out: {judged} judged, {outcomes:?}");
}

#[test]
fn with_the_lock_the_same_pause_lets_one_in() {
    let fixture = Fixture::with(&["alice"]);
    let slow = |login: Login| login.injecting(&[pause(200)]);
    let totp = vec![fixture.login_with_code_at("alice", THEN); FEW];
    let outcomes = at_once(totp.into_iter().map(slow).collect());
    assert_eq!(successes(&outcomes), 1, "{outcomes:?}");
    let outcomes = at_once(vec![with_a_recovery_code(&fixture); FEW].into_iter().map(slow).collect());
    assert_eq!(successes(&outcomes), 1, "{outcomes:?}");
}

#[test]
fn a_right_code_among_many_wrong_ones_is_accepted_at_most_once() {
    let fixture = Fixture::with(&["alice"]);
    let mut codes = fixture.authenticator("alice").wrong_codes_at(12, THEN);
    codes.extend(vec![fixture.authenticator("alice").code_at(THEN); 4]);
    let outcomes = at_once(codes.iter().map(|code| fixture.login("alice").types(code).at(THEN)).collect());
    assert!(outcomes.get(&PamCode::SUCCESS).is_none_or(|&count| count == 1), "{outcomes:?}");
}

#[test]
fn logins_of_different_users_do_not_disturb_each_other() {
    let (fixture, people) = a_crowd();
    let outcomes = at_once(people.iter().map(|user| fixture.login_with_code_at(user, THEN)).collect());
    assert_eq!(outcomes, BTreeMap::from([(PamCode::SUCCESS, people.len())]));
}

#[test]
fn nobody_waits_for_the_ledger_of_another() {
    let (fixture, people) = a_crowd();
    let (stuck, free) = people.split_at(people.len() / 2);
    // Nobody lets go of these: who waited for one would be refused as busy.
    let _locks: Vec<_> = stuck.iter().map(|user| locked(&fixture, user)).collect();
    let outcomes = at_once(free.iter().map(|user| fixture.login_with_code_at(user, THEN)).collect());
    assert_eq!(outcomes, BTreeMap::from([(PamCode::SUCCESS, free.len())]));
}

#[test]
fn nobody_waits_for_a_user_at_the_prompt() {
    let fixture = Fixture::with(&["alice"]);
    let thinking = fixture.login_with_code_at("alice", THEN + 30).hold();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(thinking.release().outcome().map(|outcome| outcome.code).ok(), Some(PamCode::SUCCESS));
}

#[test]
fn a_login_that_was_killed_at_its_prompt_leaves_nothing_locked() {
    let fixture = Fixture::with(&["alice"]);
    fixture.login_with_code_at("alice", THEN).hold().kill();
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_ledger_held_for_three_seconds_is_refused_as_busy() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let stuck = locked(&fixture, "alice");
    let start = Instant::now();
    assert_eq!(fixture.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS, "bob waits for alice");
    assert!(start.elapsed() < Duration::from_secs(1), "bob waited for alice");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert!((3..6).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(fixture.journal.last().what(), "refused busy");
    drop(stuck);
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

/// As many as come at once.
const MANY: [usize; 4] = [2, 8, 32, 128];
/// As many as come at once under strace.
const FEW: usize = 8;

/// Brings all to the prompt, lets all answer together, and counts the outcomes.
fn at_once(logins: Vec<Login>) -> BTreeMap<PamCode, usize> {
    let waiting: Vec<Waiting> = logins.into_iter().map(Login::hold).collect();
    let running: Vec<_> = waiting.into_iter().map(Waiting::release).collect();
    running.into_iter().fold(BTreeMap::new(), |mut outcomes, login| {
        let code = login.outcome().map(|outcome| outcome.code);
        *outcomes.entry(code.unwrap_or(PamCode(-1))).or_default() += 1;
        outcomes
    })
}

/// The first login of a day moves the generation of the state, and would pause there.
fn settle_generation(fixture: &Fixture) {
    assert_eq!(fixture.login_with_code_at("alice", THEN - 60).code(), PamCode::SUCCESS);
}

/// The lock taken out: flock(2) says that it has locked, and has not. Each pauses between what it read and what it first
/// writes, for so long that all have read by then.
fn without_the_lock(login: Login) -> Login {
    login.injecting(&[Injection { call: "flock", action: "retval=0".to_owned() }, pause(2000)])
}

fn pause(milliseconds: u32) -> Injection {
    let microseconds = milliseconds * 1000;
    Injection { call: "pwrite64", action: format!("delay_enter={microseconds}:when=1") }
}

fn successes(outcomes: &BTreeMap<PamCode, usize>) -> usize {
    outcomes.get(&PamCode::SUCCESS).copied().unwrap_or(0)
}

/// How many lines of the log say this.
fn told(fixture: &Fixture, what: &str) -> usize {
    fixture.journal.events().iter().filter(|event| event.what() == what).count()
}

fn with_a_recovery_code(fixture: &Fixture) -> Login {
    let set =
        renewed_codes(&fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout).unwrap();
    fixture.login("alice").types(&set[0]).at(THEN)
}

fn wrong_codes(fixture: &Fixture, many: usize) -> Vec<Login> {
    let wrong = fixture.authenticator("alice").wrong_codes_at(many, THEN);
    wrong.iter().map(|code| fixture.login("alice").types(code).at(THEN)).collect()
}

/// 128 people, each enrolled.
fn a_crowd() -> (Fixture, Vec<String>) {
    let people: Vec<String> = (0..128).map(|n| format!("user{n}")).collect();
    let fixture = people.iter().fold(Fixture::builder(), |builder, user| builder.enrolled(user)).build();
    (fixture, people)
}

fn locked(fixture: &Fixture, user: &str) -> Flock<File> {
    Flock::lock(File::open(fixture.ledger(user)).unwrap(), FlockArg::LockExclusive).unwrap()
}
