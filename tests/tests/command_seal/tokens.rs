//! The tokens of the inventory need the sealed keyring as enrolments do.

use super::{Machine, OPEN, ROTATE, SEAL, UNSEAL, keys, machine, restart};
use acceptance::counter_token::CounterToken;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::files::Files;
use acceptance::login::PamCode;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_token_is_assigned_while_the_sealed_keyring_is_open() {
    let (fixture, fob) = with_a_token();
    keys(&fixture, &SEAL).assert_done();
    restart(&fixture);
    let refused = assign(&fixture, &fob.press(0));
    assert!(refused.status == 1 && refused.stderr.contains("totp-enroll keys open"), "{refused:?}");
    keys(&fixture, &OPEN).assert_done();
    keys(&fixture, &ROTATE).assert_done();
    restart(&fixture);
    keys(&fixture, &OPEN).assert_done();
    assign(&fixture, &fob.press(0)).assert_done();
    keys(&fixture, &UNSEAL).assert_done();
    assert!(fixture.login("ann").types(fob.press(1)).code() == PamCode::SUCCESS);
}

#[test]
fn a_sealed_keyring_stays_while_a_token_needs_it_or_may_need_it() {
    let (fixture, fob) = with_a_token();
    let old = fs::read(fixture.keyring()).unwrap();
    keys(&fixture, &SEAL).assert_done();
    keys(&fixture, &ROTATE).assert_done();
    fs::write(fixture.keyring(), old).unwrap();
    fs::set_permissions(fixture.keyring(), fs::Permissions::from_mode(0o600)).unwrap();
    let refused_by_both = || {
        let before = Files::below(&fixture.path(""));
        for command in [&UNSEAL[..], &SEAL] {
            let done = keys(&fixture, command);
            assert!(done.status == 1 && done.stderr.contains("holds the key"), "{done:?}");
            before.assert_unchanged(&fixture.path(""));
        }
    };
    refused_by_both();
    // Nobody can say which key a token needs that cannot be read.
    let file = fixture.state().join("tokens/F1.toml");
    let token = fs::read(&file).unwrap();
    fs::write(&file, "damaged").unwrap();
    refused_by_both();
    fs::write(&file, token).unwrap();
    fs::remove_file(fixture.keyring()).unwrap();
    assign(&fixture, &fob.press(0)).assert_done();
}

/// Nobody enrolled, and the token F1 in the inventory.
fn with_a_token() -> (Machine, CounterToken) {
    let (fixture, fob) = (machine(&[]), CounterToken::random());
    fob.import(&fixture, "F1").assert_done();
    (fixture, fob)
}

fn assign(fixture: &Machine, code: &str) -> CommandOutput {
    let list = fixture.write("list", &format!("F1 ann {code}\n"));
    let arguments = ["--json", "tokens", "assign", "--allow-unknown", "--batch", list.to_str().unwrap()];
    enroll_command::run(fixture.command(&arguments), "")
}
