//! A reset's document: what is accepted is one account's only, comes back from its own document, and has a standing at any
//! time; a token's hash is not repeated by an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;
use totp_core::DocumentError;
use totp_core::account_recovery::{MOST_APPROVALS, Reset, ResetRules};
use totp_core::user::User;
use totp_fuzz::{LETTERS, assert_names_a_place, assert_same_words, two_secrets};

static ALICE: LazyLock<User> = LazyLock::new(|| User::parse("alice").unwrap());
static BOB: LazyLock<User> = LazyLock::new(|| User::parse("bob").unwrap());
const FILE: &str = "/alice.toml";

fuzz_target!(|document: &[u8]| {
    match parse(document, &ALICE) {
        Ok(reset) => {
            assert_eq!(reset.account().user, *ALICE);
            assert!(reset.approvals().len() <= MOST_APPROVALS as usize);
            assert_comes_back(&reset);
            assert_stands_at_any_time(&reset);
            assert!(parse(document, &BOB).is_err(), "the reset of one user is taken for another's");
        }
        Err(error) => assert_names_a_place(&error, document),
    }
    if let Some([one, other]) = two_secrets(document, LETTERS, is_hash) {
        assert_same_words(parse(&one, &ALICE), parse(&other, &ALICE));
    }
});

fn parse(document: &[u8], user: &User) -> Result<Reset, DocumentError> {
    Reset::parse(Path::new(FILE), document, user)
}

fn assert_comes_back(reset: &Reset) {
    let written = reset.to_document(Path::new(FILE)).expect("what was read can be written");
    let again = parse(written.as_bytes(), &ALICE).expect("what was written can be read");
    assert_eq!(&again, reset);
}

fn assert_stands_at_any_time(reset: &Reset) {
    for now in [0, 1_800_000_000, u64::MAX] {
        let mut settled = reset.clone();
        settled.settle(now);
        assert!(!settled.clone().settle(now), "what was settled is not");
        let in_place = settled.of().map_or(
            totp_core::enrolment::ExpectedEnrolment::Nothing,
            totp_core::enrolment::ExpectedEnrolment::Enrolment,
        );
        let _ = settled.stage(settled.account(), in_place, &ResetRules::DEFAULT, now);
        let _ = (settled.expires_at(&ResetRules::DEFAULT), settled.ready_at(&ResetRules::DEFAULT));
        let _ = settled.token().map(|token| token.state(now));
    }
}

/// In the value of the line `hash`. The name of a key may be repeated.
fn is_hash(before: &[u8]) -> bool {
    before.trim_ascii_start().starts_with(b"hash") && before.contains(&b'=')
}
