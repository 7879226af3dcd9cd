//! One code opens one door, once.

use acceptance::clock::{self, THEN};
use acceptance::login::PamCode;
use acceptance::scene::Scene;

#[test]
fn a_code_opens_the_door_once() {
    let scene = Scene::with(&["alice"]);
    let code = scene.code("alice");
    assert_eq!(scene.login("alice").types(&code).code(), PamCode::SUCCESS);
    assert_eq!(scene.login("alice").types(&code).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.journal.last().what(), "refused replayed");
}

#[test]
fn a_code_that_opened_one_service_opens_no_other() {
    let scene = Scene::with(&["alice"]);
    scene.service("other", &scene.module(""));
    let code = scene.code("alice");
    assert_eq!(scene.login("alice").types(&code).code(), PamCode::SUCCESS);
    assert_eq!(scene.login_at("other", "alice").types(&code).code(), PamCode::AUTH_ERR);
}

#[test]
fn a_code_of_before_the_last_one_is_used_up_with_it() {
    let scene = Scene::with(&["alice"]);
    let earlier = scene.authenticator("alice").code_at(THEN - 30);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(scene.login("alice").types(earlier).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.journal.last().what(), "refused replayed");
}

#[test]
fn the_code_of_the_next_step_opens_the_door_again() {
    let scene = Scene::with(&["alice"]);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    assert_eq!(scene.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS);
}

#[test]
fn a_clock_that_was_set_back_brings_no_code_back() {
    let scene = Scene::with(&["alice"]);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    for second in [THEN, THEN - 30, THEN - 3600] {
        assert_eq!(scene.login_with_code_at("alice", second).code(), PamCode::AUTH_ERR, "at {second}");
    }
}

#[test]
fn after_a_clock_that_ran_ahead_an_administrator_lets_in_again_and_brings_no_code_back() {
    let scene = Scene::with(&["alice"]);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let now = clock::now();
    assert_eq!(scene.login_with_code_at("alice", now).code(), PamCode::AUTH_ERR);
    scene.desk(&["unlock", "alice"]).assert_done();
    assert_eq!(
        scene.login_with_code_at("alice", now).code(),
        PamCode::AUTH_ERR,
        "a code of before the unlocking"
    );
    assert_eq!(scene.login_with_code_at("alice", now + 90).code(), PamCode::SUCCESS);
}

#[test]
fn a_replay_uses_up_nothing_of_another_person() {
    let scene = Scene::with(&["alice", "bob"]);
    assert_eq!(scene.login_with_code("alice").code(), PamCode::SUCCESS);
    assert_eq!(scene.login_with_code("bob").code(), PamCode::SUCCESS);
}

#[test]
fn a_refused_login_uses_up_no_code() {
    let scene = Scene::with(&["alice"]);
    let wrong = scene.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(scene.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn no_code_of_before_the_machine_started_is_good_after_it() {
    let scene = Scene::with(&["alice"]);
    let just_started = |second| scene.login_with_code_at("alice", second);
    assert_eq!(just_started(THEN).up_for(20).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.journal.last().what(), "refused before_boot");
    assert_eq!(just_started(THEN + 60).up_for(80).code(), PamCode::SUCCESS, "a minute later");
}

#[test]
fn the_code_that_confirmed_the_enrolment_is_used_up() {
    let mut scene = Scene::builder().account("alice").build();
    let enrolment = scene.enrol("alice", &[]);
    assert_eq!(scene.login("alice").types(&enrolment.confirmed_with).code(), PamCode::AUTH_ERR);
    assert_eq!(scene.journal.last().what(), "refused replayed");
    assert_eq!(scene.login("alice").types(enrolment.authenticator.code_in(1)).code(), PamCode::SUCCESS);
}

#[test]
fn two_authenticators_of_one_person_do_not_use_up_each_others_codes() {
    let mut scene = Scene::builder().account("alice").build();
    let phone = scene.enrol("alice", &[]).authenticator;
    let spare = scene.add_authenticator("alice", "spare").authenticator;
    for (authenticator, label) in [(phone, "phone"), (spare, "spare")] {
        let code = authenticator.code_at(THEN);
        assert_eq!(scene.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS, "{label}");
        assert_eq!(scene.journal.last().field("authenticator"), label);
    }
}
