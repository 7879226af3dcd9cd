//! Many at once: all wait at the prompt, then all are let go together.

use acceptance::clock::THEN;
use acceptance::login::{AtPrompt, Login, PamCode};
use acceptance::scene::Scene;
use nix::fcntl::{Flock, FlockArg};
use std::collections::BTreeMap;
use std::fs::File;
use std::time::{Duration, Instant};

#[test]
fn of_many_with_one_code_one_gets_in() {
    for many in [2, 8, 32] {
        let scene = Scene::with(&["alice"]);
        let outcomes = at_once((0..many).map(|_| scene.login_with_code_at("alice", THEN)));
        assert_eq!(outcomes, BTreeMap::from([(PamCode::SUCCESS, 1), (PamCode::AUTH_ERR, many - 1)]));
        let replayed =
            scene.journal.events().iter().filter(|event| event.what() == "refused replayed").count();
        assert_eq!(replayed, many - 1, "the log of {many}");
    }
}

#[test]
fn of_many_with_one_code_at_different_doors_one_gets_in() {
    let scene = Scene::with(&["alice"]);
    scene.service("sshd", &scene.module(""));
    scene.service("sudo", &scene.module(""));
    let code = scene.authenticator("alice").code_at(THEN);
    let doors = ["sshd", "sudo"].into_iter().cycle().take(16);
    let outcomes = at_once(doors.map(|door| scene.login_at(door, "alice").types(&code).at(THEN)));
    assert_eq!(outcomes, BTreeMap::from([(PamCode::SUCCESS, 1), (PamCode::AUTH_ERR, 15)]));
}

#[test]
fn of_many_with_one_recovery_code_one_gets_in() {
    let mut scene = Scene::builder().account("alice").build();
    let code = scene.enrol("alice", &[]).recovery_codes.remove(0);
    let outcomes = at_once((0..16).map(|_| scene.login("alice").types(&code).at(THEN)));
    assert_eq!(outcomes.get(&PamCode::SUCCESS), Some(&1), "{outcomes:?}");
    assert_eq!(outcomes.values().sum::<usize>(), 16);
}

#[test]
fn of_many_wrong_codes_no_more_are_judged_than_the_limit_allows() {
    let scene = Scene::with(&["alice"]);
    let wrong = scene.authenticator("alice").wrong_codes_at(32, THEN);
    let outcomes = at_once(wrong.iter().map(|code| scene.login("alice").types(code).at(THEN)));
    assert_eq!(outcomes, BTreeMap::from([(PamCode::AUTH_ERR, 5), (PamCode::MAXTRIES, 27)]));
    let judged = scene.journal.events().iter().filter(|event| event.what() == "refused wrong").count();
    assert_eq!(judged, 5);
}

#[test]
fn a_right_code_among_many_wrong_ones_opens_the_door_at_most_once() {
    let scene = Scene::with(&["alice"]);
    let mut codes = scene.authenticator("alice").wrong_codes_at(12, THEN);
    codes.extend(vec![scene.authenticator("alice").code_at(THEN); 4]);
    let outcomes = at_once(codes.iter().map(|code| scene.login("alice").types(code).at(THEN)));
    assert!(outcomes.get(&PamCode::SUCCESS).is_none_or(|&count| count == 1), "{outcomes:?}");
}

#[test]
fn nobody_is_refused_because_others_log_in_at_the_same_time() {
    let people: Vec<String> = (0..32).map(|n| format!("user{n}")).collect();
    let scene = people.iter().fold(Scene::builder(), |builder, user| builder.enrolled(user)).build();
    let outcomes = at_once(people.iter().map(|user| scene.login_with_code_at(user, THEN)));
    assert_eq!(outcomes, BTreeMap::from([(PamCode::SUCCESS, 32)]));
}

#[test]
fn nobody_waits_for_a_person_who_thinks_at_the_prompt() {
    let scene = Scene::with(&["alice"]);
    let thinking = scene.login_with_code_at("alice", THEN + 30).hold();
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(thinking.release().outcome().map(|outcome| outcome.code).ok(), Some(PamCode::SUCCESS));
}

#[test]
fn a_login_that_was_killed_at_its_prompt_leaves_nothing_locked() {
    let scene = Scene::with(&["alice"]);
    scene.login_with_code_at("alice", THEN).hold().kill();
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_ledger_that_somebody_does_not_let_go_of_is_refused_as_busy_after_three_seconds() {
    let scene = Scene::with(&["alice", "bob"]);
    let ledger = File::open(scene.ledger("alice")).unwrap();
    let stuck = Flock::lock(ledger, FlockArg::LockExclusive).unwrap();
    let start = Instant::now();
    assert_eq!(scene.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS, "bob waits for alice");
    assert!(start.elapsed() < Duration::from_secs(1), "bob waited for alice");
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR);
    assert!((3..6).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(scene.journal.last().what(), "refused busy");
    drop(stuck);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

/// Brings all to the prompt, lets all answer together, and counts the outcomes.
fn at_once(logins: impl Iterator<Item = Login>) -> BTreeMap<PamCode, usize> {
    let waiting: Vec<AtPrompt> = logins.map(Login::hold).collect();
    let running: Vec<_> = waiting.into_iter().map(AtPrompt::release).collect();
    running.into_iter().fold(BTreeMap::new(), |mut outcomes, login| {
        let code = login.outcome().map(|outcome| outcome.code);
        *outcomes.entry(code.unwrap_or(PamCode(-1))).or_default() += 1;
        outcomes
    })
}
