//! The keyring: made once, on this machine, and never overwritten.

use acceptance::clock::THEN;
use acceptance::login::PamCode;
use acceptance::scene::Scene;
use std::fs;

#[test]
fn a_keyring_is_not_overwritten() {
    let scene = Scene::with(&["alice"]);
    let before = fs::read(scene.keyring()).unwrap();
    let done = scene.desk(&["keys", "init"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains(scene.keyring().to_str().unwrap()), "{done:?}");
    assert_eq!(fs::read(scene.keyring()).unwrap(), before);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn two_keyrings_are_different() {
    let (one, other) = (Scene::builder().build(), Scene::builder().build());
    let key = |scene: &Scene| {
        let text = fs::read_to_string(scene.keyring()).unwrap_or_default();
        text.lines().filter(|line| line.contains('"')).max_by_key(|line| line.len()).map(str::to_owned)
    };
    assert!(key(&one).is_some_and(|line| line.len() > 32));
    assert_ne!(key(&one), key(&other));
}

#[test]
fn a_new_keyring_is_in_the_log_without_its_key() {
    let scene = Scene::builder().build();
    let events = scene.journal.desk_events();
    assert_eq!(events.iter().map(|event| event.what()).collect::<Vec<_>>(), ["keyring_created"]);
}

#[test]
fn without_a_keyring_nobody_is_enrolled_and_the_way_on_is_named() {
    let scene = Scene::builder().account("alice").build();
    fs::remove_file(scene.keyring()).unwrap();
    let ended = scene.at_terminal(&["enroll", "alice"]).end();
    assert_eq!(ended.status, 1, "{}", ended.screen);
    assert!(ended.screen.contains("keys init") && !ended.screen.contains("manual key"), "{}", ended.screen);
}
