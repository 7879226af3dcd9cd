//! `keys restore` and the tokens of the inventory, also where nobody is enrolled yet.

use super::{backup, file, restore};
use acceptance::counter_token::CounterToken;
use acceptance::enroll_command::CommandOutput;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use std::fs;

#[test]
fn a_token_is_assigned_after_the_keyring_was_restored() {
    let (fixture, fob) = with_a_token();
    backup(&fixture).assert_done();
    fs::remove_file(fixture.keyring()).unwrap();
    assert_eq!(assign(&fixture, &fob.press(0)).status, 1);
    restore(&fixture, super::PASSPHRASE, &[]).assert_done();
    assign(&fixture, &fob.press(0)).assert_done();
    assert!(fixture.login("ann").types(fob.press(1)).code() == PamCode::SUCCESS);
}

#[test]
fn a_keyring_that_tokens_need_is_not_replaced() {
    let (fixture, fob) = with_a_token();
    let other = Fixture::builder().build();
    backup(&other).assert_done();
    fs::copy(file(&other), file(&fixture)).unwrap();
    let before = fs::read(fixture.keyring()).unwrap();
    let refused = restore(&fixture, super::PASSPHRASE, &["--replace"]);
    let problem = "1 token of the inventory that can be opened now could not be opened any more";
    assert!(refused.status == 1 && refused.stderr.contains(problem), "{refused:?}");
    assert_eq!(fs::read(fixture.keyring()).unwrap(), before);
    assign(&fixture, &fob.press(0)).assert_done();
}

#[test]
fn a_keyring_that_opens_no_token_is_another_machines() {
    let (fixture, _) = with_a_token();
    let other = Fixture::builder().build();
    backup(&other).assert_done();
    fs::copy(file(&other), file(&fixture)).unwrap();
    fs::remove_file(fixture.keyring()).unwrap();
    let refused = restore(&fixture, super::PASSPHRASE, &[]);
    let problem = "belongs to another machine, or is too old: it opens none of the tokens here (1)";
    assert!(refused.status == 1 && refused.stderr.contains(problem), "{refused:?}");
    assert!(!fixture.keyring().exists());
}

/// Nobody enrolled, and the token F1 in the inventory.
fn with_a_token() -> (Fixture, CounterToken) {
    let (fixture, fob) = (Fixture::builder().build(), CounterToken::random());
    fob.import(&fixture, "F1").assert_done();
    (fixture, fob)
}

fn assign(fixture: &Fixture, code: &str) -> CommandOutput {
    let list = fixture.write("list", &format!("F1 ann {code}\n"));
    let list = list.to_str().unwrap();
    fixture.totp_enroll(&["--json", "tokens", "assign", "--allow-unknown", "--batch", list])
}
