//! What an earlier version stored, or an administrator wrote for it, is as good for this one.
//!
//! `fixtures/version-1` is a keyring, a credential with recovery codes and its ledger as the first version made them, of
//! somebody whom no machine knows. They stay as they are: whoever cannot make this pass needs a new version number in the
//! documents, and a way over to it.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::damage::set_mode;
use acceptance::login::PamCode;
use acceptance::scene::Scene;
use std::fs;
use std::path::Path;

#[test]
fn what_the_first_version_stored_opens_the_door() {
    let scene = with_what_the_first_version_stored();
    let phone = Authenticator { secret: b"12345678901234567890".to_vec(), ..Authenticator::random() };
    let login = || scene.login("somebody").types(phone.code_at(THEN)).at(THEN).code();
    assert_eq!(login(), PamCode::SUCCESS);
    assert_eq!(login(), PamCode::AUTH_ERR);
}

#[test]
fn a_recovery_code_of_the_first_version_opens_the_door() {
    let scene = with_what_the_first_version_stored();
    let login = || scene.login("somebody").types("V1V9-TDNX-AVYW-GD2A").at(THEN).code();
    assert_eq!(login(), PamCode::SUCCESS);
    assert_eq!(login(), PamCode::AUTH_ERR);
}

#[test]
fn a_configuration_of_the_first_version_is_read() {
    let scene = Scene::with(&["alice"]);
    scene.configure(
        "[totp]\ndrift_steps = 1\nanswer_within = \"5m\"\n[limit]\nattempts = 5\nper = \"1m\"\nlock_after = 10\n\
         lock_for = \"1m\"\nlock_max = \"24h\"\ndisable_after = 100\nfail_delay = \"2s\"\n[recovery]\ncodes = 10\nwarn_below = 3\n\
         [service.sshd.totp]\ndrift_steps = 0\n",
    );
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

fn with_what_the_first_version_stored() -> Scene {
    let scene = Scene::with(&["another"]);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/version-1");
    for (name, place) in [
        ("keyring.toml", scene.keyring()),
        ("credentials/somebody.toml", scene.credential("somebody")),
        ("ledgers/somebody", scene.ledger("somebody")),
    ] {
        let copied = fs::copy(fixtures.join(name), &place);
        assert!(copied.is_ok(), "{name}: {copied:?}");
        set_mode(&place, 0o600);
    }
    scene
}
